"""Messages about what the user wrote: where, which thing, what is wrong, what would be right."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from phasegate.base.errors import PhasegateError, Problem
from phasegate.render.sentences import sentence

LONGEST_LINE = 160
MOST = 200
"""Problems that are shown: nobody reads more at once, and laying them out takes time."""


def problem_text(problem: Problem) -> Text:
    """One problem with its line, a caret below the place, and help."""
    word, style = ("warning", "bold yellow") if problem.warning else ("error", "bold red")
    text = Text()
    text.append(f"{word}: ", style=style)
    text.append(_clean(sentence(problem.message)), style="bold")
    if problem.at is not None:
        gutter = len(str(problem.at.line))
        text.append(f"\n{' ' * gutter}--> ", style="blue")
        text.append(str(problem.at))
        if problem.line_text is not None:
            text.append_text(_excerpt(problem, gutter))
    if problem.help:
        indent = " " * (len(str(problem.at.line)) if problem.at else 0)
        text.append(f"\n{indent} = help: ", style="blue")
        text.append(_clean(sentence(problem.help)))
    return text


def problems_text(problems: Sequence[Problem], *, ending: str = "Nothing was run.") -> Text:
    """All problems, and at the end how many there are."""
    text = Text()
    for problem in problems[:MOST]:
        text.append_text(problem_text(problem)).append("\n\n")
    if len(problems) > MOST:
        text.append(f"... and {len(problems) - MOST:,} more\n\n")
    errors = sum(not problem.warning for problem in problems)
    files = {problem.at.file for problem in problems if problem.at and not problem.warning}
    if errors:
        where = f" in {next(iter(files))}" if len(files) == 1 else f" in {len(files)} files" if files else ""
        text.append(f"{errors} {'error' if errors == 1 else 'errors'}{where}. {ending}", style="bold")
    else:
        text.rstrip()
    return text


def error_text(error: PhasegateError) -> Text:
    return problem_text(Problem(message=error.message, help=error.help))


def _excerpt(problem: Problem, gutter: int) -> Text:
    assert problem.at is not None
    line = _clean(problem.line_text or "")
    column, width = problem.at.column - 1, max(1, problem.at.width)
    start = 0
    if len(line) > LONGEST_LINE:
        start = max(0, column - LONGEST_LINE // 2)
        line = line[start : start + LONGEST_LINE]
        column -= start
    before, marked = line[:column], line[column : column + width]
    # A tab keeps its width under the caret, a wide character takes two columns.
    pad = "".join("\t" if char == "\t" else " " * cell_len(char) for char in before)
    text = Text()
    text.append(f"\n{' ' * gutter} |\n{problem.at.line} | ", style="blue")
    text.append(line)
    text.append(f"\n{' ' * gutter} | ", style="blue")
    text.append(pad)
    text.append("^" * max(1, cell_len(marked)), style="bold red" if not problem.warning else "bold yellow")
    return text


def _clean(text: str) -> str:
    return "".join(char if (char >= " " and char != "\x7f") or char in "\t\n" else "�" for char in text)
