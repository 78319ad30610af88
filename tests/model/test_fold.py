"""From events to the result, with and without an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.events import (
    AttemptFinished,
    AttemptStarted,
    CaseFinished,
    CheckFinished,
    CheckStarted,
    ClockMoved,
    CriterionJudged,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TargetChanged,
    TargetSampled,
    WaiverApplied,
)
from phasegate.model.fold import CUT_SHORT
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Gauge
from phasegate.model.observation import Case, CaseStatus, Observation, Series
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    PlanCheck,
    PlanRecord,
    PlanStep,
    RunResult,
    StepResult,
    TargetRecord,
    ToolRecord,
    Verdict,
    WaivedCriterion,
    WaiverResult,
    WaiverState,
)
from phasegate.model.waiver import Waiver
from phasegate.render.sentences import sentence
from tests.judged import result, settled

AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
SKELETON = RunResult(
    run="20260115T093000Z-abcdef",
    phase="phase4",
    title="Integration",
    verdict=Verdict.INCONCLUSIVE,
    exit_code=3,
    reason="the run has not ended",
    plan=PlanRecord(path="plan.yaml", sha256="0" * 64),
    tool=ToolRecord(name="phasegate", version="0.1.0"),
    started=AT,
    criteria=(result("up.success_rate == 100%"),),
    steps=(
        StepResult(
            asked=PlanStep(id="first"),
            checks=(
                CheckResult(
                    asked=PlanCheck(id="up", kind="health", step="first"),
                ),
                CheckResult(
                    asked=PlanCheck(id="api", kind="api", step="first"),
                ),
            ),
        ),
    ),
)
CASE = Case(id="flow/a", name="a", status=CaseStatus.FAILED, message="expected status 200, got 500")
ATTEMPT = AttemptResult(
    observation=Observation(), number=1, status=AttemptStatus.PASSED, started=AT, duration=1.5
)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


WHOLE: list[Event] = [
    RunStarted(at=AT, skeleton=SKELETON),
    StepStarted(at=later(1), step="first"),
    CheckStarted(at=later(1), check="up"),
    AttemptStarted(at=later(1), check="up", number=1),
    AttemptFinished(at=later(2), check="up", attempt=ATTEMPT),
    CheckFinished(at=later(2), check="up", status=CheckStatus.PASSED, duration=1.0),
    CheckFinished(
        at=later(2), check="api", status=CheckStatus.NOT_RUN, reason="node is missing", help="get it"
    ),
    StepFinished(at=later(3), step="first", status=CheckStatus.NOT_RUN, reason="api: node is missing"),
    CriterionJudged(at=later(3), criterion=result("up.success_rate == 100%", CriterionVerdict.MET)),
    RunFinished(at=later(4), verdict=Verdict.PASS, exit_code=0, reason="all met"),
]


def test_a_whole_record_gives_what_was_told() -> None:
    run = settled(WHOLE)
    up, api = run.checks()
    assert (run.verdict, run.exit_code, run.finished) == (Verdict.PASS, 0, later(4))
    assert up.attempts == (ATTEMPT,)
    assert (api.status, api.reason, api.help) == (CheckStatus.NOT_RUN, "node is missing", "get it")
    assert run.criteria[0].verdict is CriterionVerdict.MET
    assert (run.steps[0].duration, run.steps[0].status) == (2.0, CheckStatus.NOT_RUN)


@pytest.mark.parametrize("kept", range(1, len(WHOLE)))
def test_a_record_without_an_end_is_inconclusive_however_short(kept: int) -> None:
    run = settled(WHOLE[:kept])
    assert (run.verdict, run.exit_code, run.finished) == (Verdict.INCONCLUSIVE, 3, None)
    assert run.interrupted == CUT_SHORT


def test_a_check_that_had_begun_is_errored_with_the_cases_seen_so_far() -> None:
    run = settled([*WHOLE[:4], CaseFinished(at=later(1.5), check="up", attempt=1, case=CASE)])
    up = run.checks()[0]
    assert up.status is CheckStatus.ERRORED
    assert up.attempts[0].observation.cases == (CASE,)
    assert up.attempts[0].duration == 0.5


def test_what_does_not_begin_with_a_start_is_no_record() -> None:
    for events in ([], WHOLE[1:]):
        with pytest.raises(ValueError, match="record"):
            settled(events)


WAIVER = WaiverResult(
    asked=Waiver(
        id="w",
        criteria=("late.rate",),
        owner="a",
        approver="b",
        reason="c",
        ticket="T-1",
        expires=date(2026, 1, 31),
        days_left=16,
    )
)
LATE = result("late.rate == 1")
WAIVED_RUN: list[Event] = [
    RunStarted(at=AT, skeleton=replace(SKELETON, criteria=(*SKELETON.criteria, LATE), waivers=(WAIVER,))),
    *WHOLE[1:-1],
    CriterionJudged(
        at=later(3),
        criterion=replace(LATE, waived=WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=("w",))),
    ),
]
ENDED = RunFinished(
    at=later(4), verdict=Verdict.PASS, exit_code=0, reason="", unwaived=Verdict.FAIL, warnings=("look",)
)


def test_what_waivers_did_is_part_of_the_result() -> None:
    used = replace(WAIVER, state=WaiverState.USED, criteria=("late.rate",))
    run = settled([*WAIVED_RUN, WaiverApplied(at=later(3), waiver=used), ENDED])
    assert (run.verdict, run.unwaived, run.waivers) == (Verdict.PASS, Verdict.FAIL, (used,))
    assert run.warnings == ("look",)


def sampled(*points: tuple[float, float]) -> TargetSampled:
    gauge = Gauge()
    for second, value in points:
        gauge = gauge.and_then(value, span=second)
    return TargetSampled(
        at=later(points[-1][0]),
        target="web",
        since=later(1),
        measures={"threads": gauge},
        timeline=(Series(name="threads", unit="", points=points),),
    )


def test_samples_of_the_target_add_up_and_outlive_its_end() -> None:
    web = TargetRecord(id="web", kind="process", url="http://127.0.0.1:1")
    events = [
        RunStarted(at=AT, skeleton=replace(SKELETON, target=(web,))),
        sampled((0.0, 3.0), (1.0, 4.0)),
        sampled((2.0, 5.0)),
        TargetChanged(at=later(3), state="stopped", target=replace(web, ready_after=0.5)),
    ]
    (record,) = settled(events).target
    assert record.ready_after == 0.5
    assert record.measures == {"threads": Gauge().and_then(5.0, span=2.0)}
    assert record.timeline == (Series(name="threads", unit="", points=((0.0, 3.0), (1.0, 4.0), (2.0, 5.0))),)
    assert record.sampled_from == later(1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=len(WHOLE), max_size=len(WHOLE)), st.booleans())
def test_records_of_a_version_whose_clock_could_jump_have_no_negative_times(
    jumps: list[float], whole: bool
) -> None:
    dated = [
        replace(event, at=event.at + timedelta(seconds=jump))
        for event, jump in zip(WHOLE, jumps, strict=True)
    ]
    run = settled([WHOLE[0], *(dated[1:] if whole else dated[1:4])])
    times = [run.duration, *(step.duration for step in run.steps)]
    times += [attempt.duration for check in run.checks() for attempt in check.attempts]
    assert all(one is None or one >= 0 for one in times)


def test_how_the_calendar_moved_adds_up() -> None:
    moves = [ClockMoved(at=later(1), by=-60.0), ClockMoved(at=later(2), by=3600.0, suspended=3600.0)]
    run = settled([*WHOLE[:1], *moves, *WHOLE[1:]])
    assert (run.clock_moved, run.suspended) == (3540.0, 3600.0)
    assert run.finished is not None
    assert run.ended == run.finished + timedelta(seconds=3540)
    assert [sentence(text).partition(": ")[2].partition(";")[0] for text in run.warnings] == [
        "the calendar clock was set back by 60 s",
        "the machine was suspended for 1h 00m 00s",
    ]
