"""Approvals: what the plan asks people for, what they decided, and how each role stands."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from enum import StrEnum

from phasegate.base.dataclass import dataclass

SIGN_OFF_SCHEMA = "phasegate.signoff/1"


def same_person(one: str, other: str) -> bool:
    """Whether a reader takes two names for one: case, spacing, width and what is invisible do not count."""
    return _visible_name(one) == _visible_name(other)


def _visible_name(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name)
    visible = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return " ".join(visible.split()).casefold()


class Choice(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A role that must approve before the phase may end; a run's verdict and exit code know nothing of it."""

    role: str
    """Who must approve."""
    within: float | None = None
    """Seconds from the end of the run; None: whenever."""

    def until(self, finished: datetime | None) -> datetime | None:
        """The last moment an approval counts; None where there is none, or the run has not ended."""
        if finished is None or self.within is None:
            return None
        return finished + timedelta(seconds=self.within)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """One decision of one person: a line of `signoffs.jsonl`."""

    at: datetime
    """UTC."""
    by: str
    role: str
    decision: Choice
    reason: str
    result_sha256: str
    """Of the bytes of `result.json` that were decided on."""
    run: str
    tool_version: str
    schema: str = SIGN_OFF_SCHEMA


class Weight(StrEnum):
    """What a sign-off counts for."""

    COUNTS = "counts"
    SUPERSEDED = "superseded"
    """The same role decided again later."""
    LATE = "late"
    """An approval after its time."""
    EARLY = "early"
    """Dated before the end of the run."""
    FOREIGN = "foreign"
    """For another run or another `result.json`."""
    STRANGER = "stranger"
    """By a role that the plan does not ask."""
    OWN = "own"
    """An approval by the owner of the plan, where the policy asks for another person."""


class Standing(StrEnum):
    """How a role stands."""

    APPROVED = "approved"
    AWAITED = "awaited"
    EXPIRED = "expired"
    """Nobody approved in time."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStanding:
    role: str
    standing: Standing = Standing.AWAITED
    until: datetime | None = None
    """The last moment an approval counts; None: whenever."""
    decided: SignOff | None = None
    """The decision that counts, or the last approval that came too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A sign-off and what it counts for."""

    sign_off: SignOff
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Every role that is asked, in the order of the plan, and every sign-off, oldest first."""

    roles: tuple[RoleStanding, ...] = ()
    sign_offs: tuple[Weighed, ...] = ()


def awaiting(approvals: tuple[Approval, ...], finished: datetime | None) -> Signatures:
    """How approvals stand before anybody has signed."""
    return Signatures(
        roles=tuple(RoleStanding(role=one.role, until=one.until(finished)) for one in approvals)
    )
