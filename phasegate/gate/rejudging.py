"""Judging a record again: every criterion on its recorded measures, and the gate on the criteria."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from phasegate.errors import ExitCode
from phasegate.gate.aggregates import Aggregates, required_kind
from phasegate.gate.baseline import Earlier, judge_against
from phasegate.gate.criterion import Criterion, CriterionError, Relative, SubjectKind, parse_criterion
from phasegate.gate.judge import judge
from phasegate.gate.judgement import Judgement
from phasegate.gate.verdict import decide
from phasegate.model.aggregates import BESIDE, CHECKS
from phasegate.model.faults import DONE
from phasegate.model.measures import Measure
from phasegate.model.observation import CaseStatus, belongs
from phasegate.model.result import (
    AttemptResult,
    CheckResult,
    CheckStatus,
    CriterionResult,
    CriterionVerdict,
    Level,
    RunResult,
    TargetRecord,
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
    aggregates = Aggregates(run)
    for item in run.criteria:
        judged = judge_again(item, run, aggregates)
        verdict = None if judged is None else judged.verdict
        if item.verdict is CriterionVerdict.WAIVED and (why := _not_waived(item, run)):
            contradictions.append(f"{item.id} is waived in the record, and {why}")
        if verdict is None:
            left_out.append(item.id)
            if _opens(item, run):
                contradictions.append(
                    f"{item.id} is {_words(item.verdict)}, and the record has nothing it speaks of"
                )
        elif verdict is not (real := item.unwaived or item.verdict):
            contradictions.append(
                f"{item.id} is {_words(real)} in the record, and its measures make it {_words(verdict)}"
            )
    return Rejudged(
        judged=len(run.criteria) - len(left_out),
        contradictions=(*contradictions, *_of_the_gate(run)),
        left_out=tuple(left_out),
    )


def _opens(item: CriterionResult, run: RunResult) -> bool:
    """Whether a PASS rests on a criterion: what cannot be judged again must not let it through."""
    return run.verdict is Verdict.PASS and item.level is Level.BLOCK


def _not_waived(item: CriterionResult, run: RunResult) -> str:
    """Why a criterion cannot have been waived in this run; empty where it can."""
    if item.unwaived not in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN):
        return "does not say what it is without a waiver"
    for waiver in run.waivers:
        cases = {case.partition("/")[0] for case in waiver.cases}
        covered = item.id in waiver.covers or item.subject in cases
        if waiver.id in item.waivers and covered and run.started.date() <= waiver.expires:
            return "" if not item.rest or _rest_passed(item, run) else "no case that is not waived passed"
    return "no waiver that was in force covers it"


def _rest_passed(item: CriterionResult, run: RunResult) -> bool:
    """Whether the record has a case that passed, of those that a criterion speaks of."""
    check = next((check for check in run.checks() if check.id == item.subject), None)
    seen = check.last.cases if check is not None and check.last is not None else ()
    return any(case.status is CaseStatus.PASSED and belongs(case, item.part) for case in seen)


def judge_again(item: CriterionResult, run: RunResult, aggregates: Aggregates) -> Judgement | None:
    """A criterion of a record judged on its measures; None where the record does not have what it takes."""
    if item.subject == "run" and item.measure == CHECKS:
        return aggregates.judge(required_kind(item.part))
    parsed = _parsed(item)
    if parsed is None or CriterionVerdict.WAIVED is (item.unwaived or item.verdict):
        return None
    if parsed.subject_kind is SubjectKind.TARGET:
        entry = next((entry for entry in run.target if entry.id == parsed.subject), None)
        return None if entry is None else _on_target(item, parsed, entry)
    if parsed.subject_kind is not SubjectKind.CHECK or item.measure in BESIDE:
        # A run that did not end as it was to is over later than it was judged.
        late = item.subject == "run" and item.measure == "duration" and run.verdict is not Verdict.PASS
        return None if late else aggregates.judge(parsed, without=item.without)
    fault = next((fault for fault in run.faults() if fault.id == parsed.subject), None)
    if fault is not None:
        measure = fault.measures.get(parsed.measure) if fault.status in DONE else None
        return judge(parsed, measure, confidence=_confidence(item))
    check = next((check for check in run.checks() if check.id == parsed.subject), None)
    return None if check is None else _on_check(item, parsed, check, run)


def _on_target(item: CriterionResult, parsed: Criterion, entry: TargetRecord) -> Judgement:
    measure = entry.measures.get(parsed.measure)
    return judge(parsed, measure, confidence=_confidence(item), over=item.over)


def _on_check(item: CriterionResult, parsed: Criterion, check: CheckResult, run: RunResult) -> Judgement:
    seen = None if check.status in _UNOBSERVED else check.last
    if isinstance(parsed.threshold, Relative):
        earlier = [Earlier(path=one.path, measure=one.measures.get(item.id)) for one in run.baselines]
        judging = partial(judge_against, earlier=earlier)
    else:
        judging = partial(judge, decision=None if seen is None else seen.decisions.get(item.id))
    return judging(
        parsed,
        None if seen is None or seen.error else _measures(seen, parsed.part).get(parsed.measure),
        absent=run.spared().get(check.id, ""),
        confidence=_confidence(item),
        allow_skipped=check.allow_skipped,
        over=item.over,
        always_valid=check.until_decided,
    )


def _confidence(item: CriterionResult) -> float | None:
    """What was asked; a record of a version that did not write it has what was used."""
    return item.confidence if item.asked is None else item.asked


def _measures(seen: AttemptResult, part: str) -> Mapping[str, Measure]:
    return seen.parts.get(part, {}) if part else seen.measures


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
