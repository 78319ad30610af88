"""A waiver of the plan, as it stands on the day of the run."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact

SOON = 14
"""Days before its end from which a waiver is warned of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePattern:
    """Cases of one check whose ids fit a glob of `*` and `?`; brackets are plain text, as in pytest's ids."""

    check: str
    """The id of the check."""
    glob: str
    """What ids of its cases look like: `test_orders*`."""
    most: int
    """With more cases than these the waiver covers nothing."""

    def matches(self, case: str) -> bool:
        return fnmatchcase(case, self.glob.replace("[", "[[]"))

    def __str__(self) -> str:
        return f"{self.check}/{self.glob} (at most {self.most})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One entry of a waivers file as it stands on the day of the run."""

    id: str
    """The id of the waiver."""
    criteria: tuple[str, ...] = ()
    """Ids of the criteria that it covers."""
    cases: tuple[tuple[str, str], ...] = ()
    """(check, case id)."""
    patterns: tuple[CasePattern, ...] = ()
    """Cases by pattern, and the most that each may match."""
    owner: str
    """Who sees to it that what it covers is mended."""
    approver: str
    """Who approved it."""
    reason: str
    """Why it was approved."""
    ticket: str
    """Where the work on it is written down."""
    expires: date
    """The last day on which it covers anything, UTC."""
    days_left: int
    """0 on its last day, negative after it."""
    source: str = ""
    """`file:line` in the waivers file."""

    @property
    def expired(self) -> bool:
        return self.days_left < 0

    @property
    def ends_soon(self) -> bool:
        return 0 <= self.days_left <= SOON

    @property
    def covers(self) -> tuple[str, ...]:
        """As people read it."""
        cases = (f"{check}/{case}" for check, case in self.cases)
        return (*self.criteria, *cases, *map(str, self.patterns))

    @property
    def term(self) -> Fact:
        """`expires on 2026-12-24, in 9 days`."""
        return fact(Code.WAIVER_TERM, days=self.days_left, on=self.expires.isoformat())
