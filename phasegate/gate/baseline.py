"""Judging against a baseline: is this run within a factor of an earlier one that passed?

*met*: the bound of the new value holds against the factor times the bound of the baseline's value, each at
half the error, so that both hold together at the confidence asked for (Bonferroni). *not met*: the observed
values are further apart than the factor. *unproven*: everything else. No test of "no difference" is used: it
would let the run with the fewest requests pass most easily.

`judge` bounds the new side; `_baseline_bound` is the one place that bounds the baseline's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.units import Dimension, Quantity
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.durations import outside_by_block
from phasegate.gate.judge import distrust, judge, spanning
from phasegate.gate.judgement import no_data, sureness, unproven
from phasegate.gate.statistics import of_each_side
from phasegate.model.criterion import Criterion, Relative
from phasegate.model.judgement import FAILED, CriterionVerdict, Judgement
from phasegate.model.measures import Buckets, Distribution, Gauge, Measure, Number, Share, ends_of_unused
from phasegate.model.statistic import Ranking, find_statistic

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What one baseline run measured where a criterion looks; `path` is its folder."""

    path: str
    measure: Measure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """How it is judged; see `judge`."""

    confidence: float | None
    allow_skipped: int
    always_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The bound that a baseline's own sample proves; None where it proves none, and then why."""

    value: float | None = None
    why: Fact | None = None


def judge_against(
    criterion: Criterion,
    measure: Measure | None,
    earlier: Sequence[Earlier],
    *,
    confidence: float | None,
    allow_skipped: int = 0,
    over: float | None = None,
    absent: Message = "",
    always_valid: bool = False,
) -> Judgement:
    """Judge a criterion whose threshold is relative; arguments as those of `judge`, which gets all others.

    Of several baselines the median by the value judged is taken; of two in the middle the harder to hold to.
    """
    if measure is None:
        return no_data(criterion, absent)
    if not earlier:
        return unproven(criterion, fact(Code.NO_BASELINE_GIVEN))
    for one in earlier:
        if one.measure is None or _value_of(criterion, one.measure) is None:
            why = fact(Code.BASELINE_WITHOUT_VALUE, path=one.path, value=criterion.value_text)
            return unproven(criterion, why)
    chosen = _median(criterion, earlier)
    assert chosen.measure is not None
    terms = _Terms(confidence=confidence, allow_skipped=allow_skipped, always_valid=always_valid)
    found = _judge(criterion, measure, chosen.measure, terms)
    reason = fact(Code.BASELINE_CHOSEN, of=found.reason, path=chosen.path, among=len(earlier))
    found = replace(found, baseline=chosen.path, reason=reason)
    if absent:
        return distrust(found, absent)
    if over is None:
        return found
    return spanning(spanning(found, measure, over), chosen.measure, over, of_baseline=True)


