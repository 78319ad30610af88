"""Verdicts on samples whose failures come together, by the table of the docs."""

from __future__ import annotations

import pytest

from phasegate.gate.criterion import parse_criterion
from phasegate.gate.verdict import decide
from phasegate.model.blocks import Block
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Measure, Share
from tests.judged import Told, judge, result
from tests.rules import rules


def share(blocks: list[tuple[int, int]]) -> Share:
    total, failed = sum(n for n, _ in blocks), sum(bad for _, bad in blocks)
    return Share(passed=total - failed, total=total, sample=True, blocks=tuple(blocks))


def durations(blocks: list[tuple[int, int]]) -> Distribution:
    """(fast, slow) requests of each piece of time."""
    made = tuple(
        Block(good=Histogram.of_seconds([0.01] * fast + [0.5] * slow), failed=0) for fast, slow in blocks
    )
    whole = Histogram()
    for block in made:
        whole = whole.merge(block.good)
    return Distribution(good=whole, blocks=made)


SITUATIONS: dict[str, tuple[str, Measure]] = {
    "failures are spread over time and the plain bound holds": (
        "c.success_rate >= 99%",
        share([(100, i % 4 == 0) for i in range(40)]),
    ),
    "the same failures come in one outage and the plain bound would hold": (
        "c.success_rate >= 99%",
        share([(100, 10 if i == 20 else 0) for i in range(40)]),
    ),
    "failures come together in too few pieces of time to tell, and the plain bound holds": (
        "c.success_rate >= 99%",
        share([(200, 10 if i == 10 else 0) for i in range(20)]),
    ),
    "slow requests come in one stall and the plain bound of the quantile would hold": (
        "c.latency.p95 < 100ms",
        durations([(100 if i not in (7, 8) else 25, 0 if i not in (7, 8) else 75) for i in range(40)]),
    ),
}


def judged(text: str, measure: Measure) -> Told:
    return judge(parse_criterion(text), measure, confidence=0.95)


@pytest.mark.parametrize("rule", rules("clusters"), ids=str)
def test_judged_by_the_table_of_the_docs(rule) -> None:
    text, measure = SITUATIONS[rule.situation]
    verdict = judged(text, measure).verdict
    decision = decide([result(text, verdict)])
    assert (decision.verdict, decision.exit_code) == (rule.verdict, rule.exit_code)


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("clusters")} == set(SITUATIONS)


def test_message_says_what_a_sample_is_worth() -> None:
    text, measure = SITUATIONS["the same failures come in one outage and the plain bound would hold"]
    judgement = judged(text, measure)
    assert judgement.effective_n is not None
    assert judgement.effective_n < 1_000
    worth = f"failures come together in time, so 4,000 are worth {judgement.effective_n:,} independent ones"
    assert worth in judgement.message


def test_message_on_a_quantile_without_a_failure_speaks_of_slow_requests() -> None:
    text, measure = SITUATIONS[
        "slow requests come in one stall and the plain bound of the quantile would hold"
    ]
    message = judged(text, measure).message
    assert "; slow requests come together in time, so " in message
    assert "failure" not in message.partition("independent")[0]


def test_message_says_when_nobody_can_tell() -> None:
    situation = "failures come together in too few pieces of time to tell, and the plain bound holds"
    judgement = judged(*SITUATIONS[situation])
    assert judgement.effective_n is None
    assert "30 pieces of time would be needed to tell whether failures come together" in judgement.message


def test_a_sample_without_pieces_is_judged_as_before() -> None:
    text, measure = SITUATIONS["the same failures come in one outage and the plain bound would hold"]
    assert isinstance(measure, Share)
    plain = Share(passed=measure.passed, total=measure.total, sample=True)
    assert judged(text, plain).effective_n is None
    assert "independent" not in judged(text, plain).message
