"""When requests are due and connections open: pure functions of elapsed time.

A profile is a level (requests per second, or open connections) that runs in straight lines between points:

    level                                   points: (0, 0) (ramp, level) (duration, level)
      |      ____________
      |     /            |      The area below it is the number of requests due so far, so request k
      |    /             |      is due when the area reaches k. On a line that starts at level a and
      |___/______________|_ t   climbs by s per second the area after t is a*t + s*t*t/2, and
         ramp      duration     t = 2k / (a + sqrt(a*a + 2*s*k)), which loses no digits for small s.

Two points at the same moment are a jump.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

_ROUNDING = 1e-9
"""Share of a request that floating point may add: 0.1/s for 30 s is 3 requests, not 4."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A level over time; `points` are (seconds, level), in order of time, the first at 0."""

    points: tuple[tuple[float, float], ...]
    _areas: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        times = [time for time, _ in self.points]
        if len(times) < 2 or times[0] != 0 or any(later < earlier for earlier, later in pairwise(times)):
            raise ValueError("a profile needs two points or more, the first at 0 s, in order of time")
        if any(level < 0 or not math.isfinite(level) for _, level in self.points):
            raise ValueError("a level is finite and not negative")
        areas = [0.0]
        for (start, low), (end, high) in pairwise(self.points):
            areas.append(areas[-1] + (low + high) / 2 * (end - start))
        object.__setattr__(self, "_areas", tuple(areas))

    @classmethod
    def ramped(cls, level: float, duration: float, ramp: float = 0.0) -> Profile:
        """A constant level, reached in a straight line from 0 over the first `ramp` seconds."""
        steady = (min(ramp, duration), level)
        end = (duration, level)
        return cls(((0.0, 0.0), steady, end) if ramp > 0 else ((0.0, level), end))

    @classmethod
    def staged(cls, stages: Iterable[tuple[float, float]]) -> Profile:
        """Stages of (seconds, level), one after the other: each runs in a straight line from the level before
        it, at first 0, to its own; one of 0 s jumps there."""
        moment, points = 0.0, [(0.0, 0.0)]
        for seconds, level in stages:
            moment += seconds
            points.append((moment, level))
        if len(points) > 2 and points[1][0] == 0:
            del points[0]  # what comes before a jump at the start is never seen
        return cls(tuple(points))

    @property
    def duration(self) -> float:
        return self.points[-1][0]

    @property
    def area(self) -> float:
        return self._areas[-1]

    @property
    def total(self) -> int:
        """How many requests are due before the end: those with an area below the whole."""
        return _count(self._areas[-1])

    @property
    def peak(self) -> float:
        return max(level for _, level in self.points)

    def level_at(self, seconds: float) -> float:
        """The level at a moment; at a jump the one after it, outside the profile 0."""
        if not 0 <= seconds <= self.duration:
            return 0.0
        index = self._segment_at(seconds)
        (start, low), (end, high) = self.points[index], self.points[index + 1]
        return low + (high - low) * (seconds - start) / (end - start) if end > start else high

    def due(self, request: int) -> float:
        """The moment, in seconds from the start, at which a request (counted from 0) is due."""
        index = max(bisect_right(self._areas, request) - 1, 0)
        if index >= len(self.points) - 1:
            return self.duration
        (start, low), (end, high) = self.points[index], self.points[index + 1]
        missing = request - self._areas[index]
        if missing <= 0:
            return start
        if low == high:
            return min(start + missing / low, end)
        slope = (high - low) / (end - start)
        moment = start + 2 * missing / (low + math.sqrt(max(low * low + 2 * slope * missing, 0.0)))
        return min(moment, end)

    def due_by(self, seconds: float) -> int:
        """How many requests are due at or before a moment."""
        if seconds < 0:
            return 0
        if seconds >= self.duration:
            return self.total
        index = self._segment_at(seconds)
        start, low = self.points[index]
        area = self._areas[index] + (low + self.level_at(seconds)) / 2 * (seconds - start)
        count = math.floor(area + _ROUNDING * max(1.0, area)) + 1
        # The area is inverted in floating point: the moment that `due` names decides.
        while count and self.due(count - 1) > seconds:
            count -= 1
        while count < self.total and self.due(count) <= seconds:
            count += 1
        return min(count, self.total)

    def spans(self, connection: int) -> tuple[tuple[float, float], ...]:
        """When connection number `connection` (from 0) is open: while the level is above its number.

        So a ramp opens the first at once and the last just before its end, and a fall closes the last first.
        """
        spans: list[tuple[float, float]] = []
        for (start, low), (end, high) in pairwise(self.points):
            if end <= start or max(low, high) <= connection:
                continue
            opens = start if low > connection else _crossing(start, low, end, high, connection)
            closes = end if high > connection else _crossing(start, low, end, high, connection)
            if spans and opens <= spans[-1][1]:
                spans[-1] = (spans[-1][0], closes)
            elif opens < closes:
                spans.append((opens, closes))
        return tuple(spans)

    def _segment_at(self, seconds: float) -> int:
        index = bisect_right(self.points, seconds, key=lambda point: point[0]) - 1
        return min(index, len(self.points) - 2)


def _crossing(start: float, low: float, end: float, high: float, level: float) -> float:
    """The moment at which the line from (start, low) to (end, high) passes a level between the two."""
    return start + (level - low) / (high - low) * (end - start)


def share_of(total: int, worker: int, workers: int) -> int:
    """How many of `total` things one worker has when worker w takes w, w + workers, w + 2 * workers, ..."""
    return (total - worker + workers - 1) // workers


def _count(area: float) -> int:
    """How many whole numbers from 0 are below an area."""
    return max(math.ceil(area - _ROUNDING * max(1.0, area)), 0)
