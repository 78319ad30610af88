"""What was done to the target on purpose, in words, as a row of its step, as a band of charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from phasegate.base.dataclass import dataclass
from phasegate.base.units import format_seconds
from phasegate.model.faults import FaultResult, FaultStatus, PlanFault
from phasegate.model.result import CheckResult
from phasegate.render.badges import Badge
from phasegate.render.words import describe

WORDS: dict[FaultStatus, tuple[str, str, str]] = {
    FaultStatus.RECOVERED: ("↺", "recovered", "default"),
    FaultStatus.NOT_RECOVERED: ("✗", "not recovered", "bold red"),
    FaultStatus.ROLLED_OUT: ("↻", "rolled out", "default"),
    FaultStatus.ROLLED_BACK: ("✗", "rolled back", "bold red"),
    FaultStatus.NOT_DONE: ("-", "not done", "yellow"),
    FaultStatus.CUT_SHORT: ("?", "cut short", "yellow"),
    FaultStatus.UNDER_WAY: ("!", "STILL ON?", "bold red"),
    FaultStatus.NOT_UNDONE: ("!", "NOT UNDONE", "bold red"),
}
"""Symbol, word and style for terminals."""
_TONES = {"default": "skipped", "yellow": "warn", "bold red": "fail"}
_SAID = ("recovery_time", "rollout_time", "rollback_time", "lost_requests", "outage", "recovery_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    fault: FaultResult
    badge: Badge
    done: str
    headline: str
    measures: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a fault was felt; seconds on the timeline of a check."""

    name: str
    begin: float
    end: float


def fault_rows(faults: Iterable[FaultResult]) -> tuple[FaultRow, ...]:
    return tuple(
        FaultRow(
            fault=fault,
            badge=_badge(fault),
            done=fault_text(fault.asked),
            headline=headline(fault),
            measures=tuple(_fault_rows(fault, _SAID)),
            times=tuple(
                (label, at)
                for label, at in (
                    ("done", fault.started),
                    ("undone", fault.undone),
                    ("good again", fault.recovered),
                )
                if at is not None
            ),
        )
        for fault in faults
    )


def fault_text(fault: PlanFault) -> str:
    """`kill nodejs at 5 s of steady for 3 s`."""
    lasting = f" for {format_seconds(fault.lasting)}" if fault.lasting else ""
    what = f"{fault.act} {', '.join(fault.targets)}{fault.version}"
    return f"{what} at {format_seconds(fault.due)} of {fault.check}{lasting}"


def headline(fault: FaultResult) -> str:
    """What came of it in a line: the time to recover, the requests lost."""
    return ", ".join(f"{name} {text}" for name, text in _fault_rows(fault, _SAID[:4]))


def _fault_rows(fault: FaultResult, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name in fault.measures:
            yield name, describe(fault.measures[name])


def _badge(fault: FaultResult) -> Badge:
    symbol, word, style = WORDS[fault.status]
    return Badge(symbol, word, _TONES[style])


def windows_of(check: CheckResult, faults: Iterable[FaultResult]) -> Iterator[Window]:
    """From when a fault was done until all was good again, or the check's attempt had ended."""
    attempt = check.last
    if attempt is None:
        return
    zero = attempt.zero
    over = attempt.started + timedelta(seconds=attempt.duration)
    for fault in faults:
        if fault.asked.check != check.id or fault.started is None:
            continue
        begin, end = ((at - zero).total_seconds() for at in (fault.started, fault.recovered or over))
        if fault.started < over and end > 0:
            yield Window(name=fault.id, begin=max(0.0, begin), end=end)
