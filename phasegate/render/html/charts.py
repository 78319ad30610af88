"""Values over time as geometry for inline SVG, and distributions as rows of a percentile table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from phasegate.base.dataclass import dataclass
from phasegate.base.units import Dimension, format_seconds, format_value
from phasegate.model.faults import FaultResult
from phasegate.model.measure_json import QUANTILES
from phasegate.model.measures import Distribution
from phasegate.model.observation import Series
from phasegate.model.result import CheckResult, CriterionResult, RunResult, TargetRecord
from phasegate.render.failures import causes_in_words
from phasegate.render.faults import Window, windows_of
from phasegate.render.hostile import anchor
from phasegate.render.html.drawing import Drawing, Points, dimension_of, drawable, limit_of
from phasegate.render.html.used import ServiceTable, of_parts, of_processes, own_drawings, service_table
from phasegate.render.sentences import sentence

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

_ORDER = tuple(Dimension)
_BINARY = frozenset({Dimension.SIZE, Dimension.DATA_RATE})
_TITLES = {
    Dimension.TIME: "Duration over time",
    Dimension.RATE: "Rate over time",
    Dimension.SHARE: "Share over time",
    Dimension.SIZE: "Size over time",
    Dimension.DATA_RATE: "Data rate over time",
    Dimension.COUNT: "Count over time",
}
"""Of series that no measure claims."""


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
class Band:
    """A time in which the target was under a fault, in pixels."""

    text: str
    begin: float
    end: float


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
    bands: tuple[Band, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    rows: tuple[DataRow, ...]
    others: tuple[str, ...]
    """Names of lines that there was no room for."""
    summary: str
    """The chart in a sentence, for those who do not see it."""


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
class TimelineChart:
    """What the report shows of one check that was observed over time or many times."""

    check: CheckResult
    charts: tuple[Chart, ...]
    quantiles: tuple[QuantileRow, ...]
    causes: tuple[tuple[str, int], ...]
    services: ServiceTable | None
    anchor: str


def timelines_of(run: RunResult) -> tuple[TimelineChart, ...]:
    """Checks with a timeline or with a distribution in their deciding attempt."""
    found = []
    checks = run.checks()
    faults = run.faults()
    loads = any(check.asked.is_load for check in checks)
    of_check: dict[str, list[CriterionResult]] = {}
    for item in run.criteria:
        of_check.setdefault(item.subject, []).append(item)
    for check in checks:
        if check.last is None:
            continue
        timeline = TimelineChart(
            check=check,
            # Beside a load stands what others saw, with its limits; any other check has only its own.
            charts=charts_of(check, run.criteria, run.target, checks, faults)
            if loads
            else charts_of(check, of_check.get(check.id, ()), faults=faults),
            quantiles=quantile_rows(check),
            causes=causes_in_words(check.seen.causes),
            services=service_table(check),
            anchor=anchor("timeline", check.id),
        )
        if timeline.charts or timeline.quantiles or timeline.services:
            found.append(timeline)
    return tuple(found)


def charts_of(
    check: CheckResult,
    criteria: Iterable[CriterionResult],
    target: Iterable[TargetRecord] = (),
    checks: Iterable[CheckResult] = (),
    faults: Iterable[FaultResult] = (),
) -> tuple[Chart, ...]:
    """The charts of its measures, and one for each unit of what no measure claims, where a value is above 0.

    Under a load stands what the target's processes used meanwhile, and its containers by what other `checks`
    saw of them, all on one time axis, and every fault as a band.
    """
    criteria = tuple(criteria)
    drawings, used = [*_of_whole(check, criteria)], []
    if drawings and check.asked.is_load:
        used = [*of_processes(check, criteria, target), *of_parts(check, criteria, checks)]
    end = max(drawing.end for drawing in (*drawings, *used)) if used else None
    windows = tuple(windows_of(check, faults))
    return (
        *(_chart(drawing, end, windows) for drawing in (*drawings, *used)),
        *(_chart(drawing, None) for drawing in own_drawings(check, criteria, checks)),
    )


def _of_whole(check: CheckResult, criteria: Iterable[CriterionResult]) -> Iterator[Drawing]:
    """The series of a check that are not those of its parts, by chart: those of a time first."""
    groups: dict[tuple[Dimension, str], list[Series]] = {}
    for series in check.seen.timeline:
        title = _title(check, series.name)
        if title is not None and any(drawable(value) for _, value in series.points):
            dimension = dimension_of(series)
            groups.setdefault((dimension, title), []).append(series)
    limits = [item for item in criteria if item.subject == check.id and not item.part]
    seen: set[Dimension] = set()
    charts = check.asked.charts.values()
    for (dimension, title), group in sorted(groups.items(), key=lambda item: _ORDER.index(item[0][0])):
        if not any(value for series in group for _, value in series.points):
            continue
        of_measure = [item for item in limits if _title_of_measure(check, item.measure) in (title, "")]
        yield Drawing(
            title=title or _TITLES[dimension],
            anchor=anchor("chart", check.id, dimension.value, *([title] if dimension in seen else ())),
            dimension=dimension,
            group=group,
            limits=[
                found for item in of_measure if (found := limit_of(item, dimension, without=f"{check.id}."))
            ],
            peaks=dimension is Dimension.TIME,
            note=next((sentence(chart.note) for chart in charts if sentence(chart.title) == title), ""),
        )
        seen.add(dimension)


def _title(check: CheckResult, series: str) -> str | None:
    """The chart of a series, by its title: empty where no measure claims it; None where it is of a part."""
    for measure, chart in check.asked.charts.items():
        if chart.by_part and series.endswith(f".{measure}"):
            return None
        # The series of an entry of `each` has the name of the entry before it.
        if any(f" {series}".endswith(f" {name}") for name in chart.series):
            return sentence(chart.title)
    return ""


def _title_of_measure(check: CheckResult, measure: str) -> str:
    chart = check.asked.charts.get(measure)
    return "" if chart is None else sentence(chart.title)


def quantile_rows(check: CheckResult) -> tuple[QuantileRow, ...]:
    """For each distribution a row over all requests and, when some failed, one over the good ones."""
    rows = []
    for name, measure in check.seen.measures.items():
        if isinstance(measure, Distribution) and measure.n:
            rows.append(_quantile_row(name, "all requests" if measure.failed else "requests", measure))
            if measure.failed and measure.good.n:
                rows.append(_quantile_row(name, "good ones only", Distribution(good=measure.good)))
    return tuple(rows)


def _quantile_row(name: str, of: str, measure: Distribution) -> QuantileRow:
    cells = []
    for share in QUANTILES.values():
        edges = measure.quantile(share)
        cells.append("failed" if edges is None or math.isinf(edges[1]) else format_seconds(edges[1]))
    cells.append("failed" if measure.failed else format_seconds(measure.good.maximum))
    return QuantileRow(measure=name, of=of, n=measure.n, failed=measure.failed, cells=tuple(cells))


def _chart(drawing: Drawing, axis_end: float | None, windows: tuple[Window, ...] = ()) -> Chart:
    """The geometry of a drawing; `axis_end` is the last second of the axis where several charts share one."""
    dimension, group, limits = drawing.dimension, drawing.group, drawing.limits
    drawn = [_condense(series.points, peaks=drawing.peaks) for series in group]
    highest = max((value for points in drawn for _, value in points if value is not None), default=0.0)
    near = [(text, value) for text, value in limits if value <= highest * FAR_OFF]
    top, y_values = _scale(
        max([highest, *(value for _, value in near)]), steps=4, binary=dimension in _BINARY
    )
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
        bands=tuple(
            Band(text=one.name, begin=x(min(one.begin, end)), end=x(min(one.end, end))) for one in windows
        ),
        x_ticks=tuple(Tick(at=x(value), text=_time_text(value)) for value in x_values),
        y_ticks=tuple(
            Tick(at=y(value), text=format_value(value, dimension) if value else "0") for value in y_values
        ),
        rows=_rows(drawn, dimension, x),
        others=drawing.others,
        summary=_summary(group, dimension, windows),
    )


def _condense(points: Points, *, peaks: bool) -> Points:
    """At most `MOST_POINTS`, by spans of time: the highest of each where peaks matter, else the mean."""
    clean = tuple((time, value if drawable(value) else None) for time, value in points)
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


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _scale(
    highest: float, *, steps: int, exact: bool = False, binary: bool = False
) -> tuple[float, list[float]]:
    """The end of an axis from 0, and round tick values: steps of 1, 2 or 5 times a power of ten, or powers of
    two, which is what is round in MiB."""
    if highest < 1e-12:
        return 1.0, [0.0]
    rough = highest / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    if binary:
        step = 2.0 ** math.ceil(math.log2(rough) - 1e-9)
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


def _note(drawing: Drawing, above: list[str]) -> str:
    notes = [drawing.note] if drawing.note else []
    notes += [f"limit {text} is above this chart" for text in above]
    longest = max(len(series.points) for series in drawing.group)
    if longest > MOST_POINTS:
        how = "the highest" if drawing.peaks else "the mean"
        notes.append(f"each point is {how} of {math.ceil(longest / MOST_POINTS)} observed")
    return "; ".join(notes)


def _summary(group: Sequence[Series], dimension: Dimension, windows: tuple[Window, ...]) -> str:
    pieces = []
    for series in group:
        values = [value for _, value in series.points if value is not None and math.isfinite(value)]
        low, high = format_value(min(values), dimension), format_value(max(values), dimension)
        pieces.append(f"{series.name} between {low} and {high}")
    for one in windows:
        begin, until = _time_text(one.begin), _time_text(one.end)
        pieces.append(f"fault {one.name} from {begin} to {until}")
    return "; ".join(pieces)
