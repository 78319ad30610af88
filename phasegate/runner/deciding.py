"""Criteria that are looked at while their checks go on: for `until: decided`, and to judge a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from phasegate.base.facts import Code
from phasegate.gate.deciding import breaks, decidable, decide_early
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.judgement import Decided, Decision
from phasegate.model.measures import Distribution, Measure, MeasureType, Share
from phasegate.world import Enough, Progress

ALL_DECIDED = Enough(Code.ALL_DECIDED, {})


@dataclass(kw_only=True)
class Decider:
    """What has been decided in one attempt; decided stays decided."""

    criteria: Sequence[PlanCriterion]
    decisions: dict[str, Decision] = field(default_factory=dict)
    """By criterion."""

    def look(self, part: str, seen: Progress, at: float) -> Enough | None:
        """Judge what was seen of a part, `at` seconds after it began. Shape: why to stop, or None."""
        measures = seen.measures
        mine = [one for one in self.criteria if one.criterion.part == part]
        for one in mine:
            measure = measures.get(one.criterion.measure)
            if one.id in self.decisions or measure is None or not _covers(measure, one.over):
                continue
            decision = decide_early(one.criterion, measure, one.confidence, at, seen.pending)
            if decision is not None:
                self.decisions[one.id] = decision
            if decision is not None and decision.outcome is Decided.NOT_MET and one.level is Level.BLOCK:
                return Enough(Code.ONE_DECIDED, {"criterion": one.id})
        open_ones = [one for one in mine if one.id not in self.decisions and _waits(one, measures)]
        return None if open_ones or not any(one.id in self.decisions for one in mine) else ALL_DECIDED


@dataclass(kw_only=True)
class Watch:
    """What the checks beside a rollout have shown so far of the blocking criteria that judge it."""

    criteria: Sequence[PlanCriterion]
    broken: tuple[PlanCriterion, Decision] | None = None
    """The first that is not met, whatever comes."""
    seen: dict[str, int] = field(default_factory=dict)
    """How many samples there were for each at the last look, by criterion."""

    def look(self, check: str, part: str, progress: Progress, at: float) -> None:
        """Judge what was seen of a part of a check, `at` seconds after it began."""
        for one in self.criteria:
            measure = progress.measures.get(one.criterion.measure)
            if one.check != check or one.criterion.part != part or measure is None:
                continue
            if isinstance(measure, Share | Distribution):
                self.seen[one.id] = measure.total if isinstance(measure, Share) else measure.n
            if self.broken is None and _covers(measure, one.over):
                decision = breaks(one.criterion, measure, one.confidence, at, progress.pending)
                self.broken = None if decision is None else (one, decision)


def _covers(measure: Measure, over: float | None) -> bool:
    """Whether a sample is old enough for a criterion that asks for a span."""
    return over is None or (isinstance(measure, Share | Distribution) and (measure.span or 0.0) >= over)


def _waits(one: PlanCriterion, measures: Mapping[str, Measure]) -> bool:
    """Whether more samples can decide it; the others are judged on all that was seen."""
    match measures.get(one.criterion.measure):
        case Share(sample=True):
            return decidable(one.criterion, MeasureType.SAMPLE, one.confidence)
        case Distribution():
            return decidable(one.criterion, MeasureType.DISTRIBUTION, one.confidence)
        case _:
            return False
