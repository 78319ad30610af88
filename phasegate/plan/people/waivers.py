"""The waivers file of a plan: read, and held against the criteria and checks that the plan has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.fields import Closed
from phasegate.base.tree import TreePath
from phasegate.base.yaml import Document
from phasegate.model.approval import same_person
from phasegate.model.criterion import PlanCriterion
from phasegate.model.waiver import CasePattern, Waiver
from phasegate.plan.asked.plan import Check
from phasegate.plan.reading.context import Context
from phasegate.plan.text.findings import did_you_mean, listed, nearest
from phasegate.plan.text.validation import Place, validate
from phasegate.plan.written.plan import Id, Said

DAYS = 90
"""How many days ahead a waiver may end unless the plan says otherwise."""


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not in the calendar") from None
    shown = "" if value is None else f", not {value!r}"
    raise ValueError(f"must be a date like 2026-12-24{shown}")


IsoDate = Annotated[
    date,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "description": "a day, UTC"}),
]


class WaiversNamed(Closed):
    """The file, and how many days ahead its waivers may end."""

    file: str = Field(min_length=1)
    """The waivers file."""
    days: int = Field(default=DAYS, ge=1, le=3660)
    """How many days ahead a waiver may end at most."""


class PatternWritten(Closed):
    """Cases of one check by a glob of `*` and `?`."""

    pattern: str
    """A check's id and a glob of its cases: `unit/test_orders*`."""
    max: int = Field(ge=1)
    """How many failed cases it may match; with more it covers nothing."""

    @field_validator("pattern")
    @classmethod
    def _begins_with_a_check(cls, pattern: str) -> str:
        check, slash, glob = pattern.partition("/")
        if not slash or not glob or re.search(r"[*?]", check):
            raise ValueError(f"{pattern!r} does not begin with a check; write it like unit/test_wasm*")
        return pattern


class WaiverWritten(Closed):
    """One waiver."""

    id: Id
    """The id of the waiver, unique in the file."""
    covers: tuple[Any, ...] = Field(min_length=1)
    """What it covers: ids of criteria, cases as `check/case`, or patterns with `max`."""
    owner: Said
    """Who sees to it that it is mended."""
    approver: Said
    """Who let it through; somebody else than the owner."""
    reason: Said
    """Why it is let through."""
    ticket: Said
    """Where the work on it is written down."""
    expires: IsoDate
    """The last day on which it counts: `2027-03-31`."""


