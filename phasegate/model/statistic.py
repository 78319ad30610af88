"""Statistics: the values that a criterion reads off a distribution or a gauge, one object each.

To add one, put its object into `STATISTICS`; nothing else knows any by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache

from phasegate.base.dataclass import dataclass
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Gauge, MeasureType, nearest_rank

_QUANTILE = re.compile(r"p\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The requests of a distribution by duration; rank 1 is the shortest."""

    seen: Distribution
    high: bool
    """Whether values are read at the upper edges of their buckets, and not at the lower ones."""
    failed_first: bool = False
    """Whether failed requests rank below every value; the ranks above all values are theirs either way."""

    def at(self, rank: int) -> float | None:
        """Seconds; None where the rank falls among the failed requests."""
        good, below = self.seen.good, self.seen.failed if self.failed_first else 0
        return good.at_rank(rank - below)[self.high] if below < rank <= good.n else None


OfTimes = Callable[[Ranking], float | None]
"""The value in seconds; None where failed requests leave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """What it is of a measure, and what a sample shows of it."""

    name: str
    also: tuple[str, ...] = ()
    """Words that mean it; a criterion that uses one is told the name."""
    of_times: OfTimes | None = None
    """None: a distribution has no such value."""
    of_gauge: Callable[[Gauge], float | None] | None = None
    """In the gauge's unit, None without samples. None: a gauge has no such value."""
    quantile: float | None = None
    """It is within a threshold where this share of all requests is, so its bound is that of the share."""
    of_sample: bool = False
    """Without a quantile: whether it says what was seen and no more. Others estimate what no sample bounds,
    and are judged only where no bound is asked for."""

    @property
    def lacks_bound(self) -> bool:
        return self.quantile is None and not self.of_sample

    def is_of(self, type: MeasureType) -> bool:
        """Whether measures of a type have it."""
        if type is MeasureType.DISTRIBUTION:
            return self.of_times is not None
        return type is MeasureType.GAUGE and self.of_gauge is not None

    def entails(self, other: Statistic, *, at_most: bool) -> bool:
        """Whether another is at most (or at least) a value where this one is, as p95 is where p99 is."""
        if self.quantile is None or other.quantile is None:
            return False
        return self.quantile > other.quantile if at_most else self.quantile < other.quantile


@lru_cache(maxsize=1024)
def find_statistic(name: str) -> Statistic:
    """By its name; for one that nobody knows, a statistic that no measure has."""
    unlisted = _quantile(name) if 0 < (percent(name) or 0) < 100 else Statistic(name=name)
    return next((one for one in STATISTICS if one.name == name), unlisted)


def percent(word: str) -> Decimal | None:
    """95 of `p95`, and 100 of `p100`, not a statistic; None for what does not look like a quantile."""
    return Decimal(word[1:]) if _QUANTILE.fullmatch(word) else None


def is_statistic_name(word: str) -> bool:
    """Whether a word is read as a statistic, and so cannot be the name of a measure."""
    return percent(word) is not None or any(one.name == word for one in STATISTICS)


def name_meant(word: str) -> str | None:
    """The name of the statistic that another word means: `avg`, `median`, `p100`."""
    number = percent(word)
    word = word if number is None else f"p{number.normalize():f}"
    return next((one.name for one in STATISTICS if word in one.also), None)


@cache
def statistic_names(*types: MeasureType) -> tuple[str, ...]:
    """Those of measures of some types, with a few of all quantiles."""
    return tuple(one.name for one in STATISTICS if any(one.is_of(type) for type in types))


@cache
def _quantile(name: str, *also: str) -> Statistic:
    share = float(Decimal(name[1:]) / 100)

    def value(ranking: Ranking) -> float | None:
        return ranking.at(nearest_rank(share, ranking.seen.n))

    return Statistic(name=name, also=also, of_times=value, quantile=share)


def _of_all(value: Callable[[Histogram], float]) -> OfTimes:
    """What has no value once a request failed, as that could have taken any time."""

    def of_times(ranking: Ranking) -> float | None:
        seen = ranking.seen
        return value(seen.good) if seen.good.n and not seen.failed else None

    return of_times


STATISTICS: tuple[Statistic, ...] = (
    _quantile("p50", "median", "med"),
    _quantile("p95"),
    _quantile("p99.9"),
    Statistic(
        name="min",
        also=("minimum", "p0"),
        of_times=lambda ranking: ranking.seen.good.minimum if ranking.seen.good.n else None,
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
