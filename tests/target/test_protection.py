from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.errors import UsageError
from phasegate.kinds import KINDS
from phasegate.plan.loader import load
from phasegate.plan.plan import Plan
from phasegate.target.protection import confirm_protected

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


def test_load_on_another_service_needs_no_confirmation(tmp_path: Path) -> None:
    confirm_protected(plan(tmp_path, "${target.open.url}/"), frozenset({"steady"}), ())
    with pytest.raises(UsageError, match="the target has no such entry"):
        confirm_protected(plan(tmp_path, "/"), frozenset(), ("wbe",))
