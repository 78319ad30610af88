"""Judging quantiles: failed requests rank above every value, and edges and bounds favour *not met*."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.gate.criterion import parse_criterion
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution
from tests.judged import Told, judge

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
RANK = {NOT_MET: 0, UNPROVEN: 1, MET: 2}


def durations(*seconds: float, **fields: Any) -> Distribution:
    return Distribution(good=Histogram.of_seconds(seconds), **fields)


def judged(text: str, seen: Distribution, confidence: float | None = 0.95) -> Told:
    return judge(parse_criterion(f"c.latency.{text}"), seen, confidence=confidence)


@pytest.mark.parametrize(("n", "verdict"), [(1, UNPROVEN), (58, UNPROVEN), (59, MET)])
def test_a_p95_takes_59_requests(n, verdict):
    assert judged("p95 < 100ms", durations(*[0.015] * n)).verdict is verdict


def test_unproven_says_how_many_would_do():
    judgement = judged("p95 < 100ms", durations(*[0.015] * 50))
    assert judgement.message == (
        "observed p95 of 15 ms (50 requests) shows no bound at 95% confidence; "
        "59 requests, none of them slower or failed, would be enough"
    )
    assert (judgement.observed, judgement.bound, judgement.margin) == ("15 ms", "", "+85 ms")


def test_unproven_says_how_many_would_do_with_those_seen():
    judgement = judged("p95 < 100ms", durations(*[0.015] * 96, *[0.2] * 4))
    assert judgement.verdict is UNPROVEN
    assert judgement.bound == "<= 200 ms"
    assert "181 requests with no more than these 4 slower or failed would be enough" in judgement.message


def test_met_shows_its_bound():
    judgement = judged("p95 < 100ms", durations(*[0.015] * 1000, span=10.0))
    assert (judgement.verdict, judgement.bound, judgement.n) == (MET, "<= 15 ms", 1000)
    assert judgement.confidence == 0.95
    assert "in these 10 s" in judgement.message


def test_observed_violation_is_not_met():
    judgement = judged("p95 < 100ms", durations(0.143, 0.143))
    assert (judgement.verdict, judgement.observed, judgement.margin) == (NOT_MET, "143 ms", "-43 ms")


def test_a_quantile_among_the_failed_is_failed_and_not_a_number():
    judgement = judged("p95 < 100ms", durations(*[0.001] * 92, failed=8))
    assert (judgement.verdict, judgement.observed, judgement.margin) == (NOT_MET, "failed", "")
    assert judgement.message == "the p95 of 100 requests is among the 8 failed, needs < 100ms"


@pytest.mark.parametrize("text", ["p50 < 1h", "p99 > 1ns", "max < 1h", "min > 1ns", "min < 1h"])
def test_a_service_that_refuses_every_connection_never_meets_a_latency_criterion(text):
    judgement = judged(text, durations(failed=1000))
    assert (judgement.verdict, judgement.observed) == (NOT_MET, "failed")


def test_the_bucket_edge_favours_not_met():
    # 99.9 ms and 100.1 ms share a bucket, so the p50 of both is somewhere in it.
    spread = durations(*[0.0999] * 600, *[0.1001] * 600)
    assert spread.good.counts[0][1] == 1200
    assert judged("p50 < 100ms", spread).verdict is NOT_MET
    assert judged("p50 > 100ms", spread).verdict is NOT_MET
    assert judged("p50 < 101ms", spread).verdict is MET
    assert judged("p50 > 99ms", spread).verdict is MET


def test_exactly_the_threshold():
    exact = durations(*[0.0003] * 100)
    assert judged("p95 <= 300us", exact).verdict is MET
    assert judged("p95 < 300us", exact).verdict is NOT_MET
    assert judged("p95 >= 300us", exact).verdict is MET


def test_failed_requests_do_not_help_a_lower_limit_either():
    slow = durations(*[0.02] * 100)
    assert judged("p50 > 10ms", slow).verdict is MET
    assert judged("p50 > 10ms", replace(slow, failed=90)).verdict is UNPROVEN
    assert judged("p50 > 10ms", replace(slow, failed=150)).verdict is NOT_MET


@pytest.mark.parametrize(
    ("text", "failed", "verdict", "observed"),
    [
        ("max < 100ms", 0, MET, "50 ms"),
        ("max < 50ms", 0, NOT_MET, "50 ms"),
        ("max < 100ms", 1, NOT_MET, "failed"),
        ("min > 1ms", 0, MET, "10 ms"),
        ("min > 1ms", 5, MET, "10 ms"),
    ],
)
def test_minimum_and_maximum_are_statements_about_the_sample(text, failed, verdict, observed):
    judgement = judged(text, durations(0.01, 0.05, failed=failed))
    assert (judgement.verdict, judgement.observed, judgement.bound) == (verdict, observed, "")
    assert verdict is NOT_MET or "a statement about this sample, without a bound" in judgement.message


def test_a_mean_needs_confidence_none():
    seen = durations(0.01, 0.05)
    assert judged("mean < 100ms", seen).verdict is UNPROVEN
    judgement = judged("mean < 100ms", seen, None)
    assert (judgement.verdict, judgement.observed) == (MET, "30 ms")
    assert judged("mean < 100ms", replace(seen, failed=1), None).observed == "failed"
    assert judged("mean < 100ms", replace(seen, failed=1), None).verdict is NOT_MET


def test_without_confidence_the_observed_quantile_is_compared():
    judgement = judged("p95 < 100ms", durations(0.01), None)
    assert (judgement.verdict, judgement.bound, judgement.confidence) == (MET, "not required", None)
    assert "compared as observed, without a bound" in judgement.message


def test_equality_says_nothing_about_durations():
    assert judged("p95 != 1s", durations(*[0.1] * 100)).verdict is UNPROVEN


def test_nothing_timed_is_no_data():
    assert judged("p95 < 1s", durations()).message == "no data: no request was timed"
    judgement = judged("p95 < 1s", durations(unmeasured=50))
    assert judgement.verdict is UNPROVEN
    assert "50 durations of exactly 0, below the resolution of the clock" in judgement.message


def test_durations_of_zero_are_left_out_and_named():
    judgement = judged("p95 < 100ms", durations(*[0.01] * 59, unmeasured=3))
    assert (judgement.verdict, judgement.n) == (MET, 59)
    assert "3 durations of exactly 0 left out" in judgement.message
    assert judged("p95 < 100ms", durations(*[0.01] * 58, unmeasured=3)).verdict is UNPROVEN


@pytest.mark.parametrize("text", ["p50 > 1ms", "min > 1ms", "max > 1ms"])
def test_durations_of_zero_never_let_a_lower_limit_be_met(text):
    assert judged(text, durations(*[0.01] * 500, unmeasured=1)).verdict is UNPROVEN


@pytest.mark.parametrize(
    ("text", "seen", "verdict"),
    [
        ("p50 < 100ms", durations(failed=1, unmeasured=99), UNPROVEN),
        ("p50 < 100ms", durations(failed=99, unmeasured=1), NOT_MET),
        ("p50 < 100ms", durations(0.2, 0.2, unmeasured=1), NOT_MET),
        ("p50 < 100ms", durations(0.2, 0.2, unmeasured=9), UNPROVEN),
        ("min < 100ms", durations(0.2, unmeasured=1), UNPROVEN),
        ("max < 100ms", durations(0.2, unmeasured=99), NOT_MET),
    ],
)
def test_a_violation_counts_when_durations_of_zero_could_not_undo_it(text, seen, verdict):
    assert judged(text, seen).verdict is verdict


def test_a_mean_that_durations_of_zero_would_bring_down_is_open():
    assert judged("mean < 100ms", durations(0.15, unmeasured=1), None).verdict is UNPROVEN
    assert judged("mean < 100ms", durations(0.35, unmeasured=1), None).verdict is NOT_MET


upper_limits = ["p50 < 100ms", "p95 < 100ms", "p95 <= 100ms", "p99 < 1s", "max < 100ms", "min < 100ms"]
lower_limits = ["p50 > 100ms", "p5 >= 10ms", "p95 > 100ms", "min > 1ms", "max > 100ms"]
limits = st.sampled_from([*upper_limits, *lower_limits])
levels = st.sampled_from([0.95, None])
times = st.lists(st.floats(0.001, 0.5), max_size=150)


@given(limits, times, st.integers(0, 20), st.integers(1, 200), levels)
def test_failed_requests_never_make_a_quantile_better(text, seconds, failed, more, confidence):
    seen = durations(*seconds, failed=failed)
    before = judged(text, seen, confidence).verdict
    after = judged(text, replace(seen, failed=failed + more), confidence).verdict
    assert RANK[after] <= RANK[before]


@given(st.sampled_from(["p50", "p95", "p99"]), times, st.integers(0, 20), st.integers(1, 100), levels)
def test_a_fast_request_less_never_makes_an_upper_limit_met(statistic, slow, failed, fast, confidence):
    text = f"{statistic} < 600ms"
    seen = durations(*slow, *[0.0005] * fast, failed=failed)
    less = durations(*slow, *[0.0005] * (fast - 1), failed=failed)
    if judged(text, seen, confidence).verdict is not MET:
        assert judged(text, less, confidence).verdict is not MET


@given(
    st.sampled_from(["<", "<=", ">", ">="]), times, st.integers(0, 5), st.integers(1, 99), st.integers(1, 500)
)
def test_a_harder_limit_is_never_easier_to_meet(op, seconds, failed, percent, milliseconds):
    seen = durations(*seconds, failed=failed)
    harder = milliseconds - 1 if op.startswith("<") else milliseconds + 1
    verdict = judged(f"p{percent} {op} {milliseconds}ms", seen).verdict
    assert RANK[judged(f"p{percent} {op} {max(harder, 0.5)}ms", seen).verdict] <= RANK[verdict]


def test_failed_requests_leave_no_quantile_in_either_direction():
    """Ranked above, they hold the p95; ranked below, they are not evidence of a slow one."""
    seen = durations(*[1.0] * 40, failed=10)
    for text in ("p95 > 100ms", "p95 < 2s"):
        found = judged(text, seen, None)
        assert (found.verdict, found.observed) == (NOT_MET, "failed")
