"""The time of a run: the calendar at its start, counted on by a clock that never jumps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from phasegate.base.dataclass import dataclass
from phasegate.model.events import CLOCK_STEP

_SURE = 0.05
"""Seconds within which both clocks must be read to be held against each other."""
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How the calendar clock moved against the time of the run."""

    by: float
    """Seconds, negative when it was set back."""
    suspended: float
    """Seconds of it in which the machine was suspended, as far as the system knows."""


def _wall() -> datetime:
    return datetime.now(UTC)


def _suspended_seconds() -> float:
    """Seconds that this machine was suspended since it was started; 0 where the system does not say."""
    boot, running = getattr(time, "CLOCK_BOOTTIME", None), getattr(time, "CLOCK_MONOTONIC", None)
    if boot is None or running is None:
        return 0.0
    return time.clock_gettime(boot) - time.clock_gettime(running)


class RunClock:
    """See `phasegate.world.Clock`; and it knows how the calendar clock moves meanwhile."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.perf_counter,
        wall: Callable[[], datetime] = _wall,
        suspended: Callable[[], float] = _suspended_seconds,
    ) -> None:
        self._monotonic, self._wall, self._suspended = monotonic, wall, suspended
        self._zero = monotonic()
        self.started = wall()
        self._ahead = 0.0
        self._slept = suspended()

    def now(self) -> float:
        return self._monotonic()

    def utc(self) -> datetime:
        return self.started + timedelta(seconds=self._monotonic() - self._zero)

    def wall(self) -> datetime:
        return self._wall()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def move(self) -> Move | None:
        """How the calendar clock moved since this was asked last; None where it did not."""
        ahead = self._read()
        by = ahead - self._ahead
        if abs(by) < CLOCK_STEP:
            return None
        slept = self._suspended()
        suspended, self._slept, self._ahead = slept - self._slept, slept, ahead
        return Move(by=by, suspended=suspended if suspended >= CLOCK_STEP else 0.0)

    def _read(self) -> float:
        """Seconds that the calendar is ahead of the run, read again where a pause fell between the clocks."""
        for _ in range(_TRIES):
            before = self._monotonic()
            ahead = (self._wall() - self.started).total_seconds() - (before - self._zero)
            if self._monotonic() - before < _SURE:
                return ahead
        return self._ahead
