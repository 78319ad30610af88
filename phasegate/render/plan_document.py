"""`plan.md`: the phase as the written document that it came from, each line with what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from phasegate.base.dataclass import dataclass
from phasegate.base.units import format_seconds
from phasegate.model.criterion import Level
from phasegate.model.lines import Line
from phasegate.model.observation import CaseStatus
from phasegate.model.result import CriterionResult, RunResult, StepResult
from phasegate.render import FORMATS
from phasegate.render.badges import VERDICT, Badge, of_criterion
from phasegate.render.hostile import anchor, evidence_href, show
from phasegate.render.lines import LineRow, LineRows
from phasegate.render.sentences import bound, observed, required, sentence
from phasegate.render.standing import standing
from phasegate.render.words import full_expression

_MARKUP = re.compile(r"[\\`*\[\]<>|~#&!]|(?<![^\W_])_|_(?![^\W_])")
_MOST_LINKS = 3
"""Criteria of a line whose figures stand with it; all of them are in `report.html`."""


def render(run: RunResult) -> str:
    """Markdown (CommonMark). Links lead to files of the run's folder, beside which it is written."""
    return "\n".join(_Document(run).lines()) + "\n"


@dataclass(frozen=True)
class _Words:
    """Everything that the document says of its own."""

    created: str = "Created"
    phase: str = "Phase"
    goal: str = "Goal"
    situation: str = "Current situation"
    done: str = "Completed items"
    known: str = "Known issues"
    plan: str = "Work plan"
    step: str = "Step"
    priority: str = "Priority"
    estimate: str = "Estimate"
    took: str = "Took"
    purpose: str = "Purpose"
    owner: str = "Owner"
    work: str = "Work"
    outcomes: str = "Expected outcomes"
    criteria: str = "Success criteria"
    judged_criteria: str = "Criteria of the step"
    during: str = "Judged for the phase as a whole"
    risks: str = "Risks and measures"
    risk: str = "Risk"
    impact: str = "Impact"
    likelihood: str = "Likelihood"
    measures: str = "Measures"
    schedule: str = "Schedule"
    after: str = "State after the phase"
    next: str = "Next phase"
    approver: str = "Approver"
    due: str = "Due"
    updated: str = "Updated"
    verdict: str = "Verdict"
    judged: str = "Judged"
    needs: str = "needs"
    evidence: str = "evidence"
    warns: str = "does not block"
    left_out: str = "was not part of this run"
    more: str = "more in the report"


WORDS = _Words()


