"""Judging a quantile of values that are known by buckets: between the edges of one, it may lie anywhere.

Nothing is interpolated. A quantile is within a threshold where enough values surely are, and beyond it where
too few of them possibly are; in between, the threshold lies inside its bucket and nobody knows.
"""

from __future__ import annotations

import math
from dataclasses import replace

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.judgement import clustering, hold_to_bound, judged, margin, no_data, required, unproven
from phasegate.model.criterion import Criterion
from phasegate.model.judgement import NOT_ASKED, CriterionVerdict, Judgement
from phasegate.model.measures import Buckets, nearest_rank
from phasegate.model.statistic import find_statistic


def judge_buckets(criterion: Criterion, seen: Buckets, bounds: Bounds | None) -> Judgement:
    """Judge `latency.p95 <= 100ms` and its like; `bounds` None compares observed values only."""
    op, n = criterion.op, seen.n
    if not n:
        return no_data(criterion, fact(Code.NO_REQUEST_TIMED), n=0)
    if not (op.wants_more or op.wants_less):
        return unproven(criterion, fact(Code.SAYS_NOTHING_OF_SAMPLE, op=op.value), n)
    share = find_statistic(criterion.statistic).quantile
    if share is None:
        return unproven(criterion, fact(Code.BUCKETS_HAVE_QUANTILES, statistic=criterion.statistic), n)
    rank = nearest_rank(share, n)
    low, high = seen.at_rank(rank)
    needed = rank if op.wants_less else n - rank + 1
    surely, possibly = count_within(criterion, seen)
    found = _compare(criterion, seen, (low, high), met=surely >= needed, not_met=possibly < needed)
    if found.verdict is not CriterionVerdict.MET:
        return found
    if bounds is None:
        return _without_bound(found)
    return _hold_to_bound(criterion, seen, found, share, bounds)


def _compare(
    criterion: Criterion, seen: Buckets, edges: tuple[float, float], *, met: bool, not_met: bool
) -> Judgement:
    low, high = edges
    threshold = criterion.quantity.value
    observed = fact(
        Code.BETWEEN,
        least=Figure(low, seen.dimension) if low and math.isfinite(low) else None,
        most=Figure(high, seen.dimension) if math.isfinite(high) else None,
    )
    # The nearer edge: a quantile is at least that far on its side of the threshold.
    near = high if criterion.op.wants_less is met else low
    known = (met or not_met) and math.isfinite(near)
    verdict = CriterionVerdict.MET if met else CriterionVerdict.UNPROVEN
    return judged(
        criterion,
        verdict=CriterionVerdict.NOT_MET if not_met else verdict,
        observed=observed,
        n=seen.n,
        margin=margin(near, criterion.op, threshold, seen.dimension) if known else None,
        reason=fact(
            Code.COMPARED if met or not_met else Code.INSIDE_BUCKET,
            observed=observed,
            statistic=criterion.statistic,
            n=seen.n,
            span=seen.span,
            needs=required(criterion),
        ),
    )


def _without_bound(found: Judgement) -> Judgement:
    values = {**found.reason.values, "without_bound": True}
    return replace(found, bound=NOT_ASKED, reason=Fact(found.reason.code, values))


def _hold_to_bound(
    criterion: Criterion, seen: Buckets, found: Judgement, share: float, bounds: Bounds
) -> Judgement:
    op, n = criterion.op, seen.n
    surely, _ = count_within(criterion, seen)
    effect = design_effect(_outside_by_block(criterion, seen), bounds.confidence)
    bounds = replace(bounds, effect=effect or 1.0)
    rank = bounds.upper_rank(share, n) if op.wants_less else bounds.lower_rank(share, n)
    edge = None if rank is None else seen.at_rank(rank)[op.wants_less]
    side = Code.AT_MOST if op.wants_less else Code.AT_LEAST
    shown = edge is not None and math.isfinite(edge)
    figure = Figure(edge, seen.dimension, criterion.quantity.value) if edge is not None and shown else None
    within = share if op.wants_less else 1 - share
    miss = "slower" if op.wants_less else "faster"
    return hold_to_bound(
        found,
        bounds,
        clusters=clustering(effect, n, "slow" if op.wants_less else "fast"),
        bound=None if figure is None else fact(side, value=figure),
        enough=bounds.shows_at_least(within, surely, n),
        would_do=lambda: fact(
            Code.WOULD_DO_IN_TIME, needed=bounds.needed(within, n - surely), outside=n - surely, miss=miss
        ),
        statistic=criterion.statistic,
        n=n,
        span=seen.span,
    )


def _outside_by_block(criterion: Criterion, seen: Buckets) -> list[tuple[int, int]]:
    """(values, those not surely within the threshold) of each piece of time."""
    blocks = (
        replace(seen, counts=tuple((*seen.counts[at][:2], n) for at, n in enumerate(block)))
        for block in seen.blocks
    )
    return [(block.n, block.n - count_within(criterion, block)[0]) for block in blocks]


def count_within(criterion: Criterion, seen: Buckets) -> tuple[int, int]:
    """How many values satisfy the threshold wherever in their bucket they lie, and how many somewhere."""
    op, threshold = criterion.op, criterion.quantity.value
    surely = possibly = 0
    for low, high, count in seen.counts:
        edges = (-math.inf if low is None else low, math.inf if high is None else high)
        holds = [op.holds(edge, threshold) for edge in edges]
        surely += count if all(holds) else 0
        possibly += count if any(holds) else 0
    return surely, possibly
