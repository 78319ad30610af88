"""A program is judged by what it said in this attempt: exit code, output, numbers and result files."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.units import Dimension
from phasegate.kinds.command import captures
from phasegate.kinds.command import kind as command
from phasegate.kinds.command.kind import CommandKind
from phasegate.kinds.command.params import CommandParams
from phasegate.model.measures import MeasureType, Number, Share
from phasegate.model.observation import CaseStatus, Observation
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Completed, Processes
from tests.examples import examples
from tests.observed import number
from tests.telling import in_english
from tests.worlds import TestWorld, world_at

PASSED, FAILED, SKIPPED, LOST = CaseStatus
URL = "http://127.0.0.1:9"
JUNIT = "<testsuite name='s'>{}</testsuite>"
ONE_EACH = JUNIT.format(
    "<testcase classname='a' name='good'/><testcase classname='a' name='bad'><failure message='no'>at x"
    "</failure></testcase><testcase classname='b' name='idle'><skipped message='later'/></testcase>"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    processes = LocalProcesses(dict(os.environ), grace=1.0)
    async with world_at(URL, tmp_path, processes=processes) as world:
        yield world


def sh(script: str, **params: Any) -> CommandParams:
    return CommandParams.model_validate({"command": ["sh", "-c", script], **params})


async def observe(params: CommandParams, world: TestWorld) -> Observation:
    return in_english(await CommandKind().observe(params, world))


def share(observation: Observation, name: str) -> tuple[int, int]:
    measure = observation.measures[name]
    assert isinstance(measure, Share)
    return measure.passed, measure.total


def statuses(observation: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in observation.cases}


async def test_exit_code_and_duration_are_measured(world: TestWorld) -> None:
    seen = await observe(sh("echo out; echo err >&2; exit 3"), world)
    assert seen.error is None
    assert number(seen, "exit_code") == 3
    assert (number(seen, "duration") or 0) > 0
    assert [world.evidence_text(path) for path in seen.evidence] == ["err\n", "out\n"]
    assert seen.cases == ()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["no-such-program"], "'no-such-program' is not on PATH"),
        (["sh", "-c", "kill -SEGV $$"], "sh was ended by signal 11 (SIGSEGV)"),
    ],
)
async def test_program_that_does_not_come_to_its_end_is_errored(
    world: TestWorld, command: list[str], error: str
) -> None:
    expect = {"exit_code": 0}
    seen = await observe(CommandParams.model_validate({"command": command, "expect": expect}), world)
    assert seen.error == error
    assert number(seen, "exit_code") is None
    assert "expectations" not in seen.measures


async def test_environment_target_and_folder_reach_the_program(world: TestWorld) -> None:
    (world.root / "sub").mkdir()
    script = 'echo "$COLOUR $PHASEGATE_TARGET_URL $(basename "$PWD")"'
    params = sh(script, env={"COLOUR": 7}, cwd=world.root / "sub", expect={"output": f"7 {URL} sub"})
    seen = await observe(params, world)
    assert share(seen, "expectations") == (1, 1)


@pytest.mark.parametrize(
    ("expect", "held"),
    [
        ({"exit_code": 3}, (1, 1)),
        ({"exit_code": 0}, (0, 1)),
        ({"exit_code": [0, 3]}, (1, 1)),
        ({"exit_code": {"lt": 3}}, (0, 1)),
        ({"output": "hello\nworld"}, (1, 1)),
        ({"output": {"contains": "world"}}, (1, 1)),
        ({"output": {"not_matches": "hell"}}, (0, 1)),
        ({"exit_code": 3, "output": {"matches": "^w"}}, (1, 2)),
    ],
)
async def test_expectations_are_a_census(
    world: TestWorld, expect: dict[str, Any], held: tuple[int, int]
) -> None:
    params = sh("echo hello; echo world >&2; exit 3", expect=expect)
    seen = await observe(params, world)
    assert seen.error is None
    assert share(seen, "expectations") == held
    assert "expectations == 100%" in CommandKind().defaults(params)


async def test_expectation_that_fails_says_expected_and_actual(world: TestWorld) -> None:
    seen = await observe(sh("echo down; exit 1", expect={"exit_code": 0, "output": "up"}), world)
    assert [case.message for case in seen.cases] == [
        "expected the exit code to equal 0, got 1",
        'expected the output to equal "up", got "down"',
    ]


@pytest.mark.parametrize(
    ("script", "notes"),
    [
        ("echo fine; exit 0", ()),
        ("echo up; echo 'db is down' >&2; exit 1", ("exit code 1", "standard error ends with: db is down")),
        ("echo a; echo; echo b; exit 3", ("exit code 3", "standard output ends with: a", "b")),
        (
            "for i in 1 2 3 4; do echo $i >&2; done; exit 1",
            ("exit code 1", "standard error ends with: 2", "3", "4"),
        ),
        ("exit 126", ("exit code 126: as shells say, what was found cannot be run",)),
        ("exit 137", ("exit code 137: as shells say, SIGKILL ended it",)),
    ],
)
async def test_a_program_that_fails_is_noted_with_its_exit_code_and_its_last_lines(
    world: TestWorld, script: str, notes: tuple[str, ...]
) -> None:
    assert (await observe(sh(script), world)).notes == notes


async def test_a_command_that_is_not_found_is_said_in_words(world: TestWorld) -> None:
    code, last = (await observe(sh("no_such_program"), world)).notes
    assert code == "exit code 127: as shells say, a command was not found"
    assert "no_such_program" in last


MUCH = 600_000
"""Bytes in front of and behind what is looked for: more than stands in the record."""


def amid(words: str, size: int = MUCH, stream: int = 1) -> str:
    """A script that prints words in the middle of a long output."""
    filler = f"head -c {size} /dev/zero | tr '\\0' '.'"
    return f"{{ {filler}; echo; echo '{words}'; {filler}; }} >&{stream}"


@pytest.mark.parametrize("stream", [1, 2])
@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"not_matches": "ERROR"}, FAILED),
        ({"not_matches": "WARNING"}, PASSED),
        ({"matches": "ERROR"}, PASSED),
        ({"contains": "ERROR"}, PASSED),
        ({"matches": "(?m)^ERROR$"}, PASSED),
        ({"length": 2 * MUCH + 7}, PASSED),
        ({"length": {"lt": MUCH}}, FAILED),
        ("ERROR", FAILED),
    ],
)
async def test_the_whole_of_a_long_output_is_held_against_what_is_expected(
    world: TestWorld, expected: Any, status: CaseStatus, stream: int
) -> None:
    seen = await observe(sh(amid("ERROR", stream=stream), expect={"output": expected}), world)
    assert statuses(seen) == {"output": status}


@pytest.mark.parametrize("expected", [{"not_matches": "ERROR"}, {"matches": "ERROR"}, "ERROR", {"length": 3}])
async def test_output_that_was_not_kept_whole_proves_nothing(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch, expected: Any
) -> None:
    monkeypatch.setattr(command, "KEPT", 100_000)
    seen = await observe(sh(amid("ERROR"), expect={"output": expected}), world)
    assert statuses(seen) == {"output": LOST}
    assert seen.cases[0].message == "1,100,007 bytes in the middle of the standard output were not kept"


async def test_the_record_has_the_ends_of_a_long_output_and_says_how_much_is_between(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "KEPT", 600_001)
    for script, between in ((amid(""), 1_200_002 - command.SHOWN), (amid("", 300_000), 75_714)):
        (path,) = (await observe(sh(script), world)).evidence
        text = world.evidence_text(path)
        assert f"\n[{between:,} bytes left out]\n" in text
        assert len(text) < command.SHOWN + 40


def test_defaults_follow_what_is_expected_and_read() -> None:
    kind = CommandKind()
    assert kind.defaults(sh("")) == ("exit_code == 0",)
    assert kind.defaults(sh("", expect={"output": "x"})) == ("exit_code == 0", "expectations == 100%")
    assert kind.defaults(sh("", expect={"exit_code": 2})) == ("expectations == 100%",)
    assert kind.defaults(sh("", results="x.xml")) == ("exit_code == 0", "pass_rate == 100%")


def test_every_default_names_a_declared_measure() -> None:
    kind = CommandKind()
    params = sh(
        "", expect={"exit_code": 2}, results="x.xml", measures={"size": {"regex": "x", "unit": "MiB"}}
    )
    declared = kind.measures(params)
    assert {line.split()[0] for line in kind.defaults(params)} <= set(declared)
    assert declared["size"].dimension is Dimension.SIZE
    assert declared["pass_rate"].type is MeasureType.CENSUS


@pytest.mark.parametrize(
    ("printed", "capture", "value"),
    [
        ("TOTAL 812 12 83%", {"regex": r"TOTAL.*\s(\d+)%", "unit": "%"}, 0.83),
        ("took 250ms", {"regex": r"took (\S+)", "unit": "s"}, 0.25),
        ("took 250", {"regex": r"took (\S+)", "unit": "ms"}, 0.25),
        ("a=1 a=2 a=3", {"regex": r"a=(\d)", "take": "last"}, 3.0),
        ("a=1 a=2 a=3", {"regex": r"a=(\d)", "take": "first"}, 1.0),
        ("a=1 a=3 a=2", {"regex": r"a=(\d)", "take": "max"}, 3.0),
        ("a=2 a=1 a=3", {"regex": r"a=(\d)", "take": "min"}, 1.0),
        ("a=1 a=2 a=3", {"regex": r"a=(\d)", "take": "sum"}, 6.0),
        ("a=1 a=1.0 a=01", {"regex": r"a=(\S+)"}, 1.0),
        ("42", {"regex": r"\d+"}, 42.0),
        ('{"a": [{"b": 1.5}]}', {"json": "$.a[0].b"}, 1.5),
        ('{"size": "3 MiB"}', {"json": "$.size", "unit": "B"}, 3 * 2.0**20),
    ],
)
async def test_numbers_are_captured_and_marked_as_reported(
    world: TestWorld, printed: str, capture: dict[str, str], value: float
) -> None:
    seen = await observe(sh(f"echo '{printed}'", measures={"it": capture}), world)
    measure = seen.measures["it"]
    assert isinstance(measure, Number)
    assert measure.value == pytest.approx(value)
    assert measure.reported
    assert seen.notes == ()


@pytest.mark.parametrize(
    ("printed", "capture", "why"),
    [
        ("nothing", {"regex": r"a=(\d)"}, "nothing matches 'a=(\\\\d)'"),
        ("a=x", {"regex": r"a=(\w)"}, "'x' is not a quantity"),
        ("a=1kg", {"regex": r"a=(\w+)"}, "unknown unit 'kg'"),
        ("no json", {"json": "$.a"}, "the standard output is not JSON"),
        ('{"a": 1}', {"json": "$.b"}, "there is no $.b"),
        ('{"a": [1]}', {"json": "$.a"}, "[1] is not a number"),
        ('{"a": true}', {"json": "$.a"}, "true is not a number"),
        ("x", {"json": "$.a", "file": "gone.json"}, "gone.json cannot be read: no such file"),
        ("x", {"regex": ".*", "file": "old.txt"}, "old.txt is older than this attempt"),
        ("a=1 a=2", {"regex": r"a=(\d)"}, "with different values (1, 2); write take: sum, first, last"),
        ("t=1 t=2", {"regex": r"t=(\d)", "unit": "ms"}, "different values (0.001 s, 0.002 s)"),
        ("1 2 3 4 5 6 7", {"regex": r"\d"}, "with different values (1, 2, 3, 4, 5, ...)"),
        ("a=1 a=x", {"regex": r"a=(\w)", "take": "max"}, "'x' is not a quantity"),
        ("a=5m", {"regex": r"a=(\w+)", "unit": "B"}, "'5m' is not a size"),
        ("failures: 3", {"regex": r"(\d+) failed|failures: (\d+)"}, "the first group of"),
        ('{"a": 1, "a": 2}', {"json": "$.a"}, 'has "a" more than once, with different values'),
        ('{"a": NaN}', {"json": "$.a"}, "'nan' is not a quantity"),
        ('{"a": 1e999}', {"json": "$.a"}, "'inf' is not a quantity"),
    ],
)
async def test_number_that_is_not_there_is_no_value_with_a_reason(
    world: TestWorld, printed: str, capture: dict[str, str], why: str
) -> None:
    (world.root / "old.txt").write_text("7")
    seen = await observe(sh(f"echo '{printed}'", measures={"it": capture}), world)
    assert seen.error is None
    assert "it" not in seen.measures
    assert why in seen.absent["", "it"]
    assert seen.notes[0].startswith("it was not measured: ")
    assert why in seen.notes[0]


PIECES = (
    ("1,234 failed", r"(\d+) failed"),
    ("12 failed", r"(\d) failed"),
    ("-5 failed", r"(\d+) failed"),
    (".5 failed", r"(\d+) failed"),
    ("2.5e-3 failed", r"(\d+) failed"),
    ("lost=0.57", r"lost=(\d+)"),
    ("lost=0,57", r"lost=(\d+)"),
    ("lost=1e3", r"lost=(\d+)"),
    ("lost=0x1F", r"lost=(\d+)"),
    ("lost=10", r"lost=(\d)"),
    ("lost=0\udcff7", r"lost=(\d+)"),
)


@pytest.mark.parametrize(("printed", "regex"), PIECES)
async def test_piece_of_a_number_is_no_number(world: TestWorld, printed: str, regex: str) -> None:
    seen = await observe(sh(f"echo '{printed}'", measures={"it": {"regex": regex}}), world)
    whole = printed.removesuffix(" failed").replace("\udcff", "\ufffd")
    assert f"is only a piece of the number in {whole!r}" in seen.absent["", "it"]


@pytest.mark.parametrize(
    ("printed", "unit"), [("5k", ""), ("5M", "ms"), ("5kB", "B"), ("5MiB", "MB"), ("5s", "ms"), ("5%", "s")]
)
async def test_figure_with_another_unit_right_behind_it_is_no_number(
    world: TestWorld, printed: str, unit: str
) -> None:
    capture = {"regex": r"v=(\d+)"} | ({"unit": unit} if unit else {})
    seen = await observe(sh(f"echo 'v={printed}'", measures={"it": capture}), world)
    assert "it" not in seen.measures
    assert f"is only a piece of the number in 'v={printed}'" in seen.absent["", "it"]


@pytest.mark.parametrize(
    ("printed", "unit", "value"),
    [("5kB", "kB", 5000), ("5ms", "ms", 0.005), ("5s", "", 5), ("5passed", "", 5), ("5%", "%", 0.05)],
)
async def test_figure_with_its_own_unit_or_a_word_right_behind_it_counts(
    world: TestWorld, printed: str, unit: str, value: float
) -> None:
    capture = {"regex": r"v=(\d+)"} | ({"unit": unit} if unit else {})
    seen = await observe(sh(f"echo 'v={printed}'", measures={"it": capture}), world)
    assert seen.measures["it"].value == value


@pytest.mark.parametrize(
    ("printed", "regex", "value"),
    [
        ("3 failed.", r"(\d+) failed", 3),
        ("lost=3, found=5", r"lost=(\d+)", 3),
        ("lost=3.", r"lost=(\d+)", 3),
        ("5 of 7", r"(\d+) of", 5),
        ("done=3/4", r"done=(\d+)", 3),
        ("done=5 k", r"done=(\d+)", 5),
        ("tests-5 failed", r"(\d+) failed", 5),
        ("v1.2.3", r"v(\d+)\.", 1),
        ("took 5ms", r"took (\d+)", 5),
        ("lost=\x1b[1;31m5\x1b[0m7\x1b[0m", r"lost=(\d+)", 57),
        ("\x1b]0;lost=1\x07lost=2", r"lost=(\d+)", 2),
    ],
)
async def test_figure_beside_other_signs_is_whole(
    world: TestWorld, printed: str, regex: str, value: float
) -> None:
    (world.root / "out").write_text(printed)
    seen = await observe(sh("cat out", measures={"it": {"regex": regex}}), world)
    assert number(seen, "it") == value, seen.notes


@pytest.mark.parametrize("take", ["first", "last"])
async def test_order_of_the_two_outputs_is_not_known(world: TestWorld, take: str) -> None:
    measures = {"it": {"regex": r"a=(\d)", "take": take}}
    seen = await observe(sh("echo a=1 a=2; echo a=3 a=4 >&2", measures=measures), world)
    assert f"it is not known which was {take}" in seen.absent["", "it"]
    seen = await observe(sh("echo a=1 a=1; echo a=1 >&2", measures=measures), world)
    assert number(seen, "it") == 1


@pytest.mark.parametrize("capture", [{"regex": r"lost=(\d+)"}, {"json": "$.lost"}])
async def test_figure_that_may_stand_in_what_was_not_kept_is_no_value(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch, capture: dict[str, str]
) -> None:
    monkeypatch.setattr(command, "KEPT", 100_000)
    script = f"echo lost=0; {amid('lost=57')}"
    measures = {"it": capture, "other": {"regex": r"\d", "file": "of-it"}}
    seen = await observe(sh(f"{script}; echo 7 > of-it", measures=measures), world)
    assert "1,100,016 bytes in the middle of the standard output were not kept" in seen.absent["", "it"]
    assert "name that in file" in seen.absent["", "it"]
    assert number(seen, "other") == 7


async def test_json_is_read_beside_a_long_standard_error(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "KEPT", 100_000)
    script = f"""echo '{{"a": 1}}'; {amid("x", stream=2)}"""
    seen = await observe(sh(script, measures={"it": {"json": "$.a"}, "at": {"regex": r"\d"}}), world)
    assert number(seen, "it") == 1
    assert "standard error were not kept" in seen.absent["", "at"]


async def test_search_that_does_not_end_is_ended_and_says_so(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "SEARCHED", 1.0)
    params = sh(
        f"echo {'a' * 60}!; echo 5",
        measures={"good": {"regex": r"\d"}, "bad": {"regex": "(a|aa)+$"}},
        expect={"output": {"matches": "5"}},
    )
    seen = await observe(params, world)
    assert number(seen, "good") == 5
    assert seen.absent["", "bad"] == 'the search for "(a|aa)+$" took longer than 1 s'
    assert statuses(seen) == {"output": LOST}


FILLERS = st.sampled_from([0, 1, 100, 65_535, 65_536, 300_000]) | st.integers(0, 200_000)
FIGURES = st.lists(st.tuples(st.integers(0, 99), FILLERS, st.booleans()), min_size=2, max_size=6)
"""What is printed: a figure, so many bytes in front of it, and whether on standard error."""


def printing(figures: Sequence[tuple[int, int, bool]]) -> str:
    text = "import sys\n"
    for figure, filler, on_error in figures:
        stream = "stderr" if on_error else "stdout"
        text += f"sys.{stream}.write('.' * {filler} + ' lost={figure} of 100\\n')\n"
    return text


@pytest.mark.slow
@settings(max_examples=examples(5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(figures=FIGURES)
async def test_figures_that_differ_are_no_value_wherever_they_stand(
    world: TestWorld, figures: list[tuple[int, int, bool]]
) -> None:
    (_, filler, on_error), *rest = figures
    figures = [(rest[0][0] + 1, filler, on_error), *rest]
    seen = await observe_printed(world, figures, None)
    assert "it" not in seen.measures
    assert "with different values" in seen.absent["", "it"]
    for take, of in (("sum", sum), ("max", max), ("min", min)):
        seen = await observe_printed(world, figures, take)
        assert number(seen, "it") == of(figure for figure, _, _ in figures)


@pytest.mark.slow
@settings(max_examples=examples(5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(figures=FIGURES, take=st.sampled_from([None, "first", "last", "min", "max"]))
async def test_figure_that_is_said_again_is_its_value(
    world: TestWorld, figures: list[tuple[int, int, bool]], take: str | None
) -> None:
    figures = [(figures[0][0], filler, on_error) for _, filler, on_error in figures]
    seen = await observe_printed(world, figures, take)
    assert number(seen, "it") == figures[0][0]


async def observe_printed(
    world: TestWorld, figures: Sequence[tuple[int, int, bool]], take: str | None
) -> Observation:
    measure = {"regex": r"lost=(\d+)", **({} if take is None else {"take": take})}
    program = {"command": ["python", "-c", printing(figures)], "measures": {"it": measure}}
    return await observe(CommandParams.model_validate(program), world)


async def test_search_is_stopped_with_the_run(world: TestWorld) -> None:
    observing = asyncio.create_task(
        observe(sh(f"echo {'a' * 60}!", measures={"it": {"regex": "(a|aa)+$"}}), world)
    )
    while not any(report.text == "searching the output" for report in world.reports):
        await asyncio.sleep(0.02)
        assert not observing.done()
    world.stop("stopped by Ctrl-C")
    seen = await observing
    assert seen.notes == ("stopped early: stopped by Ctrl-C",)
    assert seen.measures == {}


async def test_number_is_read_from_a_file_of_this_attempt(world: TestWorld) -> None:
    params = sh(
        """echo '{"covered": 91.5}' > out.json""",
        measures={"coverage": {"json": "$.covered", "file": "out.json", "unit": "%"}},
    )
    assert number(await observe(params, world), "coverage") == pytest.approx(0.915)


async def test_result_files_become_cases_parts_and_a_census(world: TestWorld) -> None:
    (world.root / "template.xml").write_text(ONE_EACH)
    params = sh("mkdir -p out/deep; cat template.xml > out/deep/TEST-a.xml", results="out/**/TEST-*.xml")
    seen = await observe(params, world)
    assert seen.error is None
    assert statuses(seen) == {"a::good": PASSED, "a::bad": FAILED, "b::idle": SKIPPED}
    assert share(seen, "pass_rate") == (1, 3)
    counts = [number(seen, name) for name in ("passed", "failed", "skipped", "total")]
    assert counts == [1, 1, 1, 3]
    assert set(seen.parts) == {"a", "b", "s"}
    assert seen.parts["a"]["total"] == Number(value=2)
    bad = next(case for case in seen.cases if case.id == "a::bad")
    assert world.evidence_text(bad.evidence[0]) == "--- failure\nno\nat x\n"
    assert [case.id for report in world.reports for case in report.cases] == list(statuses(seen))


async def test_cases_of_several_files_stay_apart(world: TestWorld) -> None:
    (world.root / "template.xml").write_text(ONE_EACH)
    script = "for n in 1 2; do cat template.xml > out$n.xml; done"
    seen = await observe(sh(script, results=["out1.xml", "out*.xml"]), world)
    assert share(seen, "pass_rate") == (2, 6)
    assert "a::good [2]" in statuses(seen)


BROKEN = {
    "missing": ("true", "out.xml", "no results file matches out.xml"),
    "no match": ("true", "out/*.xml", "no results file matches out/*.xml"),
    "old": ("true", "old.xml", "results file old.xml is older than this attempt"),
    "one of two old": (
        "cp new.template fresh.xml",
        ["fresh.xml", "old.xml"],
        "results file old.xml is older",
    ),
    "copy that kept its old time": ("cp -p ancient.template out.xml", "out.xml", "out.xml is older"),
    "empty": (": > out.xml", "out.xml", "results file out.xml is empty"),
    "malformed": ("echo '<testsuite' > out.xml", "out.xml", "results file out.xml is malformed"),
    "without a case": ("echo '<testsuites/>' > out.xml", "out.xml", "results file out.xml has no test case"),
    "a folder": ("mkdir out.xml", "out.xml", "results file out.xml is a folder, no file"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_results_that_are_no_evidence_are_errored(world: TestWorld, name: str) -> None:
    script, results, error = BROKEN[name]
    for file in ("old.xml", "new.template", "ancient.template"):
        (world.root / file).write_text(ONE_EACH)
    long_ago = time.time() - 3600
    os.utime(world.root / "ancient.template", (long_ago, long_ago))
    seen = await observe(sh(script, results=results), world)
    assert error in (seen.error or "no error")
    assert number(seen, "exit_code") == 0
    assert share(seen, "pass_rate")[1] == (3 if name == "one of two old" else 0)


SUBTESTS = """
import unittest

