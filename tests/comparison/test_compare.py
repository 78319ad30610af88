from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import UsageError
from tests.comparison.plans import changes, health, plan, said

STEP = "  - {id: two, checks: [{id: more, kind: health, url: /more}]}\n"


def test_the_same_plan_in_two_folders_has_no_changes(tmp_path: Path) -> None:
    text = plan(health("probes: 9", "latency.p95 < 1s"), "{id: e, kind: e2e, path: t}")
    assert changes(tmp_path, text, text, {"t/test_a.py": "def test_a(): pass\n"}) == ()


def test_a_removed_step_is_one_line_with_its_checks(tmp_path: Path) -> None:
    (gone,) = changes(tmp_path, plan(health()) + STEP, plan(health()))
    assert said((gone,)) == ["weaker: step two: with more -> removed"]
    assert gone.source == "plan.yaml:9"
    assert said(changes(tmp_path, plan(health()), plan(health()) + STEP)) == [
        "stronger: step two: not there -> with more"
    ]


def test_a_check_may_move_to_another_step(tmp_path: Path) -> None:
    after = plan(health(), "{id: more, kind: health, url: /more}")
    assert said(changes(tmp_path, plan(health()) + STEP, after)) == [
        "changed: step two: its checks are in another step -> removed",
        "changed: check more step: two -> one",
    ]


def test_order_and_commands_of_a_step_have_no_order(tmp_path: Path) -> None:
    after = STEP.replace("two,", "two, needs: [], setup: [[make]],")
    found = said(changes(tmp_path, plan(health()) + STEP, plan(health()) + after))
    assert [line.partition(": ")[2].split(":")[0] for line in found] == ["step two follows", "step two setup"]
    assert {line.partition(":")[0] for line in found} == {"changed"}


def test_the_target_is_looked_at_and_its_protection_is_held(tmp_path: Path) -> None:
    text = plan(health())
    other = text.replace("shop.example", "other.example")
    assert said(changes(tmp_path, text, other)) == [
        "changed: target shop url: http://shop.example -> http://other.example"
    ]
    protected = text.replace('example"}', 'example", protected: true}')
    assert said(changes(tmp_path, protected, text)) == ["weaker: target shop protected: true -> false"]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("gate: {limit: 1m}\n", "gate: {limit: 2m}\n", "weaker: plan limit: 60 s -> 2m 00s"),
        ("gate: {limit: 1m}\n", "", "weaker: plan limit: 60 s -> none"),
        ("", "gate: {limit: 1m}\n", "stronger: plan limit: none -> 60 s"),
        (
            "gate: {approvals: [{role: release manager}]}\n",
            "",
            "weaker: approval of release manager: asked for -> removed",
        ),
        (
            "gate: {approvals: [{role: release manager, within: 1h}]}\n",
            "gate: {approvals: [{role: release manager}]}\n",
            "weaker: approval of release manager within: 1h 00m 00s -> none",
        ),
        ("secrets: [TOKEN]\n", "", "changed: plan secret TOKEN: hidden -> removed"),
    ],
)
def test_what_the_plan_as_a_whole_asks(before: str, after: str, wanted: str, tmp_path: Path) -> None:
    texts = [plan(health(), rest=one) for one in (before, after)]
    assert said(changes(tmp_path, *texts)) == [wanted]


def test_plans_of_different_phases_are_refused(tmp_path: Path) -> None:
    text = plan(health())
    with pytest.raises(UsageError, match="phase 'shop' with one of phase 'other'"):
        changes(tmp_path, text, text.replace("phase: shop", "phase: other"))


ENVIRONMENTS = "variables: {n: 9}\nenvironments: {prod: {variables: {n: 9}}, test: {variables: {n: %s}}}\n"


def test_every_environment_is_compared_and_common_changes_are_told_once(tmp_path: Path) -> None:
    check = '{id: up, kind: health, url: /, probes: "${n}"}'
    before, after = (plan(check, rest=ENVIRONMENTS % n) for n in (9, 3))
    (found,) = changes(tmp_path, before, after)
    assert said((found,)) == ["weaker: check up probes: 9 -> 3"]
    assert found.environments == ("test",)
    (everywhere,) = changes(tmp_path, before, before.replace("n: 9", "n: 5"))
    assert (everywhere.after, everywhere.environments) == ("5", ())


def test_a_new_environment_is_held_against_the_plan_without_one(tmp_path: Path) -> None:
    check = '{id: up, kind: health, url: /, probes: "${n}"}'
    before = plan(check, rest="variables: {n: 9}\n")
    after = plan(check, rest=ENVIRONMENTS % 3)
    assert said(changes(tmp_path, before, after)) == [
        "weaker: check up probes: 9 -> 3",
        "changed: environment prod: not there -> held against the plan without it",
        "changed: environment test: not there -> held against the plan without it",
    ]
    assert "changed: environment test: there -> removed" in said(changes(tmp_path, after, before))


def test_an_included_file_is_part_of_the_plan_and_named_as_the_place(tmp_path: Path) -> None:
    text = plan(health(), rest="include: [more.yaml]\n")
    included = "steps:\n  - id: two\n    checks: [{id: more, kind: health, url: /, probes: %s}]\n"
    (found,) = changes(tmp_path, text, text, {"more.yaml": included % 9}, {"more.yaml": included % 3})
    assert (said((found,)), found.source) == (["weaker: check more probes: 9 -> 3"], "more.yaml:3")


def test_words_for_people_are_not_compared(tmp_path: Path) -> None:
    after = plan(health("title: Is it up?"), rest="goal: go\nowner: us\nrisks: [{title: many}]\n")
    assert changes(tmp_path, plan(health()), after.replace("title: The shop", "title: A shop")) == ()
