"""Waivers of two plans: any that is new, covers more or lasts longer lets more through."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.side import Side, plain_text
from phasegate.model.waiver import Waiver

_PEOPLE = ("owner", "approver", "reason", "ticket")


def changes(base: Side, head: Side) -> Iterator[Change]:
    """What became of the waivers, and of how long they may last."""
    old = {waiver.id: waiver for waiver in base.plan.waivers}
    new = {waiver.id: waiver for waiver in head.plan.waivers}
    for id, before, after in pairs(old, new):
        subject = Subject(
            name=f"waiver {id}",
            before="" if before is None else base.shown(before.source),
            after="" if after is None else head.shown(after.source),
        )
        if after is None:
            assert before is not None
            yield subject.stronger("", _waiver_text(before), GONE)
        elif before is None:
            yield subject.weaker("", NEW, _waiver_text(after))
        else:
            yield from _between(subject, before, after)
    place = f"{head.shown(head.plan.record.path)}:1"
    days = Subject(name="waivers", before=place, after=place)
    yield from days.amount("days", base.plan.waiver_days, head.plan.waiver_days)


def _between(subject: Subject, before: Waiver, after: Waiver) -> Iterator[Change]:
    yield from subject.amount("expires", before.expires, after.expires)
    old, new = _reach(before), _reach(after)
    for name, was, now in pairs(old, new):
        here = f"covers {name}"
        if now is None and was is not None:
            yield subject.stronger(here, _most(was), "no more")
        elif was is None and now is not None:
            yield subject.weaker(here, "not covered", _most(now))
        elif was is not None and now is not None:
            yield from subject.amount(here, was, now, _most)
    for name in _PEOPLE:
        texts = getattr(before, name), getattr(after, name)
        if texts[0] != texts[1]:
            yield subject.different(name, plain_text(texts[0]), plain_text(texts[1]))


def _reach(waiver: Waiver) -> dict[str, int]:
    """What it covers, and how many cases at most; 0 for what is one thing."""
    found = dict.fromkeys(waiver.criteria, 0)
    found |= {f"{check}/{case}": 0 for check, case in waiver.cases}
    for pattern in waiver.patterns:
        name = f"pattern {pattern.check}/{pattern.glob}"
        found[name] = max(found.get(name, 0), pattern.most)
    return found


def _most(most: int) -> str:
    return f"at most {most}" if most else "covered"


def _waiver_text(waiver: Waiver) -> str:
    return f"{', '.join(waiver.covers)} until {waiver.expires}"