def test_pytest(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert number < 3

class Test(unittest.TestCase):
    def test_unittest(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, {0})
"""


@pytest.mark.parametrize(("limit", "passed"), [(3, 2), (1, 1)])
async def test_subtests_that_pytest_counts_are_part_of_their_tests(
    world: TestWorld, limit: int, passed: int
) -> None:
    (world.root / "test_it.py").write_text(SUBTESTS.format(limit))
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "test_it.py",
        "--junitxml=out.xml",
    ]
    params = CommandParams.model_validate(
        {"command": argv, "results": "out.xml", "env": {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}}
    )
    seen = await observe(params, world)
    assert seen.error is None
    assert share(seen, "pass_rate") == (passed, 2)
    assert any("which pytest counts and does not write" in note for note in seen.notes)


async def test_what_the_plan_says_of_the_writer_reaches_the_results(world: TestWorld) -> None:
    pair = "<testcase name='a'><failure/></testcase><testcase name='a'/>"
    (world.root / "template.xml").write_text(f"<testsuite tests='5' failures='1'>{pair}</testsuite>")
    both = sh("cat template.xml > out.xml", results="out.xml", subtests=True, reruns=True)
    seen = await observe(both, world)
    assert statuses(seen) == {"a": PASSED}
    assert seen.cases[0].flaky
    neither = await observe(sh("cat template.xml > out.xml", results="out.xml"), world)
    assert list(statuses(neither).values()) == [FAILED, PASSED, LOST, LOST, LOST]


@pytest.mark.parametrize("name", ["subtests", "reruns"])
def test_words_about_results_need_results(name: str) -> None:
    why = f"{name} says how JUnit results are written, and there are none"
    for params in ({}, {"format": "go"}, {"format": "cargo", "results": "cargo.txt"}):
        with pytest.raises(ValidationError, match=why):
            sh("true", **{name: True}, **params)


@pytest.mark.parametrize("command", [["go", "test", "-json", "-failfast"], ["sh", "-c", "go test -failfast"]])
def test_go_that_leaves_out_tests_after_a_failure_is_refused(command: list[str]) -> None:
    with pytest.raises(ValidationError, match="with -failfast, go leaves out what is behind"):
        CommandParams.model_validate({"command": command, "format": "go"})


GO_TEST = "".join(
    f'{{"Action": "{action}", "Package": "shop"{more}}}\n'
    for action, more in (
        *[("run", ', "Test": "TestA"'), ("pass", ', "Test": "TestA"')],
        *[("run", ', "Test": "TestB"'), ("fail", ', "Test": "TestB"')],
        *[("output", ', "Output": "FAIL\\n"'), ("fail", "")],
    )
)
CARGO_TEST = """
running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
no

failures:
    b

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""
CARGO = "     Running unittests src/lib.rs (target/debug/deps/shop-0123456789abcdef)\n"


@pytest.mark.parametrize(
    ("format", "script", "cases"),
    [
        ("go", "cat out.txt", {"shop::TestA": PASSED, "shop::TestB": FAILED}),
        ("cargo", "cat err.txt >&2; cat out.txt", {"shop::a": PASSED, "shop::b": FAILED}),
    ],
)
@pytest.mark.parametrize("results", ["", "all.txt"])
async def test_cases_are_read_from_the_output_or_a_file_with_it(
    world: TestWorld, format: str, script: str, cases: dict[str, CaseStatus], results: str
) -> None:
    (world.root / "out.txt").write_text({"go": GO_TEST, "cargo": CARGO_TEST}[format])
    (world.root / "err.txt").write_text(CARGO)
    written = {"results": results} if results else {}
    into = f"; {{ {script}; }} > all.txt 2>&1" if results else ""
    params = sh(f"{script}{into}", format=format, **written)
    seen = await observe(params, world)
    assert (seen.error, statuses(seen)) == (None, cases)
    assert share(seen, "pass_rate") == (1, 2)
    assert [len(case.evidence) for case in seen.cases] == [0, 1 if format == "cargo" else 0]
    assert CommandKind().defaults(params) == ("exit_code == 0", "pass_rate == 100%")


async def test_results_that_are_cut_or_of_another_format_are_no_evidence(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.root / "out.txt").write_text(GO_TEST)
    other = await observe(sh("cat out.txt", format="cargo"), world)
    assert other.error == "the output has no results of cargo test"
    monkeypatch.setattr(command, "KEPT", 64)
    cut = await observe(sh("cat out.txt", format="go"), world)
    assert "so the results are not all there" in (cut.error or "")
    assert cut.cases == other.cases == ()


async def test_details_of_many_failures_are_kept_for_the_first_ones(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasegate.kinds.command.kind.EXPLAINED", 2)
    failed = "".join(f"<testcase name='{number}'><failure message='no'/></testcase>" for number in range(5))
    (world.root / "template.xml").write_text(JUNIT.format(failed))
    seen = await observe(sh("cat template.xml > out.xml", results="out.xml"), world)
    assert [len(case.evidence) for case in seen.cases] == [1, 1, 0, 0, 0]
    assert seen.notes == ("5 cases did not pass; the details of the first 2 were kept",)


async def test_results_written_again_with_the_same_content_are_of_this_attempt(world: TestWorld) -> None:
    (world.root / "out.xml").write_text(ONE_EACH)
    (world.root / "template.xml").write_text(ONE_EACH)
    seen = await observe(sh("sleep 0.05; cat template.xml > out.xml", results="out.xml"), world)
    assert seen.error is None
    assert share(seen, "pass_rate") == (1, 3)


async def test_retried_cases_know_their_earlier_tries_and_none_is_forgotten(world: TestWorld) -> None:
    (world.root / "template.xml").write_text(ONE_EACH)
    params = sh("cat template.xml > out.xml", results="out.xml", expect={"output": ""})
    world.earlier = (await observe(params, world)).cases
    fixed = "<testcase classname='a' name='bad'/><testcase classname='a' name='good'/>"
    (world.root / "template.xml").write_text(JUNIT.format(fixed))
    seen = await observe(params, world)
    assert statuses(seen) == {"output": PASSED, "a::bad": PASSED, "a::good": PASSED, "b::idle": LOST}
    assert share(seen, "pass_rate") == (2, 3)
    assert {case.id for case in seen.cases if case.flaky} == {"a::bad"}


async def test_selection_counts_only_the_cases_it_names(world: TestWorld) -> None:
    (world.root / "template.xml").write_text(ONE_EACH)
    params = sh("cat template.xml > out.xml", results="out.xml")
    world.cases = ("a",)
    assert set(statuses(await observe(params, world))) == {"a::good", "a::bad"}
    world.cases = ("nowhere",)
    assert (await observe(params, world)).error == "no case in the results is named nowhere"


async def test_evidence_files_are_kept(world: TestWorld) -> None:
    seen = await observe(sh("mkdir logs; echo one > logs/a.log", evidence=["logs/*.log", "*.png"]), world)
    assert [world.evidence_text(path) for path in seen.evidence] == ["one\n"]
    assert seen.notes == ("no evidence file matches *.png",)


async def test_what_is_no_file_is_left_out_of_the_evidence_and_said(world: TestWorld) -> None:
    script = (
        "mkdir logs; cd logs; mkfifo a.log; ln -s /etc/passwd b.log; ln -s /dev/zero c.log; echo d > d.log"
    )
    seen = await observe(sh(script, evidence="logs/*.log"), world)
    assert seen.error is None
    assert [world.evidence_text(path) for path in seen.evidence] == ["d\n"]
    assert set(seen.notes) == {
        "evidence was left out: logs/a.log is a FIFO (named pipe), no file",
        "evidence was left out: logs/b.log is a link that leads out of the folder, to /etc/passwd",
        "evidence was left out: logs/c.log is a device, no file",
    }


async def test_last_line_is_shown_while_it_runs_and_stopping_ends_it(world: TestWorld) -> None:
    observing = asyncio.create_task(observe(sh("echo half way; echo $$ > pid; sleep 60"), world))
    while not any(report.text == "half way" for report in world.reports):
        await asyncio.sleep(0.02)
        assert not observing.done()
    world.stop("the target is gone")
    seen = await observing
    assert seen.notes == ("stopped early: the target is gone",)
    assert seen.measures == {}
    with pytest.raises(ProcessLookupError):
        os.kill(int((world.root / "pid").read_text()), 0)


async def test_program_beside_the_plan_and_our_python_are_found(world: TestWorld) -> None:
    shutil.copy("/bin/true", world.root / "probe")
    assert number(await observe(CommandParams(command=("./probe",)), world), "exit_code") == 0
    assert number(await observe(CommandParams(command=("python", "-c", "")), world), "exit_code") == 0


def test_programs_on_path_are_required_before_anything_starts() -> None:
    def required(*command: str) -> list[str]:
        return [need.program for need in CommandKind().requirements(CommandParams(command=command))]

    assert required("jq", ".") == ["jq"]
    assert required("/opt/tool") == ["/opt/tool"]
    assert required("python", "-V") == required("./beside") == required("${tool}") == []


def test_example_is_valid_and_summed_up() -> None:
    params = CommandParams.model_validate(dict(CommandKind.example))
    assert CommandKind().summary(params) == "make test"


class Elsewhere(TargetContainers):
    """Programs of a container, run here."""

    def __init__(self, processes: LocalProcesses) -> None:
        super().__init__({})
        self.asked: list[tuple[str, Command]] = []
        self._processes = processes

    def inside(self, service: str) -> Processes:
        run = self._processes.run
        asked = self.asked

        class There:
            async def run(self, command: Command, *, on_line: Any = None) -> Completed:
                asked.append((service, command))
                return await run(replace(command, cwd=Path("/")), on_line=on_line)

            def open(self, command: Command) -> Any:
                raise AssertionError("nothing is spoken to")

        return There()


async def test_a_command_in_a_service_runs_in_its_container_and_knows_no_address_of_here(
    world: TestWorld,
) -> None:
    assert isinstance(world.processes, LocalProcesses)
    world.containers = there = Elsewhere(world.processes)
    params = sh("echo $WHO", env={"WHO": "me"}, **{"in": "web"})
    seen = await observe(params, world)
    assert seen.error is None
    ((service, command),) = there.asked
    assert (service, command.cwd, dict(command.env)) == ("web", Path(), {"WHO": "me"})
    assert CommandKind().summary(params).startswith("web: sh -c")
    (requirement,) = CommandKind().requirements(params)
    assert (requirement.inside, requirement.tools) == ("web", ("sh",))


def test_a_folder_of_this_machine_is_no_place_in_a_container(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="cwd is a folder of this machine"):
        CommandParams.model_validate({"command": ["ls"], "in": "web", "cwd": str(tmp_path)})
