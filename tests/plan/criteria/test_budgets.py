"""The nearest budget counts a check, and each that counts any is one criterion."""

from __future__ import annotations

from phasegate.model.criterion import Level
from tests.plan.conftest import HEAD, Load

PLAN = (
    HEAD
    + """\
flaky: 1%
steps:
  - id: one
    flaky: {max: 2.5%, policy: warn}
    checks:
      - {id: a, kind: probe, url: /}
      - {id: b, kind: probe, url: /, flaky: 0%}
  - id: two
    checks:
      - {id: c, kind: probe, url: /}
      - {id: d, kind: probe, url: /, flaky: 5%}
gate:
  require: [probe]
"""
)


def test_the_nearest_budget_counts_a_check(load_text: Load) -> None:
    found = {item.id: item for item in load_text(PLAN).plan.criteria if item.id.startswith("flaky:")}
    assert {id: (item.expression, item.step, item.without) for id, item in found.items()} == {
        "flaky:b": ("b.flaky_rate <= 0%", "one", ()),
        "flaky:step/one": ("step/one.flaky_rate <= 2.5%", "one", ("b",)),
        "flaky:d": ("d.flaky_rate <= 5%", "two", ()),
        "flaky:run": ("run.flaky_rate <= 1%", None, ("a", "b", "d")),
    }
    assert {id for id, item in found.items() if item.level is Level.WARN} == {"flaky:step/one"}
    assert found["flaky:step/one"].source.endswith("plan.yaml:8")


def test_a_budget_that_counts_nothing_is_no_criterion(load_text: Load) -> None:
    text = HEAD + "flaky: 1%\nsteps: [{id: one, checks: [{id: a, kind: probe, url: /, flaky: 2%}]}]\n"
    ids = {item.id for item in load_text(text).plan.criteria}
    assert ids == {"a.success_rate", "flaky:a"}


def test_a_check_that_only_warns_spends_no_budget_that_blocks(load_text: Load) -> None:
    text = PLAN.replace("{id: c, kind: probe,", "{id: c, kind: probe, level: warn,")
    text = text.replace("{id: d, kind: probe,", "{id: d, kind: probe, level: warn,")
    blocks = "criteria: [{criterion: success_rate == 100%, level: block}]"
    text = text.replace("flaky: 5%}", f"flaky: 5%, {blocks}}}").replace("gate:\n  require: [probe]\n", "")
    found = {item.id: item for item in load_text(text).plan.criteria if item.id.startswith("flaky:")}
    assert {id: (item.expression, item.level.value) for id, item in found.items()} == {
        "flaky:b": ("b.flaky_rate <= 0%", "block"),
        "flaky:step/one": ("step/one.flaky_rate <= 2.5%", "warn"),
        "flaky:c": ("c.flaky_rate <= 1%", "warn"),
        "flaky:d": ("d.flaky_rate <= 5%", "block"),
    }


def test_a_kind_that_must_have_run_is_a_blocking_criterion(load_text: Load) -> None:
    (item,) = (item for item in load_text(PLAN).plan.criteria if item.id == "require:probe")
    assert (item.level, item.check, item.criterion.part) == (Level.BLOCK, None, "probe")
    assert item.source.endswith("plan.yaml:17")
