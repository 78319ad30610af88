"""Budgets for what passes only when tried again: for each check the nearest one counts it."""

from __future__ import annotations

from collections.abc import Iterator

from phasegate.comparison.change import GONE, NEW, Change, Direction, Subject
from phasegate.comparison.side import Side
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.plan.asked.plan import Check


def changes(base: Side, head: Side) -> Iterator[Change]:
    """What became of the budget of each check that both plans have, told once for each budget."""
    there = {check.id: check for check in head.plan.checks()}
    before, after = _budgets(base), _budgets(head)
    told: set[tuple[str, str, str]] = set()
    for check in base.plan.checks():
        if check.id not in there:
            continue
        old, new = _nearest(before, check), _nearest(after, there[check.id])
        change = _between(base, old, head, new)
        if change is not None and change.key not in told:
            told.add(change.key)
            yield change


_Budgets = dict[str, tuple[PlanCriterion, frozenset[str]]]
"""By id, each with the checks that it does not count."""


def _budgets(side: Side) -> _Budgets:
    found = (one for one in side.plan.criteria if one.id.startswith("flaky:"))
    return {one.id: (one, frozenset(one.without)) for one in found}


def _nearest(budgets: _Budgets, check: Check) -> PlanCriterion | None:
    for subject in (check.id, f"step/{check.step}", "run"):
        found = budgets.get(f"flaky:{subject}")
        if found is not None and check.id not in found[1]:
            return found[0]
    return None


def _between(base: Side, old: PlanCriterion | None, head: Side, new: PlanCriterion | None) -> Change | None:
    named = old or new
    if named is None:
        return None
    before = "" if old is None else base.place(old.at)
    after = before if new is None else head.place(new.at)
    name = f"flaky budget of {named.criterion.subject_text}"
    subject = Subject(name=name, before=before, after=after)
    if new is None or old is None:
        turn = subject.weaker if new is None else subject.stronger
        return turn("", NEW if old is None else _budget_text(old), GONE if new is None else _budget_text(new))
    direction = _direction(old, new)
    return None if direction is None else subject.changed("", _budget_text(old), _budget_text(new), direction)


def _direction(old: PlanCriterion, new: PlanCriterion) -> Direction | None:
    most, now = old.criterion.quantity.value, new.criterion.quantity.value
    if now > most or (old.level is Level.BLOCK and new.level is Level.WARN):
        return Direction.WEAKER
    return Direction.STRONGER if now < most or old.level is not new.level else None


def _budget_text(one: PlanCriterion) -> str:
    return f"{one.criterion.quantity} ({'fail' if one.level is Level.BLOCK else 'warn'})"
