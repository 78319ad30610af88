from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phasegate.base.errors import UsageError
from phasegate.gate.aggregates import required_kind
from phasegate.gate.criterion import parse_criterion
from phasegate.model.criterion import PlanCriterion
from phasegate.runner.selection import select, select_criteria
from tests.runner.scripted import check, plan, step

PLAN = plan(
    step("one", check("a", step="one", tags=("quick",)), check("b", step="one")),
    step("two", check("c", step="two", tags=("quick", "slow")), check("beside-c", step="two", during="c")),
    gate=(check("uptime", step=None, during="run"),),
)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({}, {"a", "b", "c", "beside-c", "uptime"}),
        ({"steps": ("one",)}, {"a", "b"}),
        ({"checks": ("b",)}, {"b"}),
        ({"steps": ("one",), "checks": ("c",)}, {"a", "b", "c", "beside-c"}),
        ({"tags": ("quick",)}, {"a", "c", "beside-c"}),
        ({"steps": ("one",), "tags": ("quick",)}, {"a"}),
        ({"tags": ("slow", "quick")}, {"a", "c", "beside-c"}),
        ({"checks": ("uptime",)}, {"uptime"}),
        ({"checks": ("a",), "cases": ("x",)}, {"a"}),
    ],
)
def test_steps_and_checks_add_up_and_tags_narrow(asked: dict[str, Any], chosen: set[str]) -> None:
    ids, record = select(PLAN, **asked)
    assert ids == chosen
    assert record.narrowed is bool(asked)
    assert (record.criteria_selected, record.criteria_total) == (len(chosen), 5)


@pytest.mark.parametrize(
    ("asked", "says", "help"),
    [
        ({"steps": ("won",)}, "no step 'won'", "steps are one, two"),
        ({"checks": ("beside-d",)}, "no check 'beside-d'", "did you mean 'beside-c'"),
        ({"tags": ("quik",)}, "no tag 'quik'", "did you mean 'quick'"),
        ({"checks": ("b",), "tags": ("quick",)}, "nothing is selected", "phasegate plan"),
    ],
)
def test_what_the_plan_does_not_have_is_wrong_usage(asked: dict[str, Any], says: str, help: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        select(PLAN, **asked)
    assert help in (raised.value.help or "")


def test_a_criterion_on_the_target_is_selected_with_any_check_of_its_step() -> None:
    places = {"threads.max": "one", "memory.max": "two", "cpu.max": None}
    asked = tuple(
        PlanCriterion(id=name, criterion=parse_criterion(f"target/web.{name} < 1"), step=place)
        for name, place in places.items()
    )
    whole = replace(PLAN, criteria=asked)
    assert select_criteria(whole, {"b"}) == {"threads.max"}
    assert select_criteria(whole, {"b", "c"}) == {"threads.max", "memory.max"}
    assert select_criteria(whole, {"uptime"}) == {"cpu.max"}
    assert select_criteria(whole, {check.id for check in whole.checks()}) == set(places)


def test_a_criterion_on_a_step_or_the_run_is_selected_with_all_checks_that_it_counts() -> None:
    texts = ("step/one.total >= 1", "step/two.total >= 1", "run.errored == 0", "a.flaky_rate <= 1%")
    asked = [
        PlanCriterion(id=parsed.id, criterion=parsed) for text in texts for parsed in (parse_criterion(text),)
    ]
    asked.append(replace(asked[2], id="rest", without=("c", "beside-c", "uptime")))
    asked.append(PlanCriterion(id="required", criterion=required_kind("scripted")))
    whole = replace(PLAN, criteria=tuple(asked))
    assert select_criteria(whole, {"a"}) == {"a.flaky_rate", "required"}
    assert select_criteria(whole, {"a", "b"}) == {"a.flaky_rate", "step/one.total", "rest", "required"}
    everything = {check.id for check in whole.checks()}
    assert select_criteria(whole, everything) == {item.id for item in asked}
    assert "step/one.total" not in select_criteria(whole, everything, cases=True)


def test_counts_of_a_whole_suite_do_not_judge_some_of_its_cases() -> None:
    texts = ("a.total >= 3", "a.passed >= 3", "a.failed == 0", "a.pass_rate == 100%")
    whole = replace(
        PLAN,
        criteria=tuple(PlanCriterion(id=text, criterion=parse_criterion(text)) for text in texts),
    )
    assert select_criteria(whole, {"a"}, cases=True) == {"a.failed == 0", "a.pass_rate == 100%"}
    assert select_criteria(whole, {"a"}) == set(texts)
