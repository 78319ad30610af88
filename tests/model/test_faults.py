"""Faults in the record: what the events of one add up to, and that no PASS comes out without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from phasegate.base.units import Dimension
from phasegate.model.codec import event_from_json, event_to_json
from phasegate.model.events import (
    AttemptFinished,
    CheckFinished,
    CheckStarted,
    CriterionJudged,
    Event,
    FaultEnded,
    FaultStarted,
    FaultUndone,
    RunFinished,
    RunStarted,
)
from phasegate.model.faults import Act, FaultResult, FaultStatus, PlanFault, fault_measures
from phasegate.model.fold import CUT_SHORT
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Number
from phasegate.model.observation import Observation
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
    PlanRecord,
    PlanStep,
    RunResult,
    StepResult,
    ToolRecord,
    Verdict,
)
from phasegate.render.sentences import sentence
from tests.judged import result, settled

AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


FAULT = FaultResult(
    asked=PlanFault(
        id="crash", act=Act.KILL, target="shop", check="steady", due=1.0, probe="GET / every 50 ms"
    ),
)
RECOVERED = replace(
    FAULT,
    status=FaultStatus.RECOVERED,
    reason="",
    started=later(1),
    undone=later(2),
    recovered=later(3),
    measures={"recovery_time": Number(value=2.0, dimension=Dimension.TIME)},
)
CRITERIA = (
    result("crash.recovery_time < 5s"),
    result("steady.success_rate == 100%"),
)


def met(item: CriterionResult) -> CriterionResult:
    return replace(item, judged=replace(item.judged, verdict=CriterionVerdict.MET))


SKELETON = RunResult(
    run="r",
    phase="p",
    title="t",
    verdict=Verdict.INCONCLUSIVE,
    exit_code=3,
    reason="the run has not ended",
    plan=PlanRecord(path="plan.yaml", sha256="0" * 64),
    tool=ToolRecord(name="phasegate", version="0.1.0"),
    started=AT,
    criteria=CRITERIA,
    steps=(
        StepResult(
            asked=PlanStep(id="one"),
            status=CheckStatus.PASSED,
            checks=(
                CheckResult(
                    asked=PlanCheck(id="steady", kind="load", step="one"),
                ),
                CheckResult(
                    asked=PlanCheck(id="beside", kind="health", step="one", during="steady"),
                ),
                CheckResult(
                    asked=PlanCheck(id="other", kind="health", step="one"),
                ),
            ),
            faults=(FAULT,),
        ),
    ),
)


def checked(id: str, status: CheckStatus = CheckStatus.PASSED, reason: str = "") -> list[Event]:
    attempt = AttemptResult(
        observation=Observation(), number=1, status=AttemptStatus.PASSED, started=AT, duration=5
    )
    return [
        CheckStarted(at=AT, check=id),
        AttemptFinished(at=later(5), check=id, attempt=attempt),
        CheckFinished(at=later(5), check=id, status=status, reason=reason),
    ]


STARTED = FaultStarted(at=later(1), fault="crash")
UNDONE = FaultUndone(at=later(2), fault="crash")
ENDED = FaultEnded(at=later(3), fault=RECOVERED)
END: list[Event] = [
    *(CriterionJudged(at=later(6), criterion=met(one)) for one in CRITERIA),
    RunFinished(at=later(6), verdict=Verdict.PASS, exit_code=0, reason="all met"),
]


def story(*of_fault: Event, ends: bool = True) -> list[Event]:
    checks = [event for id in ("steady", "beside", "other") for event in checked(id)]
    return [RunStarted(at=AT, skeleton=SKELETON), *checks, *of_fault, *(END if ends else ())]


def test_fault_that_was_seen_through_leaves_the_verdict_as_it_is() -> None:
    run = settled(story(STARTED, UNDONE, ENDED))
    assert run.verdict is Verdict.PASS
    assert run.faults() == (RECOVERED,)
    assert {check.status for check in run.checks()} == {CheckStatus.PASSED}


@pytest.mark.parametrize(
    ("seen", "status", "why"),
    [
        ((), FaultStatus.NOT_DONE, "is met without its fault"),
        ((STARTED,), FaultStatus.UNDER_WAY, "fault crash was not undone"),
        ((STARTED, UNDONE), FaultStatus.CUT_SHORT, "is met without its fault"),
        (
            (STARTED, FaultEnded(at=later(3), fault=replace(FAULT, status=FaultStatus.NOT_UNDONE))),
            FaultStatus.NOT_UNDONE,
            "fault crash was not undone",
        ),
    ],
)
def test_no_pass_is_left_where_the_evidence_of_a_fault_is_taken_away(
    seen: tuple[Event, ...], status: FaultStatus, why: str
) -> None:
    run = settled(story(*seen))
    assert run.verdict is Verdict.INCONCLUSIVE
    assert why in sentence(run.reason)
    (fault,) = run.faults()
    assert fault.status is status
    statuses = {check.id: check.status for check in run.checks()}
    assert statuses == {
        "steady": CheckStatus.UNPROVEN,
        "beside": CheckStatus.UNPROVEN,
        "other": CheckStatus.PASSED,
    }


def test_record_that_ends_while_a_fault_is_on_says_when_it_began() -> None:
    run = settled(story(STARTED, ends=False))
    (fault,) = run.faults()
    assert (fault.status, fault.started, fault.undone) == (FaultStatus.UNDER_WAY, later(1), None)
    assert fault.reason == CUT_SHORT


def test_fault_of_a_check_that_was_left_out_says_why() -> None:
    events: list[Event] = [
        RunStarted(at=AT, skeleton=SKELETON),
        CheckFinished(at=AT, check="steady", status=CheckStatus.NOT_RUN, reason="jq is missing"),
    ]
    (fault,) = settled(events).faults()
    assert sentence(fault.reason) == "steady, during which it is due, was not run: jq is missing"


@pytest.mark.parametrize("event", [STARTED, UNDONE, ENDED])
def test_events_of_faults_are_read_as_they_were_written(event: Event) -> None:
    assert event_from_json(json.loads(event_to_json(event))) == event


@pytest.mark.parametrize("mark", ["unended", "partial", "reported"])
def test_number_keeps_its_mark_in_the_record(mark: str) -> None:
    endless = replace(RECOVERED, measures={"outage": Number(value=3.0, **{mark: True})})
    event = FaultEnded(at=AT, fault=endless)
    assert event_from_json(json.loads(event_to_json(event))) == event


@pytest.mark.parametrize("act", list(Act))
def test_every_act_has_measures_of_losses_and_of_one_recovery_at_least(act: Act) -> None:
    names = set(fault_measures(act))
    assert {"lost_requests", "outage"} < names
    assert names & {"recovery_time", "rollback_time"}
