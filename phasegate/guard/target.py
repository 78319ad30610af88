"""Two targets: their entries, and the groups that those belong to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phasegate.guard.change import GONE, NEW, Change, Subject
from phasegate.guard.fields import fields, top
from phasegate.guard.side import Side
from phasegate.plan.entries import Entry, Group
from phasegate.plan.target_kind import target_kinds


def changes(base: Side, head: Side) -> Iterator[Change]:
    yield from _entries(base, head)
    for key in target_kinds():
        yield from _group(key, base, head)
    whole = Subject(name="target", before=top(base), after=top(head))
    yield from fields(
        whole, (base, base.plan.target), (head, head.plan.target), ("default", "setup", "teardown")
    )


def _entries(base: Side, head: Side) -> Iterator[Change]:
    old = {entry.id: entry for entry in base.plan.target}
    new = {entry.id: entry for entry in head.plan.target}
    for id in dict.fromkeys((*old, *new)):
        before, after = old.get(id), new.get(id)
        subject = _subject(f"target {id}", base, before, head, after)
        if before is None or after is None:
            # What is tested is smaller without a service that came up with the others.
            group = base.plan.target.group_of(id)
            smaller = after is None and group is not None and group.together and _has_stack(head)
            turn = subject.weaker if smaller else subject.different
            yield turn("", _summary(base, before, NEW), _summary(head, after, GONE))
            continue
        yield from _switches(subject, before, after, ("protected",), lenient=False)
        names = dict.fromkeys((*before.compared, *after.compared, "headers", "tls"))
        yield from fields(subject, (base, before), (head, after), tuple(names))


def _has_stack(side: Side) -> bool:
    return any(group.together and group.entries for group in side.plan.target.groups)


def _group(key: str, base: Side, head: Side) -> Iterator[Change]:
    before, after = base.plan.target.group(key), head.plan.target.group(key)
    either = before or after
    if either is None or not either.compared:
        return
    subject = _subject(f"target.{key}", base, before, head, after)
    if before is None or after is None:
        yield subject.different("", _summary(base, before, NEW), _summary(head, after, GONE))
    else:
        # Services that are addressed are entries; others are told by the names that the plan has for them.
        entries = {entry.id for entry in (*before.entries, *after.entries)}
        for name in before.wanted:
            if name not in after.wanted and name not in entries and after.wanted:
                yield subject.weaker(f"service {name}", "brought up", GONE)
        yield from fields(subject, (base, before), (head, after), either.compared)
    yield from _switches(subject, before, after, either.lenient, lenient=True)


def _switches(
    subject: Subject, before: Any, after: Any, names: tuple[str, ...], *, lenient: bool
) -> Iterator[Change]:
    """Fields that are true or false; `lenient`: something is let through where they are true."""
    for name in names:
        old, new = (one is not None and getattr(one, name) for one in (before, after))
        if old is not new:
            turn = subject.weaker if new is lenient else subject.stronger
            yield turn(name, *(str(one).lower() for one in (old, new)))


def _summary(side: Side, one: Entry | Group[Entry] | None, missing: str) -> str:
    summary = missing if one is None else one.summary
    return side.said(summary) if isinstance(summary, Path) else summary


def _subject(
    name: str, base: Side, before: Entry | Group[Entry] | None, head: Side, after: Entry | Group[Entry] | None
) -> Subject:
    return Subject(name=name, before=_place(base, before), after=_place(head, after))


def _place(side: Side, one: Entry | Group[Entry] | None) -> str:
    return top(side) if one is None else side.place(one.at)
