"""Judging against a baseline: within the factor on the evidence of both runs, or not, or nobody can know."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.gate.baseline import Earlier
from phasegate.gate.criterion import parse_criterion
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Buckets, Distribution, Gauge, Measure, Number, Share
from tests.judged import Told, judge, judge_against

NONE_GIVEN = "no baseline was given; --baseline DIR names the folder of a run that passed"
MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN


def held(
    text: str, new: Measure | None, *old: Measure | None, confidence: float | None = 0.95, **options: Any
) -> Told:
    earlier = [Earlier(path=f"run-{number}", measure=measure) for number, measure in enumerate(old, 1)]
    return judge_against(parse_criterion(f"c.{text}"), new, earlier, confidence=confidence, **options)


def sample(passed: int, total: int, **fields: Any) -> Share:
    return Share(passed=passed, total=total, sample=True, **fields)


def census(passed: int, total: int, skipped: int = 0) -> Share:
    return Share(passed=passed, total=total, sample=False, skipped=skipped)


def rate(value: float | None, **fields: Any) -> Number:
    return Number(value=value, dimension=Dimension.RATE, **fields)


def times(*milliseconds: float, failed: int = 0, **fields: Any) -> Distribution:
    good = Histogram.of_seconds(value / 1000 for value in milliseconds)
    return Distribution(good=good, failed=failed, **fields)


def spread(n: int, around: float, failed: int = 0, **fields: Any) -> Distribution:
    """`n` durations from 90% to 110% of `around` milliseconds, evenly."""
    return times(*(around * (0.9 + 0.2 * i / n) for i in range(n)), failed=failed, **fields)


def test_buckets_are_not_held_against_a_baseline() -> None:
    seen = Buckets(counts=((0.0, 0.1, 1_000),))
    of_itself = held("latency.p95 <= baseline * 1.10", seen, seen)
    of_times = held("latency.p95 <= baseline * 1.10", seen, spread(1000, 20))
    assert (of_itself.verdict, of_times.verdict) == (UNPROVEN, UNPROVEN)
    assert "has no value of latency.p95" in of_itself.message
    assert "was measured in another way in the baseline" in of_times.message


class TestQuantile:
    def test_a_run_like_the_baseline_is_within_a_tenth_of_it(self):
        judgement = held("latency.p95 <= baseline * 1.10", spread(1000, 20), spread(1000, 20))
        assert judgement.verdict is MET
        assert judgement.required == "<= 1.10 x 21.9 ms (baseline)"
        assert judgement.confidence == pytest.approx(0.975)
        assert judgement.baseline == "run-1"
        assert judgement.message == (
            "observed p95 of 21.9 ms (1,000 requests) shows at most 21.9 ms at 97.5% confidence; "
            "the baseline's p95 of 21.9 ms (1,000 requests) shows at least 21.6 ms, "
            "so <= 23.8 ms is required; baseline: run-1"
        )

    def test_a_slower_run_is_not_met(self):
        judgement = held("latency.p95 <= baseline * 1.10", spread(1000, 25), spread(1000, 20))
        assert judgement.verdict is NOT_MET
        assert judgement.margin.startswith("-")
        assert judgement.message == (
            "observed p95 of 27.3 ms (1,000 requests), needs <= 1.10 x 21.9 ms (baseline); baseline: run-1"
        )

    def test_too_few_requests_are_unproven_and_it_is_said_how_many_would_do(self):
        judgement = held("latency.p95 <= baseline * 1.10", spread(50, 20), spread(1000, 20))
        assert judgement.verdict is UNPROVEN
        assert "; 72 requests, none of them slower or failed, would be enough" in judgement.message

    def test_too_short_a_baseline_is_unproven_and_it_is_said_how_many_would_do(self):
        judgement = held("latency.p50 <= baseline * 1.10", spread(1000, 20), spread(5, 20))
        assert judgement.verdict is UNPROVEN
        assert (
            "the 5 requests of the baseline show no bound at 97.5% confidence; 6 would be enough"
            in judgement.message
        )

    def test_what_only_the_baseline_is_too_short_for_is_not_asked_of_this_run(self):
        wide = times(*(10 + i for i in range(20)))
        judgement = held("latency.p50 <= baseline", times(*[18] * 1000), wide)
        assert judgement.verdict is UNPROVEN
        assert "a baseline of more requests would show more" in judgement.message
        assert "would be enough" not in judgement.message

    def test_a_run_held_against_itself_is_never_not_met(self):
        run = spread(500, 20)
        assert held("latency.p95 <= baseline", run, run).verdict is UNPROVEN
        assert held("latency.p95 >= baseline", run, run).verdict is UNPROVEN

    def test_failed_requests_rank_above_every_value_in_this_run(self):
        slower = held("latency.p95 <= baseline * 2", spread(900, 20, failed=100), spread(1000, 20))
        assert (slower.verdict, slower.observed) == (NOT_MET, "failed")

    def test_failed_requests_rank_above_every_value_in_the_baseline(self):
        judgement = held("latency.p95 <= baseline * 2", spread(1000, 20), spread(900, 20, failed=100))
        assert judgement.verdict is UNPROVEN
        assert "latency.p95 of the baseline is failed, which proves nothing" in judgement.message

    def test_an_upper_bound_among_the_failed_proves_nothing(self):
        judgement = held("latency.p95 >= baseline * 0.5", spread(1000, 20), spread(955, 20, failed=45))
        assert judgement.verdict is UNPROVEN
        assert "the upper bound of the baseline is among its 45 failed requests" in judgement.message

    def test_a_lower_limit_is_the_mirror(self):
        baseline = spread(1000, 20)
        assert held("latency.p50 >= baseline * 0.8", spread(1000, 20), baseline).verdict is MET
        assert held("latency.p50 >= baseline * 0.8", spread(1000, 10), baseline).verdict is NOT_MET
        assert held("latency.p50 >= baseline * 0.99", spread(100, 20), baseline).verdict is UNPROVEN

    def test_durations_below_the_resolution_of_the_clock_prove_nothing(self):
        judgement = held("latency.p95 <= baseline * 2", spread(1000, 20), spread(1000, 20, unmeasured=3))
        assert judgement.verdict is UNPROVEN
        assert "3 durations of the baseline" in judgement.message

    def test_minimum_and_maximum_are_compared_as_observed(self):
        judgement = held("latency.max <= baseline * 1.1", times(10, 20), times(10, 19))
        assert judgement.verdict is MET
        assert "a statement about this sample" in judgement.message
        assert held("latency.max <= baseline", times(10, 20), times(10, 19, failed=1)).verdict is UNPROVEN

    def test_without_confidence_observed_values_are_compared(self):
        few = held("latency.p95 <= baseline * 1.1", spread(20, 20), spread(20, 20), confidence=None)
        assert (few.verdict, few.bound) == (MET, "not required")


class TestShare:
    def test_both_sides_have_a_bound(self):
        judgement = held("success_rate >= baseline * 0.99", sample(3000, 3000), sample(2990, 3000))
        assert judgement.verdict is MET
        assert judgement.required == ">= 0.99 x 99.67% (baseline)"
        assert "the baseline's 99.67% (2,990 of 3,000) shows at most 99.84%" in judgement.message

    def test_further_apart_than_the_factor_is_not_met(self):
        assert held("success_rate >= baseline * 0.99", sample(90, 100), sample(100, 100)).verdict is NOT_MET

    @pytest.mark.parametrize(("total", "verdict"), [(367, UNPROVEN), (368, MET)])
    def test_368_requests_without_a_failure_show_99_percent_of_a_baseline_without_one(self, total, verdict):
        judgement = held("success_rate >= baseline * 0.99", sample(total, total), sample(5000, 5000))
        assert judgement.verdict is verdict
        assert verdict is MET or "368 requests without a failure would be enough" in judgement.message

    def test_a_baseline_without_a_failure_leaves_no_room_without_a_factor(self):
        judgement = held("success_rate >= baseline", sample(10**6, 10**6), sample(5000, 5000))
        assert judgement.verdict is UNPROVEN
        assert "no number of requests can show more" in judgement.message

    def test_a_share_that_must_stay_small(self):
        assert held("share <= baseline * 2", sample(100, 10000), sample(100, 10000)).verdict is MET
        assert held("share <= baseline * 1.1", sample(100, 10000), sample(100, 10000)).verdict is UNPROVEN

    def test_cases_without_a_result_in_the_baseline_count_both_ways(self):
        assert held("rate >= baseline", census(9, 10), census(9, 10, skipped=1)).verdict is UNPROVEN
        assert held("rate >= baseline", census(10, 10), census(9, 10, skipped=1)).verdict is MET
        assert held("rate >= baseline", census(8, 10), census(9, 10, skipped=1)).verdict is NOT_MET


class TestNumberAndCensus:
    def test_numbers_are_compared_as_observed(self):
        assert held("throughput >= baseline * 0.9", rate(90), rate(100)).verdict is MET
        assert held("throughput >= baseline * 0.9", rate(89), rate(100)).verdict is NOT_MET
        assert held("throughput >= baseline * 0.9", rate(None), rate(100)).verdict is UNPROVEN

    def test_a_census_is_compared_as_counted(self):
        assert held("pass_rate >= baseline * 0.9", census(81, 100), census(9, 10)).verdict is MET
        assert held("pass_rate >= baseline", census(99, 100), census(100, 100)).verdict is NOT_MET

    def test_a_gauge_is_compared_as_seen(self):
        def seen(highest: float) -> Gauge:
            return Gauge(samples=5, minimum=1, maximum=highest, mean=2, dimension=Dimension.SIZE)

        assert held("memory.max <= baseline * 1.5", seen(15), seen(10)).verdict is MET
        assert held("memory.max <= baseline * 1.5", seen(16), seen(10)).verdict is NOT_MET


@pytest.mark.parametrize(
    ("new", "old", "says"),
    [
        (rate(5), rate(0), "x of the baseline is 0/s, which proves nothing"),
        (rate(5), rate(-1), "proves nothing"),
        (rate(5), rate(None), "baseline run-1 has no value of x"),
        (rate(5), None, "baseline run-1 has no value of x"),
        (rate(5), sample(5, 5), "was measured in another way in the baseline"),
        (census(5, 5), sample(5, 5), "was measured in another way in the baseline"),
        (rate(5), Number(value=5.0), "x is a count in the baseline"),
        (sample(5, 5), sample(0, 5), "is 0%, which proves nothing"),
        (sample(5, 5), sample(0, 0), "has no value"),
        (census(5, 5), census(0, 5), "is 0%, which proves nothing"),
        (None, rate(5), "no data"),
    ],
)
def test_values_that_are_absent_zero_or_of_another_sort_prove_nothing(new, old, says):
    judgement = held("x <= baseline * 2", new, old)
    assert judgement.verdict is UNPROVEN
    assert says in judgement.message


def test_without_a_baseline_nothing_is_proven():
    judgement = held("throughput >= baseline * 0.9", rate(90))
    assert (judgement.verdict, judgement.message) == (UNPROVEN, NONE_GIVEN)
    assert judgement.required == ">= baseline * 0.9"
    relative = parse_criterion("c.throughput >= baseline * 0.9")
    assert judge(relative, rate(90), confidence=0.95).verdict is UNPROVEN


@pytest.mark.parametrize(
    ("text", "values", "chosen"),
    [
        ("x >= baseline", (30, 10, 20), "run-3"),
        ("x >= baseline", (10, 30, 20, 40), "run-2"),
        ("x <= baseline", (10, 30, 20, 40), "run-3"),
    ],
)
def test_of_several_baselines_the_median_is_taken_and_of_two_the_harder(text, values, chosen):
    judgement = held(text, rate(25), *map(rate, values))
    assert judgement.baseline == chosen
    assert judgement.message.endswith(f"baseline: the median of {len(values)} baselines, {chosen}")


def test_a_baseline_that_failed_ranks_above_every_value():
    fast, slow, failed = spread(1000, 20), spread(1000, 40), spread(900, 20, failed=100)
    assert held("latency.p95 <= baseline * 1.1", fast, slow, failed, fast).baseline == "run-1"


@pytest.mark.parametrize("verdict", [MET, NOT_MET])
def test_what_cannot_be_trusted_is_unproven(verdict):
    new = rate(95 if verdict is MET else 50)
    assert held("throughput >= baseline * 0.9", new, rate(100)).verdict is verdict
    assert held("throughput >= baseline * 0.9", new, rate(100), absent="it crashed").verdict is UNPROVEN


@pytest.mark.parametrize(
    ("new", "old", "says"),
    [(60.0, 1.0, "but the baseline was observed over 1 s"), (1.0, 60.0, "but it was observed over 1 s")],
)
def test_both_runs_must_span_what_is_asked_for(new, old, says):
    judgement = held(
        "latency.p95 <= baseline * 2", spread(999, 20, span=new), spread(999, 20, span=old), over=60
    )
    assert judgement.verdict is UNPROVEN
    assert says in judgement.message
    both = held("latency.p95 <= baseline * 2", spread(999, 20, span=60), spread(999, 20, span=60), over=60)
    assert both.verdict is MET


def test_attempts_tighten_both_bounds():
    new, old = sample(400, 400), sample(5000, 5000)
    assert held("success_rate >= baseline * 0.99", new, old).verdict is MET
    assert held("success_rate >= baseline * 0.99", new, old, confidence=1 - 0.05 / 3).verdict is UNPROVEN


TRIALS = 300


def test_a_quantile_at_the_limit_is_met_wrongly_no_more_often_than_stated():
    drawn = random.Random(20250716)

    def run(mean: float) -> Distribution:
        return times(*(drawn.expovariate(1 / mean) + 0.001 for _ in range(150)))

    at_limit = [held("x.p90 <= baseline * 1.2", run(12), run(10)).verdict for _ in range(TRIALS)]
    assert at_limit.count(MET) <= 0.05 * TRIALS
    far_within = [held("x.p90 <= baseline * 1.2", run(4), run(10)).verdict for _ in range(20)]
    assert far_within.count(MET) >= 18


def test_a_share_at_the_limit_is_met_wrongly_no_more_often_than_stated():
    drawn = random.Random(20250717)

    def run(share: float) -> Share:
        return sample(sum(drawn.random() < share for _ in range(200)), 200)

    at_limit = [held("x >= baseline * 0.8", run(0.72), run(0.9)).verdict for _ in range(TRIALS)]
    assert at_limit.count(MET) <= 0.05 * TRIALS
    far_within = [held("x >= baseline * 0.8", run(0.95), run(0.9)).verdict for _ in range(20)]
    assert far_within.count(MET) >= 18


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts, st.sampled_from(["0.5", "0.9", "1", "1.1"]), st.sampled_from(["<=", ">=", "<", ">"]))
def test_met_and_not_met_never_speak_against_what_was_observed(new, old, factor, op):
    judgement = held(f"x {op} baseline * {factor}", sample(*new), sample(*old))
    criterion = parse_criterion(f"c.x {op} baseline * {factor}")
    holds = criterion.op.holds(new[0] / new[1], criterion.threshold.of(old[0] / old[1]))
    assert judgement.verdict is UNPROVEN or (judgement.verdict is MET) is holds


@given(counts, counts)
def test_fewer_requests_of_the_same_share_never_prove_more(new, old):
    more = sample(new[0] * 4, new[1] * 4)
    if held("x >= baseline * 0.9", sample(*new), sample(*old)).verdict is MET:
        assert held("x >= baseline * 0.9", more, sample(*old)).verdict is MET
