"""Judging against a baseline: is this run within a factor of an earlier one that passed?

*met*: the bound of the new value holds against the factor times the bound of the baseline's value, each at
half the error, so that both hold together at the confidence asked for (Bonferroni). *not met*: the observed
values are further apart than the factor. *unproven*: everything else. No test of "no difference" is used: it
would let the run with the fewest requests pass most easily.

`judge` bounds the new side; `_shown_by` is the one place that bounds the baseline's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.criterion import Criterion, Relative
from phasegate.gate.durations import outside_by_block
from phasegate.gate.judge import distrusted, judge, spanning
from phasegate.gate.judgement import (
    AS_OBSERVED,
    FAILED,
    Judgement,
    counted,
    no_data,
    unproven,
)
from phasegate.gate.statistics import of_each_side
from phasegate.model.measures import (
    Distribution,
    Gauge,
    Measure,
    Number,
    Share,
    ends_of_unused,
    nearest_rank,
)
from phasegate.model.result import CriterionVerdict
from phasegate.units import Dimension, Quantity, format_value

NONE_GIVEN = "no baseline was given; --baseline DIR names the folder of a run that passed"
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
    why: str = ""


def judge_against(
    criterion: Criterion,
    measure: Measure | None,
    earlier: Sequence[Earlier],
    *,
    confidence: float | None,
    allow_skipped: int = 0,
    over: float | None = None,
    absent: str = "",
    always_valid: bool = False,
) -> Judgement:
    """Judge a criterion whose threshold is relative; arguments as those of `judge`, which gets all others.

    Of several baselines the median by the value judged is taken; of two in the middle the harder to hold to.
    """
    if measure is None:
        return no_data(criterion, absent)
    if not earlier:
        return unproven(criterion, NONE_GIVEN)
    for one in earlier:
        if one.measure is None or _observed(criterion, one.measure) is None:
            return unproven(criterion, f"baseline {one.path} has no value of {criterion.value_text}")
    chosen = _median(criterion, earlier)
    assert chosen.measure is not None
    terms = _Terms(confidence=confidence, allow_skipped=allow_skipped, always_valid=always_valid)
    judged = _judged(criterion, measure, chosen.measure, terms)
    which = f"the median of {len(earlier)} baselines, {chosen.path}" if len(earlier) > 1 else chosen.path
    judged = replace(judged, baseline=chosen.path, message=f"{judged.message}; baseline: {which}")
    if absent:
        return distrusted(judged, absent)
    if over is None:
        return judged
    return spanning(spanning(judged, measure, over), chosen.measure, over, what="the baseline")


def _median(criterion: Criterion, earlier: Sequence[Earlier]) -> Earlier:
    """The run in the middle by observed value; where the quantile is `failed`, it ranks above every value."""

    def value(one: Earlier) -> float:
        observed = None if one.measure is None else _observed(criterion, one.measure)
        return math.inf if observed is None else observed

    ranked = sorted(earlier, key=value)
    return ranked[len(ranked) // 2] if criterion.op.wants_more else ranked[(len(ranked) - 1) // 2]


def _judged(criterion: Criterion, new: Measure, old: Measure, terms: _Terms) -> Judgement:
    if isinstance(old, Share | Distribution) and old.unused:
        return _with_unused(criterion, new, old, terms)
    match new, old:
        case Share(), Share() if new.sample is old.sample:
            # What has no result in the baseline counts once against and once for it.
            ends = [replace(old, skipped=0)]
            if old.skipped:
                ends.append(replace(old, passed=old.passed + old.skipped, skipped=0))
            judged = [_one(criterion, new, end, terms) for end in ends]
            if len({item.verdict for item in judged}) == 1:
                return judged[-1]
            message = f"{judged[-1].message}; {old.skipped:,} of the baseline without a result"
            return replace(judged[-1], verdict=UNPROVEN, message=message)
        case (Distribution(), Distribution()) | (Number(), Number()) | (Gauge(), Gauge()):
            return _one(criterion, new, old, terms)
        case _:
            return unproven(criterion, f"{criterion.measure} was measured in another way in the baseline")


def _with_unused(criterion: Criterion, new: Measure, old: Share | Distribution, terms: _Terms) -> Judgement:
    """Moments that phasegate missed in the baseline may have gone either way."""
    judged, *others = [
        _judged(criterion, new, end, terms) for end in (replace(old, unused=0), *ends_of_unused(old))
    ]
    if all(other.verdict is judged.verdict for other in others):
        return judged
    message = f"{judged.message}; {old.unused:,} moments of the baseline passed unused: phasegate was late"
    return replace(judged, verdict=UNPROVEN, message=message)


def _one(criterion: Criterion, new: Measure, old: Measure, terms: _Terms) -> Judgement:
    value, dimension = _observed(criterion, old), _dimension(old)
    if dimension is not _dimension(new):
        return unproven(criterion, f"{criterion.measure} is a {dimension} in the baseline")
    if value is None or not math.isfinite(value) or value <= 0:
        figure = FAILED if value == math.inf else format_value(value or 0.0, dimension)
        what = f"{criterion.value_text} of the baseline"
        return unproven(criterion, f"{what} is {figure}, which proves nothing")
    at_observed = _resolved(criterion, value, dimension)
    sampled = isinstance(old, Distribution) and criterion.quantile is not None
    if (
        terms.confidence is None
        or isinstance(old, Number | Gauge)
        or not (sampled or (isinstance(old, Share) and old.sample))
    ):
        return judge(at_observed, new, confidence=terms.confidence, allow_skipped=terms.allow_skipped)
    seen = judge(at_observed, new, confidence=None)
    seen = replace(seen, bound="", message=seen.message.replace(AS_OBSERVED, ""))
    if seen.verdict is not MET:
        return seen
    each = Bounds(confidence=of_each_side(terms.confidence), always_valid=terms.always_valid)
    return _bounded(criterion, seen, new, old, replace(each, effect=_effect(at_observed, old, each)))


def _effect(at_observed: Criterion, old: Share | Distribution, bounds: Bounds) -> float:
    """How far failures that come together in time devalue the baseline's own sample."""
    blocks = old.blocks if isinstance(old, Share) else outside_by_block(at_observed, old)
    return (design_effect(blocks, bounds.confidence) or 1.0) if blocks else 1.0


