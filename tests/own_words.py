"""Words of phasegate itself where only facts may stand: every run of the tests has its record searched."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import phasegate

SOURCE = Path(phasegate.__file__).parent
PRINTED = '{"code": "'
"""How a fact begins that was taken for a text."""
LONGEST = 5
"""Words in a row that nobody else writes by chance."""
_WORD = re.compile(r"(?<!\w)[A-Za-z']+(?!\w)")
"""Letters between digits, as in hashes, are not words."""
_OF_OTHERS = {
    *(
        "title",
        "ref",
        "goal",
        "purpose",
        "work",
        "outcomes",
        "risks",
        "next",
        "schedule",
        "done",
        "known",
        "after",
    ),
    *("command", "log_tail"),
    *("id", "name", "missing", "cases"),  # of cases, which people name in --case and in waivers
}


def own_words(record: Path) -> list[str]:
    """Texts of a record in which a fact was printed, or words stand as in the source of phasegate."""
    found = []
    for name in ("result.json", "events.jsonl"):
        path = record / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        whole = ["\n".join(lines)] if name == "result.json" and lines else lines
        for line in whole:
            found += filter(_is_own, _texts(_parse(line)))
    return list(dict.fromkeys(found))


def _is_own(text: str) -> bool:
    return PRINTED in text or not _runs(text).isdisjoint(words_of_source())


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # as a run that was killed left it
        return None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _texts(one)
        case dict():
            for key, one in value.items():
                if key not in _OF_OTHERS:
                    yield from _texts(one)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    return {tuple(words[at : at + LONGEST]) for at in range(len(words) - LONGEST + 1)}


@cache
def words_of_source() -> frozenset[tuple[str, ...]]:
    """All but what Python and the system say, which the source knows too."""
    found: set[tuple[str, ...]] = set()
    for path in SOURCE.rglob("*.py"):
        if not {"render", "demo", "cli"} & set(path.relative_to(SOURCE).parts):
            for text in _constants(ast.parse(path.read_text(encoding="utf-8"))):
                found |= _runs(text)
    return frozenset(found) - _runs("Traceback (most recent call last)") - _runs("No such file or directory")


def _constants(tree: ast.AST) -> Iterable[str]:
    """The strings of a module, but for docstrings."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value
