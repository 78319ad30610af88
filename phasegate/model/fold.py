"""From events to the result: a pure fold, so that a record without an end still gives a readable result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Message, fact
from phasegate.model.events import (
    AttemptFinished,
    AttemptStarted,
    CaseFinished,
    CheckFinished,
    CheckStarted,
    ClockMoved,
    CriterionJudged,
    Event,
    FaultEnded,
    FaultStarted,
    FaultUndone,
    Interrupted,
    Progressed,
    RetryScheduled,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TargetChanged,
    TargetSampled,
    WaiverApplied,
)
from phasegate.model.faults import FaultResult, FaultStatus
from phasegate.model.observation import Case, Observation, Series
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    RunResult,
    StepResult,
    TargetRecord,
    Verdict,
)

R = TypeVar("R", StepResult, CheckResult, FaultResult)
CUT_SHORT = fact(Code.CUT_SHORT)


def fold(events: Iterable[Event]) -> RunResult:
    """The result that a sequence of events adds up to.

    Without `RunFinished` the verdict is INCONCLUSIVE and checks that had begun are errored.
    Errors: ValueError when the first event is not `RunStarted`.
    """
    folder: Folder | None = None
    for event in events:
        if folder is None:
            if not isinstance(event, RunStarted):
                raise ValueError("the record does not begin with the start of a run")
            folder = Folder(event.skeleton)
        else:
            folder.add(event)
    if folder is None:
        raise ValueError("the record is empty")
    return folder.result()


class Folder:
    """The fold in progress: takes events one by one, gives the result so far at any time."""

    def __init__(self, skeleton: RunResult) -> None:
        self._run = skeleton
        self._criteria = {criterion.id: criterion for criterion in skeleton.criteria}
        self._steps = {step.id: step for step in skeleton.steps}
        self._checks = {check.id: check for check in skeleton.checks()}
        self._faults = {fault.id: fault for fault in skeleton.faults()}
        self._targets = {target.id: target for target in skeleton.target}
        self._waivers = {waiver.id: waiver for waiver in skeleton.waivers}
        self._open: dict[str, tuple[int, datetime, list[Case]]] = {}
        """Attempts under way: number, start, cases so far."""
        self._last_at = skeleton.started

    def add(self, event: Event) -> None:
        self._last_at = max(event.at, self._last_at)
        match event:
            case TargetChanged():
                self._change_target(event.target)
            case TargetSampled():
                self._add_samples(event)
            case StepStarted():
                _change(self._steps, event.step, started=event.at)
            case StepFinished():
                step = self._steps[event.step]
                taken = _between(step.started, event.at) if step.started else None
                _change(self._steps, event.step, status=event.status, reason=event.reason, duration=taken)
            case CheckStarted():
                _change(self._checks, event.check, started=event.at)
            case AttemptStarted():
                self._open[event.check] = (event.number, event.at, [])
            case CaseFinished():
                if event.check in self._open:
                    self._open[event.check][2].append(event.case)
            case AttemptFinished():
                self._open.pop(event.check, None)
                attempts = (*self._checks[event.check].attempts, event.attempt)
                _change(self._checks, event.check, attempts=attempts)
            case CheckFinished():
                if event.status is CheckStatus.NOT_RUN:
                    self._leave_out_faults(event.check, event.reason)
                _change(
                    self._checks,
                    event.check,
                    status=event.status,
                    reason=event.reason,
                    help=event.help,
                    flaky=event.flaky,
                    duration=event.duration,
                )
            case FaultStarted():
                _change(
                    self._faults,
                    event.fault,
                    status=FaultStatus.UNDER_WAY,
                    reason=CUT_SHORT,
                    started=event.at,
                )
            case FaultUndone():
                _change(self._faults, event.fault, status=FaultStatus.CUT_SHORT, undone=event.at)
            case FaultEnded():
                self._faults[event.fault.id] = event.fault
            case ClockMoved():
                self._run = replace(
                    self._run,
                    clock_moved=self._run.clock_moved + event.by,
                    suspended=self._run.suspended + event.suspended,
                    warnings=(*self._run.warnings, event.message),
                )
            case CriterionJudged():
                self._criteria[event.criterion.id] = event.criterion
            case WaiverApplied():
                self._waivers[event.waiver.id] = event.waiver
            case Interrupted():
                self._run = replace(self._run, interrupted=event.because)
            case RunFinished():
                self._run = replace(
                    self._run,
                    finished=event.at,
                    verdict=event.verdict,
                    exit_code=event.exit_code,
                    reason=event.reason,
                    evidence=event.evidence,
                    environment={**self._run.environment, **event.environment},
                    unwaived=event.unwaived,
                    warnings=tuple(dict.fromkeys((*self._run.warnings, *event.warnings))),
                )
            case RunStarted() | Progressed() | RetryScheduled():
                pass

    def result(self) -> RunResult:
        """The result so far; complete once `RunFinished` was added."""
        checks = self._checks if self._run.finished else self._close_checks()
        run = replace(
            self._run,
            criteria=tuple(self._criteria[criterion.id] for criterion in self._run.criteria),
            steps=tuple(
                replace(
                    self._steps[step.id],
                    checks=tuple(checks[check.id] for check in step.checks),
                    faults=tuple(self._faults[fault.id] for fault in step.faults),
                )
                for step in self._run.steps
            ),
            gate_checks=tuple(checks[check.id] for check in self._run.gate_checks),
            target=tuple(self._targets.values()),
            waivers=tuple(self._waivers.values()),
        )
        if run.finished is None:
            run = replace(
                run,
                verdict=Verdict.INCONCLUSIVE,
                exit_code=int(ExitCode.INCONCLUSIVE),
                reason=run.interrupted or CUT_SHORT,
                interrupted=run.interrupted or CUT_SHORT,
            )
        return run

    def _close_checks(self) -> dict[str, CheckResult]:
        """The checks, with those that had begun closed as errored."""
        closed = dict(self._checks)
        for id, (number, started, cases) in self._open.items():
            attempt = AttemptResult(
                number=number,
                status=AttemptStatus.ERRORED,
                started=started,
                duration=_between(started, self._last_at),
                observation=Observation(error=CUT_SHORT, cases=tuple(cases)),
            )
            closed[id] = replace(
                closed[id],
                status=CheckStatus.ERRORED,
                reason=CUT_SHORT,
                attempts=(*closed[id].attempts, attempt),
            )
        return closed

    def _change_target(self, record: TargetRecord) -> None:
        """How an entry stands now; what was sampled of it stays."""
        if seen := self._targets.get(record.id):
            record = replace(
                record, measures=seen.measures, timeline=seen.timeline, sampled_from=seen.sampled_from
            )
        self._targets[record.id] = record

    def _add_samples(self, event: TargetSampled) -> None:
        record = self._targets[event.target]
        self._targets[event.target] = replace(
            record,
            measures=event.measures,
            timeline=_continue_series(record.timeline, event.timeline),
            sampled_from=event.since,
        )

    def _leave_out_faults(self, check: str, reason: Message) -> None:
        """Nothing is done to the target during a check that is not run."""
        for fault in self._faults.values():
            if fault.asked.check == check:
                why = fact(Code.FAULT_WITHOUT_CHECK, check=check, why=reason)
                _change(self._faults, fault.id, reason=why)


def _change(known: dict[str, R], id: str, **changes: Any) -> None:
    known[id] = replace(known[id], **changes)


def _between(begin: datetime, end: datetime) -> float:
    """Seconds; in records of an older version, whose clock could jump, an end may be before its begin."""
    return max(0.0, (end - begin).total_seconds())


def _continue_series(before: tuple[Series, ...], more: tuple[Series, ...]) -> tuple[Series, ...]:
    """Series with further points, put together by name."""
    found = {series.name: series for series in before}
    for series in more:
        known = found.get(series.name)
        found[series.name] = series if known is None else replace(known, points=known.points + series.points)
    return tuple(found.values())
