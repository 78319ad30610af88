"""Whole runs with waivers, and the tables of the docs that say how they end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from phasegate.base.errors import PlanError
from phasegate.cli.app import run_command_line
from phasegate.model.result import CheckStatus, RunResult, WaiverState
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.record.journal import read_events
from phasegate.render.sentences import sentence
from tests.judged import settled, told
from tests.rules import Rule, rules

TODAY = date(2026, 3, 10)
SUITE = """\
import sys
from xml.etree import ElementTree

root = ElementTree.Element("testsuite", name="unit")
for word in sys.argv[2:]:
    name, _, status = word.partition("=")
    case = ElementTree.SubElement(root, "testcase", classname="unit", name=name)
    if status:
        ElementTree.SubElement(case, status, message=f"{name} as told")
ElementTree.ElementTree(root).write(sys.argv[1])
"""
"""A program that writes the JUnit file it is told to: `name`, `name=failure` or `name=skipped`."""


class Phase:
    """A plan with a suite of cases and a check beside it, and its waivers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def write(self, cases: Sequence[str], *, criteria: Sequence[str], results: str, more: str) -> None:
        words = ", ".join(["python", "suite.py", "out.xml", *cases])
        listed = "".join(f"      - {text}\n" for text in criteria)
        (self.folder / "suite.py").write_text(SUITE)
        (self.folder / "plan.yaml").write_text(
            "phasegate: 1\nphase: try\ntitle: Try it\nwaivers: waivers.yaml\nsteps:\n"
            "  - id: one\n    checks:\n"
            f"      - {{id: unit, kind: command, command: [{words}], results: {results}}}\n"
            + (f"    criteria:\n{listed}" if listed else "")
            + more
        )

    def waive(self, *covers: str, expires: date = TODAY) -> None:
        entries = "".join(
            f"  - {{id: w{number}, covers: [{one}], owner: platform team, approver: release manager,"
            f" reason: Mended next week, ticket: T-1, expires: {expires}}}\n"
            for number, one in enumerate(covers, 1)
        )
        (self.folder / "waivers.yaml").write_text(f"waivers: 1\nentries:\n{entries}")

    def run(
        self,
        *cases: str,
        waived: Sequence[str],
        criteria: Sequence[str] = (),
        expires: date = TODAY,
        results: str = "out.xml",
        more: str = "",
        only: Sequence[str] = (),
        fail_fast: bool = False,
    ) -> RunResult:
        self.write(cases, criteria=criteria, results=results, more=more)
        self.waive(*waived, expires=expires)
        self.number += 1
        request = RunRequest(
            plan=self.folder / "plan.yaml",
            output=self.folder / f"out-{self.number}",
            today=TODAY,
            checks=tuple(only),
            fail_fast=fail_fast,
            command=("phasegate", "run", "plan.yaml"),
        )
        return execute(request, None).result


@pytest.fixture
def phase(tmp_path: Path) -> Phase:
    return Phase(tmp_path)


OFF = ["unit.total == 2", "unit.exit_code == 101"]
"""A suite of two, and an exit code that it does not have."""
RUNS = {
    "a waiver covers the criterion that is not met": lambda phase: phase.run(
        "a", "b=failure", waived=["unit.pass_rate"]
    ),
    "waivers cover every case that failed": lambda phase: phase.run(
        "a", "b=failure", "c=failure", waived=["unit/unit::b", "unit/unit::c"]
    ),
    "a waiver covers the only case that was skipped": lambda phase: phase.run(
        "a", "b=skipped", waived=["unit/unit::b"]
    ),
    "a waiver covers one of two cases that failed": lambda phase: phase.run(
        "a", "b=failure", "c=failure", waived=["unit/unit::b"]
    ),
    "waivers cover all cases of a check": lambda phase: phase.run(
        "a=failure", "b=failure", waived=["unit/unit::a", "unit/unit::b"]
    ),
    "a waiver covers the case that failed and the exit code that it causes": lambda phase: phase.run(
        "a", "b=failure", waived=["unit/unit::b, unit.exit_code"], criteria=OFF
    ),
    "waivers cover all cases of a check and its exit code": lambda phase: phase.run(
        "a=failure", "b=failure", waived=["unit/unit::a, unit/unit::b, unit.exit_code"], criteria=OFF
    ),
    "a waiver covers the exit code, and the case that failed as a criterion": lambda phase: phase.run(
        "a", "b=failure", waived=["unit.pass_rate, unit.exit_code"], criteria=OFF
    ),
    "waivers cover every blocking criterion": lambda phase: phase.run(
        "a=failure", waived=["unit.pass_rate", "unit.exit_code"], criteria=["unit.exit_code == 3"]
    ),
    "it is the last day of the waiver": lambda phase: phase.run(
        "a", "b=failure", waived=["unit/unit::b"], expires=TODAY
    ),
    "the waiver expired the day before": lambda phase: phase.run(
        "a", "b=failure", waived=["unit/unit::b"], expires=date(2026, 3, 9)
    ),
    "a pattern matches more cases than its max": lambda phase: phase.run(
        "a", "b1=failure", "b2", waived=['{pattern: "unit/*::b*", max: 1}']
    ),
    "nothing needs the waiver": lambda phase: phase.run("a", "b", waived=["unit/unit::b"]),
    "a criterion on `total` is not met beside a case that is waived": lambda phase: phase.run(
        "a", "b=failure", waived=["unit/unit::b"], criteria=["unit.total == 1"]
    ),
    "the check whose case is waived was errored": lambda phase: phase.run(
        "a", "b=failure", waived=["unit/unit::b"], results="other.xml"
    ),
    "the run is narrowed and a waiver covers what failed": lambda phase: phase.run(
        "a",
        "b=failure",
        waived=["unit/unit::b"],
        only=["unit"],
        more="  - {id: two, checks: [{id: idle, kind: command, command: [python, -c, pass]}]}\n",
    ),
    "a waiver ends later than the plan allows": lambda phase: phase.run(
        "a", waived=["unit/unit::a"], expires=date(2026, 6, 9)
    ),
}


