"""Lines of the written plan as reports show them: their words, their status, and what judges them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.model.lines import JudgedLine, Line, LineStatus, judge_lines
from phasegate.model.result import RunResult, StepResult
from phasegate.render.badges import KNOWN_ISSUE, LINE, Badge
from phasegate.render.hostile import anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One line of a list."""

    text: str
    level: int
    badge: Badge | None
    """None for a heading."""
    links: tuple[tuple[str, str], ...]
    """(id, anchor) of each criterion that judges it; no anchor for one that was not part of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineList:
    """A list of the written plan."""

    title: str
    rows: tuple[LineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTally:
    """How many lines the plan has, and what became of them."""

    total: int
    judged: int
    """Those of which the run knows whether they hold."""
    counts: Mapping[LineStatus, int]

    @property
    def text(self) -> str:
        """`98 of 106 lines judged, 97 hold, 1 open`."""
        lines = "line" if self.total == 1 else "lines"
        verb = "holds" if self.counts[LineStatus.HOLDS] == 1 else "hold"
        words = [f"{self.judged:,} of {self.total:,} {lines} judged"]
        words += [f"{self.counts[LineStatus.HOLDS]:,} {verb}"] if self.judged else []
        words += [
            f"{number:,} {LINE[status].word}"
            for status in (LineStatus.WAIVED, LineStatus.OPEN, LineStatus.NOT_VERIFIED)
            if (number := self.counts[status])
        ]
        return ", ".join(words)

    @property
    def tone(self) -> str:
        for status in (LineStatus.OPEN, LineStatus.NOT_VERIFIED, LineStatus.WAIVED):
            if self.counts[status]:
                return LINE[status].tone
        return "pass" if self.judged == self.total else "text"


def line_tally(run: RunResult) -> LineTally:
    counts = Counter(one.status for one in run.lines())
    total = counts.total()
    unknown = counts[LineStatus.NOT_JUDGED] + counts[LineStatus.NOT_VERIFIED]
    return LineTally(total=total, judged=total - unknown, counts=counts)


class LineRows:
    """Rows of the lists of one run."""

    def __init__(self, run: RunResult) -> None:
        self._run = run
        self._verdicts = run.verdicts()

    def of(self, lines: Sequence[Line]) -> tuple[LineRow, ...]:
        """The rows of a list; a known issue is solved when its criteria are met."""
        badges = KNOWN_ISSUE if lines is self._run.people.known else LINE
        return tuple(self._row(judged, badges) for judged in judge_lines(lines, self._verdicts))

    def of_step(self, step: StepResult) -> Iterator[LineList]:
        """Work and outcomes of a step."""
        for title, lines in (("Work", step.asked.work), ("Expected outcomes", step.asked.outcomes)):
            if lines:
                yield LineList(title=title, rows=self.of(lines))

    def of_phase(self) -> Iterator[LineList]:
        """The lists of the phase, in the order in which a written plan has them; risks are apart."""
        people = self._run.people
        for title, lines in (
            ("Done", people.done),
            ("Known issues", people.known),
            ("Schedule", people.schedule),
            ("Expected outcomes of the phase", people.outcomes),
            ("After the phase", people.after),
            ("Next", people.next),
        ):
            if lines:
                yield LineList(title=title, rows=self.of(lines))

    def _row(self, judged: JudgedLine, badges: Mapping[LineStatus, Badge]) -> LineRow:
        line = judged.line
        return LineRow(
            text=line_text(line),
            level=line.level,
            badge=None if line.heading else badges[judged.status],
            links=tuple((id, anchor("criterion", id) if id in self._verdicts else "") for id in line.by),
        )


def line_text(line: Line) -> str:
    """The words of a line: `Monday: build (room: 3)` for one with `when`, `what` and a key of its own."""
    more = {key: plain(value) for key, value in line.more.items()}
    when = more.pop("when", "")
    text = line.text or more.pop("what", "")
    rest = ", ".join(f"{key}: {value}" for key, value in more.items())
    text = f"{text} ({rest})" if text and rest else text or rest
    return ": ".join(part for part in (when, text) if part)


def plain(value: Any) -> str:
    """A YAML value in words."""
    match value:
        case None:
            return ""
        case Mapping():
            return ", ".join(f"{key}: {plain(item)}" for key, item in value.items())
        case list() | tuple():
            return "; ".join(plain(item) for item in value)
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
