"""Signing a run off: one decision of one person, on a record that is as the run left it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from phasegate import __version__
from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.gate.approval import is_own, signatures
from phasegate.model.approval import Choice, RoleStanding, SignOff, Weighed
from phasegate.model.result import RunResult
from phasegate.plan.text.findings import did_you_mean
from phasegate.record.reading import read_record, refuse_impossible
from phasegate.record.signoff import append_sign_off, read_sign_offs
from phasegate.render.sentences import sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A sign-off that was written, and how its role and the others stand with it."""

    run: RunResult
    written: Weighed
    roles: tuple[RoleStanding, ...]


def sign(folder: Path, *, by: str, role: str, decision: Choice, reason: str, now: datetime) -> Signed:
    """Append a decision to the record.

    Errors: UsageError, and nothing is written, when there is no record, it was changed, its run did not
    end, the role is not asked, or name or reason is empty; RecordError when it cannot be written.
    """
    with refuse_impossible(folder):
        record = read_record(folder)
    run = record.run
    by, role, reason = (" ".join(by.split()), " ".join(role.split()), reason.strip())
    if record.changed:
        raise UsageError(record.changed, help="sign what the run left, or run again")
    if run.ended is None:
        raise UsageError(
            f"the run in {folder} did not end: {sentence(run.reason)}", help="run again, then sign"
        )
    asked = [approval.role for approval in run.approvals]
    if not asked:
        help = "a plan asks with gate: {approvals: [{role: release manager, within: 5d}]}"
        raise UsageError(f"the plan of the run in {folder} asks for no approval", help=help)
    if role not in asked:
        raise UsageError(
            f"the plan does not ask {role!r} to approve", help=did_you_mean(role, asked, "roles")
        )
    for flag, text in (("--by", by), ("--reason", reason)):
        if not text:
            raise UsageError(f"{flag} is empty", help="a decision has a name and a reason")
    if decision is Choice.APPROVE and run.policy is not None and is_own(run, by):
        raise UsageError(
            f"{by!r} owns the plan, and the policy {run.policy.name!r} asks for another person to approve",
            help="somebody else has to approve; the owner may reject",
        )
    if now < run.ended:
        moved = " by the clock at its end, which moved during the run" if run.clock_moved else ""
        raise UsageError(
            f"the clock of this machine says {now:%Y-%m-%d %H:%M:%S} UTC, and the run ended"
            f" {run.ended:%Y-%m-%d %H:%M:%S} UTC{moved}",
            help="set the clock, then sign",
        )
    append_sign_off(
        folder,
        SignOff(
            at=now,
            by=by,
            role=role,
            decision=decision,
            reason=reason,
            result_sha256=record.result_sha256,
            run=run.run,
            tool_version=__version__,
        ),
    )
    stand = signatures(run, read_sign_offs(folder).sign_offs, record.result_sha256, now=now)
    written = next(one for one in reversed(stand.sign_offs) if one.sign_off.at == now)
    return Signed(run=run, written=written, roles=stand.roles)
