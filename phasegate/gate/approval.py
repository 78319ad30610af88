"""Whether a run is approved: sign-offs held against what the plan asks for.

Sign-offs are dated by the calendar clock, so they are held against the end of the run by that clock as it
stood then. The last decision of a role that counts decides for it. An approval counts when it is for this
very `result.json` and came in time; a rejection needs no time limit. What does not count leaves what stood
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from phasegate.base.errors import ExitCode
from phasegate.model.approval import (
    Approval,
    Choice,
    RoleStanding,
    Signatures,
    SignOff,
    Standing,
    Weighed,
    Weight,
    awaiting,
    same_person,
)
from phasegate.model.result import RunResult, Verdict


def signatures(
    run: RunResult, sign_offs: Sequence[SignOff], result_sha256: str, *, now: datetime | None = None
) -> Signatures:
    """How every role stands, and what each sign-off counts for, the last line of the file last.

    Without `now` a role that nobody decided for is awaited, however late it is.
    """
    first = [Weighed(sign_off=one, weight=_weight(one, run, result_sha256)) for one in sign_offs]
    deciding = {one.sign_off.role: index for index, one in enumerate(first) if one.weight is Weight.COUNTS}
    weighed = tuple(
        replace(one, weight=Weight.SUPERSEDED)
        if one.weight is Weight.COUNTS and deciding[one.sign_off.role] != index
        else one
        for index, one in enumerate(first)
    )
    asked = awaiting(run.approvals, run.ended).roles
    return Signatures(roles=tuple(_stands(role, weighed, now) for role in asked), sign_offs=weighed)


def _weight(one: SignOff, run: RunResult, result_sha256: str) -> Weight:
    asked = {approval.role: approval for approval in run.approvals}
    if one.run != run.run or one.result_sha256 != result_sha256:
        return Weight.FOREIGN
    if one.role not in asked:
        return Weight.STRANGER
    if run.ended is None or one.at < run.ended:
        return Weight.EARLY
    if one.decision is Choice.REJECT:
        return Weight.COUNTS
    if is_own(run, one.by):
        return Weight.OWN
    return Weight.LATE if _is_late(asked[one.role], one, run) else Weight.COUNTS


def is_own(run: RunResult, by: str) -> bool:
    """Whether the plan is theirs who would approve it, and the policy asks for another person."""
    asked = run.policy is not None and run.policy.distinct_approver
    return asked and same_person(by, run.people.owner)


def _is_late(approval: Approval, one: SignOff, run: RunResult) -> bool:
    until = approval.until(run.ended)
    return until is not None and one.at > until


def _stands(role: RoleStanding, weighed: Sequence[Weighed], now: datetime | None) -> RoleStanding:
    mine = [one for one in weighed if one.sign_off.role == role.role]
    for one in mine:
        if one.weight is Weight.COUNTS:
            approved = one.sign_off.decision is Choice.APPROVE
            standing = Standing.APPROVED if approved else Standing.REJECTED
            return replace(role, standing=standing, decided=one.sign_off)
    late = [one.sign_off for one in mine if one.weight is Weight.LATE]
    over = now is not None and role.until is not None and now > role.until
    if late or over:
        return replace(role, standing=Standing.EXPIRED, decided=late[-1] if late else None)
    return role


def exit_code(run: RunResult, roles: Sequence[RoleStanding], *, sound: bool) -> ExitCode | int:
    """What `verify` exits with; `sound` is False where the record is not as the run left it.

    0 needs all of it: a record as it was, PASS, and the approval of every role that is asked.
    """
    standings = {role.standing for role in roles}
    if not sound or Standing.REJECTED in standings:
        return ExitCode.FAIL
    if run.verdict is not Verdict.PASS:
        return run.exit_code or ExitCode.INCONCLUSIVE
    return ExitCode.PASS if standings <= {Standing.APPROVED} else ExitCode.INCONCLUSIVE
