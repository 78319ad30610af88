"""Lines of the written plan, and whether the criteria that they name are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from phasegate.base.tree import TreePath
from phasegate.model.criterion import PlanCriterion
from phasegate.model.lines import Line, Risk
from phasegate.model.result import People
from phasegate.plan.reading.context import Context
from phasegate.plan.text.findings import did_you_mean
from phasegate.plan.written.plan import LineWritten, PlanWritten


class LineReader:
    """Reads lists of lines of one plan."""

    def __init__(self, context: Context, criteria: Iterable[PlanCriterion]) -> None:
        self._context = context
        self._criteria = dict.fromkeys(criterion.id for criterion in criteria)
        findings = context.findings
        self._whole = not findings.problems and not findings.unread
        """Whether every criterion of the plan was read; where not, one that is not there may yet be."""

    def people(self, head: PlanWritten) -> People:
        return People(
            goal=head.goal,
            owner=head.owner,
            approver=head.approver,
            created=head.created,
            updated=head.updated,
            due=head.due,
            done=self.read(("done",), head.done),
            known=self.read(("known",), head.known),
            risks=tuple(
                Risk(
                    title=risk.title,
                    impact=risk.impact,
                    likelihood=risk.likelihood,
                    measures=self.read(("risks", index, "measures"), risk.measures),
                )
                for index, risk in enumerate(head.risks)
            ),
            schedule=self.read(("schedule",), head.schedule),
            outcomes=self.read(("outcomes",), head.outcomes),
            after=self.read(("after",), head.after),
            next=self.read(("next",), head.next),
        )

    def read(self, path: TreePath, written: Sequence[LineWritten]) -> tuple[Line, ...]:
        """The lines of a list, those below others behind them. A link that leads nowhere is reported."""
        return tuple(self._lines(path, written, 0))

    def _lines(self, path: TreePath, written: Sequence[LineWritten], level: int) -> Iterator[Line]:
        for index, one in enumerate(written):
            place = (*path, index)
            self._check_links(place, one)
            yield Line(
                text=" ".join((one.text or one.heading).split()),
                by=tuple(dict.fromkeys(one.by)),
                level=level,
                heading=bool(one.heading),
                more=one.model_extra or {},
            )
            yield from self._lines((*place, "lines"), one.lines, level + 1)

    def _check_links(self, place: TreePath, line: LineWritten) -> None:
        for number, id in enumerate(line.by if self._whole else ()):
            if id not in self._criteria:
                message = f"the line {line.text[:60]!r} names {id!r}, which is not the id of a criterion"
                help = did_you_mean(id, list(self._criteria), "criteria")
                self._context.findings.add(self._context.document, (*place, "by", number), message, help=help)
