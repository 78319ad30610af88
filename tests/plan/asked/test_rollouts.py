"""Rollouts that can be done: what the loaded plan holds of them, and who judges them meanwhile."""

from __future__ import annotations

import pytest

from phasegate.model.faults import Act
from phasegate.plan.asked.judges import judges_of
from phasegate.plan.asked.plan import Plan
from tests.plan.conftest import HEAD, Load, refused

STEPS = """\
secrets: [TOKEN]
steps:
  - id: one
    checks:
      - {id: users, kind: probe, url: /, probes: 1000}
      - {id: others, kind: probe, url: /, during: users}
      - {id: alone, kind: probe, url: /, probes: 1000}
      - {id: work, kind: burst, url: /, rate: 10/s}
    faults:
      - id: roll
        rollout: web
        command: [serve, --port, "${self.port}", "${env.TOKEN}"]
        env: {SELF: "${self.url}", OTHER: "${target.web.url}", PRICE: "$$5"}
        during: users
        at: 1s
        hold: 3s
        probe: {url: /}
    criteria:
      - users.success_rate >= 99%
"""
ENV = {"TOKEN": "0123456789"}


def judges(plan: Plan) -> list[str]:
    (fault,) = plan.faults()
    return [one.id for one in judges_of(fault, plan.checks(), plan.criteria)]


def test_rollout_has_all_that_was_asked_and_learns_its_addresses_later(load_text: Load) -> None:
    (fault,) = load_text(HEAD + STEPS, env=ENV).plan.faults()
    asked = fault.asked
    assert (asked.act, asked.targets, asked.stays) == (Act.ROLLOUT, ("web",), True)
    assert (asked.hold, asked.within, asked.end) == (3.0, 30.0, 4.0)
    assert asked.command == ("serve", "--port", "${self.port}", "0123456789")
    assert asked.env == {"SELF": "${self.url}", "OTHER": "${target.web.url}", "PRICE": "$$5"}


def test_rollout_is_judged_by_two_measures_unless_the_plan_writes_them_itself(load_text: Load) -> None:
    def defaults(text: str) -> list[str]:
        plan = load_text(HEAD + text, env=ENV).plan
        return [one.id for one in plan.criteria if one.fault is not None and one.default]

    assert defaults(STEPS) == ["roll.recovered", "roll.rolled_out"]
    assert defaults(f"{STEPS}      - roll.rolled_out == 0%\n") == ["roll.recovered"]


def test_version_makes_the_check_another_one(load_text: Load) -> None:
    def sha256(text: str) -> str:
        return load_text(HEAD + text, env=ENV).plan.checks()[0].asked.sha256

    changes = [("--port", "--on"), ("PRICE", "COST"), ("hold: 3s", "hold: 4s"), ("hold: 3s", "within: 9s")]
    seen = {sha256(STEPS), *(sha256(STEPS.replace(*change)) for change in changes)}
    assert len(seen) == len(changes) + 1


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("users.success_rate >= 99%", ["users.success_rate", "others.success_rate"]),
        ("users.latency.p95 < 1s", ["users.latency.p95", "users.success_rate", "others.success_rate"]),
        ("users.latency.max < 1s", ["users.success_rate", "others.success_rate"]),
        (
            "{criterion: users.success_rate >= 99%, level: warn}",
            ["users.success_rate.default", "others.success_rate"],
        ),
        ("{criterion: users.success_rate >= 99%, confidence: none}", ["others.success_rate"]),
        ("alone.success_rate >= 99%", ["users.success_rate", "others.success_rate"]),
        ("work.success_rate >= 99%", ["users.success_rate", "others.success_rate"]),
    ],
)
def test_judges_block_and_go_on_beside_it_and_can_be_broken_meanwhile(
    load_text: Load, criteria: str, expected: list[str]
) -> None:
    plan = load_text(HEAD + STEPS.replace("users.success_rate >= 99%", criteria), env=ENV).plan
    assert sorted(judges(plan)) == sorted(expected)


def test_each_entry_of_a_check_judges_and_its_whole_does_not(load_text: Load) -> None:
    each = "each: {a: /a, b: /b}, url: '${each}', criteria: [success_rate >= 99%]"
    text = STEPS.replace("kind: probe, url: /, during", f"kind: probe, {each}, during")
    text += "      - others.success_rate >= 98%\n"
    found = judges(load_text(HEAD + text, env=ENV).plan)
    assert found == ["others/a.success_rate", "others/b.success_rate", "users.success_rate"]


def test_rollout_that_nothing_judges_meanwhile_is_refused(load_text: Load) -> None:
    text = STEPS.replace("during: users\n", "during: work\n")
    said = refused(load_text, HEAD + text, env=ENV)
    assert said == [
        "fault 'roll': no blocking criterion of work or of a check beside it can judge it meanwhile"
    ]


SERVICES = """\
phasegate: 1
phase: phase4
title: A phase
target:
  default: web
  compose: {file: compose.yaml}
  processes: {proxy: {command: [proxy], ready: {tcp: true}}}
  containers: {label: a=b, allow_faults: true, services: {old: {port: 80}}}
steps:
  - id: one
    checks: [{id: users, kind: probe, url: /}]
    faults: [{id: roll, rollout: %s, during: users, at: 1s, probe: {url: /}}]
"""
COMPOSE = {"compose.yaml": "services: {web: {image: w, ports: [80]}, api: {image: w, ports: [80]}}"}


def test_services_are_rolled_out_in_their_order(load_text: Load) -> None:
    (fault,) = load_text(SERVICES % '[web, api], image: "w:2", for: 1s', files=COMPOSE).plan.faults()
    assert (fault.asked.targets, fault.asked.stays) == (("web", "api"), False)
    assert fault.summary == "rollout web, api by w:2 at 1 s for 1 s"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[web, proxy], env: {A: b}", "a rollout is of one kind of target"),
        ("proxy, image: w", "'proxy' is a process, which has no image"),
        ("old, env: {A: b}", "what was there before this run is not left on another version"),
        ('web, env: {A: "${self.port}"}', "${self.port} is not known here"),
    ],
)
def test_what_cannot_be_rolled_out_so_is_refused(load_text: Load, written: str, said: str) -> None:
    (message,) = refused(load_text, SERVICES % written, files=COMPOSE)
    assert said in message
