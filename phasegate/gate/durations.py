"""Judging a statistic of a distribution of durations, in which failed requests rank above every value."""

from __future__ import annotations

from dataclasses import replace

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.judgement import (
    clustering,
    compare,
    hold_to_bound,
    judged,
    no_data,
    no_such_statistic,
    required,
    unproven,
)
from phasegate.model.criterion import Criterion, Operator
from phasegate.model.histogram import NANOSECONDS, Histogram, bucket_bounds
from phasegate.model.judgement import FAILED, NOT_ASKED, CriterionVerdict, Judgement
from phasegate.model.measures import Distribution, MeasureType
from phasegate.model.statistic import OfTimes, Ranking, Statistic, find_statistic


def judge_distribution(criterion: Criterion, seen: Distribution, bounds: Bounds | None) -> Judgement:
    """Judge `latency.p95 < 100ms` and its like; `bounds` None compares observed values only."""
    if not seen.n:
        why = fact(Code.NO_REQUEST_TIMED)
        if seen.unmeasured:
            why = fact(Code.BELOW_RESOLUTION, count=seen.unmeasured)
        return no_data(criterion, why, n=0)
    if not (criterion.op.wants_more or criterion.op.wants_less):
        return unproven(criterion, fact(Code.SAYS_NOTHING_OF_SAMPLE, op=criterion.op.value), seen.n)
    statistic = find_statistic(criterion.statistic)
    if (value_of := statistic.of_times) is None:
        return no_such_statistic(criterion, MeasureType.DISTRIBUTION, seen.n)
    found = _judge(criterion, seen, statistic, value_of(_ranking(criterion.op, seen)), bounds)
    return _without_unmeasured(criterion, found, seen, value_of)


def _judge(
    criterion: Criterion, seen: Distribution, statistic: Statistic, value: float | None, bounds: Bounds | None
) -> Judgement:
    share = statistic.quantile
    if bounds is not None and statistic.lacks_bound:
        return unproven(criterion, fact(Code.NO_BOUND, statistic=statistic.name), seen.n)
    if value is None:
        return _among_failed(criterion, seen)
    found = compare(
        criterion,
        value,
        Dimension.TIME,
        statistic=statistic.name,
        n=seen.n,
        span=seen.span,
        without_bound=share is not None and bounds is None,
        of_this_sample=share is None,
    )
    if share is None:
        return found
    if bounds is None:
        return replace(found, bound=NOT_ASKED)
    return _judge_bounds(criterion, found, seen, share, bounds)


def _ranking(op: Operator, seen: Distribution) -> Ranking:
    """A distribution read at the edges of buckets that favour *not met*.

    Failed requests are ranked where they hurt: above everything for `<`, below everything for `>`, or a
    service that fails at once would prove a lower limit.
    """
    return Ranking(seen=seen, high=op.wants_less, failed_first=not op.wants_less)


def _judge_bounds(
    criterion: Criterion, found: Judgement, seen: Distribution, share: float, bounds: Bounds
) -> Judgement:
    """A quantile is within a threshold when the share of requests within it is large enough."""
    op, threshold, n = criterion.op, criterion.quantity.value, seen.n
    effect = design_effect(outside_by_block(criterion, seen), bounds.confidence)
    bounds = replace(bounds, effect=effect or 1.0)
    rank = bounds.upper_rank(share, n) if op.wants_less else bounds.lower_rank(share, n)
    edge = None if rank is None else _ranking(op, seen).at(rank)
    side = Code.AT_MOST if op.wants_less else Code.AT_LEAST
    beyond = ("slow_or_failed" if seen.failed else "slow") if op.wants_less else "fast"
    return hold_to_bound(
        found,
        bounds,
        clusters=clustering(effect, n, beyond),
        bound=None if edge is None else fact(side, value=Figure(edge, Dimension.TIME, threshold)),
        enough=edge is not None and op.holds(edge, threshold),
        would_do=lambda: _would_do(criterion, seen, share, bounds),
        statistic=criterion.statistic,
        n=n,
        span=seen.span,
    )


def outside_by_block(criterion: Criterion, seen: Distribution) -> list[tuple[int, int]]:
    """(requests, those not surely within the threshold) of each piece of time."""
    op, threshold = criterion.op, criterion.quantity.value
    return [(block.n, block.n - count_within(op, block.good, threshold)) for block in seen.blocks]


def _would_do(criterion: Criterion, seen: Distribution, share: float, bounds: Bounds) -> Fact:
    op = criterion.op
    outside = seen.n - count_within(op, seen.good, criterion.quantity.value)
    needed = bounds.needed(share if op.wants_less else 1 - share, outside)
    miss = "slower" if op.wants_less else "faster"
    return fact(Code.WOULD_DO_IN_TIME, needed=needed, outside=outside, miss=miss)


def count_within(op: Operator, good: Histogram, threshold: float, *, surely: bool = True) -> int:
    """How many values satisfy the threshold wherever in their bucket they lie; somewhere, unless `surely`."""
    within = 0
    for bucket, count in good.counts:
        low, high = bucket_bounds(bucket)
        edge = min(high, good.maximum_ns) if op.wants_less is surely else max(low, good.minimum_ns)
        within += count if op.holds(edge / NANOSECONDS, threshold) else 0
    return within


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


def _without_unmeasured(
    criterion: Criterion, found: Judgement, seen: Distribution, value_of: OfTimes
) -> Judgement:
    """Durations of exactly 0 are left out and named; they are short, so nothing that needs long ones is met.

    A violation is kept only where it would stay one with them ranked below everything.
    """
    if not seen.unmeasured:
        return found
    verdict, op = found.verdict, criterion.op
    if verdict is CriterionVerdict.MET and op.wants_more:
        verdict = CriterionVerdict.UNPROVEN
    if verdict is CriterionVerdict.NOT_MET and op.wants_less:
        zeros = Histogram.of_counts({0: seen.unmeasured}, minimum_ns=0, maximum_ns=0, total_ns=0)
        with_them = value_of(_ranking(op, replace(seen, good=seen.good.merge(zeros))))
        if with_them is not None and op.holds(with_them, criterion.quantity.value):
            verdict = CriterionVerdict.UNPROVEN
    return replace(
        found, verdict=verdict, reason=fact(Code.UNMEASURED, of=found.reason, count=seen.unmeasured)
    )
