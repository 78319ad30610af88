"""Bounds against published tables; every value below stands in print or follows from a closed form."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.bounds import Bounds
from phasegate.gate.statistics import lower_bound, samples_needed, shows_at_least, tail

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.8, 0.9, 0.95, 0.975, 0.99, 0.999])


# Two-sided 95% limits are one-sided 97.5% ones: Clopper and Pearson 1934; Newcombe 1998, Statistics in
# Medicine 17, table I (81/263, 15/148, 0/20, 1/29).
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 10, 0.0025, 0.4450),
    ],
)
def test_two_sided_limits_are_those_of_the_published_tables(successes, n, low, high):
    assert round(lower_bound(successes, n, 0.975), 4) == low
    assert round(1 - lower_bound(n - successes, n, 0.975), 4) == high


@pytest.mark.parametrize(
    ("successes", "n", "percent"), [(50, 50, 94.2), (96, 100, 91.1), (3, 3, 36.8), (95, 100, 89.8)]
)
def test_one_sided_bounds_at_95_percent(successes, n, percent):
    assert round(lower_bound(successes, n, 0.95) * 100, 1) == percent


# From scipy.stats.beta.ppf(1 - confidence, k, n - k + 1), version 1.16.
@pytest.mark.parametrize(
    ("successes", "n", "confidence", "bound"),
    [
        (9_990_000, 10_000_000, 0.95, 0.99898340242933),
        (5_000_000, 10_000_000, 0.95, 0.49973987583016577),
        (9_999_997, 10_000_000, 0.95, 0.9999992246345315),
        (29_984, 112_403, 0.5, 0.2667506894854256),
        (10, 116_271, 0.99, 3.552292198699549e-05),
        (1, 17, 0.01, 0.23730141409765554),
    ],
)
def test_bounds_of_large_samples_agree_with_another_implementation(successes, n, confidence, bound):
    assert lower_bound(successes, n, confidence) == pytest.approx(bound, rel=1e-8)


@pytest.mark.parametrize(
    ("share", "failures", "needed"),
    [
        (0.95, 0, 59),
        (0.99, 0, 299),
        (0.999, 0, 2995),
        (0.9, 0, 29),
        (0.5, 0, 5),
        (0.95, 1, 93),
        (0.95, 2, 124),
        (0.999, 1, 4742),
        (0.95, 4, 181),
    ],
)
def test_samples_needed_are_those_of_wilks(share, failures, needed):
    assert samples_needed(share, 0.95, failures) == needed


def test_no_number_of_samples_shows_everything():
    assert samples_needed(1.0, 0.95) is None


@given(st.floats(0.01, 0.9999), confidences, st.integers(0, 50))
def test_samples_needed_is_the_smallest_number_that_does(share, confidence, failures):
    n = samples_needed(share, confidence, failures)
    assert n is not None
    assert shows_at_least(share, n - failures, n, confidence)
    assert n == failures + 1 or not shows_at_least(share, n - 1 - failures, n - 1, confidence)


@given(st.integers(1, 60), st.integers(1, 99), st.data())
def test_tail_is_the_exact_sum(n, percent, data):
    k = data.draw(st.integers(0, n))
    p = Fraction(percent, 100)
    exact = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert tail(n, percent / 100, k) == pytest.approx(float(exact), rel=1e-9, abs=1e-15)


@given(counts, confidences)
def test_bound_is_where_the_tail_equals_the_error(count, confidence):
    k, n = count
    bound = lower_bound(k, n, confidence)
    assert 0 <= bound <= k / n
    if k:
        assert tail(n, bound, k) == pytest.approx(1 - confidence, rel=1e-6)


@given(counts, confidences)
def test_more_successes_never_lower_a_bound_and_more_failures_never_raise_it(count, confidence):
    k, n = count
    assert lower_bound(k + 1, n + 1, confidence) >= lower_bound(k, n, confidence) - 1e-12
    assert lower_bound(k, n + 1, confidence) <= lower_bound(k, n, confidence) + 1e-12


@given(counts)
def test_more_confidence_never_raises_a_lower_bound(count):
    k, n = count
    bounds = [lower_bound(k, n, confidence) for confidence in (0.5, 0.8, 0.9, 0.95, 0.99)]
    assert bounds == sorted(bounds, reverse=True)


@given(st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.integers(1, 5000), confidences)
def test_rank_bounds_stand_around_the_quantile(share, n, confidence):
    bounds = Bounds(confidence=confidence)
    high, low = bounds.upper_rank(share, n), bounds.lower_rank(share, n)
    if high is not None:
        assert high >= share * n
        assert shows_at_least(share, high, n, confidence)
        assert not shows_at_least(share, high - 1, n, confidence)
    if low is not None:
        assert 1 <= low <= share * n + 1


def test_a_p95_is_bounded_from_59_samples_on():
    bounds = Bounds(confidence=0.95)
    assert bounds.upper_rank(0.95, 58) is None
    assert bounds.upper_rank(0.95, 59) == 59
    assert bounds.upper_rank(0.95, 0) is None


@pytest.mark.parametrize(("k", "n", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 0, 0.95), (1, 1, 1.0)])
def test_what_is_no_share_is_refused(k, n, confidence):
    with pytest.raises(ValueError, match=r"is not"):
        lower_bound(k, n, confidence)


def test_certain_and_impossible_tails():
    assert tail(5, 0.5, 0) == 1.0
    assert tail(5, 0.5, 6) == 0.0
    assert tail(5, 1.0, 5) == 1.0
    assert tail(5, 0.0, 1) == 0.0
