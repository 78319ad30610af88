"""What a kind asks of a check, and what takes its place."""

from __future__ import annotations

import pytest

from phasegate.model.criterion import Level
from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load, plan_of


def test_defaults_of_the_kind_judge_unless_a_blocking_criterion_is_on_their_measure(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /}
      - {id: b, kind: probe, url: /, criteria: [success_rate >= 10%]}
      - {id: c, kind: probe, url: /, criteria: [{criterion: success_rate >= 20%, level: warn}]}
      - {id: d, kind: probe, url: /}
      - {id: e, kind: suite, suite: s.yaml}
    criteria: [e/f.pass_rate == 100%]
gate: {criteria: [d.success_rate >= 30%]}
""",
        files={"s.yaml": "{suite: 1, flows: [{id: f, url: /, expect: {}}]}"},
    )
    found = {
        criterion.id: (criterion.expression, criterion.default, criterion.level)
        for criterion in plan.criteria
    }
    assert found == {
        "a.success_rate": ("success_rate == 100%", True, Level.BLOCK),
        "b.success_rate": ("success_rate >= 10%", False, Level.BLOCK),
        "c.success_rate": ("success_rate >= 20%", False, Level.WARN),
        "c.success_rate.default": ("success_rate == 100%", True, Level.BLOCK),
        "e.pass_rate": ("pass_rate == 100%", True, Level.BLOCK),
        "e/f.pass_rate": ("e/f.pass_rate == 100%", False, Level.BLOCK),
        "d.success_rate": ("d.success_rate >= 30%", False, Level.BLOCK),
    }


def test_of_a_check_that_warns_everything_does_that_does_not_say_otherwise(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
steps:
  - id: one
    checks:
      - {id: a, kind: probe, url: /, level: warn}
      - {id: b, kind: probe, url: /, level: warn, criteria: [success_rate >= 10%]}
      - {id: c, kind: probe, url: /, level: warn, criteria: [{criterion: success_rate >= 20%, level: block}]}
      - {id: d, kind: probe, url: /, level: warn}
      - {id: e, kind: probe, url: /}
    criteria: [d.success_rate >= 30%]
""",
    )
    assert {one.id: (one.expression, one.level) for one in plan.criteria} == {
        "a.success_rate": ("success_rate == 100%", Level.WARN),
        "b.success_rate": ("success_rate >= 10%", Level.WARN),
        "c.success_rate": ("success_rate >= 20%", Level.BLOCK),
        "d.success_rate": ("d.success_rate >= 30%", Level.WARN),
        "e.success_rate": ("success_rate == 100%", Level.BLOCK),
    }


@pytest.mark.parametrize(
    ("criteria", "warned"),
    [
        ("[success_rate != 100%]", True),
        ("[success_rate < 100%]", True),
        ("[success_rate == 0%]", True),
        ("[success_rate > 0%]", False),
        ("[success_rate < 100%, {criterion: success_rate > 50%, id: most}]", False),
        ("[{criterion: success_rate < 100%, level: warn}]", False),
    ],
)
def test_criterion_that_holds_when_all_failed_and_displaces_a_default_gets_a_warning(
    load_text: Load, criteria: str, warned: bool
) -> None:
    text = (
        f"steps: [{{id: one, checks: [{{id: a, kind: probe, url: /, probes: 5, criteria: {criteria}}}]}}]\n"
    )
    said = [
        item for item in load_text(HEAD + text).warnings if "replaces the default" in sentence(item.message)
    ]
    assert bool(said) is warned
    if warned:
        assert sentence(said[0].message) == (
            "criterion 'a.success_rate' holds when success_rate is 0%, "
            "and replaces the default success_rate == 100%"
        )
        assert said[0].at is not None
