"""From judged criteria to the gate's verdict and exit code, and to the status of attempts and checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from phasegate.errors import ExitCode
from phasegate.model.result import (
    AttemptStatus,
    CheckStatus,
    CriterionResult,
    CriterionVerdict,
    Level,
    Selection,
    Verdict,
)

_NAMED = 3
"""How many criteria that are not met a reason names."""
_EXPLAINED = 2
"""How many unproven ones it explains; their messages are long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    verdict: Verdict
    exit_code: ExitCode
    reason: str
    """One sentence that names the first deciding criteria."""


def decide(
    criteria: Sequence[CriterionResult],
    *,
    selection: Selection | None = None,
    interrupted: str = "",
    signal: ExitCode | None = None,
    target_error: str = "",
    defect: str = "",
) -> GateDecision:
    """Decide the gate.

    `criteria` are those selected, `level: warn` included. `interrupted` says what ended the run early
    (`stopped by Ctrl-C`); `signal` is the exit code when that was a signal (INTERRUPTED or TERMINATED).
    `target_error` says why the target could not be brought up, `defect` what went wrong inside phasegate.
    Of several exit codes the first in 130/143, 70, 2, 1, 75, 3, 0 is taken.
    """
    if signal is not None:
        reason = f"{interrupted or 'interrupted'}; {_counts(criteria)}"
        return GateDecision(verdict=Verdict.INCONCLUSIVE, exit_code=signal, reason=reason)
    verdict, reason = _judged(criteria, selection or Selection())
    if target_error and verdict is Verdict.INCONCLUSIVE:
        reason = _counts(criteria)  # each criterion would only say the same again
    for trouble in (target_error, interrupted, defect):
        if trouble:
            verdict = verdict if verdict is Verdict.FAIL else Verdict.INCONCLUSIVE
            reason = f"{trouble}; {reason}" if verdict is not Verdict.FAIL else f"{reason}; {trouble}"
    if defect:
        code = ExitCode.DEFECT
    elif verdict is Verdict.FAIL:
        code = ExitCode.FAIL
    elif target_error:
        code = ExitCode.TARGET
    else:
        code = ExitCode.PASS if verdict is Verdict.PASS else ExitCode.INCONCLUSIVE
    return GateDecision(verdict=verdict, exit_code=code, reason=reason)


def _judged(criteria: Sequence[CriterionResult], selection: Selection) -> tuple[Verdict, str]:
    """The verdict by the criteria alone; a narrowed run is inconclusive at best."""
    blocking = [item for item in criteria if item.level is Level.BLOCK]
    by = {verdict: [item for item in blocking if item.verdict is verdict] for verdict in CriterionVerdict}
    not_met, open_ones = by[CriterionVerdict.NOT_MET], by[CriterionVerdict.UNPROVEN]
    total = f"{len(blocking):,} blocking {'criterion' if len(blocking) == 1 else 'criteria'}"
    warned = _warned(criteria)
    if not_met:
        more = f", {len(open_ones):,} unproven" if open_ones else ""
        named = _named([f"{item.id} was {item.observed}, needs {item.required}" for item in not_met], _NAMED)
        return Verdict.FAIL, f"{len(not_met):,} of {total} not met{more}: {named}"
    if open_ones:
        named = _named([f"{item.id}: {item.message or 'no data'}" for item in open_ones], _EXPLAINED)
        return Verdict.INCONCLUSIVE, f"{len(open_ones):,} of {total} unproven: {named}"
    if selection.narrowed:
        left = max(0, selection.criteria_total - (selection.criteria_selected or len(criteria)))
        met = len(by[CriterionVerdict.MET])
        word = "criterion" if len(blocking) == 1 else "criteria"
        counts = f"{met:,} of {len(blocking):,} selected {word} met, {left:,} not selected"
        return Verdict.INCONCLUSIVE, counts + warned
    if not any(item.is_evidence for item in blocking):
        return Verdict.INCONCLUSIVE, f"{_why_unproven(blocking)}, so nothing is proven"
    waived = by[CriterionVerdict.WAIVED]
    if waived:
        met = len(by[CriterionVerdict.MET])
        return Verdict.PASS, f"{met:,} of {total} met, {len(waived):,} waived{warned}"
    return Verdict.PASS, f"{'all ' if len(blocking) > 1 else ''}{total} met{warned}"


def _why_unproven(blocking: Sequence[CriterionResult]) -> str:
    """Why criteria of which none is open show nothing."""
    if not any(item.proves for item in blocking):
        return "no blocking criterion was judged"
    met = any(item.verdict is CriterionVerdict.MET for item in blocking)
    return f"every blocking criterion{' that could show that something passed' if met else ''} is waived"


def _warned(criteria: Iterable[CriterionResult]) -> str:
    count = sum(
        item.level is Level.WARN and item.verdict in (CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN)
        for item in criteria
    )
    return f", {count:,} {'warning' if count == 1 else 'warnings'}" if count else ""


def _named(deciding: Sequence[str], limit: int) -> str:
    named = "; ".join(deciding[:limit])
    return f"{named}; and {len(deciding) - limit:,} more" if len(deciding) > limit else named


def _counts(criteria: Sequence[CriterionResult]) -> str:
    blocking = [item.verdict for item in criteria if item.level is Level.BLOCK]
    words = {
        "met": CriterionVerdict.MET,
        "not met": CriterionVerdict.NOT_MET,
        "unproven": CriterionVerdict.UNPROVEN,
        "waived": CriterionVerdict.WAIVED,
    }
    counts = [f"{blocking.count(verdict):,} {word}" for word, verdict in words.items() if verdict in blocking]
    return f"{', '.join(counts)} by then" if counts else "nothing was judged by then"


def attempt_status(judged: Iterable[tuple[Level, CriterionVerdict]], *, error: str | None) -> AttemptStatus:
    """The status of one attempt, from the criteria of its check.

    Without a blocking criterion nothing was asked for, so nothing is proven.
    """
    if error:
        return AttemptStatus.ERRORED
    blocking = [verdict for level, verdict in judged if level is Level.BLOCK]
    if CriterionVerdict.NOT_MET in blocking:
        return AttemptStatus.FAILED
    if not blocking or CriterionVerdict.UNPROVEN in blocking:
        return AttemptStatus.UNPROVEN
    return AttemptStatus.PASSED


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


def confidence_for(base: float | None, attempts: int, retries_on_fail: bool) -> float | None:
    """The confidence for sample criteria of a check that may be tried again after a failure.

    With k attempts each is judged at error / k, so that the chance that any of them passes wrongly stays
    within the error (Bonferroni): 0.95 and 3 attempts give 0.9833.
    """
    if base is None or not retries_on_fail or attempts <= 1:
        return base
    return 1 - (1 - base) / attempts