def _bounded(
    criterion: Criterion, seen: Judgement, new: Measure, old: Share | Distribution, each: Bounds
) -> Judgement:
    """What is within the factor as observed, held to the bounds of both sides."""
    shown = _shown_by(criterion, old, each)
    if shown.value is None:
        return replace(seen, verdict=UNPROVEN, message=f"observed {seen.observed}, but {shown.why}")
    dimension = _dimension(old)
    at_bound = _resolved(criterion, shown.value, dimension)
    strict = judge(at_bound, new, confidence=each.confidence, always_valid=each.always_valid)
    side = "at least" if criterion.op.wants_less else "at most"
    proven = f"{side} {format_value(shown.value, dimension)}"
    limit = format_value(at_bound.quantity.value, dimension)
    held = f"the baseline's {_figure(criterion, old)} shows {proven}, so {criterion.op} {limit} is asked for"
    judged = replace(seen, bound=strict.bound, confidence=each.confidence, effective_n=strict.effective_n)
    if strict.verdict is MET:
        return replace(judged, message=f"{strict.message}; {held}")
    if strict.verdict is UNPROVEN:
        return replace(judged, verdict=UNPROVEN, message=f"{strict.message}; {held}")
    why = f"observed {seen.observed}{_of(new)}, which no number of requests like these carries: {held}"
    more = f"{each.words}; a baseline of more requests would show more"
    return replace(judged, verdict=UNPROVEN, message=f"{why} {more}")


