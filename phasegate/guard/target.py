"""Two targets: their entries, and the stacks that services belong to."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.guard.change import GONE, NEW, Change, Subject, in_words, pairs
from phasegate.guard.fields import fields, placed, top
from phasegate.guard.side import Side
from phasegate.plan.entries import (
    AttachedStack,
    ComposeStack,
    Entry,
    ExternalEntry,
    ProcessEntry,
    ServiceEntry,
)

_OF_ENTRY = ("url", "command", "env", "cwd", "ready", "port", "scheme", "headers", "tls")
_OF_COMPOSE = ("file", "profiles", "env_file", "env", "project", "within")
_OF_CONTAINERS = ("labels", "within")


def changes(base: Side, head: Side) -> Iterator[Change]:
    yield from _entries(base, head)
    yield from _compose(base, head)
    yield from _containers(base, head)
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
            smaller = isinstance(before, ServiceEntry) and head.plan.target.services
            turn = subject.weaker if smaller else subject.different
            yield turn("", _entry(base, before, NEW), _entry(head, after, GONE))
            continue
        yield from subject.amount(
            "protected", before.protected, after.protected, in_words, more_is_weaker=False
        )
        yield from fields(subject, (base, before), (head, after), _OF_ENTRY)


def _entry(side: Side, entry: Entry | None, missing: str) -> str:
    match entry:
        case None:
            return missing
        case ExternalEntry():
            return entry.url
        case ProcessEntry():
            return " ".join(entry.command)
        case ServiceEntry():
            return f"service {entry.id}"


def _compose(base: Side, head: Side) -> Iterator[Change]:
    before, after = base.plan.target.compose, head.plan.target.compose
    subject = placed("target.compose", base, before, head, after)
    if before is None or after is None:
        if before is not after:
            yield subject.different("", _file(base, before, NEW), _file(head, after, GONE))
        return
    # Services that are addressed are entries; others are told by the names that the plan has for them.
    entries = {entry.id for entry in (*before.entries, *after.entries)}
    for name in before.services:
        if name not in after.services and name not in entries and after.services:
            yield subject.weaker(f"service {name}", "brought up", GONE)
    yield from fields(subject, (base, before), (head, after), _OF_COMPOSE)


def _file(side: Side, stack: ComposeStack | None, missing: str) -> str:
    return missing if stack is None else side.said(stack.file)


def _containers(base: Side, head: Side) -> Iterator[Change]:
    before, after = base.plan.target.containers, head.plan.target.containers
    subject = placed("target.containers", base, before, head, after)
    was, now = (stack is not None and stack.allow_faults for stack in (before, after))
    if before is None or after is None:
        if before is not after:
            yield subject.different("", _labels(before, NEW), _labels(after, GONE))
    else:
        yield from fields(subject, (base, before), (head, after), _OF_CONTAINERS)
    yield from subject.amount("allow_faults", was, now, in_words)


def _labels(stack: AttachedStack | None, missing: str) -> str:
    return missing if stack is None else ", ".join(stack.labels)
