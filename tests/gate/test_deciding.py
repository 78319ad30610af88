"""Deciding a criterion while its sample is still being taken."""

import random

import pytest

from phasegate.gate.criterion import parse_criterion
from phasegate.gate.deciding import decidable, decide_early
from phasegate.gate.judge import judge
from phasegate.model.decision import Decided, Decision
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Measure, MeasureType, Number, Share
from phasegate.model.result import CriterionVerdict


def early(text: str, measure: Measure, confidence: float | None = 0.95) -> Decided | None:
    decision = decide_early(parse_criterion(f"c.{text}"), measure, confidence, 0.5)
    return None if decision is None else decision.outcome


def sample(passed: int, total: int) -> Share:
    return Share(passed=passed, total=total, sample=True)


def durations(fast: int, slow: int = 0, failed: int = 0) -> Distribution:
    return Distribution(good=Histogram.of_seconds([0.01] * fast + [0.2] * slow), failed=failed)


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
