"""Criteria of two plans: what is still asked for, and what is not.

A criterion is held when some criterion of the new plan on the same value lets nothing through that it kept
out, and proves as much. What cannot be shown to be held counts as weaker: a limit is not a place for doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.base.units import format_share
from phasegate.comparison import matchers
from phasegate.comparison.change import GONE, NEW, Change, Subject
from phasegate.comparison.fields import seconds
from phasegate.comparison.side import Side
from phasegate.model.aggregates import AGGREGATES, FLAKY_RATE
from phasegate.model.criterion import Criterion, Level, Operator, PlanCriterion, Relative, SubjectKind
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.model.resources import RESOURCES
from phasegate.model.statistic import find_statistic


def changes(base: Side, head: Side) -> Iterator[Change]:
    """Every difference in what must hold, but for budgets of what is flaky."""
    old, new = _criteria(base), _criteria(head)
    matched: set[str] = set()
    by_id = {other.id: other for other in new}
    by_value: dict[tuple[Any, ...], list[PlanCriterion]] = {}
    for other in new:
        by_value.setdefault(_value(other.criterion), []).append(other)
    for one in old:
        same = by_id.get(one.id)
        if same is not None and _is_of_same(one, same) and _holds(head, same, base, one):
            chosen: PlanCriterion | None = same  # whatever others there are, as in most plans
        else:
            there = by_value.get(_value(one.criterion), ())
            candidates = [other for other in there if _can_stand_for(one, other)]
            holding = [other for other in candidates if _holds(head, other, base, one)]
            alike = [other for other in holding or candidates if _is_of_same(one, other)]
            chosen = _nearest(one, alike or holding)
        if chosen is not None:
            matched.add(chosen.id)
            yield from _between(base, one, head, chosen)
        elif _subject_is_there(one, head) and not _expects_instead(one, head):
            yield _subject(base, one, head, None).weaker("", _criterion_text(one), GONE)
    known = {one.id for one in old}
    for other in new:
        if other.id not in matched and other.id not in known and _subject_is_there(other, base):
            place = head.place(other.at)
            yield Subject(name=f"criterion {other.id}", before=place, after=place).stronger(
                "", NEW, _criterion_text(other)
            )


def _criteria(side: Side) -> list[PlanCriterion]:
    return [
        one for one in side.plan.criteria if one.criterion.measure != FLAKY_RATE or one.id[:6] != "flaky:"
    ]


def _value(criterion: Criterion) -> tuple[Any, ...]:
    """What it is about, statistics aside."""
    return criterion.subject_kind, criterion.subject, criterion.part, criterion.measure


def _is_of_same(one: PlanCriterion, other: PlanCriterion) -> bool:
    """Whether two criteria are about the same, statistic included."""
    old, new = one.criterion, other.criterion
    return old.statistic == new.statistic and _value(old) == _value(new)


def _can_stand_for(one: PlanCriterion, other: PlanCriterion) -> bool:
    """Whether a criterion of the new plan could stand for one of the old on the same value."""
    old, new = one.criterion, other.criterion
    before, after = find_statistic(old.statistic), find_statistic(new.statistic)
    return before == after or (old.op is not Operator.EQ and after.entails(before, at_most=old.op.wants_less))


def _nearest(one: PlanCriterion, candidates: list[PlanCriterion]) -> PlanCriterion | None:
    named = [other for other in candidates if other.id == one.id]
    return next(iter(named or candidates), None)


def _subject_is_there(one: PlanCriterion, side: Side) -> bool:
    """Whether a plan has what a criterion speaks of; where not, its end has been told already."""
    criterion = one.criterion
    match criterion.subject_kind:
        case SubjectKind.FAULT:
            return one.fault in side.faults
        case SubjectKind.CHECK:
            check = side.checks.get(criterion.subject)
            part = criterion.part.partition("/")[0]
            return check is not None and (
                not check.each or not part or any(each.name == part for each in check.parts)
            )
        case _:
            return True


def _expects_instead(one: PlanCriterion, head: Side) -> bool:
    """Whether a command's exit code, judged by default before, is now among what it is expected to do."""
    if not one.default or one.criterion.measure != "exit_code":
        return False
    check = head.checks[one.criterion.subject]
    expected = [getattr(getattr(part.params, "expect", None), "exit_code", None) for part in check.parts]
    return all(
        codes is not None and matchers.direction(one.criterion.quantity.value, codes) is None
        for codes in expected
    )


def _between(base: Side, one: PlanCriterion, head: Side, other: PlanCriterion) -> Iterator[Change]:
    """Aspect by aspect, what became of a criterion."""
    subject = _subject(base, one, head, other)
    old, new = one.criterion, other.criterion
    if old.statistic != new.statistic:
        yield subject.stronger("statistic", old.statistic, new.statistic)
    old_spec, new_spec = _spec(base, one), _spec(head, other)
    tighter, looser = within(new, old, new_spec), within(old, new, old_spec)
    if not tighter:
        yield subject.weaker("threshold", _required_text(one), _required_text(other))
    elif not looser:
        yield subject.stronger("threshold", _required_text(one), _required_text(other))
    yield from _proof(subject, one, old_spec, other, new_spec)
    if one.level is not other.level:
        turn = subject.weaker if other.level is Level.WARN else subject.stronger
        yield turn("level", one.level.value, other.level.value)
    yield from subject.amount("over", one.over or 0.0, other.over or 0.0, seconds, more_is_weaker=False)


