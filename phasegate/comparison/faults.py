"""Faults of two plans, by id: what is not done to the target any more, or done more gently."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.base.units import format_seconds
from phasegate.comparison import params
from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.fields import placed, seconds
from phasegate.comparison.side import Side
from phasegate.model.faults import Act, PlanFault
from phasegate.plan.asked.faults import Fault
from phasegate.plan.checks.faults import PROBE

_GENTLER = ((Act.KILL, Act.STOP), (Act.KILL, Act.RESTART), (Act.STOP, Act.RESTART))
"""Acts, and what is less than each of them."""


def changes(base: Side, head: Side) -> Iterator[Change]:
    """What became of every fault; one that went with its step is not told again."""
    old = {fault.id: fault for step in base.plan.steps for fault in step.faults}
    new = {fault.id: fault for step in head.plan.steps for fault in step.faults}
    step_of = {
        fault.id: step.id for side in (head, base) for step in side.plan.steps for fault in step.faults
    }
    steps, others = ({step.id for step in side.plan.steps} for side in (base, head))
    for id, before, after in pairs(old, new):
        subject = placed(f"fault {id}", base, before, head, after)
        if after is None and before is not None:
            if step_of[id] in others:
                yield subject.weaker("", before.summary, GONE)
        elif before is None and after is not None:
            if step_of[id] in steps:
                yield subject.stronger("", NEW, after.summary)
        elif before is not None and after is not None:
            yield from _between(subject, (base, before), (head, after))


def _env_text(fault: PlanFault) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(fault.env.items())) or "none"


def _between(subject: Subject, before: tuple[Side, Fault], after: tuple[Side, Fault]) -> Iterator[Change]:
    (base, old), (head, new) = before, after
    was, now = old.asked, new.asked
    if was.act is not now.act:
        turn = subject.different
        if (was.act, now.act) in _GENTLER:
            turn = subject.weaker
        elif (now.act, was.act) in _GENTLER:
            turn = subject.stronger
        yield turn("act", was.act, now.act)
    gone, added = set(was.targets) - set(now.targets), set(now.targets) - set(was.targets)
    turn = subject.different if added else subject.weaker
    if not gone:
        turn = subject.stronger if added else subject.different
    if was.targets != now.targets:
        yield turn("target", ", ".join(was.targets), ", ".join(now.targets))
    for aspect, one, other in (
        ("during", was.check, now.check),
        ("at", format_seconds(was.due), format_seconds(now.due)),
        ("image", was.image or "none", now.image or "none"),
        ("command", " ".join(was.command) or "none", " ".join(now.command) or "none"),
        ("env", _env_text(was), _env_text(now)),
    ):
        if one != other:
            yield subject.different(aspect, one, other)
    yield from subject.amount("for", was.lasting or 0.0, now.lasting or 0.0, seconds, more_is_weaker=False)
    yield from subject.amount("hold", was.hold, now.hold, seconds, more_is_weaker=False)
    yield from subject.amount("within", was.within, now.within, seconds)
    yield from params.changes(
        subject.inside("probe"), PROBE, (base, old.asks), (head, new.asks), accompanies=True
    )
