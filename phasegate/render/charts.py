"""Values over time as geometry for inline SVG, and distributions as rows of a percentile table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from phasegate.model.measures import Distribution
from phasegate.model.observation import Series
from phasegate.model.result import CheckResult, CriterionResult, RunResult, TargetRecord
from phasegate.render.hostile import anchor
from phasegate.units import Dimension, format_seconds, format_value, parse_quantity

WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 60, 92, 22, 28
"""Room for the axis labels, and to the right for the names of the lines."""
MOST_POINTS = 240
"""Points drawn of one series; longer ones are drawn by spans of time."""
MOST_ROWS = 60
"""Rows of the data table under a chart."""
LABEL_HEIGHT = 15
FAR_OFF = 2.5
"""A limit further above the data than this many times is named, not drawn, or it would flatten the lines."""
QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999))

_DIMENSIONS = {
    "s": Dimension.TIME,
    "/s": Dimension.RATE,
    "B": Dimension.SIZE,
    "B/s": Dimension.DATA_RATE,
    "ratio": Dimension.SHARE,
    "%": Dimension.SHARE,
}
_TITLES = {
    Dimension.TIME: "Latency over time",
    Dimension.RATE: "Requests and errors over time",
    Dimension.SHARE: "Share over time",
    Dimension.SIZE: "Size over time",
    Dimension.DATA_RATE: "Data rate over time",
    Dimension.COUNT: "Count over time",
}
_TARGET = "target/"
_USED = (
    ("cpu", "CPU of the target over time", Dimension.SHARE, "100% is one core"),
    ("memory", "Memory of the target over time", Dimension.SIZE, ""),
)
"""What is drawn of the target: measure, title, dimension, note."""
_THRESHOLD = re.compile(r"(<=|>=|==|<|>)\s*(.+)")

Points = tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    at: float
    """Pixels."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    number: int
    """Picks colour and dashes."""
    path: str
    """SVG path data; a gap where a value is missing."""
    dots: tuple[tuple[float, float], ...]
    """Points with a gap on both sides, which a path does not show."""
    label_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRow:
    at: float
    """Pixels from the left, for the hover line."""
    time: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    anchor: str
    note: str
    """How the points were condensed and which limits lie outside; empty when there is nothing to say."""
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    rows: tuple[DataRow, ...]
    summary: str
    """The chart in a sentence, for those who do not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """What goes into one chart."""

    title: str
    anchor: str
    dimension: Dimension
    group: list[Series]
    limits: list[tuple[str, float]]
    peaks: bool
    """Whether a point that stands for many is their highest, or their mean."""
    note: str = ""

    @property
    def end(self) -> float:
        """The time of the last point."""
        return max((time for series in self.group for time, _ in series.points), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRow:
    """A distribution in words: all requests, or the good ones only."""

    measure: str
    of: str
    n: int
    failed: int
    cells: tuple[str, ...]
    """One text per `QUANTILES`, then the maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What the report shows of one check that was observed over time or many times."""

    check: CheckResult
    charts: tuple[Chart, ...]
    quantiles: tuple[QuantileRow, ...]
    causes: tuple[tuple[str, int], ...]
    anchor: str


def timelines_of(run: RunResult) -> tuple[Timeline, ...]:
    """Checks with a timeline or with a distribution in their deciding attempt."""
    found = []
    for check in run.checks():
        if check.last is None:
            continue
        timeline = Timeline(
            check=check,
            charts=charts_of(check, run.criteria, run.target),
            quantiles=quantile_rows(check),
            causes=tuple(sorted(check.last.causes.items(), key=lambda item: (-item[1], item[0]))),
            anchor=anchor("timeline", check.id),
        )
        if timeline.charts or timeline.quantiles:
            found.append(timeline)
    return tuple(found)


def charts_of(
    check: CheckResult, criteria: Iterable[CriterionResult], target: Iterable[TargetRecord] = ()
) -> tuple[Chart, ...]:
    """One chart for each unit that has a value above 0, with the limits of criteria in that unit.

    Under a load stand the processor time and the memory of the target meanwhile, all on one time axis.
    """
    criteria = tuple(criteria)
    by_dimension: dict[Dimension, list[Series]] = {}
    for series in check.last.timeline if check.last else ():
        if any(_drawable(value) for _, value in series.points):
            by_dimension.setdefault(_DIMENSIONS.get(series.unit, Dimension.COUNT), []).append(series)
    limits = [item for item in criteria if item.subject == check.id and not item.part]
    drawings = [
        _Drawing(
            title=_TITLES[dimension],
            anchor=anchor("chart", check.id, dimension.value),
            dimension=dimension,
            group=by_dimension[dimension],
            limits=[found for item in limits if (found := _limit_of(item, dimension))],
            peaks=dimension is Dimension.TIME,
        )
        for dimension in Dimension
        if any(value for series in by_dimension.get(dimension, ()) for _, value in series.points)
    ]
    used = _of_target(check, criteria, target) if drawings and check.kind == "load" else []
    end = max(drawing.end for drawing in (*drawings, *used)) if used else None
    return tuple(_chart(drawing, end) for drawing in (*drawings, *used))


def _of_target(
    check: CheckResult, criteria: tuple[CriterionResult, ...], target: Iterable[TargetRecord]
) -> list[_Drawing]:
    """What the target used while a check was observed, a line for each process."""
    drawings = []
    entries = tuple(target)
    for measure, title, dimension, note in _USED:
        group = [series for entry in entries if (series := _window(check, entry, measure))]
        if group:
            limits = [
                found
                for item in criteria
                if item.subject.startswith(_TARGET) and item.measure == measure
                if (found := _limit_of(item, dimension))
            ]
            drawings.append(
                _Drawing(
                    title=title,
                    anchor=anchor("chart", check.id, measure),
                    dimension=dimension,
                    group=group,
                    limits=limits,
                    peaks=True,
                    note=note,
                )
            )
    return drawings


def _window(check: CheckResult, entry: TargetRecord, measure: str) -> Series | None:
    """The samples of one process from the start of a check's deciding attempt to its end, in its time."""
    attempt = check.last
    if attempt is None or entry.sampled_from is None:
        return None
    later = (entry.sampled_from - attempt.started).total_seconds()
    points = tuple(
        (round(time + later, 3), value)
        for series in entry.timeline
        if series.name == measure
        for time, value in series.points
        if 0 <= time + later <= attempt.duration
    )
    drawable = any(_drawable(value) for _, value in points)
    return Series(name=entry.id, unit="", points=points) if drawable else None


