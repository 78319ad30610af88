"""Waivers held against what was observed: censuses counted again without the cases that are covered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from phasegate.base.facts import Code, Message, fact
from phasegate.gate.aggregates import OBSERVED
from phasegate.gate.judging import judge_attempt
from phasegate.gate.settling import find_spared
from phasegate.gate.waivers import Applied, apply
from phasegate.model.criterion import PlanCriterion
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.measures import Number, Share
from phasegate.model.observation import Case, Observation, belongs, census, count_failed
from phasegate.model.result import BaselineRecord, CriterionResult, RunResult
from phasegate.model.waiver import Waiver
from phasegate.plan.asked.plan import Check, Plan

_OPEN = (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN)
_FIGURES = frozenset({"pass_rate", "passed", "failed", "skipped"})
"""Measures that change with how a case ended."""


def waive(
    plan: Plan, judged: Sequence[CriterionResult], run: RunResult, selected: Collection[str]
) -> Applied:
    """The plan's waivers applied to all criteria of a run; those not `selected` are left as they are."""
    checks = {check.id: check for check in plan.checks()}
    seen = {check.id: check.seen for check in run.checks() if check.last and check.status in OBSERVED}
    spared = find_spared(run)

    def again(item: CriterionResult, left_out: Sequence[Case]) -> Judgement | None:
        id = item.asked.check
        if id is None or id not in seen:
            return None
        return _without(item.asked, checks[id], seen[id], left_out, run.baselines, spared.get(id, ""))

    cases = {id: observed.cases for id, observed in seen.items()}
    applied = apply(plan.waivers, [item for item in judged if item.id in selected], cases, again)
    covered = {name.partition("/")[0] for waiver in applied.waivers for name in waiver.cases}
    changed = {item.id: _remark(item, plan, covered) for item in applied.criteria}
    return replace(applied, criteria=tuple(changed.get(item.id, item) for item in judged))


def _remark(item: CriterionResult, plan: Plan, covered: Collection[str]) -> CriterionResult:
    """A figure that counts cases of `covered` checks stays as it is, which who waived them may not expect."""
    open = item.verdict in _OPEN and item.judged.observed is not None
    if not open or item.waived is not None or item.measure not in _FIGURES:
        return item
    counted = {
        check.id
        for check in plan.checks()
        if item.subject == "run" or item.subject in (check.id, f"step/{check.step}")
    }
    if counted.isdisjoint(covered) or (item.measure == "pass_rate" and item.subject in counted):
        return item
    return replace(item, remark=fact(Code.COUNTED_AS_IS, criterion=item.id))


def waive_attempt(
    waivers: Sequence[Waiver],
    check: Check,
    judged: Sequence[CriterionResult],
    observation: Observation,
    baselines: Sequence[BaselineRecord],
) -> tuple[CriterionResult, ...]:
    """The criteria of one attempt with waivers applied, to know whether what comes next is held back."""

    def again(item: CriterionResult, left_out: Sequence[Case]) -> Judgement | None:
        return _without(item.asked, check, observation, left_out, baselines, "")

    return apply(waivers, judged, {check.id: observation.cases}, again).criteria


def _without(
    asked: PlanCriterion,
    check: Check,
    seen: Observation,
    left_out: Sequence[Case],
    baselines: Sequence[BaselineRecord],
    absent: Message,
) -> Judgement | None:
    """A criterion judged without some cases; None where its measure is not a census that counts them."""
    part, measure = asked.criterion.part, asked.criterion.measure
    counted = [
        case
        for case in seen.cases
        if belongs(case, part)
        and check.kind.counts(measure, case.id.partition("/")[2] if check.each else case.id)
    ]
    measures = seen.parts.get(part, {}) if part else seen.measures
    known, gone = measures.get(measure), {case.id for case in left_out}
    recount = count_failed if isinstance(known, Number) else census
    if not _same(known, recount(counted)):
        return None
    left = [case for case in counted if case.id not in gone]
    rest = {measure: recount(left)}
    lessened = replace(seen, parts={part: rest}) if part else replace(seen, measures=rest)
    judged = judge_attempt(asked, check.asked, lessened, absent=absent, baselines=baselines)
    return judged if left else replace(judged, n=0)


def _same(measure: object, counted: Share | Number) -> bool:
    """Whether a measure is the census that was counted, so that cases can be left out of it."""
    if isinstance(counted, Number):
        return measure == counted
    return (
        isinstance(measure, Share)
        and not measure.sample
        and (measure.passed, measure.skipped, measure.total)
        == (counted.passed, counted.skipped, counted.total)
    )
