"""What libyaml complains of, in words that help who wrote the file; and the lines it counts."""

from __future__ import annotations

import re

import yaml

from phasegate.base.errors import Position, Problem

MAX_DEPTH = 64
"""Levels of nesting that a file may have."""
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def lines_of(text: str) -> list[str]:
    """Lines as YAML counts them."""
    return _BREAK.split(text)


def line_of(text: str, index: int) -> str:
    """The line with an index from 0; empty beyond the last."""
    lines = lines_of(text)
    return lines[index] if index < len(lines) else ""


_QUOTE = "quote text that begins with a special character: '@name'"
_INDENT = "keys of one mapping start in the same column, and text with ': ' in it is quoted"
_SYNTAX: tuple[tuple[str, str, str | None], ...] = (
    ("found character that cannot start any token", "no value can begin with this character", _QUOTE),
    ("mapping values are not allowed", "a ':' is not expected here", _INDENT),
    ("could not find expected ':'", "a key without a ':' after it", "write 'key: value'"),
    ("did not find expected key", "neither a key nor the end of the mapping", _INDENT),
    (
        "did not find expected '-' indicator",
        "neither an item nor the end of the list",
        "begin items with '- '",
    ),
    (
        "did not find expected ',' or ']'",
        "a list in [ ] is not closed",
        "separate items with ',' and end with ']'",
    ),
    (
        "did not find expected ',' or '}'",
        "a mapping in { } is not closed",
        "separate with ',' and end with '}'",
    ),
    ("block sequence entries are not allowed", "a '-' is not expected here", _INDENT),
    ("did not find expected node content", "a value is missing here", None),
    (
        "found unexpected end of stream",
        "a quote is opened here and never closed",
        "close it on the same line",
    ),
    # libyaml gives up on thousands of open brackets before it gives the first of them away.
    ("exceeded maximum nesting depth", f"nested deeper than {MAX_DEPTH} levels", None),
    ("found unknown escape character", "unknown escape in double quotes", "use single quotes: '\\d+'"),
    ("did not find URI escape", "this tag is not valid", "leave it out; a plan is plain data"),
    ("found undefined tag handle", "this tag has no meaning here", "leave it out; a plan is plain data"),
)


def explain_error(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Where a file stops being YAML, and why."""
    problem = str(error.problem or "").strip()
    mark = error.problem_mark or error.context_mark
    if "unexpected end of stream" in problem and error.context_mark is not None:
        mark = error.context_mark
    line_number, column = (mark.line, mark.column) if mark is not None else (0, 0)
    line = line_of(text, line_number)
    help: str | None
    tab = re.match(r" *(\t)", line)
    if tab is not None or line[column : column + 1] == "\t":
        column = tab.start(1) if tab is not None else column
        message, help = "a tab where YAML wants spaces", "indent with spaces"
    else:
        known = (entry for entry in _SYNTAX if problem.startswith(entry[0]))
        _, message, help = next(known, ("", f"not YAML: {problem}", None))
    at = Position(file=file, line=line_number + 1, column=column + 1)
    return Problem(message=message, help=help, at=at, line_text=line)
