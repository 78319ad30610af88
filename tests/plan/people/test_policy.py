from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import PlanError
from phasegate.plan.loader import LoadedPlan
from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load

PLAN = (
    HEAD.replace("target: {", "target: {external: {prod: {url: 'https://prod.example'}}, default: web, ")
    + """\
owner: platform team
approver: release manager
confidence: 99%
steps:
  - id: one
    checks:
      - {id: up, kind: probe, url: /, probes: 1000, confidence: 99.5%}
      - {id: steady, kind: burst, url: /, rate: 10/s}
    criteria:
      - {criterion: up.success_rate >= 99%, confidence: 99%}
gate:
  checks: [{id: beside, kind: probe, url: /, during: run}]
  criteria: [steady.latency.p95 < 1s]
"""
)
POLICY = """\
policy: 1
title: Floors of the bank
confidence: 99%
waiver_days: 60
require: [probe, burst]
protected: [web]
distinct_approver: true
"""

PEOPLE = "the policy asks for two different people (policy.yaml:7)"
KIND = "has a blocking criterion, and the policy asks for one (policy.yaml:5)"


@pytest.fixture
def held(load_text: Load, tmp_path: Path) -> Any:
    """Load a plan against a policy."""

    def load(plan: str = PLAN, policy: str = POLICY, **options: Any) -> LoadedPlan:
        (tmp_path / "policy.yaml").write_text(policy)
        return load_text(plan, policy=tmp_path / "policy.yaml", **options)

    return load


def refused(held: Any, *texts: str, **options: Any) -> list[str]:
    """Messages with their places, below the folder of the plan."""
    with pytest.raises(PlanError) as raised:
        held(*texts, **options)
    found = [(problem.at, sentence(problem.message)) for problem in raised.value.problems]
    return [
        f"{Path(at.file).name}:{at.line}: {re.sub(r'/[^ ]*/', '', message)}" for at, message in found if at
    ]


def test_a_plan_that_keeps_every_floor_is_loaded_with_the_policy(held: Any) -> None:
    loaded = held()
    policy = loaded.policy
    assert (policy.min_confidence, policy.max_waiver_days, policy.require) == (0.99, 60, ("probe", "burst"))
    assert (policy.distinct_approver, policy.allow_confidence_none) == (True, False)
    assert policy.record.name == "Floors of the bank"
    assert policy.record.sha256 == hashlib.sha256(POLICY.encode()).hexdigest()
    assert policy.place("waiver_days").endswith("policy.yaml:4")


def test_without_a_policy_nothing_is_asked_for(load_text: Load) -> None:
    assert load_text(PLAN.replace("99%", "80%")).policy is None


def test_a_policy_without_a_title_is_called_by_its_file(held: Any) -> None:
    assert held(PLAN, "policy: 1\nwaiver_days: 3\n").policy.record.name == "policy"


def test_entries_that_the_policy_names_are_protected_whatever_the_plan_says(held: Any) -> None:
    protected = {entry.id: entry.protected for entry in held().plan.target}
    assert protected == {"web": True, "prod": False}
    assert {
        entry.id: entry.protected for entry in held(PLAN, "policy: 1\nprotected: [prod, far]\n").plan.target
    } == {
        "web": False,
        "prod": True,
    }


def test_every_place_below_a_floor_is_named_with_the_floor_at_once(held: Any) -> None:
    plan = (
        PLAN.replace("confidence: 99%\nsteps", "confidence: 90%\nsteps")
        .replace("confidence: 99.5%", "confidence: none")
        .replace("confidence: 99%}", "confidence: 95%}")
        .replace("approver: release manager", "approver: Platform  Team")
        .replace(
            "criteria: [steady.latency.p95 < 1s]",
            "criteria: [{criterion: steady.latency.p95 < 1s, confidence: 80%}]",
        )
        .replace("- {id: steady, kind: burst, url: /, rate: 10/s}", "- {id: steady, kind: probe, url: /}")
    )
    assert refused(held, plan) == [
        f"plan.yaml:6: owner and approver are both 'Platform  Team', and {PEOPLE}",
        "plan.yaml:7: a confidence of 90% is below the policy's 99% (policy.yaml:3)",
        f"plan.yaml:8: no check of kind 'burst' {KIND}",
        "plan.yaml:11: 'confidence: none' is less than the policy allows (policy.yaml:3)",
        "plan.yaml:14: a confidence of 95% is below the policy's 99% (policy.yaml:3)",
        "plan.yaml:17: a confidence of 80% is below the policy's 99% (policy.yaml:3)",
    ]


