"""Statistics: the values that a criterion reads off a distribution or a gauge, one object each.

To add one, write its object and put it into `STATISTICS`; nothing else knows any by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Gauge, MeasureType, nearest_rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The requests of a distribution in order; rank 1 is the shortest."""

    seen: Distribution
    high: bool
    """Whether values are read at the upper edges of their buckets, and not at the lower ones."""
    failed_first: bool = False
    """Whether failed requests rank below every value, and not above."""

    def at(self, rank: int) -> float | None:
        """Seconds; None where the rank falls among the failed requests, or outside of all."""
        rank -= self.seen.failed if self.failed_first else 0
        good = self.seen.good
        return good.at_rank(rank)[self.high] if 1 <= rank <= good.n else None


ValueOfTimes = Callable[[Ranked], float | None]
"""Seconds; None where failed requests leave no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One statistic. Its direction is its criterion's: `<` reads and bounds it from above, `>` from below."""

    name: str
    also: tuple[str, ...] = ()
    """Other words for it: no criterion may use them, and what is said of one names this."""
    of_times: ValueOfTimes | None = None
    """None: no distribution has it."""
    of_gauge: Callable[[Gauge], float | None] | None = None
    """In the gauge's unit, None without samples. None: no gauge has it."""
    quantile: float | None = None
    """It is within a threshold where this share of all requests is, so its bound is that of a share. None: it
    has no bound."""
    of_sample: bool = False
    """Without a bound: whether it states what was seen and no more, so that no bound is missed."""

    @property
    def lacks_bound(self) -> bool:
        """Whether it estimates what no sample bounds; it is judged only where no bound is asked for."""
        return self.quantile is None and not self.of_sample

    def is_of(self, type: MeasureType) -> bool:
        """Whether measures of a type have it."""
        reads = {MeasureType.DISTRIBUTION: self.of_times, MeasureType.GAUGE: self.of_gauge}
        return reads.get(type) is not None


def find_statistic(name: str) -> Statistic | None:
    """By its name; any quantile between 0 and 100 is one."""
    found = next((one for one in STATISTICS if one.name == name), None)
    return _quantile(name) if found is None and 0 < (percent(name) or 0) < 100 else found


def is_statistic_name(word: str) -> bool:
    """Whether a word is read as a statistic: `p100` is too, though there is none."""
    return percent(word) is not None or find_statistic(word) is not None


def statistic_meant(word: str) -> Statistic | None:
    """The one that another word means: `avg`, `median`, `p100`."""
    of_all = percent(word)
    word = word if of_all is None else f"p{of_all.normalize():f}"
    return next((one for one in STATISTICS if word in one.also), None)


def names_of_statistics(*types: MeasureType) -> tuple[str, ...]:
    """Those that measures of some types have, with a few of the quantiles as examples."""
    return tuple(one.name for one in STATISTICS if any(one.is_of(type) for type in types))


def percent(word: str) -> Decimal | None:
    """95 of `p95`; None for what is not written like a quantile."""
    return Decimal(word[1:]) if _QUANTILE.fullmatch(word) else None


@cache
def _quantile(name: str, *also: str) -> Statistic:
    share = float(Decimal(name[1:]) / 100)

    def value(ranked: Ranked) -> float | None:
        return ranked.at(nearest_rank(share, ranked.seen.n))

    return Statistic(name=name, also=also, of_times=value, quantile=share)


def _of_all(value: Callable[[Histogram], float]) -> ValueOfTimes:
    """What has no value once a request failed, as that could have taken any time."""

    def of_times(ranked: Ranked) -> float | None:
        seen = ranked.seen
        return value(seen.good) if seen.good.n and not seen.failed else None

    return of_times


_QUANTILE = re.compile(r"p\d+(?:\.\d+)?")
STATISTICS: tuple[Statistic, ...] = (
    _quantile("p50", "median", "med"),
    _quantile("p95"),
    _quantile("p99.9"),
    Statistic(
        name="min",
        also=("minimum", "p0"),
        of_times=lambda ranked: ranked.seen.good.minimum if ranked.seen.good.n else None,
        of_gauge=lambda gauge: gauge.minimum,
        of_sample=True,
    ),
    Statistic(
        name="max",
        also=("maximum", "p100"),
        of_times=_of_all(lambda good: good.maximum),
        of_gauge=lambda gauge: gauge.maximum,
        of_sample=True,
    ),
    Statistic(
        name="mean",
        also=("avg", "average"),
        of_times=_of_all(lambda good: good.mean),
        of_gauge=lambda gauge: gauge.mean,
    ),
)
