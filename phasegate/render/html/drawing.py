"""What goes into one chart, before it has a geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

from phasegate.base.dataclass import dataclass
from phasegate.base.units import Dimension
from phasegate.model.observation import Series
from phasegate.model.result import CriterionResult
from phasegate.render.sentences import required

_DIMENSIONS = {
    "s": Dimension.TIME,
    "/s": Dimension.RATE,
    "B": Dimension.SIZE,
    "B/s": Dimension.DATA_RATE,
    "ratio": Dimension.SHARE,
    "%": Dimension.SHARE,
}

Points = tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    title: str
    anchor: str
    dimension: Dimension
    group: Sequence[Series]
    limits: Sequence[tuple[str, float]]
    peaks: bool
    """Whether a point that stands for many is their highest, or their mean."""
    note: str = ""
    others: tuple[str, ...] = ()
    """Names of lines that are not drawn, as there are too many."""

    @property
    def end(self) -> float:
        """The time of the last point."""
        return max((time for series in self.group for time, _ in series.points), default=0.0)


def dimension_of(series: Series) -> Dimension:
    """By its unit; a count where that is none of ours."""
    return _DIMENSIONS.get(series.unit, Dimension.COUNT)


def drawable(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def highest(points: Points) -> float:
    """0 where there is nothing to draw."""
    return max((value for _, value in points if drawable(value)), default=0.0)


def limit_of(criterion: CriterionResult, dimension: Dimension, *, without: str) -> tuple[str, float] | None:
    """The threshold as a line of a chart; None when the criterion is about something else.

    `without`: how its name begins that the chart makes plain anyway.
    """
    threshold, asked = criterion.judged.threshold, criterion.asked
    if threshold is None or threshold.dimension is not dimension or threshold.value <= 0:
        return None
    named = asked.expression.split(asked.criterion.op.value)[0].strip()
    return f"{named.removeprefix(without)} {required(criterion)}", threshold.value