def _proof(
    subject: Subject,
    one: PlanCriterion,
    old_spec: MeasureSpec | None,
    other: PlanCriterion,
    new_spec: MeasureSpec | None,
) -> Iterator[Change]:
    """What a sample has to show: a bound, and at which confidence."""
    before, after = proven(one, old_spec), proven(other, new_spec)
    if before is None and after is None:
        return
    if before is None or after is None:
        turn = subject.weaker if after is None else subject.stronger
        yield turn("proof", _proof_text(one, before), _proof_text(other, after))
    else:
        yield from subject.amount("confidence", before, after, format_share, more_is_weaker=False)


def proven(one: PlanCriterion, spec: MeasureSpec | None) -> float | None:
    """The confidence at which a bound has to show it; None where values are compared as seen."""
    return one.confidence if spec is not None and one.criterion.is_bounded(spec.type) else None


def within(one: Criterion, other: Criterion, spec: MeasureSpec | None) -> bool:
    """Whether every value that satisfies `one` satisfies `other`."""
    if isinstance(one.threshold, Relative) or isinstance(other.threshold, Relative):
        if not (isinstance(one.threshold, Relative) and isinstance(other.threshold, Relative)):
            return False
        return _contains(one.op, one.threshold.factor, other.op, other.threshold.factor)
    narrow = _at_the_edge(one.op, one.quantity.value, spec)
    return _contains(
        narrow, one.quantity.value, _at_the_edge(other.op, other.quantity.value, spec), other.quantity.value
    )


def _at_the_edge(op: Operator, value: float, spec: MeasureSpec | None) -> Operator:
    """At least all, or at most nothing, is exactly that."""
    if spec is None:
        return op
    share = spec.type in (MeasureType.CENSUS, MeasureType.SAMPLE)
    if op is Operator.GE and value == (1.0 if share else spec.highest):
        return Operator.EQ
    if op is Operator.LE and value == (0.0 if share else spec.lowest):
        return Operator.EQ
    return op


def _contains(one: Operator, value: float, other: Operator, limit: float) -> bool:
    if one is Operator.EQ:
        return other.holds(value, limit)
    if one is Operator.NE:
        return other is Operator.NE and value == limit
    if other is Operator.NE:
        return (
            value < limit or (value == limit and one is Operator.LT)
            if one.wants_less
            else (value > limit or (value == limit and one is Operator.GT))
        )
    same_way = (one.wants_less and other.wants_less) or (one.wants_more and other.wants_more)
    if not same_way:
        return False
    if value == limit:
        return one is other or one in (Operator.LT, Operator.GT)
    return value < limit if one.wants_less else value > limit


def _holds(head: Side, other: PlanCriterion, base: Side, one: PlanCriterion) -> bool:
    """Whether a new criterion lets nothing through that an old one keeps out, and proves as much."""
    before, after = proven(one, _spec(base, one)), proven(other, _spec(head, other))
    return (
        within(other.criterion, one.criterion, _spec(head, other))
        and (before is None or (after is not None and after >= before))
        and (one.level is Level.WARN or other.level is Level.BLOCK)
        and (other.over or 0.0) >= (one.over or 0.0)
    )


def _spec(side: Side, one: PlanCriterion) -> MeasureSpec | None:
    criterion = one.criterion
    if one.fault is not None:
        fault = side.faults.get(one.fault)
        return None if fault is None else fault.measures.get(criterion.measure)
    if criterion.subject_kind is SubjectKind.CHECK:
        check = side.checks.get(criterion.subject)
        specs: dict[str, MeasureSpec] = {}
        for part in () if check is None else check.parts:
            specs |= check.kind.measures(part.params) if check is not None else {}
        return specs.get(criterion.measure)
    known: Mapping[str, MeasureSpec] = (
        RESOURCES if criterion.subject_kind is SubjectKind.TARGET else AGGREGATES
    )
    return known.get(criterion.measure)


def _subject(base: Side, one: PlanCriterion, head: Side, other: PlanCriterion | None) -> Subject:
    before = base.place(one.at)
    return Subject(
        name=f"criterion {one.id}", before=before, after=before if other is None else head.place(other.at)
    )


def _required_text(one: PlanCriterion) -> str:
    return f"{one.criterion.required}{' (default)' if one.default else ''}"


def _criterion_text(one: PlanCriterion) -> str:
    """All of it in a line."""
    level = "" if one.level is Level.BLOCK else f", {one.level.value}"
    return f"{one.criterion.value_text} {_required_text(one)}{level}"


def _proof_text(one: PlanCriterion, confidence: float | None) -> str:
    if confidence is not None:
        return f"a bound at {format_share(confidence)}"
    return "observed values only" if one.confidence is None else "a statement about what was seen"