@pytest.mark.parametrize("rule", rules("waivers"), ids=str)
def test_runs_with_waivers_end_by_the_table_of_the_docs(phase: Phase, rule: Rule) -> None:
    try:
        result = RUNS[rule.situation](phase)
        ended = (result.verdict.value, result.exit_code)
    except PlanError as error:
        ended = ("nothing ran", int(error.exit_code))
    assert ended == (rule.verdict, rule.exit_code)


def test_table_of_the_docs_has_every_scenario() -> None:
    assert {rule.situation for rule in rules("waivers")} == set(RUNS)


def test_the_verdict_without_waivers_stands_beside_the_one_with_them(phase: Phase) -> None:
    result = phase.run("a", "b=failure", waived=["unit/unit::b"])
    assert (result.verdict, result.unwaived) == ("PASS", "FAIL")
    assert sentence(result.reason) == "1 of 2 blocking criteria met, 1 waived; with 1 waiver, FAIL without"
    criterion = next(item for item in result.criteria if item.id == "unit.pass_rate")
    assert criterion.waived is not None
    assert (criterion.verdict, criterion.judged.verdict, criterion.waived.by) == (
        "waived",
        "not_met",
        ("w1",),
    )
    assert told(criterion).observed == "50% (1 of 2)"
    assert told(criterion).message == (
        "waived by w1: observed 50% (1 of 2), needs == 100%; without unit::b: observed 100% (1 of 1)"
    )
    check = result.steps[0].checks[0]
    assert check.status is CheckStatus.FAILED
    assert result.waivers[0].state is WaiverState.USED
    assert result.waivers[0].cases == ("unit/unit::b",)


def test_the_record_alone_gives_the_same_result(phase: Phase) -> None:
    result = phase.run("a", "b=failure", waived=["unit/unit::b"])
    assert settled(read_events(phase.folder / "out-1")) == result
    suite = ElementTree.parse(phase.folder / "out-1" / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    skipped = {case.get("name"): case for case in suite.iter("testcase") if case.find("skipped") is not None}
    assert skipped["unit::b"].find("skipped").get("message") == "failed, waived by w1: b as told"  # type: ignore[union-attr]


def test_what_a_waiver_did_not_need_or_match_is_said(phase: Phase) -> None:
    waived = ["unit/unit::a", "unit/unit::gone", '{pattern: "unit/*", max: 1}', "unit/unit::b"]
    result = phase.run("a", "b=failure", "c=failure", waived=waived)
    assert [waiver.state.value for waiver in result.waivers] == ["unused", "unused", "too_wide", "not_enough"]
    assert [text for text in map(sentence, result.warnings) if text.startswith("waiver ")][-4:] == [
        "waiver 'w1': nothing needed it",
        "waiver 'w2': nothing needed it; no case of this run is called unit/unit::gone",
        (
            "waiver 'w3': unit/* matches 3 cases; a pattern may match at most 1, "
            "so the whole waiver covers nothing"
        ),
        "waiver 'w4': unit.pass_rate does not hold even without what it covers",
    ]
    assert result.unwaived is None


def test_an_expired_waiver_is_a_warning_of_the_run(phase: Phase) -> None:
    result = phase.run("a", "b=failure", waived=["unit/unit::b"], expires=date(2026, 3, 9))
    assert "waiver 'w1' expired on 2026-03-09, so it covers nothing" in map(sentence, result.warnings)
    assert (result.waivers[0].state, result.waivers[0].asked.days_left) == (WaiverState.EXPIRED, -1)


@pytest.mark.parametrize(("waived", "ran"), [("unit/unit::b", True), ("unit/unit::a", False)])
@pytest.mark.parametrize("fail_fast", [True, False])
def test_steps_go_on_behind_a_failure_that_is_waived(
    phase: Phase, waived: str, ran: bool, fail_fast: bool
) -> None:
    needs = "" if fail_fast else "needs: [one], "
    more = f"  - {{id: two, {needs}checks: [{{id: next, kind: command, command: [python, -c, pass]}}]}}\n"
    result = phase.run("a", "b=failure", waived=[waived], more=more, fail_fast=fail_fast)
    after = result.steps[1].checks[0]
    assert (after.status is CheckStatus.PASSED) is ran, after.reason


CHECKS = {
    "all waivers are in force": (date(2026, 4, 10), "2026-03-10"),
    "a waiver is in its last 14 days": (date(2026, 4, 10), "2026-03-27"),
    "a waiver has expired": (date(2026, 4, 10), "2026-04-11"),
    "a waiver is malformed": (date(2026, 4, 10), "2025-03-10"),
}


@pytest.mark.parametrize("rule", rules("waivers-check"), ids=str)
def test_waivers_check_answers_by_the_table_of_the_docs(
    phase: Phase, rule: Rule, capfd: pytest.CaptureFixture[str]
) -> None:
    expires, today = CHECKS[rule.situation]
    phase.write(["a"], criteria=(), results="out.xml", more="")
    phase.waive("unit/unit::a", expires=expires)
    code = run_command_line(["waivers", "check", str(phase.folder / "plan.yaml"), "--today", today])
    assert code == rule.exit_code
    assert rule.verdict in capfd.readouterr().err


def test_table_of_the_docs_has_every_answer_of_waivers_check() -> None:
    assert {rule.situation for rule in rules("waivers-check")} == set(CHECKS)
