"""Steps, checks and criteria put together: what only shows when all of them are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.tree import TreePath
from phasegate.kinds.offers import offers
from phasegate.model.criterion import PlanCriterion
from phasegate.model.result import PlanStep
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.plan import Check, Step
from phasegate.plan.checks.check import Draft, StepShare, read_check
from phasegate.plan.checks.faults import FaultDraft, FaultReader, apply_faults
from phasegate.plan.criteria.budgets import budgets
from phasegate.plan.criteria.criteria import Criteria, CriteriaList
from phasegate.plan.criteria.required import require_kinds
from phasegate.plan.people.lines import LineReader
from phasegate.plan.reading import order
from phasegate.plan.reading.context import Context, budget_of
from phasegate.plan.reading.ids import Ids
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import GateWritten, StepWritten

_APART = ("checks", "faults", "criteria")
"""Lists of a step whose items are read one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepDraft:
    """A step as far as it could be read."""

    path: TreePath
    id: str | None = None
    written: StepWritten | None = None
    checks: tuple[Draft, ...] = ()
    faults: tuple[FaultDraft, ...] = ()
    criteria: tuple[Any, ...] = ()


class Assembly:
    """Reads steps and gate of one plan; one call to `read`."""

    def __init__(self, context: Context, target: Target, ids: Ids) -> None:
        self._context = context
        self._ids = ids
        self._faults = FaultReader(context, target, ids)

    def read(
        self, steps: Any, gate: Any
    ) -> tuple[tuple[Step, ...], tuple[Check, ...], float | None, tuple[PlanCriterion, ...], LineReader]:
        """Steps, checks of the gate, limit of the run, all criteria, and what reads lines that name them."""
        drafts = [self._step(("steps", index), tree) for index, tree in enumerate(_as_list(steps))]
        gate_written, gate_checks = self._gate(gate)
        checks = [check for step in drafts for check in step.checks] + gate_checks
        by_id = self._checks_by_id(checks)
        for check in checks:
            self._companion(check, by_id)
            self._check_decided(check)
        self._faults.hold((fault for step in drafts for fault in step.faults), by_id)
        follows = self._order(drafts)
        step_ids = tuple(step.id for step in drafts if step.id is not None)
        gate_criteria = gate.get("criteria") if isinstance(gate, Mapping) else None
        lists = [*_lists(drafts), *_own(gate_checks)]
        lists.append(CriteriaList(path=("gate", "criteria"), entries=tuple(_as_list(gate_criteria))))
        faults = {fault.id: fault.fault for step in drafts for fault in step.faults if fault.id is not None}
        criteria = Criteria(self._context, by_id, step_ids, self._ids, faults).read(tuple(lists))
        lines = LineReader(self._context, criteria)
        made = tuple(
            self._make_step(step, step.written, follows.get(step.id or "", ()), lines)
            for step in drafts
            if step.written is not None
        )
        of_gate = tuple(draft.check for draft in gate_checks if draft.check is not None)
        whole = tuple(draft.check for draft in checks if draft.check is not None)
        if len(whole) == len(checks):
            self._faults.hold_rollouts((fault for step in drafts for fault in step.faults), whole, criteria)
        wanted = () if gate_written is None else gate_written.require
        return (
            made,
            of_gate,
            None if gate_written is None else gate_written.limit,
            (
                *criteria,
                *budgets(self._context.flaky, made, of_gate, criteria),
                *require_kinds(self._context, wanted, checks, criteria),
            ),
            lines,
        )

    def _step(self, path: TreePath, tree: Any) -> _StepDraft:
        context, label = self._context, f"step {_number(self._context, path)}"
        if not isinstance(tree, Mapping):
            context.findings.add(context.document, path, f"{label} must be a mapping with id and checks")
            return _StepDraft(path=path)
        id = tree["id"] if isinstance(tree.get("id"), str) else None
        subject = label if id is None else f"step {id!r}"
        written = self._step_itself(path, tree, subject)
        if id is not None:
            self._ids.claim(context, (*path, "id"), id, "step")
        if isinstance(tree.get("checks", []), list) and not tree.get("checks"):
            help = "a step says what must be true; add checks, or write it under 'next' or 'schedule'"
            context.findings.add(context.document, path, f"{subject} has no checks", help=help)
        share = self._share(path, id or "", written, tree)
        checks = tuple(
            read_check(context, (*path, "checks", index), check, share, f"check {index + 1} of {subject}")
            for index, check in enumerate(_as_list(tree.get("checks")))
        )
        criteria = tuple(_as_list(tree.get("criteria")))
        return _StepDraft(
            path=path,
            id=id,
            written=written,
            checks=checks,
            faults=self._faults.read((*path, "faults"), tree.get("faults"), id),
            criteria=criteria,
        )

    def _step_itself(self, path: TreePath, tree: Any, subject: str) -> StepWritten | None:
        context = self._context
        commands = ("setup", "teardown")
        apart = {key: tree[key] for key in commands if key in tree}
        wrong = context.unknown(path, apart, "target")
        rest = type(tree)(((k, v) for k, v in tree.items() if k not in (*commands, *_APART)), at=tree.at)
        settled, more = context.settled(path, rest)
        for key, value in apart.items():
            settled[key] = context.with_secrets(value)
        for key in _APART:
            if key in tree:
                settled[key] = tree[key]
        place = context.place(path, subject)
        written = validate(StepWritten, settled, place, context.findings, silent=(*wrong, *more))
        if written is None:
            context.refuse_unread(path, rest, more)
        return written

    def _share(
        self, path: TreePath, id: str, written: StepWritten | None, tree: Mapping[str, Any]
    ) -> StepShare:
        everywhere = self._context.missing_everywhere
        if written is None:
            return StepShare(id=id, missing_secrets=everywhere)
        commands = [tree.get("setup"), tree.get("teardown")]
        missing = self._context.missing_in(commands)
        if any(commands):
            missing += self._context.missing_by_use(commands, by_address=False)
        return StepShare(
            id=id,
            requirements=tuple(dict.fromkeys(self._context.requirements(path, written.requires))),
            tags=tuple(dict.fromkeys(written.tags)),
            missing_secrets=tuple(dict.fromkeys((*missing, *everywhere))) if missing else everywhere,
        )

    def _gate(self, tree: Any) -> tuple[GateWritten | None, list[Draft]]:
        context, path = self._context, ("gate",)
        if tree is None:
            return None, []
        if not isinstance(tree, Mapping):
            context.findings.add(context.document, path, "gate must be a mapping with checks and criteria")
            return None, []
        own = {key: value for key, value in tree.items() if key not in _APART}
        wrong = context.unknown(path, own, "target") if context.values.withholds(own) else ()
        written = validate(GateWritten, tree, context.place(path, "gate"), context.findings, silent=wrong)
        if written is None:
            context.leave_unread(path, "gate", own)
        checks = [
            read_check(
                context,
                (*path, "checks", index),
                check,
                StepShare(missing_secrets=context.missing_everywhere),
                f"check {_number(context, (*path, 'checks', index))} of the gate",
            )
            for index, check in enumerate(_as_list(tree.get("checks")))
        ]
        return written, checks

    def _checks_by_id(self, drafts: list[Draft]) -> dict[str, Draft]:
        by_id: dict[str, Draft] = {}
        for draft in drafts:
            if draft.id is not None:
                self._ids.claim(self._context, (*draft.path, "id"), draft.id, "check", at=draft.at)
                by_id.setdefault(draft.id, draft)
        return by_id

    def _companion(self, draft: Draft, by_id: Mapping[str, Draft]) -> None:
        """What `during` asks for, and what goes with it."""
        common, kind = draft.common, draft.kind
        if common is None:
            return
        if kind is not None and common.allow_skipped and not kind.has_cases:
            self._say(draft, "allow_skipped", f"a {kind.name} check has no cases to skip", "leave it out")
        if common.during is None:
            return
        during = common.during
        if kind is not None and not kind.accompanies:
            kinds, foreign = self._context.kinds, offers()  # nothing is imported for a help text
            able = ", ".join(name for name in kinds if name not in foreign and kinds[name].accompanies)
            help = f"kinds that can: {able}" if able else None
            self._say(draft, "during", f"a {kind.name} check cannot go on beside others", help)
        if common.retry is not None:
            self._say(draft, "retry", "a check with 'during' is not retried", "leave 'retry' out")
        if during == "run":
            if draft.step is not None:
                self._say(
                    draft, "during", "'during: run' is for checks of the gate", "move it under gate: checks"
                )
            return
        other = by_id.get(during)
        if other is None or other is draft:
            help = did_you_mean(during, ["run", *(id for id in by_id if id != draft.id)], "checks")
            self._say(draft, "during", f"there is no check {during!r} to go on beside", help)
        elif other.common is not None and other.common.during is not None:
            self._say(
                draft, "during", f"{during!r} itself goes on beside others", "name a check without 'during'"
            )
        elif draft.step is not None and other.step != draft.step:
            help = "move it to that step, or under gate: checks"
            self._say(draft, "during", f"{during!r} is a check of another step", help)

    def _check_decided(self, draft: Draft) -> None:
        """What does not go with a check that ends when it is decided."""
        if draft.common is None or draft.check is None or not draft.check.asked.until_decided:
            return
        if draft.common.during is not None:
            help = "leave 'until' out; such a check ends with the ones it goes beside"
            self._say(draft, "until", "'until: decided' does not go with 'during'", help)
        if draft.check.retry.on_fail:
            help = "write retry: {on: [error]}, or leave 'until' out; trying until it fits is not evidence"
            self._say(draft, "until", "'until: decided' does not go with a retry on failure", help)

    def _say(self, draft: Draft, key: str, message: str, help: str | None) -> None:
        findings, document = self._context.findings, self._context.document
        findings.add(document, (*draft.path, key), f"check {draft.id!r}: {message}", help=help)

    def _order(self, drafts: list[_StepDraft]) -> dict[str, tuple[str, ...]]:
        context = self._context
        known = [step for step in drafts if step.id is not None]
        ids = {step.id or "": None for step in known}
        wishes = [
            order.Wish(
                id=step.id or "",
                needs=None if step.written is None else step.written.needs,
                after=None if step.written is None else step.written.after,
            )
            for step in known
        ]
        for step, wish in zip(known, wishes, strict=True):
            for key, names in (("needs", wish.needs), ("after", wish.after)):
                for index, name in enumerate(names or ()):
                    if name not in ids:
                        message = f"step {wish.id!r}: {key!r} names {name!r}, which is not a step"
                        help = did_you_mean(name, [id for id in ids if id != wish.id], "steps")
                        context.findings.add(context.document, (*step.path, key, index), message, help=help)
        # An id that is there twice is a mistake of its own, and makes no step wait for itself.
        owners = {wish.id: wish for wish in reversed(wishes)}
        follows = order.resolve([wish for wish in wishes if owners[wish.id] is wish])
        round_ = order.cycle(follows)
        if round_ is not None:
            first = next(step for step in known if step.id == round_[0])
            key = "needs" if first.written is not None and first.written.needs else "after"
            message = f"steps wait for each other: {' -> '.join(round_)}"
            help = "each arrow reads 'waits for'; take one of them away"
            context.findings.add(context.document, (*first.path, key), message, help=help)
        return follows

    def _make_step(
        self, draft: _StepDraft, written: StepWritten, follows: tuple[str, ...], lines: LineReader
    ) -> Step:
        context, path = self._context, draft.path
        faults = tuple(one.fault for one in draft.faults if one.fault is not None)
        meeting: dict[str, list[Fault]] = {}
        for fault in faults:
            meeting.setdefault(fault.asked.check, []).append(fault)
        checks = (one.check for one in draft.checks if one.check is not None)
        return Step(
            asked=PlanStep(
                id=written.id,
                title=written.title,
                purpose=written.purpose,
                work=lines.read((*path, "work"), written.work),
                outcomes=lines.read((*path, "outcomes"), written.outcomes),
                owner=written.owner,
                priority=written.priority or "",
                estimate=written.estimate,
                tags=written.tags,
            ),
            needs=written.needs or (),
            follows=follows,
            parallel=written.parallel,
            setup=context.commands((*path, "setup"), written.setup),
            teardown=context.commands((*path, "teardown"), written.teardown),
            checks=tuple(apply_faults(check, meeting.get(check.id, ())) for check in checks),
            faults=faults,
            at=context.document.value_at((*path, "id")),
            flaky=budget_of(context, path, written.flaky),
        )


def _number(context: Context, path: TreePath) -> int:
    """Which one in its list an item is, counted from 1 in the file where it was written."""
    last = context.document.find(path)[1][-1]
    return last + 1 if isinstance(last, int) else 1


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _lists(drafts: list[_StepDraft]) -> list[CriteriaList]:
    """The lists of criteria in the steps: of each check, then of the step."""
    lists: list[CriteriaList] = []
    for step in drafts:
        lists += _own(list(step.checks))
        faults = tuple(one.fault for one in step.faults if one.fault is not None)
        path = (*step.path, "criteria")
        lists.append(CriteriaList(path=path, entries=step.criteria, step=step.id, faults=faults))
    return lists


def _own(checks: list[Draft]) -> list[CriteriaList]:
    return [
        CriteriaList(path=(*check.path, "criteria"), entries=check.criteria, step=check.step, inside=check)
        for check in checks
    ]
