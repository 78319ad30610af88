"""Environments: other target entries and other values of variables for the same steps and criteria.

An environment never says what must be true. A gate that asks less of one environment is not a gate, so
neither its keys nor the values of its variables may change a criterion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from phasegate.base.errors import Position
from phasegate.base.fields import Closed, Located
from phasegate.base.tree import TreePath
from phasegate.base.units import format_seconds, format_share
from phasegate.base.yaml import Document
from phasegate.model.criterion import PlanCriterion
from phasegate.plan.asked.plan import Plan
from phasegate.plan.targets.kind import target_kinds
from phasegate.plan.text.findings import Findings, did_you_mean, where
from phasegate.plan.text.validation import Place, validate
from phasegate.plan.written.plan import ID_RULE, is_id

KEY = "environments"
_WHY = "a gate that asks less of one environment is not a gate"
_NEVER = ("steps", "gate", "criteria", "checks", "confidence", "waivers", "include")


class EnvironmentWritten(Closed):
    """What is other in one environment.

    Entries of the target are validated where they are put in.
    """

    target: dict[str, Any] = Field(default_factory=dict)
    """Entries of the target that replace those of the plan with the same id."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values that replace those of the plan's variables, by name."""


def names_of(document: Document) -> tuple[str, ...]:
    """The names of all environments of a plan, well written or not."""
    written = document.tree.get(KEY)
    return (
        tuple(name for name in written if not name.startswith("x-")) if isinstance(written, Mapping) else ()
    )


def well_written(document: Document, findings: Findings) -> tuple[str, ...]:
    """The environments that can be put in; what is wrong with the others is reported."""
    written = document.tree.get(KEY)
    if written is not None and not isinstance(written, Mapping):
        findings.add(document, (KEY,), "environments must be a mapping of names to target and variables")
    return tuple(name for name in names_of(document) if _is_well_written(document, name, findings))


def with_environment(document: Document, name: str) -> Document:
    """The plan with what an environment puts in, and without the environments; no name: as it is."""
    tree = Located(((k, v) for k, v in document.tree.items() if k != KEY), at=document.tree.at)
    grafts: dict[TreePath, tuple[Document, TreePath]] = {}
    if name:
        at, written = (KEY, name), document.tree[KEY][name]
        variables = tree["variables"] if isinstance(tree.get("variables"), Mapping) else {}
        changed = {k: v for k, v in (written.get("variables") or {}).items() if k in variables}
        if changed:
            tree["variables"] = _with(variables, changed)
            grafts |= {("variables", k): (document, (*at, "variables", k)) for k in changed}
        target = tree["target"] if isinstance(tree.get("target"), Mapping) else None
        parts = list(_target_parts(written.get("target") or {}))
        if parts:
            tree["target"] = _with_parts(target, parts)
            grafts |= {("target", *path): (document, (*at, "target", *path)) for path, _ in parts}
    return replace(document, tree=tree, grafts=grafts)


def report_changed(document: Document, name: str, environment: Plan, plan: Plan, findings: Findings) -> None:
    """Report where the variables of an environment reach a criterion."""
    help = f"{_WHY}; write what is asked for without a variable that it changes"
    for said in _leniencies(environment, plan):
        message = f"environment {name!r} changes {said}"
        findings.add(document, (KEY, name, "variables"), message, help=help, key=True)
    for at, said in _changes(environment, plan):
        message = f"environment {name!r} {said} ({where(at, beside=document.file)})"
        findings.add(document, (KEY, name, "variables"), message, help=help, key=True)


def _changes(environment: Plan, plan: Plan) -> Iterator[tuple[Position, str]]:
    """What an environment does to the criteria that a plan writes, by the place of each."""
    here, there = _criteria_by_place(environment), _criteria_by_place(plan)
    for key, criterion in there.items():
        other = here.get(key)
        if other is not None and _criterion_facts(other) != _criterion_facts(criterion):
            yield key[0], f"changes the criterion {_criterion_text(criterion)} to {_criterion_text(other)}"
    # Where a name has no value on this machine checks are left out, which says nothing of their criteria.
    if {check.id for check in environment.checks()} == {check.id for check in plan.checks()}:
        for key, criterion in there.items():
            if key not in here:
                yield key[0], f"leaves out the criterion {_criterion_text(criterion)}"


