from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

PLAN = """\
phasegate: 1
phase: try
title: Try it
steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, ""], tags: [quick]}]}]
"""


@pytest.fixture
def run(phasegate: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "plan.yaml").write_text(PLAN)
    return phasegate


def test_the_seed_and_the_command_line_are_part_of_the_record(run: CommandLine) -> None:
    code, out, _ = run("run", "plan.yaml", "-o", "out", "--seed", "42", "--json", "-q")
    result = json.loads(out)
    assert code == 0
    assert result["seed"] == 42
    assert result["command"] == ["phasegate", "run", "plan.yaml", "-o", "out", "--seed", "42", "--json", "-q"]


def test_progress_none_keeps_the_summary(run: CommandLine) -> None:
    _, _, err = run("run", "plan.yaml", "-o", "out", "--progress", "none")
    assert "step a" not in err
    assert "Criterion" in err


@pytest.mark.parametrize("wrong", [("-j", "0"), ("-j", "x"), ("--color", "pink"), ("--progress", "fast")])
def test_a_value_that_a_flag_does_not_take_is_wrong_usage(
    run: CommandLine, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    code, out, err = run("run", "plan.yaml", *wrong)
    assert (code, out) == (2, "")
    assert wrong[0].lstrip("-") in err
    assert "phasegate run --help" in err
    assert not (tmp_path / "reports").exists()


def test_a_tag_nobody_has_names_those_there_are(run: CommandLine) -> None:
    code, _, err = run("run", "plan.yaml", "--tag", "quik")
    assert code == 2
    assert "did you mean 'quick'?" in err
