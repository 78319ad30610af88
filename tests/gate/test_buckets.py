"""A quantile of values known by buckets is met, or not met, only where it is so wherever they lie."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Buckets, nearest_rank
from tests.judged import told

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
EDGES = (0.05, 0.1, 0.25)


def above(edge: float) -> float:
    return math.nextafter(edge, math.inf)


def buckets(*counts: int) -> Buckets:
    """Counts up to 50 ms, 100 ms, 250 ms and beyond."""
    lows = (0.0, *map(above, EDGES))
    highs = (*EDGES, None)
    return Buckets(counts=tuple(zip(lows, highs, counts, strict=True)), span=60.0)


def verdict_of(text: str, seen: Buckets, confidence: float | None = None) -> CriterionVerdict:
    return judge(parse_criterion(text), seen, confidence=confidence).verdict


@pytest.mark.parametrize(
    ("criterion", "counts", "verdict"),
    [
        ("up.latency.p95 <= 100ms", (90, 5, 5, 0), MET),
        ("up.latency.p95 < 100ms", (90, 5, 5, 0), UNPROVEN),  # it may be 100 ms
        ("up.latency.p95 <= 99ms", (90, 5, 5, 0), UNPROVEN),
        ("up.latency.p95 <= 50ms", (90, 5, 5, 0), NOT_MET),  # it is above 50 ms
        ("up.latency.p95 < 49ms", (90, 5, 5, 0), NOT_MET),
        ("up.latency.p95 <= 100ms", (90, 4, 6, 0), NOT_MET),
        ("up.latency.p95 <= 150ms", (90, 4, 6, 0), UNPROVEN),
        ("up.latency.p95 <= 10s", (90, 4, 0, 6), UNPROVEN),  # the last bucket has no end
        ("up.latency.p95 <= 250ms", (90, 4, 0, 6), NOT_MET),
        ("up.latency.p50 > 100ms", (0, 0, 100, 0), MET),
        ("up.latency.p50 >= 100ms", (0, 100, 0, 0), UNPROVEN),
        ("up.latency.p50 > 100ms", (0, 100, 0, 0), NOT_MET),
        ("up.latency.p50 > 1s", (0, 0, 0, 100), UNPROVEN),
        ("up.latency.mean < 1s", (100, 0, 0, 0), UNPROVEN),
        ("up.latency.max < 1s", (100, 0, 0, 0), UNPROVEN),
        ("up.latency.p95 <= 100ms", (0, 0, 0, 0), UNPROVEN),
    ],
)
def test_a_threshold_inside_a_bucket_proves_nothing(
    criterion: str, counts: tuple[int, ...], verdict: CriterionVerdict
) -> None:
    assert verdict_of(criterion, buckets(*counts)) is verdict


def test_messages_say_between_which_edges_it_lies() -> None:
    inside = told(judge(parse_criterion("up.latency.p95 < 200ms"), buckets(90, 4, 6, 0), confidence=0.95))
    assert inside.observed == "above 100 ms, up to 250 ms"
    assert "nobody knows where in this bucket it lies" in inside.message
    open_end = told(judge(parse_criterion("up.latency.p95 < 200ms"), buckets(90, 4, 0, 6), confidence=0.95))
    assert (open_end.observed, open_end.verdict) == ("above 250 ms", NOT_MET)
    without = told(judge(parse_criterion("up.latency.max < 1s"), buckets(9, 0, 0, 0), confidence=None))
    assert "write a quantile such as p95" in without.message


@pytest.mark.parametrize(
    ("counts", "verdict", "bound"),
    [((1_000, 0, 0, 0), MET, "<= 50 ms"), ((97, 0, 3, 0), UNPROVEN, "<= 250 ms")],
)
def test_a_quantile_is_held_to_what_its_sample_shows(
    counts: tuple[int, ...], verdict: CriterionVerdict, bound: str
) -> None:
    found = told(judge(parse_criterion("up.latency.p95 <= 50ms"), buckets(*counts), confidence=0.95))
    assert (found.verdict, found.bound) == (verdict, bound)


def test_a_lower_limit_is_held_to_its_bound() -> None:
    assert verdict_of("up.latency.p50 > 100ms", buckets(0, 0, 500, 0), 0.95) is MET
    assert verdict_of("up.latency.p50 > 100ms", buckets(0, 49, 51, 0), 0.95) is UNPROVEN


@pytest.mark.parametrize(
    ("slow", "verdict", "says"),
    [
        ([1] * 40, MET, ""),
        ([40, *[0] * 39], UNPROVEN, "slow requests come together in time"),
        ([1] * 10, MET, "30 pieces of time would be needed"),
    ],
)
def test_slow_requests_that_come_together_are_worth_less(
    slow: list[int], verdict: CriterionVerdict, says: str
) -> None:
    blocks = tuple((2_000 // len(slow), 0, one, 0) for one in slow)
    seen = replace(buckets(*(sum(block[at] for block in blocks) for at in range(4))), blocks=blocks)
    found = told(judge(parse_criterion("up.latency.p95 <= 50ms"), seen, confidence=0.95))
    assert found.verdict is verdict
    assert says in found.message


def test_the_unit_is_that_of_the_histogram() -> None:
    seen = buckets(100, 0, 0, 0)
    assert judge(parse_criterion("up.latency.p95 < 1kB"), seen, confidence=None).verdict is UNPROVEN
    sizes = Buckets(counts=((0, 1000.0, 9),), dimension=Dimension.SIZE)
    assert judge(parse_criterion("up.size.p95 <= 1kB"), sizes, confidence=None).verdict is MET


VALUES = st.lists(st.floats(min_value=0, max_value=0.4) | st.sampled_from(EDGES), min_size=1, max_size=40)
OPERATORS = st.sampled_from(["<", "<=", ">", ">="])
THRESHOLDS = st.sampled_from([0.01, 0.05, 0.07, 0.1, 0.2, 0.25, 0.3])


@given(VALUES, OPERATORS, THRESHOLDS, st.sampled_from([50, 90, 95]))
def test_what_is_decided_is_so_for_the_values_behind_the_buckets(
    values: list[float], op: str, threshold: float, percent: int
) -> None:
    counts = [0, 0, 0, 0]
    for value in values:
        counts[sum(value > edge for edge in EDGES)] += 1
    criterion = parse_criterion(f"up.latency.p{percent} {op} {threshold * 1000:g}ms")
    verdict = judge(criterion, buckets(*counts), confidence=None).verdict
    true = sorted(values)[nearest_rank(percent / 100, len(values)) - 1]
    holds = criterion.op.holds(true, criterion.quantity.value)
    assert verdict in ({MET, UNPROVEN} if holds else {NOT_MET, UNPROVEN})
