from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import UsageError
from phasegate.kinds import KINDS
from phasegate.plan.asked.plan import Plan
from phasegate.plan.loader import load
from phasegate.targets.protection import confirm_protected

PLAN = """\
phasegate: 1
phase: p
title: t
target:
  default: web
  compose: {file: c.yaml, services: {web: {port: 80, protected: true}, open: {}}}
steps:
  - id: one
    checks: [{id: steady, kind: load, rate: 1/s, duration: 1s, url: "%s"}]
"""
COMPOSE = "services: {web: {image: w, ports: [80, 90]}, open: {image: o, ports: [80]}}\n"


def plan(folder: Path, url: str) -> Plan:
    (folder / "c.yaml").write_text(COMPOSE)
    (folder / "plan.yaml").write_text(PLAN % url)
    return load(folder / "plan.yaml", kinds=KINDS, env={}).plan


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "${target.web.url}/x",
        "http://${target.web.host}:${target.web.port.90}/",
        "https://${target.web.host}/",
    ],
)
def test_load_on_a_protected_service_is_confirmed_whichever_port_it_goes_to(tmp_path: Path, url: str) -> None:
    loaded, chosen = plan(tmp_path, url), frozenset({"steady"})
    with pytest.raises(UsageError, match="check 'steady' puts load on the protected target 'web'"):
        confirm_protected(loaded, chosen, ())
    confirm_protected(loaded, chosen, ("web",))
    confirm_protected(loaded, frozenset(), ())


PROCESS = """\
phasegate: 1
phase: p
title: t
target: {processes: {web: {command: [serve], ready: {tcp: true}, protected: true}}}
steps:
  - id: one
    checks: [{id: steady, kind: load, rate: 1/s, duration: 1s, url: "%s"}]
"""


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "${target.web.url}/",
        "http://localhost:${target.web.port}/",
        "http://${target.web.host}:${target.web.port}/",
    ],
)
def test_load_on_a_protected_process_is_confirmed_however_it_is_addressed(tmp_path: Path, url: str) -> None:
    (tmp_path / "plan.yaml").write_text(PROCESS % url)
    loaded = load(tmp_path / "plan.yaml", kinds=KINDS, env={}).plan
    with pytest.raises(UsageError, match="check 'steady' puts load on the protected target 'web'"):
        confirm_protected(loaded, frozenset({"steady"}), ())
    confirm_protected(loaded, frozenset({"steady"}), ("web",))


def test_load_on_another_service_needs_no_confirmation(tmp_path: Path) -> None:
    confirm_protected(plan(tmp_path, "${target.open.url}/"), frozenset({"steady"}), ())
    with pytest.raises(UsageError, match="the target has no such entry"):
        confirm_protected(plan(tmp_path, "/"), frozenset(), ("wbe",))


FAULTS = """\
phasegate: 1
phase: p
title: t
target:
  default: web
  compose: {file: c.yaml, services: {web: {port: 80, protected: true}, open: {}}}
  containers: {label: a=b, allow_faults: true, services: {old: {port: 80}}}
steps:
  - id: one
    checks:
      - {id: steady, kind: health, url: /}
      - {id: other, kind: health, url: /}
    faults: [{id: f, stop: %s, during: steady, at: 1s, for: 1s, probe: {url: /}}]
"""


@pytest.mark.parametrize(("service", "why"), [("web", "protected"), ("old", "not of this run's making")])
def test_fault_on_what_is_protected_or_was_there_before_is_confirmed(
    tmp_path: Path, service: str, why: str
) -> None:
    (tmp_path / "c.yaml").write_text(COMPOSE)
    (tmp_path / "plan.yaml").write_text(FAULTS % service)
    loaded = load(tmp_path / "plan.yaml", kinds=KINDS, env={}).plan
    with pytest.raises(UsageError, match=f"fault 'f' is to stop '{service}', which is {why}"):
        confirm_protected(loaded, frozenset({"steady"}), ())
    confirm_protected(loaded, frozenset({"steady"}), (service,))
    confirm_protected(loaded, frozenset({"other"}), ())


def test_fault_on_a_service_that_this_run_brings_up_needs_no_confirmation(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(COMPOSE)
    (tmp_path / "plan.yaml").write_text(FAULTS % "open")
    confirm_protected(load(tmp_path / "plan.yaml", kinds=KINDS, env={}).plan, frozenset({"steady"}), ())


def test_rollout_is_confirmed_for_each_of_its_entries(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(COMPOSE)
    rollout = "rollout: [open, web], env: {A: b}, during: steady, at: 1s, probe: {url: /}"
    more = f"    faults: [{{id: f, {rollout}}}]\n"
    text = (
        (PLAN % "${target.open.url}")
        .replace("duration: 1s", "duration: 30s")
        .replace("rate: 1/s", "rate: 99/s")
    )
    (tmp_path / "plan.yaml").write_text(text + more)
    loaded, chosen = load(tmp_path / "plan.yaml", kinds=KINDS, env={}).plan, frozenset({"steady"})
    for confirmed in ((), ("open",)):
        with pytest.raises(UsageError, match="fault 'f' is to roll out 'web', which is protected"):
            confirm_protected(loaded, chosen, confirmed)
    confirm_protected(loaded, chosen, ("web",))
