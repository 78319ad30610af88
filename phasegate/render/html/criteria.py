"""The criteria of a run as the report shows them: by step and gate, what is open first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from phasegate.base.dataclass import dataclass
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import CriterionResult, RunResult
from phasegate.render import badges
from phasegate.render.badges import Badge
from phasegate.render.hostile import anchor
from phasegate.render.html.folding import fold_rows
from phasegate.render.sentences import bound, margin, message, observed, required


@dataclass(frozen=True, kw_only=True)
class CriterionRow:
    criterion: CriterionResult
    badge: Badge
    anchor: str
    check_anchor: str
    """The check it speaks of; empty when it speaks of a step or the run."""

    @property
    def open(self) -> bool:
        """Whether it holds the gate closed."""
        return self.criterion.level is Level.BLOCK and self.criterion.verdict in (
            CriterionVerdict.NOT_MET,
            CriterionVerdict.UNPROVEN,
        )

    @cached_property
    def required(self) -> str:
        return required(self.criterion)

    @cached_property
    def observed(self) -> str:
        return observed(self.criterion)

    @cached_property
    def bound(self) -> str:
        return bound(self.criterion)

    @property
    def margin(self) -> str:
        return margin(self.criterion)

    @cached_property
    def why(self) -> str:
        """Why this verdict, and what would prove it."""
        return message(self.criterion)

    @cached_property
    def message(self) -> str:
        """The same; empty where it would only repeat the figures beside it."""
        figures = f"observed {self.observed}"
        return "" if self.why in (figures, f"{figures}, needs {self.required}") else self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaGroup:
    """The criteria of one step, or those of the gate."""

    title: str
    anchor: str
    rows: tuple[CriterionRow, ...]
    """All of them: those in the page, and those that are folded away."""
    shown: tuple[CriterionRow, ...] = ()
    folded: tuple[CriterionRow, ...] = ()

    @property
    def met(self) -> int:
        return sum(row.criterion.verdict is CriterionVerdict.MET for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaTally:
    """How many criteria stand how; `blocking` of them decide."""

    total: int
    blocking: int
    met: int
    not_met: int
    unproven: int
    waived: int
    warnings: int
    """Criteria of level warn that are not met."""


def criteria_groups(run: RunResult) -> tuple[CriteriaGroup, ...]:
    checks = {check.id for check in run.checks()}
    rows = [_row(criterion, checks) for criterion in run.criteria]
    groups = [
        CriteriaGroup(
            title=f"{number}. {step.asked.title or step.id}",
            anchor=anchor("criteria", step.id),
            rows=_sort_rows(row for row in rows if row.criterion.asked.step == step.id),
        )
        for number, step in enumerate(run.steps, start=1)
    ]
    known = {step.id for step in run.steps}
    rest = _sort_rows(row for row in rows if row.criterion.asked.step not in known)
    groups.append(CriteriaGroup(title="Gate: the run as a whole", anchor="criteria-of-the-gate", rows=rest))
    groups = [group for group in groups if group.rows]
    parts = fold_rows([group.rows for group in groups], _order)
    return tuple(
        replace(group, shown=shown, folded=folded)
        for group, (shown, folded) in zip(groups, parts, strict=True)
    )


def tally(run: RunResult) -> CriteriaTally:
    """Met, not met, unproven and waived count blocking criteria only."""
    blocking = [item.verdict for item in run.criteria if item.level is Level.BLOCK]
    return CriteriaTally(
        total=len(run.criteria),
        blocking=len(blocking),
        met=blocking.count(CriterionVerdict.MET),
        not_met=blocking.count(CriterionVerdict.NOT_MET),
        unproven=blocking.count(CriterionVerdict.UNPROVEN),
        waived=blocking.count(CriterionVerdict.WAIVED),
        warnings=sum(badges.of_criterion(item) is badges.WARNING for item in run.criteria),
    )


_ORDER = {
    CriterionVerdict.NOT_MET: 0,
    CriterionVerdict.UNPROVEN: 1,
    CriterionVerdict.WAIVED: 3,
    CriterionVerdict.MET: 4,
}


def _sort_rows(rows: Iterable[CriterionRow]) -> tuple[CriterionRow, ...]:
    return tuple(sorted(rows, key=_order))


def _order(row: CriterionRow) -> int:
    return 2 if _warns_openly(row) else _ORDER[row.criterion.verdict]


def _warns_openly(row: CriterionRow) -> bool:
    return row.criterion.level is Level.WARN and row.criterion.verdict in (
        CriterionVerdict.NOT_MET,
        CriterionVerdict.UNPROVEN,
    )


def _row(criterion: CriterionResult, checks: set[str]) -> CriterionRow:
    return CriterionRow(
        criterion=criterion,
        badge=badges.of_criterion(criterion),
        anchor=anchor("criterion", criterion.id),
        check_anchor=anchor("check", criterion.subject) if criterion.subject in checks else "",
    )
