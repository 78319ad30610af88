"""Judging a record again: every criterion on its recorded measures, and the gate on the criteria."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from phasegate.errors import ExitCode
from phasegate.gate.baseline import Earlier, judge_against
from phasegate.gate.criterion import Criterion, CriterionError, Relative, SubjectKind, parse_criterion
from phasegate.gate.judge import judge
from phasegate.gate.verdict import decide
from phasegate.model.measures import Measure
from phasegate.model.result import (
    CheckResult,
    CheckStatus,
    CriterionResult,
    CriterionVerdict,
    RunResult,
    Verdict,
)

_UNOBSERVED = frozenset({CheckStatus.NOT_RUN, CheckStatus.ERRORED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What judging again came to."""

    judged: int = 0
    """Criteria whose verdict was reached again or contradicted."""
    contradictions: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Ids of criteria that the record cannot carry, such as those on a subject it has no measures of."""


def rejudge(run: RunResult) -> Rejudged:
    """Hold every verdict of a record against its own measures."""
    contradictions: list[str] = []
    left_out: list[str] = []
    for item in run.criteria:
        verdict = _verdict(item, run)
        if verdict is None:
            left_out.append(item.id)
        elif verdict is not item.verdict:
            contradictions.append(
                f"{item.id} is {_words(item.verdict)} in the record,"
                f" and its measures make it {_words(verdict)}"
            )
    return Rejudged(
        judged=len(run.criteria) - len(left_out),
        contradictions=(*contradictions, *_of_the_gate(run)),
        left_out=tuple(left_out),
    )


def _verdict(item: CriterionResult, run: RunResult) -> CriterionVerdict | None:
    """The verdict by the measures; None where the record does not have what it takes."""
    parsed = _parsed(item)
    if parsed is None or item.verdict is CriterionVerdict.WAIVED:
        return None
    match parsed.subject_kind:
        case SubjectKind.CHECK:
            check = next((check for check in run.checks() if check.id == parsed.subject), None)
            if check is None:
                return None
            return _judged(item, parsed, run, _measures(check, parsed.part), check.allow_skipped)
        case SubjectKind.TARGET:
            entry = next((entry for entry in run.target if entry.id == parsed.subject), None)
            return None if entry is None else _judged(item, parsed, run, entry.measures)
        case _:
            return None


def _judged(
    item: CriterionResult,
    parsed: Criterion,
    run: RunResult,
    measures: Mapping[str, Measure],
    allow_skipped: int = 0,
) -> CriterionVerdict:
    judging = judge
    if isinstance(parsed.threshold, Relative):
        earlier = [Earlier(path=one.path, measure=one.measures.get(item.id)) for one in run.baselines]
        judging = partial(judge_against, earlier=earlier)
    return judging(
        parsed,
        measures.get(parsed.measure),
        # A record of a version that did not write what was asked has what was used.
        confidence=item.confidence if item.asked is None else item.asked,
        allow_skipped=allow_skipped,
        over=item.over,
    ).verdict


def _measures(check: CheckResult, part: str) -> Mapping[str, Measure]:
    if check.last is None or check.status in _UNOBSERVED or check.last.error:
        return {}
    return check.last.parts.get(part, {}) if part else check.last.measures


def _parsed(item: CriterionResult) -> Criterion | None:
    """The criterion as it was meant; those written inside a check leave their subject out."""
    about_check = not item.subject.startswith(("step/", "target/")) and item.subject != "run"
    for inside in (None, item.subject) if about_check else (None,):
        try:
            parsed = parse_criterion(item.expression, inside=inside)
        except CriterionError:
            continue
        if item.part and not parsed.part:
            parsed = parsed.for_part(item.part)
        subject = parsed.subject if parsed.subject_kind is SubjectKind.CHECK else parsed.subject_text
        if (subject, parsed.part, parsed.measure) == (item.subject, item.part, item.measure):
            return parsed
    return None


def _of_the_gate(run: RunResult) -> Iterator[str]:
    decided = decide(run.criteria, selection=run.selection)
    stopped = run.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
    if run.verdict is Verdict.PASS and decided.verdict is not Verdict.PASS:
        yield f"the record says PASS, and its criteria {decided.verdict}: {decided.reason}"
    elif decided.verdict is Verdict.FAIL and run.verdict is not Verdict.FAIL and not stopped and run.finished:
        yield f"the record says {run.verdict}, and its criteria FAIL: {decided.reason}"


def _words(verdict: CriterionVerdict) -> str:
    return verdict.replace("_", " ")
