"""Measures: the typed, named values that a check observed and a criterion may speak about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from phasegate.base.dataclass import dataclass
from phasegate.base.units import BASE_UNIT, Dimension
from phasegate.model.blocks import Block
from phasegate.model.fact_json import JsonMessage
from phasegate.model.histogram import Histogram

NAMED = 20
"""How many missing cases a share names; the rest is counted."""


class MeasureType(StrEnum):
    """What a measure is, and so how a criterion on it is judged."""

    CENSUS = "census"
    """A share of all there is; judged as counted."""
    SAMPLE = "sample"
    """A share of some; needs a bound."""
    DISTRIBUTION = "distribution"
    """A sample of durations; quantiles need a bound."""
    NUMBER = "number"
    """One value, judged as observed."""
    GAUGE = "gauge"
    """A value looked at again and again; its least, greatest and mean value are judged as seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """How reports draw a measure over time, with the limits that criteria set it."""

    title: JsonMessage = ""
    """Measures with the same title share a chart; without one there is none."""
    series: tuple[str, ...] = ()
    """The series of the timeline that are its lines, by name."""
    by_part: bool = False
    """Whether it has a line for each part instead, of the series `part.measure`. It is drawn below a load
    that it went on beside."""
    of_each: bool = False
    """With `by_part`: whether a limit of the whole check is one of each part."""
    place: int = 0
    """Charts with a lower one stand first; of the same, in the order of the measures."""
    note: JsonMessage = ""
    """What a reader needs beside the title: `100% is one core`."""
    column: JsonMessage = ""
    """With `by_part`: its heading in the table of what each service used at most; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSpec:
    """What a kind declares about a measure before anything runs."""

    type: MeasureType
    dimension: Dimension
    about: str
    """One line for `phasegate kinds` and the documentation."""
    lowest: float = -math.inf
    """No number can be less, so a criterion that asks for no more than this proves nothing."""
    highest: float = math.inf
    chart: Chart | None = None
    """None: its series are drawn by their unit."""

    @classmethod
    def number(cls, about: str, dimension: Dimension = Dimension.COUNT, **more: Any) -> MeasureSpec:
        """`more`: what else is declared, such as `lowest`; as for the others."""
        return cls(type=MeasureType.NUMBER, dimension=dimension, about=about, **more)

    @classmethod
    def amount(cls, about: str, dimension: Dimension = Dimension.COUNT, **more: Any) -> MeasureSpec:
        """A number that is never negative."""
        return cls.number(about, dimension, lowest=0, **more)

    @classmethod
    def census(cls, about: str, **more: Any) -> MeasureSpec:
        return cls(type=MeasureType.CENSUS, dimension=Dimension.SHARE, about=about, **more)

    @classmethod
    def sample(cls, about: str, **more: Any) -> MeasureSpec:
        return cls(type=MeasureType.SAMPLE, dimension=Dimension.SHARE, about=about, **more)

    @classmethod
    def times(cls, about: str, **more: Any) -> MeasureSpec:
        return cls(type=MeasureType.DISTRIBUTION, dimension=Dimension.TIME, about=about, **more)


def charts_of(specs: Mapping[str, MeasureSpec]) -> dict[str, Chart]:
    """How measures are drawn, by name, in the order of the report."""
    drawn = {name: spec.chart for name, spec in specs.items() if spec.chart is not None}
    return dict(sorted(drawn.items(), key=lambda item: item[1].place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of `total` passed. In a census `total` counts every case collected, run or not."""

    dimension: ClassVar = Dimension.SHARE
    passed: int
    total: int
    sample: bool
    skipped: int = 0
    """Cases of a census without a verdict (skipped or lost): missing evidence, part of `total`."""
    missing: tuple[str, ...] = ()
    """Names of cases without a verdict, at most `NAMED` of them."""
    span: float | None = None
    """Seconds from the first to the last observation of a sample."""
    episodes: int | None = None
    """Runs of consecutive failures in a sample."""
    blocks: tuple[tuple[int, int], ...] = ()
    """(requests, failures) in equal pieces of time of a sample; empty where nobody looked."""
    unused: int = 0
    """Moments of a schedule that passed without a probe, as phasegate was late: missing evidence, not part
    of `total`."""
    replaced: int = 0
    """The same, where later moments took their place, so that no evidence is missing."""

    @property
    def type(self) -> MeasureType:
        return MeasureType.SAMPLE if self.sample else MeasureType.CENSUS

    @property
    def failed(self) -> int:
        return self.total - self.passed - self.skipped

    @property
    def value(self) -> float | None:
        """The observed share, None without data."""
        return self.passed / self.total if self.total else None


