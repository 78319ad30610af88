"""A policy: what an organisation asks of every plan, whatever the plan itself says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError
from phasegate.base.fields import Closed, Text
from phasegate.base.tree import TreePath
from phasegate.base.units import format_share
from phasegate.base.yaml import Document, read
from phasegate.kinds.base import Kind
from phasegate.model.approval import same_person
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.result import PolicyRecord
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.plan import Check
from phasegate.plan.text.findings import Findings, did_you_mean
from phasegate.plan.text.validation import Place, validate
from phasegate.plan.written.plan import DEFAULT_CONFIDENCE, Id, PlanWritten, confidence_level

_ABOUT = frozenset({"policy", "title"})


def _least_confidence(value: object) -> object:
    if value == "none":
        raise ValueError("none is not a floor; write a confidence like 95%, or leave it out")
    return confidence_level(value)


class PolicyWritten(Closed):
    """The policy as it is written; every key but `policy` and `title` is a floor."""

    policy: Literal[1]
    """The version of the format: 1."""
    title: Text = ""
    """What reports call the policy; the file's name unless given."""
    confidence: (
        Annotated[
            float,
            BeforeValidator(_least_confidence),
            WithJsonSchema({"type": "string", "description": "the least confidence level, such as 95%"}),
        ]
        | None
    ) = None
    """The least confidence that a plan may ask for; `confidence: none` is then refused too."""
    waiver_days: Annotated[int, Field(ge=0, le=3650, strict=True)] | None = None
    """How many days ahead a waiver may end at most."""
    require: tuple[str, ...] = ()
    """Kinds of which each plan needs a check with a blocking criterion: `[load, e2e]`."""
    protected: tuple[Id, ...] = ()
    """Entries of the target that load and faults need `--confirm ID` for."""
    allow_confidence_none: bool | None = None
    """Whether plans may have `confidence: none`; true unless `confidence` is given."""
    distinct_approver: bool = False
    """Whether owner and approver of a plan must be two people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The floors of a policy. None and empty: the policy asks for nothing there."""

    record: PolicyRecord
    min_confidence: float | None = None
    max_waiver_days: int | None = None
    """Days from the day of the run that a waiver may last."""
    require: tuple[str, ...] = ()
    """Kinds of which a check with a blocking criterion must be there."""
    protected: tuple[str, ...] = ()
    """Entries of the target that count as protected."""
    allow_confidence_none: bool = True
    distinct_approver: bool = False
    """Whether the plan's approver, and whoever approves for it, must be another person than its owner."""
    places: Mapping[str, str] = field(default_factory=dict)
    """`file:line` of each floor, by its key in the file."""

    def place(self, floor: str) -> str:
        """Where a floor is written, for messages."""
        return self.places.get(floor, self.record.path)


def read_policy(path: Path, kinds: Mapping[str, Kind[Any]], findings: Findings) -> Policy | None:
    """The policy of a file; None and problems where it cannot be read or is wrong."""
    try:
        document = read(path)
    except PlanError as error:
        findings.extend(
            replace(problem, message=f"policy: {problem.message}") if problem.at is None else problem
            for problem in error.problems
        )
        return None
    findings.document(document)
    if not isinstance(document.tree, Mapping):
        findings.add(document, (), "a policy is a mapping that begins with policy: 1")
        return None
    written = validate(PolicyWritten, document.tree, Place(document=document, subject="policy"), findings)
    if written is None:
        return None
    for index, kind in enumerate(written.require):
        if kind not in kinds:
            help = did_you_mean(kind, kinds, "kinds")
            findings.add(document, ("require", index), f"policy: unknown kind {kind!r}", help=help)
    floors = [key for key in document.tree if key not in _ABOUT and not key.startswith("x-")]
    if not floors:
        help = (
            "floors are confidence, waiver_days, require, protected, allow_confidence_none, distinct_approver"
        )
        findings.add(document, (), "policy: there is no floor in it, so it would ask for nothing", help=help)
        return None
    return _make_policy(document, written, floors, tuple(kind for kind in written.require if kind in kinds))


def _make_policy(
    document: Document, written: PolicyWritten, floors: Sequence[str], require: tuple[str, ...]
) -> Policy:
    allowed = written.allow_confidence_none
    return Policy(
        record=PolicyRecord(
            name=written.title or Path(document.file).stem,
            path=document.file,
            sha256=hashlib.sha256(document.content).hexdigest(),
            distinct_approver=written.distinct_approver,
        ),
        min_confidence=written.confidence,
        max_waiver_days=written.waiver_days,
        require=require,
        protected=written.protected,
        # Without a bound there is no confidence at all, which is less than any floor.
        allow_confidence_none=written.confidence is None if allowed is None else allowed,
        distinct_approver=written.distinct_approver,
        places={key: f"{document.file}:{document.key_at((key,)).line}" for key in floors},
    )


