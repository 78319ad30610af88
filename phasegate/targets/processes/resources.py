"""What the processes of the target use while the run goes on: processor, memory, threads, open files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime

from phasegate.base.dataclass import dataclass
from phasegate.model.measures import Gauge
from phasegate.model.observation import Series
from phasegate.model.resources import INTERVAL, RESOURCES, Account
from phasegate.targets.processes.usage import Usage, families, usage_of

HAND_OVER = 30.0
"""Seconds between two reports of what was sampled: no more is lost when phasegate itself is killed."""
FINE = 3600.0
"""Seconds that the timeline keeps every sample; with each doubling of the time it keeps half as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What an entry has used: `measures` over all samples so far, `timeline` since the report before."""

    entry: str
    since: datetime
    """When the first sample was taken, from which the timeline counts its seconds."""
    measures: Mapping[str, Gauge]
    timeline: tuple[Series, ...]


@dataclass(slots=True)
class ProcessAccount:
    """The samples of one entry; pure, so that it can be fed any times and usages."""

    entry: str
    since: datetime
    started: float
    """The first sample's time on the clock that `add` goes by."""
    used: Account = field(default_factory=lambda: Account(RESOURCES, INTERVAL))
    _before: tuple[float, Usage] | None = None

    def add(self, now: float, usage: Usage) -> None:
        """One more look at the family. Processor time shows from the second look on."""
        if not usage.members:
            return  # it has ended: nothing used is not the same as using nothing
        after = now - self.started
        for line in self.used.lines.values():
            line.each = samples_per_point(after)
        counts = {"memory": usage.memory, "threads": usage.threads, "open_files": usage.open_files}
        values = {name: None if value is None else float(value) for name, value in counts.items()}
        self.used.add(after, {"cpu": self._cpu(now, usage), **values})

    def report(self) -> Resources:
        """What there is to tell; the points are handed out once."""
        return Resources(
            entry=self.entry,
            since=self.since,
            measures=self.used.measures(),
            timeline=tuple(
                self.used.series(name, points)
                for name in RESOURCES
                if name in self.used.lines and (points := self._points(name))
            ),
        )

    def _points(self, name: str) -> list[tuple[float, float | None]]:
        """Those of a line since the report before."""
        line = self.used.lines[name]
        points, line.points = line.points, []
        digits = 4 if name == "cpu" else None
        return [(at, round(value, digits)) for at, value in points if value is not None]

    def _cpu(self, now: float, usage: Usage) -> float | None:
        """The share of a core since the look before; None where that was too short ago to tell."""
        if self._before is None:
            self._before = (now, usage)
            return None
        at, before = self._before
        # Systems count processor time in steps of 10 ms, which is much of a short interval.
        if now - at < INTERVAL / 2:
            return None
        self._before = (now, usage)
        return usage.cpu_since(before) / (now - at)


def samples_per_point(after: float) -> int:
    """How many samples one point of the timeline stands for, as its highest: 1, then 2, 4, 8 and so on."""
    return 1 << int(after / FINE).bit_length()


class Sampler:
    """Looks at the families of the target's processes until it is closed.

    A look reads a few files below /proc and is done in the event loop: it takes tens of microseconds for each
    process of a family, and about 10 ms once a second where a machine runs a thousand processes.
    """

    def __init__(self, tell: Callable[[Resources], None], utc: Callable[[], datetime]) -> None:
        self._utc = utc
        self._tell = tell
        self._leaders: dict[str, int] = {}
        self._accounts: dict[str, ProcessAccount] = {}
        self._task: asyncio.Task[None] | None = None

    def watch(self, entry: str, leader: int) -> None:
        """Begin to sample an entry whose process leads a session of its own."""
        self._leaders[entry] = leader
        if self._task is None:
            self._task = asyncio.create_task(self._keep_on())

    async def close(self) -> None:
        """Take a last sample of what still runs, and tell of everything there is."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task])
        self._look()
        self._hand_over()
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def _keep_on(self) -> None:
        loop = asyncio.get_running_loop()
        told = due = loop.time()
        while True:
            self._look()
            if loop.time() - told >= HAND_OVER:
                told = loop.time()
                self._hand_over()
            # Looks that came too late are left out, not made up for.
            due = max(due + INTERVAL, loop.time())
            await asyncio.sleep(due - loop.time())

    def _look(self) -> None:
        # Who belongs to a family is found out each time: the whole life of a member that was missed the time
        # before would count for this interval.
        found = families(self._leaders.values())
        for entry, leader in self._leaders.items():
            usage = usage_of(found[leader])
            at = asyncio.get_running_loop().time()
            if entry not in self._accounts and usage.members:
                self._accounts[entry] = ProcessAccount(entry, self._utc(), at)
            if entry in self._accounts:
                self._accounts[entry].add(at, usage)

    def _hand_over(self) -> None:
        for account in self._accounts.values():
            self._tell(account.report())
