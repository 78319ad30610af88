"""Deciding a criterion while its sample is still being taken."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.gate.criterion import parse_criterion
from phasegate.gate.deciding import breakable, breaks, decidable, decide_early, stands
from phasegate.gate.sequential import samples_needed
from phasegate.model.histogram import Histogram, bucket_of
from phasegate.model.judgement import CriterionVerdict, Decided, Decision
from phasegate.model.measures import Distribution, Measure, MeasureType, Number, Share
from tests.judged import judge


def early(text: str, measure: Measure, confidence: float | None = 0.95) -> Decided | None:
    decision = decide_early(parse_criterion(f"c.{text}"), measure, confidence, 0.5)
    return None if decision is None else decision.outcome


def sample(passed: int, total: int) -> Share:
    return Share(passed=passed, total=total, sample=True)


def durations(fast: int, slow: int = 0, failed: int = 0) -> Distribution:
    counted = {ns: count for ns, count in ((10_000_000, fast), (200_000_000, slow)) if count}
    good = Histogram.of_counts(
        {bucket_of(ns): count for ns, count in counted.items()},
        minimum_ns=min(counted, default=0),
        maximum_ns=max(counted, default=0),
        total_ns=sum(ns * count for ns, count in counted.items()),
    )
    return Distribution(good=good, failed=failed)


@pytest.mark.parametrize(
    ("text", "measure", "outcome"),
    [
        ("success_rate >= 99.9%", sample(3_786, 3_786), None),
        ("success_rate >= 99.9%", sample(3_787, 3_787), Decided.MET),
        ("success_rate >= 99.9%", sample(0, 1), Decided.NOT_MET),
        ("success_rate >= 99.9%", sample(990, 1_000), Decided.NOT_MET),
        ("success_rate >= 99.9%", sample(999, 1_000), None),
        ("error_rate <= 1%", sample(0, 377), Decided.MET),
        ("error_rate <= 1%", sample(30, 377), Decided.NOT_MET),
        ("success_rate == 100%", sample(10_000, 10_000), None),
        ("success_rate == 100%", sample(9_999, 10_000), Decided.NOT_MET),
        ("latency.p95 < 100ms", durations(73), None),
        ("latency.p95 < 100ms", durations(74), Decided.MET),
        ("latency.p95 < 100ms", durations(80, slow=20), Decided.NOT_MET),
        ("latency.p95 < 100ms", durations(80, failed=20), Decided.NOT_MET),
        ("latency.p95 > 1ms", durations(100, failed=100), Decided.MET),
        ("latency.max < 1s", durations(10_000), None),
        ("throughput >= 5/s", Number(value=1.0), None),
        ("success_rate >= 99.9%", sample(0, 0), None),
    ],
)
def test_decisions(text, measure, outcome):
    assert early(text, measure) is outcome


def test_without_confidence_nothing_is_decided_before_the_end():
    assert early("success_rate >= 99.9%", sample(10_000, 10_000), None) is None


def test_durations_below_the_clocks_resolution_decide_nothing():
    seen = Distribution(good=durations(1_000).good, unmeasured=1)
    assert early("latency.p95 < 100ms", seen) is None


@pytest.mark.parametrize(
    ("text", "type", "able"),
    [
        ("success_rate >= 99.9%", MeasureType.SAMPLE, True),
        ("success_rate == 100%", MeasureType.SAMPLE, False),
        ("latency.p95 < 1s", MeasureType.DISTRIBUTION, True),
        ("latency.max < 1s", MeasureType.DISTRIBUTION, False),
        ("pass_rate >= 90%", MeasureType.CENSUS, False),
        ("exit_code < 1", MeasureType.NUMBER, False),
    ],
)
def test_what_a_sample_can_decide(text, type, able):
    assert decidable(parse_criterion(f"c.{text}"), type, 0.95) is able
    assert not decidable(parse_criterion(f"c.{text}"), type, None)


@pytest.mark.parametrize(
    ("text", "type", "able"),
    [
        ("success_rate >= 99.9%", MeasureType.SAMPLE, True),
        ("success_rate == 100%", MeasureType.SAMPLE, True),
        ("error_rate == 0%", MeasureType.SAMPLE, True),
        ("success_rate == 90%", MeasureType.SAMPLE, False),
        ("success_rate == 100%", MeasureType.CENSUS, False),
        ("success_rate >= baseline", MeasureType.SAMPLE, False),
        ("latency.p95 < 1s", MeasureType.DISTRIBUTION, True),
        ("latency.max < 1s", MeasureType.DISTRIBUTION, False),
    ],
)
def test_what_a_sample_can_break(text, type, able):
    assert breakable(parse_criterion(f"c.{text}"), type, 0.95) is able


@pytest.mark.parametrize(
    ("text", "measure", "pending", "broken"),
    [
        ("success_rate >= 90%", sample(60, 100), 0, True),
        ("success_rate >= 90%", sample(60, 100), 500, False),  # the failures may have come first
        ("success_rate >= 90%", sample(100, 100), 0, False),
        ("success_rate == 100%", sample(99, 100), 500, True),  # one is enough, whatever comes
        ("latency.p95 < 100ms", durations(60, slow=40), 0, True),
        ("latency.p95 < 100ms", durations(60, slow=40), 1_000, False),
    ],
)
def test_criterion_is_broken_where_nothing_that_is_pending_can_mend_it(text, measure, pending, broken):
    decision = breaks(parse_criterion(f"c.{text}"), measure, 0.95, 0.5, pending)
    assert (decision is not None) is broken


@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 100), st.integers(0, 100))
def test_what_is_broken_is_not_met_by_its_sample_and_all_that_was_pending(right, wrong, pending, later):
    criterion = parse_criterion("c.success_rate >= 60%")
    if breaks(criterion, sample(right, right + wrong), 0.95, 0.5, pending) is None:
        wrong += 3 * (right + pending + 20)  # as bad as it takes
    assert breaks(criterion, sample(right, right + wrong), 0.95, 0.5, pending)
    mended = min(later, pending)
    assert early("success_rate >= 60%", sample(right + mended, right + wrong + mended)) is Decided.NOT_MET


def at_the_end(text: str, measure: Measure, decision: Decision | None = None) -> CriterionVerdict:
    criterion = parse_criterion(f"c.{text}")
    return judge(criterion, measure, confidence=0.95, always_valid=True, decision=decision).verdict


def test_at_the_cap_a_fixed_sample_bound_is_never_used():
    # 3,000 of 3,000 would be met by Clopper and Pearson.
    assert at_the_end("success_rate >= 99.9%", sample(3_000, 3_000)) is CriterionVerdict.UNPROVEN
    assert at_the_end("success_rate >= 99.9%", sample(2_990, 3_000)) is CriterionVerdict.NOT_MET
    assert at_the_end("success_rate >= 99.9%", sample(3_787, 3_787)) is CriterionVerdict.MET


MET = Decision(outcome=Decided.MET, n=3_787, right=3_787, at=1.0)
NOT_MET = Decision(outcome=Decided.NOT_MET, n=100, right=90, at=1.0)


def test_decided_stays_decided():
    assert at_the_end("success_rate >= 99.9%", sample(3_999, 4_000), MET) is CriterionVerdict.MET
    assert at_the_end("success_rate >= 99.9%", sample(10**6, 10**6), NOT_MET) is CriterionVerdict.NOT_MET


def test_met_whose_final_value_violates_is_not_met():
    assert at_the_end("success_rate >= 99.9%", sample(3_787, 3_800), MET) is CriterionVerdict.NOT_MET


def test_decision_says_when_and_on_how_many():
    criterion = parse_criterion("c.success_rate >= 99.9%")
    judged = judge(criterion, sample(4_000, 4_000), confidence=0.95, always_valid=True, decision=MET)
    assert judged.message.endswith("whenever one looks; decided after 3,787 requests (1 s)")


def later(n: int, right: int, pending: int, outcome: Decided = Decided.MET) -> Decision:
    return Decision(outcome=outcome, n=n, right=right, at=1.0, pending=pending)


@pytest.mark.parametrize(
    ("decision", "passed", "total", "holds"),
    [
        (later(377, 377, 0), 377, 1_000, True),  # nothing was pending, and what came later is another matter
        (later(377, 377, 10), 387, 387, True),
        (later(377, 377, 10), 386, 387, False),
        (later(663, 663, 10), 672, 673, True),  # 663 of them show 99% with one failure
        (later(663, 663, 10), 671, 673, False),
        (later(663, 662, 10), 671, 673, False),
        (later(377, 377, 10), 9_999, 10_000, False),  # the one failure may have been among the ten
        (later(5_000, 5_000, 10), 19_000, 20_000, True),  # ten at most were
        (later(100, 90, 1_000, Decided.NOT_MET), 140, 150, True),
        (later(100, 90, 1_000, Decided.NOT_MET), 1_090, 1_100, False),
        (later(100, 90, 20, Decided.NOT_MET), 1_090, 1_100, True),  # no more than twenty were right
    ],
)
def test_a_decision_stands_whatever_became_of_what_was_pending(decision, passed, total, holds):
    criterion = parse_criterion("c.success_rate >= 99%")
    assert stands(decision, criterion, sample(passed, total), 0.95) is holds


def test_a_decision_on_a_quantile_counts_what_hung_as_slow():
    criterion, decision = parse_criterion("c.latency.p95 < 100ms"), later(74, 74, 10)
    assert stands(decision, criterion, durations(84), 0.95)
    assert not stands(decision, criterion, durations(74, failed=10), 0.95)
    assert not stands(decision, criterion, Distribution(good=durations(84).good, unmeasured=1), 0.95)


def test_what_was_pending_and_never_sent_counts_for_nothing():
    """A failure since weighs as much as it does without them."""
    decision, criterion = later(377, 377, 1_000), parse_criterion("c.success_rate >= 99%")
    assert not stands(decision, criterion, sample(386, 387), 0.95)


counts = st.tuples(st.integers(0, 3_000), st.integers(0, 40))
"""(right, wrong)."""
met = st.builds(
    lambda wrong, more: (samples_needed(0.01, 0.95, wrong) - wrong + more, wrong),
    st.integers(0, 4),
    st.integers(0, 40),
)
"""Those that just show 99%."""


@st.composite
def histories(draw) -> tuple[Decision, tuple[int, int], tuple[int, int]]:
    """A decision, and (right, wrong) of what was pending then and of what was begun later."""
    right, wrong = draw(counts | met)
    assume(right + wrong)
    pending = draw(st.tuples(st.integers(0, 60), st.integers(0, 60)))
    decision = decide_early(
        parse_criterion("c.success_rate >= 99%"), sample(right, right + wrong), 0.95, 1.0, sum(pending)
    )
    assume(decision is not None)
    return decision, pending, draw(counts)


def seen(kind: str, right: int, wrong: int) -> tuple[str, Measure]:
    if kind == "share":
        return "success_rate >= 99%", sample(right, right + wrong)
    return "latency.p99 < 100ms", durations(right, slow=wrong // 2, failed=wrong - wrong // 2)


@pytest.mark.parametrize("kind", ["share", "quantile"])
@given(history=histories())
def test_a_decision_that_does_not_stand_is_never_met_for_its_sake(kind, history):
    """Neither on what had been begun by then, nor on all there was, unless that shows it on its own."""
    decision, pending, since = history
    right, wrong = decision.right + pending[0], decision.n - decision.right + pending[1]
    text, begun = seen(kind, right, wrong)
    criterion = parse_criterion(f"c.{text}")
    if decision.outcome is Decided.MET and not stands(decision, criterion, begun, 0.95):
        assert at_the_end(text, begun, decision) is not CriterionVerdict.MET
    text, whole = seen(kind, right + since[0], wrong + since[1])
    if not stands(decision, criterion, whole, 0.95):
        assert at_the_end(text, whole, decision) is at_the_end(text, whole)


@pytest.mark.parametrize("kind", ["share", "quantile"])
@given(history=histories())
def test_another_failure_never_makes_a_met_stand(kind, history):
    decision, pending, since = history
    assume(decision.outcome is Decided.MET)
    right, wrong = decision.right + sum(pending) + since[0], decision.n - decision.right + since[1]
    text, fewer = seen(kind, right, wrong)
    _, more = seen(kind, right - 1, wrong + 1)
    criterion = parse_criterion(f"c.{text}")
    assert stands(decision, criterion, fewer, 0.95) or not stands(decision, criterion, more, 0.95)


@pytest.mark.slow
def test_looking_again_and_again_at_the_boundary_is_rarely_fooled():
    """Runs at a true 99%, looked at every 20 requests: at most 5% may be called met."""
    draw, wrong = random.Random(11), 0
    criterion = parse_criterion("c.success_rate >= 99%")
    for _ in range(200):
        passed = 0
        for n in range(20, 1501, 20):
            passed += sum(draw.random() < 0.99 for _ in range(20))
            decision = decide_early(criterion, sample(passed, n), 0.95, 1.0)
            if decision is not None:
                wrong += decision.outcome is Decided.MET
                break
    assert wrong <= 200 * 0.05 + 4 * (200 * 0.05 * 0.95) ** 0.5
