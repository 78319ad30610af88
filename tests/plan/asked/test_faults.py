"""Faults that can be done: what the loaded plan holds of them, and of the checks they are done during."""

from __future__ import annotations

import pytest

from phasegate.base.errors import ObservationError
from phasegate.model.criterion import Level
from phasegate.model.faults import Act
from phasegate.plan.written.plan import RetryWritten
from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load, refused
from tests.telling import raises

STEPS = """\
defaults: {retry: {attempts: 3}, timeout: 9s}
variables: {limit: 2s, victim: web}
secrets: [TOKEN]
steps:
  - id: one
    parallel: true
    checks:
      - {id: steady, kind: probe, url: /}
      - {id: other, kind: probe, url: /}
    faults:
      - id: crash
        kill: ${victim}
        during: steady
        at: 1s
        for: ${limit}
        probe: {url: "${target.web.url}/up", headers: {Key: "${env.TOKEN}"}, expect: {json: {$.ok: true}}}
    criteria: [crash.recovery_time < 10s, {criterion: crash.lost_requests <= 3, level: warn}]
"""


def test_fault_has_all_that_was_asked_and_its_probe_learns_addresses_later(load_text: Load) -> None:
    plan = load_text(HEAD + STEPS, env={"TOKEN": "0123456789"}).plan
    (fault,) = plan.faults()
    assert (fault.asked.act, fault.asked.target, fault.asked.check) == (Act.KILL, "web", "steady")
    assert (fault.asked.due, fault.asked.lasting) == (1.0, 2.0)
    assert fault.summary == "kill web at 1 s for 2 s"
    assert sentence(fault.asked.probe) == "GET http://web/up every 100 ms"
    asked = fault.asking({"target.web.url": "http://127.0.0.1:8"})
    assert asked.url == "${target.web.url}/up"
    assert asked.headers == {"Key": "0123456789"}
    assert asked.timeout == 1.0  # not that of checks, for which 9 s may be right
    with raises(ObservationError, match=r"target\.web\.url"):
        fault.asking({})


def test_criteria_speak_of_the_fault_and_of_no_check(load_text: Load) -> None:
    plan = load_text(HEAD + STEPS, env={"TOKEN": "0123456789"}).plan
    of_fault = [one for one in plan.criteria if one.fault is not None]
    assert [(one.id, one.fault, one.check) for one in of_fault] == [
        ("crash.recovery_time", "crash", None),
        ("crash.lost_requests", "crash", None),
        ("crash.recovered", "crash", None),
    ]


def test_fault_is_judged_by_its_recovery_unless_the_plan_writes_that_itself(load_text: Load) -> None:
    def recovered(steps: str) -> list[tuple[str, str, Level, bool]]:
        plan = load_text(HEAD + steps, env={"TOKEN": "0123456789"}).plan
        return [
            (one.id, one.expression, one.level, one.default)
            for one in plan.criteria
            if one.criterion.measure == "recovered"
        ]

    default = ("crash.recovered", "recovered == 100%", Level.BLOCK, True)
    written = "crash.recovery_time < 10s"
    assert written in STEPS
    assert recovered(STEPS) == [default]
    own = recovered(STEPS.replace(written, "crash.recovered == 100%"))
    assert own == [("crash.recovered", "crash.recovered == 100%", Level.BLOCK, False)]
    warned = STEPS.replace(written, "{criterion: crash.recovered == 100%, level: warn}")
    assert [one[2:] for one in recovered(warned)] == [(Level.WARN, False), (Level.BLOCK, True)]


def test_check_with_a_fault_is_observed_once_alone_and_is_another_than_without(load_text: Load) -> None:
    env = {"TOKEN": "0123456789"}
    steady, other = load_text(HEAD + STEPS, env=env).plan.checks()
    assert (steady.retry, steady.exclusive) == (RetryWritten(), True)
    assert (other.retry.attempts, other.exclusive) == (3, False)
    for change in (("at: 1s", "at: 2s"), ("kill:", "stop:"), ("limit: 2s", "limit: 1s")):
        changed, same = load_text(HEAD + STEPS.replace(*change), env=env).plan.checks()
        assert changed.asked.sha256 != steady.asked.sha256
        assert same.asked.sha256 == other.asked.sha256


@pytest.mark.parametrize("act", ["stop", "kill", "pause", "restart"])
def test_processes_can_be_put_to_every_act_that_needs_no_container(load_text: Load, act: str) -> None:
    lasting = "" if act == "restart" else ", for: 1s"
    text = f"""\
steps:
  - id: one
    checks: [{{id: steady, kind: burst, url: /, rate: 1000/s}}]
    faults: [{{id: f, {act}: web, during: steady, at: 1s{lasting}, probe: {{url: /}}}}]
"""
    (fault,) = load_text(HEAD + text).plan.faults()
    assert fault.asked.act == act
    assert fault.asked.end == (1.0 if act == "restart" else 2.0)


SERVICES = """\
phasegate: 1
phase: phase4
title: A phase
target:
  default: web
  compose: {file: compose.yaml}
  containers: {label: a=b, services: {old: {port: 80}}%s}
steps:
  - id: one
    checks: [{id: steady, kind: burst, url: "${target.web.url}/", rate: 1000/s}]
    faults: [{id: f, %s, during: steady, at: 1s, for: 1s, probe: {url: "http://${target.web.host}/"}}]
    criteria: [%s]
"""
COMPOSE = {"compose.yaml": "services: {web: {image: w, ports: [80]}}"}


@pytest.mark.parametrize(
    ("act", "measure"),
    [("cut: web", "recovery_time < 1s"), ('replace: web, image: "web:2"', "rollback_time < 30s")],
)
def test_services_can_be_cut_off_and_replaced(load_text: Load, act: str, measure: str) -> None:
    text = SERVICES % ("", act, f"f.{measure}")
    (fault,) = load_text(text, files=COMPOSE).plan.faults()
    assert fault.asked.target == "web"
    assert fault.asked.image == ("web:2" if fault.asked.act is Act.REPLACE else "")


def test_services_that_were_there_before_are_left_alone_without_leave(load_text: Load) -> None:
    criteria = "f.recovery_time < 1s"
    said = refused(load_text, SERVICES % ("", "stop: old", criteria), files=COMPOSE)
    assert said == ["fault 'f': 'old' was there before this run, and nothing is done to it without leave"]
    allowed = SERVICES % (", allow_faults: true", "stop: old", criteria)
    assert load_text(allowed, files=COMPOSE).plan.faults()[0].asked.target == "old"
