"""What `--step`, `--check`, `--case` and `--tag` narrow a run to."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from phasegate.base.errors import UsageError
from phasegate.base.joined import pieces
from phasegate.model.aggregates import CHECKS, WHOLE
from phasegate.model.criterion import Level, PlanCriterion, SubjectKind
from phasegate.model.result import Selection
from phasegate.plan.asked.plan import Check, Plan


def select(
    plan: Plan,
    *,
    steps: tuple[str, ...] = (),
    checks: tuple[str, ...] = (),
    cases: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
) -> tuple[frozenset[str], Selection]:
    """The ids of the checks to run, and the record of what was asked for.

    Steps and checks add up; tags and cases then narrow. A check that goes beside others (`during`) is
    selected with the check it goes beside, and with a run that is not narrowed.
    Errors: UsageError for an id or tag that the plan does not have, or when nothing is left.
    """
    _require_known("step", steps, (step.id for step in plan.steps))
    _require_known("check", checks, (check.id for check in plan.checks()))
    if tags:
        lists = {id(piece): piece for check in plan.checks() for piece in pieces(check.tags)}
        _require_known("tag", tags, (tag for piece in lists.values() for tag in piece))
    narrowed = bool(steps or checks or cases or tags)
    chosen = [check for check in plan.checks() if not narrowed or _is_chosen(check, steps, checks, tags)]
    if cases:
        chosen = [check for check in chosen if check.kind.has_cases]
        if not chosen:
            raise UsageError("--case selects nothing: no selected check has cases")
    if not chosen:
        raise UsageError("nothing is selected", help="phasegate plan PLAN shows steps, checks and tags")
    ids = {check.id for check in chosen}
    ids |= {check.id for check in plan.checks() if check.asked.during in ids}
    selected = select_criteria(plan, ids, cases=bool(cases))
    blocking = [item for item in plan.criteria if item.level is Level.BLOCK]
    record = Selection(
        steps=steps,
        checks=checks,
        cases=cases,
        tags=tags,
        criteria_selected=sum(item.id in selected for item in blocking),
        criteria_total=len(blocking),
    )
    return frozenset(ids), record


def select_criteria(plan: Plan, checks: Collection[str], *, cases: bool = False) -> frozenset[str]:
    """The ids of the criteria that decide when these checks are run; `cases`: only some cases of them.

    One on a step or the run needs all the checks that it counts, a required kind any check of it. One on the
    target goes with its step: any check of it selects it, as it speaks of the whole of the run. One on a
    fault goes with the check that it is done during.
    """
    everything = all(check.id in checks for check in plan.checks())
    steps = {check.step for check in plan.checks() if check.id in checks}
    during = {fault.id: fault.asked.check for fault in plan.faults()}
    kinds = {check.kind.name for check in plan.checks() if check.id in checks}

    def decides(item: PlanCriterion) -> bool:
        if cases and of_whole(item):
            return False
        if item.check is not None:
            return item.check in checks
        parsed = item.criterion
        if parsed.measure == CHECKS:
            return parsed.part in kinds
        if item.fault is not None:
            return during[item.fault] in checks
        if parsed.subject_kind is SubjectKind.TARGET:
            return everything or item.step in steps
        return everything or all(check.id in checks for check in checks_of(plan, item))

    return frozenset(item.id for item in plan.criteria if decides(item))


def of_whole(item: PlanCriterion) -> bool:
    """Whether it counts a whole suite, so that running some cases of it says nothing about it."""
    return item.criterion.measure in WHOLE


def checks_of(plan: Plan, item: PlanCriterion) -> tuple[Check, ...]:
    """The checks that a criterion on a step, the run or the flakiness of a check counts."""
    kind, subject = item.criterion.subject_kind, item.criterion.subject
    return tuple(
        check
        for check in plan.checks()
        if check.id not in item.without
        and (kind is SubjectKind.RUN or subject == (check.step if kind is SubjectKind.STEP else check.id))
    )


def _is_chosen(check: Check, steps: tuple[str, ...], checks: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    named = (not steps and not checks) or check.step in steps or check.id in checks
    return named and (not tags or any(tag in check.tags for tag in tags))


def _require_known(what: str, asked: Iterable[str], there: Iterable[str]) -> None:
    known = list(dict.fromkeys(there))
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            listed = ", ".join(known[:20]) or "none"
            raise UsageError(f"the plan has no {what} {name!r}", help=f"{hint}{what}s are {listed}")
