"""Histograms of Prometheus, classic and native: how many values lie in each bucket in a window of time.

What counters say is taken between samples as they were scraped, as `increase` would extrapolate, and a count
that was never made proves nothing. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact
from phasegate.base.units import Quantity
from phasegate.inspection.report import get, items_of
from phasegate.kinds.answers import COUNTED
from phasegate.kinds.prometheus.server import value_of
from phasegate.model.measures import Buckets

Edges = tuple[float, float]
"""Lower and upper edge of a bucket, infinite where it has no end; both belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a histogram had counted at one moment since it began."""

    at: float
    """Seconds since 1970."""
    counts: Mapping[Edges, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSeries:
    """A histogram of one target, by its labels without `le` and the name."""

    labels: Mapping[str, str]
    snapshots: Sequence[Snapshot] = field(default=())

    @property
    def first(self) -> float:
        return self.snapshots[0].at

    @property
    def last(self) -> float:
        return self.snapshots[-1].at

    @property
    def interval(self) -> float:
        """Seconds from one scrape to the next, on average; 0 where there is one."""
        return (self.last - self.first) / max(1, len(self.snapshots) - 1)


Target = tuple[str, str]
"""Job and instance."""
PIECES = 64
"""Into how many pieces of time a window is cut at most."""
LATE = 0.1
"""The share of a window that may have gone by, or two scrapes, when its first samples come."""


def target_of(labels: Mapping[str, str]) -> Target:
    return labels.get("job", ""), labels.get("instance", "")


def together(
    found: Sequence[HistogramSeries], scraped: Mapping[Target, float], *, since: float, scale: Quantity
) -> Buckets:
    """The values of all series in a window that began at a moment.

    `scraped`: when each target was scraped first in it. A series that was not there then began later, so
    all that it has counted is of the window.

    Errors: MessageError where nobody knows what was counted, or the window is not covered.
    """
    firsts = [scraped.get(target_of(one.labels), math.inf) for one in found]
    counted = [
        more
        for one, first in zip(found, firsts, strict=True)
        for more in increments(one, from_nothing=first < one.first)
    ]
    began = min(*firsts, *(one.first for one in found))
    end = max(one.last for one in found)
    late = began - since
    if late > max(LATE * (end - since), 2 * max(one.interval for one in found)):
        raise MessageError(fact(Code.PROM_BEGAN_LATE, at=late))
    edges = sorted({one for _, counts in counted for one in counts})
    pieces = min(PIECES, max(len(one.snapshots) for one in found) - 1)
    blocks = _blocks(counted, edges, began, (end - began) / pieces) if pieces > 0 and end > began else []
    totals = [sum(counts.get(one, 0) for _, counts in counted) for one in edges]
    if sum(totals) > COUNTED:
        raise MessageError(fact(Code.PROM_BUCKETS, name=_name(found[0].labels), what="contradict"))
    return Buckets(
        counts=tuple(
            (
                low * scale.value if math.isfinite(low) else None,
                high * scale.value if math.isfinite(high) else None,
                count,
            )
            for (low, high), count in zip(edges, totals, strict=True)
        ),
        dimension=scale.dimension,
        span=end - began,
        blocks=tuple(map(tuple, blocks)),
    )


def _blocks(
    counted: Sequence[tuple[float, Mapping[Edges, int]]], edges: Sequence[Edges], began: float, each: float
) -> list[list[int]]:
    """What was counted in each bucket in pieces of time; what a scrape brought is of the time before it."""
    last = max((_piece(at, began, each) for at, _ in counted), default=-1)
    blocks = [[0] * len(edges) for _ in range(last + 1)]
    places = {one: place for place, one in enumerate(edges)}
    for at, counts in counted:
        for one, count in counts.items():
            blocks[_piece(at, began, each)][places[one]] += count
    return blocks


def _piece(at: float, began: float, each: float) -> int:
    return max(0, math.ceil(round((at - began) / each, 3)) - 1)


def read_classic(
    found: Sequence[tuple[Mapping[str, str], Sequence[tuple[float, float]]]],
) -> Iterator[HistogramSeries]:
    """Of series `name_bucket`, which count all values up to an edge `le`.

    Errors: MessageError where buckets are missing or do not fit each other.
    """
    groups: dict[frozenset[tuple[str, str]], dict[float, Mapping[float, float]]] = {}
    for labels, points in found:
        rest = {name: value for name, value in labels.items() if name not in ("le", "__name__")}
        edge = _edge(labels.get("le", ""))
        groups.setdefault(frozenset(rest.items()), {})[edge] = dict(points)
    for group, by_edge in groups.items():
        edges = sorted(by_edge)
        moments = sorted(by_edge[edges[-1]])
        if edges[-1] != math.inf or any(sorted(by_edge[edge]) != moments for edge in edges):
            raise MessageError(fact(Code.PROM_BUCKETS, name=_name(dict(group)), what="missing"))
        snapshots = [
            Snapshot(at=at, counts=_apart(edges, [by_edge[edge][at] for edge in edges], dict(group)))
            for at in moments
        ]
        yield HistogramSeries(labels=dict(group), snapshots=snapshots)


def _edge(text: str) -> float:
    try:
        edge = float(text)
    except ValueError:
        edge = math.nan
    if math.isnan(edge):
        raise MessageError(fact(Code.PROM_BUCKETS, name=f"le={text}"[:80], what="missing"))
    return edge


def _apart(edges: Sequence[float], up_to: Sequence[float], labels: Mapping[str, str]) -> dict[Edges, float]:
    """What lies in each bucket, of what lies up to each edge."""
    counts: dict[Edges, float] = {}
    below, before = (0.0 if edges[0] > 0 else -math.inf), 0.0
    for edge, count in zip(edges, up_to, strict=True):
        if not math.isfinite(count) or count < before:
            raise MessageError(fact(Code.PROM_BUCKETS, name=_name(labels), what="contradict"))
        counts[below, edge] = count - before
        below, before = math.nextafter(edge, math.inf), count
    return counts


def read_native(
    found: Sequence[tuple[Mapping[str, str], Sequence[tuple[float, Any]]]],
) -> Iterator[HistogramSeries]:
    """Of native histograms as the API writes them. Errors: MessageError for what is none."""
    for labels, histograms in found:
        rest = {name: value for name, value in labels.items() if name != "__name__"}
        snapshots = [Snapshot(at=at, counts=_native_counts(one, rest)) for at, one in histograms]
        yield HistogramSeries(labels=rest, snapshots=snapshots)


_CLOSED = {0: (False, True), 1: (True, False), 2: (False, False), 3: (True, True)}
"""Which edges belong to a bucket, by the API's `boundary_rule`."""