def quantile_rows(check: CheckResult) -> tuple[QuantileRow, ...]:
    """For each distribution a row over all requests and, when some failed, one over the good ones."""
    rows = []
    for name, measure in check.last.measures.items() if check.last else ():
        if isinstance(measure, Distribution) and measure.n:
            rows.append(_quantile_row(name, "all requests" if measure.failed else "requests", measure))
            if measure.failed and measure.good.n:
                rows.append(_quantile_row(name, "good ones only", Distribution(good=measure.good)))
    return tuple(rows)


def _quantile_row(name: str, of: str, measure: Distribution) -> QuantileRow:
    cells = []
    for _, share in QUANTILES:
        edges = measure.quantile(share)
        cells.append("failed" if edges is None or math.isinf(edges[1]) else format_seconds(edges[1]))
    cells.append("failed" if measure.failed else format_seconds(measure.good.maximum))
    return QuantileRow(measure=name, of=of, n=measure.n, failed=measure.failed, cells=tuple(cells))


def _chart(drawing: _Drawing, axis_end: float | None) -> Chart:
    """The geometry of a drawing; `axis_end` is the last second of the axis where several charts share one."""
    dimension, group, limits = drawing.dimension, drawing.group, drawing.limits
    drawn = [_condensed(series.points, peaks=drawing.peaks) for series in group]
    highest = max((value for points in drawn for _, value in points if value is not None), default=0.0)
    near = [(text, value) for text, value in limits if value <= highest * FAR_OFF]
    top, y_values = _scale(max([highest, *(value for _, value in near)]), steps=4)
    end, x_values = _scale(drawing.end if axis_end is None else axis_end, steps=6, exact=True)

    def x(time: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (time / end), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value / top), 1)

    pixels = [
        [(x(time), None if value is None else y(max(0.0, value))) for time, value in points]
        for points in drawn
    ]
    label_places = _apart([_last_height(points) for points in pixels])
    return Chart(
        title=drawing.title,
        anchor=drawing.anchor,
        note=_note(drawing, [text for text, value in limits if value > highest * FAR_OFF]),
        lines=tuple(
            Line(name=series.name, number=number % 4, path=path, dots=dots, label_at=place)
            for number, (series, points, place) in enumerate(zip(group, pixels, label_places, strict=True))
            for path, dots in [_path(points)]
        ),
        limits=tuple(Limit(text=text, at=y(value)) for text, value in near),
        x_ticks=tuple(Tick(at=x(value), text=_time_text(value)) for value in x_values),
        y_ticks=tuple(
            Tick(at=y(value), text=format_value(value, dimension) if value else "0") for value in y_values
        ),
        rows=_rows(drawn, dimension, x),
        summary=_summary(group, dimension),
    )


