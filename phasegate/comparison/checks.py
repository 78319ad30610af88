"""Checks of two plans, by id."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.base.units import format_seconds
from phasegate.comparison import params
from phasegate.comparison.change import GONE, NEW, Change, Subject, in_words, pairs
from phasegate.comparison.fields import placed, seconds
from phasegate.comparison.side import Side
from phasegate.kinds.base import timeout_of
from phasegate.plan.asked.plan import Check
from phasegate.plan.written.plan import RetryWritten
from phasegate.render.sentences import sentence


def changes(base: Side, head: Side) -> Iterator[Change]:
    """What became of every check; one that went with its step is not told again."""
    old = {check.id: check for check in base.plan.checks()}
    new = {check.id: check for check in head.plan.checks()}
    steps, others = ({step.id for step in side.plan.steps} for side in (base, head))
    for id, before, after in pairs(old, new):
        subject = placed(f"check {id}", base, before, head, after)
        if after is None and before is not None:
            if before.step is None or before.step in others:
                yield subject.weaker("", f"{before.kind.name}: {sentence(before.asked.summary)}", GONE)
        elif before is None and after is not None:
            if after.step is None or after.step in steps:
                yield subject.stronger("", NEW, f"{after.kind.name}: {sentence(after.asked.summary)}")
        elif before is not None and after is not None:
            yield from _between(subject, (base, before), (head, after))


def _between(subject: Subject, before: tuple[Side, Check], after: tuple[Side, Check]) -> Iterator[Change]:
    (base, old), (head, new) = before, after
    if old.step != new.step:
        yield subject.different("step", old.step or "the gate", new.step or "the gate")
    yield from _during(subject, old.asked.during, new.asked.during)
    yield from _retry(subject, old.retry, new.retry)
    yield from subject.amount("allow_skipped", old.asked.allow_skipped, new.asked.allow_skipped)
    if old.exclusive is not new.exclusive:
        yield subject.different("exclusive", in_words(old.exclusive), in_words(new.exclusive))
    if (old.kind.name, old.kind.variant) != (new.kind.name, new.kind.variant):
        yield subject.different("kind", _kind(old), _kind(new))
        return
    yield from _limit(subject, old, new)
    yield from _parts(subject, (base, old), (head, new))


def _kind(check: Check) -> str:
    return " ".join(filter(None, (check.kind.name, check.kind.variant)))


def _during(subject: Subject, old: str, new: str) -> Iterator[Change]:
    """The whole run is longer than any check in it, and a check on its own sees nothing of the others."""
    if old == new:
        return
    turn = subject.different
    if old == "run" or not new:
        turn = subject.weaker
    elif new == "run" and old:
        turn = subject.stronger
    yield turn("during", old or "none", new or "none")


def _retry(subject: Subject, old: RetryWritten, new: RetryWritten) -> Iterator[Change]:
    """Trying again until it fits is what weakens; trying again what could not be observed is not."""
    on_fail, now = (one.attempts if one.on_fail else 1 for one in (old, new))
    if on_fail != now:
        yield from subject.amount("attempts on failure", on_fail, now)
    elif old.attempts != new.attempts:
        yield subject.different("attempts on error", str(old.attempts), str(new.attempts))
    if max(old.attempts, new.attempts) > 1:
        waits = [(one.wait, one.backoff, one.max_wait, one.jitter) for one in (old, new)]
        if waits[0] != waits[1]:
            yield subject.different("wait between attempts", *(_wait(one) for one in (old, new)))


def _wait(retry: RetryWritten) -> str:
    most = "" if retry.max_wait is None else f", at most {format_seconds(retry.max_wait)}"
    backoff = "" if retry.backoff == 1 else f" times {retry.backoff:g} each"
    jitter = "" if not retry.jitter else f", jitter {format_seconds(retry.jitter)}"
    return f"{format_seconds(retry.wait)}{backoff}{most}{jitter}"


def _limit(subject: Subject, old: Check, new: Check) -> Iterator[Change]:
    """More time for an attempt; where it only follows from what the check does, that has been told."""
    if old.limit == new.limit or _takes(old) != _takes(new):
        return
    turn = subject.different
    if old.limit is not None and new.limit is not None:
        turn = subject.weaker if new.limit > old.limit else subject.stronger
    yield turn("limit", seconds(old.limit), seconds(new.limit))


def _takes(check: Check) -> list[tuple[float | None, float]]:
    return [(check.kind.duration(part.params), timeout_of(part.params)) for part in check.parts]


def _parts(subject: Subject, before: tuple[Side, Check], after: tuple[Side, Check]) -> Iterator[Change]:
    """The entries of `each`; what all of them have in common is told once."""
    (base, old), (head, new) = before, after
    parts = {part.name: part for part in old.parts}
    others = {part.name: part for part in new.parts}
    if old.each is not new.each:
        names = [", ".join(one) if check.each else NEW for one, check in ((parts, old), (others, new))]
        turn = subject.weaker if old.each else subject.different
        yield turn("each", names[0], names[1] if new.each else GONE)
        # The one part of a check without `each` is held against all of the other.
        parts, others = (
            one if check.each else dict.fromkeys(other, *one.values())
            for one, other, check in ((parts, others, old), (others, parts, new))
        )
    both = [name for name in parts if name in others]
    for name in parts:
        if name not in others:
            yield subject.weaker(f"each {name}", sentence(old.kind.summary(parts[name].params)), GONE)
    for name in others:
        if name not in parts:
            yield subject.stronger(f"each {name}", NEW, sentence(new.kind.summary(others[name].params)))
    accompanies = bool(new.asked.during and old.asked.during)
    found = {
        name: list(
            params.changes(
                subject,
                new.kind,
                (base, parts[name].params),
                (head, others[name].params),
                accompanies=accompanies,
            )
        )
        for name in both
    }
    common = [one for one in next(iter(found.values()), []) if all(one in rest for rest in found.values())]
    yield from common
    for name, changes_ in found.items():
        prefix = f"{subject.name} "
        for one in changes_:
            if one not in common:
                aspect = one.item.removeprefix(prefix)
                yield subject.inside(f"each {name}", one.source, one.source).changed(
                    aspect, one.before, one.after, one.direction
                )
