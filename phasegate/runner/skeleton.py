"""How a run stands in the record before anything has happened: all checks not run, all criteria unjudged."""

from __future__ import annotations

from datetime import datetime

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Message, fact
from phasegate.gate.judging import unjudged
from phasegate.gate.waivers import record
from phasegate.model.criterion import Level
from phasegate.model.measures import charts_of
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
from phasegate.runner.faults import plan_fault


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
        id=step.id,
        title=step.title,
        purpose=step.purpose,
        work=step.work,
        outcomes=step.outcomes,
        owner=step.owner,
        priority=step.priority,
        estimate=step.estimate,
        tags=step.tags,
        checks=tuple(_check(check, blocking) for check in step.checks),
        faults=tuple(plan_fault(fault) for fault in step.faults),
    )


def _check(check: Check, blocking: set[str | None]) -> CheckResult:
    return CheckResult(
        id=check.id,
        kind=check.kind.name,
        step=check.step,
        title=check.title,
        summary=check.summary,
        blocking=check.id in blocking,
        source=check.source,
        sha256=check.sha256,
        during=check.during or "",
        allow_skipped=check.allow_skipped,
        until_decided=check.until_decided,
        chances=check.chances,
        charts=charts_of({k: v for part in check.parts for k, v in check.kind.measures(part.params).items()}),
        is_load=check.kind.is_load,
        package=check.kind.package,
    )
