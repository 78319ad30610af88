"""Judging a statistic of a distribution of durations, in which failed requests rank above every value."""

from __future__ import annotations

from dataclasses import replace

from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.criterion import Criterion, Operator
from phasegate.gate.judgement import (
    AS_OBSERVED,
    FAILED,
    NO_BOUND,
    Judgement,
    counted,
    effective,
    in_span,
    margin,
    no_data,
    shown,
    unproven,
    worth,
)
from phasegate.model.histogram import NANOSECONDS, Histogram, bucket_bounds
from phasegate.model.measures import Distribution, nearest_rank
from phasegate.model.result import CriterionVerdict
from phasegate.units import Dimension


def judge_distribution(criterion: Criterion, seen: Distribution, bounds: Bounds | None) -> Judgement:
    """Judge `latency.p95 < 100ms` and its like; `bounds` None compares observed values only."""
    if not seen.n:
        why = "no request was timed"
        if seen.unmeasured:
            why = f"{counted(seen.unmeasured, 'duration')} of exactly 0, below the resolution of the clock"
        return no_data(criterion, why, n=0)
    if not (criterion.op.wants_more or criterion.op.wants_less):
        return unproven(criterion, f"{criterion.op} says nothing about a sample of durations", seen.n)
    if criterion.quantile is not None:
        judged = _quantile(criterion, seen, criterion.quantile, bounds)
    elif criterion.statistic == "mean" and bounds is not None:
        judged = unproven(criterion, "a mean has no confidence bound; it needs `confidence: none`", seen.n)
    else:
        judged = _of_sample(criterion, seen)
    return _without_unmeasured(criterion, judged, seen)


def _of_sample(criterion: Criterion, seen: Distribution) -> Judgement:
    """Minimum, maximum and mean: statements about the sample, without a bound."""
    good, statistic = seen.good, criterion.statistic
    if not good.n or (seen.failed and statistic != "min"):
        return _failed(criterion, seen)
    value = {"min": good.minimum, "max": good.maximum, "mean": good.mean}[statistic]
    judged = _compared(criterion, seen, value)
    return replace(judged, message=f"{judged.message}; a statement about this sample, without a bound")


def _quantile(criterion: Criterion, seen: Distribution, share: float, bounds: Bounds | None) -> Judgement:
    rank = nearest_rank(share, seen.n)
    value = None if rank > seen.good.n else _at(criterion.op, seen, rank)
    if value is None:
        return _failed(criterion, seen)
    judged = _compared(criterion, seen, value)
    if bounds is None:
        return replace(judged, bound=NO_BOUND, message=judged.message + AS_OBSERVED)
    return _bounded(criterion, replace(judged, confidence=bounds.confidence), seen, share, bounds)


def _at(op: Operator, seen: Distribution, rank: int) -> float | None:
    """The value at a rank among all requests, at the bucket edge that favours *not met*.

    Failed requests are ranked where they hurt: above everything for `<`, below everything for `>`, or a
    service that fails at once would prove a lower limit. None where the rank falls among them.
    """
    rank = rank if op.wants_less else rank - seen.failed
    if not 1 <= rank <= seen.good.n:
        return None
    low, high = seen.good.at_rank(rank)
    return high if op.wants_less else low


def _bounded(
    criterion: Criterion, judged: Judgement, seen: Distribution, share: float, bounds: Bounds
) -> Judgement:
    """A quantile is within a threshold when the share of requests within it is large enough."""
    op, threshold, n = criterion.op, criterion.quantity.value, seen.n
    effect = design_effect(outside_by_block(criterion, seen), bounds.confidence) if seen.blocks else 1.0
    bounds = replace(bounds, effect=effect or 1.0)
    rank = bounds.upper_rank(share, n) if op.wants_less else bounds.lower_rank(share, n)
    edge = None if rank is None else _at(op, seen, rank)
    judged = replace(judged, effective_n=effective(bounds.effect, n) if bounds.effect > 1 else None)
    words = ""
    if edge is not None:
        text = shown(edge, Dimension.TIME, threshold)
        sign, side = ("<=", "at most") if op.wants_less else (">=", "at least")
        judged, words = replace(judged, bound=f"{sign} {text}"), f"{side} {text}"
    if judged.verdict is CriterionVerdict.NOT_MET:
        return judged
    observed = f"observed {_figure(criterion, judged.observed, seen)}"
    beyond = ("slow or failed" if seen.failed else "slow") if op.wants_less else "fast"
    shows = f"{observed} shows {words or 'no bound'} {bounds.words}{worth(effect, n, f'{beyond} requests')}"
    if edge is not None and op.holds(edge, threshold):
        return replace(judged, message=shows)
    outside = n - surely_within(op, seen.good, threshold)
    needed = bounds.needed(share if op.wants_less else 1 - share, outside)
    return replace(
        judged,
        verdict=CriterionVerdict.UNPROVEN,
        message=f"{shows}; {_would_do(criterion, needed, outside)}",
    )


