"""The plan's criteria: whose they are, whether their check has the measure, what the kinds add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.errors import Position
from phasegate.gate.bounds import Bounds
from phasegate.gate.criterion import Criterion, CriterionError, Relative, SubjectKind, parse_criterion
from phasegate.gate.deciding import decidable
from phasegate.gate.verdict import confidence_for
from phasegate.gate.vetting import check_against, feasible
from phasegate.model.aggregates import AGGREGATES
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.model.resources import RESOURCES
from phasegate.model.result import Level
from phasegate.plan.checks import Draft
from phasegate.plan.context import Confidence, Context, confidence_of
from phasegate.plan.findings import did_you_mean, nearest
from phasegate.plan.ids import Ids, where
from phasegate.plan.models import CriterionWritten
from phasegate.plan.plan import Check, PlanCriterion
from phasegate.plan.tree import TreePath
from phasegate.plan.validation import validate
from phasegate.units import Dimension, Quantity, format_seconds, parse_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaList:
    """A list of criteria as written: of a check, a step, or the gate."""

    path: TreePath
    entries: tuple[Any, ...]
    """In template form."""
    step: str | None = None
    inside: Draft | None = None
    """The check whose own they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One criterion as written and parsed."""

    path: TreePath
    text_path: TreePath
    written: CriterionWritten
    criterion: Criterion
    step: str | None
    inside: Draft | None


class Criteria:
    """Reads every criterion of a plan; one call to `read`."""

    def __init__(
        self, context: Context, drafts: Mapping[str, Draft], steps: tuple[str, ...], ids: Ids
    ) -> None:
        self._context = context
        self._drafts = drafts
        self._steps = steps
        self._ids = ids
        self._places: dict[str, Position] = {}
        """Where each criterion's id was seen first."""
        self._paths: dict[str, TreePath] = {}
        self._feasible: dict[tuple[Any, ...], str | None] = {}
        self._specs: dict[str, Mapping[str, MeasureSpec]] = {}

    def read(self, lists: tuple[CriteriaList, ...]) -> tuple[PlanCriterion, ...]:
        """Every criterion in the order of the lists, those of a check followed by its kind's own."""
        written = [list(self._of_list(one)) for one in lists]
        blocking = {
            (one.check, one.criterion.measure, one.criterion.part)
            for group in written
            for one in group
            if one.level is Level.BLOCK
        }
        self._warn_of_weak([one for group in written for one in group if one.level is Level.BLOCK])
        found: list[PlanCriterion] = []
        for one, group in zip(lists, written, strict=True):
            found += group
            if one.inside is not None and one.inside.check is not None:
                found += self._defaults(one.inside.check, blocking)
        self._refuse_undecidable(found)
        return tuple(found)

    def _refuse_undecidable(self, found: list[PlanCriterion]) -> None:
        """A check that is to end when it is decided needs something that a sample can decide."""
        able = {
            one.check
            for one in found
            if (check := self._check_of(one)) is not None
            and decidable(one.criterion, self._measures(check)[one.criterion.measure].type, one.confidence)
        }
        for draft in self._drafts.values():
            check = draft.check
            if check is not None and check.until_decided and check.id not in able:
                message = (
                    f"check {check.id!r}: none of its criteria can be decided before its sample is complete"
                )
                help = "write one with a bound, such as success_rate >= 99.9% or latency.p95 < 100ms"
                self._context.findings.add(self._context.document, (*draft.path, "until"), message, help=help)

    def _check_of(self, one: PlanCriterion) -> Check | None:
        draft = None if one.check is None else self._drafts.get(one.check)
        return None if draft is None else draft.check

    def _of_list(self, one: CriteriaList) -> Iterator[PlanCriterion]:
        for index, raw in enumerate(one.entries):
            entry = self._parsed((*one.path, index), raw, one)
            if entry is not None:
                yield from self._resolved(entry)

    def _parsed(self, path: TreePath, raw: Any, owner: CriteriaList) -> _Entry | None:
        context = self._context
        settled, wrong = context.settled(path, raw)
        if wrong:
            return None
        if isinstance(settled, str):
            written, text_path = CriterionWritten(criterion=settled), path
        else:
            if not isinstance(settled, Mapping):
                message = "a criterion is text like steady.latency.p95 < 100ms, or a mapping with criterion"
                context.findings.add(context.document, path, message)
                return None
            place = context.place(path, "criterion")
            model = validate(CriterionWritten, settled, place, context.findings)
            if model is None:
                return None
            written, text_path = model, (*path, "criterion")
        inside = owner.inside
        try:
            criterion = parse_criterion(
                written.criterion, inside=None if inside is None else inside.id or "check"
            )
        except CriterionError as error:
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

    def _resolved(self, entry: _Entry) -> Iterator[PlanCriterion]:
        """One criterion, or one per part; none when something is wrong with it."""
        criterion = entry.criterion
        if criterion.subject_kind is not SubjectKind.CHECK:
            if self._other_subject(entry):
                found = self._made(entry, None, criterion)
                if found is not None:
                    yield found
            return
        draft = entry.inside or self._drafts.get(criterion.subject)
        if draft is None:
            self._unknown_subject(entry)
            return
        check = draft.check
        if check is None:
            return  # said where the check is written
        if not self._part_is_known(entry, check) or not self._fits(entry, check):
            return
        for one in self._by_part(entry, check):
            found = self._made(entry, check, one)
            if found is not None:
                yield found

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
        if of_target and criterion.subject in self._context.external:
            message = f"{criterion.subject_text} is external, and what it uses is not seen from here"
            help = "entries under target.processes are sampled; measure an external one through its answers"
            self._at_subject(entry, message, help)
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
            help: str | None = f"{subject!r} is a step; its checks are {', '.join(checks)}"
        elif subject in self._context.entries:
            help = f"{subject!r} is an entry of the target; write target/{subject}"
        else:
            help = did_you_mean(subject, self._drafts, "checks")
        self._at_subject(entry, f"there is no check {subject!r}", help)

    def _at_subject(self, entry: _Entry, message: str, help: str | None) -> None:
        span = entry.criterion.spans.subject
        error = CriterionError(message, help=help, offset=span.offset, width=span.width)
        self._report(entry.text_path, entry.criterion.text, error)

    def _part_is_known(self, entry: _Entry, check: Check) -> bool:
        part = entry.criterion.part
        if not part:
            return True
        name, _, rest = part.partition("/")
        if check.each:
            known: frozenset[str] | None = frozenset(one.name for one in check.parts)
            chosen = next((one for one in check.parts if one.name == name), None)
            if chosen is not None:
                if not rest:
                    return True
                known, part = check.kind.parts(chosen.params), rest
        else:
            known = check.kind.parts(check.parts[0].params)
        if known is None or part in known:
            return True
        near = nearest(part, known)
        help = f"did you mean {near!r}?" if near else _listed(known)
        self._at_subject(entry, f"check {check.id!r} has no part {part!r}", help)
        return False

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
            parts = ", ".join(f"{check.id}/{part.name}" for part in check.parts)
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

    def _made(self, entry: _Entry, check: Check | None, criterion: Criterion) -> PlanCriterion | None:
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
            expression=written.criterion,
            step=entry.step,
            check=None if check is None else check.id,
            title=written.title,
            why=written.why,
            ref=written.ref,
            level=Level(written.level),
            over=written.over,
            confidence=self._confidence(written.confidence, check),
            at=at,
        )
        if check is not None:
            self._warn(made, check, entry.text_path)
        return made

    def _defaults(self, check: Check, blocking: set[tuple[str | None, str, str]]) -> Iterator[PlanCriterion]:
        for part in check.parts:
            for text in check.kind.defaults(part.params):
                criterion = parse_criterion(text, inside=check.id)
                if check.each:
                    criterion = criterion.for_part(part.name)
                written = ((check.id, criterion.measure, place) for place in ("", criterion.part))
                if any(one in blocking for one in written):
                    continue
                id = f"{criterion.id}.default" if criterion.id in self._places else criterion.id
                yield PlanCriterion(
                    id=id,
                    criterion=criterion,
                    expression=text,
                    step=check.step,
                    check=check.id,
                    confidence=check.confidence,
                    default=True,
                    at=check.at,
                )

    def _warn_of_weak(self, blocking: list[PlanCriterion]) -> None:
        """Say which criteria take the place of a default and hold when everything has failed."""
        warned: set[str] = set()
        for check, part, text in self._default_texts():
            default = parse_criterion(text, inside=check.id)
            instead = [
                one
                for one in blocking
                if (one.check, one.criterion.measure) == (check.id, default.measure)
                and one.criterion.part in ("", part)
            ]
            worst = parse_quantity("0%" if default.quantity.dimension is Dimension.SHARE else "1")
            if not instead or not all(_holds(one.criterion, worst) for one in instead):
                continue
            id = instead[0].id
            if id not in warned:
                warned.add(id)
                message = (
                    f"criterion {id!r} holds when {default.measure} is {worst}, "
                    f"and takes the place of the default {text}"
                )
                self._context.findings.add(self._context.document, self._paths[id], message, warning=True)

    def _default_texts(self) -> Iterator[tuple[Check, str, str]]:
        """Check, part and default criterion."""
        for draft in self._drafts.values():
            if draft.check is not None:
                for part in draft.check.parts:
                    for text in draft.check.kind.defaults(part.params):
                        yield draft.check, part.name, text

    def _warn(self, made: PlanCriterion, check: Check, path: TreePath) -> None:
        """Say which criteria can never be met."""
        criterion = made.criterion
        parts = [part for part in check.parts if not check.each or criterion.part in ("", part.name)]
        counts = [check.kind.samples(part.params) for part in parts]
        unknown = check.during is not None or None in counts or criterion.part not in _wholes(check)
        samples = None if unknown else sum(count or 0 for count in counts)
        confidence = confidence_for(made.confidence, check.retry.attempts, check.retry.on_fail)
        spec = self._measures(check)[criterion.measure]
        bounds = (
            None if confidence is None else Bounds(confidence=confidence, always_valid=check.until_decided)
        )
        warning = self._infeasible(criterion, spec, samples, bounds)
        if warning is None and made.over is not None and check.during is None:
            lasting = [check.kind.duration(part.params) for part in parts]
            longest = None if None in lasting else max(one or 0.0 for one in lasting)
            if longest is not None and longest < made.over:
                spans = f"{format_seconds(longest)} and can never span {format_seconds(made.over)}"
                warning = f"{check.id} takes {spans}"
        if warning is not None:
            message = f"criterion {made.id!r}: {warning}"
            self._context.findings.add(self._context.document, path, message, warning=True)

    def _infeasible(
        self, criterion: Criterion, spec: MeasureSpec, samples: int | None, bounds: Bounds | None
    ) -> str | None:
        # Exact bounds cost time, and in a large plan the same demands come back hundreds of times.
        key = (criterion.value_text, criterion.required, spec, samples, bounds)
        if key not in self._feasible:
            self._feasible[key] = feasible(criterion, spec, samples, bounds)
        return self._feasible[key]


def _holds(criterion: Criterion, value: Quantity) -> bool:
    if isinstance(criterion.threshold, Relative):  # whatever the baseline was, it is above 0
        return criterion.op.wants_more if value.value else criterion.op.wants_less
    return criterion.op.holds(value.value, criterion.threshold.value)


def _wholes(check: Check) -> set[str]:
    """Parts whose samples are known: the whole, and the entries of `each`."""
    return {"", *(part.name for part in check.parts)} if check.each else {""}


def _listed(names: frozenset[str]) -> str:
    if not names:
        return "it has no parts; leave the part out"
    shown = sorted(names)[:20]
    return f"its parts are {', '.join(shown)}" + (", ..." if len(names) > 20 else "")
