"""From what was observed to what it means: a plan's criteria held against observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from phasegate.gate.aggregates import Aggregates
from phasegate.gate.baseline import judge_against
from phasegate.gate.criterion import SubjectKind
from phasegate.gate.judge import judge
from phasegate.gate.judgement import Judgement
from phasegate.gate.verdict import confidence_for
from phasegate.model.decision import Decision
from phasegate.model.faults import DONE, FaultResult, words_of
from phasegate.model.measures import Measure
from phasegate.model.observation import Observation
from phasegate.model.result import CriterionResult, CriterionVerdict, Level, RunResult
from phasegate.plan.plan import Check, Plan, PlanCriterion


def unjudged(criterion: PlanCriterion) -> CriterionResult:
    """How a criterion stands in the record before anything was seen."""
    parsed = criterion.criterion
    return CriterionResult(
        id=criterion.id,
        expression=criterion.expression,
        subject=parsed.subject if parsed.subject_kind is SubjectKind.CHECK else parsed.subject_text,
        part=parsed.part,
        measure=parsed.measure,
        step=criterion.step,
        title=criterion.title,
        ref=criterion.ref,
        why=criterion.why,
        level=criterion.level,
        default=criterion.default,
        confidence=criterion.confidence,
        required=f"{parsed.op} {parsed.threshold}",
        observed="-",
        message="nothing was observed",
        source=criterion.source,
        without=criterion.without,
        over=criterion.over,
        asked=criterion.confidence,
    )


def judge_criterion(
    criterion: PlanCriterion, check: Check, observation: Observation | None, *, absent: str
) -> CriterionResult:
    """One criterion on the observation of its check; `absent` says why there is none, if so."""
    parsed = criterion.criterion
    measure = None if observation is None else _find(observation, parsed.part, parsed.measure)
    if observation is not None and measure is None:
        absent = absent or _why_absent(observation, parsed.part, parsed.measure)
    decision = None if observation is None else observation.decisions.get(criterion.id)
    judging = partial(judge, decision=decision)
    if criterion.relative:
        judging = partial(judge_against, earlier=criterion.earlier)
    confidence = confidence_for(criterion.confidence, check.retry.attempts, check.retry.on_fail)
    judged = judging(
        parsed,
        measure,
        confidence=confidence,
        allow_skipped=check.allow_skipped,
        over=criterion.over,
        absent=absent,
        always_valid=check.until_decided,
    )
    return replace(_judged(criterion, judged, decision), asked=confidence)


def judge_target(criterion: PlanCriterion, used: Mapping[str, Measure]) -> CriterionResult:
    """One criterion on what an entry of the target used, by measure; nothing where it never came up."""
    parsed = criterion.criterion
    measure = used.get(parsed.measure)
    absent = f"{parsed.measure} of {parsed.subject} was not sampled"
    return _judged(
        criterion,
        judge(
            parsed,
            measure,
            confidence=criterion.confidence,
            over=criterion.over,
            absent=absent if measure is None else "",
        ),
    )


def judge_fault(criterion: PlanCriterion, fault: FaultResult) -> CriterionResult:
    """One criterion on what came of a fault; nothing is proven by one that was not seen through."""
    measure = fault.measures.get(criterion.criterion.measure) if fault.status in DONE else None
    absent = "" if measure is not None else f"the fault was {words_of(fault.status)}: {fault.reason}"
    return _judged(
        criterion,
        judge(criterion.criterion, measure, confidence=criterion.confidence, over=None, absent=absent),
    )


def _judged(
    criterion: PlanCriterion, judgement: Judgement, decision: Decision | None = None
) -> CriterionResult:
    return replace(
        unjudged(criterion),
        verdict=judgement.verdict,
        required=judgement.required,
        observed=judgement.observed,
        bound=judgement.bound,
        confidence=judgement.confidence,
        n=judgement.n,
        margin=judgement.margin,
        message=judgement.message,
        baseline=judgement.baseline,
        effective_n=judgement.effective_n,
        decided=decision,
    )


def judge_all(
    plan: Plan,
    seen: Mapping[str, Observation],
    reasons: Mapping[str, str],
    run: RunResult,
) -> list[CriterionResult]:
    """Every criterion of the plan: on the deciding attempt of its check, on what the target used, or on what
    the checks of a step or the run come to.

    `seen` and `reasons` go by check id; a reason says why a check saw nothing or cannot be trusted. `run` is
    the record when all of that was over, `finished` included. What a check saw without the fault that was to
    be done meanwhile cannot be trusted either.
    """
    checks = {check.id: check for check in plan.checks()}
    used = {entry.id: entry.measures for entry in run.target}
    faults = {fault.id: fault for fault in run.faults()}
    aggregates = Aggregates(run)
    reasons = {**run.spared(), **reasons}

    def judged(criterion: PlanCriterion) -> CriterionResult:
        if criterion.check is not None:
            absent = reasons.get(criterion.check, "")
            return judge_criterion(
                criterion, checks[criterion.check], seen.get(criterion.check), absent=absent
            )
        if criterion.fault is not None:
            return judge_fault(criterion, faults[criterion.fault])
        if criterion.criterion.subject_kind is SubjectKind.TARGET:
            return judge_target(criterion, used.get(criterion.criterion.subject, {}))
        return _judged(criterion, aggregates.judge(criterion.criterion, without=criterion.without))

    return [judged(criterion) for criterion in plan.criteria]


def closing(judged: Iterable[CriterionResult]) -> CriterionResult | None:
    """The blocking criterion that keeps a check from passing: one not met, else one unproven."""
    blocking = [item for item in judged if item.level is Level.BLOCK]
    for verdict in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN):
        for item in blocking:
            if item.verdict is verdict:
                return item
    return None


def _find(observation: Observation, part: str, measure: str) -> Measure | None:
    measures = observation.parts.get(part, {}) if part else observation.measures
    return measures.get(measure)


def _why_absent(observation: Observation, part: str, measure: str) -> str:
    if said := observation.absent.get((part, measure)):
        return said
    if part and part not in observation.parts:
        known = ", ".join(sorted(observation.parts)[:10]) or "none"
        return f"no part {part!r} was seen; parts seen: {known}"
    return f"{measure} was not observed"