def outside_by_block(criterion: Criterion, seen: Distribution) -> list[tuple[int, int]]:
    """(requests, those not surely within the threshold) of each piece of time."""
    op, threshold = criterion.op, criterion.quantity.value
    return [(block.n, block.n - surely_within(op, block.good, threshold)) for block in seen.blocks]


def _would_do(criterion: Criterion, needed: int | None, outside: int) -> str:
    if needed is None:
        return "no number of requests can show more"
    miss = "slower or failed" if criterion.op.wants_less else "faster or failed"
    if not outside:
        return f"{needed:,} requests, none of them {miss}, would do"
    return f"{needed:,} requests with no more than these {outside:,} {miss} would do"


def surely_within(op: Operator, good: Histogram, threshold: float) -> int:
    """How many values satisfy the threshold wherever in their bucket they lie."""
    within = 0
    for bucket, count in good.counts:
        low, high = bucket_bounds(bucket)
        edge = min(high, good.maximum_ns) if op.wants_less else max(low, good.minimum_ns)
        within += count if op.holds(edge / NANOSECONDS, threshold) else 0
    return within


def possibly_within(op: Operator, good: Histogram, threshold: float) -> int:
    """How many values satisfy the threshold somewhere in their bucket."""
    within = 0
    for bucket, count in good.counts:
        low, high = bucket_bounds(bucket)
        edge = max(low, good.minimum_ns) if op.wants_less else min(high, good.maximum_ns)
        within += count if op.holds(edge / NANOSECONDS, threshold) else 0
    return within


def _compared(criterion: Criterion, seen: Distribution, value: float) -> Judgement:
    threshold = criterion.quantity.value
    observed = shown(value, Dimension.TIME, threshold)
    holds = criterion.op.holds(value, threshold)
    return Judgement(
        verdict=CriterionVerdict.MET if holds else CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=observed,
        n=seen.n,
        margin=margin(value, criterion.op, threshold, Dimension.TIME),
        message=f"observed {_figure(criterion, observed, seen)}, needs {criterion.required}",
    )


def _failed(criterion: Criterion, seen: Distribution) -> Judgement:
    where = "is among" if criterion.statistic.startswith("p") else "cannot leave out"
    return Judgement(
        verdict=CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=FAILED,
        n=seen.n,
        message=f"the {criterion.statistic} of {_requests(seen)} {where} the {seen.failed:,} failed, "
        f"needs {criterion.required}",
    )


def _figure(criterion: Criterion, observed: str, seen: Distribution) -> str:
    return f"{criterion.statistic} of {observed} ({_requests(seen)})"


def _requests(seen: Distribution) -> str:
    return f"{counted(seen.n, 'request')}{in_span(seen.span)}"


def _without_unmeasured(criterion: Criterion, judged: Judgement, seen: Distribution) -> Judgement:
    """Durations of exactly 0 are left out and named; they are short, so nothing that needs long ones is met.

    A violation is kept only where it would stay one with them ranked below everything.
    """
    if not seen.unmeasured:
        return judged
    verdict = judged.verdict
    if verdict is CriterionVerdict.MET and criterion.op.wants_more:
        verdict = CriterionVerdict.UNPROVEN
    if (
        verdict is CriterionVerdict.NOT_MET
        and criterion.op.wants_less
        and _holds_with_unmeasured(criterion, seen)
    ):
        verdict = CriterionVerdict.UNPROVEN
    left_out = (
        f"{counted(seen.unmeasured, 'duration')} of exactly 0 left out, below the resolution of the clock"
    )
    return replace(judged, verdict=verdict, message=f"{judged.message}; {left_out}")


def _holds_with_unmeasured(criterion: Criterion, seen: Distribution) -> bool:
    if criterion.statistic == "min":
        return True
    if criterion.statistic == "mean":
        mean = seen.good.mean * seen.good.n / (seen.good.n + seen.unmeasured)
        return not seen.failed and criterion.op.holds(mean, criterion.quantity.value)
    if criterion.quantile is None:
        return False
    rank = nearest_rank(criterion.quantile, seen.n + seen.unmeasured) - seen.unmeasured
    if rank < 1:
        return True
    value = _at(criterion.op, seen, rank)
    return value is not None and criterion.op.holds(value, criterion.quantity.value)
