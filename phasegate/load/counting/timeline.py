"""The load over time, merged over workers, in at most some hundred bins whatever the duration."""

from __future__ import annotations

import math
from dataclasses import dataclass

from phasegate.base.facts import Code, fact
from phasegate.load.counting.tally import LoadTally
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Chart, Distribution
from phasegate.model.observation import Series

BINS = 600
QUANTILES = {"latency p50": 0.5, "latency p95": 0.95, "latency p99": 0.99}
LATENCY = Chart(title=fact(Code.CHART, what="latency"), series=tuple(QUANTILES))
RATES = Chart(title=fact(Code.CHART, what="rates"), series=("rate", "errors"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    start: float
    """Seconds from the start of the load."""
    length: float
    good: int
    failed: int
    """Dropped requests included."""
    quantiles: tuple[float | None, ...]
    """Of the good answers, in the order of `QUANTILES`; None without any."""


class LoadTimeline:
    """Takes what each worker reports for each second; a bin is reduced to figures once no worker can add to
    it, so memory does not grow with the load."""

    def __init__(self, *, workers: int, seconds: float, tick: float = 1.0) -> None:
        """`tick`: seconds between two reports of a worker."""
        self._shortest = tick / 2
        self._width = max(1, math.ceil(seconds / BINS))
        self._reported = [0.0] * workers
        self._open: dict[int, LoadTally] = {}
        self._ends: dict[int, float] = {}
        self._bins: dict[int, Bin] = {}

    def add(self, worker: int, until: float, tally: LoadTally) -> None:
        """`tally` is what came in from the worker's last report until a moment, in seconds."""
        since = self._reported[worker]
        index = int((since + until) / 2 / self._width)
        if index and until - since < self._shortest and since <= index * self._width:
            # The last report comes some milliseconds after the end of a bin, with or without one at its end.
            index -= 1
        self._open[index] = self._open.get(index, _NOTHING).merge(tally)
        self._ends[index] = max(self._ends.get(index, 0.0), until)
        self._reported[worker] = until
        self._close(before=min(self._reported) - self._width)

    def bins(self) -> tuple[Bin, ...]:
        """All bins in order of time; nothing may be added afterwards."""
        self._close(before=math.inf)
        return tuple(self._bins[index] for index in sorted(self._bins))

    def _close(self, *, before: float) -> None:
        for index in [index for index in self._open if (index + 1) * self._width <= before]:
            tally, end = self._open.pop(index), self._ends.pop(index)
            start = float(index * self._width)
            self._bins[index] = Bin(
                start=start,
                length=max(end - start, 1e-9),
                good=tally.good,
                failed=tally.failed + tally.dropped,
                quantiles=tuple(_upper(tally.latency, share) for share in QUANTILES.values()),
            )


def series(bins: tuple[Bin, ...]) -> tuple[Series, ...]:
    """The lines of the report's chart; each point stands at the start of its bin."""
    if not bins:
        return ()
    rate = Series(
        name="rate",
        unit="/s",
        points=tuple((one.start, (one.good + one.failed) / one.length) for one in bins),
    )
    errors = Series(
        name="errors", unit="/s", points=tuple((one.start, one.failed / one.length) for one in bins)
    )
    quantiles = (
        Series(name=name, unit="s", points=tuple((one.start, one.quantiles[place]) for one in bins))
        for place, name in enumerate(QUANTILES)
    )
    return (rate, errors, *quantiles)


def silent_seconds(bins: tuple[Bin, ...], until: float) -> float:
    """Seconds, before a moment, in whole bins without a good answer."""
    return sum(one.length for one in bins if not one.good and one.start + one.length <= until + 0.5)


def _upper(good: Histogram, share: float) -> float | None:
    edges = Distribution(good=good).quantile(share)
    return None if edges is None else edges[1]


_NOTHING = LoadTally()
