"""What was counted: mergeable over seconds and over workers, exact in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from phasegate.base.facts import Code, Message, decode, encode, fact
from phasegate.load.message import WorkerMessage
from phasegate.model.histogram import Histogram

CAUSES = 50
"""How many different causes are kept apart; messages may quote what the target sent."""
OTHER = fact(Code.OTHER_FAILURES)
SLOW_NS = 50_000_000
"""Nanoseconds of an answer from which on it may be slow because its worker was held up."""
EXAMPLES = 5
"""How many failing exchanges are kept as evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTally:
    """The same for one part of journeys: a request, or a whole journey of a mix."""

    latency: Histogram = field(default_factory=Histogram)
    failed: int = 0
    dropped: int = 0
    wrong: int = 0
    """Those of the failed that were answered, and not as expected."""

    def merge(self, other: PartTally) -> PartTally:
        return PartTally(
            latency=self.latency.merge(other.latency),
            failed=self.failed + other.failed,
            dropped=self.dropped + other.dropped,
            wrong=self.wrong + other.wrong,
        )

    def sifted(self) -> tuple[PartTally, PartTally]:
        quick, slow = self.latency.split(SLOW_NS)
        return (
            PartTally(latency=quick, failed=self.wrong, wrong=self.wrong),
            PartTally(latency=slow, failed=self.failed - self.wrong, dropped=self.dropped),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTally:
    """Exchanges that ended in some span of time, and requests that were never sent."""

    latency: Histogram = field(default_factory=Histogram)
    """Of good answers: from the moment a request was due to the end of its answer."""
    service: Histogram = field(default_factory=Histogram)
    """Of good answers: from the moment a request was sent."""
    causes: Mapping[Message, int] = field(default_factory=dict)
    """Requests without a good answer."""
    wrong: Mapping[Message, int] = field(default_factory=dict)
    """Those of them that were answered, and not as expected."""
    dropped: int = 0
    """Requests that waited for a free connection until their timeout."""
    parts: Mapping[str, PartTally] = field(default_factory=dict)
    """Of journeys, by name."""

    @property
    def good(self) -> int:
        return self.latency.n

    @property
    def failed(self) -> int:
        return sum(self.causes.values())

    @property
    def requests(self) -> int:
        return self.good + self.failed

    def merge(self, other: LoadTally) -> LoadTally:
        return LoadTally(
            latency=self.latency.merge(other.latency),
            service=self.service.merge(other.service),
            causes=merge_causes(self.causes, other.causes),
            wrong=merge_causes(self.wrong, other.wrong),
            dropped=self.dropped + other.dropped,
            parts=_merge_parts(self.parts, other.parts),
        )

    def sifted(self) -> tuple[LoadTally, LoadTally]:
        """What stands though the worker was held up, and what may have come of that: answers that were slow,
        requests without an answer, and those that were dropped. A wrong answer is the target's."""
        quick, slow = self.latency.split(SLOW_NS)
        service, slow_service = self.service.split(SLOW_NS)
        parts = {name: part.sifted() for name, part in self.parts.items()}
        return (
            LoadTally(
                latency=quick,
                service=service,
                causes=self.wrong,
                wrong=self.wrong,
                parts={name: pair[0] for name, pair in parts.items()},
            ),
            LoadTally(
                latency=slow,
                service=slow_service,
                causes={
                    cause: count - self.wrong.get(cause, 0)
                    for cause, count in self.causes.items()
                    if count > self.wrong.get(cause, 0)
                },
                dropped=self.dropped,
                parts={name: pair[1] for name, pair in parts.items()},
            ),
        )

    def to_json(self) -> dict[str, Any]:
        parts = {
            name: [histogram_to_json(part.latency), part.failed, part.dropped, part.wrong]
            for name, part in self.parts.items()
        }
        return {
            "latency": histogram_to_json(self.latency),
            "service": None if self.service == self.latency else histogram_to_json(self.service),
            "causes": causes_to_json(self.causes),
            "wrong": causes_to_json(self.wrong),
            "dropped": self.dropped,
            "parts": parts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoadTally:
        """Probes beside foreign engines tell of neither dropped requests nor parts here."""
        latency = histogram_from_json(data["latency"])
        service = data["service"]
        return cls(
            latency=latency,
            service=latency if service is None else histogram_from_json(service),
            causes=causes_from_json(data["causes"]),
            wrong=causes_from_json(data.get("wrong", ())),
            dropped=data.get("dropped", 0),
            parts={
                name: PartTally(
                    latency=histogram_from_json(part), failed=failed, dropped=dropped, wrong=wrong
                )
                for name, (part, failed, dropped, wrong) in data.get("parts", {}).items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(WorkerMessage):
    """A failing exchange; `answer` is what came, as text, cut."""

    cause: Message
    at: float
    """Seconds from the start of the load."""
    answer: str = ""
    request: str = ""
    """What was sent, where not all requests are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(WorkerMessage):
    """What a worker says at its end, beside the tallies it has sent."""

    window: float = 0.0
    """Seconds in which requests were sent: the planned duration, less when it was stopped."""
    good_in_window: int = 0
    scheduled: int = 0
    """Open model: requests that were due."""
    sent: int = 0
    """Open model: those of them that were not dropped."""
    asked: int = 0
    """Requests sent within journeys."""
    redirects: int = 0
    """Answers that sent elsewhere, followed or not."""
    sent_again: int = 0
    """Requests that met the end of their connection and went over another."""
    unfinished: int = 0
    """Requests given up because the load was stopped; counted nowhere else."""
    episodes: int = 0
    first: float | None = None
    """When, in seconds from the start, the first and the last exchange ended."""
    last: float | None = None
    lag: float = 0.0
    """The longest time, in seconds, that the worker was late for its own clock tick."""
    late: float = 0.0
    """Seconds from the moment at which the load was to begin until the worker began."""
    held_up: float = 0.0
    """Seconds in which the worker was held up, all together."""
    busy: float = 0.0
    """Share of the window that the worker's processor time took."""
    examples: tuple[Example, ...] = ()

    def merge(self, other: Report) -> Report:
        """Both workers together; an outage that both saw counts as two episodes."""
        return Report(
            window=max(self.window, other.window),
            good_in_window=self.good_in_window + other.good_in_window,
            scheduled=self.scheduled + other.scheduled,
            sent=self.sent + other.sent,
            asked=self.asked + other.asked,
            redirects=self.redirects + other.redirects,
            sent_again=self.sent_again + other.sent_again,
            unfinished=self.unfinished + other.unfinished,
            episodes=self.episodes + other.episodes,
            first=_extreme(min, self.first, other.first),
            last=_extreme(max, self.last, other.last),
            lag=max(self.lag, other.lag),
            late=max(self.late, other.late),
            held_up=max(self.held_up, other.held_up),
            busy=max(self.busy, other.busy),
            examples=tuple(sorted(self.examples + other.examples, key=lambda one: one.at)[:EXAMPLES]),
        )

    @property
    def span(self) -> float | None:
        return None if self.first is None or self.last is None else self.last - self.first


def merge_causes(first: Mapping[Message, int], second: Mapping[Message, int]) -> dict[Message, int]:
    """Sums by cause; the number of causes stays bounded, and no count is lost."""
    merged = dict(first)
    for cause, count in second.items():
        kept = cause if cause in merged or len(merged) < CAUSES else OTHER
        merged[kept] = merged.get(kept, 0) + count
    return merged


def _merge_parts(first: Mapping[str, PartTally], second: Mapping[str, PartTally]) -> Mapping[str, PartTally]:
    if not first or not second:
        return first or second
    nothing = PartTally()
    return {name: first.get(name, nothing).merge(second.get(name, nothing)) for name in {**first, **second}}


def causes_to_json(causes: Mapping[Message, int]) -> list[Any]:
    return [[encode(cause), count] for cause, count in causes.items()]


def causes_from_json(data: Iterable[Any]) -> dict[Message, int]:
    return {decode(cause): count for cause, count in data}


def histogram_to_json(histogram: Histogram) -> list[Any]:
    flat = [number for pair in histogram.counts for number in pair]
    return [histogram.minimum_ns, histogram.maximum_ns, histogram.total_ns, flat]


def histogram_from_json(data: list[Any]) -> Histogram:
    minimum, maximum, total, flat = data
    counts = dict(zip(flat[::2], flat[1::2], strict=True))
    return Histogram.of_counts(counts, minimum_ns=minimum, maximum_ns=maximum, total_ns=total)


def _extreme(pick: Any, first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    return pick(known) if known else None
