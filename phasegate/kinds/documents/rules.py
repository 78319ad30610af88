"""What is looked for in documents."""

from __future__ import annotations

from phasegate.inspection.finding import Rule, Severity
from phasegate.inspection.rules import READABLE

_COMMONMARK = "https://spec.commonmark.org/0.31.2/"
_SRE = "https://sre.google/sre-book/"


def _rule(id: str, about: str, source: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(id=f"document-{id}", severity=severity, about=about, source=source, family="documents")


MISSING = _rule(
    "missing", "Every document that the plan names is there.", f"{_SRE}evolving-sre-engagement-model/"
)
SECTION = _rule(
    "section", "Every procedure that the plan names has a heading in a document.", f"{_SRE}being-on-call/"
)
EMPTY = _rule(
    "empty-section", "A procedure that the plan names is more than a heading.", f"{_SRE}being-on-call/"
)
LINK = _rule("link", "Every relative link leads to a file of the repository.", f"{_COMMONMARK}#links")
ANCHOR = _rule(
    "anchor",
    "The part of a link after `#` is a heading of the document that it leads to.",
    "https://docs.github.com/en/get-started/writing-on-github",
)
MARKER = _rule(
    "marker", "No document holds what its author wanted to do later.", f"{_SRE}managing-incidents/"
)
COMMAND = _rule(
    "command",
    "Scripts, targets of make and scripts of npm in code blocks are there.",
    f"{_SRE}automation-at-google/",
)
REVIEWED = _rule("reviewed", "Somebody looked at every document lately.", f"{_SRE}managing-incidents/")
RULES = (READABLE, MISSING, SECTION, EMPTY, LINK, ANCHOR, MARKER, COMMAND, REVIEWED)
