"""How a run stands in the record before anything has happened: all checks not run, all criteria unjudged."""

from __future__ import annotations

from datetime import datetime

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Message, fact
from phasegate.gate.judging import unjudged
from phasegate.gate.waivers import record
from phasegate.model.criterion import Level
from phasegate.model.faults import FaultResult
from phasegate.model.result import (
    BaselineRecord,
    CheckResult,
    RunResult,
    Selection,
    StepResult,
    ToolRecord,
    Verdict,
)
from phasegate.plan.asked.plan import Check, Step
from phasegate.plan.loader import LoadedPlan


def skeleton(
    loaded: LoadedPlan,
    *,
    run: str,
    tool: ToolRecord,
    started: datetime,
    seed: int,
    command: tuple[str, ...],
    environment: dict[str, Message],
    selection: Selection,
    baselines: tuple[BaselineRecord, ...] = (),
) -> RunResult:
    """The result that the first event carries; everything known before the target is brought up."""
    plan = loaded.plan
    blocking = {item.check for item in plan.criteria if item.level is Level.BLOCK}
    return RunResult(
        run=run,
        phase=plan.phase,
        title=plan.title,
        verdict=Verdict.INCONCLUSIVE,
        exit_code=int(ExitCode.INCONCLUSIVE),
        reason=fact(Code.RUN_NOT_ENDED),
        plan=plan.record,
        tool=tool,
        started=started,
        seed=seed,
        confidence=plan.confidence or 0.0,
        command=command,
        environment=environment,
        variables=dict(plan.variables),
        people=plan.people,
        target=tuple(entry.record() for entry in plan.target),
        selection=selection,
        warnings=tuple(warning.message for warning in loaded.warnings),
        criteria=tuple(unjudged(criterion) for criterion in plan.criteria),
        steps=tuple(_step(step, blocking) for step in plan.steps),
        gate_checks=tuple(_check(check, blocking) for check in plan.gate_checks),
        baselines=baselines,
        env=loaded.environment,
        policy=None if loaded.policy is None else loaded.policy.record,
        waivers=tuple(record(waiver) for waiver in plan.waivers),
        approvals=plan.approvals,
    )


def _step(step: Step, blocking: set[str | None]) -> StepResult:
    return StepResult(
        asked=step.asked,
        checks=tuple(_check(check, blocking) for check in step.checks),
        faults=tuple(FaultResult(asked=fault.asked) for fault in step.faults),
    )


def _check(check: Check, blocking: set[str | None]) -> CheckResult:
    return CheckResult(asked=check.asked, blocking=check.id in blocking)