def nearest_rank(share: float, n: int) -> int:
    """The rank of a quantile among n values, 1 being the smallest: ceil(share * n).

    Rounded first, because 0.07 * 100 is 7.000000000000001.
    """
    return max(1, math.ceil(round(share * n, 6)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Durations of the requests that went well, and how many did not; those rank above every value."""

    type: ClassVar = MeasureType.DISTRIBUTION
    dimension: ClassVar = Dimension.TIME
    good: Histogram
    failed: int = 0
    span: float | None = None
    unmeasured: int = 0
    """Durations of exactly 0: below the resolution of the clock, so no data; not in `good`."""
    blocks: tuple[Block, ...] = ()
    """The same sample in equal pieces of time; empty where nobody looked."""
    unused: int = 0
    """As of a share; not part of `n`."""
    replaced: int = 0

    @property
    def n(self) -> int:
        return self.good.n + self.failed

    def quantile(self, share: float) -> tuple[float, float] | None:
        """Nearest-rank quantile over all requests as bucket edges (low, high) in seconds.

        Shape: `math.inf` on both edges where the quantile falls among the failed ones; None without data.
        Source: rank = ceil(share * n), Hyndman and Fan 1996, definition 1.
        """
        if not (n := self.n):
            return None
        rank = nearest_rank(share, n) if n > 1 else 1
        return self.good.at_rank(rank) if rank <= self.good.n else (math.inf, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """How many values lie between edges, as another program counted them; where between nobody knows."""

    type: ClassVar = MeasureType.DISTRIBUTION
    counts: tuple[tuple[float | None, float | None, int], ...] = ()
    """(lower edge, upper edge, values), in the base unit; None for an edge without end. Edges belong to
    their bucket: of one above 0.1, the lower edge is the next number. Buckets may overlap."""
    dimension: Dimension = Dimension.TIME
    span: float | None = None
    """Seconds from the first count to the last."""
    blocks: tuple[tuple[int, ...], ...] = ()
    """Of equal pieces of time, the values in each bucket; empty where nobody looked."""

    @property
    def n(self) -> int:
        return sum(count for _, _, count in self.counts)

    @property
    def unit(self) -> str:
        return BASE_UNIT[self.dimension]

    def at_rank(self, rank: int) -> tuple[float, float]:
        """Between which values that of a rank lies (1 is the smallest); infinite where there is no edge.

        Errors: IndexError outside 1..n.
        """
        lows = [(-math.inf if low is None else low, count) for low, _, count in self.counts]
        highs = [(math.inf if high is None else high, count) for _, high, count in self.counts]
        return _at_rank(lows, rank), _at_rank(highs, rank)

    def quantile(self, share: float) -> tuple[float, float] | None:
        """Between which values a quantile lies; None without data. Source: as of a distribution."""
        return self.at_rank(nearest_rank(share, self.n)) if self.n else None


def _at_rank(values: list[tuple[float, int]], rank: int) -> float:
    seen = 0
    for value, count in sorted(values):
        seen += count
        if 1 <= rank <= seen:
            return value
    raise IndexError(f"rank {rank} of {seen} values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One observed value in the base unit of its dimension; None when there was nothing to read."""

    type: ClassVar = MeasureType.NUMBER
    value: float | None
    dimension: Dimension = Dimension.COUNT
    reported: bool = False
    """True when another tool computed it and phasegate only read it."""
    unended: bool = False
    """True when it had not come to its end while it was looked at: it is more than `value`, and ranks above
    every value."""
    partial: bool = False
    """True for a count of which a part could not be looked at: it is `value` at the least."""
    least: float | None = None
    """What it may have been as little as, had phasegate not been late to look; None where it was not."""
    counted: tuple[str, ...] = ()
    """What a count counts, by name; empty where it has no names."""
    missing: tuple[str, ...] = ()
    """With `partial`: what could not be looked at, by name, at most `NAMED` of them."""

    @property
    def unit(self) -> str:
        return BASE_UNIT[self.dimension]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What a value was each time it was looked at; between two looks it may have been anything.

    Values are in the base unit of the dimension, and None where `samples` is 0.
    """

    type: ClassVar = MeasureType.GAUGE
    samples: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    last: float | None = None
    dimension: Dimension = Dimension.COUNT
    interval: float | None = None
    """Seconds from one look to the next, as intended."""
    span: float | None = None
    """Seconds from the first look to the last."""

    @property
    def unit(self) -> str:
        return BASE_UNIT[self.dimension]

    def and_then(self, value: float, *, span: float | None = None) -> Gauge:
        """This gauge after one more look; `span` is the time since the first."""
        if self.minimum is None or self.maximum is None or self.mean is None:
            minimum = maximum = mean = value
        else:
            minimum, maximum = min(self.minimum, value), max(self.maximum, value)
            # Rounding may carry a mean past the values that it is the mean of.
            mean = min(max(self.mean + (value - self.mean) / (self.samples + 1), minimum), maximum)
        # Not `replace`, which takes twice as long: a stack has hundreds of gauges, all looked at often.
        return Gauge(
            samples=self.samples + 1,
            minimum=minimum,
            maximum=maximum,
            mean=mean,
            last=value,
            dimension=self.dimension,
            interval=self.interval,
            span=span,
        )


Measure = Share | Distribution | Buckets | Number | Gauge


def ends_of_unused(sample: Share | Distribution) -> tuple[Share | Distribution, Share | Distribution]:
    """A sample as if the probes of all unused moments had failed, and as if all had been answered at once."""
    unused = sample.unused
    if isinstance(sample, Share):
        all_failed = replace(sample, total=sample.total + unused, unused=0)
        return all_failed, replace(all_failed, passed=sample.passed + unused)
    at_once = Histogram.of_counts({1: unused}, minimum_ns=1, maximum_ns=1, total_ns=unused)
    return (
        replace(sample, failed=sample.failed + unused, unused=0),
        replace(sample, good=sample.good.merge(at_once), unused=0),
    )


def merge(first: Measure, second: Measure) -> Measure | None:
    """The measure of two parts taken together; None where a whole has no meaning (numbers, gauges)."""
    match first, second:
        case Share(), Share():
            return Share(
                passed=first.passed + second.passed,
                total=first.total + second.total,
                sample=first.sample,
                skipped=first.skipped + second.skipped,
                missing=(first.missing + second.missing)[:NAMED],
                span=_shorter(first.span, second.span),
                episodes=None
                if first.episodes is None or second.episodes is None
                else first.episodes + second.episodes,
                blocks=_both(first.blocks, second.blocks),
                unused=first.unused + second.unused,
                replaced=first.replaced + second.replaced,
            )
        case Distribution(), Distribution():
            return Distribution(
                good=first.good.merge(second.good),
                failed=first.failed + second.failed,
                span=_shorter(first.span, second.span),
                unmeasured=first.unmeasured + second.unmeasured,
                blocks=_both(first.blocks, second.blocks),
                unused=first.unused + second.unused,
                replaced=first.replaced + second.replaced,
            )
        case _:
            return None


_T = TypeVar("_T")


def _both(first: tuple[_T, ...], second: tuple[_T, ...]) -> tuple[_T, ...]:
    """Pieces of time of both parts; none where one of them has none, as they would not speak for it."""
    return first + second if first and second else ()


def _shorter(first: float | None, second: float | None) -> float | None:
    """The span that both parts can vouch for."""
    return None if first is None or second is None else min(first, second)
