from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.histogram import BUCKETS, NANOSECONDS, Histogram, bucket_bounds, bucket_of
from phasegate.model.measures import nearest_rank

nanoseconds = st.integers(0, 2**62) | st.integers(0, 2000)
samples = st.lists(nanoseconds, max_size=60)


@pytest.mark.parametrize(
    ("value", "bucket", "bounds"),
    [(0, 0, (0, 0)), (255, 255, (255, 255)), (256, 256, (256, 257)), (1000, 2 * 128 + 250, (1000, 1003))],
)
def test_buckets_of_the_documented_examples(value, bucket, bounds):
    assert bucket_of(value) == bucket
    assert bucket_bounds(bucket) == bounds


@given(st.lists(st.integers(0, 10**12), max_size=50), st.integers(1, 10**12))
def test_parts_of_a_histogram_are_the_whole_and_lie_on_their_sides(values, edge):
    whole = Histogram.of_nanoseconds(values)
    below, above = whole.split(edge)
    together = below.merge(above)
    assert (together.counts, together.n, together.total_ns) == (whole.counts, whole.n, whole.total_ns)
    assert (together.minimum_ns, together.maximum_ns) == (whole.minimum_ns, whole.maximum_ns)
    assert all(bucket < bucket_of(edge) for bucket, _ in below.counts)
    assert all(bucket >= bucket_of(edge) for bucket, _ in above.counts)


@given(nanoseconds)
def test_a_value_lies_within_its_bucket_which_is_narrow(value):
    bucket = bucket_of(value)
    low, high = bucket_bounds(bucket)
    assert low <= value <= high
    assert (high - low) * 128 <= max(value, 128)
    assert bucket < BUCKETS


def test_buckets_leave_no_gap_and_do_not_overlap():
    edges = [bucket_bounds(bucket) for bucket in range(BUCKETS)]
    assert edges[0][0] == 0
    assert all(high + 1 == low for (_, high), (low, _) in pairwise(edges))
    assert edges[-1][1] >= 2**63 - 1


@given(samples, samples, samples)
def test_merging_is_exact_in_any_order(first, second, third):
    a, b, c = map(Histogram.of_nanoseconds, (first, second, third))
    together = Histogram.of_nanoseconds([*first, *second, *third])
    assert a.merge(b).merge(c) == together
    assert c.merge(a.merge(b)) == together
    assert b.merge(c).merge(a) == together


@given(samples.filter(bool), st.data())
def test_a_rank_lies_between_its_edges(values, data):
    rank = data.draw(st.integers(1, len(values)))
    low, high = Histogram.of_nanoseconds(values).at_rank(rank)
    exact = sorted(values)[rank - 1] / NANOSECONDS
    assert low <= exact <= high
    assert high - low <= exact / 128 + 1e-9


@given(samples.filter(bool), st.sampled_from([0.01, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999]))
def test_a_quantile_is_within_a_bucket_of_the_exact_nearest_rank(values, share):
    rank = nearest_rank(share, len(values))
    low, high = Histogram.of_nanoseconds(values).at_rank(rank)
    assert low <= sorted(values)[rank - 1] / NANOSECONDS <= high


def test_the_edges_of_the_whole_are_exact():
    histogram = Histogram.of_seconds([0.0153, 0.2471])
    assert (histogram.minimum, histogram.maximum) == (0.0153, 0.2471)
    assert histogram.at_rank(1)[0] == 0.0153
    assert histogram.at_rank(2)[1] == 0.2471
    assert histogram.mean == pytest.approx(0.1312)


def test_equal_values_have_no_width():
    assert Histogram.of_seconds([0.0003] * 10).at_rank(5) == (0.0003, 0.0003)


@pytest.mark.parametrize("rank", [0, 3, -1])
def test_a_rank_that_is_not_there_is_refused(rank):
    with pytest.raises(IndexError, match=f"rank {rank} of 2 values"):
        Histogram.of_seconds([0.1, 0.2]).at_rank(rank)


def test_an_empty_histogram():
    empty = Histogram.of_seconds([])
    assert (empty.n, empty.mean, empty.counts) == (0, 0.0, ())
    assert empty.merge(empty) == empty
