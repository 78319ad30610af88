"""A run judged: every criterion held against what the record has of its subject.

The same functions judge an attempt, a run that has ended, and a record that is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from phasegate.base.facts import Code, Message, fact
from phasegate.gate.aggregates import Aggregates
from phasegate.gate.baseline import Earlier, judge_against
from phasegate.gate.judge import judge
from phasegate.gate.judgement import judged
from phasegate.gate.settling import find_spared
from phasegate.gate.verdict import confidence_for
from phasegate.model.criterion import Level, PlanCriterion, SubjectKind
from phasegate.model.faults import DONE, FaultResult, FaultStatus
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.observation import Observation
from phasegate.model.result import (
    BaselineRecord,
    CheckResult,
    CheckStatus,
    CriterionResult,
    PlanCheck,
    RunResult,
    TargetRecord,
)

_UNOBSERVED = {CheckStatus.NOT_RUN: Code.CHECK_NOT_RUN, CheckStatus.ERRORED: Code.CHECK_ERRORED}


def unjudged(asked: PlanCriterion) -> CriterionResult:
    """How a criterion stands in the record before anything was seen."""
    return CriterionResult(asked=asked, judged=judged(asked.criterion))


def judge_run(run: RunResult) -> tuple[CriterionResult, ...]:
    """Every criterion of a record on its measures, in the order of the record and without waivers."""
    judges = Judges(run)
    return tuple(CriterionResult(asked=item.asked, judged=judges.judge(item.asked)) for item in run.criteria)


class Judges:
    """The judgements of one record, each part of it looked up once."""

    def __init__(self, run: RunResult) -> None:
        self._baselines = run.baselines
        self._checks = {check.id: check for check in run.checks()}
        self._faults = {fault.id: fault for fault in run.faults()}
        self._entries = {entry.id: entry for entry in run.target}
        self._spared = find_spared(run)
        self._aggregates = Aggregates(run)

    def find(self, asked: PlanCriterion) -> Judgement | None:
        """The judgement; None where the record does not have the subject."""
        try:
            return self.judge(asked)
        except KeyError:
            return None

    def judge(self, asked: PlanCriterion) -> Judgement:
        """Errors: KeyError for a subject that the record does not have."""
        parsed = asked.criterion
        if asked.check is not None:
            return self._on_check(asked, self._checks[asked.check])
        match parsed.subject_kind:
            case SubjectKind.FAULT:
                return judge_fault(asked, self._faults[parsed.subject])
            case SubjectKind.TARGET:
                return _judge_entry(asked, self._entries[parsed.subject])
            case _:
                return self._aggregates.judge(parsed, without=asked.without)

    def _on_check(self, asked: PlanCriterion, check: CheckResult) -> Judgement:
        absent: Message = self._spared.get(check.id, "")
        unobserved = _UNOBSERVED.get(check.status)
        if unobserved is not None:
            return judge_attempt(asked, check.asked, None, absent=fact(unobserved, why=check.reason))
        seen = None if check.last is None or check.seen.error else check.seen
        return judge_attempt(asked, check.asked, seen, absent=absent, baselines=self._baselines)


def judge_attempt(
    asked: PlanCriterion,
    check: PlanCheck,
    seen: Observation | None,
    *,
    absent: Message = "",
    baselines: Sequence[BaselineRecord] = (),
) -> Judgement:
    """One criterion on what an attempt saw; `absent` says why there is nothing, or nothing to rely on."""
    parsed = asked.criterion
    measures = {} if seen is None else seen.parts.get(parsed.part, {}) if parsed.part else seen.measures
    measure = measures.get(parsed.measure)
    if seen is not None and measure is None:
        absent = absent or _why_absent(seen, parsed.part, parsed.measure)
    decision = None if seen is None else seen.decisions.get(asked.id)
    judging = partial(judge, decision=decision)
    if asked.relative:
        earlier = [Earlier(path=one.path, measure=one.measures.get(asked.id)) for one in baselines]
        judging = partial(judge_against, earlier=earlier)
    found = judging(
        parsed,
        measure,
        confidence=confidence_for(asked.confidence, check.chances),
        allow_skipped=check.allow_skipped,
        over=asked.over,
        absent=absent,
        always_valid=check.until_decided,
    )
    return found if decision is None else replace(found, decided=decision)


def judge_fault(asked: PlanCriterion, fault: FaultResult) -> Judgement:
    """One criterion on what came of a fault; nothing is proven by one that was not seen through."""
    known = fault.status in DONE or fault.status is FaultStatus.NOT_UNDONE
    measure = fault.measures.get(asked.criterion.measure) if known else None
    why = fact(Code.FAULT_NOT_SEEN, status=fault.status.value, why=fault.reason)
    if fault.status is FaultStatus.ROLLED_OUT:
        why = fact(Code.NOT_ROLLED_BACK)
    return judge(asked.criterion, measure, confidence=asked.confidence, absent=why if measure is None else "")


def _judge_entry(asked: PlanCriterion, entry: TargetRecord) -> Judgement:
    """One criterion on what an entry of the target used; nothing where it never came up."""
    parsed = asked.criterion
    measure = entry.measures.get(parsed.measure)
    why = fact(Code.NOT_SAMPLED, measure=parsed.measure, entry=parsed.subject)
    absent = why if measure is None else ""
    return judge(parsed, measure, confidence=asked.confidence, over=asked.over, absent=absent)


def closing(judged: Iterable[CriterionResult]) -> CriterionResult | None:
    """The blocking criterion that keeps a check from passing: one not met, else one unproven."""
    blocking = [item for item in judged if item.level is Level.BLOCK]
    for verdict in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN):
        for item in blocking:
            if item.verdict is verdict:
                return item
    return None


def _why_absent(seen: Observation, part: str, measure: str) -> Message:
    if why := seen.absent.get((part, measure)):
        return why
    if part and part not in seen.parts:
        return fact(Code.NO_PART, part=part, known=tuple(sorted(seen.parts)[:10]))
    return fact(Code.NOT_OBSERVED, measure=measure)
