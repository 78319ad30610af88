"""What the target used while a check was observed, on its time axis: by process, and by parts of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.units import Dimension, format_value
from phasegate.model.measures import Gauge
from phasegate.model.observation import Series
from phasegate.model.resources import RESOURCES
from phasegate.model.result import AttemptResult, CheckResult, CriterionResult, TargetRecord
from phasegate.render.hostile import anchor
from phasegate.render.html.drawing import Drawing, Points, dimension_of, drawable, highest, limit_of
from phasegate.render.sentences import sentence

MOST_LINES = 4
"""Of one chart of services: as many as can be told apart."""
_COVERED = 0.8
"""The share of a check's looks that fell into a load from which on they need no chart of their own."""
_TARGET = "target/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTable:
    """The greatest values of every service, the one with the most processor time first."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    """A service and its figures; `-` where there is none."""


def of_processes(
    check: CheckResult, criteria: Sequence[CriterionResult], target: Iterable[TargetRecord]
) -> list[Drawing]:
    """What the target used while a check was observed, a line for each process."""
    drawings = []
    entries = tuple(target)
    for measure, spec in RESOURCES.items():
        if spec.chart is None:
            continue
        group = [series for entry in entries if (series := _of_entry(check, entry, measure))]
        if group:
            limits = [
                found
                for item in criteria
                if item.subject.startswith(_TARGET) and item.measure == measure
                if (found := limit_of(item, spec.dimension, without=_TARGET))
            ]
            drawings.append(
                Drawing(
                    title=sentence(spec.chart.title),
                    anchor=anchor("chart", check.id, measure),
                    dimension=spec.dimension,
                    group=group,
                    limits=limits,
                    peaks=True,
                    note=sentence(spec.chart.note),
                )
            )
    return drawings


def _of_entry(check: CheckResult, entry: TargetRecord, measure: str) -> Series | None:
    """The samples of one process from the start of a check's deciding attempt to its end, in its time."""
    if check.last is None or entry.sampled_from is None:
        return None
    everything = tuple(
        point for series in entry.timeline if series.name == measure for point in series.points
    )
    points = _window(check.last, entry.sampled_from, everything)
    return (
        Series(name=entry.id, unit="", points=points) if any(drawable(value) for _, value in points) else None
    )


def _window(attempt: AttemptResult, since: datetime, points: Points) -> Points:
    """Points that count from a moment on, those during an attempt, in the time of its timeline."""
    zero = attempt.zero
    later = (since - zero).total_seconds()
    end = attempt.duration - (zero - attempt.started).total_seconds()
    return tuple((round(time + later, 3), value) for time, value in points if 0 <= time + later <= end)


def of_parts(
    check: CheckResult, criteria: Sequence[CriterionResult], checks: Iterable[CheckResult]
) -> list[Drawing]:
    """What other checks drew of their parts while a check was observed, those that used most as lines.

    Where several checks looked at the same meanwhile, the one that looked most often is drawn.
    """
    lookers = [one for one in checks if one.last is not None]
    drawings = []
    for measure in dict.fromkeys(name for one in lookers for name in _drawn(one)):
        by_looker = [(one, _meanwhile(check, one, measure)) for one in lookers if measure in _drawn(one)]
        looker, group = max(by_looker, key=lambda item: _looks(item[1]), default=(None, []))
        if looker is not None and (drawing := _drawing(check, looker, measure, group, criteria)):
            drawings.append(drawing)
    return drawings


def own_drawings(
    check: CheckResult, criteria: Sequence[CriterionResult], checks: Iterable[CheckResult]
) -> list[Drawing]:
    """What a check saw of its parts from its start to its end; nothing where that is drawn under a load."""
    if any(one.asked.is_load and _covers(one, check) for one in checks):
        return []
    drawings = [_drawing(check, check, name, _lines(check, name), criteria) for name in _drawn(check)]
    return [drawing for drawing in drawings if drawing is not None]


