"""Budgets for what passes only when tried again, as the criteria that they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from phasegate.base.units import Dimension, format_value
from phasegate.gate.criterion import parse_criterion
from phasegate.model.aggregates import FLAKY_RATE
from phasegate.model.criterion import PlanCriterion
from phasegate.plan.asked.plan import Check, FlakyBudget, Step


def budgets(
    whole: FlakyBudget | None, steps: Iterable[Step], gate_checks: Iterable[Check]
) -> tuple[PlanCriterion, ...]:
    """One criterion for each budget that counts anything.

    The nearest budget of a check counts it: its own, else its step's, else `whole`, the plan's. So a budget
    counts the checks of its subject that have no nearer one.
    """
    found: list[PlanCriterion] = []
    nearer: list[str] = []
    outermost: list[str] = []
    for step in (*steps, None):
        checks = tuple(gate_checks) if step is None else step.checks
        own = {check.id: None for check in checks if check.flaky is not None}
        found += _of_checks(checks)
        if step is not None and step.flaky is not None:
            if len(own) < len(checks):
                found.append(_criterion(f"step/{step.id}", step.flaky, step=step.id, without=own))
            own = {check.id: None for check in checks}
        nearer += own
        outermost += [check.id for check in checks if check.id not in own]
    if whole is not None and outermost:
        found.append(_criterion("run", whole, without=nearer))
    return tuple(found)


def _of_checks(checks: Iterable[Check]) -> Iterator[PlanCriterion]:
    for check in checks:
        if check.flaky is not None:
            yield _criterion(check.id, check.flaky, step=check.step)


def _criterion(
    subject: str, budget: FlakyBudget, *, step: str | None = None, without: Iterable[str] = ()
) -> PlanCriterion:
    most = f"{budget.most * 100:.12g}%"
    text = f"{subject}.{FLAKY_RATE} <= {most}"
    return PlanCriterion(
        id=f"flaky:{subject}",
        criterion=parse_criterion(text),
        step=step,
        title=f"No more than {format_value(budget.most, Dimension.SHARE)} passes only when tried again",
        level=budget.level,
        at=budget.at,
        without=tuple(without),
    )
