"""What happens in a run, in order: the only output of the runner, and the lines of `events.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact
from phasegate.model.fact_json import JsonMessage
from phasegate.model.faults import FaultResult
from phasegate.model.measure_json import JsonMeasure
from phasegate.model.observation import Case, Series
from phasegate.model.result import (
    AttemptResult,
    CheckStatus,
    CriterionResult,
    EvidenceFile,
    RunResult,
    TargetRecord,
    Verdict,
    WaiverResult,
)

CLOCK_STEP = 0.5
"""Seconds; a calendar clock that moved by less is taken to have stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all that happens."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """Carries the skeleton of the result: everything known before anything ran, all checks not run."""

    skeleton: RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanged(Event):
    """An entry of the target was started, became ready, failed, ended or was taken down."""

    state: str
    """`starting`, `ready`, `failed`, `died`, `stopped`."""
    target: TargetRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSampled(Event):
    """What a process of the target has used; a few times in a run, the last one when it is taken down."""

    target: str
    since: datetime
    """When the first sample was taken; the timeline's seconds count from here."""
    measures: Mapping[str, JsonMeasure]
    """Over all samples so far."""
    timeline: tuple[Series, ...] = ()
    """The samples since the event before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    step: str
    status: CheckStatus
    reason: JsonMessage = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStarted(Event):
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    check: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFinished(Event):
    """A case as it came in; the attempt that ends later holds the deciding version of it."""

    check: str
    attempt: int
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed(Event):
    """How far a check is; for the live view only, at most a few a second."""

    check: str
    done: float | None = None
    """Share of the work done, 0 to 1; None when nobody knows."""
    text: str = ""
    """`4,211 requests, 212/s, p95 14 ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished(Event):
    check: str
    attempt: AttemptResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    check: str
    next_number: int
    wait: float
    """Seconds until the next attempt."""
    because: JsonMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinished(Event):
    check: str
    status: CheckStatus
    reason: JsonMessage = ""
    help: JsonMessage = ""
    flaky: bool = False
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStarted(Event):
    """Something is about to be done to the target on purpose."""

    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultUndone(Event):
    """What was done to the target is undone; whether it recovers is still watched."""

    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEnded(Event):
    """A fault is over, or was not done."""

    fault: FaultResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved(Event):
    """The calendar clock of the machine was set, or went on while the machine was suspended.

    `at` of every event counts on from the start of the run, whatever that clock does.
    """

    by: float
    """Seconds, negative when it was set back."""
    suspended: float = 0.0
    """Seconds of it in which the machine was suspended."""

    @property
    def message(self) -> Fact:
        steps = self.by - self.suspended
        return fact(
            Code.CLOCK_MOVED,
            at=f"{self.at:%Y-%m-%d %H:%M:%S}",
            suspended=self.suspended or None,
            span=steps if abs(steps) >= CLOCK_STEP else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionJudged(Event):
    criterion: CriterionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverApplied(Event):
    """What became of a waiver once every criterion was judged."""

    waiver: WaiverResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(Event):
    """Something ended the run early; what follows is the orderly end."""

    because: JsonMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    verdict: Verdict
    exit_code: int
    reason: JsonMessage
    evidence: tuple[EvidenceFile, ...] = ()
    environment: Mapping[str, JsonMessage] = field(default_factory=dict)
    unwaived: Verdict | None = None
    """The verdict without waivers, where any of them changed something."""
    warnings: tuple[JsonMessage, ...] = ()
    """What showed only at the end, beside the warnings about the plan."""
