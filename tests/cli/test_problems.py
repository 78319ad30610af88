"""The form of error messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.base.errors import ExitCode, Position, Problem
from phasegate.cli.problems import problem_text, problems_text
from tests.cli.conftest import CommandLine


def test_a_problem_shows_its_line_with_a_caret_and_help() -> None:
    problem = Problem(
        message="unknown key 'retrys'",
        help="did you mean 'retries'?",
        at=Position(file="phase4.yaml", line=18, column=5, width=6),
        line_text="    retrys: 3",
    )
    assert problem_text(problem).plain == (
        "error: unknown key 'retrys'\n"
        "  --> phase4.yaml:18:5\n"
        "   |\n"
        "18 |     retrys: 3\n"
        "   |     ^^^^^^\n"
        "   = help: did you mean 'retries'?"
    )


def test_the_caret_stands_right_behind_tabs_and_wide_characters() -> None:
    for before, pad in (("\t", "\t"), ("名前: ", "      ")):
        problem = Problem(
            message="wrong",
            at=Position(file="p", line=1, column=len(before) + 1, width=2),
            line_text=f"{before}ab",
        )
        assert problem_text(problem).plain.endswith(f"  | {pad}^^")


def test_a_very_long_line_is_cut_around_the_place() -> None:
    problem = Problem(
        message="wrong",
        at=Position(file="p", line=1, column=5001, width=1),
        line_text="x" * 5000 + "!" + "y" * 5000,
    )
    lines = problem_text(problem).plain.splitlines()
    assert len(lines[-2]) < 200
    assert lines[-2][lines[-1].index("^")] == "!"


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    problem = Problem(message="bad \x1b[31m", at=Position(file="p", line=1), line_text="\x1b]0;title\x07")
    assert "\x1b" not in problem_text(problem).plain


def test_the_end_counts_errors_and_not_warnings() -> None:
    problems = [
        Problem(message="a", at=Position(file="p", line=1)),
        Problem(message="b", at=Position(file="p", line=2), warning=True),
        Problem(message="c", at=Position(file="p", line=3)),
    ]
    assert problems_text(problems).plain.endswith("2 errors in p. Nothing was run.")


PLAN = """\
phasegate: 1
phase: p
title: t
steps: [{id: one, checks: [{id: a, kind: command, command: [a]}]}]
"""


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
@pytest.mark.parametrize("raised", [ValueError, KeyError, AssertionError, AttributeError])
def test_a_defect_while_a_plan_is_read_is_no_error_of_the_plan_and_quotes_nothing(
    phasegate: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str, raised: type[Exception]
) -> None:
    def broken(*_: object) -> None:
        raise raised("hunter2")

    Path("plan.yaml").write_text(PLAN)
    monkeypatch.setattr("phasegate.plan.loader.read_target", broken)
    code, out, err = phasegate(command, "plan.yaml")
    assert (code, out) == (ExitCode.DEFECT, "")
    first, second = err.splitlines()
    assert first.startswith("error: a defect in phasegate ")
    assert "not in your plan, when plan.yaml is read" in first
    assert f"{raised.__name__} at test_problems.py:" in first
    assert "please report" in second
    assert "hunter2" not in err


@pytest.mark.parametrize("raised", [MemoryError, RecursionError, OSError])
def test_what_the_machine_cannot_read_of_a_plan_is_refused_with_its_place(
    phasegate: CommandLine, monkeypatch: pytest.MonkeyPatch, raised: type[Exception]
) -> None:
    def broken(*_: object) -> None:
        raise raised

    Path("plan.yaml").write_text(PLAN)
    monkeypatch.setattr("phasegate.plan.loader.read_target", broken)
    code, _, err = phasegate("validate", "plan.yaml")
    assert code == ExitCode.USAGE
    assert "--> plan.yaml:1:1" in err
