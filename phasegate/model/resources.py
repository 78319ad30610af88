"""What processes and services of the target use: the measures of `target/<id>`, and an account of any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from phasegate.base.facts import Code, fact
from phasegate.base.units import BASE_UNIT, Dimension
from phasegate.model.measures import Chart, Gauge, MeasureSpec, MeasureType
from phasegate.model.observation import Series

INTERVAL = 0.5
"""Seconds from one sample to the next."""


def _gauge(dimension: Dimension, about: str, chart: Chart | None = None) -> MeasureSpec:
    return MeasureSpec(type=MeasureType.GAUGE, dimension=dimension, about=about, lowest=0, chart=chart)


RESOURCES: Mapping[str, MeasureSpec] = {
    "cpu": _gauge(
        Dimension.SHARE,
        "processor time per time, as top shows it: 100% is one core, 250% is two and a half",
        Chart(title=fact(Code.CHART, what="target_cpu"), note=fact(Code.CHART_NOTE, what="cpu")),
    ),
    "memory": _gauge(
        Dimension.SIZE,
        "resident memory of the process and its children; what they share counts for each",
        Chart(title=fact(Code.CHART, what="target_memory")),
    ),
    "threads": _gauge(Dimension.COUNT, "threads of the process and its children"),
    "open_files": _gauge(Dimension.COUNT, "open file descriptors, sockets and pipes included"),
}
"""Each over the whole run: from the moment an entry is ready until the target is taken down."""


@dataclass(slots=True)
class Line:
    """A line of a timeline that grows ever more slowly: the highest of so many looks makes a point."""

    most: int | None = None
    """Points; beyond, each stands for twice as many looks as before. None: `each` is set from outside."""
    each: int = 1
    points: list[tuple[float, float | None]] = field(default_factory=list)
    _open: list[float | None] = field(default_factory=list)

    def add(self, at: float, value: float | None) -> None:
        if self.each > 1:
            self._open.append(value)
            if len(self._open) < self.each:
                return
            value, self._open = _highest(self._open), []
        self.points.append((round(at, 3), value))
        if self.most is not None and len(self.points) >= self.most:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(later, _highest([one, other])) for (_, one), (later, other) in pairs]
            self.each *= 2


@dataclass(slots=True)
class Account:
    """What something has used, look by look: for each gauge a measure over all looks, and a line.

    Pure, so that it can be fed any times and values; times are seconds.
    """

    specs: Mapping[str, MeasureSpec]
    every: float
    since: float = 0.0
    most: int | None = None
    """As for `Line`."""
    looks: int = 0
    gauges: dict[str, Gauge] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)

    def add(self, at: float, values: Mapping[str, float | None]) -> None:
        self.looks += 1
        for name, value in values.items():
            if value is None:
                continue
            if name not in self.gauges:
                self.gauges[name] = Gauge(dimension=self.specs[name].dimension, interval=self.every)
                self.lines[name] = Line(most=self.most)
            self.gauges[name] = self.gauges[name].and_then(value, span=at - self.since)
        self._draw(at, values)

    def pause(self, at: float) -> None:
        """Nothing ran at this look."""
        self._draw(at, {})

    def measures(self) -> dict[str, Gauge]:
        return {name: self.gauges[name] for name in self.specs if name in self.gauges}

    def series(self, name: str, points: Iterable[tuple[float, float | None]], *, label: str = "") -> Series:
        """Points of a line, named for the gauge or by a `label`."""
        dimension = self.specs[name].dimension
        unit = "ratio" if dimension is Dimension.SHARE else BASE_UNIT[dimension]
        return Series(name=label or name, unit=unit, points=tuple(points))

    def _draw(self, at: float, values: Mapping[str, float | None]) -> None:
        for name, line in self.lines.items():
            line.add(at, values.get(name))


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
