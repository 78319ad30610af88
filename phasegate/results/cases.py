"""Cases as a test runner wrote them, in whatever format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from phasegate.base.facts import Message
from phasegate.model.observation import Case

MESSAGE = 500
"""Characters of a message; the whole of it is in the details."""
NAME = 1_000
"""Characters of a name."""
DETAILS = 64 * 1024
"""Characters of a stack trace or an output that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCase:
    case: Case
    details: str = ""
    """Stack trace and output of a case that did not pass; empty for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one file or one output holds."""

    cases: tuple[ResultCase, ...]
    notes: tuple[Message, ...] = ()
    problems: tuple[Message, ...] = ()
    """Why what was read is not all of the evidence, or contradicts itself."""


Reader = Callable[[bytes, str], Results]
"""From what was written, and what messages call it.

Errors: ObservationError for what is not of its format.
"""


def shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def bound_details(text: str) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= DETAILS:
        return text
    half = DETAILS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half:,} characters left out]\n{text[-half:]}"


def unique(cases: Iterable[ResultCase], known: Iterable[str] = ()) -> tuple[ResultCase, ...]:
    """Cases with ids of their own: the second `a::b` becomes `a::b [2]`, also where `known` has the first."""
    taken = set(known)
    counts: dict[str, int] = {}
    result: list[ResultCase] = []
    for item in cases:
        plain = new = item.case.id
        while new in taken:
            counts[plain] = counts.get(plain, 1) + 1
            new = f"{plain} [{counts[plain]}]"
        taken.add(new)
        result.append(item if new == plain else replace(item, case=replace(item.case, id=new)))
    return tuple(result)
