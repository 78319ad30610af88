"""Fields of which only people can say what another value means; and where a plan begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phasegate.errors import Position
from phasegate.guard.change import Change, Subject
from phasegate.guard.side import Side


def fields(
    subject: Subject, before: tuple[Side, Any], after: tuple[Side, Any], names: tuple[str, ...]
) -> Iterator[Change]:
    """What differs in the fields of these names."""
    (base, old), (head, new) = before, after
    for name in names:
        texts = base.said(getattr(old, name, None)), head.said(getattr(new, name, None))
        if texts[0] != texts[1]:
            yield subject.different(name, *texts)


def top(side: Side) -> str:
    return side.place(Position(file=side.plan.record.path, line=1))