def protect(target: Target, policy: Policy) -> Target:
    """The target with the policy's entries protected too."""
    protected = frozenset(policy.protected)
    return target.with_entries(
        lambda group: (
            replace(entry, protected=entry.protected or entry.id in protected) for entry in group.entries
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDemands:
    """What a plan asks for, as far as it could be read."""

    document: Document
    tree: Mapping[str, Any]
    """With values put in."""
    head: PlanWritten | None
    checks: tuple[Check, ...]
    criteria: tuple[PlanCriterion, ...]


def hold(policy: Policy, plan: PolicyDemands, findings: Findings, *, kinds: bool = True) -> None:
    """Report every place in which a plan asks for less than the policy; `kinds`: the checks are all there."""
    _hold_confidence(policy, plan, findings)
    if kinds:
        _hold_require(policy, plan, findings)
    if policy.distinct_approver and plan.head is not None:
        _hold_approver(policy, plan, plan.head, findings)


def _hold_confidence(policy: Policy, plan: PolicyDemands, findings: Findings) -> None:
    said = False
    for path, value in _confidences(plan.tree):
        try:
            level: Any = confidence_level(value)
        except ValueError:
            continue  # said by who reads it
        message = _below(policy, None if level == "none" else level)
        if message:
            said = True
            findings.add(plan.document, path, message)
    if plan.tree.get("confidence") is None:
        message = _below(policy, DEFAULT_CONFIDENCE)
        if message:
            said = True
            help = f"write confidence: {format_share(policy.min_confidence or DEFAULT_CONFIDENCE)}"
            findings.add(plan.document, ("phasegate",), f"{message}, and the plan writes none", help=help)
    for criterion in () if said else plan.criteria:
        message = _below(policy, criterion.confidence)
        if message and criterion.level is Level.BLOCK and criterion.at is not None:
            findings.extend([plan.document.problem(f"criterion {criterion.id!r}: {message}", criterion.at)])


def _below(policy: Policy, level: float | None) -> str:
    """What a policy has against a confidence; None is `none`."""
    if level is None:
        if policy.allow_confidence_none:
            return ""
        floor = "allow_confidence_none" if "allow_confidence_none" in policy.places else "confidence"
        return f"'confidence: none' is less than the policy allows ({policy.place(floor)})"
    if policy.min_confidence is None or level >= policy.min_confidence:
        return ""
    least = format_share(policy.min_confidence)
    return (
        f"a confidence of {format_share(level)} is below the policy's {least} ({policy.place('confidence')})"
    )


def _confidences(tree: Mapping[str, Any]) -> Iterator[tuple[TreePath, Any]]:
    """Every confidence that may let the gate open, with its place; a criterion of level warn cannot."""
    if tree.get("confidence") is not None:
        yield ("confidence",), tree["confidence"]
    groups = [*_items(tree, ("steps",)), (("gate",), tree.get("gate"))]
    checks = [one for path, group in groups for one in _items(group, (*path, "checks"))]
    warning = {check.get("id") for _, check in checks if _only_warns(check)}
    for at, check in checks:
        if isinstance(check, Mapping) and check.get("confidence") is not None and not _only_warns(check):
            yield (*at, "confidence"), check["confidence"]
    for path, owner in (*groups, *checks):
        for at, criterion in _items(owner, (*path, "criteria")):
            if isinstance(criterion, Mapping) and criterion.get("confidence") is not None:
                subject = re.split(r"[./]", str(criterion.get("criterion")), maxsplit=1)[0].strip()
                only_warns = _only_warns(owner) or subject in warning
                if criterion.get("level", "warn" if only_warns else "block") != "warn":
                    yield (*at, "confidence"), criterion["confidence"]


def _only_warns(owner: Any) -> bool:
    return isinstance(owner, Mapping) and owner.get("level") == "warn"


def _items(owner: Any, path: TreePath) -> Iterator[tuple[TreePath, Any]]:
    """The items of the list that a mapping has under the last key of a path, with their paths."""
    listed = owner.get(path[-1]) if isinstance(owner, Mapping) else None
    if isinstance(listed, list):
        yield from (((*path, index), item) for index, item in enumerate(listed))


def _hold_require(policy: Policy, plan: PolicyDemands, findings: Findings) -> None:
    blocking = {item.check for item in plan.criteria if item.level is Level.BLOCK}
    held = {check.kind.name for check in plan.checks if check.id in blocking}
    written = set(_kinds(plan.tree))
    for kind in policy.require:
        if kind in held or (kind in written and findings.problems):
            continue  # what keeps such a check from being read may be all that is wrong
        message = f"no check of kind {kind!r} has a blocking criterion, and the policy asks for one"
        findings.add(plan.document, ("steps",), f"{message} ({policy.place('require')})", key=True)


def _kinds(tree: Mapping[str, Any]) -> Iterator[str]:
    for path, group in (*_items(tree, ("steps",)), (("gate",), tree.get("gate"))):
        for _, check in _items(group, (*path, "checks")):
            if isinstance(check, Mapping) and isinstance(check.get("kind"), str):
                yield check["kind"]


def _hold_approver(policy: Policy, plan: PolicyDemands, head: PlanWritten, findings: Findings) -> None:
    owner, approver = head.owner.strip(), head.approver.strip()
    asked = f"the policy asks for two different people ({policy.place('distinct_approver')})"
    if not owner or not approver:
        lacking = " and ".join(key for key, name in (("owner", owner), ("approver", approver)) if not name)
        findings.add(plan.document, ("phasegate",), f"the plan names no {lacking}, and {asked}", key=True)
    elif same_person(owner, approver):
        message = f"owner and approver are both {head.approver!r}, and {asked}"
        findings.add(plan.document, ("approver",), message)
