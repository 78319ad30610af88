"""The HTTP API of Prometheus, asked for reading. A partial answer, or one with a warning, is no answer.

Source: Prometheus HTTP API, https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.inspection.report import get, items_of, moment_of, number_of, text_of
from phasegate.kinds.answers import ask_json
from phasegate.world import World

SERIES = 10_000
"""Series of one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesOf:
    """One series of an answer."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """(seconds since 1970 by the server's clock, value); NaN is a value that is not known."""

    @property
    def last(self) -> float:
        return self.points[-1][1] if self.points else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """A series as it was scraped: values, or native histograms."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    histograms: tuple[tuple[float, Any], ...] = ()
    """(seconds since 1970, a histogram as the API writes it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """An alerting rule that a server has loaded."""

    name: str
    firing: bool
    health: str
    evaluated: datetime | None
    interval: float
    """Seconds between two evaluations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to ask."""

    url: str
    headers: Mapping[str, str]
    timeout: float
    world: World

    async def now(self) -> float:
        """The time by the clock of the server, in seconds since 1970."""
        data = await self._get("query", query="time()")
        value = _series({}, [get(data, "result")]).last
        if not math.isfinite(value):
            raise ObservationError(fact(Code.PROM_NO_ANSWER, text="time()"))
        return value

    async def instant(self, query: str) -> tuple[SeriesOf, ...]:
        """Errors: ObservationError where the server does not answer, refuses, or warns."""
        data = await self._get("query", query=query)
        if text_of(data, "resultType") == "scalar":
            return (_series({}, [get(data, "result")]),)
        return tuple(_series(labels, [point]) for labels, point in self._each(data, "value"))

    async def range(self, query: str, start: float, end: float, step: float) -> tuple[SeriesOf, ...]:
        """Errors: as of `instant`."""
        data = await self._get("query_range", query=query, start=start, end=end, step=step)
        return tuple(_series(labels, points) for labels, points in self._each(data, "values"))

    async def scraped(self, selector: str, at: float, window: float) -> tuple[Scraped, ...]:
        """The samples of a window that ends at a moment. Errors: as of `instant`."""
        asked = f"{selector}[{max(1, round(window * 1000))}ms]"
        data = await self._get("query", query=asked, time=at)
        result = items_of(data, "result")
        values = self._each(data, "values")
        return tuple(
            Scraped(
                labels=labels,
                points=_series(labels, points).points,
                histograms=tuple(_pairs(get(one, "histograms"))),
            )
            for (labels, points), one in zip(values, result, strict=True)
        )

    async def alert_rules(self) -> tuple[AlertRule, ...]:
        """Errors: as of `instant`."""
        data = await self._get("rules", type="alert")
        return tuple(
            AlertRule(
                name=text_of(rule, "name"),
                firing=text_of(rule, "state") == "firing",
                health=text_of(rule, "health"),
                evaluated=moment_of(text_of(rule, "lastEvaluation")),
                interval=number_of(get(group, "interval")) or 60.0,
            )
            for group in items_of(data, "groups")
            for rule in items_of(group, "rules")
            if text_of(rule, "type") == "alerting"
        )

    def _each(self, data: Any, key: str) -> Iterator[tuple[Mapping[str, str], Any]]:
        result = items_of(data, "result")
        if len(result) > SERIES:
            raise ObservationError(fact(Code.PROM_SERIES_OVER_LIMIT, n=len(result), most=SERIES))
        for one in result:
            labels = get(one, "metric")
            named = labels if isinstance(labels, Mapping) else {}
            yield {str(name): str(value) for name, value in named.items()}, get(one, key)

    async def _get(self, path: str, **query: Any) -> Any:
        url = f"{self.url.rstrip('/')}/api/v1/{path}?{urlencode(query)}"
        answer = await ask_json(self.world, url, headers=self.headers, timeout=self.timeout)
        if text_of(answer, "status") != "success":
            raise ObservationError(fact(Code.PROM_REFUSED, text=text_of(answer, "error")[:300]))
        if warnings := items_of(answer, "warnings"):
            raise ObservationError(fact(Code.PROM_WARNED, text=f"{warnings[0]}"[:300]))
        if get(answer, "isPartial") is True:  # of VictoriaMetrics
            raise ObservationError(fact(Code.PROM_WARNED, text="isPartial"))
        return get(answer, "data")


def _series(labels: Mapping[str, str], points: Any) -> SeriesOf:
    return SeriesOf(labels=labels, points=tuple((at, value_of(value)) for at, value in _pairs(points)))


def _pairs(points: Any) -> Iterator[tuple[float, Any]]:
    """What was at each moment."""
    for point in items_of({"": points}, ""):
        if isinstance(point, list) and len(point) == 2 and (at := number_of(point[0])) is not None:
            yield at, point[1]


def value_of(text: Any) -> float:
    """A number as the API writes it; NaN for anything else."""
    try:
        return math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError, OverflowError):
        return math.nan
