"""Approvals and sign-offs in words, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from phasegate.base.dataclass import dataclass
from phasegate.model.approval import Choice, RoleStanding, Signatures, Standing, Weighed, Weight, awaiting
from phasegate.model.result import RunResult

DECIDED = {Choice.APPROVE: "approved", Choice.REJECT: "rejected"}
WEIGHTS = {
    Weight.COUNTS: "decides",
    Weight.SUPERSEDED: "superseded by a later one",
    Weight.LATE: "does not count: it came too late",
    Weight.EARLY: "does not count: it is dated before the end of the run",
    Weight.FOREIGN: "does not count: it is for another result.json",
    Weight.OWN: "does not count: the policy asks for another person than the owner of the plan",
    Weight.STRANGER: "does not count: the plan does not ask this role",
}
TONES = {
    Standing.APPROVED: "pass",
    Standing.AWAITED: "warn",
    Standing.EXPIRED: "warn",
    Standing.REJECTED: "fail",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A row of the signatures; without a decision it is left open for a pen."""

    role: str
    name: str = ""
    decision: str = ""
    tone: str = ""
    date: str = ""
    note: str = ""
    """The reason that was given, or until when a decision is awaited."""


def signatures_of(run: RunResult) -> Signatures:
    """As they were read for this report, or nobody's yet."""
    return run.signatures or awaiting(run.approvals, run.ended)


def role_text(role: RoleStanding) -> str:
    """`awaiting release manager (until 30 Nov 2026 10:00 UTC)`."""
    one, until = role.decided, f" (until {minute(role.until)})" if role.until else ""
    match role.standing:
        case Standing.AWAITED:
            return f"awaiting {role.role}{until}"
        case Standing.EXPIRED if one is None:
            return f"nobody approved as {role.role} in time{until}"
        case Standing.EXPIRED:
            assert one is not None
            return f"the approval by {one.by} as {role.role} came too late, {minute(one.at)}{until}"
        case _:
            assert one is not None
            reason = f": {one.reason}" if one.decision is Choice.REJECT else ""
            return f"{DECIDED[one.decision]} by {one.by} as {role.role}, {minute(one.at)}{reason}"


def roles_text(roles: Iterable[RoleStanding]) -> str:
    """All of them in one line, what keeps the gate shut first."""
    worst_first = (Standing.REJECTED, Standing.EXPIRED, Standing.AWAITED, Standing.APPROVED)
    ordered = sorted(roles, key=lambda role: worst_first.index(role.standing))
    return "; ".join(role_text(role) for role in ordered)


def sign_off_text(one: Weighed) -> str:
    """`Ann approved as release manager, 29 Nov 2026 10:00 UTC: superseded by a later one`."""
    by = one.sign_off
    return f"{by.by} {DECIDED[by.decision]} as {by.role}, {minute(by.at)}: {WEIGHTS[one.weight]}"


def signers(run: RunResult) -> Iterator[Signer]:
    """The roles that are asked, then whoever else the plan names, and a row for one more."""
    roles = signatures_of(run).roles
    yield from (_signer(role) for role in roles)
    asked = {role.role.casefold() for role in roles}
    if not asked or (run.people.approver and run.people.approver.casefold() not in asked):
        yield Signer(role="Approver", name=run.people.approver)
    yield Signer(role="Owner of the phase", name=run.people.owner)
    yield Signer(role="")


def sign_off_rows(run: RunResult) -> tuple[tuple[str, str, str, str, str, str], ...]:
    """Every decision, oldest first: date, name, role, decision, reason, what it counts for."""
    return tuple(
        (
            minute(one.sign_off.at),
            one.sign_off.by,
            one.sign_off.role,
            DECIDED[one.sign_off.decision],
            one.sign_off.reason,
            WEIGHTS[one.weight],
        )
        for one in signatures_of(run).sign_offs
    )


def minute(at: datetime | None) -> str:
    """`16 Jul 2025 09:31 UTC`."""
    return at.astimezone(UTC).strftime("%d %b %Y %H:%M UTC").lstrip("0") if at else ""


def _signer(role: RoleStanding) -> Signer:
    one = role.decided
    if one is None or role.standing is Standing.EXPIRED:
        if role.standing is Standing.AWAITED:
            return Signer(role=role.role, note=f"awaited until {minute(role.until)}" if role.until else "")
        return Signer(role=role.role, note=role_text(role))
    return Signer(
        role=role.role,
        name=one.by,
        decision=DECIDED[one.decision],
        tone=TONES[role.standing],
        date=minute(one.at),
        note=one.reason,
    )
