"""The faults of a step: read, held against the target and against the check that they are done during."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, cast

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, fact
from phasegate.base.fields import Located
from phasegate.base.tree import TreePath
from phasegate.base.units import format_seconds
from phasegate.kinds.base import CheckParams, Kind
from phasegate.model.criterion import PlanCriterion
from phasegate.model.faults import Act, PlanFault, fault_measures
from phasegate.plan.asked.entries import Entry, Group, Target
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.judges import judges_of
from phasegate.plan.asked.part import Part
from phasegate.plan.asked.plan import Check
from phasegate.plan.checks.check import Draft
from phasegate.plan.checks.parameters import COMMON_KEYS, Parameters
from phasegate.plan.reading.context import Context, pick_keys
from phasegate.plan.reading.ids import Ids
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.text.validation import validate
from phasegate.plan.written.faults import FaultWritten, ProbeParams
from phasegate.plan.written.plan import RetryWritten


class _Probe(Kind[ProbeParams]):
    """A probe's parameters, in the shape in which those of checks are read."""

    name: ClassVar[str] = "probe"
    by_address: ClassVar[bool] = True
    Params: ClassVar[type[CheckParams]] = ProbeParams


PROBE = _Probe()
_TEMPLATES = frozenset({"command", "env"})
"""What may speak of the port of a process, which is known when it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDraft:
    """A fault as far as it could be read."""

    path: TreePath
    step: str | None
    id: str | None = None
    fault: Fault | None = None
    """None where something is wrong with it."""


class FaultReader:
    """Reads the faults of a plan's steps."""

    def __init__(self, context: Context, target: Target, ids: Ids) -> None:
        self._context = context
        self._target = target
        self._ids = ids

    def read(self, path: TreePath, tree: Any, step: str | None) -> tuple[FaultDraft, ...]:
        """The faults of one step; everything wrong with each of them by itself is reported."""
        if not isinstance(tree, list):
            return ()
        drafts = tuple(self._fault((*path, index), one, step) for index, one in enumerate(tree))
        for draft in drafts:
            if draft.id is not None:
                self._ids.claim(self._context, (*draft.path, "id"), draft.id, "fault")
        return drafts

    def hold(self, drafts: Iterable[FaultDraft], checks: Mapping[str, Draft]) -> None:
        """Report what does not go with the checks that faults are done during."""
        placed = [
            (draft, draft.fault, check)
            for draft in drafts
            if draft.fault is not None and (check := self._during(draft, draft.fault, checks)) is not None
        ]
        for draft, fault, check in placed:
            self._fits(draft, fault, check)
        self._apart([(draft, fault) for draft, fault, _ in placed])

    def hold_rollouts(
        self, drafts: Iterable[FaultDraft], checks: Sequence[Check], criteria: Sequence[PlanCriterion]
    ) -> None:
        """Report rollouts that nothing could judge while they go on."""
        for draft in drafts:
            fault = draft.fault
            if fault is None or fault.asked.act is not Act.ROLLOUT or judges_of(fault, checks, criteria):
                continue
            check = fault.asked.check
            message = f"no blocking criterion of {check} or of a check beside it can judge it meanwhile"
            help = f"write one with a bound, on a check of kind health or load: {check}.success_rate >= 99%"
            self._say(draft, "during", message, help)

    def _fault(self, path: TreePath, tree: Any, step: str | None) -> FaultDraft:
        context, label = self._context, f"fault {path[-1] + 1 if isinstance(path[-1], int) else ''}".strip()
        if not isinstance(tree, Mapping):
            context.findings.add(context.document, path, f"{label} must be a mapping with id and during")
            return FaultDraft(path=path, step=step)
        id = tree["id"] if isinstance(tree.get("id"), str) else None
        subject = label if id is None else f"fault {id!r}"
        settled, wrong = context.settled(path, pick_keys(tree, frozenset(tree) - {"probe", *_TEMPLATES}))
        if "probe" in tree:
            settled["probe"] = tree["probe"]
        version = pick_keys(tree, _TEMPLATES)
        settled |= context.with_secrets(version)
        written = validate(
            FaultWritten, settled, context.place(path, subject), context.findings, silent=wrong
        )
        probe = self._probe((*path, "probe"), tree["probe"], subject) if "probe" in tree else None
        draft = FaultDraft(path=path, step=step, id=id)
        if written is None or probe is None:
            context.leave_unread(path, subject, tree)
        if written is None or not self._can_be_done(path, written, version, subject) or probe is None:
            return draft
        at = context.document.value_at((*path, "id"))
        asks = cast("ProbeParams", probe[0].params)
        fault = Fault(
            asked=PlanFault(
                id=written.id,
                act=written.act,
                target=written.targets[0],
                further=written.targets[1:],
                check=written.during,
                title=written.title,
                due=written.due,
                lasting=written.for_,
                image=written.image,
                command=written.command,
                env=written.env,
                hold=float(written.hold) if written.act is Act.ROLLOUT else 0.0,
                within=float(written.within) if written.act is Act.ROLLOUT else 0.0,
                probe=fact(Code.ASKED_EVERY, method=asks.method, url=asks.url, every=float(asks.every)),
                source=f"{at.file}:{at.line}",
            ),
            probe=probe[0],
            missing_secrets=tuple(
                dict.fromkeys(
                    name
                    for target in written.targets
                    for name in probe[1].missing_secrets(tree, acted_on=target)
                )
            ),
            measures=fault_measures(written.act),
            at=at,
        )
        return replace(draft, fault=fault)

    def _probe(self, path: TreePath, tree: Any, subject: str) -> tuple[Part, Parameters] | None:
        context = self._context
        if not isinstance(tree, Mapping):
            message = f"{subject}: 'probe' must be a mapping with a url that shows whether all is good"
            context.findings.add(context.document, path, message, help="write probe: {url: /health}")
            return None
        strange = [key for key in tree if key in COMMON_KEYS]
        for key in strange:
            message = f"{subject}: unknown key {key!r} in 'probe'"
            context.findings.add(context.document, (*path, key), message, key=True)
        asked = Located({"timeout": "1s", **tree}, at=getattr(tree, "at", None))
        parameters = Parameters(context, path, asked, PROBE, f"{subject}: probe")
        parts = parameters.parts()
        return None if strange or parts is None else (parts[0], parameters)

    def _can_be_done(
        self, path: TreePath, written: FaultWritten, version: Mapping[str, Any], subject: str
    ) -> bool:
        """Whether its targets are something that may be acted on so."""
        context, act = self._context, written.act
        listed = isinstance(getattr(written, act), list)
        groups = [
            self._group((*path, act, index) if listed else (*path, act), act, target, subject)
            for index, target in enumerate(written.targets)
        ]
        known = [group for group in groups if group is not None]
        if len(known) < len(groups):
            return False
        wrong: list[tuple[str, str, str]] = []
        if len({group.key for group in known}) > 1:
            help = "write a rollout for the processes, and one for the services"
            wrong.append((act, "a rollout is of one kind of target", help))
        if written.image and not known[0].has_images:
            help = "write its 'command' or 'env'"
            wrong.append(("image", f"{written.targets[0]!r} is a process, which has no image", help))
        if act is Act.ROLLOUT and written.for_ is None and known[0].there_before:
            message = "what was there before this run is not left on another version"
            wrong.append((act, message, "write with 'for' when it is rolled back"))
        for key, message, help in wrong:
            context.findings.add(context.document, (*path, key), f"{subject}: {message}", help=help)
        # Only a program of this machine has a port and a URL of its own, and reaches those of others.
        context.unknown(path, version, *(() if known[0].has_images else ("target", "self")))
        return not wrong

    def _group(self, path: TreePath, act: Act, target: str, subject: str) -> Group[Entry] | None:
        """The group of an entry that may be acted on so, which is written at `path`; None where it may not,
        which has been said."""
        context, group = self._context, self._target.group_of(target)
        if group is not None:
            why = group.refusal(target, act)
        elif target in context.entries:
            return None  # it is wrong itself, which has been said
        else:
            able = [entry.id for one in self._target.groups if one.acts for entry in one.entries]
            why = f"the target has no entry {target!r}", did_you_mean(target, able, "processes and services")
        if why is not None:
            message, help = why
            context.findings.add(context.document, path, f"{subject}: {message}", help=help)
        return group if why is None else None

    def _during(self, draft: FaultDraft, fault: Fault, checks: Mapping[str, Draft]) -> Draft | None:
        check = checks.get(fault.asked.check)
        beside = (id for id, one in checks.items() if one.step == draft.step)
        if check is None:
            help = did_you_mean(fault.asked.check, beside, "checks of this step")
            self._say(draft, "during", f"there is no check {fault.asked.check!r}", help)
        elif check.step != draft.step:
            where = "the gate" if check.step is None else "another step"
            help = did_you_mean(fault.asked.check, beside, "checks of this step")
            help = help if check.step is None else "move the fault to that step"
            self._say(draft, "during", f"{fault.asked.check!r} is a check of {where}", help)
        elif check.common is not None and check.common.during is not None:
            message = f"{fault.asked.check!r} itself goes on beside others"
            self._say(draft, "during", message, f"name {check.common.during!r}, or a check without 'during'")
        else:
            return check
        return None

    def _fits(self, draft: FaultDraft, fault: Fault, on: Draft) -> None:
        """What does not go together: a check that is tried again, that ends by itself, that is too short."""
        if on.common is not None and on.common.retry is not None:
            message = f"check {on.id!r} is retried, and another attempt would not meet the fault"
            self._say(draft, "during", message, f"leave 'retry' of {on.id} out")
        check = on.check
        if check is None:
            return
        if check.asked.until_decided:
            message = f"check {check.id!r} ends when it is decided, which may be before the fault"
            self._say(draft, "during", message, f"leave 'until' of {check.id} out")
        lasting = [check.kind.duration(part.params) for part in check.parts]
        whole = None if None in lasting else sum(one or 0.0 for one in lasting)
        takes = "" if whole is None else f"check {check.id!r} takes {format_seconds(whole)}"
        if whole is not None and fault.asked.due >= whole:
            self._say(draft, "at", f"{takes} and is over when the fault is due", "write an earlier 'at'")
        elif whole is not None and fault.asked.end > whole:
            message = f"{takes}, and the fault would end after {format_seconds(fault.asked.end)}"
            self._say(draft, "for", message, "write an earlier 'at', a shorter 'for' or a longer check")

    def _apart(self, placed: list[tuple[FaultDraft, Fault]]) -> None:
        """Two faults at a time on one entry: undoing the one would undo the other."""
        by_place: dict[tuple[str, str], list[tuple[FaultDraft, Fault]]] = {}
        for draft, fault in placed:
            for target in fault.asked.targets:
                by_place.setdefault((fault.asked.check, target), []).append((draft, fault))
        for (_, target), together in by_place.items():
            together.sort(key=lambda pair: pair[1].asked.due)
            for (_, first), (draft, second) in pairwise(together):
                if first.asked.stays or second.asked.due <= first.asked.end:
                    message = f"{target!r} is still in fault {first.id!r} then"
                    help = f"write 'at' after {format_seconds(first.asked.end)}"
                    self._say(draft, "at", message, "write 'for' there" if first.asked.stays else help)

    def _say(self, draft: FaultDraft, key: str, message: str, help: str) -> None:
        context = self._context
        context.findings.add(
            context.document, (*draft.path, key), f"fault {draft.id!r}: {message}", help=help
        )


def apply_faults(check: Check, meeting: Sequence[Fault]) -> Check:
    """A check that faults are done during: observed once, alone with the target, and another than without.

    Its hash holds them, so that no run without them is a baseline for it. Without a secret that a fault needs
    it is not run: what it would see is a target that was spared.
    """
    if not meeting:
        return check
    facts = [list(_fault_facts(fault.asked)) for fault in meeting]
    text = json.dumps([check.asked.sha256, facts], ensure_ascii=False)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    missing = [name for fault in meeting for name in fault.missing_secrets]
    known = check.missing_secrets
    return replace(
        check,
        retry=RetryWritten(),
        exclusive=True,
        asked=replace(check.asked, sha256=digest, chances=1),
        missing_secrets=tuple(dict.fromkeys((*known, *missing))) if missing else known,
    )


def _fault_facts(fault: PlanFault) -> Iterator[str | float | None]:
    yield from (fault.act, fault.target, fault.due, fault.lasting, fault.image)
    if fault.command or fault.env or fault.act is Act.ROLLOUT:
        yield from fault.further
        yield from (fault.version, fault.hold, fault.within)