class _Document:
    def __init__(self, run: RunResult) -> None:
        self._run = run
        self._people = run.people
        self._criteria = {one.id: one for one in run.criteria}
        self._by_step: dict[str | None, list[CriterionResult]] = {}
        for one in run.criteria:
            self._by_step.setdefault(one.asked.step, []).append(one)
        self._evidence = _first_evidence(run)
        self._rows = LineRows(run)
        self._report = FORMATS["html"].file

    def lines(self) -> Iterator[str]:
        run, people = self._run, self._people
        yield from (f"# {_text(run.title)}", "")
        yield from _facts(
            (WORDS.created, people.created), (WORDS.phase, run.phase), (WORDS.goal, people.goal)
        )
        yield from self._standing()
        yield from self._situation()
        yield from (f"## {WORDS.plan}", "")
        for number, step in enumerate(run.steps, start=1):
            yield from self._step(number, step)
        yield from self._risks()
        yield from self._list(f"## {WORDS.schedule}", people.schedule)
        yield from self._phase_criteria()
        yield from self._list(f"## {WORDS.after}", people.after)
        yield from self._list(f"### {WORDS.next}" if people.after else f"## {WORDS.next}", people.next)
        yield from ("---", "")
        yield from _facts(
            (WORDS.approver, people.approver),
            (WORDS.owner, people.owner),
            (WORDS.due, people.due),
            (WORDS.updated, people.updated),
            (WORDS.judged, f"{run.run}, {run.tool.name} {run.tool.version}"),
        )

    def _standing(self) -> Iterator[str]:
        run = self._run
        reason = sentence(run.reason)
        yield from _facts((WORDS.verdict, f"{VERDICT[run.verdict].word}: {reason}"))
        for line in standing(run):
            yield f"- **{line.label}**: {_text(line.text)}"
        yield from ("", f"[{self._report}]({self._report})", "", "---", "")

    def _situation(self) -> Iterator[str]:
        people = self._people
        if people.done or people.known:
            yield from (f"## {WORDS.situation}", "")
            yield from self._list(f"### {WORDS.done}", people.done)
            yield from self._list(f"### {WORDS.known}", people.known)

    def _step(self, number: int, step: StepResult) -> Iterator[str]:
        asked = step.asked
        yield from (f"### {WORDS.step} {number}: {_text(asked.title or asked.id)}", "")
        yield from _facts(
            (WORDS.priority, asked.priority),
            (WORDS.estimate, asked.estimate),
            (WORDS.took, "" if step.duration is None else format_seconds(step.duration)),
            (WORDS.owner, asked.owner),
            (WORDS.purpose, asked.purpose),
        )
        yield from self._list(f"#### {WORDS.work}", asked.work, numbered=True)
        yield from self._list(f"#### {WORDS.outcomes}", asked.outcomes)
        criteria = self._by_step.get(step.id, ())
        yield from self._criteria_list(f"#### {WORDS.judged_criteria}", criteria)

    def _phase_criteria(self) -> Iterator[str]:
        """What the phase as a whole is to reach, and the criteria that belong to no step."""
        criteria = self._by_step.get(None, ())
        if not criteria and not self._people.outcomes:
            return
        if self._people.outcomes:
            yield from self._list(f"## {WORDS.criteria}", self._people.outcomes)
            yield from self._criteria_list(f"### {WORDS.during}", criteria)
        else:
            yield from self._criteria_list(f"## {WORDS.criteria}", criteria)

    def _risks(self) -> Iterator[str]:
        if self._people.risks:
            yield from (f"## {WORDS.risks}", "")
        for number, risk in enumerate(self._people.risks, start=1):
            yield from (f"### {WORDS.risk} {number}: {_text(risk.title)}", "")
            yield from _facts((WORDS.impact, risk.impact), (WORDS.likelihood, risk.likelihood))
            yield from self._list(f"**{WORDS.measures}**:", risk.measures)

    def _list(self, heading: str, lines: Sequence[Line], *, numbered: bool = False) -> Iterator[str]:
        rows = self._rows.of(lines)
        if not rows:
            return
        yield from (heading, "")
        plain = (index for index, row in enumerate(rows) if not row.level and row.badge is not None)
        numbers = {index: number for number, index in enumerate(plain, start=1)}
        last = max(numbers, default=-1)
        above: list[tuple[int, int]] = []
        """Level of each row that this one stands below, and the column where those below it begin."""
        for index, row in enumerate(rows):
            while above and above[-1][0] >= row.level:
                above.pop()
            margin = above[-1][1] if above else 0
            if not row.level and index > last:  # a heading after which no line of the list's own comes
                yield from (*([""] if index else []), f"**{_text(row.text)}**", "")
                above.append((0, 0))
                continue
            mark = f"{numbers[index]}." if numbered and index in numbers else "-"
            yield f"{' ' * margin}{mark} {self._line(row)}"
            above.append((row.level, margin + max(3, len(mark) + 1)))
        yield ""

    def _line(self, row: LineRow) -> str:
        judges = [self._judge(id, place) for id, place in row.links[:_MOST_LINKS]]
        if len(row.links) > _MOST_LINKS:
            judges.append(f"{len(row.links) - _MOST_LINKS} {WORDS.more}")
        if row.badge is None:
            return f"**{_text(row.text)}**"
        return f"{_badge(row.badge)} {_text(row.text)}" + (f" ({'; '.join(judges)})" if judges else "")

    def _judge(self, id: str, place: str) -> str:
        """The figure of a criterion, and the place of its evidence."""
        if not place:
            return f"{_text(id)}: {WORDS.left_out}"
        return f"{self._figure(self._criteria[id])}: {self._link(id)}"

    def _criteria_list(self, heading: str, criteria: Iterable[CriterionResult]) -> Iterator[str]:
        items = [self._criterion(item) for item in criteria]
        if items:
            yield from (heading, "", *items, "")

    def _criterion(self, item: CriterionResult) -> str:
        warns = f", {WORDS.warns}" if item.level is Level.WARN else ""
        text = item.asked.title or full_expression(item)
        href = self._evidence.get((item.subject, item.part))
        evidence = f", [{WORDS.evidence}]({href})" if href else ""
        figure = f"{self._figure(item)}: {self._link(item.id)}"
        return f"- {_badge(of_criterion(item))} {_text(text)} ({figure}{evidence}{warns})"

    def _link(self, id: str) -> str:
        return f"[{_text(id)}]({self._report}#{anchor('criterion', id)})"

    def _figure(self, item: CriterionResult) -> str:
        shows = bound(item)
        seen = f"{observed(item)}, bound {shows}" if shows.startswith((">", "<")) else observed(item)
        return _text(f"{seen}, {WORDS.needs} {required(item)}")


def _first_evidence(run: RunResult) -> Mapping[tuple[str, str], str]:
    """The evidence of the first case that did not pass, or of the first that did, by check and part; the
    empty part is the whole."""
    found: dict[tuple[str, str], str] = {}
    for passed in (False, True):
        for check in run.checks():
            for case in check.seen.cases:
                if case.evidence and (case.status is CaseStatus.PASSED) is passed:
                    href = evidence_href(case.evidence[0])
                    for part in ("", case.part) if href else ():
                        found.setdefault((check.id, part), href or "")
    return found


def _badge(badge: Badge) -> str:
    return f"**{badge.symbol} {badge.word}**"


def _facts(*facts: tuple[str, str]) -> Iterator[str]:
    lines = [f"**{label}**: {_text(text)}" for label, text in facts if text]
    if lines:
        yield from ("  \n".join(lines), "")


def _text(text: str) -> str:
    """A text in which nothing is markup, on one line."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(show(text).split()))
