"""What the events of a run add up to, held together: nothing in it says more than what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Fact, fact
from phasegate.model.aggregates import FLAKY_RATE
from phasegate.model.criterion import Level
from phasegate.model.faults import DONE, LEFT_ON
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import (
    CheckResult,
    CheckStatus,
    CriterionResult,
    RunResult,
    StepResult,
    Verdict,
    WaiverState,
)


def settle(run: RunResult) -> RunResult:
    """A folded run: its checks held to their faults, its steps to what was judged at the end, its verdict,
    once it has one, to its criteria."""
    spared = find_spared(run)
    steps = tuple(
        _hold_step(
            replace(step, checks=tuple(_hold_check(check, spared) for check in step.checks)), run.criteria
        )
        for step in run.steps
    )
    gate_checks = tuple(_hold_check(check, spared) for check in run.gate_checks)
    run = replace(run, steps=steps, gate_checks=gate_checks)
    why = None if run.finished is None else contradiction(run)
    if why is None:
        return run
    failed = any(_blocks(item, CriterionVerdict.NOT_MET) for item in run.criteria)
    return replace(
        run,
        verdict=Verdict.FAIL if failed else Verdict.INCONCLUSIVE,
        exit_code=int(ExitCode.FAIL if failed else ExitCode.INCONCLUSIVE),
        reason=fact(Code.CONTRADICTS_ITSELF, why=why),
    )


def find_spared(run: RunResult) -> dict[str, Fact]:
    """Checks during which a fault was to be done that was not seen through, and why, by id.

    What they saw is what a target shows that was spared, so it proves nothing of what was asked.
    """
    found: dict[str, Fact] = {}
    for fault in run.faults():
        if fault.status not in DONE:
            why = fact(Code.FAULT_NOT_SEEN, fault=fault.id, status=fault.status.value, why=fault.reason)
            for check in run.checks():
                if fault.asked.check in (check.id, check.asked.during):
                    found.setdefault(check.id, why)
    return found


def _hold_check(check: CheckResult, spared: Mapping[str, Fact]) -> CheckResult:
    """A check held to the fault that was to be done meanwhile."""
    if check.status is CheckStatus.PASSED and (why := spared.get(check.id)):
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
    if any(item.subject in (fault.id, fault.asked.check) for fault in step.faults):
        return True
    late = item.subject == "run" or item.subject.startswith(("target/", "step/"))
    return item.asked.step == step.id and (late or item.measure == FLAKY_RATE)


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
    lacking = {fault.id: fault.reason for fault in run.faults() if fault.status not in DONE} | find_spared(
        run
    )
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