def test_floors_are_named_beside_other_mistakes(held: Any) -> None:
    plan = PLAN.replace("probes: 1000", "probes: many").replace("99.5%", "50%")
    assert [message.partition(":")[2][:2] for message in refused(held, plan)] == ["11", "11"]


def test_the_default_confidence_is_held_too(held: Any) -> None:
    plan = PLAN.replace("confidence: 99%\n", "")
    assert refused(held, plan) == [
        "plan.yaml:1: a confidence of 95% is below the policy's 99% (policy.yaml:3), and the plan writes none"
    ]
    assert held(plan, POLICY.replace("confidence: 99%", "confidence: 95%")).policy is not None


def test_confidence_that_cannot_keep_the_gate_shut_is_free(held: Any) -> None:
    plan = PLAN.replace(
        "success_rate >= 99%, confidence: 99%", "latency.p95 < 1s, level: warn, confidence: none"
    )
    assert held(plan).policy is not None


@pytest.mark.parametrize(
    ("check", "criterion"),
    [
        ("level: warn, confidence: none", "success_rate >= 99%"),
        ("level: warn", "{criterion: success_rate >= 99%, confidence: none}"),
        ("level: warn, confidence: none", "{criterion: success_rate >= 99%, level: block}"),
        ("level: warn", "{criterion: success_rate >= 99%, level: block, confidence: none}"),
    ],
)
def test_confidence_of_a_check_that_only_warns_is_free(held: Any, check: str, criterion: str) -> None:
    inside = f"      - {{id: extra, kind: probe, url: /, {check}, criteria: [{criterion}]}}\n"
    plan = PLAN.replace("    checks:\n", f"    checks:\n{inside}", 1)
    assert inside in plan
    if "block" in criterion:
        (said,) = refused(held, plan)
        assert "'confidence: none' is less than the policy allows" in said
    else:
        assert held(plan).policy is not None


def test_a_criterion_of_a_step_on_a_check_that_only_warns_is_free(held: Any) -> None:
    inside = "      - {id: extra, kind: probe, url: /, level: warn}\n"
    below = "      - {criterion: extra.success_rate >= 99%, confidence: none}\n"
    plan = PLAN.replace("    checks:\n", f"    checks:\n{inside}", 1)
    plan = plan.replace("    criteria:\n", f"    criteria:\n{below}", 1)
    assert inside in plan
    assert below in plan
    assert held(plan).policy is not None


@pytest.mark.parametrize(
    ("floors", "allowed"),
    [
        ("confidence: 90%", False),
        ("confidence: 90%\nallow_confidence_none: true", True),
        ("allow_confidence_none: false", False),
        ("allow_confidence_none: true", True),
        ("waiver_days: 3", True),
    ],
)
def test_confidence_none_is_below_every_confidence(held: Any, floors: str, allowed: bool) -> None:
    plan, policy = PLAN.replace("confidence: 99.5%", "confidence: none"), f"policy: 1\n{floors}\n"
    if allowed:
        assert held(plan, policy).policy is not None
    else:
        (said,) = refused(held, plan, policy)
        assert said == "plan.yaml:11: 'confidence: none' is less than the policy allows (policy.yaml:2)"


