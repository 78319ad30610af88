"""Flags of every command that loads a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
owner: me
approver: you
variables: {code: 0}
environments:
  staging: {variables: {code: 0}}
  prod: {variables: {code: 3}}
steps:
  - id: only
    checks: [{id: done, kind: command, command: [python, -c, "raise SystemExit(${code})"]}]
"""
FLOORS = "policy: 1\ntitle: Floors\nconfidence: 95%\n"


@pytest.fixture
def planned(phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("PHASEGATE_POLICY", raising=False)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "org.yaml").write_text(FLOORS)
    (tmp_path / "high.yaml").write_text(FLOORS.replace("95%", "99%"))
    return phasegate


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_environment_and_policy_are_taken(planned: CommandLine, command: str) -> None:
    code, _, err = planned(command, "plan.yaml", "--env", "staging", "--policy", "high.yaml")
    assert (code, "high.yaml:3" in err) == (2, True)
    code, _, err = planned(command, "plan.yaml", "--env", "stagin")
    assert (code, "did you mean 'staging'?" in err) == (2, True)
    code, _, err = planned(command, "plan.yaml", "--policy", "gone.yaml")
    assert (code, "policy: there is no file 'gone.yaml'" in err) == (2, True)


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_variable_is_set_once(planned: CommandLine, command: str) -> None:
    code, _, err = planned(command, "plan.yaml", "--set", "code=0", "--set", "code=1")
    assert (code, "--set code is given twice" in err) == (2, True)


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_an_empty_name_is_no_environment_left_out(planned: CommandLine, command: str) -> None:
    code, _, err = planned(command, "plan.yaml", "--env", "")
    assert (code, "--env is empty" in err) == (2, True)


def test_a_word_that_is_none_of_those_accepted_is_said_plainly(planned: CommandLine) -> None:
    code, _, err = planned("validate", "plan.yaml", "--color", "pink")
    assert code == 2
    assert err.startswith(
        "error: invalid value for '--color': 'pink' is not one of 'auto', 'always', 'never'\n"
    )


def test_a_policy_may_come_from_the_environment_and_an_empty_one_is_none(
    planned: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHASEGATE_POLICY", "high.yaml")
    assert planned("validate", "plan.yaml")[0] == 2
    assert planned("validate", "plan.yaml", "--policy", "org.yaml")[0] == 0
    monkeypatch.setenv("PHASEGATE_POLICY", "")
    assert planned("validate", "plan.yaml")[0] == 0


def test_plan_and_validate_say_what_was_chosen(planned: CommandLine) -> None:
    flags = ("--env", "prod", "--policy", "org.yaml")
    assert "environment prod\npolicy Floors (org.yaml)\n" in planned("plan", "plan.yaml", *flags)[2]
    data = json.loads(planned("plan", "plan.yaml", *flags, "--json")[1])
    assert (data["environment"], data["policy"]["name"]) == ("prod", "Floors")
    assert "plan.yaml with environment prod: 1 step" in planned("validate", "plan.yaml", *flags)[2]
