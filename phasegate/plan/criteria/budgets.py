"""Budgets for what passes only when tried again, as the criteria that they come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from phasegate.base.units import Dimension, format_value
from phasegate.gate.criterion import parse_criterion
from phasegate.model.aggregates import FLAKY_RATE
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.plan.asked.plan import Check, FlakyBudget, Step


def budgets(
    whole: FlakyBudget | None,
    steps: Iterable[Step],
    gate_checks: Iterable[Check],
    criteria: Iterable[PlanCriterion],
) -> tuple[PlanCriterion, ...]:
    """One criterion for each budget that counts anything; `criteria` are all others.

    The nearest budget of a check counts it: its own, else its step's, else `whole`, the plan's. So a budget
    counts the checks of its subject that have no nearer one. A check that can only warn takes the nearest for
    its own, and that only warns: a check that could not be run would leave the others' budget unproven.
    """
    blocking = {one.check for one in criteria if one.level is Level.BLOCK}
    found: list[PlanCriterion] = []
    nearer: list[str] = []
    outermost: list[str] = []
    for step in (*steps, None):
        checks = tuple(gate_checks) if step is None else step.checks
        nearest = whole if step is None or step.flaky is None else step.flaky
        own: dict[str, None] = {}
        for check in checks:
            only_warns = check.level is Level.WARN and check.id not in blocking
            budget = check.flaky or (nearest if only_warns else None)
            if budget is not None:
                budget = replace(budget, level=Level.WARN) if only_warns else budget
                found.append(_criterion(check.id, budget, step=check.step))
                own[check.id] = None
        if step is not None and step.flaky is not None:
            if len(own) < len(checks):
                found.append(_criterion(f"step/{step.id}", step.flaky, step=step.id, without=own))
            own = {check.id: None for check in checks}
        nearer += own
        outermost += [check.id for check in checks if check.id not in own]
    if whole is not None and outermost:
        found.append(_criterion("run", whole, without=nearer))
    return tuple(found)


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
