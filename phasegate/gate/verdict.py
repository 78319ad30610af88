"""From judged criteria to the gate's verdict and exit code, and to the status of attempts and checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import AttemptStatus, CheckStatus, CriterionResult, Selection, Verdict

_NAMED = 3
"""How many criteria that are not met a reason names."""
_EXPLAINED = 2
"""How many unproven ones it explains; what they have to say is long."""
INTERRUPTED = fact(Code.INTERRUPTED)
"""Why something was ended of which nobody says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    verdict: Verdict
    exit_code: ExitCode
    reason: Message
    """Names the first deciding criteria."""


def decide(
    criteria: Sequence[CriterionResult],
    *,
    selection: Selection | None = None,
    interrupted: Message = "",
    signal: ExitCode | None = None,
    target_error: Message = "",
    defect: Message = "",
) -> GateDecision:
    """Decide the gate.

    `criteria` are those selected, `level: warn` included. `interrupted` says what ended the run early
    (`stopped by Ctrl-C`); `signal` is the exit code when that was a signal (INTERRUPTED or TERMINATED).
    `target_error` says why the target could not be brought up, `defect` what went wrong inside phasegate.
    Of several exit codes the first in 130/143, 70, 2, 1, 75, 3, 0 is taken.
    """
    if signal is not None:
        reason: Message = joined(interrupted or INTERRUPTED, _counts(criteria))
        return GateDecision(verdict=Verdict.INCONCLUSIVE, exit_code=signal, reason=reason)
    verdict, reason = _judge(criteria, selection or Selection())
    if target_error and verdict is Verdict.INCONCLUSIVE:
        reason = _counts(criteria)  # each criterion would only say the same again
    for trouble in (target_error, interrupted, defect):
        if trouble:
            verdict = verdict if verdict is Verdict.FAIL else Verdict.INCONCLUSIVE
            reason = joined(trouble, reason) if verdict is not Verdict.FAIL else joined(reason, trouble)
    if defect:
        code = ExitCode.DEFECT
    elif verdict is Verdict.FAIL:
        code = ExitCode.FAIL
    elif target_error:
        code = ExitCode.TARGET
    else:
        code = ExitCode.PASS if verdict is Verdict.PASS else ExitCode.INCONCLUSIVE
    return GateDecision(verdict=verdict, exit_code=code, reason=reason)


def _judge(criteria: Sequence[CriterionResult], selection: Selection) -> tuple[Verdict, Message]:
    """The verdict by the criteria alone; a narrowed run is inconclusive at best."""
    blocking = [item for item in criteria if item.level is Level.BLOCK]
    by = {verdict: [item for item in blocking if item.verdict is verdict] for verdict in CriterionVerdict}
    not_met, open_ones = by[CriterionVerdict.NOT_MET], by[CriterionVerdict.UNPROVEN]
    met, waived, total = len(by[CriterionVerdict.MET]), len(by[CriterionVerdict.WAIVED]), len(blocking)
    if not_met:
        return Verdict.FAIL, fact(
            Code.GATE_NOT_MET,
            count=len(not_met),
            total=total,
            unproven=len(open_ones) or None,
            named=tuple(map(_missed, not_met[:_NAMED])),
        )
    if open_ones:
        named = tuple(
            fact(Code.CRITERION_OPEN, criterion=item.id, why=item.reason) for item in open_ones[:_EXPLAINED]
        )
        return Verdict.INCONCLUSIVE, fact(Code.GATE_UNPROVEN, count=len(open_ones), total=total, named=named)
    warnings = _warnings(criteria) or None
    if selection.narrowed:
        left = max(0, selection.criteria_total - (selection.criteria_selected or len(criteria)))
        return Verdict.INCONCLUSIVE, fact(
            Code.GATE_SELECTION, met=met, total=total, left=left, warnings=warnings
        )
    if not any(item.is_evidence for item in blocking):
        proving = any(item.asked.proves for item in blocking)
        return Verdict.INCONCLUSIVE, fact(Code.GATE_WITHOUT_EVIDENCE, all_waived=proving, met=met)
    return Verdict.PASS, fact(Code.GATE_MET, met=met, total=total, waived=waived or None, warnings=warnings)


def _missed(item: CriterionResult) -> Fact:
    judged = item.judged
    return fact(Code.CRITERION_MISSED, criterion=item.id, observed=judged.observed, required=judged.required)


def _warnings(criteria: Iterable[CriterionResult]) -> int:
    return sum(
        item.level is Level.WARN and item.verdict in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN)
        for item in criteria
    )


def _counts(criteria: Sequence[CriterionResult]) -> Fact:
    """How the blocking criteria stand when a run is ended."""
    blocking = Counter(item.verdict for item in criteria if item.level is Level.BLOCK)
    return fact(Code.COUNTS, **{verdict.value: blocking[verdict] or None for verdict in CriterionVerdict})


def attempt_status(
    judged: Iterable[tuple[Level, CriterionVerdict]], *, error: Message | None
) -> AttemptStatus:
    """The status of one attempt, from the criteria of its check: those that block, or all where none does.

    Without a criterion nothing was asked for, so nothing is proven; one that only warns fails nothing.
    """
    if error:
        return AttemptStatus.ERRORED
    everything = list(judged)
    blocking = [verdict for level, verdict in everything if level is Level.BLOCK]
    if CriterionVerdict.NOT_MET in blocking:
        return AttemptStatus.FAILED
    good = (CriterionVerdict.MET, CriterionVerdict.WAIVED)
    asked = blocking or [verdict for _, verdict in everything]
    return (
        AttemptStatus.PASSED
        if asked and all(verdict in good for verdict in asked)
        else AttemptStatus.UNPROVEN
    )


def is_flaky(attempts: Sequence[AttemptStatus]) -> bool:
    """A pass after an attempt that errored or failed."""
    return (
        bool(attempts)
        and attempts[-1] is AttemptStatus.PASSED
        and any(status in (AttemptStatus.ERRORED, AttemptStatus.FAILED) for status in attempts[:-1])
    )


def step_status(checks: Iterable[CheckStatus]) -> CheckStatus:
    """The status of a step is that of its worst check; one that ran in part is not passed."""
    seen = set(checks)
    if seen <= {CheckStatus.NOT_RUN}:
        return CheckStatus.NOT_RUN
    for worst in (CheckStatus.FAILED, CheckStatus.ERRORED):
        if worst in seen:
            return worst
    return CheckStatus.PASSED if seen == {CheckStatus.PASSED} else CheckStatus.UNPROVEN


def confidence_for(base: float | None, chances: int) -> float | None:
    """The confidence for sample criteria of a check that has several attempts to meet them.

    With k of them each is judged at error / k, so that the chance that any of them passes wrongly stays
    within the error (Bonferroni): 0.95 and 3 attempts give 0.9833.
    """
    return base if base is None or chances <= 1 else 1 - (1 - base) / chances
