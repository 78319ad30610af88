"""Judging shares and numbers: what is met, what is not, and what nobody can know yet."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.statistics import lower_bound
from phasegate.model.histogram import Histogram
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution, Gauge, Measure, Number, Share
from tests.judged import Told, judge

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
RANK = {NOT_MET: 0, UNPROVEN: 1, MET: 2}


def judged(text: str, measure: Measure | None, confidence: float | None = 0.95, **options: Any) -> Told:
    return judge(parse_criterion(f"c.{text}"), measure, confidence=confidence, **options)


def sample(passed: int, total: int, **fields: Any) -> Share:
    return Share(passed=passed, total=total, sample=True, **fields)


def census(passed: int, total: int, skipped: int = 0, **fields: Any) -> Share:
    return Share(passed=passed, total=total, sample=False, skipped=skipped, **fields)


def time(seconds: float | None) -> Number:
    return Number(value=seconds, dimension=Dimension.TIME)


class TestSample:
    def test_fifty_of_fifty_do_not_prove_three_nines(self):
        judgement = judged("success_rate >= 99.9%", sample(50, 50))
        assert judgement.verdict is UNPROVEN
        assert judgement.bound == ">= 94.2%"
        assert judgement.observed == "100% (50 of 50)"
        assert judgement.message == (
            "observed 100% (50 of 50) shows at least 94.2% at 95% confidence; "
            "2,995 requests without a failure would be enough"
        )

    def test_ninety_six_of_a_hundred_do_not_prove_95_percent(self):
        judgement = judged("success_rate >= 95%", sample(96, 100))
        assert judgement.verdict is UNPROVEN
        assert judgement.bound == ">= 91.1%"
        assert judgement.margin == "+1 pp"
        assert "181 requests with no more than 4 failures would be enough" in judgement.message

    @pytest.mark.parametrize(("total", "verdict"), [(2994, UNPROVEN), (2995, MET)])
    def test_three_nines_take_2995_requests_without_a_failure(self, total, verdict):
        assert judged("success_rate >= 99.9%", sample(total, total)).verdict is verdict

    @pytest.mark.parametrize(("total", "verdict"), [(4741, UNPROVEN), (4742, MET)])
    def test_three_nines_take_4742_requests_with_one_failure(self, total, verdict):
        assert judged("success_rate >= 99.9%", sample(total - 1, total)).verdict is verdict

    def test_observed_violation_is_not_met_however_few_were_seen(self):
        judgement = judged("success_rate >= 95%", sample(2, 3))
        assert judgement.verdict is NOT_MET
        assert judgement.message == "observed 66.7% (2 of 3), needs >= 95%"

    def test_exactly_the_threshold_is_satisfied(self):
        assert judged("success_rate >= 99.9%", sample(999, 1000)).verdict is UNPROVEN
        assert judged("success_rate > 99.9%", sample(999, 1000)).verdict is NOT_MET

    def test_a_limit_from_above_needs_an_upper_bound(self):
        assert judged("error_rate <= 1%", sample(0, 298)).verdict is UNPROVEN
        met = judged("error_rate <= 1%", sample(0, 299))
        assert (met.verdict, met.bound) == (MET, "<= 0.9969%")
        assert "473 requests with no more than 1 in error_rate would be enough" in (
            judged("error_rate <= 1%", sample(1, 100)).message
        )

    def test_the_span_is_told_so_that_a_sample_is_not_taken_for_a_proof_of_availability(self):
        assert "in these 15 s" in judged("success_rate >= 95%", sample(400, 400, span=15.0)).message

    def test_all_of_three_is_a_statement_about_what_was_seen(self):
        judgement = judged("success_rate == 100%", sample(3, 3))
        assert (judgement.verdict, judgement.bound) == (MET, ">= 36.8%")
        assert "shows at least 36.8% at 95% confidence" in judgement.message

    @pytest.mark.parametrize(
        ("text", "passed", "verdict", "bound"),
        [
            ("rate == 100%", 2, NOT_MET, ""),
            ("rate == 0%", 0, MET, "<= 63.2%"),
            ("rate == 0%", 1, NOT_MET, ""),
            ("rate != 0%", 1, MET, ">= 1.7%"),
            ("rate != 0%", 0, NOT_MET, ""),
            ("rate != 100%", 2, MET, "<= 98.3%"),
            ("rate != 100%", 3, NOT_MET, ""),
            ("rate == 50%", 1, UNPROVEN, ""),
        ],
    )
    def test_statements(self, text, passed, verdict, bound):
        judgement = judged(text, sample(passed, 3))
        assert (judgement.verdict, judgement.bound) == (verdict, bound)

    def test_without_confidence_observed_values_are_compared_and_that_is_said(self):
        judgement = judged("success_rate >= 95%", sample(96, 100), None)
        assert (judgement.verdict, judgement.bound, judgement.confidence) == (MET, "not required", None)
        assert "compared as observed, without a bound" in judgement.message

    def test_more_confidence_asks_for_more(self):
        assert judged("success_rate >= 95%", sample(59, 59)).verdict is MET
        assert judged("success_rate >= 95%", sample(59, 59), 1 - 0.05 / 3).verdict is UNPROVEN

    def test_all_of_a_sample_is_never_proven(self):
        judgement = judged("success_rate >= 100%", sample(10**6, 10**6))
        assert judgement.verdict is UNPROVEN
        assert "no number of requests can show more" in judgement.message

    def test_figures_stay_on_their_side_of_the_threshold(self):
        assert judged("rate >= 95%", sample(94_999, 100_000)).observed == "94.999% (94,999 of 100,000)"
        assert judged("rate >= 99.9%", sample(2995, 2995)).bound == ">= 99.90003%"

    def test_samples_without_a_result_count_against(self):
        share = sample(58, 60, skipped=2)
        assert judged("success_rate == 100%", share).verdict is UNPROVEN
        assert judged("success_rate == 100%", replace(share, passed=57)).verdict is NOT_MET
        assert judged("success_rate >= 50%", share).verdict is MET


class TestCensus:
    def test_three_of_sixty_six_are_not_a_hundred_percent(self):
        share = census(3, 66, skipped=63, missing=tuple(f"test_{n}" for n in range(20)))
        judgement = judged("pass_rate == 100%", share)
        assert judgement.verdict is UNPROVEN
        assert judgement.observed == "4.55% (3 of 66)"
        assert "63 without a result: test_0, test_1, test_2, test_3, test_4 and 58 more" in judgement.message

    @pytest.mark.parametrize(
        ("text", "passed", "skipped", "verdict"),
        [
            ("rate == 100%", 10, 0, MET),
            ("rate == 100%", 9, 0, NOT_MET),
            ("rate == 100%", 9, 1, UNPROVEN),
            ("rate == 100%", 8, 1, NOT_MET),
            ("rate >= 80%", 8, 2, MET),
            ("rate >= 80%", 7, 2, UNPROVEN),
            ("rate >= 80%", 6, 1, NOT_MET),
            ("rate > 80%", 8, 0, NOT_MET),
            ("rate < 80%", 7, 1, UNPROVEN),
            ("rate <= 80%", 7, 1, MET),
            ("rate <= 80%", 9, 1, NOT_MET),
            ("rate == 80%", 7, 2, UNPROVEN),
            ("rate == 80%", 8, 0, MET),
            ("rate == 80%", 8, 1, UNPROVEN),
            ("rate == 85%", 8, 1, NOT_MET),
            ("rate != 80%", 7, 2, UNPROVEN),
            ("rate != 80%", 5, 2, MET),
            ("rate != 80%", 8, 0, NOT_MET),
        ],
    )
    def test_cases_without_a_result_leave_open_what_they_could_change(self, text, passed, skipped, verdict):
        assert judged(text, census(passed, 10, skipped)).verdict is verdict

    def test_allowed_skips_are_left_out_and_named(self):
        judgement = judged("pass_rate == 100%", census(63, 66, 3), allow_skipped=3)
        assert (judgement.verdict, judgement.n) == (MET, 63)
        assert "3 skipped cases left out (allow_skipped: 3)" in judgement.message

    def test_one_skip_more_than_allowed_stays_open(self):
        judgement = judged(
            "pass_rate == 100%", census(62, 66, 4, missing=("a", "b", "c", "d")), allow_skipped=3
        )
        assert judgement.verdict is UNPROVEN
        assert "1 without a result" in judgement.message

    def test_allowing_skips_of_everything_is_no_evidence(self):
        judgement = judged("pass_rate == 100%", census(0, 3, 3), allow_skipped=9)
        assert judgement.verdict is UNPROVEN
        assert judgement.message == "no data: none of 3 cases has a result"

    def test_a_suite_that_collected_nothing_is_unproven(self):
        judgement = judged("pass_rate == 100%", census(0, 0))
        assert (judgement.verdict, judgement.observed) == (UNPROVEN, "-")
        assert judgement.message == "no data: no case was collected"

    def test_a_census_needs_no_bound(self):
        judgement = judged("pass_rate == 100%", census(3, 3))
        assert (judgement.verdict, judgement.bound, judgement.confidence) == (MET, "", None)


class TestNumber:
    @pytest.mark.parametrize(
        ("text", "value", "verdict", "margin"),
        [
            ("exit_code == 0", 0, MET, "0"),
            ("exit_code == 0", 2, NOT_MET, "-2"),
            ("exit_code != 0", 2, MET, "+2"),
            ("passed >= 60", 66, MET, "+6"),
            ("passed > 66", 66, NOT_MET, "0"),
        ],
    )
    def test_is_judged_as_observed(self, text, value, verdict, margin):
        judgement = judged(text, Number(value=value))
        assert (judgement.verdict, judgement.margin) == (verdict, margin)
        assert judgement.confidence is None

    @pytest.mark.parametrize("value", [None, math.nan, math.inf])
    def test_what_is_no_figure_is_no_data(self, value):
        judgement = judged("passed >= 0", Number(value=value))
        assert judgement.verdict is UNPROVEN
        assert judgement.message == "no data: no value of passed was read"

    def test_no_response_takes_zero_seconds(self):
        judgement = judged("duration < 0.1s", time(0.0))
        assert judgement.verdict is UNPROVEN
        assert "resolution of its clock" in judgement.message

    def test_a_figure_of_another_tool_is_marked_reported(self):
        number = Number(value=1234.0, dimension=Dimension.RATE, reported=True)
        judgement = judged("throughput > 1000/s", number)
        assert (judgement.verdict, judgement.observed) == (MET, "1,234/s (reported)")
        assert "another tool" in judgement.message

    def test_margins_carry_units(self):
        assert judged("duration < 100ms", time(0.015)).margin == "+85 ms"
        assert judged("duration < 100ms", time(0.143)).margin == "-43 ms"
        share = Number(value=0.955, dimension=Dimension.SHARE)
        assert judged("achieved_rate >= 95%", share).margin == "+0.5 pp"

    @pytest.mark.parametrize("value", [4.9999999, 5.0000001, 119.99999, 3725.4, 0.99996])
    def test_shown_figure_is_on_the_side_that_was_judged(self, value):
        judgement = judged("duration < 5s", time(value))
        shown = float(judgement.observed.split()[0]) if judgement.observed.endswith(" s") else value
        assert (shown < 5) is (judgement.verdict is MET)


class TestEvidence:
    @pytest.mark.parametrize("text", ["rate >= 99%", "rate == 0%", "rate < 5%", "latency.p95 < 1s", "n != 3"])
    def test_no_measure_is_never_met(self, text):
        judgement = judged(text, None, absent="node is missing")
        assert (judgement.verdict, judgement.observed) == (UNPROVEN, "-")
        assert judgement.message == "no data: node is missing"

    @pytest.mark.parametrize("passed", [0, 100])
    def test_an_errored_check_proves_nothing_either_way(self, passed):
        judgement = judged("rate >= 50%", sample(passed, 100), absent="pytest crashed")
        assert judgement.verdict is UNPROVEN
        assert judgement.message.startswith("pytest crashed; seen before: ")

    def test_no_sample_is_no_data(self):
        assert judged("rate >= 50%", sample(0, 0)).message == "no data: no request was made"

    def test_a_shorter_span_than_asked_for_is_unproven_and_says_both(self):
        judgement = judged("rate >= 95%", sample(1000, 1000, span=15.0), over=600)
        assert (judgement.verdict, judgement.required) == (UNPROVEN, ">= 95% over 10m")
        assert "observed over 15 s, and 10m are required" in judgement.message

    def test_a_span_that_is_not_known_is_unproven(self):
        assert judged("rate >= 95%", sample(1000, 1000), over=600).verdict is UNPROVEN
        assert judged("exit_code == 0", Number(value=0), over=600).verdict is UNPROVEN

    def test_a_long_enough_span_is_met(self):
        assert judged("rate >= 95%", sample(1000, 1000, span=600.0), over=600).verdict is MET

    def test_a_violation_in_a_short_span_is_a_violation(self):
        assert judged("rate >= 95%", sample(10, 1000, span=1.0), over=600).verdict is NOT_MET

    @pytest.mark.parametrize(
        ("text", "measure"),
        [
            ("exit_code < 5s", Number(value=1)),
            ("rate > 5", sample(100, 100)),
            ("rate.p95 < 5%", sample(0, 1000)),
            ("latency < 1s", Distribution(good=Histogram.of_seconds([0.1] * 100))),
            ("latency.p95 < 100%", Distribution(good=Histogram.of_seconds([0.1] * 100))),
        ],
    )
    def test_a_demand_that_does_not_fit_the_measure_is_unproven(self, text, measure):
        assert judged(text, measure).verdict is UNPROVEN


lower_limits = st.sampled_from(["rate >= 95%", "rate > 50%", "rate >= 99.9%", "rate == 100%", "rate != 0%"])
shares = st.builds(
    lambda passed, failed, skipped, is_sample: Share(
        passed=passed,
        total=passed + failed + (0 if is_sample else skipped),
        sample=is_sample,
        skipped=0 if is_sample else skipped,
    ),
    st.integers(0, 5000),
    st.integers(0, 20),
    st.integers(0, 5),
    st.booleans(),
)


@given(lower_limits, shares, st.integers(1, 50), st.sampled_from([0.95, 0.99, None]), st.integers(0, 5))
def test_a_failing_case_more_never_improves_a_verdict(text, share, more, confidence, allowed):
    worse = replace(share, total=share.total + more)
    before = judged(text, share, confidence, allow_skipped=allowed).verdict
    after = judged(text, worse, confidence, allow_skipped=allowed).verdict
    # Without any data a failure is the first evidence there is, and it may prove a violation only.
    assert RANK[after] <= RANK[before]


@given(lower_limits, shares, st.integers(1, 50), st.sampled_from([0.95, 0.99, None]))
def test_a_passing_case_less_never_makes_anything_met(text, share, fewer, confidence):
    assume(share.passed >= fewer)
    less = replace(share, passed=share.passed - fewer, total=share.total - fewer)
    if judged(text, share, confidence).verdict is not MET:
        assert judged(text, less, confidence).verdict is not MET


@given(lower_limits, shares, st.integers(1, 5))
def test_a_case_without_a_result_is_never_better_than_a_pass_nor_worse_than_a_failure(text, share, some):
    assume(not share.sample)
    passed = judged(text, replace(share, passed=share.passed + some, total=share.total + some)).verdict
    lost = judged(text, replace(share, skipped=share.skipped + some, total=share.total + some)).verdict
    failed = judged(text, replace(share, total=share.total + some)).verdict
    assert RANK[failed] <= RANK[lost] <= RANK[passed]


@given(shares, st.sampled_from(["50%", "95%", "99.9%"]))
def test_a_sample_is_met_only_where_its_bound_reaches_the_threshold(share, threshold):
    assume(share.sample and share.total)
    judgement = judged(f"rate >= {threshold}", share)
    value = float(threshold.rstrip("%")) / 100
    bound = lower_bound(share.passed, share.total, 0.95)
    assume(abs(bound - value) > 1e-9)
    assert (judgement.verdict is MET) is (bound >= value)
    assert (float(judgement.bound.strip(">= %")) / 100 >= value) is (bound >= value)


def gauge(*values: float, dimension: Dimension = Dimension.SHARE) -> Gauge:
    built = Gauge(dimension=dimension, interval=0.5)
    for number, value in enumerate(values):
        built = built.and_then(value, span=number * 0.5)
    return built


class TestGauge:
    @pytest.mark.parametrize(
        ("text", "verdict", "observed"),
        [
            ("cpu.max < 80%", NOT_MET, "112.5%"),
            ("cpu.max < 150%", MET, "112.5%"),
            ("cpu.mean < 80%", MET, "50%"),
            ("cpu.mean > 50%", NOT_MET, "50%"),
            ("cpu.min >= 12.5%", MET, "12.5%"),
            ("cpu.min > 12.5%", NOT_MET, "12.5%"),
        ],
    )
    def test_its_statistics_are_compared_as_they_were_seen(self, text, verdict, observed):
        judgement = judged(text, gauge(0.125, 0.25, 1.125))
        assert (judgement.verdict, judgement.observed) == (verdict, observed)
        assert (judgement.n, judgement.bound, judgement.confidence) == (3, "", None)

    def test_the_message_says_that_only_samples_were_seen(self):
        judgement = judged("memory.max < 1MiB", gauge(2.0**19, 2.0**18, dimension=Dimension.SIZE))
        assert judgement.message == (
            "observed 512 KiB, the max of 2 samples, one every 500 ms in these 500 ms, needs < 1MiB"
        )

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ((), "no data: no sample of cpu was taken"),
            ((0.5,), "no data: only 1 sample of cpu was taken, and 2 are needed"),
        ],
    )
    def test_fewer_than_two_samples_prove_nothing(self, values, message):
        judgement = judged("cpu.max < 80%", gauge(*values))
        assert (judgement.verdict, judgement.message) == (UNPROVEN, message)

    def test_a_value_above_the_threshold_is_not_met_however_close_it_looks(self):
        judgement = judged("cpu.max < 80%", gauge(0.1, 0.80000001))
        assert judgement.verdict is NOT_MET
        assert judgement.observed != "80%"

    @pytest.mark.parametrize("text", ["cpu.p95 < 80%", "cpu < 80%", "cpu.max < 80ms"])
    def test_a_demand_that_does_not_fit_proves_nothing(self, text):
        assert judged(text, gauge(0.1, 0.2)).verdict is UNPROVEN

    def test_a_span_shorter_than_asked_for_proves_nothing(self):
        assert judged("cpu.max < 80%", gauge(0.1, 0.2), over=600.0).verdict is UNPROVEN
        assert judged("cpu.max < 80%", gauge(0.1, 0.9), over=600.0).verdict is NOT_MET
        assert judged("cpu.max < 80%", gauge(0.1, 0.2, 0.3), over=1.0).verdict is MET


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("f.recovery_time < 10s", CriterionVerdict.NOT_MET),
        ("f.recovery_time <= 1h", CriterionVerdict.NOT_MET),
        ("f.recovery_time > 1s", CriterionVerdict.UNPROVEN),
    ],
)
def test_what_had_not_ended_when_the_watch_did_is_more_than_any_limit(
    text: str, verdict: CriterionVerdict
) -> None:
    seen = Number(value=12.0, dimension=Dimension.TIME, unended=True)
    found = judge(parse_criterion(text), seen, confidence=0.95)
    assert found.verdict is verdict
    assert found.observed == "more than 12 s, as it had not ended"


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ("== 0", NOT_MET), ("== 3", UNPROVEN), ("== 4", UNPROVEN),
        ("< 3", NOT_MET), ("< 4", UNPROVEN), ("<= 2", NOT_MET), ("<= 3", UNPROVEN), ("<= 9", UNPROVEN),
        ("> 2", MET), ("> 3", UNPROVEN), (">= 3", MET), (">= 4", UNPROVEN),
        ("!= 2", MET), ("!= 3", UNPROVEN), ("!= 4", UNPROVEN),
    ],
)  # fmt: skip
def test_count_of_which_a_part_was_not_there_is_a_lower_bound(limit: str, verdict: CriterionVerdict) -> None:
    found = judge(parse_criterion(f"stack.restarts {limit}"), Number(value=3, partial=True), confidence=0.95)
    assert found.verdict is verdict
    assert found.observed == "at least 3, as a part could not be observed"


def test_count_that_was_still_growing_holds_no_limit() -> None:
    seen = Number(value=3, unended=True)
    for text in ("f.lost_requests <= 20", "f.lost_requests == 3", "f.lost_requests < 1"):
        assert judge(parse_criterion(text), seen, confidence=0.95).verdict is CriterionVerdict.NOT_MET
