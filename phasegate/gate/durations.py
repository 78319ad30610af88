"""Judging a statistic of a distribution of durations, in which failed requests rank above every value."""

from __future__ import annotations

from dataclasses import replace

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.judgement import (
    clustering,
    effective,
    judged,
    margin,
    no_data,
    required,
    sureness,
    unproven,
)
from phasegate.model.criterion import Criterion, Operator
from phasegate.model.histogram import NANOSECONDS, Histogram, bucket_bounds
from phasegate.model.judgement import FAILED, NOT_ASKED, CriterionVerdict, Judgement
from phasegate.model.measures import Distribution, nearest_rank


def judge_distribution(criterion: Criterion, seen: Distribution, bounds: Bounds | None) -> Judgement:
    """Judge `latency.p95 < 100ms` and its like; `bounds` None compares observed values only."""
    if not seen.n:
        why = fact(Code.NO_REQUEST_TIMED)
        if seen.unmeasured:
            why = fact(Code.BELOW_RESOLUTION, count=seen.unmeasured)
        return no_data(criterion, why, n=0)
    if not (criterion.op.wants_more or criterion.op.wants_less):
        return unproven(criterion, fact(Code.SAYS_NOTHING_OF_SAMPLE, op=criterion.op.value), seen.n)
    if criterion.quantile is not None:
        found = _quantile(criterion, seen, criterion.quantile, bounds)
    elif criterion.statistic == "mean" and bounds is not None:
        found = unproven(criterion, fact(Code.NO_BOUND_OF_MEAN), seen.n)
    else:
        found = _of_sample(criterion, seen)
    return _without_unmeasured(criterion, found, seen)


def _of_sample(criterion: Criterion, seen: Distribution) -> Judgement:
    """Minimum, maximum and mean: statements about the sample, without a bound."""
    good, statistic = seen.good, criterion.statistic
    if not good.n or (seen.failed and statistic != "min"):
        return _among_failed(criterion, seen)
    value = {"min": good.minimum, "max": good.maximum, "mean": good.mean}[statistic]
    return _compare(criterion, seen, value, of_this_sample=True)


def _quantile(criterion: Criterion, seen: Distribution, share: float, bounds: Bounds | None) -> Judgement:
    rank = nearest_rank(share, seen.n)
    value = None if rank > seen.good.n else _at(criterion.op, seen, rank)
    if value is None:
        return _among_failed(criterion, seen)
    found = _compare(criterion, seen, value, without_bound=bounds is None)
    if bounds is None:
        return replace(found, bound=NOT_ASKED)
    return _judge_bounds(criterion, replace(found, confidence=bounds.confidence), seen, share, bounds)


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


def _judge_bounds(
    criterion: Criterion, found: Judgement, seen: Distribution, share: float, bounds: Bounds
) -> Judgement:
    """A quantile is within a threshold when the share of requests within it is large enough."""
    op, threshold, n = criterion.op, criterion.quantity.value, seen.n
    effect = design_effect(outside_by_block(criterion, seen), bounds.confidence) if seen.blocks else 1.0
    bounds = replace(bounds, effect=effect or 1.0)
    rank = bounds.upper_rank(share, n) if op.wants_less else bounds.lower_rank(share, n)
    edge = None if rank is None else _at(op, seen, rank)
    found = replace(found, effective_n=effective(bounds.effect, n) if bounds.effect > 1 else None)
    if edge is not None:
        side = Code.AT_MOST if op.wants_less else Code.AT_LEAST
        found = replace(found, bound=fact(side, value=Figure(edge, Dimension.TIME, threshold)))
    if found.verdict is CriterionVerdict.NOT_MET:
        return found
    enough = edge is not None and op.holds(edge, threshold)
    beyond = ("slow_or_failed" if seen.failed else "slow") if op.wants_less else "fast"
    return replace(
        found,
        verdict=CriterionVerdict.MET if enough else CriterionVerdict.UNPROVEN,
        reason=fact(
            Code.SHOWN,
            observed=found.observed,
            statistic=criterion.statistic,
            n=n,
            span=seen.span,
            bound=found.bound,
            clusters=clustering(effect, n, beyond),
            would_do=None if enough else _would_do(criterion, seen, share, bounds),
            **sureness(bounds),
        ),
    )


def outside_by_block(criterion: Criterion, seen: Distribution) -> list[tuple[int, int]]:
    """(requests, those not surely within the threshold) of each piece of time."""
    op, threshold = criterion.op, criterion.quantity.value
    return [(block.n, block.n - surely_within(op, block.good, threshold)) for block in seen.blocks]


def _would_do(criterion: Criterion, seen: Distribution, share: float, bounds: Bounds) -> Fact:
    op = criterion.op
    outside = seen.n - surely_within(op, seen.good, criterion.quantity.value)
    needed = bounds.needed(share if op.wants_less else 1 - share, outside)
    miss = "slower" if op.wants_less else "faster"
    return fact(Code.WOULD_DO_IN_TIME, needed=needed, outside=outside, miss=miss)


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


def _compare(criterion: Criterion, seen: Distribution, value: float, **remarks: bool) -> Judgement:
    threshold = criterion.quantity.value
    observed = fact(Code.VALUE, value=Figure(value, Dimension.TIME, threshold))
    return judged(
        criterion,
        verdict=CriterionVerdict.MET if criterion.op.holds(value, threshold) else CriterionVerdict.NOT_MET,
        observed=observed,
        n=seen.n,
        margin=margin(value, criterion.op, threshold, Dimension.TIME),
        reason=fact(
            Code.COMPARED,
            observed=observed,
            statistic=criterion.statistic,
            n=seen.n,
            span=seen.span,
            needs=required(criterion),
            **remarks,
        ),
    )


def _among_failed(criterion: Criterion, seen: Distribution) -> Judgement:
    return judged(
        criterion,
        verdict=CriterionVerdict.NOT_MET,
        observed=FAILED,
        n=seen.n,
        reason=fact(
            Code.AMONG_FAILED,
            statistic=criterion.statistic,
            n=seen.n,
            span=seen.span,
            failed=seen.failed,
            needs=required(criterion),
        ),
    )


def _without_unmeasured(criterion: Criterion, found: Judgement, seen: Distribution) -> Judgement:
    """Durations of exactly 0 are left out and named; they are short, so nothing that needs long ones is met.

    A violation is kept only where it would stay one with them ranked below everything.
    """
    if not seen.unmeasured:
        return found
    verdict = found.verdict
    if verdict is CriterionVerdict.MET and criterion.op.wants_more:
        verdict = CriterionVerdict.UNPROVEN
    if (
        verdict is CriterionVerdict.NOT_MET
        and criterion.op.wants_less
        and _holds_with_unmeasured(criterion, seen)
    ):
        verdict = CriterionVerdict.UNPROVEN
    return replace(
        found, verdict=verdict, reason=fact(Code.UNMEASURED, of=found.reason, count=seen.unmeasured)
    )


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
