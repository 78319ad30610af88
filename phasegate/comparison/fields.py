"""Fields of which only people can say what another value means; and where a plan begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phasegate.base.errors import Position
from phasegate.base.units import format_seconds
from phasegate.comparison.change import GONE, NEW, Change, Subject
from phasegate.comparison.side import Side


def fields(
    subject: Subject,
    before: tuple[Side, Any],
    after: tuple[Side, Any],
    names: tuple[str, ...],
    prefix: str = "",
) -> Iterator[Change]:
    """What differs in the fields of these names."""
    (base, old), (head, new) = before, after
    for name in names:
        texts = base.said(getattr(old, name, None)), head.said(getattr(new, name, None))
        if texts[0] != texts[1]:
            yield subject.different(f"{prefix}{name.rstrip('_')}", *texts)


def top(side: Side) -> str:
    return side.place(Position(file=side.plan.record.path, line=1))


def placed(name: str, base: Side, before: Any, head: Side, after: Any) -> Subject:
    """A subject that one of the plans may lack; `before` and `after` know their places."""
    return Subject(
        name=name,
        before=top(base) if before is None else base.place(before.at),
        after=top(head) if after is None else head.place(after.at),
    )


def limit(subject: Subject, aspect: str, before: float | None, after: float | None) -> Iterator[Change]:
    """What became of a time, of which none at all is the longest."""
    if before != after:
        longer = after is None or (before is not None and after > before)
        turn = subject.weaker if longer else subject.stronger
        yield turn(aspect, seconds(before), seconds(after))


def seconds(value: float | None) -> str:
    return format_seconds(value) if value else "none"


def text(subject: Subject, aspect: str, before: str | None, after: str | None) -> Iterator[Change]:
    """What became of something that one of the plans may lack; another text of it has no order."""
    if before != after:
        turn = subject.stronger if before is None else subject.weaker if after is None else subject.different
        yield turn(aspect, NEW if before is None else before, GONE if after is None else after)