def _median(criterion: Criterion, earlier: Sequence[Earlier]) -> Earlier:
    """The run in the middle by observed value; where the quantile is `failed`, it ranks above every value."""

    def value(one: Earlier) -> float:
        observed = None if one.measure is None else _value_of(criterion, one.measure)
        return math.inf if observed is None else observed

    ranked = sorted(earlier, key=value)
    return ranked[len(ranked) // 2] if criterion.op.wants_more else ranked[(len(ranked) - 1) // 2]


def _judge(criterion: Criterion, new: Measure, old: Measure, terms: _Terms) -> Judgement:
    if isinstance(old, Share | Distribution) and old.unused:
        return _with_unused(criterion, new, old, terms)
    if new.type is not old.type or isinstance(new, Buckets):
        return unproven(criterion, fact(Code.BASELINE_OTHERWISE, measure=criterion.measure))
    if not isinstance(old, Share):
        return _one(criterion, new, old, terms)
    # What has no result in the baseline counts once against and once for it.
    ends = [replace(old, skipped=0)]
    if old.skipped:
        ends.append(replace(old, passed=old.passed + old.skipped, skipped=0))
    found = [_one(criterion, new, end, terms) for end in ends]
    if len({item.verdict for item in found}) == 1:
        return found[-1]
    reason = fact(Code.BASELINE_WITHOUT_RESULT, of=found[-1].reason, count=old.skipped)
    return replace(found[-1], verdict=UNPROVEN, reason=reason)


def _with_unused(criterion: Criterion, new: Measure, old: Share | Distribution, terms: _Terms) -> Judgement:
    """Moments that phasegate missed in the baseline may have gone either way."""
    found, *others = [
        _judge(criterion, new, end, terms) for end in (replace(old, unused=0), *ends_of_unused(old))
    ]
    if all(other.verdict is found.verdict for other in others):
        return found
    return replace(
        found, verdict=UNPROVEN, reason=fact(Code.BASELINE_UNUSED, of=found.reason, unused=old.unused)
    )


def _one(criterion: Criterion, new: Measure, old: Measure, terms: _Terms) -> Judgement:
    value, dimension = _value_of(criterion, old), old.dimension
    if dimension is not new.dimension:
        why = fact(Code.BASELINE_DIMENSION, measure=criterion.measure, dimension=dimension.value)
        return unproven(criterion, why)
    if value is None or not math.isfinite(value) or value <= 0:
        figure = FAILED if value == math.inf else Figure(value or 0.0, dimension)
        why = fact(Code.BASELINE_PROVES_NOTHING, value=criterion.value_text, figure=figure)
        return unproven(criterion, why)
    at_observed = _scale_threshold(criterion, value, dimension)
    if (
        terms.confidence is None
        or isinstance(old, Buckets | Number | Gauge)
        or not criterion.is_bounded(old.type)
    ):
        return judge(at_observed, new, confidence=terms.confidence, allow_skipped=terms.allow_skipped)
    seen = judge(at_observed, new, confidence=None)
    seen = replace(seen, bound=None, reason=seen.reason.without("without_bound"))
    if seen.verdict is not MET:
        return seen
    each = Bounds(confidence=of_each_side(terms.confidence), always_valid=terms.always_valid)
    return _judge_bounds(criterion, seen, new, old, replace(each, effect=_effect(at_observed, old, each)))


def _effect(at_observed: Criterion, old: Share | Distribution, bounds: Bounds) -> float:
    """How far failures that come together in time devalue the baseline's own sample."""
    blocks = old.blocks if isinstance(old, Share) else outside_by_block(at_observed, old)
    return design_effect(blocks, bounds.confidence) or 1.0


def _judge_bounds(
    criterion: Criterion, seen: Judgement, new: Measure, old: Share | Distribution, each: Bounds
) -> Judgement:
    """What is within the factor as observed, held to the bounds of both sides."""
    shown = _baseline_bound(criterion, old, each)
    if shown.value is None:
        reason = fact(Code.BASELINE_HAS_NO_BOUND, observed=seen.observed, why=shown.why)
        return replace(seen, verdict=UNPROVEN, reason=reason)
    dimension = old.dimension
    at_bound = _scale_threshold(criterion, shown.value, dimension)
    strict = judge(at_bound, new, confidence=each.confidence, always_valid=each.always_valid)
    side = Code.AT_LEAST if criterion.op.wants_less else Code.AT_MOST
    held = {
        **_figures(criterion, old),
        "proves": fact(side, value=Figure(shown.value, dimension)),
        "op": criterion.op.value,
        "limit": Figure(at_bound.quantity.value, dimension),
    }
    found = replace(seen, bound=strict.bound, confidence=each.confidence, effective_n=strict.effective_n)
    if strict.verdict is not NOT_MET:
        reason = fact(Code.BASELINE_SHOWS, of=strict.reason, **held)
        return replace(found, verdict=strict.verdict, reason=reason)
    reason = fact(
        Code.BASELINE_SHOWS_TOO_LITTLE,
        observed=seen.observed,
        n=new.n if isinstance(new, Distribution) else None,
        **held,
        **sureness(each),
    )
    return replace(found, verdict=UNPROVEN, reason=reason)


def _baseline_bound(criterion: Criterion, old: Share | Distribution, bounds: Bounds) -> _Shown:
    """The bound of the baseline's value that is harder to hold to: lower for `<`, upper for `>`."""
    if isinstance(old, Distribution):
        return _quantile_shown(criterion, old, criterion.quantile or 0.0, bounds)
    value = (bounds.upper if criterion.op.wants_more else bounds.lower)(old.passed, old.total)
    return _Shown(value=value) if value > 0 else _Shown(why=fact(Code.BASELINE_NO_LOWER_BOUND))


def _quantile_shown(criterion: Criterion, old: Distribution, share: float, bounds: Bounds) -> _Shown:
    """An order statistic at the bucket edge that is harder to hold to; failed requests rank above all."""
    if old.unmeasured:
        return _Shown(why=fact(Code.BASELINE_BELOW_RESOLUTION, count=old.unmeasured))
    wants_less = criterion.op.wants_less
    rank = (bounds.lower_rank if wants_less else bounds.upper_rank)(share, old.n)
    if rank is None:
        needed = bounds.needed(1 - share if wants_less else share, 0)
        return _Shown(why=fact(Code.BASELINE_TOO_FEW, n=old.n, needed=needed, **sureness(bounds)))
    value = Ranking(seen=old, high=not wants_less).at(rank)
    why = fact(Code.BASELINE_BOUND_FAILED, failed=old.failed) if value is None else None
    return _Shown(value=value, why=why)


def _scale_threshold(criterion: Criterion, value: float, dimension: Dimension) -> Criterion:
    """The criterion with the factor times a value of the baseline as its threshold."""
    relative = criterion.threshold
    assert isinstance(relative, Relative)
    return replace(criterion, threshold=replace(relative, baseline=Quantity(value, dimension)))


def _value_of(criterion: Criterion, old: Measure) -> float | None:
    """The baseline's value in base units; infinite where it falls among failed requests, None without data.

    Quantiles are read at the same edge of a bucket as those of the new run: a run held against itself is
    neither faster nor slower.
    """
    statistic = find_statistic(criterion.statistic)
    match old:
        case Share() | Number():
            return old.value
        case Buckets():
            return None
        case Gauge():
            return statistic.of_gauge(old) if old.samples and statistic.of_gauge else None
        case Distribution():
            if not old.n or statistic.of_times is None:
                return None
            found = statistic.of_times(Ranking(seen=old, high=criterion.op.wants_less))
            return math.inf if found is None else found


def _figures(criterion: Criterion, old: Measure) -> dict[str, Any]:
    """The baseline's value with what it rests on."""
    value = _value_of(criterion, old) or 0.0
    if isinstance(old, Share):
        return {
            "seen": fact(Code.SHARE, value=Figure(value, Dimension.SHARE), passed=old.passed, total=old.total)
        }
    seen = fact(Code.VALUE, value=Figure(value, old.dimension))
    n = old.n if isinstance(old, Distribution) else None
    return {"seen": seen, "statistic": criterion.statistic, "seen_n": n}
