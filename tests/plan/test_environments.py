from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import PlanError, UsageError
from phasegate.plan.asked.plan import Plan
from phasegate.render.sentences import sentence
from tests.plan.conftest import Load, entries_of

SHOP = """\
phasegate: 1
phase: shop
title: A shop
variables: {rate: 10/s, path: /health, probes: 3000, floor: 99%}
target:
  default: web
  processes:
    web: {command: [serve, --port, "${self.port}"], ready: {tcp: true}}
  external:
    bank: {url: "https://bank.test"}
  setup: [[seed]]
environments:
  staging:
    target:
      external:
        web: {url: "https://staging.example", headers: {x-env: "${rate}"}, protected: true}
      setup: []
    variables: {rate: 5/s}
  prod:
    target: {external: {bank: {url: "https://bank.example"}}}
steps:
  - id: one
    checks:
      - {id: up, kind: probe, url: "${target.web.url}${path}", probes: "${probes}"}
      - {id: steady, kind: burst, url: "${target.web.url}/", rate: "${rate}"}
    criteria: [up.latency.p95 < 100ms]
"""


def chosen(load_text: Load, name: str, text: str = SHOP, **options: Any) -> Plan:
    return load_text(text, environment=name, **options).plan


def refused(load_text: Load, text: str, **options: Any) -> list[str]:
    with pytest.raises(PlanError) as raised:
        load_text(text, **options)
    return [f"{Path(str(problem.at)).name}: {sentence(problem.message)}" for problem in raised.value.problems]


def test_without_an_environment_a_plan_is_as_it_is_written(load_text: Load) -> None:
    loaded = load_text(SHOP)
    assert loaded.environment == ""
    assert [entry.id for entry in entries_of(loaded.plan.target, "processes")] == ["web"]
    assert loaded.plan.variables["rate"] == "10/s"


def test_an_entry_of_an_environment_replaces_the_whole_entry_of_that_id(load_text: Load) -> None:
    loaded = load_text(SHOP, environment="staging")
    target = loaded.plan.target
    assert loaded.environment == "staging"
    assert entries_of(target, "processes") == ()
    assert {entry.id: entry.url for entry in entries_of(target, "external")} == {
        "bank": "https://bank.test",
        "web": "https://staging.example",
    }
    assert (target.default, target.setup) == ("web", ())
    assert next(entry for entry in entries_of(target, "external") if entry.id == "web").protected


def test_what_an_environment_does_not_name_stays(load_text: Load) -> None:
    target = chosen(load_text, "prod").target
    assert [entry.id for entry in entries_of(target, "processes")] == ["web"]
    assert [entry.url for entry in entries_of(target, "external")] == ["https://bank.example"]
    assert len(target.setup) == 1


def test_another_entry_may_be_the_default(load_text: Load) -> None:
    text = SHOP.replace("prod:\n    target: {", "prod:\n    target: {default: bank, ")
    assert chosen(load_text, "prod", text).target.default == "bank"


def test_addresses_of_an_environment_reach_the_checks(load_text: Load) -> None:
    check = chosen(load_text, "staging").check("up")
    assert check.parts[0].params.url == "https://staging.example/health"  # type: ignore[attr-defined]


def test_variables_of_an_environment_win_over_the_plan_and_flags_over_both(load_text: Load) -> None:
    assert chosen(load_text, "staging").variables["rate"] == "5/s"
    assert chosen(load_text, "staging", overrides={"rate": "7/s"}).variables["rate"] == "7/s"
    file = "values.yaml"
    plan = load_text(SHOP, environment="staging", files={file: "rate: 8/s\n"}).plan
    assert plan.variables["rate"] == "5/s"


