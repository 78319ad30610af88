"""From events to the result: a pure fold, so that a record without an end still gives a readable result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.aggregates import FLAKY_RATE
from phasegate.model.criterion import Level
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
from phasegate.model.faults import DONE, LEFT_ON, FaultStatus
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case, Series
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    RunResult,
    StepResult,
    TargetRecord,
    Verdict,
    WaiverState,
)

CUT_SHORT = "the record ends before the run did"


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
                self._change_step(event.step, started=event.at)
            case StepFinished():
                step = self._steps[event.step]
                taken = _between(step.started, event.at) if step.started else None
                self._change_step(event.step, status=event.status, reason=event.reason, duration=taken)
            case CheckStarted():
                self._change_check(event.check, started=event.at)
            case AttemptStarted():
                self._open[event.check] = (event.number, event.at, [])
            case CaseFinished():
                if event.check in self._open:
                    self._open[event.check][2].append(event.case)
            case AttemptFinished():
                self._open.pop(event.check, None)
                attempts = (*self._checks[event.check].attempts, event.attempt)
                self._change_check(event.check, attempts=attempts)
            case CheckFinished():
                if event.status is CheckStatus.NOT_RUN:
                    self._leave_out_faults(event.check, event.reason)
                self._change_check(
                    event.check,
                    status=event.status,
                    reason=event.reason,
                    help=event.help,
                    flaky=event.flaky,
                    duration=event.duration,
                )
            case FaultStarted():
                self._change_fault(
                    event.fault, status=FaultStatus.UNDER_WAY, reason=CUT_SHORT, started=event.at
                )
            case FaultUndone():
                self._change_fault(event.fault, status=FaultStatus.CUT_SHORT, undone=event.at)
            case FaultEnded():
                self._faults[event.fault.id] = event.fault
            case ClockMoved():
                self._run = replace(
                    self._run,
                    clock_moved=self._run.clock_moved + event.by,
                    suspended=self._run.suspended + event.suspended,
                    warnings=(*self._run.warnings, event.text),
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
        spared = replace(self._run, steps=self._with_faults()).spared()
        checks = {id: _hold_to_fault(check, spared.get(id, "")) for id, check in checks.items()}
        steps = tuple(
            _hold_step(
                replace(step, checks=tuple(checks[check.id] for check in step.checks)),
                self._criteria.values(),
            )
            for step in self._with_faults()
        )
        run = replace(
            self._run,
            criteria=tuple(self._criteria[criterion.id] for criterion in self._run.criteria),
            steps=steps,
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
        elif why := contradiction(run):
            failed = any(_blocks(item, CriterionVerdict.NOT_MET) for item in run.criteria)
            run = replace(
                run,
                verdict=Verdict.FAIL if failed else Verdict.INCONCLUSIVE,
                exit_code=int(ExitCode.FAIL if failed else ExitCode.INCONCLUSIVE),
                reason=fact(Code.CONTRADICTS_ITSELF, why=why),
            )
        return run

    def _with_faults(self) -> tuple[StepResult, ...]:
        """The steps, with what came of their faults."""
        return tuple(
            replace(self._steps[step.id], faults=tuple(self._faults[fault.id] for fault in step.faults))
            for step in self._run.steps
        )

    def _close_checks(self) -> dict[str, CheckResult]:
        """The checks, with those that had begun closed as errored."""
        closed = dict(self._checks)
        for id, (number, started, cases) in self._open.items():
            attempt = AttemptResult(
                number=number,
                status=AttemptStatus.ERRORED,
                started=started,
                duration=_between(started, self._last_at),
                error=CUT_SHORT,
                cases=tuple(cases),
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

    def _change_step(self, id: str, **changes: Any) -> None:
        self._steps[id] = replace(self._steps[id], **changes)

    def _change_fault(self, id: str, **changes: Any) -> None:
        self._faults[id] = replace(self._faults[id], **changes)

    def _leave_out_faults(self, check: str, reason: Message) -> None:
        """Nothing is done to the target during a check that is not run."""
        for fault in self._faults.values():
            if fault.check == check:
                why = fact(Code.FAULT_WITHOUT_CHECK, check=check, why=reason)
                self._change_fault(fault.id, reason=why)

    def _change_check(self, id: str, **changes: Any) -> None:
        self._checks[id] = replace(self._checks[id], **changes)


def _hold_to_fault(check: CheckResult, why: Message) -> CheckResult:
    """A check held to the fault that was to be done meanwhile; `why` it was not, if so."""
    if why and check.status is CheckStatus.PASSED:
        return replace(check, status=CheckStatus.UNPROVEN, reason=why)
    return check


def _hold_step(step: StepResult, criteria: Iterable[CriterionResult]) -> StepResult:
    """A step held to what is judged when its checks have long ended: see `_asks_of`."""
    asked = [item for item in criteria if _asks_of(step, item)]
    for verdict, status, better in (
        (CriterionVerdict.NOT_MET, CheckStatus.FAILED, (CheckStatus.PASSED, CheckStatus.UNPROVEN)),
        (CriterionVerdict.UNPROVEN, CheckStatus.UNPROVEN, (CheckStatus.PASSED,)),
    ):
        item = next((item for item in asked if _blocks(item, verdict)), None)
        if item is not None and step.status in better:
            return replace(
                step, status=status, reason=fact(Code.CRITERION_IS, criterion=item.id, verdict=verdict.value)
            )
    return step


def _asks_of(step: StepResult, item: CriterionResult) -> bool:
    """Whether a criterion is on the step itself, or one of its own that no check could be held to."""
    if item.subject == f"step/{step.id}":
        return True
    if any(item.subject in (fault.id, fault.check) for fault in step.faults):
        return True
    late = item.subject == "run" or item.subject.startswith(("target/", "step/"))
    return item.asked.step == step.id and (late or item.measure == FLAKY_RATE)


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


_CODES = frozenset(ExitCode) - {ExitCode.USAGE}
"""With which a run can end. The system keeps eight bits of a code, so 256 would be a PASS."""


def contradiction(run: RunResult) -> Fact | None:
    """Why the verdict of a run that has ended does not follow from its criteria; None when it may.

    Only a PASS needs a reason: what was spoilt, or changed by hand, must not turn into one.
    """
    passed = run.verdict is Verdict.PASS
    failed_otherwise = run.exit_code == ExitCode.FAIL and run.verdict is not Verdict.FAIL
    if passed is not (run.exit_code == ExitCode.PASS) or run.exit_code not in _CODES or failed_otherwise:
        return fact(Code.ENDS_WITH, verdict=run.verdict.value, exit_code=str(run.exit_code))
    why = _against_pass(run) if passed else None
    return None if why is None else fact(Code.ENDS_WITH_PASS, why=why)


def _against_pass(run: RunResult) -> Fact | None:
    for verdict in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN):
        if item := next((item for item in run.criteria if _blocks(item, verdict)), None):
            return fact(Code.CRITERION_IS, criterion=item.id, verdict=verdict.value)
    if not any(item.is_evidence and item.level is Level.BLOCK for item in run.criteria):
        return fact(Code.NOTHING_MET)
    if fault := next((fault for fault in run.faults() if fault.status in LEFT_ON), None):
        return fact(Code.FAULT_LEFT_ON, fault=fault.id)
    lacking = {fault.id: fault.reason for fault in run.faults() if fault.status not in DONE} | run.spared()
    for item in run.criteria:
        if _blocks(item, CriterionVerdict.MET) and item.subject in lacking:
            return fact(Code.MET_WITHOUT_FAULT, criterion=item.id, why=lacking[item.subject])
    in_force = {waiver.id for waiver in run.waivers if waiver.state is WaiverState.USED}
    for item in run.criteria:
        by = item.waived.by if item.waived else ()
        if _blocks(item, CriterionVerdict.WAIVED) and not in_force.intersection(by):
            return fact(Code.WAIVED_BY_NONE, criterion=item.id)
    if run.interrupted:
        return fact(Code.ENDED_EARLY, why=run.interrupted)
    return fact(Code.ONLY_SELECTION) if run.selection.narrowed else None


def _blocks(item: CriterionResult, verdict: CriterionVerdict) -> bool:
    return item.level is Level.BLOCK and item.verdict is verdict
