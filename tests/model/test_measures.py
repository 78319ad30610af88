import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.units import Dimension
from phasegate.model.histogram import Histogram
from phasegate.model.measures import NAMED, Distribution, Gauge, Number, Share, merge, nearest_rank
from phasegate.model.observation import Case, CaseAttempt, CaseStatus, census, census_by_part


def case(id: str, status: str = "passed", **fields: object) -> Case:
    return Case(id=id, name=id, status=CaseStatus(status), **fields)


@given(st.sampled_from(["0.01", "0.07", "0.29", "0.5", "0.95", "0.99", "0.999"]), st.integers(1, 10**9))
def test_nearest_rank_is_the_exact_ceiling(share, n):
    assert nearest_rank(float(share), n) == math.ceil(Fraction(share) * n)


def test_nearest_rank_of_seven_percent_of_a_hundred_is_seven():
    assert nearest_rank(0.07, 100) == 7


def test_a_share_without_data_has_no_value():
    assert Share(passed=0, total=0, sample=True).value is None


def test_a_share_counts_what_is_missing_neither_as_passed_nor_as_failed():
    share = Share(passed=7, total=10, sample=False, skipped=1)
    assert (share.value, share.failed) == (0.7, 2)


def test_failed_requests_rank_above_every_value():
    distribution = Distribution(good=Histogram.of_seconds([0.01] * 95), failed=5)
    assert distribution.n == 100
    assert distribution.quantile(0.95) == (0.01, 0.01)
    assert distribution.quantile(0.96) == (math.inf, math.inf)


def test_a_distribution_without_data_has_no_quantile():
    assert Distribution(good=Histogram(), unmeasured=9).quantile(0.5) is None


@given(
    st.lists(st.integers(1, 10**9), max_size=40),
    st.integers(0, 10),
    st.integers(1, 10),
    st.floats(0.01, 0.99),
)
def test_more_failed_requests_never_lower_a_quantile(values, failed, more, share):
    good = Histogram.of_nanoseconds(values)
    before = Distribution(good=good, failed=failed).quantile(share)
    after = Distribution(good=good, failed=failed + more).quantile(share)
    assert after is not None
    assert before is None or before <= after


def test_a_number_knows_its_unit():
    assert Number(value=5.0, dimension=Dimension.TIME).unit == "s"
    assert Number(value=5.0).unit == ""


def test_merging_shares_adds_up_and_vouches_for_the_shorter_span():
    first = Share(passed=9, total=10, sample=True, span=5.0, episodes=1)
    second = Share(passed=4, total=6, sample=True, span=3.0, episodes=2)
    assert merge(first, second) == Share(passed=13, total=16, sample=True, span=3.0, episodes=3)
    assert merge(first, Share(passed=1, total=1, sample=True)) == Share(passed=10, total=11, sample=True)


def test_merging_names_a_bounded_number_of_missing_cases():
    part = Share(passed=0, total=15, sample=False, skipped=15, missing=tuple("abcdefghijklmno"))
    whole = merge(part, part)
    assert isinstance(whole, Share)
    assert (whole.skipped, len(whole.missing)) == (30, NAMED)


def test_merging_distributions_keeps_failed_and_unmeasured():
    first = Distribution(good=Histogram.of_seconds([0.1]), failed=1, unmeasured=2, span=1.0)
    whole = merge(first, first)
    assert isinstance(whole, Distribution)
    assert (whole.n, whole.failed, whole.unmeasured, whole.span) == (4, 2, 4, 1.0)


@pytest.mark.parametrize("other", [Number(value=1), Share(passed=1, total=1, sample=True)])
def test_what_has_no_meaning_together_has_no_measure(other):
    assert merge(Number(value=1), other) is None


def test_census_keeps_skipped_and_lost_cases_in_the_total():
    cases = [case("a"), case("b", "failed"), case("c", "skipped"), case("d", "lost")]
    share = census(cases)
    assert (share.passed, share.failed, share.skipped, share.total) == (1, 1, 2, 4)
    assert share.missing == ("c", "d")
    assert not share.sample


def test_census_names_a_bounded_number_of_missing_cases():
    share = census(case(f"t{n}", "skipped") for n in range(NAMED + 5))
    assert (share.skipped, len(share.missing)) == (NAMED + 5, NAMED)


def test_census_of_a_part_holds_its_nested_parts_and_tags():
    cases = [
        case("a", part="flow/one", tags=("slow",)),
        case("b", "failed", part="flow/two"),
        case("c", tags=("slow",)),
    ]
    by_part = census_by_part(cases)
    assert {name: (share.passed, share.total) for name, share in by_part.items()} == {
        "flow": (1, 2),
        "flow/one": (1, 1),
        "flow/two": (0, 1),
        "slow": (2, 2),
    }


def test_a_case_is_flaky_when_it_passed_but_not_at_once():
    earlier = (CaseAttempt(status=CaseStatus.FAILED),)
    assert case("a", earlier=earlier).flaky
    assert not case("a", "failed", earlier=earlier).flaky
    assert not case("a", earlier=(CaseAttempt(status=CaseStatus.PASSED),)).flaky


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_a_gauge_knows_the_least_greatest_mean_and_last_of_its_values(values):
    gauge = Gauge()
    for second, value in enumerate(values):
        gauge = gauge.and_then(value, span=float(second))
    assert (gauge.samples, gauge.minimum, gauge.maximum) == (len(values), min(values), max(values))
    assert (gauge.last, gauge.span) == (values[-1], len(values) - 1)
    assert gauge.minimum <= gauge.mean <= gauge.maximum
    assert gauge.mean == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-3)
