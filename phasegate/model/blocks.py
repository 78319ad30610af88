"""A sample cut into equal pieces of time, few and equal however long it takes, in memory that stays flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from phasegate.base.dataclass import dataclass
from phasegate.model.histogram import Histogram, bucket_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What came in during one piece of time."""

    good: Histogram
    failed: int = 0

    @property
    def n(self) -> int:
        return self.good.n + self.failed


@dataclass(slots=True)
class Filling:
    """A block that is still being filled; whole nanoseconds."""

    counts: dict[int, int] = field(default_factory=dict)
    minimum: int = 0
    maximum: int = 0
    total: int = 0
    failed: int = 0
    unmeasured: int = 0
    """Good ones without a duration."""

    def add(self, nanoseconds: int) -> None:
        bucket = bucket_of(nanoseconds)
        if nanoseconds < self.minimum or not self.counts:
            self.minimum = nanoseconds
        if nanoseconds > self.maximum:
            self.maximum = nanoseconds
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += nanoseconds

    def take(self, counts: Mapping[int, int], minimum: int, maximum: int, total: int) -> None:
        """Add many durations at once, by bucket."""
        if not counts:
            return
        self.minimum = min(self.minimum, minimum) if self.counts else minimum
        self.maximum = max(self.maximum, maximum)
        self.total += total
        for bucket, count in counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def merge(self, other: Filling) -> None:
        self.take(other.counts, other.minimum, other.maximum, other.total)
        self.failed += other.failed
        self.unmeasured += other.unmeasured

    def histogram(self) -> Histogram:
        return Histogram.of_counts(
            self.counts, minimum_ns=self.minimum, maximum_ns=self.maximum, total_ns=self.total
        )


class Pieces:
    """Blocks by their place in time; when there would be too many, two neighbours become one."""

    def __init__(self, *, width: float, most: int) -> None:
        """`width`: seconds that a piece covers at first; `most`: so many pieces at the most."""
        self.width = width
        self._most = most
        self._found: dict[int, Filling] = {}

    def at(self, seconds: float) -> Filling:
        """The piece that a moment, in seconds from the start, falls into."""
        index = int(seconds / self.width)
        while index >= self._most:
            self._halve()
            index = int(seconds / self.width)
        return self._found.setdefault(index, Filling())

    def __getitem__(self, index: int) -> Filling | None:
        return self._found.get(index)

    @property
    def last(self) -> int:
        """The place of the last piece; -1 without any."""
        return max(self._found, default=-1)

    def shares(self) -> tuple[tuple[int, int], ...]:
        """(requests, failures) of every piece that has some, in order of time."""
        return tuple(
            (sum(one.counts.values()) + one.unmeasured + one.failed, one.failed) for one in self._in_order()
        )

    def blocks(self) -> tuple[Block, ...]:
        """Every piece that has durations or failures, in order of time."""
        made = (Block(good=one.histogram(), failed=one.failed) for one in self._in_order())
        return tuple(block for block in made if block.n)

    def _in_order(self) -> list[Filling]:
        return [self._found[index] for index in sorted(self._found)]

    def _halve(self) -> None:
        found, self._found = self._found, {}
        self.width *= 2
        for index in sorted(found):
            if index // 2 in self._found:
                self._found[index // 2].merge(found[index])
            else:
                self._found[index // 2] = found[index]


def time_blocks() -> Pieces:
    """Pieces for seeing whether failures come together: 32 to 64 of them from the first 32 ms on."""
    return Pieces(width=0.001, most=64)