def _limit_of(criterion: CriterionResult, dimension: Dimension) -> tuple[str, float] | None:
    """The threshold as a line of this chart; None when the criterion is about something else."""
    match = _THRESHOLD.fullmatch(criterion.required.strip())
    if match is None:
        return None
    try:
        quantity = parse_quantity(match[2])
    except ValueError:
        return None
    if quantity.dimension is not dimension or quantity.value <= 0:
        return None
    named = criterion.expression.split(match[1])[0].strip()
    subject = _TARGET if criterion.subject.startswith(_TARGET) else f"{criterion.subject}."
    return f"{named.removeprefix(subject)} {criterion.required}", quantity.value


def _condensed(points: Points, *, peaks: bool) -> Points:
    """At most `MOST_POINTS`, by spans of time: the highest of each where peaks matter, else the mean."""
    clean = tuple((time, value if _drawable(value) else None) for time, value in points)
    if len(clean) <= MOST_POINTS:
        return clean
    size = math.ceil(len(clean) / MOST_POINTS)
    condensed: list[tuple[float, float | None]] = []
    for start in range(0, len(clean), size):
        span = clean[start : start + size]
        values = [value for _, value in span if value is not None]
        worst = max(values, default=None) if peaks else _mean(values)
        condensed.append((span[0][0], worst))
    return tuple(condensed)


def _drawable(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _scale(highest: float, *, steps: int, exact: bool = False) -> tuple[float, list[float]]:
    """The end of an axis from 0, and round tick values: steps of 1, 2 or 5 times a power of ten."""
    if highest < 1e-12:
        return 1.0, [0.0]
    rough = highest / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    count = math.floor(highest / step + 1e-9) if exact else math.ceil(highest / step - 1e-9)
    ticks = [number * step for number in range(count + 1)]
    return (highest if exact else ticks[-1]), ticks


def _path(points: Sequence[tuple[float, float | None]]) -> tuple[str, tuple[tuple[float, float], ...]]:
    pieces: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[tuple[float, float]] = []
    for at, height in [*points, (0.0, None)]:
        if height is not None:
            run.append((at, height))
            continue
        if len(run) == 1:
            dots.append(run[0])
        elif run:
            pieces.append("M" + "L".join(f"{px:g} {py:g}" for px, py in run))
        run = []
    return "".join(pieces), tuple(dots)


def _last_height(points: Sequence[tuple[float, float | None]]) -> float:
    return next((height for _, height in reversed(points) if height is not None), float(HEIGHT - BOTTOM))


def _apart(heights: list[float]) -> list[float]:
    """Heights for labels, moved so that none lies on another and all are inside."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    places = list(heights)
    floor = float(TOP)
    for index in order:
        places[index] = max(floor, heights[index])
        floor = places[index] + LABEL_HEIGHT
    ceiling = float(HEIGHT - BOTTOM)
    for index in reversed(order):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - LABEL_HEIGHT
    return [round(place, 1) for place in places]


def _rows(drawn: list[Points], dimension: Dimension, x: Callable[[float], float]) -> tuple[DataRow, ...]:
    times = sorted({time for points in drawn for time, _ in points})
    step = max(1, math.ceil(len(times) / MOST_ROWS))
    columns = [dict(points) for points in drawn]
    return tuple(
        DataRow(
            at=x(time),
            time=_time_text(time),
            values=tuple(_value_text(column.get(time), dimension) for column in columns),
        )
        for time in times[::step]
    )


def _value_text(value: float | None, dimension: Dimension) -> str:
    return "-" if value is None else format_value(value, dimension)


def _time_text(seconds: float) -> str:
    return "0" if seconds == 0 else format_seconds(round(seconds, 3))


def _note(drawing: _Drawing, above: list[str]) -> str:
    notes = [drawing.note] if drawing.note else []
    notes += [f"limit {text} is above this chart" for text in above]
    longest = max(len(series.points) for series in drawing.group)
    if longest > MOST_POINTS:
        how = "the highest" if drawing.peaks else "the mean"
        notes.append(f"each point is {how} of {math.ceil(longest / MOST_POINTS)} observed")
    return "; ".join(notes)


def _summary(group: list[Series], dimension: Dimension) -> str:
    pieces = []
    for series in group:
        values = [value for _, value in series.points if value is not None and math.isfinite(value)]
        low, high = format_value(min(values), dimension), format_value(max(values), dimension)
        pieces.append(f"{series.name} between {low} and {high}")
    return "; ".join(pieces)
