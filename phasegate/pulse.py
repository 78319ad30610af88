"""Whether this process has been held up: stopped, or without a processor, while requests were due or out."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from phasegate.model.histogram import NANOSECONDS

BEAT = 0.02
"""Seconds between two looks at the clock."""
HELD_UP_NS = 100_000_000
"""Nanoseconds by which a look must be late."""


class Pulse:
    """Moments are `perf_counter_ns`."""

    def __init__(self) -> None:
        self._due_ns = 0
        self.since_ns = 0
        """Since when it had been held up before."""
        self.resumed_ns = 0
        """When it last went on; 0 where it was never held up."""
        self.until_ns = 0
        """Until when it may be catching up: for as long again as it was held up."""
        self.lost_ns = 0
        """All such times together."""

    def begin(self, due_ns: int = 0) -> None:
        """Nothing is late before a moment, or before the next look."""
        self._due_ns = due_ns

    async def beat(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(BEAT)

    def look(self) -> int:
        """See whether this look is late. Shape: the moment of it."""
        now = perf_counter_ns()
        late = now - self._due_ns
        if self._due_ns and late > HELD_UP_NS:
            self.since_ns = self._due_ns
            self.resumed_ns, self.until_ns = now, max(self.until_ns, now + late)
            self.lost_ns += late
        self._due_ns = now + round(BEAT * NANOSECONDS)
        return now
