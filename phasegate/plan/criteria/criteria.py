"""The plan's criteria: whose they are, whether their check has the measure, what the kinds add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position
from phasegate.base.facts import Code, Message, fact
from phasegate.base.tree import TreePath
from phasegate.gate.criterion import CriterionError, parse_criterion
from phasegate.gate.deciding import decidable
from phasegate.gate.vetting import check_against
from phasegate.model.aggregates import AGGREGATES
from phasegate.model.criterion import Criterion, Level, PlanCriterion, Relative, SubjectKind
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.model.resources import RESOURCES
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.plan import Check
from phasegate.plan.checks.check import Draft
from phasegate.plan.criteria.defaults import defaults_left, displacing_weakly, fault_defaults_left
from phasegate.plan.criteria.feasibility import Feasibility
from phasegate.plan.reading.context import Confidence, Context, confidence_of
from phasegate.plan.reading.ids import Ids
from phasegate.plan.targets.kind import target_kinds
from phasegate.plan.text.findings import did_you_mean, listed, nearest, where
from phasegate.plan.text.validation import validate
from phasegate.plan.written.plan import CriterionWritten


class CriteriaList(NamedTuple):
    """A list of criteria as written: of a check, a step, or the gate."""

    path: TreePath
    entries: tuple[Any, ...]
    """In template form."""
    step: str | None = None
    inside: Draft | None = None
    """The check whose own they are."""
    faults: tuple[Fault, ...] = ()
    """Those of the step, whose defaults follow."""

    @property
    def placed(self) -> Iterator[tuple[TreePath, Any]]:
        """Every criterion with its place; those of SLOs stand where their file is named."""
        yield from (((*self.path, index), raw) for index, raw in enumerate(self.entries))
        if self.inside is not None:
            yield from (((*self.inside.path, "slo"), raw) for raw in self.inside.objectives)


class _Entry(NamedTuple):
    """One criterion as written and parsed."""

    path: TreePath
    text_path: TreePath
    written: CriterionWritten
    criterion: Criterion
    step: str | None
    inside: Draft | None


@dataclass(frozen=True)
class _Names:
    """What criteria may speak of; None where that is known only after observing."""

    names: frozenset[str] | None

    @cached_property
    def listed(self) -> str:
        if not self.names:
            return "it has no parts; leave the part out"
        return f"its parts are {listed(sorted(self.names))}"


class Criteria:
    """Reads every criterion of a plan; one call to `read`."""

    def __init__(
        self,
        context: Context,
        drafts: Mapping[str, Draft],
        steps: tuple[str, ...],
        ids: Ids,
        faults: Mapping[str, Fault | None],
    ) -> None:
        """`faults`: by id; None for one that is wrong, which has been said."""
        self._context = context
        self._drafts = drafts
        self._steps = steps
        self._ids = ids
        self._faults = faults
        self._places: dict[str, Position] = {}
        """Where each criterion's id was seen first."""
        self._paths: dict[str, TreePath] = {}
        self._feasibility = Feasibility()
        self._specs: dict[str, Mapping[str, MeasureSpec]] = {}
        self._parts: dict[tuple[str, str], _Names] = {}
        """By check and entry of `each`."""

    def read(self, lists: tuple[CriteriaList, ...]) -> tuple[PlanCriterion, ...]:
        """Every criterion in the order of the lists, those of a check followed by its kind's own."""
        written = [list(self._of_list(one)) for one in lists]
        blocking = [one for group in written for one in group if one.level is Level.BLOCK]
        checks = [draft.check for draft in self._drafts.values() if draft.check is not None]
        warning = {check.id for check in checks if check.level is Level.WARN}
        said = {
            (one.check, one.criterion.measure, one.criterion.part)
            for group in written
            for one in group
            if one.level is Level.BLOCK or one.check in warning
        }
        for one, message in displacing_weakly(checks, blocking):
            self._warn(self._paths[one.id], message)
        found: list[PlanCriterion] = []
        of_faults = {(one.fault, one.criterion.measure) for one in blocking if one.fault is not None}
        for owner, group in zip(lists, written, strict=True):
            found += group
            if owner.inside is not None and owner.inside.check is not None:
                left = list(defaults_left(owner.inside.check, said, taken=self._places))
                self._warn_of_defaults(left, owner.inside, owner.inside.check)
                found += left
            for fault in owner.faults:
                found += fault_defaults_left(fault, owner.step, of_faults, taken=self._places)
        self._refuse_undecidable(found)
        return tuple(found)

    def _warn_of_defaults(self, left: list[PlanCriterion], draft: Draft, check: Check) -> None:
        """Nobody wrote a default, so nobody expects the run to be in doubt because of one."""
        for made in left:
            # Two checks of one id, which is an error of its own, have the measures of the first.
            spec = self._measures(check).get(made.criterion.measure)
            warning = None if spec is None else self._feasibility.warning(made, check, spec)
            if warning is not None:
                self._warn(draft.path, fact(Code.OF_DEFAULT, criterion=made.id, why=warning))

    def _refuse_undecidable(self, found: list[PlanCriterion]) -> None:
        """A check that is to end when it is decided needs something that a sample can decide."""
        asking = [
            (draft, check)
            for draft in self._drafts.values()
            if (check := draft.check) is not None and check.asked.until_decided
        ]
        if not asking:
            return
        able = {
            one.check
            for one in found
            if (check := self._check_of(one)) is not None
            # Two checks may have one id by mistake, and then not the measures of each other.
            and (spec := self._measures(check).get(one.criterion.measure)) is not None
            and decidable(one.criterion, spec.type, one.confidence)
        }
        for draft, check in asking:
            if check.id not in able:
                message = (
                    f"check {check.id!r}: none of its criteria can be decided before its sample is complete"
                )
                help = "write one with a bound, such as success_rate >= 99.9% or latency.p95 < 100ms"
                self._context.findings.add(self._context.document, (*draft.path, "until"), message, help=help)

    def _warn(self, path: TreePath, message: Message) -> None:
        self._context.findings.add(self._context.document, path, message, warning=True)

    def _check_of(self, one: PlanCriterion) -> Check | None:
        draft = None if one.check is None else self._drafts.get(one.check)
        return None if draft is None else draft.check

    def _of_list(self, one: CriteriaList) -> Iterator[PlanCriterion]:
        for path, raw in one.placed:
            entry = self._parse(path, raw, one)
            if entry is not None:
                yield from self._resolve(entry)

    def _parse(self, path: TreePath, raw: Any, owner: CriteriaList) -> _Entry | None:
        context = self._context
        settled, wrong = context.settled(path, raw)
        if wrong and not context.values.withholds(raw):
            return None
        if isinstance(settled, str):
            written, text_path = CriterionWritten(criterion=settled), path
        else:
            if not isinstance(settled, Mapping):
                message = "a criterion is text like steady.latency.p95 < 100ms, or a mapping with criterion"
                context.findings.add(context.document, path, message)
                return None
            place = context.place(path, "criterion")
            model = validate(CriterionWritten, settled, place, context.findings, silent=wrong)
            if model is None:
                context.leave_unread(path, "a criterion", raw)
                return None
            written, text_path = model, (*path, "criterion")
        inside = owner.inside
        try:
            criterion = parse_criterion(
                written.criterion, inside=None if inside is None else inside.id or "check"
            )
        except CriterionError as error:
            if wrong:
                context.leave_unread(path, "a criterion", raw)
            else:
                self._report(text_path, written.criterion, error)
            return None
        if written.id is not None:
            self._ids.claim(context, (*path, "id"), written.id, "criterion")
        return _Entry(
            path=path,
            text_path=text_path,
            written=written,
            criterion=criterion,
            step=owner.step,
            inside=inside,
        )

    def _report(self, path: TreePath, text: str, error: CriterionError) -> None:
        within = (text, error.offset, error.width)
        self._context.findings.add(
            self._context.document, path, error.message, help=error.help, within=within
        )

    def _resolve(self, entry: _Entry) -> Iterator[PlanCriterion]:
        """One criterion, or one per part; none when something is wrong with it."""
        criterion = entry.criterion
        if criterion.subject_kind is not SubjectKind.CHECK:
            if self._other_subject(entry):
                found = self._make(entry, None, criterion)
                if found is not None:
                    yield found
            return
        draft = entry.inside or self._drafts.get(criterion.subject)
        if draft is None and criterion.subject in self._faults:
            yield from self._of_fault(entry, self._faults[criterion.subject])
            return
        if draft is None:
            self._unknown_subject(entry)
            return
        check = draft.check
        if check is None:  # said where the check is written
            self._context.leave_unread(entry.path, "a criterion", entry.written.model_dump())
            return
        if not self._part_is_known(entry, check) or not self._fits(entry, check):
            return
        for one in self._by_part(entry, check):
            found = self._make(entry, check, one)
            if found is not None:
                yield found

    def _of_fault(self, entry: _Entry, fault: Fault | None) -> Iterator[PlanCriterion]:
        """A criterion on what came of a fault."""
        criterion = entry.criterion
        if fault is None:
            return
        if criterion.part:
            self._at_subject(entry, f"fault {fault.id!r} has no parts", "leave the part out")
            return
        if isinstance(criterion.threshold, Relative):
            message = "what came of a fault is not held against a baseline"
            self._at_subject(entry, message, "write a limit of its own, such as < 10s")
            return
        confidence = self._confidence(entry.written.confidence, None)
        errors = check_against(criterion, fault.measures, confidence=confidence, over=entry.written.over)
        for error in errors:
            self._report(entry.text_path, criterion.text, error)
        of_fault = replace(criterion, subject_kind=SubjectKind.FAULT)
        if not errors and (made := self._make(entry, None, of_fault)) is not None:
            yield made

    def _other_subject(self, entry: _Entry) -> bool:
        """Whether a criterion on something else than a check can be judged."""
        criterion, of_target = entry.criterion, entry.criterion.subject_kind is SubjectKind.TARGET
        known = {SubjectKind.STEP: self._steps, SubjectKind.TARGET: tuple(self._context.entries)}
        names = known.get(criterion.subject_kind)
        if names is not None and criterion.subject not in names:
            message = f"there is no {criterion.subject_kind} {criterion.subject!r}"
            help = did_you_mean(criterion.subject, names, f"{criterion.subject_kind}s")
            self._at_subject(entry, message, help)
            return False
        kind = target_kinds()[self._context.entries.keys[criterion.subject]] if of_target else None
        if kind is not None and (why := kind.why_unsampled(criterion.subject)) is not None:
            self._at_subject(entry, f"{criterion.subject_text} {why[0]}", why[1])
            return False
        confidence, over = self._confidence(entry.written.confidence, None), entry.written.over
        specs = RESOURCES if of_target else AGGREGATES
        errors = check_against(criterion, specs, confidence=confidence, over=over)
        for error in errors:
            self._report(entry.text_path, criterion.text, error)
        return not errors

    def _unknown_subject(self, entry: _Entry) -> None:
        subject = entry.criterion.subject
        if subject in self._steps:
            checks = [id for id, draft in self._drafts.items() if draft.step == subject]
            help: str | None = f"{subject!r} is a step; its checks are {listed(checks)}"
        elif subject in self._context.entries:
            help = f"{subject!r} is an entry of the target; write target/{subject}"
        else:
            help = did_you_mean(subject, [*self._drafts, *self._faults], "checks")
        self._at_subject(entry, f"there is no check {subject!r}", help)

    def _at_subject(self, entry: _Entry, message: str, help: str | None) -> None:
        span = entry.criterion.spans.subject
        self._report(entry.text_path, entry.criterion.text, CriterionError(span, message, help))

    def _part_is_known(self, entry: _Entry, check: Check) -> bool:
        part = entry.criterion.part
        if not part:
            return True
        name, _, rest = part.partition("/")
        known = self._names(check)
        if check.each and name in (known.names or ()):
            if not rest:
                return True
            known, part = self._names(check, name), rest
        if known.names is None or part in known.names:
            return True
        near = nearest(part, known.names)
        help = f"did you mean {near!r}?" if near else known.listed
        self._at_subject(entry, f"check {check.id!r} has no part {part!r}", help)
        return False

    def _names(self, check: Check, entry: str = "") -> _Names:
        """The names of the parts of a check, or of one entry of its `each`."""
        found = self._parts.get((check.id, entry))
        if found is None:
            if check.each and not entry:
                found = _Names(frozenset(part.name for part in check.parts))
            else:
                chosen = next(part for part in check.parts if part.name == entry)
                found = _Names(check.kind.parts(chosen.params))
            self._parts[check.id, entry] = found
        return found

    def _fits(self, entry: _Entry, check: Check) -> bool:
        criterion, context = entry.criterion, self._context
        specs = self._measures(check)
        confidence, over = self._confidence(entry.written.confidence, check), entry.written.over
        errors = check_against(criterion, specs, confidence=confidence, over=over)
        for error in errors:
            self._report(entry.text_path, criterion.text, error)
        if errors:
            return False
        spec = specs[criterion.measure]
        if check.each and entry.inside is None and not criterion.part and spec.type is MeasureType.NUMBER:
            parts = listed(f"{check.id}/{part.name}" for part in check.parts)
            message = f"{criterion.measure} is one number for each part of {check.id!r}"
            context.findings.add(
                context.document, entry.text_path, message, help=f"write it of a part: {parts}"
            )
            return False
        return True

    def _measures(self, check: Check) -> Mapping[str, MeasureSpec]:
        if check.id not in self._specs:
            specs: dict[str, MeasureSpec] = {}
            for part in check.parts:
                specs |= check.kind.measures(part.params)
            self._specs[check.id] = specs
        return self._specs[check.id]

    def _confidence(self, written: Confidence, check: Check | None) -> float | None:
        otherwise = self._context.confidence if check is None else check.confidence
        return confidence_of(written, otherwise=otherwise)

    def _by_part(self, entry: _Entry, check: Check) -> list[Criterion]:
        if entry.inside is not None and check.each:
            return [entry.criterion.for_part(part.name) for part in check.parts]
        return [entry.criterion]

    def _make(self, entry: _Entry, check: Check | None, criterion: Criterion) -> PlanCriterion | None:
        written, context = entry.written, self._context
        at = context.document.value_at(entry.text_path)
        id = criterion.id
        if written.id is not None:
            many = entry.inside is not None and check is not None and check.each
            id = f"{written.id}/{criterion.part}" if many else written.id
        if id in self._places:
            message = f"criterion {id!r} is already {where(self._places[id], beside=at.file)}"
            help = "give one of them an id: {criterion: ..., id: ...}"
            context.findings.add(context.document, entry.text_path, message, help=help)
            return None
        self._places[id] = at
        self._paths[id] = entry.text_path
        made = PlanCriterion(
            id=id,
            criterion=criterion,
            step=entry.step,
            title=written.title,
            why=written.why,
            ref=written.ref,
            level=_level(written, check),
            over=written.over,
            confidence=self._confidence(written.confidence, check),
            at=at,
        )
        if check is not None:
            spec = self._measures(check)[criterion.measure]
            warning = self._feasibility.warning(made, check, spec)
            if warning is not None:
                self._warn(entry.text_path, fact(Code.OF_CRITERION, criterion=made.id, why=warning))
        return made


def _level(written: CriterionWritten, check: Check | None) -> Level:
    """Its own where it says one, or that of its check."""
    if check is None or "level" in written.model_fields_set:
        return Level(written.level)
    return check.level
