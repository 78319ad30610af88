"""Two targets: their entries, and the groups that those belong to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from phasegate.comparison.change import GONE, NEW, Change, Subject, in_words, pairs
from phasegate.comparison.fields import fields, placed, top
from phasegate.comparison.side import Side
from phasegate.plan.asked.entries import Entry, Group
from phasegate.plan.targets.kind import target_kinds


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
    for id, before, after in pairs(old, new):
        subject = placed(f"target {id}", base, before, head, after)
        if before is None or after is None:
            # What is tested is smaller without a service that came up with the others.
            group = base.plan.target.group_of(id)
            smaller = after is None and group is not None and group.together and _has_stack(head)
            turn = subject.weaker if smaller else subject.different
            yield turn("", _summary(base, before, NEW), _summary(head, after, GONE))
            continue
        yield from subject.amount(
            "protected", before.protected, after.protected, in_words, more_is_weaker=False
        )
        names = dict.fromkeys((*before.compared, *after.compared, "headers", "tls"))
        yield from fields(subject, (base, before), (head, after), tuple(names))


def _has_stack(side: Side) -> bool:
    return any(group.together and group.entries for group in side.plan.target.groups)


def _group(key: str, base: Side, head: Side) -> Iterator[Change]:
    before, after = base.plan.target.group(key), head.plan.target.group(key)
    either = before or after
    if either is None or not either.compared:
        return
    subject = placed(f"target.{key}", base, before, head, after)
    if before is None or after is None:
        yield subject.different("", _summary(base, before, NEW), _summary(head, after, GONE))
    else:
        # Services that are addressed are entries; others are told by the names that the plan has for them.
        entries = {entry.id for entry in (*before.entries, *after.entries)}
        for name in before.wanted:
            if name not in after.wanted and name not in entries and after.wanted:
                yield subject.weaker(f"service {name}", "brought up", GONE)
        yield from fields(subject, (base, before), (head, after), either.compared)
    for name in either.lenient:
        was, now = (one is not None and getattr(one, name) for one in (before, after))
        yield from subject.amount(name, was, now, in_words)


def _summary(side: Side, one: Entry | Group[Entry] | None, missing: str) -> str:
    summary = missing if one is None else one.summary
    return side.said(summary) if isinstance(summary, Path) else summary