def _shown_by(criterion: Criterion, old: Share | Distribution, bounds: Bounds) -> _Shown:
    """The bound of the baseline's value that is harder to hold to: lower for `<`, upper for `>`."""
    match old:
        case Share():
            bound = bounds.upper if criterion.op.wants_more else bounds.lower
            value = bound(old.passed, old.total)
            return _Shown(value=value) if value > 0 else _Shown(why="the baseline's share has no lower bound")
        case Distribution() if criterion.quantile is not None:
            return _quantile_shown(criterion, old, criterion.quantile, bounds)
        case _:
            raise TypeError(f"{criterion.measure} is no sample")


def _quantile_shown(criterion: Criterion, old: Distribution, share: float, bounds: Bounds) -> _Shown:
    """An order statistic at the bucket edge that is harder to hold to; failed requests rank above all."""
    if old.unmeasured:
        left_out = f"{counted(old.unmeasured, 'duration')} of the baseline"
        return _Shown(why=f"{left_out} was below the resolution of the clock, which proves nothing")
    wants_less = criterion.op.wants_less
    rank = (bounds.lower_rank if wants_less else bounds.upper_rank)(share, old.n)
    if rank is None:
        needed = bounds.needed(1 - share if wants_less else share, 0)
        few = f"the {counted(old.n, 'request')} of the baseline show no bound {bounds.words}"
        return _Shown(why=few if needed is None else f"{few}; {needed:,} would do")
    if rank > old.good.n:
        return _Shown(why=f"the upper bound of the baseline is among its {old.failed:,} failed requests")
    low, high = old.good.at_rank(rank)
    return _Shown(value=low if wants_less else high)


def _resolved(criterion: Criterion, value: float, dimension: Dimension) -> Criterion:
    """The criterion with the factor times a value of the baseline as its threshold."""
    relative = criterion.threshold
    assert isinstance(relative, Relative)
    figure = f"{format_value(value, dimension)} (baseline)"
    text = f"{relative.factor_text} x {figure}" if relative.factor_text else figure
    return replace(criterion, threshold=Quantity(relative.of(value), dimension, text))


def _observed(criterion: Criterion, old: Measure) -> float | None:
    """The baseline's value in base units; infinite where it falls among failed requests, None without data.

    Quantiles are read at the same edge of a bucket as those of the new run: a run held against itself is
    neither faster nor slower.
    """
    match old:
        case Share():
            return old.value
        case Number():
            return old.value
        case Gauge():
            return old.statistic(criterion.statistic) if old.samples else None
        case Distribution():
            return _of_distribution(criterion, old)


def _of_distribution(criterion: Criterion, old: Distribution) -> float | None:
    if not old.n:
        return None
    if criterion.quantile is not None:
        rank = nearest_rank(criterion.quantile, old.n)
        if rank > old.good.n:
            return math.inf
        return old.good.at_rank(rank)[1 if criterion.op.wants_less else 0]
    if not old.good.n or (old.failed and criterion.statistic != "min"):
        return math.inf
    found = {"min": old.good.minimum, "max": old.good.maximum, "mean": old.good.mean}
    return found.get(criterion.statistic)


def _dimension(measure: Measure) -> Dimension:
    match measure:
        case Share():
            return Dimension.SHARE
        case Distribution():
            return Dimension.TIME
        case Number() | Gauge():
            return measure.dimension


def _figure(criterion: Criterion, old: Measure) -> str:
    """The baseline's value with what it rests on."""
    value = format_value(_observed(criterion, old) or 0.0, _dimension(old))
    if isinstance(old, Share):
        return f"{value} ({old.passed:,} of {old.total:,})"
    return f"{criterion.statistic} of {value}{_of(old)}"


def _of(measure: Measure) -> str:
    return f" ({counted(measure.n, 'request')})" if isinstance(measure, Distribution) else ""