def _native_counts(histogram: Any, labels: Mapping[str, str]) -> dict[Edges, float]:
    """Buckets are written as boundary rule, lower edge, upper edge, count."""
    counts: dict[Edges, float] = {}
    for bucket in items_of(histogram, "buckets"):
        rule, *numbers = bucket if isinstance(bucket, list) and len(bucket) == 4 else [None] * 4
        low, high, count = map(value_of, numbers)
        if rule not in (0, 1, 2, 3) or not (low <= high and 0 <= count < math.inf):
            raise MessageError(fact(Code.PROM_BUCKETS, name=_name(labels), what="contradict"))
        low_is, high_is = _CLOSED[rule]
        edges = (
            low if low_is else math.nextafter(low, math.inf),
            high if high_is else math.nextafter(high, -math.inf),
        )
        counts[edges] = counts.get(edges, 0.0) + count
    if sum(counts.values()) != value_of(get(histogram, "count")):
        raise MessageError(fact(Code.PROM_BUCKETS, name=_name(labels), what="contradict"))
    return counts


def increments(series: HistogramSeries, *, from_nothing: bool) -> Iterator[tuple[float, dict[Edges, int]]]:
    """What was counted from each sample to the next, with the moment of that; `from_nothing`: and what the
    first one had.

    Errors: MessageError where buckets changed, or counts are no whole numbers.
    """
    if from_nothing:
        yield series.first, _whole(series.snapshots[0].counts, series)
    for before, after in zip(series.snapshots, series.snapshots[1:], strict=False):
        fell = any(after.counts.get(edges, 0.0) < count for edges, count in before.counts.items())
        if fell and sum(after.counts.values()) >= sum(before.counts.values()):
            raise MessageError(fact(Code.PROM_BUCKETS, name=_name(series.labels), what="changed"))
        # One that was started again has counted from nothing.
        known = {} if fell else before.counts
        more = {edges: count - known.get(edges, 0.0) for edges, count in after.counts.items()}
        yield after.at, _whole(more, series)


def _whole(counts: Mapping[Edges, float], series: HistogramSeries) -> dict[Edges, int]:
    if any(count != round(count) for count in counts.values()):
        raise MessageError(fact(Code.PROM_BUCKETS, name=_name(series.labels), what="contradict"))
    return {edges: round(count) for edges, count in counts.items() if count}


def _name(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))[:200] or "the histogram"
