"""Waivers held against what was observed: censuses counted again without the cases that are covered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from phasegate.gate.waivers import Applied, Waiver, apply
from phasegate.model.measures import Share
from phasegate.model.observation import Case, Observation, belongs, census
from phasegate.model.result import NO_VALUE, CriterionResult, CriterionVerdict
from phasegate.plan.plan import Check, Plan, PlanCriterion
from phasegate.runner.judging import judge_criterion

_OPEN = (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN)
_FIGURES = frozenset({"pass_rate", "passed", "failed", "skipped"})
"""Measures that change with how a case ended."""


def waive(
    plan: Plan,
    judged: Sequence[CriterionResult],
    seen: Mapping[str, Observation],
    reasons: Mapping[str, str],
    selected: Collection[str],
) -> Applied:
    """The plan's waivers applied to all criteria of a run; those not `selected` are left as they are.

    `seen` and `reasons` go by check, as for `judge_all`.
    """
    checks = {check.id: check for check in plan.checks()}
    criteria = {criterion.id: criterion for criterion in plan.criteria}

    def again(item: CriterionResult, left_out: Sequence[Case]) -> CriterionResult | None:
        criterion = criteria[item.id]
        if criterion.check is None or criterion.check not in seen:
            return None
        absent = reasons.get(criterion.check, "")
        return _without(criterion, checks[criterion.check], seen[criterion.check], left_out, absent)

    cases = {id: observation.cases for id, observation in seen.items()}
    applied = apply(plan.waivers, [item for item in judged if item.id in selected], cases, again)
    covered = {name.partition("/")[0] for waiver in applied.waivers for name in waiver.cases}
    changed = {item.id: _told(item, plan, covered) for item in applied.criteria}
    return replace(applied, criteria=tuple(changed.get(item.id, item) for item in judged))


def _told(item: CriterionResult, plan: Plan, covered: Collection[str]) -> CriterionResult:
    """A figure that counts cases of `covered` checks stays as it is, which who waived them may not expect."""
    open = item.verdict in _OPEN and item.observed not in ("", NO_VALUE)
    if not open or item.waivers or item.measure not in _FIGURES:
        return item
    counted = {
        check.id
        for check in plan.checks()
        if item.subject == "run" or item.subject in (check.id, f"step/{check.step}")
    }
    if counted.isdisjoint(covered) or (item.measure == "pass_rate" and item.subject in counted):
        return item
    why = f"waived cases count here as what they are, and only a waiver of {item.id} itself reaches it"
    return replace(item, message=f"{item.message}; {why}")


def waive_attempt(
    waivers: Sequence[Waiver],
    check: Check,
    criteria: Sequence[PlanCriterion],
    judged: Sequence[CriterionResult],
    observation: Observation,
) -> tuple[CriterionResult, ...]:
    """The criteria of one attempt with waivers applied, to know whether what comes next is held back."""
    by_id = {criterion.id: criterion for criterion in criteria}

    def again(item: CriterionResult, left_out: Sequence[Case]) -> CriterionResult | None:
        return _without(by_id[item.id], check, observation, left_out, "")

    return apply(waivers, judged, {check.id: observation.cases}, again).criteria


def _without(
    criterion: PlanCriterion,
    check: Check,
    observation: Observation,
    left_out: Sequence[Case],
    absent: str,
) -> CriterionResult | None:
    """A criterion judged without some cases; None where its measure is no census that counts them."""
    part, measure = criterion.criterion.part, criterion.criterion.measure
    counted = [
        case
        for case in observation.cases
        if belongs(case, part)
        and check.kind.counts(measure, case.id.partition("/")[2] if check.each else case.id)
    ]
    measures = observation.parts.get(part, {}) if part else observation.measures
    whole, gone = census(counted), {case.id for case in left_out}
    if not _same(measures.get(measure), whole):
        return None
    rest = {measure: census(case for case in counted if case.id not in gone)}
    lessened = replace(observation, parts={part: rest}) if part else replace(observation, measures=rest)
    return judge_criterion(criterion, check, lessened, absent=absent)


def _same(measure: object, counted: Share) -> bool:
    """Whether a measure is the census that was counted, so that cases can be left out of it."""
    return (
        isinstance(measure, Share)
        and not measure.sample
        and (measure.passed, measure.skipped, measure.total)
        == (counted.passed, counted.skipped, counted.total)
    )
