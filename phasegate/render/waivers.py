"""Waivers as reports show them: what each did in this run, and which cases and checks they cover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from phasegate.base.dataclass import dataclass
from phasegate.base.units import count, enumerate_words
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case
from phasegate.model.result import CheckResult, CheckStatus, RunResult, WaiverResult, WaiverState
from phasegate.render.badges import Badge

STATE: dict[WaiverState, Badge] = {
    WaiverState.USED: Badge("~", "used", "waived"),
    WaiverState.NOT_ENOUGH: Badge("✗", "not enough", "fail"),
    WaiverState.UNUSED: Badge("-", "unused", "warn"),
    WaiverState.TOO_WIDE: Badge("!", "too wide", "warn"),
    WaiverState.EXPIRED: Badge("!", "expired", "warn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaivedCases:
    """Which cases of a run are covered by waivers that are in force."""

    by: Mapping[tuple[str, str], tuple[str, ...]]
    """Ids of waivers by (check, case)."""

    def of(self, check: CheckResult, case: Case) -> tuple[str, ...]:
        return self.by.get((check.id, case.id), ())


def find_waived_cases(run: RunResult) -> WaivedCases:
    by: dict[tuple[str, str], tuple[str, ...]] = {}
    for waiver in run.waivers:
        for name in waiver.cases:
            check, _, case = name.partition("/")
            by[check, case] = (*by.get((check, case), ()), waiver.id)
    return WaivedCases(by=by)


def is_waived(run: RunResult, check: CheckResult) -> bool:
    """Whether a check did not pass, and waivers cover all that would close the gate for it."""
    if check.status is CheckStatus.PASSED or not run.waivers:
        return False
    verdicts = [
        item.verdict for item in run.criteria if item.subject == check.id and item.level is Level.BLOCK
    ]
    return CriterionVerdict.WAIVED in verdicts and not {
        CriterionVerdict.NOT_MET,
        CriterionVerdict.UNPROVEN,
    }.intersection(verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRow:
    waiver: WaiverResult
    badge: Badge

    @property
    def covered(self) -> tuple[str, ...]:
        """What it covers in this run."""
        return (*self.waiver.criteria, *self.waiver.cases)

    @property
    def left(self) -> str:
        """`82 days left`."""
        days = self.waiver.asked.days_left
        if days < 0:
            return f"{count(-days, 'day')} ago"
        return "its last day" if days == 0 else f"{count(days, 'day')} left"


def waiver_rows(run: RunResult) -> tuple[WaiverRow, ...]:
    return tuple(WaiverRow(waiver=waiver, badge=STATE[waiver.state]) for waiver in run.waivers)


def with_waivers(run: RunResult) -> str:
    """` with 2 waivers`, to be read behind the verdict; empty where no waiver changed anything."""
    used = _used_waivers(run)
    return f" with {count(len(used), 'waiver')}" if used else ""


def _used_waivers(run: RunResult) -> list[WaiverResult]:
    return [waiver for waiver in run.waivers if waiver.state is WaiverState.USED]


def beside_verdict(run: RunResult) -> Iterator[tuple[str, str, str]]:
    """(label, text, tone): with how many waivers the verdict stands, and which of them need looking at."""
    used = _used_waivers(run)
    if used:
        them = "it" if len(used) == 1 else "them"
        named = enumerate_words((waiver.id for waiver in used), 3)
        unwaived = f"; without {them} {run.unwaived}" if run.unwaived else ""
        yield "Waivers", f"{run.verdict}{with_waivers(run)}: {named}{unwaived}", "waived"
    groups = (
        ("Expired", [item for item in run.waivers if item.state is WaiverState.EXPIRED], _expired_text),
        ("Ends soon", [item for item in run.waivers if item.asked.ends_soon], _ending),
        ("To mend", [item for item in run.waivers if run.finished and item.state in _TO_MEND], _to_mend),
    )
    for label, waivers, words in groups:
        if waivers:
            yield label, enumerate_words(map(words, waivers), 3), "warn"


_TO_MEND = (WaiverState.TOO_WIDE, WaiverState.UNUSED, WaiverState.NOT_ENOUGH)


def _expired_text(waiver: WaiverResult) -> str:
    return f"waiver {waiver.id} on {waiver.asked.expires}, so it covers nothing"


def _ending(waiver: WaiverResult) -> str:
    row = WaiverRow(waiver=waiver, badge=STATE[waiver.state])
    return f"waiver {waiver.id} on {waiver.asked.expires} ({row.left})"


def _to_mend(waiver: WaiverResult) -> str:
    return f"waiver {waiver.id} is {STATE[waiver.state].word}"
