"""Default criteria: what a kind asks of a check where its plan does not, and what takes their place."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from phasegate.base.facts import Code, Fact, fact
from phasegate.base.units import Dimension, Quantity, parse_quantity
from phasegate.gate.criterion import parse_criterion
from phasegate.model.criterion import Criterion, PlanCriterion, Relative, SubjectKind
from phasegate.model.faults import fault_defaults
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.plan import Check


def defaults_left(
    check: Check, said: Container[tuple[str | None, str, str]], *, taken: Container[str]
) -> Iterator[PlanCriterion]:
    """The defaults in whose place nothing stands.

    `said` has check, measure and part of every written criterion that blocks, or whose check only warns;
    `taken` the ids of all.
    """
    for part, text in _texts(check):
        measure = _default(text).measure
        if (check.id, measure, "") in said or (check.each and (check.id, measure, part) in said):
            continue
        criterion = parse_criterion(text, inside=check.id)
        if check.each:
            criterion = criterion.for_part(part)
        yield PlanCriterion(
            id=f"{criterion.id}.default" if criterion.id in taken else criterion.id,
            criterion=criterion,
            step=check.step,
            confidence=check.confidence,
            level=check.level,
            default=True,
            at=check.at,
        )


def fault_defaults_left(
    fault: Fault, step: str | None, said: Container[tuple[str, str]], *, taken: Container[str]
) -> Iterator[PlanCriterion]:
    """The same for a fault; `said` has fault and measure of every blocking criterion on one."""
    for text in fault_defaults(fault.asked.act):
        criterion = parse_criterion(text, inside=fault.id)
        if (fault.id, criterion.measure) not in said:
            yield PlanCriterion(
                id=f"{criterion.id}.default" if criterion.id in taken else criterion.id,
                criterion=replace(criterion, subject_kind=SubjectKind.FAULT),
                step=step,
                default=True,
                at=fault.at,
            )


def displacing_weakly(
    checks: Iterable[Check], blocking: Sequence[PlanCriterion]
) -> Iterator[tuple[PlanCriterion, Fact]]:
    """Criteria that take the place of a default and hold when everything has failed: each once, and why."""
    said: set[str] = set()
    written: dict[tuple[str | None, str, str], list[PlanCriterion]] = {}
    place = {one.id: number for number, one in enumerate(blocking)}
    for one in blocking:
        written.setdefault((one.check, one.criterion.measure, one.criterion.part), []).append(one)

    @cache
    def holding(check: str, measure: str, part: str, worst: Quantity) -> bool:
        return all(_holds(one.criterion, worst) for one in written.get((check, measure, part), ()))

    owners = {one.check for one in blocking}
    held = (check for check in checks if check.id in owners)
    everything = ((check, part, text) for check in held for part, text in _texts(check))
    for owner, part, text in everything:
        default = _default(text)
        worst = parse_quantity("0%" if default.quantity.dimension is Dimension.SHARE else "1")
        keys = [(owner.id, default.measure, name) for name in dict.fromkeys(("", part))]
        begin = [written[key][0] for key in keys if key in written]
        if not begin or not all(holding(*key, worst) for key in keys):
            continue
        first = min(begin, key=lambda one: place[one.id])
        if first.id not in said:
            said.add(first.id)
            values = {"measure": default.measure, "value": str(worst), "default": text}
            yield first, fact(Code.DISPLACES_DEFAULT, criterion=first.id, **values)


@cache
def _default(text: str) -> Criterion:
    return parse_criterion(text, inside="check")


def _texts(check: Check) -> Iterator[tuple[str, str]]:
    """Part and default criterion."""
    for part in check.parts:
        for text in check.kind.defaults(part.params):
            yield part.name, text


def _holds(criterion: Criterion, value: Quantity) -> bool:
    if isinstance(criterion.threshold, Relative):  # whatever the baseline was, it is above 0
        return criterion.op.wants_more if value.value else criterion.op.wants_less
    return criterion.op.holds(value.value, criterion.threshold.value)
