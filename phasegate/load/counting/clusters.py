"""A load in equal pieces of time, over all workers, to see whether failures come together."""

from __future__ import annotations

from phasegate.load.counting.tally import LoadTally, PartTally
from phasegate.model.blocks import Block, Pieces, time_blocks
from phasegate.model.histogram import Histogram


class Clusters:
    """Takes what each worker reports; memory does not grow with the load."""

    def __init__(self) -> None:
        self._latency = time_blocks()
        self._service = time_blocks()
        self._parts: dict[str, tuple[Pieces, Pieces]] = {}
        """Durations and shares of each part of journeys: dropped ones count among the durations only."""

    def add(self, at: float, tally: LoadTally) -> None:
        """`at` is the middle of the time in which a tally came in, in seconds."""
        _fill(self._latency, at, tally.latency, tally.failed + tally.dropped)
        _fill(self._service, at, tally.service, tally.failed)
        for name, part in tally.parts.items():
            self._add_part(name, at, part)

    def _add_part(self, name: str, at: float, part: PartTally) -> None:
        durations, shares = self._parts.setdefault(name, (time_blocks(), time_blocks()))
        _fill(durations, at, part.latency, part.failed + part.dropped)
        _fill(shares, at, part.latency, part.failed)

    @property
    def latency(self) -> tuple[Block, ...]:
        return self._latency.blocks()

    @property
    def service(self) -> tuple[Block, ...]:
        return self._service.blocks()

    @property
    def shares(self) -> tuple[tuple[int, int], ...]:
        """(requests, failures) of those that were sent."""
        return self._service.shares()

    def part(self, name: str) -> tuple[tuple[Block, ...], tuple[tuple[int, int], ...]]:
        """The same of one part: durations, and shares."""
        found = self._parts.get(name)
        return ((), ()) if found is None else (found[0].blocks(), found[1].shares())


def _fill(pieces: Pieces, at: float, good: Histogram, failed: int) -> None:
    if good.n or failed:
        piece = pieces.at(at)
        piece.take(dict(good.counts), good.minimum_ns, good.maximum_ns, good.total_ns)
        piece.failed += failed
