"""Lines of the written plan: what it claims, and the criteria that judge it.

A line is an item of a list that people wrote: work, an outcome, something done, known or next. It holds when
the criteria hold that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.model.judgement import CriterionVerdict


class LineStatus(StrEnum):
    """What the criteria of a line came to together, the worst first."""

    OPEN = "open"
    """A criterion is not met."""
    NOT_VERIFIED = "not_verified"
    """A criterion is unproven, or was not part of the run."""
    NOT_JUDGED = "not_judged"
    """No criterion is named."""
    WAIVED = "waived"
    """A waiver covers what is not met."""
    HOLDS = "holds"
    """Every criterion is met."""


_WORST_FIRST = tuple(LineStatus)
_OF_VERDICT = {
    CriterionVerdict.MET: LineStatus.HOLDS,
    CriterionVerdict.WAIVED: LineStatus.WAIVED,
    CriterionVerdict.UNPROVEN: LineStatus.NOT_VERIFIED,
    CriterionVerdict.NOT_MET: LineStatus.OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One item of a list, or a heading between items."""

    text: str = ""
    """What it says."""
    by: tuple[str, ...] = ()
    """Ids of the criteria that judge it."""
    level: int = 0
    """How deep it stands: 1 for an item below another."""
    heading: bool = False
    """Whether it only names the items below it."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else the plan says of it, as written: `when` of a schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What may go wrong, and what is done about it."""

    title: str
    """What may go wrong."""
    impact: str = ""
    """How bad it would be."""
    likelihood: str = ""
    """How likely it is."""
    measures: tuple[Line, ...] = ()
    """What is done about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLine:
    """A line and what its criteria came to."""

    line: Line
    status: LineStatus


def judge_lines(lines: Sequence[Line], verdicts: Mapping[str, CriterionVerdict]) -> tuple[JudgedLine, ...]:
    """Each line of a list with its status; verdicts by id of the criterion.

    An item without criteria that has items below it, however deep, is as the worst of those is.
    """
    judged: list[JudgedLine] = []
    below: dict[int, LineStatus] = {}
    for line in reversed(lines):
        inner = [below.pop(level) for level in tuple(below) if level > line.level]
        status = worst([_of_criterion(id, verdicts) for id in line.by] or inner)
        judged.append(JudgedLine(line=line, status=status))
        beside = [below[line.level]] if line.level in below else []
        below[line.level] = worst((status, *inner, *beside))
    return tuple(reversed(judged))


def worst(statuses: Iterable[LineStatus]) -> LineStatus:
    """The worst of them; `not_judged` where there is none."""
    there = set(statuses)
    return next((status for status in _WORST_FIRST if status in there), LineStatus.NOT_JUDGED)


def items(judged: Iterable[JudgedLine]) -> Iterator[JudgedLine]:
    """Those that are lines, and no headings."""
    return (one for one in judged if not one.line.heading)


def _of_criterion(id: str, verdicts: Mapping[str, CriterionVerdict]) -> LineStatus:
    return _OF_VERDICT[verdicts[id]] if id in verdicts else LineStatus.NOT_VERIFIED
