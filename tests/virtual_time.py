"""An event loop whose time is simulated: sleeping takes no time, and what happens when is exact.

def main() -> Coroutine: ...
run_simulated(main(), stalls=[(1.0, 0.5)])      # at 1 s the loop stands still for half a second
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class _Instant(selectors.SelectSelector):
    """Waiting moves the time on; nothing ever comes from outside."""

    time = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everybody waits, and nothing is ever going to happen")
        self.time += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.time

    def stand_still(self, seconds: float) -> None:
        """As a callback that takes so long, or a process that does not run."""
        self._instant.time += seconds


class SimulatedClock:
    """The clock of the loop that runs."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def utc(self) -> datetime:
        return datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_simulated(main: Coroutine[Any, Any, T], *, stalls: Sequence[tuple[float, float]] = ()) -> T:
    """Run to the end; `stalls` are moments at which the loop stands still, and for how long, in seconds."""
    loop = SimulatedLoop()
    try:
        for at, seconds in stalls:
            loop.call_at(at, loop.stand_still, seconds)
        return loop.run_until_complete(main)
    finally:
        loop.close()
