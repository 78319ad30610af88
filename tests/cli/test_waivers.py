"""`phasegate waivers`, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
waivers: waivers.yaml
target: {external: {shop: {url: "http://shop.example"}}}
steps:
  - id: first
    checks:
      - {id: up, kind: health, url: "/", probes: 3}
      - {id: unit, kind: command, command: [make, test], results: "out/*.xml"}
"""
WAIVERS = """\
waivers: 1
entries:
  - id: slow-start
    covers: [up.success_rate, "unit/suite::a", {pattern: "unit/*gpu*", max: 3}]
    owner: platform team
    approver: release manager
    reason: "The cache is cold \\e[31m"
    ticket: T-12
    expires: 2026-03-31
  - {id: ended, covers: [unit.pass_rate], owner: a, approver: b, reason: c, ticket: T-1, expires: 2026-03-01}
"""


@pytest.fixture
def waivers(phasegate: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    return lambda *arguments: phasegate("waivers", *arguments)


def test_without_a_command_its_help_is_shown(phasegate: CommandLine) -> None:
    code, _, err = phasegate("waivers")
    assert (code, err.startswith("Usage: phasegate waivers")) == (2, True)


def test_list_shows_every_waiver_with_its_state_and_days(waivers: CommandLine) -> None:
    code, out, err = waivers("list", "plan.yaml", "--today", "2026-03-10")
    assert (code, out) == (0, "")
    assert "slow-start  in force: expires on 2026-03-31, in 21 days" in err
    assert "covers    up.success_rate, unit/suite::a, unit/*gpu* (at most 3)" in err
    assert "because   The cache is cold \\x1b[31m (T-12)" in err
    assert "owner     platform team, approved by release manager" in err
    assert "ended  expired: expired on 2026-03-01" in err
    assert err.endswith("2 waivers: 1 expired, 1 in force\n")


@pytest.mark.parametrize(
    ("today", "state", "left"),
    [
        ("2026-03-16", "in_force", 15),
        ("2026-03-17", "ending_soon", 14),
        ("2026-03-31", "ending_soon", 0),
        ("2026-04-01", "expired", -1),
    ],
)
def test_list_gives_json(waivers: CommandLine, today: str, state: str, left: int) -> None:
    code, out, _ = waivers("list", "plan.yaml", "--today", today, "--json")
    first = json.loads(out)[0]
    assert (code, first["state"], first["days_left"]) == (0, state, left)
    assert first["covers"] == ["up.success_rate", "unit/suite::a", "unit/*gpu* (at most 3)"]
    assert first["source"] == "waivers.yaml:3"


def test_check_points_at_what_has_expired(waivers: CommandLine) -> None:
    code, out, err = waivers("check", "plan.yaml", "--today", "2026-03-10")
    assert (code, out) == (1, "")
    assert "warning: waiver 'ended' expired on 2026-03-01, so it covers nothing" in err
    assert "waivers.yaml:10:" in err
    assert "^^^^^^^^^^" in err


def test_a_plan_without_waivers_has_none_to_look_at(phasegate: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN.replace("waivers: waivers.yaml\n", ""))
    assert phasegate("waivers", "check", "plan.yaml") == (0, "", "0 waivers\n")


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", ""])
def test_a_day_that_is_none_is_wrong_usage(waivers: CommandLine, day: str) -> None:
    code, _, err = waivers("list", "plan.yaml", "--today", day)
    assert code == 2
    assert f"--today {day!r} is not a date" in err


def test_without_a_command_it_says_what_there_is(phasegate: CommandLine) -> None:
    code, out, err = phasegate("waivers")
    assert code == 2
    assert "list" in out + err
    assert "check" in out + err


def test_waivers_that_are_wrong_are_said_by_every_command_that_reads_a_plan(
    waivers: CommandLine, phasegate: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "waivers.yaml").write_text("waivers: 1\nentries: [{id: x}]\n")
    for command in (("validate",), ("plan",), ("run",), ("waivers", "list"), ("waivers", "check")):
        code, _, err = phasegate(*command, "plan.yaml")
        assert code == 2
        assert "waiver 'x': 'expires' is missing" in err