@pytest.mark.parametrize(
    "criteria",
    [
        "[{criterion: steady.success_rate >= 99%, level: warn}]",
        "[{criterion: up.latency.p95 < 1s}]",
    ],
)
def test_a_required_kind_needs_a_criterion_that_blocks(held: Any, criteria: str) -> None:
    """The default criterion of a kind is one: it gives way to blocking criteria only."""
    plan = PLAN.replace("criteria: [steady.latency.p95 < 1s]", f"criteria: {criteria}")
    assert held(plan).policy is not None
    quiet = PLAN.replace("kind: burst, url: /, rate: 10/s", "kind: quiet").replace(
        "[steady.latency.p95 < 1s]", "[]"
    )
    (said,) = refused(held, quiet, "policy: 1\nrequire: [quiet]\n")
    assert said.startswith("plan.yaml:8: no check of kind 'quiet' has a blocking criterion")


@pytest.mark.parametrize(
    ("old", "lacking"),
    [("owner: platform team\n", "owner"), ("approver: release manager\n", "approver")],
)
def test_two_people_are_two_that_are_named(held: Any, old: str, lacking: str) -> None:
    (said,) = refused(held, PLAN.replace(old, ""))
    assert f"the plan names no {lacking}, and the policy asks for two different people" in said


def test_floors_hold_in_every_environment_and_in_included_files(held: Any) -> None:
    plan = PLAN.replace("confidence: 99.5%", "confidence: '${level}'") + (
        "variables: {level: 99%}\nenvironments: {staging: {variables: {level: 60%}}}\ninclude: [more.yaml]\n"
    )
    more = "steps: [{id: two, checks: [{id: b, kind: probe, url: /, confidence: 51%}]}]\n"
    said = refused(held, plan, files={"more.yaml": more})
    assert said[0].startswith("plan.yaml:11: in environment 'staging': a confidence of 60% is below")
    assert said[-1].startswith("more.yaml:1: a confidence of 51% is below")
    assert len(said) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policy: 2\nconfidence: 95%\n", "policy.yaml:1: policy: 'policy' must be 1, not 2"),
        ("confidence: 95%\n", "policy.yaml:1: policy: 'policy' is missing"),
        ("policy: 1\nconfidance: 95%\n", "policy.yaml:2: policy: unknown key 'confidance'"),
        ("policy: 1\nconfidence: none\n", "policy.yaml:2: policy: 'confidence': none is not a floor"),
        ("policy: 1\nconfidence: 95\n", "policy.yaml:2: policy: 'confidence': write a confidence like 95%"),
        ("policy: 1\nwaiver_days: -1\n", "policy.yaml:2: policy: 'waiver_days' must be at least 0, not -1"),
        ("policy: 1\nwaiver_days: true\n", "policy.yaml:2: policy: 'waiver_days' must be a whole number"),
        ("policy: 1\nrequire: [brust]\n", "policy.yaml:2: policy: unknown kind 'brust'"),
        ("policy: 1\nprotected: [Prod]\n", "policy.yaml:2: policy: 'protected[0]': 'Prod' is not an id"),
        ("policy: 1\ntitle: Nice\n", "policy.yaml:1: policy: there is no floor in it"),
        ("- 1\n", "policy.yaml:1: a policy is a mapping that begins with policy: 1"),
        ("policy: [\n", "policy.yaml:2: a value is missing here"),
        ("", "policy.yaml:1: the file is empty"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_at_its_place(held: Any, text: str, said: str) -> None:
    (message,) = refused(held, PLAN, text)
    assert message.startswith(said)


def test_a_policy_that_is_not_there_is_said_beside_what_is_wrong_with_the_plan(
    load_text: Load, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.yaml"
    with pytest.raises(PlanError) as raised:
        load_text(PLAN.replace("kind: burst", "kind: brust"), policy=gone)
    said = [sentence(problem.message) for problem in raised.value.problems]
    assert said == [f"policy: there is no file {str(gone)!r}", "check 'steady': unknown kind 'brust'"]
