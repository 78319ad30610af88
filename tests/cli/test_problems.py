"""The form of error messages."""

from __future__ import annotations

from phasegate.cli.problems import problem_text, problems_text
from phasegate.errors import Position, Problem


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
