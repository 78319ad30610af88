"""The criteria by which a rollout can be judged while it goes on."""

from __future__ import annotations

from collections.abc import Iterable

from phasegate.gate.deciding import breakable
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.plan import Check


def judges_of(
    fault: Fault, checks: Iterable[Check], criteria: Iterable[PlanCriterion]
) -> tuple[PlanCriterion, ...]:
    """Those of `criteria` that block, are on the check of a rollout or on one beside that, and of which a
    part of the samples can show that they are not met."""
    during = fault.asked.check
    beside = {check.id: check for check in checks if during in (check.id, check.asked.during)}
    return tuple(
        one
        for one in criteria
        if one.level is Level.BLOCK and one.check in beside and _can_break(one, beside[one.check])
    )


def _can_break(one: PlanCriterion, check: Check) -> bool:
    if not check.kind.is_watchable:
        return False
    # What is seen meanwhile is that of a whole check, or of each of its entries.
    part = next((part for part in check.parts if part.name == one.criterion.part), None)
    spec = None if part is None else check.kind.measures(part.params).get(one.criterion.measure)
    return spec is not None and breakable(one.criterion, spec.type, one.confidence)