def test_a_file_of_variables_wins_over_an_environment(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("rate: 8/s\n")
    plan = chosen(load_text, "staging", variable_files=[tmp_path / "values.yaml"])
    assert plan.variables["rate"] == "8/s"


def test_the_hash_of_a_check_is_that_of_what_is_asked_for_there(load_text: Load) -> None:
    plain, staging = chosen(load_text, ""), chosen(load_text, "staging")
    assert plain.check("steady").asked.sha256 != staging.check("steady").asked.sha256
    assert plain.check("up").asked.sha256 == staging.check("up").asked.sha256


def test_an_unknown_environment_is_wrong_usage_and_the_known_ones_are_named(load_text: Load) -> None:
    with pytest.raises(UsageError) as raised:
        chosen(load_text, "production")
    assert "'production'" in raised.value.message
    assert raised.value.help == "known environments: staging, prod"
    with pytest.raises(UsageError) as raised:
        chosen(load_text, "staging", SHOP.replace("environments:", "x-environments:"))
    assert raised.value.help == "the plan has no environments"


def test_environments_that_are_no_mapping_are_a_mistake_of_the_plan(load_text: Load) -> None:
    text = SHOP[: SHOP.index("environments:")] + "environments: [a]\n" + SHOP[SHOP.index("steps:") :]
    for name in ("", "staging"):
        (said,) = refused(load_text, text, environment=name)
        assert "environments must be a mapping of names to target and variables" in said


@pytest.mark.parametrize("name", ["", "prod", "staging"])
def test_a_broken_environment_shows_whichever_is_chosen(load_text: Load, name: str) -> None:
    text = SHOP.replace("rate: 5/s", "rate: 5").replace('web: {url: "https://staging', 'web: {url: "staging')
    said = refused(load_text, text, environment=name)
    prefix = "" if name == "staging" else "in environment 'staging': "
    target, rate = said
    assert target.startswith(
        f"plan.yaml:16:20: {prefix}target 'web': 'url': 'staging.example' is not an absolute"
    )
    assert rate == f"plan.yaml:25:68: {prefix}check 'steady': 'rate': 5 has no unit; write a rate like 200/s"


def test_the_plan_without_an_environment_is_checked_too(load_text: Load) -> None:
    text = SHOP.replace("rate: 10/s", "rate: 10")
    assert refused(load_text, text, environment="staging") == [
        "plan.yaml:25:68: without --env: check 'steady': 'rate': 10 has no unit; write a rate like 200/s"
    ]


def test_what_is_wrong_everywhere_is_said_once(load_text: Load) -> None:
    said = refused(load_text, SHOP.replace("kind: burst", "kind: brust"), environment="staging")
    assert said == ["plan.yaml:25:28: check 'steady': unknown kind 'brust'"]


ELSEWHERE = SHOP.replace("rate: 5/s", 'rate: "${env.RATE}"').replace(
    "https://staging.example", "${env.STAGING}"
)


def test_environment_variables_of_another_machine_are_not_asked_for_here(load_text: Load) -> None:
    assert load_text(ELSEWHERE).plan.check("steady").parts[0].params.rate == 10  # type: ignore[attr-defined]


def test_environment_variables_of_the_chosen_environment_are_asked_for(load_text: Load) -> None:
    said = refused(load_text, ELSEWHERE, environment="staging")
    assert any("environment variable 'RATE' is not set" in message for message in said)
    assert any("environment variable 'STAGING' is not set" in message for message in said)
    plan = chosen(load_text, "staging", ELSEWHERE, env={"RATE": "5/s", "STAGING": "https://s.example"})
    assert plan.variables["rate"] == "5/s"


def test_files_of_another_machine_are_not_looked_for_here(load_text: Load) -> None:
    text = SHOP.replace("protected: true}", "tls: {ca: staging.pem}}")
    assert load_text(text).environment == ""
    assert any("staging.pem" in message for message in refused(load_text, text, environment="staging"))


@pytest.mark.parametrize("key", ["steps", "gate", "criteria", "checks", "confidence", "include"])
def test_an_environment_never_says_what_must_be_true(load_text: Load, key: str) -> None:
    text = SHOP.replace("  prod:\n", f"  prod:\n    {key}: []\n")
    (said,) = refused(load_text, text)
    assert said.startswith(f"plan.yaml:20:5: environment 'prod' cannot have {key!r}: a gate that asks less")


@pytest.mark.parametrize(
    ("criterion", "value", "was", "now"),
    [
        ("'up.success_rate >= ${floor}'", "90%", "'up.success_rate >= 99%'", "'up.success_rate >= 90%'"),
        ("{criterion: up.success_rate >= 99%, confidence: '${floor}'}", "90%", "99%)", "90%)"),
        ("{criterion: up.success_rate >= 99%, level: '${floor}'}", "warn", "(block,", "(warn,"),
    ],
)
def test_a_variable_of_an_environment_cannot_change_a_criterion(
    load_text: Load, criterion: str, value: str, was: str, now: str
) -> None:
    text = SHOP.replace("up.latency.p95 < 100ms", criterion).replace("rate: 5/s", f"floor: {value}")
    text = text.replace("floor: 99%", "floor: block") if value == "warn" else text
    for name in ("", "staging", "prod"):
        (said,) = refused(load_text, text, environment=name)
        before, _, after = said.partition(" to ")
        assert before.startswith("plan.yaml:18:5: environment 'staging' changes the criterion 'up.")
        assert was in before
        assert now in after
        assert after.endswith("(on line 26)")


@pytest.mark.parametrize(
    ("key", "value", "now"),
    [("level", "warn", "(warn, confidence 95%)"), ("confidence", "60%", "(block, confidence 60%)")],
)
def test_a_variable_of_an_environment_cannot_change_a_default_criterion(
    load_text: Load, key: str, value: str, now: str
) -> None:
    text = SHOP.replace("id: up,", f"id: up, {key}: '${{floor}}',")
    text = text.replace("floor: 99%", "floor: block" if value == "warn" else "floor: 95%")
    text = text.replace("rate: 5/s", f"floor: {value}").replace("[up.latency.p95 < 100ms]", "[]")
    assert text.count("${floor}") == 1
    (said,) = refused(load_text, text)
    assert "environment 'staging' changes the default criterion of check 'up', " in said
    assert now in said


def test_a_variable_of_an_environment_cannot_leave_a_criterion_out(load_text: Load) -> None:
    text = SHOP.replace("rate: 10/s", "rate: {a: /a, b: /b}").replace("rate: 5/s", "rate: {a: /a}")
    text = text.replace('headers: {x-env: "${rate}"}, ', "").replace(
        '- {id: steady, kind: burst, url: "${target.web.url}/", rate: "${rate}"}',
        '- {id: steady, kind: probe, each: "${rate}", url: "${each}", criteria: [latency.p95 < 1s]}',
    )
    (said,) = refused(load_text, text)
    assert "environment 'staging' leaves out the criterion 'latency.p95 < 1s'" in said


def test_flags_may_change_a_criterion_as_they_are_in_the_record(load_text: Load) -> None:
    text = SHOP.replace("up.latency.p95 < 100ms", "'up.success_rate >= ${floor}'")
    plan = chosen(load_text, "staging", text, overrides={"floor": "90%"})
    assert plan.variables["floor"] == "90%"


def test_a_cause_that_is_known_is_in_the_warnings_of_the_chosen_environment_only(load_text: Load) -> None:
    text = SHOP.replace("up.latency.p95 < 100ms", "up.success_rate >= 99.9%").replace(
        "rate: 5/s", "probes: 3"
    )
    text = text.replace("variables: {rate: 10/s", "variables: {rate: 30/s")  # 299 for the default of `steady`
    assert load_text(text).warnings == ()
    assert len(load_text(text, environment="staging").warnings) == 1
