"""Whole runs while the calendar clock is set: what lasts, what is judged, what is said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasegate.cli.app import run_command_line
from phasegate.model.result import RunResult, Verdict
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.pipeline.verify import verify
from phasegate.render.sentences import sentence
from phasegate.runner.clock import RunClock
from tests.examples import examples

HOUR = 3600.0


class Jumping:
    """A calendar clock that was set by some seconds once a file is there."""

    def __init__(self, file: Path, by: float, start: datetime | None = None) -> None:
        self.file, self.by = file, by
        self.behind = timedelta() if start is None else datetime.now(UTC) - start

    def wall(self) -> datetime:
        ahead = self.by if self.file.exists() else 0.0
        return datetime.now(UTC) - self.behind + timedelta(seconds=ahead)

    def __call__(self) -> RunClock:
        return RunClock(wall=self.wall, suspended=lambda: 0.0)


SET = "import pathlib; pathlib.Path('set').touch()"
PLAN = """\
phasegate: 1
phase: try
title: Try it
steps:
  - id: a
    checks:
      - {{id: before, kind: command, command: [python, -c, "pass"]}}
      - {{id: sets, kind: command, command: [python, sets.py]{more}}}
      - {{id: after, kind: command, command: [python, -c, "pass"]}}
{rest}"""


class Phase:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def run(
        self,
        by: float,
        *,
        script: str = SET,
        more: str = "",
        rest: str = "",
        start: datetime | None = None,
        clock: Callable[[], RunClock] | None = None,
    ) -> RunResult:
        self.number += 1
        (self.folder / "set").unlink(missing_ok=True)
        (self.folder / "plan.yaml").write_text(PLAN.format(more=more, rest=rest))
        (self.folder / "sets.py").write_text(script)
        request = RunRequest(
            plan=self.folder / "plan.yaml",
            output=self.out,
            today=None if start is None else start.date(),
            command=("phasegate", "run", "plan.yaml"),
        )
        return execute(request, None, clock=clock or Jumping(self.folder / "set", by, start)).result

    @property
    def out(self) -> Path:
        return self.folder / f"out-{self.number}"

    def moments(self) -> list[str]:
        lines = (self.out / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["at"] for line in lines]


@pytest.fixture
def phase(tmp_path: Path) -> Phase:
    return Phase(tmp_path)


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(by=st.one_of(st.floats(-1e8, -2), st.floats(2, 1e8)))
def test_what_lasts_does_not_follow_the_calendar(phase: Phase, by: float) -> None:
    began = time.perf_counter()
    run = phase.run(by)
    took = time.perf_counter() - began
    assert run.verdict is Verdict.PASS
    assert run.duration is not None
    step = run.steps[0].duration
    assert step is not None
    parts = [check.duration or 0.0 for check in run.checks()]
    assert 0 < sum(parts) <= step <= run.duration <= took
    assert phase.moments() == sorted(phase.moments())
    assert run.clock_moved == pytest.approx(by, abs=1)
    (told,) = run.warnings
    assert ("set back by" if by < 0 else "set forward by") in sentence(told)


LASTS = "gate: {criteria: [run.duration < 30m, {id: least, criterion: run.duration > 1ms}]}\n"


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_a_run_is_as_long_as_it_was(phase: Phase, by: float) -> None:
    run = phase.run(by, rest=LASTS)
    assert run.verdict is Verdict.PASS, run.reason
    assert verify(phase.out, now=datetime.now(UTC) + timedelta(hours=2)).exit_code == 0


WRITES = """import os, time; open("out.xml", "w").write("<testsuite><testcase name='a'/></testsuite>")"""


def dated(by: float) -> str:
    """A program that writes its results after the clock was set, by which the file is dated."""
    return f"{SET}; {WRITES}; at = time.time() + {by}; os.utime('out.xml', (at, at))"


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_results_that_are_dated_by_a_clock_that_was_set_count(phase: Phase, by: float) -> None:
    run = phase.run(by, script=dated(by), more=", results: out.xml")
    assert run.verdict is Verdict.PASS, run.reason


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_results_that_were_there_before_are_old_whatever_the_clock_says(phase: Phase, by: float) -> None:
    (phase.folder / "out.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    run = phase.run(by, more=", results: out.xml")
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "older than this attempt" in sentence(run.reason)


@pytest.mark.parametrize(("by", "copied"), [(-HOUR, -2 * HOUR), (HOUR, -2 * HOUR), (-HOUR, -HOUR / 2)])
def test_a_copy_that_kept_its_time_is_old_whatever_the_clock_says(
    phase: Phase, by: float, copied: float
) -> None:
    run = phase.run(by, script=dated(copied), more=", results: out.xml")
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "older than this attempt" in sentence(run.reason)


WAIVER = """\
waivers: 1
entries:
  - {{id: w, covers: [sets.exit_code], owner: A, approver: B, reason: known, ticket: T-1, expires: {last}}}
"""
FAILS = f"{SET}; raise SystemExit(1)"
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "last", "verdict", "says"),
    [
        (0, "2026-03-11", Verdict.PASS, ""),
        (1, "2026-03-11", Verdict.PASS, ""),
        (2, "2026-03-11", Verdict.INCONCLUSIVE, "'w' is in force by the clock at the start"),
        (-2, "2026-03-09", Verdict.FAIL, "'w' is expired by the clock at the start"),
    ],
)
def test_a_waiver_has_to_be_in_force_by_both_clocks(
    phase: Phase, days: float, last: str, verdict: Verdict, says: str
) -> None:
    (phase.folder / "waivers.yaml").write_text(WAIVER.format(last=last))
    run = phase.run(days * 24 * HOUR, script=FAILS, start=DAY, rest="waivers: waivers.yaml\n")
    assert run.verdict is verdict, run.reason
    assert says in f"{sentence(run.reason)} {'; '.join(map(sentence, run.warnings))}"


APPROVED = "gate: {approvals: [{role: QA lead, within: 30m}]}\n"
SIGNED = ("--by", "Ann", "--reason", "looked at it", "--role", "QA lead", "--decision", "approve")


def test_sign_offs_are_held_against_the_end_by_the_clock_as_it_stood_then(
    phase: Phase, capfd: pytest.CaptureFixture[str]
) -> None:
    """The run began an hour fast, and the clock was set right while it went on."""
    clock = Jumping(phase.folder / "set", -HOUR, datetime.now(UTC) + timedelta(hours=1))
    run = phase.run(-HOUR, rest=APPROVED, clock=clock)
    assert run.verdict is Verdict.PASS, run.reason
    assert run.finished is not None
    assert run.finished > datetime.now(UTC) + timedelta(minutes=30)
    assert run_command_line(["signoff", str(phase.out), *SIGNED]) == 0, capfd.readouterr().err
    done = verify(phase.out, now=datetime.now(UTC))
    assert done.exit_code == 0
    assert any("the calendar clock moved during the run" in one.message for one in done.findings)


def test_before_the_end_of_a_run_nobody_knows_how_much_time_is_left(phase: Phase) -> None:
    phase.run(0, rest=APPROVED)
    done = verify(phase.out, now=datetime.now(UTC) - timedelta(days=1))
    assert any("whether there is time left is not known" in one.message for one in done.findings)
