"""Prometheus: numbers of the target that its own monitoring has, and whether they can be believed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.units import Dimension
from phasegate.kinds.answers import unit_of
from phasegate.kinds.base import Kind, Requirement, TimedParams
from phasegate.kinds.observation_draft import ObservationDraft
from phasegate.kinds.prometheus.histograms import (
    HistogramSeries,
    Target,
    read_classic,
    read_native,
    target_of,
    together,
)
from phasegate.kinds.prometheus.params import AlertsWritten, HistogramQuery, PrometheusParams, PromQuery
from phasegate.kinds.prometheus.server import AlertRule, SeriesOf, Server
from phasegate.kinds.promql import PARSER, selectors
from phasegate.model.measures import Gauge, MeasureSpec, MeasureType, Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.world import Progress, World

POINTS = 500
"""Moments of a window that are asked for."""
FINEST = 1.0
"""Seconds between two of them, at least."""
COVERED = 0.9
"""The share of the moments of a window that a series must have a value for."""
POLL = 0.5
"""Seconds between two looks at whether what is accompanied has ended."""


@dataclass(slots=True)
class _Seen(ObservationDraft):
    ages: list[float] = field(default_factory=list)


class PrometheusKind(Kind[PrometheusParams]):
    name: ClassVar[str] = "prometheus"
    Params: ClassVar[type[TimedParams]] = PrometheusParams
    example: ClassVar[Mapping[str, Any]] = {
        "url": "http://prometheus:9090",
        "queries": {
            "error_rate": {
                "query": 'sum(rate(errors_total{job="api"}[1m])) / sum(rate(requests_total{job="api"}[1m]))',
                "unit": "share",
            }
        },
        "targets": ["api"],
        "alerts": {"ignore": ["Watchdog"]},
    }
    has_cases: ClassVar[bool] = True
    accompanies: ClassVar[bool] = True
    by_address: ClassVar[bool] = True

    def measures(self, params: PrometheusParams) -> Mapping[str, MeasureSpec]:
        found = {name: _spec(query) for name, query in params.queries.items()}
        if params.targets:
            found["targets_up"] = MeasureSpec.census("jobs of which every target is up")
        if params.alerts is not None:
            found["alerts_firing"] = MeasureSpec.amount("alerts that fire, without those ignored or expected")
            if params.alerts.firing:
                found["alerts_seen"] = MeasureSpec.census("expected alerts that fire")
        for name, histogram in params.histograms.items():
            dimension = unit_of(histogram.unit).dimension
            found[name] = MeasureSpec(
                type=MeasureType.DISTRIBUTION, dimension=dimension, about=f"values of {histogram.series}"
            )
        if params.queries or params.histograms or params.targets:
            about = "of the newest sample, of the series where that is oldest"
            found["sample_age"] = MeasureSpec.amount(about, Dimension.TIME)
        return found

    def defaults(self, params: PrometheusParams) -> tuple[str, ...]:
        return (
            *(("targets_up == 100%",) if params.targets else ()),
            *(("alerts_firing == 0",) if params.alerts is not None else ()),
            *(("alerts_seen == 100%",) if params.alerts is not None and params.alerts.firing else ()),
        )

    def parts(self, params: PrometheusParams) -> frozenset[str] | None:
        by = (*(one.by for one in params.queries.values()), *(one.by for one in params.histograms.values()))
        return None if any(by) else frozenset()

    def counts(self, measure: str, case: str) -> bool:
        return case.startswith("target/" if measure == "targets_up" else "alert/")

    def requirements(self, params: PrometheusParams) -> tuple[Requirement, ...]:
        return (PARSER,) if params.queries or params.histograms else ()

    def summary(self, params: PrometheusParams) -> Message:
        names = (
            *params.queries,
            *params.histograms,
            *params.targets,
            *(("alerts",) if params.alerts is not None else ()),
        )
        return fact(Code.PROM_ASKED, names=names, url=params.url)

    async def observe(self, params: PrometheusParams, world: World) -> Observation:
        """Errors: ObservationError where the server does not answer as one."""
        began = world.clock.now()
        if world.accompanies:
            while await world.progress(Progress(text="waiting for the end")) is None:
                await world.clock.sleep(POLL)
        elapsed = world.clock.now() - began if world.accompanies else _since_start(world)
        server = Server(url=params.url, headers=params.headers, timeout=params.timeout, world=world)
        seen, now = _Seen(), await server.now()
        for name, query in params.queries.items():
            await _answer(name, query, params.max_age, server, now, elapsed, seen)
        for name, histogram in params.histograms.items():
            await _answer_histogram(name, histogram, params.max_age, server, (now, elapsed), seen)
        if params.targets:
            await _look_at_targets(params, server, seen)
        if params.alerts is not None:
            await _look_at_alerts(params.alerts, params.max_age, server, now, seen)
        if params.queries or params.histograms or params.targets:
            age = max(seen.ages, default=None)
            seen.measures["sample_age"] = Number(value=age, dimension=Dimension.TIME)
        return await seen.observation(world, {"targets_up": "target/", "alerts_seen": "alert/"})


def _since_start(world: World) -> float:
    return max(FINEST, (world.clock.utc() - world.clock.started).total_seconds())


def _spec(query: PromQuery) -> MeasureSpec:
    dimension = query.scale[1]
    about = f"what {query.query} says"
    if query.over is None:
        return MeasureSpec.number(about, dimension)
    return MeasureSpec(type=MeasureType.GAUGE, dimension=dimension, about=about)


async def _answer(
    name: str, query: PromQuery, max_age: float, server: Server, now: float, elapsed: float, seen: _Seen
) -> None:
    """The measure of a query; where its series are stale or absent, why there is none."""
    why, stale = await _why_stale(query, max_age, server, seen)
    if why is not None:
        seen.absent["", name] = why
        return
    if query.over is None:
        found = await server.instant(query.query)
    else:
        window = elapsed if query.over == "run" else query.over
        step = max(FINEST, window / POINTS)
        moments = [now - window + number * step for number in range(int(window / step) + 1)]
        why, gaps = await _why_gaps(query, max_age, server, moments)
        stale = {**gaps, **stale}
        if why is None:
            found = await server.range(query.query, moments[0], now, step)
            found, why = _covering(found, moments, fill=query.absent)
        if why is not None:
            seen.absent["", name] = why
            return
    if not found and query.absent is not None:
        found = (SeriesOf(labels={}, points=((now, float(query.absent)),) * 2),)
    _take_in(name, query, [one for one in found if one.labels.get(query.by) not in stale], seen)
    for part, why in stale.items():
        seen.absent[part, name] = why


async def _why_stale(
    query: PromQuery, max_age: float, server: Server, seen: _Seen
) -> tuple[Message | None, dict[str, Message]]:
    """Why what a query asks for is no data, and why parts of it are none."""
    parts: dict[str, Message] = {}
    must_be = selectors(query.fresh or query.query)
    for selector in dict.fromkeys((*must_be, *selectors(query.query))):
        found = await server.instant(f"time() - timestamp({selector})")
        newest: dict[str, float] = {}
        for series in found:
            part, age = series.labels.get(query.by, ""), series.last
            if not math.isnan(age):
                newest[part] = max(0.0, min(age, newest.get(part, age)))
        if not newest:
            if selector not in must_be:  # nothing was counted, beside what is fresh
                continue
            return fact(Code.PROM_NO_SERIES, text=selector), parts
        seen.ages.append(min(newest.values()))
        for part, age in newest.items():
            if age > max_age:
                parts[part] = fact(Code.PROM_STALE, text=selector, at=age, limit=max_age)
        if seen.ages[-1] > max_age:
            return fact(Code.PROM_STALE, text=selector, at=seen.ages[-1], limit=max_age), parts
    return None, {part: why for part, why in parts.items() if part}


async def _why_gaps(
    query: PromQuery, max_age: float, server: Server, moments: Sequence[float]
) -> tuple[Message | None, dict[str, Message]]:
    """Why what a query asks for was not seen for the whole window, and of which parts that is so.

    Prometheus answers with a sample for five minutes after it, so that values alone show no gap.
    """
    parts: dict[str, Message] = {}
    step = moments[1] - moments[0] if len(moments) > 1 else FINEST
    for selector in dict.fromkeys(selectors(query.fresh or query.query)):
        covered: dict[str, set[float]] = {}
        for series in await server.range(f"time() - timestamp({selector})", moments[0], moments[-1], step):
            known = covered.setdefault(series.labels.get(query.by, ""), set())
            known.update(at for at, age in series.points if age <= max_age)
        whole = set().union(*covered.values())
        of = len(moments)
        if len(whole) < COVERED * of:
            return fact(Code.PROM_GAPS, name=selector, n=len(whole), of=of), parts
        for part, known in covered.items():
            if part and len(known) < COVERED * of:
                parts[part] = fact(Code.PROM_GAPS, name=selector, n=len(known), of=of)
    return None, parts


def _covering(
    found: Sequence[SeriesOf], moments: Sequence[float], *, fill: int | None
) -> tuple[tuple[SeriesOf, ...], Message | None]:
    """Series without values that are not known, and why one of them does not speak for the window; `fill`:
    what no value means."""
    kept = []
    for series in found:
        points = tuple(point for point in series.points if not math.isnan(point[1]))
        if fill is not None and len(points) < len(moments):
            known = {round(at, 3): value for at, value in points}
            points = tuple((at, known.get(round(at, 3), float(fill))) for at in moments)
        if len(points) < COVERED * len(moments):
            name = _labels(series.labels)
            return (), fact(Code.PROM_GAPS, name=name, n=len(points), of=len(moments))
        kept.append(SeriesOf(labels=series.labels, points=points))
    return tuple(kept), None


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items()) or "the series"


def _without_name(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name != "__name__")


def _take_in(name: str, query: PromQuery, found: Sequence[SeriesOf], seen: _Seen) -> None:
    if not found:
        seen.absent["", name] = fact(Code.PROM_NO_SERIES, text=query.query)
        return
    if not query.by:
        if len(found) > 1:
            seen.absent["", name] = fact(Code.PROM_MANY_SERIES, n=len(found), name=_labels(found[0].labels))
            return
        _put("", name, query, found[0], seen)
        return
    seen.absent["", name] = fact(Code.PROM_OF_PARTS, label=query.by)
    parts = [series.labels.get(query.by, "") for series in found]
    for part, series in zip(parts, found, strict=True):
        if parts.count(part) > 1:
            name_of = _labels(series.labels)
            seen.absent[part, name] = fact(Code.PROM_MANY_SERIES, n=parts.count(part), name=name_of)
        elif part:
            _put(part, name, query, series, seen)


def _put(part: str, name: str, query: PromQuery, series: SeriesOf, seen: _Seen) -> None:
    """One series as a measure."""
    factor, dimension = query.scale
    measures = seen.parts.setdefault(part, {}) if part else seen.measures
    if query.over is not None:
        gauge = Gauge(dimension=dimension)
        first = series.points[0][0]
        for at, value in series.points:
            gauge = gauge.and_then(value * factor, span=at - first)
        measures[name] = gauge
    elif math.isfinite(series.last):
        measures[name] = Number(value=series.last * factor, dimension=dimension, reported=True)
    else:
        seen.absent[part, name] = fact(Code.PROM_NO_VALUE, value=f"{series.last}")


async def _answer_histogram(
    name: str, query: HistogramQuery, max_age: float, server: Server, end: tuple[float, float], seen: _Seen
) -> None:
    """The measure of a histogram, or why there is none; `end`: now, and seconds of the run so far."""
    now, elapsed = end
    window = elapsed if query.over == "run" else query.over
    try:
        found = await _scrape(query, now, window, server)
        up = await _first_scrapes(found, now, window, server)
        age = now - max((one.last for one in found), default=-math.inf)
        if not found:
            raise MessageError(fact(Code.PROM_NO_SERIES, text=query.series))
        seen.ages.append(max(0.0, age))
        if age > max_age:
            raise MessageError(fact(Code.PROM_STALE, text=query.series, at=age, limit=max_age))
    except MessageError as error:
        seen.absent["", name] = error.message
        return
    parts: dict[str, list[HistogramSeries]] = {}
    for one in found:
        parts.setdefault(one.labels.get(query.by, "") if query.by else "", []).append(one)
    if query.by:
        seen.absent["", name] = fact(Code.PROM_OF_PARTS, label=query.by)
        parts.pop("", None)
    for part, series in parts.items():
        try:
            measure = together(series, up, since=now - window, scale=unit_of(query.unit))
        except MessageError as error:
            seen.absent[part, name] = error.message
        else:
            (seen.parts.setdefault(part, {}) if part else seen.measures)[name] = measure


async def _scrape(
    query: HistogramQuery, now: float, window: float, server: Server
) -> tuple[HistogramSeries, ...]:
    """Native histograms where there are some, else classic ones."""
    native, buckets = query.selectors
    found = await server.scraped(native, now, window)
    if any(one.histograms for one in found):
        return tuple(read_native([(one.labels, one.histograms) for one in found if one.histograms]))
    classic = await server.scraped(buckets, now, window)
    return tuple(read_classic([(one.labels, one.points) for one in classic if one.points]))


async def _first_scrapes(
    found: Sequence[HistogramSeries], now: float, window: float, server: Server
) -> dict[Target, float]:
    """When targets were scraped first in a window."""
    first: dict[Target, float] = {}
    for job in sorted({target_of(one.labels)[0] for one in found} - {""}):
        for one in await server.scraped(f"up{{job={json.dumps(job)}}}", now, window):
            moments = [at for at, value in one.points if value == 1]
            if moments:
                first[target_of(one.labels)] = min(moments)
    return first


async def _look_at_targets(params: PrometheusParams, server: Server, seen: _Seen) -> None:
    """Whether every target of each expected job is up, by samples that are fresh."""
    found = await server.instant("up")
    ages = await server.instant("time() - timestamp(up)")
    age = {_without_name(one.labels): one.last for one in ages}
    for job in params.targets:
        targets = [one for one in found if one.labels.get("job") == job]
        own = [age.get(_without_name(one.labels), math.inf) for one in targets]
        seen.ages += [one for one in own if math.isfinite(one)]
        down = tuple(sorted(one.labels.get("instance", "") for one in targets if one.last != 1))
        status, message = CaseStatus.PASSED, fact(Code.PROM_UP, n=len(targets))
        if not targets:
            status, message = CaseStatus.LOST, fact(Code.PROM_NO_TARGET, name=job)
        elif max(own) > params.max_age:
            stale = fact(Code.PROM_STALE, text=f"up of {job}", at=max(own), limit=params.max_age)
            status, message = CaseStatus.LOST, stale
        elif down:
            status, message = CaseStatus.FAILED, fact(Code.PROM_DOWN, names=down, n=len(targets))
        seen.case(f"target/{job}", status, message)


async def _look_at_alerts(
    asked: AlertsWritten, max_age: float, server: Server, now: float, seen: _Seen
) -> None:
    """The alerts that fire; that none does says something only where rules are loaded and evaluated."""
    rules = await server.alert_rules()
    broken = {rule.name: why for rule in rules if (why := _why_unknown(rule, max_age, now))}
    why = _why_no_alerts(asked, rules, broken)
    firing = {rule.name for rule in rules if rule.firing}
    counted = tuple(sorted(firing.difference(asked.ignore, asked.firing)))
    if why is not None and not counted:
        seen.absent["", "alerts_firing"] = why
    else:
        seen.measures["alerts_firing"] = Number(value=len(counted), counted=counted, partial=why is not None)
    for name in asked.firing:
        status = CaseStatus.PASSED
        message: Message = fact(Code.PROM_FIRES, name=name)
        if name not in {rule.name for rule in rules}:
            status, message = CaseStatus.LOST, fact(Code.PROM_RULE_MISSING, name=name)
        elif name in broken:
            status, message = CaseStatus.LOST, broken[name]
        elif name not in firing:
            status, message = CaseStatus.FAILED, fact(Code.PROM_SILENT, name=name)
        seen.case(f"alert/{name}", status, message)


def _why_no_alerts(
    asked: AlertsWritten, rules: Sequence[AlertRule], broken: Mapping[str, Message]
) -> Message | None:
    """Why the alerts of a server say nothing; None where they do."""
    if not rules:
        return fact(Code.PROM_NO_RULES)
    loaded = {rule.name for rule in rules}
    if missing := next((name for name in asked.rules if name not in loaded), None):
        return fact(Code.PROM_RULE_MISSING, name=missing)
    return next(iter(broken.values()), None)


def _why_unknown(rule: AlertRule, max_age: float, now: float) -> Message | None:
    """Why nobody knows whether a rule's alert fires; None where it is known."""
    if rule.health != "ok":
        return fact(Code.PROM_RULE_BROKEN, name=rule.name, state=rule.health or "unknown")
    age = math.inf if rule.evaluated is None else now - rule.evaluated.timestamp()
    limit = max(max_age, 3 * rule.interval)
    if age > limit:
        return fact(Code.PROM_STALE, text=f"alert {rule.name}", at=min(age, now), limit=limit)
    return None
