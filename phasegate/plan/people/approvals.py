"""`gate.approvals`: which roles must approve a run once it has ended, and how long they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.model.approval import Approval
from phasegate.plan.reading.context import Context
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import ApprovalWritten

PATH = ("gate", "approvals")


def read_approvals(context: Context, gate: Any) -> tuple[Approval, ...]:
    """The approvals of a plan, in order; what is wrong is reported, one entry hiding no other."""
    written = gate.get("approvals") if isinstance(gate, Mapping) else None
    approvals: dict[str, Approval] = {}
    for index, entry in enumerate(written if isinstance(written, list) else ()):
        path = (*PATH, index)
        subject = f"approval {index + 1} of the gate"
        settled, wrong = context.settled(path, entry)
        found = validate(
            ApprovalWritten, settled, context.place(path, subject), context.findings, silent=wrong
        )
        if found is None:
            context.leave_unread(path, subject, entry)
            continue
        role = " ".join(found.role.split())
        if not role or role in approvals:
            message = f"role {role!r} is asked twice" if role else "the role is empty"
            help = "one entry for each role" if role else "write it like role: release manager"
            context.findings.add(context.document, (*path, "role"), f"{subject}: {message}", help=help)
            continue
        approvals[role] = Approval(role=role, within=found.within)
    return tuple(approvals.values())
