from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: "Try \\e[31m it"
secrets: [API_TOKEN, OTHER_TOKEN]
target: {external: {shop: {url: "http://shop.example"}}}
steps:
  - id: first
    checks:
      - {id: up, kind: health, url: "/?t=${env.API_TOKEN}", probes: 3, criteria: [success_rate >= 99.9%]}
      - {id: absent, kind: command, command: [no-such-program]}
  - id: second
    needs: [first]
    parallel: true
    checks: [{id: slow, kind: load, url: /, rate: 10/s, duration: 20s, retry: {attempts: 2}}]
gate: {checks: [{id: beside, kind: health, url: /, during: run}]}
"""


@pytest.fixture
def planned(phasegate: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("API_TOKEN", "hunter2-hunter2")
    monkeypatch.delenv("OTHER_TOKEN", raising=False)
    (tmp_path / "plan.yaml").write_text(PLAN)
    return phasegate


def test_plan_says_what_would_run_in_which_order_and_what_is_missing(planned: CommandLine) -> None:
    code, out, err = planned("plan", "plan.yaml")
    assert (code, out) == (0, "")
    assert "nothing has been run" in err
    assert "shop             is at http://shop.example" in err
    assert "step second after first, needs first, checks side by side" in err
    assert "will not run: no-such-program is not installed" in err
    assert "up to 2 attempts" in err
    assert "during run" in err
    assert "API_TOKEN (set), OTHER_TOKEN (missing)" in err
    assert "2,995" in err  # the warning of a criterion that can never be met


def test_plan_shows_no_secret_and_no_escape(planned: CommandLine) -> None:
    for arguments in ((), ("--json",)):
        _, out, err = planned("plan", "plan.yaml", *arguments)
        assert "hunter2" not in out + err
        assert "\x1b" not in out + err


def test_json_says_the_same_on_standard_output(planned: CommandLine) -> None:
    code, out, _ = planned("plan", "plan.yaml", "--json", "--check", "up")
    data = json.loads(out)
    assert code == 0
    assert [step["id"] for step in data["steps"]] == ["first", "second"]
    up, absent = data["steps"][0]["checks"]
    assert up["selected"]
    assert not absent["selected"]
    assert data["steps"][1]["needs"] == ["first"]
    assert "up.success_rate" in [item["id"] for item in data["criteria"]]


def test_plan_starts_nothing_and_leaves_nothing(planned: CommandLine, tmp_path: Path) -> None:
    planned("plan", "plan.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_validate_counts_what_it_found(planned: CommandLine) -> None:
    code, out, err = planned("validate", "plan.yaml")
    assert (code, out) == (0, "")
    assert "plan.yaml: 2 steps, 4 checks, " in err