def _leniencies(environment: Plan, plan: Plan) -> Iterator[str]:
    """What else an environment does to what the gate lets through: waivers, approvals, skipped cases, and
    criteria that the plan does not write."""
    if environment.waivers != plan.waivers or environment.waiver_days != plan.waiver_days:
        yield "the waivers"
    if environment.approvals != plan.approvals:
        yield "who must approve"
    allowed = {check.id: check.asked.allow_skipped for check in plan.checks()}
    for check in environment.checks():
        if check.asked.allow_skipped != allowed.get(check.id, check.asked.allow_skipped):
            yield f"how many cases of check {check.id!r} may be skipped"
    defaults = {one.id: one for one in plan.criteria if one.default}
    for one in environment.criteria:
        asked = defaults.get(one.id) if one.default else None
        if asked is not None and (one.level, one.confidence) != (asked.level, asked.confidence):
            subject = f"the default criterion of check {one.check!r}"
            yield f"{subject}, {_criterion_text(asked)}, to {_criterion_text(one)}"


def _is_well_written(document: Document, name: str, findings: Findings) -> bool:
    at: TreePath = (KEY, name)
    subject = f"environment {name!r}"
    written = document.tree[KEY][name]
    if not is_id(name):
        findings.add(document, at, f"{name!r} cannot name an environment", help=ID_RULE, key=True)
        return False
    forbidden: list[TreePath] = []
    for key in written if isinstance(written, Mapping) else ():
        if key in _NEVER:
            message = f"{subject} cannot have {key!r}: {_WHY}"
            help = "an environment gives target and variables; steps and criteria are those of the plan"
            findings.add(document, (*at, key), message, help=help, key=True)
            forbidden.append((key,))
    place = Place(document=document, path=at, subject=subject)
    model = validate(EnvironmentWritten, written, place, findings, silent=forbidden)
    if model is None:
        return False
    variables = document.tree.get("variables")
    known = variables if isinstance(variables, Mapping) else {}
    known = {key: None for key in known if not key.startswith("x-")}
    for variable in model.variables:
        if variable not in known and not variable.startswith("x-"):
            message = f"{subject}: the plan has no variable {variable!r}"
            help = did_you_mean(variable, known, "variables")
            findings.add(document, (*at, "variables", variable), message, help=help, key=True)
    return True


def _target_parts(written: Mapping[str, Any]) -> Iterator[tuple[TreePath, Any]]:
    """What an environment replaces in the target: whole entries, and every other key; an empty one goes."""
    for key, value in written.items():
        if key in _by_id() and isinstance(value, Mapping):
            for id, entry in value.items():
                yield (key, id), entry
        else:
            yield (key,), value


def _by_id() -> list[str]:
    return [key for key, kind in target_kinds().items() if kind.by_id]


def _with_parts(target: Any, parts: list[tuple[TreePath, Any]]) -> Located:
    """The target with some parts replaced. An entry has its id once, whether it is started or external."""
    whole = _with(target or {}, {})
    for key in _by_id():
        if isinstance(whole.get(key), Mapping):
            whole[key] = _with(whole[key], {})
    for path, value in parts:
        key, *ids = map(str, path)
        if not ids and value is None:
            whole.pop(key, None)
        elif not ids:
            whole[key] = value
        for id in ids:
            for other in _by_id():
                if other != key and isinstance(whole.get(other), Mapping):
                    whole[other].pop(id, None)
            if not isinstance(whole.get(key), Mapping):
                whole[key] = Located()
            whole[key][id] = value
    return whole


def _with(tree: Any, items: Mapping[Any, Any]) -> Located:
    return Located({**tree, **items}, at=getattr(tree, "at", None))


def _criteria_by_place(plan: Plan) -> dict[tuple[Position, str], PlanCriterion]:
    """Criteria that the plan writes, by their place and their part."""
    return {
        (item.at, item.criterion.part): item
        for item in plan.criteria
        if item.at is not None and not item.default
    }


def _criterion_facts(criterion: PlanCriterion) -> tuple[Any, ...]:
    return criterion.expression, criterion.level, criterion.over, criterion.confidence


def _criterion_text(criterion: PlanCriterion) -> str:
    confidence = "none" if criterion.confidence is None else format_share(criterion.confidence)
    over = "" if criterion.over is None else f", over {format_seconds(criterion.over)}"
    return f"{criterion.expression!r} ({criterion.level.value}, confidence {confidence}{over})"
