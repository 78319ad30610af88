"""Counting while requests are under way: a few additions a request, and memory that stays flat."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns

from phasegate.base.facts import Message
from phasegate.load.counting.tally import CAUSES, EXAMPLES, OTHER, Example, LoadTally, PartTally
from phasegate.model.histogram import BUCKETS, NANOSECONDS, Histogram, bucket_of

ANSWER_KEPT = 4_096
"""Bytes of a failing answer that are kept as evidence."""
_SHORTEST_PACE = 0.1
"""Seconds below which a pace says nothing."""
_NEVER = 1 << 63


class Meter:
    """Durations since the last `take`, as counts by bucket."""

    __slots__ = ("counts", "maximum_ns", "minimum_ns", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.minimum_ns = _NEVER
        self.maximum_ns = 0
        self.total_ns = 0

    def add(self, nanoseconds: int) -> None:
        # `bucket_of`, written out: this runs for every request.
        shift = nanoseconds.bit_length() - 8
        self.counts[(shift << 7) + (nanoseconds >> shift) if shift > 0 else nanoseconds] += 1
        self.total_ns += nanoseconds
        if nanoseconds > self.maximum_ns:
            self.maximum_ns = nanoseconds
        if nanoseconds < self.minimum_ns:
            self.minimum_ns = nanoseconds

    def take(self) -> Histogram:
        """What was added since the last time; starts again from nothing."""
        if self.minimum_ns == _NEVER:
            return Histogram()
        first, last = bucket_of(self.minimum_ns), bucket_of(self.maximum_ns) + 1
        taken = Histogram.of_counts(
            {bucket: count for bucket, count in enumerate(self.counts[first:last], first) if count},
            minimum_ns=self.minimum_ns,
            maximum_ns=self.maximum_ns,
            total_ns=self.total_ns,
        )
        self.counts[first:last] = [0] * (last - first)
        self.minimum_ns, self.maximum_ns, self.total_ns = _NEVER, 0, 0
        return taken

    @property
    def n(self) -> int:
        return sum(self.counts)


class _PartMeter:
    """What came of one part of a journey since the last `take`."""

    __slots__ = ("dropped", "failed", "meter", "name", "wrong")

    def __init__(self, name: str) -> None:
        self.name = name
        self.meter = Meter()
        self.failed = 0
        self.dropped = 0
        self.wrong = 0

    def take(self) -> PartTally:
        taken = PartTally(
            latency=self.meter.take(), failed=self.failed, dropped=self.dropped, wrong=self.wrong
        )
        self.failed = self.dropped = self.wrong = 0
        return taken


class Recorder:
    """What one worker sees. Moments are `perf_counter_ns`; `start_ns` is when the load begins."""

    __slots__ = (
        "_cause",
        "_causes",
        "_counts",
        "_dropped",
        "_failing",
        "_latency",
        "_pace_from_ns",
        "_pace_good",
        "_parts",
        "_service",
        "asked",
        "best_pace",
        "episodes",
        "examples",
        "first_ns",
        "good",
        "last_ns",
        "redirects",
        "sent_again",
        "start_ns",
        "taken",
    )

    def __init__(self, *, open: bool, parts: Sequence[str] = ()) -> None:
        self._latency = Meter()
        self._parts = [_PartMeter(name) for name in parts]
        self._service = Meter() if open else self._latency
        """In the closed model a request is due when it is sent."""
        self._causes: dict[Message, list[int]] = {}
        """Of every cause ever seen, since the last `take`: how often, and how often of a wrong answer."""
        self._cause: Message | None = None
        """The last one, mostly the next one, too: facts are slow to look up."""
        self._counts = [0, 0]
        self._dropped = 0
        self.asked = 0
        """Requests sent within journeys."""
        self.redirects = 0
        self.sent_again = 0
        """Answers that sent elsewhere, followed or not."""
        self.taken = 0
        """Good answers up to the last `take`."""
        self.best_pace = 0.0
        """The most good answers a second over some time between calls of `take`."""
        self._pace_from_ns = 0
        self._pace_good = 0
        self._failing = False
        self.episodes = 0
        self.examples: list[Example] = []
        self.start_ns = 0
        self.first_ns = 0
        self.last_ns = 0
        self.good = self._good_open if open else self._good_closed
        """`good(due, sent, now)`: an answer that was what it should be."""

    def failed(
        self, cause: Message, now: int, answer: bytes = b"", asked: bytes = b"", *, wrong: bool = False
    ) -> None:
        """A request that got no answer, or a wrong one; `asked` where requests differ.

        `wrong`: it was answered whole, and what the answer holds is not as expected.
        """
        self.first_ns = self.first_ns or now
        self.last_ns = now
        if not self._failing:
            self._failing = True
            self.episodes += 1
        if cause is not self._cause:
            self._cause, self._counts = cause, self._counts_of(cause)
        self._counts[0] += 1
        self._counts[1] += wrong
        if len(self.examples) < EXAMPLES:
            text = bytes(answer[:ANSWER_KEPT]).decode("utf-8", "replace")
            request = bytes(asked[:ANSWER_KEPT]).decode("utf-8", "replace")
            at = (now - self.start_ns) / NANOSECONDS
            self.examples.append(Example(cause=cause, at=at, answer=text, request=request))

    def _counts_of(self, cause: Message) -> list[int]:
        counts = self._causes.get(cause)
        if counts is None:
            counts = self._causes.setdefault(cause if len(self._causes) < CAUSES else OTHER, [0, 0])
        return counts

    def dropped(self, count: int) -> None:
        self._dropped += count

    # parts of journeys, by their place; nothing is kept at -1

    def part_good(self, place: int, nanoseconds: int) -> None:
        if place >= 0:
            self._parts[place].meter.add(nanoseconds)

    def part_failed(self, place: int, *, wrong: bool = False) -> None:
        if place >= 0:
            self._parts[place].failed += 1
            self._parts[place].wrong += wrong

    def part_dropped(self, place: int, count: int) -> None:
        if place >= 0:
            self._parts[place].dropped += count

    @property
    def good_so_far(self) -> int:
        return self.taken + self._latency.n

    def take(self) -> LoadTally:
        """What came in since the last time."""
        latency = self._latency.take()
        service = latency if self._service is self._latency else self._service.take()
        self.taken += latency.n
        self._note_pace(latency.n, perf_counter_ns())
        tally = LoadTally(
            latency=latency,
            service=service,
            causes={cause: count for cause, (count, _) in self._causes.items() if count},
            wrong={cause: wrong for cause, (_, wrong) in self._causes.items() if wrong},
            dropped=self._dropped,
            parts={part.name: part.take() for part in self._parts},
        )
        for counts in self._causes.values():
            counts[:] = 0, 0
        self._dropped = 0
        return tally

    def _note_pace(self, good: int, now: int) -> None:
        self._pace_good += good
        span = (now - max(self._pace_from_ns, self.start_ns)) / NANOSECONDS
        if span >= _SHORTEST_PACE:
            self.best_pace = max(self.best_pace, self._pace_good / span)
            self._pace_from_ns, self._pace_good = now, 0

    def _good_closed(self, due: int, sent: int, now: int) -> None:
        self._latency.add(now - sent)
        self._failing = False
        self.last_ns = now
        if not self.first_ns:
            self.first_ns = now

    def _good_open(self, due: int, sent: int, now: int) -> None:
        self._latency.add(now - due)
        self._service.add(now - sent)
        self._failing = False
        self.last_ns = now
        if not self.first_ns:
            self.first_ns = now
