"""What a statistic is of a distribution and of a gauge, and which words mean it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Gauge, MeasureType
from phasegate.model.statistic import (
    Ranking,
    find_statistic,
    is_statistic_name,
    name_meant,
    statistic_names,
)

SEEN = Distribution(good=Histogram.of_seconds([0.001, 0.002, 0.003]), failed=2)


def value(name, seen, **read):
    return find_statistic(name).of_times(Ranking(seen=seen, **read))


def of_gauge(name, gauge):
    read = find_statistic(name).of_gauge
    return None if read is None else read(gauge)


def test_failed_requests_rank_above_and_with_failed_first_below_too():
    above = [Ranking(seen=SEEN, high=True).at(rank) for rank in range(1, 6)]
    both = [Ranking(seen=SEEN, high=True, failed_first=True).at(rank) for rank in range(1, 6)]
    assert [one is not None for one in above] == [True, True, True, False, False]
    assert [one is not None for one in both] == [False, False, True, False, False]
    assert both[2] == above[0]


@pytest.mark.parametrize(("name", "there"), [("p50", True), ("p95", False), ("min", True), ("max", False)])
def test_what_failed_requests_leave(name, there):
    assert (value(name, SEEN, high=True) is not None) is there


@pytest.mark.parametrize("name", ["min", "max", "mean", "p50"])
def test_nothing_is_read_off_failed_requests_alone(name):
    assert value(name, Distribution(good=Histogram(), failed=9), high=True) is None


@given(st.lists(st.integers(1, 10**9), min_size=1), st.sampled_from(["p1", "p50", "p99.9"]))
def test_a_quantile_lies_between_minimum_and_maximum(values, name):
    seen = Distribution(good=Histogram.of_nanoseconds(values))
    low, high = value(name, seen, high=False), value(name, seen, high=True)
    assert value("min", seen, high=False) <= low <= high <= value("max", seen, high=True)


def test_a_gauge_has_no_quantiles_and_nothing_without_samples():
    assert of_gauge("max", Gauge()) is None
    assert of_gauge("p95", Gauge().and_then(3.0)) is None
    assert of_gauge("max", Gauge().and_then(3.0).and_then(1.0)) == 3.0


@pytest.mark.parametrize("name", ["", "p0", "p100", "p", "px", "median", "nope"])
def test_a_statistic_that_nobody_knows_is_one_of_no_measure(name):
    found = find_statistic(name)
    assert (found.name, found.quantile) == (name, None)
    assert not any(found.is_of(type) for type in MeasureType)


@pytest.mark.parametrize(
    ("word", "name"),
    [("median", "p50"), ("avg", "mean"), ("p100", "max"), ("p100.0", "max"), ("p0", "min"), ("p101", None)],
)
def test_other_words_mean_one(word, name):
    assert name_meant(word) == name


@pytest.mark.parametrize(
    ("word", "taken"), [("p95", True), ("p100", True), ("max", True), ("maximum", False)]
)
def test_words_that_no_measure_may_be_called(word, taken):
    assert is_statistic_name(word) is taken


def test_names_are_those_of_a_type():
    assert statistic_names(MeasureType.GAUGE) == ("min", "max", "mean")
    assert statistic_names(MeasureType.DISTRIBUTION) == ("p50", "p95", "p99.9", "min", "max", "mean")
    assert statistic_names(MeasureType.NUMBER) == ()


@given(st.integers(1, 99), st.integers(1, 99))
def test_of_two_quantiles_one_entails_the_other_in_each_direction(one, other):
    assume(one != other)
    first, second = find_statistic(f"p{one}"), find_statistic(f"p{other}")
    assert first.entails(second, at_most=True) is (one > other)
    assert first.entails(second, at_most=False) is (one < other)


def test_only_quantiles_entail_each_other():
    assert not find_statistic("max").entails(find_statistic("p95"), at_most=True)
