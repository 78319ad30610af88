"""What a kind hands back: cases, measures and evidence of one attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from phasegate.base.dataclass import dataclass
from phasegate.base.dataclass_json import Form
from phasegate.base.facts import Message, decode, encode
from phasegate.model.fact_json import JsonCauses, JsonMessage
from phasegate.model.judgement import Decision
from phasegate.model.measure_json import JsonMeasure
from phasegate.model.measures import NAMED, Number, Share


class CaseStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Collected, deliberately not run; missing evidence."""
    LOST = "lost"
    """Collected, but no result ever came; missing evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAttempt:
    """An earlier try of a case that was tried again."""

    status: CaseStatus
    """What that try came to."""
    message: JsonMessage = ""
    """Why it failed."""
    duration: float | None = None
    """Seconds; None when it did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing a suite asserts: a request of a flow, a pytest test, a JUnit case."""

    id: str
    """Unique within the check; `flow/request[row]`, a pytest node id."""
    name: str
    """What it is called."""
    status: CaseStatus
    """What it came to."""
    part: str = ""
    """The part of the check it belongs to (flow, module), for criteria on parts; `a/b` nests."""
    tags: tuple[str, ...] = ()
    """Further parts it counts for, such as pytest markers."""
    duration: float | None = None
    """Seconds; None when it did not run."""
    message: JsonMessage = ""
    """Why it failed or did not run: expected and actual."""
    file: str | None = None
    """The source file that it stands in, where that is known."""
    line: int | None = None
    """Its line in that file."""
    evidence: tuple[str, ...] = ()
    """Paths below the run's folder, with forward slashes."""
    earlier: tuple[CaseAttempt, ...] = ()
    """Tries before the one that decided."""

    @property
    def flaky(self) -> bool:
        """Passed in the end, but not at once."""
        return self.status is CaseStatus.PASSED and any(
            attempt.status is not CaseStatus.PASSED for attempt in self.earlier
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values over time for the report's charts; `points` are (seconds from start, value or None)."""

    name: str
    """What is drawn."""
    unit: str
    """The unit of its values."""
    points: tuple[tuple[float, float | None], ...]
    """Pairs of seconds from the start and a value, null where there is none."""


def _encode_absent(absent: Mapping[tuple[str, str], Message]) -> list[Any]:
    return [[*key, encode(why)] for key, why in absent.items()]


def _decode_absent(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    return {(str(part), str(name)): decode(why) for part, name, why in value}


JsonAbsent = Annotated[
    Mapping[tuple[str, str], Message],
    Form(
        _encode_absent,
        _decode_absent,
        {"type": "array", "description": "part (empty for the whole), measure, why it is not there"},
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one attempt saw. A target that refused or answered wrongly has been observed."""

    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    """What was measured, by name."""
    parts: Mapping[str, Mapping[str, JsonMeasure]] = field(default_factory=dict)
    """What was measured of each part, by part and name."""
    cases: tuple[Case, ...] = ()
    """The cases that it saw."""
    evidence: tuple[str, ...] = ()
    """The files that it left, by their paths below the run's folder."""
    notes: tuple[JsonMessage, ...] = ()
    """What a reader needs beside the figures: what was deselected, where it stopped early."""
    causes: JsonCauses = field(default_factory=dict)
    """Failures by cause, with counts."""
    timeline: tuple[Series, ...] = ()
    """What was measured over time, for charts."""
    absent: JsonAbsent = field(default_factory=dict)
    """Why a measure is not there, by part (empty for the whole) and name, where the kind can say."""
    timeline_from: datetime | None = None
    """When the seconds of the timeline begin; None: with the attempt."""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """What the runner found decided while it went on, by criterion."""
    error: JsonMessage | None = None
    """Set when phasegate could not observe; measures seen so far may still be there."""


def census(cases: Iterable[Case]) -> Share:
    """Count cases into a share; skipped and lost ones stay in the total as missing evidence."""
    everything = tuple(cases)
    missing = [case.id for case in everything if case.status in (CaseStatus.SKIPPED, CaseStatus.LOST)]
    return Share(
        passed=sum(case.status is CaseStatus.PASSED for case in everything),
        total=len(everything),
        sample=False,
        skipped=len(missing),
        missing=tuple(missing[:NAMED]),
    )


UNREAD = frozenset({"file-readable", "yaml-valid"})
"""Tags of cases that failed as nobody could read a file: what else is wrong with it is not known."""


def count_failed(cases: Iterable[Case]) -> Number:
    """How many cases failed; so many at the least where one of them has no result, or is of a file that was
    not read."""
    everything = tuple(cases)
    if not everything:
        return Number(value=None)
    missing = [
        case.id
        for case in everything
        if case.status in (CaseStatus.SKIPPED, CaseStatus.LOST)
        or (case.status is CaseStatus.FAILED and not UNREAD.isdisjoint(case.tags))
    ]
    return Number(
        value=sum(case.status is CaseStatus.FAILED for case in everything),
        partial=bool(missing),
        missing=tuple(missing[:NAMED]),
    )


def belongs(case: Case, part: str) -> bool:
    """Whether a case counts for a part of its check, as in `census_by_part`; the whole is the empty part."""
    return not part or part in case.tags or f"{case.part}/".startswith(f"{part}/")


def census_by_part(cases: Iterable[Case]) -> dict[str, Share]:
    """The census of every part, of every prefix of a nested part, and of every tag."""
    return {name: census(group) for name, group in by_part(cases).items()}


def by_part(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases of every part, of every prefix of a nested part, and of every tag: see `belongs`."""
    members: dict[str, list[Case]] = {}
    for case in cases:
        names = set(case.tags)
        pieces = case.part.split("/") if case.part else []
        names.update("/".join(pieces[: depth + 1]) for depth in range(len(pieces)))
        for name in names:
            members.setdefault(name, []).append(case)
    return members
