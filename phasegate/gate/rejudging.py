"""Judging a record again: every criterion on its recorded measures, and the gate on the criteria."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Fact, fact
from phasegate.gate.aggregates import required_kind
from phasegate.gate.criterion import CriterionError, parse_criterion
from phasegate.gate.judging import Judges
from phasegate.gate.verdict import decide
from phasegate.model.criterion import Criterion, Level, SubjectKind
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.observation import CaseStatus, belongs
from phasegate.model.result import CriterionResult, RunResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What judging again came to."""

    judged: int = 0
    """Criteria whose verdict was reached again or contradicted."""
    contradictions: tuple[Fact, ...] = ()
    left_out: tuple[str, ...] = ()
    """Ids of criteria that the record cannot carry, such as those on a subject it has no measures of."""


def rejudge(run: RunResult) -> Rejudged:
    """Hold every judgement of a record against its own measures."""
    contradictions: list[Fact] = []
    left_out: list[str] = []
    judges = Judges(run)
    for item in run.criteria:
        if item.waived is not None and (why := _against_waiver(item, run)):
            contradictions.append(fact(why, criterion=item.id))
        if not _is_as_written(item.asked.criterion):
            contradictions.append(fact(Code.ASKED_OTHERWISE, criterion=item.id))
        found = None if _is_late(item, run) else judges.find(item.asked)
        if found is not None:
            contradictions += _differences(item, found)
            continue
        left_out.append(item.id)
        if run.verdict is Verdict.PASS and item.level is Level.BLOCK:
            # What cannot be judged again must not let a PASS through.
            contradictions.append(fact(Code.WITHOUT_SUBJECT, criterion=item.id, recorded=item.verdict.value))
    return Rejudged(
        judged=len(run.criteria) - len(left_out),
        contradictions=(*contradictions, *_of_the_gate(run)),
        left_out=tuple(left_out),
    )


def _is_as_written(criterion: Criterion) -> bool:
    """Whether a criterion is what its text says; those written inside a check leave their subject out."""
    if criterion.subject_kind is SubjectKind.KIND:
        return criterion == required_kind(criterion.part)
    within = criterion.subject_kind in (SubjectKind.CHECK, SubjectKind.FAULT)
    for inside in (None, criterion.subject) if within else (None,):
        try:
            parsed = parse_criterion(criterion.text, inside=inside)
        except CriterionError:
            continue
        if criterion.part and not parsed.part:
            parsed = parsed.for_part(criterion.part)
        if criterion.subject_kind is SubjectKind.FAULT:
            parsed = replace(parsed, subject_kind=SubjectKind.FAULT)
        if replace(parsed, id=criterion.id) == criterion:
            return True
    return False


def _is_late(item: CriterionResult, run: RunResult) -> bool:
    """A run that did not end as it was to is over later than it was judged."""
    return item.subject == "run" and item.measure == "duration" and run.verdict is not Verdict.PASS


def _differences(item: CriterionResult, found: Judgement) -> Iterator[Fact]:
    """What of a judgement is not what its measures make it."""
    recorded = item.judged
    if recorded.verdict is not found.verdict:
        yield fact(
            Code.VERDICT_OTHERWISE,
            criterion=item.id,
            recorded=recorded.verdict.value,
            found=found.verdict.value,
        )
    elif recorded != found:
        names = [one.name for one in fields(Judgement)]
        other = tuple(name for name in names if getattr(recorded, name) != getattr(found, name))
        yield fact(Code.FIGURES_OTHERWISE, criterion=item.id, figures=other)


def _against_waiver(item: CriterionResult, run: RunResult) -> Code | None:
    """Why a criterion cannot have been waived in this run; None where it can."""
    waived = item.waived
    assert waived is not None
    if waived.verdict not in (CriterionVerdict.WAIVED, CriterionVerdict.UNPROVEN):
        return Code.MET_BY_WAIVER
    if item.judged.verdict not in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN):
        return Code.WAIVED_THOUGH_MET
    for waiver in run.waivers:
        cases = {case.partition("/")[0] for case in waiver.cases}
        covered = item.id in waiver.asked.covers or item.subject in cases
        if waiver.id in waived.by and covered and run.started.date() <= waiver.asked.expires:
            passed = waived.rest is None or _rest_passed(item, run)
            return None if passed else Code.WAIVED_AND_REST_FAILED
    return Code.WAIVED_BY_NONE_IN_FORCE


def _rest_passed(item: CriterionResult, run: RunResult) -> bool:
    """Whether the record has a case that passed, of those that a criterion speaks of."""
    check = next((check for check in run.checks() if check.id == item.subject), None)
    seen = check.seen.cases if check is not None else ()
    return any(case.status is CaseStatus.PASSED and belongs(case, item.part) for case in seen)


def _of_the_gate(run: RunResult) -> Iterator[Fact]:
    decided = decide(run.criteria, selection=run.selection)
    stopped = run.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
    passes_wrongly = run.verdict is Verdict.PASS and decided.verdict is not Verdict.PASS
    failed = decided.verdict is Verdict.FAIL and run.verdict is not Verdict.FAIL
    if passes_wrongly or (failed and not stopped and run.finished):
        yield fact(
            Code.GATE_OTHERWISE,
            recorded=run.verdict.value,
            found=decided.verdict.value,
            why=decided.reason,
        )