def service_table(check: CheckResult) -> ServiceTable | None:
    """The table of a check of services; None for other kinds, and where nothing was seen."""
    headers = {name: sentence(chart.column) for name, chart in check.asked.charts.items() if chart.column}
    if not headers or not check.seen.parts:
        return None
    parts = check.seen.parts
    measured = {name for part in parts.values() for name in part}
    columns = [(name, header) for name, header in headers.items() if name in measured]

    def figure(service: str, name: str) -> str:
        measure = parts[service].get(name)
        if not isinstance(measure, Gauge) or measure.maximum is None:
            return "-"
        return format_value(measure.maximum, measure.dimension)

    return ServiceTable(
        headers=tuple(header for _, header in columns),
        rows=tuple(
            (service, tuple(figure(service, name) for name, _ in columns))
            for service in _order(check)
            if any(isinstance(measure, Gauge) for measure in parts[service].values())
        ),
    )


def _drawn(check: CheckResult) -> list[str]:
    """Its measures with a line for each part."""
    return [name for name, chart in check.asked.charts.items() if chart.by_part and chart.title]


def _order(looker: CheckResult) -> list[str]:
    """Parts, those first that used most of what is drawn first."""
    parts = looker.seen.parts

    def most(service: str, name: str) -> float:
        measure = parts[service].get(name)
        return (measure.maximum or 0.0) if isinstance(measure, Gauge) else 0.0

    drawn = _drawn(looker)[:2]
    return sorted(parts, key=lambda service: (*(-most(service, name) for name in drawn), service))


def _lines(looker: CheckResult, measure: str) -> list[Series]:
    """One for each service, named after it."""
    return [
        replace(series, name=service)
        for series in looker.seen.timeline
        for service, _, name in [series.name.rpartition(".")]
        if name == measure
    ]


def _meanwhile(check: CheckResult, looker: CheckResult, measure: str) -> list[Series]:
    if check.last is None or looker.last is None:
        return []
    attempt, since = check.last, looker.last.started
    return [
        replace(series, points=_window(attempt, since, series.points)) for series in _lines(looker, measure)
    ]


def _looks(group: Iterable[Series]) -> int:
    return max((sum(drawable(value) for _, value in series.points) for series in group), default=0)


def _covers(load: CheckResult, looker: CheckResult) -> bool:
    """Whether nearly all that was looked at was looked at during a load."""
    drawn = _drawn(looker)
    everything = max((_looks(_lines(looker, name)) for name in drawn), default=0)
    under_load = max((_looks(_meanwhile(load, looker, name)) for name in drawn), default=0)
    return everything > 0 and under_load >= everything * _COVERED


def _drawing(
    check: CheckResult,
    looker: CheckResult,
    measure: str,
    group: Sequence[Series],
    criteria: Sequence[CriterionResult],
) -> Drawing | None:
    """None where nobody used any of it."""
    used = sorted(
        (series for series in group if highest(series.points) > 0),
        key=lambda series: (-highest(series.points), series.name),
    )
    if not used:
        return None
    chart, dimension = looker.asked.charts[measure], dimension_of(used[0])
    # In one order on all charts, so that a service keeps its colour where the same ones are drawn.
    order = {service: number for number, service in enumerate(_order(looker))}
    drawn = sorted(used[:MOST_LINES], key=lambda series: order.get(series.name, len(order)))
    return Drawing(
        title=sentence(chart.title),
        anchor=anchor("chart", check.id, f"services-{measure}"),
        dimension=dimension,
        group=drawn,
        limits=list(_limits(looker, measure, dimension, {series.name for series in drawn}, criteria)),
        peaks=True,
        note=sentence(chart.note),
        others=tuple(series.name for series in used[MOST_LINES:]),
    )


def _limits(
    looker: CheckResult,
    measure: str,
    dimension: Dimension,
    drawn: set[str],
    criteria: Iterable[CriterionResult],
) -> Iterator[tuple[str, float]]:
    """Of the services that are drawn; a limit of all together is none of their lines."""
    for item in criteria:
        if item.subject != looker.id or item.measure != measure:
            continue
        if item.part in drawn or (not item.part and looker.asked.charts[measure].of_each):
            found = limit_of(item, dimension, without=f"{looker.id}/")
            if found:
                yield found
