"""`accepted`: what `guard` found to be weaker and people decided to let through."""

from __future__ import annotations

from typing import Any

from phasegate.plan.asked.plan import Accepted
from phasegate.plan.reading.context import Context
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import AcceptedWritten

PATH = ("accepted",)


def read_accepted(context: Context, written: Any) -> tuple[Accepted, ...]:
    """The entries in order; what is wrong with one is reported and hides no other."""
    found: dict[tuple[str, str, str], Accepted] = {}
    for index, entry in enumerate(written if isinstance(written, list) else ()):
        path, subject = (*PATH, index), f"accepted entry {index + 1}"
        settled, wrong = context.settled(path, entry)
        place = context.place(path, subject)
        model = validate(AcceptedWritten, settled, place, context.findings, silent=wrong)
        if model is None:
            continue
        at = context.document.value_at((*path, "item"))
        one = Accepted(
            item=model.item,
            before=model.from_,
            after=model.to,
            approver=model.approver,
            reason=model.reason,
            ticket=model.ticket,
            at=at,
        )
        earlier = found.setdefault((one.item, one.before, one.after), one)
        if earlier is not one and earlier.at is not None:
            message = f"{subject} accepts what line {earlier.at.line} accepts already"
            context.findings.add(context.document, path, message, help="leave one of them out")
    return tuple(found.values())
