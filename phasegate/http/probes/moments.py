"""The moments of a schedule: each is for one probe, sent on time, a little late, or never.

Where phasegate is held up, the moments that are due wait for their probes, up to `LATE`. A probe sent later
would say nothing of its moment, which has passed *unused* then. Probes that are late are sent little by
little, as many at once would be a load that nobody asked for.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass

LATE = 1.0
"""Seconds that a probe may be late by; an interval of its schedule where that is longer."""
AT_ONCE = 3
"""Late probes that are sent at once at the most, or as many as are due within `FINE`."""
FINE = 0.01
"""Seconds within which nobody minds when exactly a probe is sent."""
CATCHING_UP = 1.25
"""By how much the pace of late probes is above that of their schedule."""
SHORTEST = 0.000001
"""Seconds that are waited at the least, so that time goes on whatever is rounded."""
TICK = 0.005
"""Seconds between two looks at whether a probe that waits can be sent."""


@dataclass(frozen=True, slots=True)
class Moment:
    number: int
    due: float
    """Seconds from the start of the schedule."""


class Moments:
    """Moments every so many seconds, from 0 on; times are seconds from the start of the schedule."""

    def __init__(self, every: float) -> None:
        self.every = every
        self._late = max(LATE, every)
        self._gap = every / CATCHING_UP
        self._burst = (max(AT_ONCE, round(FINE / every)) - 1) * self._gap
        self._origin = 0.0
        self._resting = False
        self._waiting: deque[Moment] = deque()
        self._not_before = 0.0
        """When the pace allows for the next probe."""
        self.reached = 0
        """Moments that have been due so far."""
        self.unused = array("d")
        """When the moments were due that passed without a probe, as phasegate was late."""

    def behind(self, now: float) -> float:
        """By how much the next moment to be reached is late already; negative before it is due."""
        return now - self._due

    def reach(self, now: float, more: int | None = None, *, held_since: float | None = None) -> list[Moment]:
        """Go on to `now`, at most `more` moments further.

        Shape: the moments at which nothing could be sent since all that may be under way was, from
        `held_since` on; they are not phasegate's to use or to lose. A schedule that was to go no further
        goes on from `now`: what was not asked for meanwhile was not missed.
        """
        if more is not None and more <= 0:
            self._resting = True
        elif self._resting:
            self._origin, self._resting = max(self._origin, now - self.reached * self.every), False
        while self._due <= now and (more is None or more > 0):
            self._waiting.append(Moment(self.reached, self._due))
            self.reached += 1
            more = None if more is None else more - 1
        held: list[Moment] = []
        while held_since is not None and self._waiting and self._waiting[-1].due >= held_since:
            held.append(self._waiting.pop())
        while self._waiting and now - self._waiting[0].due > self._late:
            self.unused.append(self._waiting.popleft().due)
        return held[::-1]

    def take(self, now: float) -> Moment | None:
        """The moment for which a probe is to be sent; None where none waits, or the pace holds it back."""
        if not self._waiting or now < self._not_before:
            return None
        self._not_before = max(self._not_before, now - self._burst) + self._gap
        return self._waiting.popleft()

    def ahead(self, now: float) -> float | None:
        """Seconds until there may be something to do; None where the schedule rests."""
        wakes = [] if self._resting else [self._due]
        if self._waiting:
            wakes.append(self._not_before if now < self._not_before else now + TICK)
        return max(min(wakes) - now, SHORTEST) if wakes else None

    @property
    def _due(self) -> float:
        return self._origin + self.reached * self.every
