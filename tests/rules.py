"""The tables of `docs/verdicts.md`: each row is a test, so what the page says is what the program does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "verdicts.md"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table."""

    situation: str
    verdict: str
    exit_code: int

    def __str__(self) -> str:
        return self.situation


def rules(name: str) -> list[Rule]:
    """The rows of the table between `<!-- rules: NAME -->` and `<!-- /rules -->`."""
    text = PAGE.read_text(encoding="utf-8")
    match = re.search(rf"<!-- rules: {re.escape(name)} -->\n(.*?)<!-- /rules -->", text, re.DOTALL)
    assert match is not None, f"{PAGE} has no table {name!r}"
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in match[1].splitlines()[2:]]
    assert rows, f"the table {name!r} of {PAGE} is empty"
    return [Rule(situation, verdict, int(code)) for situation, verdict, code in rows]


def names() -> list[str]:
    """Every table of the page."""
    return re.findall(r"<!-- rules: (\S+) -->", PAGE.read_text(encoding="utf-8"))
