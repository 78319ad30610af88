"""What a scanner reports, in whatever format it wrote it, and how to read JSON of any shape."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.base.secret_shapes import without_secrets
from phasegate.inspection.finding import Finding, Inspection, Looked, Severity

_HIGH, _MEDIUM = 7.0, 4.0
"""CVSS scores from which a finding is an error, and a warning."""
_WORDS = {
    **dict.fromkeys(("critical", "high", "error"), Severity.ERROR),
    **dict.fromkeys(("medium", "moderate", "warning"), Severity.WARNING),
    **dict.fromkeys(("low", "info", "note", "none", "negligible"), Severity.INFO),
}
_BELOW_MICROSECONDS = re.compile(r"(\.\d{6})\d+")
_QUOTED_SECRET = re.compile(
    r"((?i:passw\w*|passphrase|secret|token|credential|api[ _-]?key)[^'\"`]{0,40}(['\"`]))[^'\"`]+(?=\2)"
)
LONGEST = 500
"""Characters of a message of a tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """One run of one tool."""

    name: str
    """As it calls itself."""
    version: str = ""
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] | None = None
    """What it looked at, where it says so."""
    looked: Looked | None = None
    """What it counts, where that is not files."""
    unproven: Mapping[str, Message] = field(default_factory=dict)
    """What it did not look at, by a name for its case, and why."""
    notes: tuple[Message, ...] = ()
    ended: datetime | None = None
    """When it ended, where it says so."""
    revision: str = ""
    """The commit that it looked at, where it says so."""

    @property
    def tool(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    def inspection(self) -> Inspection:
        """Its findings, and that it looked."""
        n, of = (1, "report") if self.files is None else (len(self.files), "file")
        looked = self.looked or Looked(n=n, of=of, family=self.name, tool=self.tool)
        unproven = self.unproven
        if not (looked.n or self.findings or unproven):
            unproven = {self.name: fact(Code.NOTHING_SCANNED, tool=self.name)}
        return Inspection(
            files=None if self.files is None else len(self.files),
            findings=self.findings,
            looked={} if unproven else {self.name: looked},
            unproven=unproven,
            notes=self.notes,
        )


def severity_of_score(score: float) -> Severity:
    """The severity of a CVSS score. Source: CVSS 3.1, section 5, and the levels of GitHub's code scanning."""
    return Severity.ERROR if score >= _HIGH else Severity.WARNING if score >= _MEDIUM else Severity.INFO


def severity_of_word(word: str) -> Severity:
    """What tools call it; a word that nobody knows is an error, so that it is seen."""
    return _WORDS.get(word.lower(), Severity.ERROR)


def excerpt(text: str) -> str:
    """A message of a tool on one line, without the secrets that it found."""
    words = " ".join(text[: 4 * LONGEST].split())
    words = _QUOTED_SECRET.sub(r"\1***", without_secrets(words, put="***"))
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."


def moment_of(text: str) -> datetime | None:
    """A time with its zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(_BELOW_MICROSECONDS.sub(r"\1", text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def get(data: Any, *keys: str) -> Any:
    """What stands below keys; None where nothing does."""
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def text_of(data: Any, key: str) -> str:
    """A text; empty where there is none."""
    value = get(data, key)
    return value if isinstance(value, str) else ""


def items_of(data: Any, key: str) -> list[Any]:
    """A list; empty where there is none."""
    value = get(data, key)
    return value if isinstance(value, list) else []


def number_of(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def line_of(value: Any) -> int | None:
    """A line, from 1; None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