class WaiversFile(Closed):
    """What is known to fail and let through until a day.

    Entries are validated on their own.
    """

    waivers: Literal[1]
    """The version of the format: 1."""
    entries: tuple[Any, ...] = ()
    """The waivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverable:
    """What a plan has that a waiver may cover."""

    criteria: Sequence[PlanCriterion]
    checks: Sequence[Check]
    whole: bool
    """Whether the plan could be read whole; where not, an id that is not there may yet be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The most days ahead that a policy lets a waiver end, and where it says so."""

    days: int
    place: str


def read_waivers(
    context: Context, written: Any, there: Coverable, today: date, ceiling: Ceiling | None = None
) -> tuple[tuple[Waiver, ...], int]:
    """The waivers of a plan as they stand on a day, and how many days ahead they may end.

    What is wrong, and which waivers have ended or soon will, goes to the findings.
    """
    if written is None:
        return (), DAYS
    named = _waivers_name(context, written)
    if named is None:
        return (), DAYS
    path: TreePath = ("waivers",) if isinstance(written, str) else ("waivers", "file")
    try:
        document = context.files.document(named.file)
    except PlanError as error:
        if any(
            problem.at is None for problem in error.problems
        ):  # it is not there, and the plan is to say so
            context.findings.add(context.document, path, error.problems[0].message)
        else:
            context.findings.extend(error.problems)
        return (), named.days
    context.findings.document(document)
    reader = _Reader(context, document, there, named.days, today, ceiling)
    return reader.read(), named.days


def _waivers_name(context: Context, written: Any) -> WaiversNamed | None:
    place = context.place(("waivers",), "waivers")
    if isinstance(written, str) and written:
        return WaiversNamed(file=written)
    if isinstance(written, Mapping):
        return validate(WaiversNamed, written, place, context.findings)
    message = "'waivers' names a file: waivers.yaml, or {file: waivers.yaml, days: 120}"
    context.findings.add(context.document, ("waivers",), message)
    return None


class _Reader:
    """Reads one waivers file; one call to `read`."""

    def __init__(
        self,
        context: Context,
        document: Document,
        there: Coverable,
        days: int,
        today: date,
        ceiling: Ceiling | None,
    ) -> None:
        self._findings = context.findings
        self._document = document
        self._there = there
        self._criteria = dict.fromkeys(sorted(criterion.id for criterion in there.criteria))
        self._checks = {check.id: check for check in there.checks}
        self._days = days
        self._today = today
        self._ceiling = ceiling
        self._lines: dict[str, int] = {}

    def read(self) -> tuple[Waiver, ...]:
        tree = self._document.tree
        if not isinstance(tree, Mapping):
            self._say((), "a waivers file is a mapping that begins with waivers: 1")
            return ()
        file = validate(WaiversFile, tree, Place(document=self._document), self._findings)
        entries = tree.get("entries") if file is None else file.entries
        numbered = enumerate(entries if isinstance(entries, list | tuple) else ())
        found = [self._waiver(("entries", index), raw) for index, raw in numbered]
        return tuple(waiver for waiver in found if waiver is not None)

    def _waiver(self, path: TreePath, raw: Any) -> Waiver | None:
        id = raw.get("id") if isinstance(raw, Mapping) else None
        subject = f"waiver {id!r}" if isinstance(id, str) else f"waiver {int(path[-1]) + 1}"
        if not isinstance(raw, Mapping):
            self._say(path, f"{subject} must be a mapping with id, covers, owner, approver and so on")
            return None
        if isinstance(id, str):
            self._claim(path, id)
        place = Place(document=self._document, path=path, subject=subject)
        written = validate(WaiverWritten, raw, place, self._findings)
        if written is None:
            return None
        if same_person(written.owner, written.approver):
            message = f"{subject}: owner and approver are the same person, {written.approver!r}"
            self._say((*path, "approver"), message, help="somebody else has to approve a waiver")
        waiver = self._make(path, subject, written)
        self._look_at_term(path, subject, waiver)
        return waiver

    def _claim(self, path: TreePath, id: str) -> None:
        line = self._document.value_at((*path, "id")).line
        if id in self._lines:
            message = f"waiver {id!r} is already on line {self._lines[id]}"
            self._say((*path, "id"), message, help="ids are unique in a waivers file")
        self._lines.setdefault(id, line)

    def _look_at_term(self, path: TreePath, subject: str, waiver: Waiver) -> None:
        place = (*path, "expires")
        if waiver.days_left > self._days:
            last = self._today + timedelta(days=self._days)
            message = f"{subject} ends in {waiver.days_left:,} days, and at most {self._days} are allowed"
            help = f"write {last} or earlier, or raise it in the plan: waivers: {{file: ..., days: ...}}"
            self._say(place, message, help=help)
        elif self._ceiling is not None and waiver.days_left > self._ceiling.days:
            last = self._today + timedelta(days=self._ceiling.days)
            most = f"the policy's {self._ceiling.days} ({self._ceiling.place})"
            message = f"{subject} ends in {waiver.days_left:,} days, which is more than {most}"
            self._say(place, message, help=f"write {last} or earlier")
        elif waiver.expired:
            help = "mend what it covers, or have it approved again"
            self._say(place, fact(Code.COVERS_NOTHING, why=_term(waiver)), help=help, warning=True)
        elif waiver.ends_soon:
            self._say(place, _term(waiver), warning=True)

    def _make(self, path: TreePath, subject: str, written: WaiverWritten) -> Waiver:
        criteria: list[str] = []
        cases: list[tuple[str, str]] = []
        patterns: list[CasePattern] = []
        for index, one in enumerate(written.covers):
            place = (*path, "covers", index)
            if not isinstance(one, str):
                patterns += self._pattern(place, subject, one)
            elif one in self._criteria:
                criteria.append(one)
            elif "*" in one:
                help = f"a pattern is written {{pattern: {one!r}, max: 2}}, so that it cannot spread"
                self._say(place, f"{subject}: {one!r} is a pattern without 'max'", help=help)
            elif "/" in one and one.partition("/")[0] in self._checks:
                check, _, case = one.partition("/")
                self._check_of(place, subject, check)
                cases.append((check, case))
            else:
                self._unknown(place, subject, one)
        at = self._document.value_at((*path, "id"))
        return Waiver(
            id=written.id,
            criteria=tuple(dict.fromkeys(criteria)),
            cases=tuple(dict.fromkeys(cases)),
            patterns=tuple(dict.fromkeys(patterns)),
            owner=written.owner,
            approver=written.approver,
            reason=written.reason,
            ticket=written.ticket,
            expires=written.expires,
            days_left=(written.expires - self._today).days,
            source=f"{at.file}:{at.line}",
        )

    def _pattern(self, path: TreePath, subject: str, raw: Any) -> list[CasePattern]:
        if not isinstance(raw, Mapping):
            self._say(path, f"{subject}: 'covers' has ids and patterns", help="write {pattern: ..., max: 2}")
            return []
        place = Place(document=self._document, path=path, subject=f"{subject}: pattern")
        written = validate(PatternWritten, raw, place, self._findings)
        if written is None:
            return []
        check, _, glob = written.pattern.partition("/")
        self._check_of((*path, "pattern"), subject, check)
        return [CasePattern(check=check, glob=glob, most=written.max)]

    def _check_of(self, path: TreePath, subject: str, id: str) -> None:
        """Whether cases of a check can be covered: it is there, and its kind has cases."""
        check = self._checks.get(id)
        if check is None and self._there.whole:
            help = did_you_mean(id, self._checks, "checks")
            self._say(path, f"{subject}: there is no check {id!r}", help=help)
        elif check is not None and not check.kind.has_cases:
            message = f"{subject}: check {id!r} is of kind {check.kind.name}, which has no cases"
            of_check = (one.id for one in self._there.criteria if one.check == id)
            self._say(path, message, help=f"cover a criterion of it: {listed(of_check)}")

    def _unknown(self, path: TreePath, subject: str, name: str) -> None:
        if not self._there.whole:
            return
        near = nearest(name, self._criteria)
        help = f"did you mean {near!r}?" if near else did_you_mean(name, self._criteria, "criteria")
        message = f"{subject}: there is no criterion {name!r}"
        self._say(path, message, help=f"{help}{'' if near else ';'} a case is written check/case")

    def _say(
        self, path: TreePath, message: Message, *, help: str | None = None, warning: bool = False
    ) -> None:
        self._findings.add(self._document, path, message, help=help, warning=warning)


def _term(waiver: Waiver) -> Fact:
    return fact(Code.WAIVER_AND_TERM, waiver=waiver.id, why=waiver.term)
