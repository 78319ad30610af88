"""Criteria that can never be met."""

from __future__ import annotations

from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load


def test_criteria_that_can_never_be_met_are_warned_of(load_text: Load) -> None:
    loaded = load_text(
        HEAD
        + """\
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /, probes: 3, criteria: [success_rate >= 99.9%]}
      - {id: b, kind: burst, url: /, rate: 100/s, duration: 10s}
    criteria: [{criterion: b.success_rate >= 90%, over: 10m}]
gate:
  checks: [{id: c, kind: probe, url: /, during: run}]
  criteria: [c.success_rate >= 99.9%]
"""
    )
    first, second = loaded.warnings
    assert "3 samples can never meet success_rate >= 99.9%" in sentence(first.message)
    assert "2,995" in sentence(first.message)
    assert sentence(second.message) == "criterion 'b.success_rate': b takes 10 s and can never span 10m 00s"


def test_defaults_that_can_never_be_met_are_warned_of_at_their_check(load_text: Load) -> None:
    loaded = load_text(
        HEAD
        + """\
steps:
  - id: one
    checks:
      - {id: a, kind: burst, url: /, rate: 10/s, duration: 10s}
      - {id: b, kind: burst, url: /, rate: 10/s, duration: 10s}
    criteria: [b.success_rate >= 90%]
"""
    )
    (only,) = loaded.warnings
    assert sentence(only.message).startswith(
        "criterion 'a.success_rate', a default of the kind: 100 samples can never"
    )
    assert only.at is not None
    assert (only.line_text or "").strip().startswith("- {id: a")
