"""How a status looks in the HTML report: symbol, word and tone together, never colour alone."""

from __future__ import annotations

from phasegate.base.dataclass import dataclass
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.lines import LineStatus
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import AttemptStatus, CheckStatus, CriterionResult, Verdict


@dataclass(frozen=True, slots=True)
class Badge:
    symbol: str
    word: str
    tone: str
    """A name of `palette.TONES`."""


VERDICT: dict[Verdict, Badge] = {
    Verdict.PASS: Badge("✓", "PASS", "pass"),
    Verdict.FAIL: Badge("✗", "FAIL", "fail"),
    Verdict.INCONCLUSIVE: Badge("?", "INCONCLUSIVE", "warn"),
}
CHECK: dict[CheckStatus, Badge] = {
    CheckStatus.PASSED: Badge("✓", "passed", "pass"),
    CheckStatus.FAILED: Badge("✗", "failed", "fail"),
    CheckStatus.UNPROVEN: Badge("?", "unproven", "warn"),
    CheckStatus.ERRORED: Badge("!", "errored", "error"),
    CheckStatus.NOT_RUN: Badge("-", "not run", "skipped"),
}
ATTEMPT: dict[AttemptStatus, Badge] = {status: CHECK[CheckStatus(status.value)] for status in AttemptStatus}
CASE: dict[CaseStatus, Badge] = {
    CaseStatus.PASSED: Badge("✓", "passed", "pass"),
    CaseStatus.FAILED: Badge("✗", "failed", "fail"),
    CaseStatus.SKIPPED: Badge("-", "skipped", "skipped"),
    CaseStatus.LOST: Badge("?", "no result", "error"),
}
WAIVED_CASE: dict[CaseStatus, Badge] = {
    status: Badge("~", f"{CASE[status].word}, waived", "waived")
    for status in (CaseStatus.FAILED, CaseStatus.SKIPPED, CaseStatus.LOST)
}
LINE: dict[LineStatus, Badge] = {
    LineStatus.HOLDS: Badge("✓", "holds", "pass"),
    LineStatus.WAIVED: Badge("~", "waived", "waived"),
    LineStatus.OPEN: Badge("✗", "open", "fail"),
    LineStatus.NOT_VERIFIED: Badge("?", "not verified", "warn"),
    LineStatus.NOT_JUDGED: Badge("-", "not judged", "skipped"),
}
KNOWN_ISSUE = {**LINE, LineStatus.HOLDS: Badge("✓", "solved", "pass")}
"""Of a line that names a fault: its criteria are met when the fault is gone."""
FLAKY = Badge("↻", "flaky", "warn")
WARNING = Badge("!", "warning", "warn")
_CRITERION: dict[CriterionVerdict, Badge] = {
    CriterionVerdict.MET: Badge("✓", "met", "pass"),
    CriterionVerdict.NOT_MET: Badge("✗", "not met", "fail"),
    CriterionVerdict.UNPROVEN: Badge("?", "unproven", "warn"),
    CriterionVerdict.WAIVED: Badge("~", "waived", "waived"),
}


def of_criterion(criterion: CriterionResult) -> Badge:
    """An unmet criterion of level warn warns; everything else looks the same at both levels."""
    if criterion.level is Level.WARN and criterion.verdict is CriterionVerdict.NOT_MET:
        return WARNING
    return _CRITERION[criterion.verdict]


def of_case(case: Case, *, waived: bool = False) -> Badge:
    if waived and case.status in WAIVED_CASE:
        return WAIVED_CASE[case.status]
    return FLAKY if case.earlier and case.flaky else CASE[case.status]
