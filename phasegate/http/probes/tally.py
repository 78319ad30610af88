"""What probes add up to: counts, latencies, episodes, a timeline; memory hardly grows with time."""

from __future__ import annotations

from collections import Counter

from phasegate.base.facts import Code, Message, fact
from phasegate.model.blocks import Filling, Pieces, time_blocks
from phasegate.model.histogram import NANOSECONDS, Histogram
from phasegate.model.measures import Distribution, Share
from phasegate.model.observation import Series

CAUSES = 20
"""How many different causes are told apart; the rest is counted together."""
OTHER = fact(Code.OTHER_CAUSES)
MOST_POINTS = 600
"""Points of a timeline; beyond, two neighbours become one."""
_UNSEEN, _GOOD, _FAILED = 0, 1, 2


class ProbeTimeline:
    """Latency and failures over time: a point a second, fewer when there would be too many."""

    def __init__(self) -> None:
        self._pieces = Pieces(width=1.0, most=MOST_POINTS)

    def add(self, at: float, nanoseconds: int | None) -> None:
        """`at`: seconds from the start; no duration: it failed."""
        piece = self._pieces.at(at)
        if nanoseconds is None:
            piece.failed += 1
        else:
            piece.add(nanoseconds)

    def series(self) -> tuple[Series, ...]:
        """p95 of the good ones, and failures per second."""
        latency: list[tuple[float, float | None]] = []
        failures: list[tuple[float, float | None]] = []
        width = self._pieces.width
        for index in range(self._pieces.last + 1):
            piece = self._pieces[index]
            latency.append((index * width, None if piece is None else _p95(piece.histogram())))
            failures.append((index * width, 0.0 if piece is None else piece.failed / width))
        return (
            Series(name="latency p95", unit="s", points=tuple(latency)),
            Series(name="failures", unit="/s", points=tuple(failures)),
        )


def _p95(histogram: Histogram) -> float | None:
    edges = Distribution(good=histogram).quantile(0.95) if histogram.n else None
    return None if edges is None else edges[1]


class ProbeTally:
    """Outcomes of numbered probes, in whatever order they come in."""

    def __init__(self) -> None:
        self._outcomes = bytearray()
        """One byte a probe, by number: episodes need their order."""
        self._durations = Filling()
        self._timeline = ProbeTimeline()
        self._blocks = time_blocks()
        self._first: float | None = None
        self._last = 0.0
        self.good = self.failed = self.unmeasured = self.unsent = self.sent_again = 0
        self.causes: Counter[Message] = Counter()

    def held_up(self) -> None:
        """A moment at which no probe could be sent, as all that may be were under way; they were answered.

        It ranks above every latency, since leaving it out would hide the stall (coordinated omission, Tene
        2013), and is in no share, since nothing was sent.
        """
        self.unsent += 1

    def passed(self, number: int, at: float, elapsed: float) -> None:
        """`at`: when it was sent, in seconds from the start."""
        nanoseconds = round(elapsed * NANOSECONDS)
        self._note(number, at, _GOOD)
        self.good += 1
        if nanoseconds <= 0:
            self.unmeasured += 1
            self._blocks.at(at).unmeasured += 1
            return
        self._durations.add(nanoseconds)
        self._timeline.add(at, nanoseconds)
        self._blocks.at(at).add(nanoseconds)

    def failure(self, number: int, at: float, cause: Message) -> None:
        self._note(number, at, _FAILED)
        self.failed += 1
        self.causes[cause if cause in self.causes or len(self.causes) < CAUSES else OTHER] += 1
        self._timeline.add(at, None)
        self._blocks.at(at).failed += 1

    @property
    def span(self) -> float | None:
        """Seconds between the sending of the first and of the last probe."""
        return None if self._first is None else self._last - self._first

    def success_rate(self) -> Share:
        return Share(
            passed=self.good,
            total=self.good + self.failed,
            sample=True,
            span=self.span,
            episodes=self._episodes(),
            blocks=self._blocks.shares(),
        )

    def latency(self) -> Distribution:
        return Distribution(
            good=self._durations.histogram(),
            failed=self.failed + self.unsent,
            span=self.span,
            unmeasured=self.unmeasured,
            blocks=self._blocks.blocks(),
        )

    def timeline(self) -> tuple[Series, ...]:
        return self._timeline.series()

    def _note(self, number: int, at: float, outcome: int) -> None:
        if number >= len(self._outcomes):
            self._outcomes.extend(bytes(number + 1 - len(self._outcomes)))
        self._outcomes[number] = outcome
        self._first = at if self._first is None else min(self._first, at)
        self._last = max(self._last, at)

    def _episodes(self) -> int:
        """Runs of failures: probes nobody saw the outcome of do not part them."""
        seen = self._outcomes.replace(bytes([_UNSEEN]), b"")
        return sum(1 for run in seen.split(bytes([_GOOD])) if run)
