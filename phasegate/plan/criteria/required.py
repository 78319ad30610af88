"""Kinds of check that must have run, as the criteria that they come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from phasegate.gate.aggregates import required_kind
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.plan.checks.check import Draft
from phasegate.plan.reading.context import Context
from phasegate.plan.text.findings import did_you_mean, listed


def require_kinds(
    context: Context, wanted: Sequence[str], drafts: Iterable[Draft], criteria: Iterable[PlanCriterion]
) -> tuple[PlanCriterion, ...]:
    """One criterion for each kind of `gate.require`; a kind that could never count is reported instead."""
    found: dict[str, PlanCriterion] = {}
    of_kind: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.kind is not None:
            of_kind.setdefault(draft.kind.name, []).append(draft)
    blocking = {item.check for item in criteria if item.level is Level.BLOCK}
    for index, name in enumerate(wanted):
        path = ("gate", "require", index)
        wrong = _wrong_with(context, name, of_kind.get(name, []), blocking, known=name in found)
        if wrong is not None:
            context.findings.add(context.document, path, wrong[0], help=wrong[1])
            continue
        criterion = required_kind(name)
        found[name] = PlanCriterion(
            id=criterion.id,
            criterion=criterion,
            title=f"A check of kind {name} has run",
            at=context.document.value_at(path),
        )
    return tuple(found.values())


def _wrong_with(
    context: Context, name: str, drafts: Sequence[Draft], blocking: set[str | None], *, known: bool
) -> tuple[str, str] | None:
    """What is wrong with an entry, and what would be right."""
    if name not in context.kinds:
        return f"unknown kind {name!r}", did_you_mean(name, context.kinds, "kinds")
    if known:
        return f"kind {name!r} is required already", "leave one of them out"
    if not drafts:
        return f"no check of the plan is of kind {name!r}, so none can have run", "add one, or leave it out"
    # A check that could not be read is reported where it stands, and nothing is known of its criteria.
    if all(draft.check is not None and draft.id not in blocking for draft in drafts):
        named = listed(draft.id or "?" for draft in drafts)
        return (
            f"no check of kind {name!r} has a blocking criterion, so none of them could close the gate",
            f"add a criterion to one of them: {named}",
        )
    return None
