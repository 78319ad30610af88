"""Two loaded plans into what became weaker, changed and stronger. Pure: nothing is read or run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256

from phasegate.base.errors import UsageError
from phasegate.base.patterns import time_limit
from phasegate.comparison import budgets, checks, criteria, faults, lines, target, waivers
from phasegate.comparison.change import GONE, NEW, Change, Subject, by_environment, pairs
from phasegate.comparison.fields import fields, limit, placed, top
from phasegate.comparison.side import Side
from phasegate.plan.asked.plan import Step

_PATIENCE = 5.0
"""Seconds of processor time for the patterns that are tried out on expected values."""
_OF_STEP = ("needs", "follows", "parallel", "setup", "teardown")


def compare_all(base: Mapping[str, Side], head: Mapping[str, Side]) -> tuple[Change, ...]:
    """As `compare`, for every environment; the empty name is the plan without one.

    An environment that is new is held against the plan without one, so that none comes in with less.
    """
    with time_limit(_PATIENCE):
        found = {name: list(compare(base.get(name, base[""]), side)) for name, side in head.items()}
    plan = Subject(name="environment", before=top(base[""]), after=top(head[""]))
    gone = [plan.different(name, "there", GONE) for name in base if name not in head]
    new = [plan.different(name, NEW, "held against the plan without it") for name in head if name not in base]
    return (*by_environment(found), *gone, *new)


def compare(base: Side, head: Side) -> tuple[Change, ...]:
    """Every difference that can matter to a verdict, in the order of the plan.

    Errors: UsageError for plans of different phases, which have nothing to do with each other.
    """
    if base.plan.phase != head.plan.phase:
        raise UsageError(
            f"cannot compare a plan of phase {base.plan.phase!r} with one of phase {head.plan.phase!r}",
            help="guard compares two versions of one plan, which have the same `phase`",
        )
    return tuple(change for part in _PARTS for change in part(base, head))


def _plan(base: Side, head: Side) -> Iterator[Change]:
    old, new = base.plan, head.plan
    subject = Subject(name="plan", before=top(base), after=top(head))
    yield from limit(subject, "limit", old.limit, new.limit)
    yield from _approvals(base, head)
    secrets = [{secret.name for secret in side.plan.secrets} for side in (base, head)]
    for name in sorted(secrets[0] - secrets[1]):
        yield subject.different(f"secret {name}", "hidden", GONE)


def _approvals(base: Side, head: Side) -> Iterator[Change]:
    """Who must approve a run, and how soon."""
    old = {one.role: one for one in base.plan.approvals}
    new = {one.role: one for one in head.plan.approvals}
    for role, before, after in pairs(old, new):
        subject = Subject(name=f"approval of {role}", before=top(base), after=top(head))
        if before is None or after is None:
            turn = subject.weaker if after is None else subject.stronger
            yield turn("", NEW if before is None else "asked for", GONE if after is None else "asked for")
        else:
            yield from limit(subject, "within", before.within, after.within)


def _steps(base: Side, head: Side) -> Iterator[Change]:
    old = {step.id: step for step in base.plan.steps}
    new = {step.id: step for step in head.plan.steps}
    kept = {check.id for check in head.plan.checks()}
    had = {check.id for check in base.plan.checks()}
    for id, before, after in pairs(old, new):
        subject = placed(f"step {id}", base, before, head, after)
        if after is None and before is not None:
            turn = subject.different if {check.id for check in before.checks} <= kept else subject.weaker
            yield turn("", _step(before, kept), GONE)
        elif before is None and after is not None:
            yield subject.stronger("", NEW, _step(after, had))
        elif before is not None and after is not None:
            yield from fields(subject, (base, before), (head, after), _OF_STEP)


def _unread(base: Side, head: Side) -> Iterator[Change]:
    """What neither side can be held against: as soon as it reads otherwise, it may ask for less."""
    subject = Subject(name="of the environment", before=top(base), after=top(head))
    old, new = (Counter(one for one in side.unread) for side in (base, head))
    for one in old - new:
        yield subject.weaker(one.name, _hash(one.text), "another, or none")
    for one in new - old:
        yield subject.different(one.name, "another, or none", _hash(one.text))


def _hash(text: str) -> str:
    return f"sha256 {sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _step(step: Step, elsewhere: set[str]) -> str:
    """What goes with a step: its checks that are nowhere else."""
    own = [check.id for check in step.checks if check.id not in elsewhere]
    return f"with {', '.join(own)}" if own else "its checks are in another step"


_PARTS: tuple[Callable[[Side, Side], Iterator[Change]], ...] = (
    _plan,
    target.changes,
    _steps,
    checks.changes,
    faults.changes,
    criteria.changes,
    lines.changes,
    budgets.changes,
    waivers.changes,
    _unread,
)
