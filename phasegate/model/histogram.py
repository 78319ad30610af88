"""A mergeable log-linear histogram of durations, after HdrHistogram (Tene 2012).

Values are whole nanoseconds. Each power of two is cut into 128 buckets, so a bucket is at most 1/128
(0.8%) as wide as the values in it; below 256 ns every value has its own bucket.

    value   255 ns -> bucket 255          covers [255, 255]
    value   256 ns -> bucket 256          covers [256, 257]
    value  1000 ns -> bucket 2 * 128 + 250 covers [1000, 1003]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from phasegate.base.dataclass import dataclass

NANOSECONDS = 1_000_000_000
BUCKETS = 7_296
"""Enough for 2**63 ns; a flat list of this length serves as a counter array (see `bucket_of`)."""


def bucket_of(nanoseconds: int) -> int:
    """The bucket that holds a value; negative values are the caller's mistake."""
    shift = nanoseconds.bit_length() - 8
    return (shift << 7) + (nanoseconds >> shift) if shift > 0 else nanoseconds


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """The smallest and the largest value, in nanoseconds, that fall into a bucket."""
    if bucket < 256:
        return bucket, bucket
    shift = (bucket >> 7) - 1
    mantissa = bucket - (shift << 7)
    low = mantissa << shift
    return low, low + (1 << shift) - 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket, sorted by bucket; `total_ns` keeps the exact sum for the mean."""

    counts: tuple[tuple[int, int], ...] = ()
    minimum_ns: int = 0
    maximum_ns: int = 0
    total_ns: int = 0
    n: int = 0

    @classmethod
    def of_seconds(cls, values: Iterable[float]) -> Histogram:
        return cls.of_nanoseconds(round(value * NANOSECONDS) for value in values)

    @classmethod
    def of_nanoseconds(cls, values: Iterable[int]) -> Histogram:
        counts: dict[int, int] = {}
        everything = list(values)
        for value in everything:
            bucket = bucket_of(value)
            counts[bucket] = counts.get(bucket, 0) + 1
        return cls.of_counts(
            counts,
            minimum_ns=min(everything, default=0),
            maximum_ns=max(everything, default=0),
            total_ns=sum(everything),
        )

    @classmethod
    def of_counts(
        cls, counts: Mapping[int, int], *, minimum_ns: int, maximum_ns: int, total_ns: int
    ) -> Histogram:
        kept = tuple(sorted((bucket, count) for bucket, count in counts.items() if count))
        return cls(kept, minimum_ns, maximum_ns, total_ns, sum(count for _, count in kept))

    def merge(self, other: Histogram) -> Histogram:
        """The histogram of both samples together; exact, in any order."""
        if not self.n or not other.n:
            return self if self.n else other
        counts = dict(self.counts)
        for bucket, count in other.counts:
            counts[bucket] = counts.get(bucket, 0) + count
        return Histogram.of_counts(
            counts,
            minimum_ns=min(self.minimum_ns, other.minimum_ns),
            maximum_ns=max(self.maximum_ns, other.maximum_ns),
            total_ns=self.total_ns + other.total_ns,
        )

    def split(self, nanoseconds: int) -> tuple[Histogram, Histogram]:
        """What lies in the buckets below that of a value, and the rest; the sum of each is estimated."""
        edge = bucket_of(nanoseconds)
        if not self.n or bucket_of(self.maximum_ns) < edge:
            return self, Histogram()
        if bucket_of(self.minimum_ns) >= edge:
            return Histogram(), self
        low = {bucket: count for bucket, count in self.counts if bucket < edge}
        high = {bucket: count for bucket, count in self.counts if bucket >= edge}
        total = min(
            sum(sum(bucket_bounds(bucket)) // 2 * count for bucket, count in low.items()), self.total_ns
        )
        between = bucket_bounds(max(low))[1], bucket_bounds(min(high))[0]
        return (
            Histogram.of_counts(low, minimum_ns=self.minimum_ns, maximum_ns=between[0], total_ns=total),
            Histogram.of_counts(
                high, minimum_ns=between[1], maximum_ns=self.maximum_ns, total_ns=self.total_ns - total
            ),
        )

    def at_rank(self, rank: int) -> tuple[float, float]:
        """The edges, in seconds, of the bucket that holds the value of a rank (1 is the smallest).

        The edges are narrowed to the exact minimum and maximum. Errors: IndexError outside 1..n.
        """
        if not 1 <= rank <= self.n:
            raise IndexError(f"rank {rank} of {self.n} values")
        if self.n == 1:  # as where a request was sent once: thousands of cases have that
            return self.minimum, self.maximum
        seen = 0
        for bucket, count in self.counts:
            seen += count
            if seen >= rank:
                low, high = bucket_bounds(bucket)
                return max(low, self.minimum_ns) / NANOSECONDS, min(high, self.maximum_ns) / NANOSECONDS
        raise IndexError(f"rank {rank} of {self.n} values")

    @property
    def minimum(self) -> float:
        return self.minimum_ns / NANOSECONDS

    @property
    def maximum(self) -> float:
        return self.maximum_ns / NANOSECONDS

    @property
    def mean(self) -> float:
        return self.total_ns / self.n / NANOSECONDS if self.n else 0.0
