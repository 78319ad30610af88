"""The criteria of a plan: ids and confidence; what is wrong with one is in `bad/criteria.yaml`."""

from __future__ import annotations

from tests.plan.conftest import Load, plan_of

ONE = "steps: [{id: one, checks: [{id: a, kind: probe, url: /health}]}]\n"


def test_a_range_is_two_criteria_of_which_one_has_an_id(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        ONE + "gate: {criteria: [a.latency.p50 > 1ms, {criterion: a.latency.p50 < 1s, id: below}]}\n",
    )
    assert [one.id for one in plan.criteria if one.criterion.measure == "latency"] == [
        "a.latency.p50",
        "below",
    ]


def test_the_nearest_confidence_counts(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
confidence: 99%
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /, criteria: [success_rate >= 1%]}
      - id: b
        kind: probe
        url: /
        confidence: none
        criteria: [latency.mean < 1s, {criterion: success_rate >= 1%, confidence: 90%, over: 1s}]
    criteria: [b.latency.max < 1s]
""",
    )
    found = {criterion.id: criterion.confidence for criterion in plan.criteria}
    assert plan.confidence == 0.99
    assert found == {
        "a.success_rate": 0.99,
        "b.latency.mean": None,
        "b.success_rate": 0.9,
        "b.latency.max": None,
    }
