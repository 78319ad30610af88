"""What the probe beside a foreign engine saw, request by request, put together into measures of our own.

A probe (`k6_samples` behind k6, `locust_plugin` inside Locust) counts into histograms and writes one JSON
line a second:

    {"type": "samples", "at": 3.0, "parts": {"GET /health": {...}}, "first": 0.1, "last": 2.9, ...}

A part has `latency` and `service` as histograms (`service` is null where it is the same), and `causes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.load.measured import distribution
from phasegate.load.tally import Tally, histogram_from_json
from phasegate.load.timeline import Timeline, series
from phasegate.model.measures import Distribution, Measure, MeasureSpec, Number, Share
from phasegate.model.observation import Series
from phasegate.units import Dimension, format_seconds

SUCCESS = MeasureSpec.sample("share of the requests that went well")
THROUGHPUT = MeasureSpec.number("good answers per second while requests were sent", Dimension.RATE)
REQUESTS = MeasureSpec.number("requests that ended")
EXCEPTIONS = MeasureSpec.number("exceptions that the script did not catch")


class Samples:
    """Every request of one load, by part; memory grows with the number of parts, not of requests."""

    def __init__(self, *, probes: int, seconds: float) -> None:
        self.parts: dict[str, Tally] = {}
        self.whole = Tally()
        self.episodes = 0
        self.dropped = 0
        self._timeline = Timeline(workers=probes, seconds=seconds)
        self._first: float | None = None
        self._last: float | None = None
        self._recent = Tally()
        self._at = 0.0

    def add(self, probe: int, message: Mapping[str, Any]) -> None:
        """One `samples` line of one probe."""
        second = Tally(dropped=message.get("dropped", 0))
        for name, data in message["parts"].items():
            tally = _tally(data)
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

    def _of(self, tally: Tally, episodes: int | None) -> dict[str, Measure]:
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

    def causes(self) -> dict[str, int]:
        """Failures by endpoint and cause, the most frequent first."""
        found = {
            f"{name}: {cause}": count
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
        said = [f"{self.whole.requests:,} requests", f"{self._recent.requests:,}/s"]
        if edges := Distribution(good=self._recent.latency).quantile(0.95):
            said.append(f"p95 {format_seconds(edges[1])}")
        if self.whole.failed:
            said.append(f"{self.whole.failed:,} failed")
        if self.dropped:
            said.append(f"{self.dropped:,} dropped")
        return ", ".join(said)


def _tally(data: Mapping[str, Any]) -> Tally:
    latency = histogram_from_json(data["latency"])
    service = data["service"]
    return Tally(
        latency=latency,
        service=latency if service is None else histogram_from_json(service),
        causes=data["causes"],
    )


_NOTHING = Tally()
