"""What the probe beside a foreign engine saw, request by request, put together into measures of our own.

A probe (`k6_samples` behind k6, `locust_plugin` inside Locust) counts into histograms and writes one JSON
line a second:

    {"type": "samples", "at": 3.0, "parts": {"GET /health": {...}}, "first": 0.1, "last": 2.9, ...}

A part has `latency` and `service` as histograms (`service` is null where it is the same), and `causes`, each
a text or a fact with its count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.base.facts import Code, Message, fact
from phasegate.base.units import Dimension
from phasegate.load.counting.measured import distribution, progress_text
from phasegate.load.counting.tally import LoadTally
from phasegate.load.counting.timeline import RATES, LoadTimeline, series
from phasegate.model.measures import Measure, MeasureSpec, Number, Share
from phasegate.model.observation import Series

SUCCESS = MeasureSpec.sample("share of the requests that went well")
THROUGHPUT = MeasureSpec.number(
    "good answers per second while requests were sent", Dimension.RATE, chart=RATES
)
REQUESTS = MeasureSpec.number("requests that ended")
EXCEPTIONS = MeasureSpec.number("exceptions that the script did not catch")


class Samples:
    """Every request of one load, by part; memory grows with the number of parts, not of requests."""

    def __init__(self, *, probes: int, seconds: float) -> None:
        self.parts: dict[str, LoadTally] = {}
        self.whole = LoadTally()
        self.episodes = 0
        self.dropped = 0
        self._timeline = LoadTimeline(workers=probes, seconds=seconds)
        self._first: float | None = None
        self._last: float | None = None
        self._recent = LoadTally()
        self._at = 0.0

    def add(self, probe: int, message: Mapping[str, Any]) -> None:
        """One `samples` line of one probe."""
        second = LoadTally(dropped=message.get("dropped", 0))
        for name, data in message["parts"].items():
            tally = LoadTally.from_json(data)
            self.parts[name] = self.parts.get(name, _NOTHING).merge(tally)
            second = second.merge(tally)
        self.whole = self.whole.merge(second)
        self.dropped += message.get("dropped", 0)
        self.episodes += message.get("episodes", 0)
        first, last = message.get("first"), message.get("last")
        if first is not None and (self._first is None or first < self._first):
            self._first = first
        if last is not None and (self._last is None or last > self._last):
            self._last = last
        at = message["at"]
        self._timeline.add(probe, at, second)
        self._recent = second if at > self._at else self._recent.merge(second)
        self._at = max(at, self._at)

    @property
    def span(self) -> float | None:
        return None if self._first is None or self._last is None else self._last - self._first

    def measures(self) -> dict[str, Measure]:
        return self._of(self.whole, self.episodes)

    def by_part(self) -> dict[str, dict[str, Measure]]:
        return {name: self._of(tally, None) for name, tally in sorted(self.parts.items())}

    def _of(self, tally: LoadTally, episodes: int | None) -> dict[str, Measure]:
        span = self.span
        failed = tally.failed
        return {
            "success_rate": Share(
                passed=tally.good, total=tally.requests, sample=True, span=span, episodes=episodes
            ),
            "latency": distribution(tally.latency, failed + tally.dropped, span),
            "service_time": distribution(tally.service, failed, span),
            "throughput": Number(value=tally.good / span if span else None, dimension=Dimension.RATE),
            "requests": Number(value=tally.requests),
        }

    def causes(self) -> dict[Message, int]:
        """Failures by endpoint and cause, the most frequent first."""
        found: dict[Message, int] = {
            fact(Code.OF_PART, part=name, why=cause): count
            for name, tally in self.parts.items()
            for cause, count in tally.causes.items()
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def timeline(self) -> tuple[Series, ...]:
        """Nothing may be added afterwards."""
        return series(self._timeline.bins())

    @property
    def text(self) -> str:
        """The state in a few words, for the live view."""
        if not self._at:
            return "starting"
        return progress_text(self.whole, self._recent, self._recent.requests, self.dropped)


_NOTHING = LoadTally()
