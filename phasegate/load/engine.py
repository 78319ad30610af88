"""The coordinator of a load: starts the workers, starts them together, merges what they see, stops them."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, decode, fact
from phasegate.base.scalars import json_text
from phasegate.load.abort import AbortRule
from phasegate.load.counting.clusters import Clusters
from phasegate.load.counting.measured import progress_text, samples
from phasegate.load.counting.tally import LoadTally, Report
from phasegate.load.counting.timeline import Bin, LoadTimeline
from phasegate.load.foreign.program import EVERY, PACKAGE_FOLDER
from phasegate.load.job import PROTOCOL, Job
from phasegate.model.histogram import NANOSECONDS
from phasegate.model.measures import Distribution, Share
from phasegate.world import Command, Enough, Progress, Running, World

_RECENT = 1.0
"""Seconds over which the pace is shown."""
START_DELAY = 0.1
"""Seconds from the start line to the start, so that every worker has read it before."""
_COMMAND = ("python", "-m", "phasegate.load.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """One load, over all workers."""

    tally: LoadTally
    report: Report
    bins: tuple[Bin, ...]
    clusters: Clusters
    stopped: Message | None = None
    """Why it was stopped before its time."""
    aborted: bool = False
    """Whether that is what the guard said."""
    began: datetime | None = None
    """When the first request was due."""
    held: LoadTally = field(default_factory=LoadTally)
    """What came while a worker was held up and may have come of that; not part of `tally`."""
    late: Mapping[int, float] = field(default_factory=dict)
    """Seconds by worker, from 0, of those that began more than a tick after the first."""


async def generate(
    job: Job, world: World, guard: AbortRule | None = None, *, at_least: float | None = None
) -> LoadOutcome:
    """Run a load to its end, or until `world.progress` or the guard says stop.

    `at_least`: seconds from which on `world.progress` is told the measures so far, to decide by them; None
    where nobody does.
    Errors: ObservationError when a worker cannot be started, dies, or cannot generate the load.
    """
    return await _Coordinator(job, world, guard, at_least).run()


def late(begun: Mapping[int, float], tick: float) -> Mapping[int, float]:
    """By worker, in their order, how many seconds after the first it began: those of more than one tick.

    `begun`: when each began, in seconds.
    """
    first = min(begun.values())
    return {number: begun[number] - first for number in sorted(begun) if begun[number] - first > tick}


class _Coordinator:
    def __init__(self, job: Job, world: World, guard: AbortRule | None, at_least: float | None) -> None:
        self._job = job
        self._world = world
        self._guard = guard
        self._at_least = math.inf if at_least is None else at_least
        self._duration = job.points[-1][0]
        self._tally = LoadTally()
        self._held = LoadTally()
        self._timeline = LoadTimeline(
            workers=job.workers, seconds=self._duration + job.timeout, tick=job.tick
        )
        self._clusters = Clusters()
        self._reported = [0.0] * job.workers
        """Until when each worker has said what came in, in seconds."""
        self._pending = [0] * job.workers
        self._reports: dict[int, Report] = {}
        self._recent: deque[tuple[float, LoadTally]] = deque()
        """What came in during the last second."""
        self._stopped: Message | None = None
        self._aborted = False

    async def run(self) -> LoadOutcome:
        async with AsyncExitStack() as stack:
            workers = [
                _Worker(number, await stack.enter_async_context(self._open()))
                for number in range(self._job.workers)
            ]
            await self._together(worker.prepare(self._job) for worker in workers)
            began = self._world.clock.utc() + timedelta(seconds=START_DELAY)
            # The clock of the machine, which its processes share: so who began late is known.
            at = time.perf_counter_ns() + round(START_DELAY * NANOSECONDS)
            for worker in workers:
                await worker.write("start", at=at)
            watching = asyncio.create_task(self._watch(workers))
            try:
                await self._together(self._collect(worker) for worker in workers)
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
        report, *others = self._reports.values()
        for other in others:
            report = report.merge(other)
        bins = self._timeline.bins()
        return LoadOutcome(
            tally=self._tally,
            held=self._held,
            report=report,
            bins=bins,
            clusters=self._clusters,
            stopped=self._stopped,
            aborted=self._aborted,
            began=began,
            late=late({number: one.late for number, one in self._reports.items()}, self._job.tick),
        )

    def _open(self) -> Any:
        return self._world.processes.open(Command(argv=_COMMAND, cwd=PACKAGE_FOLDER, own=True))

    @staticmethod
    async def _together(parts: Any) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _collect(self, worker: _Worker) -> None:
        """Everything a worker says until its result."""
        while True:
            message = await worker.read()
            match message.pop("type"):
                case "progress":
                    self._pending[worker.number] = message["pending"]
                    self._add(worker.number, message["at"], LoadTally.from_json(message), message["held_up"])
                case "result":
                    self._reports[worker.number] = Report.from_json(message)
                    return
                case "error":
                    raise ObservationError(decode(message["message"]))

    def _add(self, worker: int, at: float, tally: LoadTally, held_up: bool) -> None:
        """Take in what came to a worker until a moment, in seconds."""
        self._timeline.add(worker, at, tally)
        self._recent.append((at, tally))
        if held_up:
            tally, held = tally.sifted()
            self._held = self._held.merge(held)
        self._clusters.add((self._reported[worker] + at) / 2, tally)
        if self._guard is not None:
            self._guard.add(worker, at, tally)
        self._tally = self._tally.merge(tally)
        self._reported[worker] = at
        while self._recent[0][0] <= at - _RECENT:
            self._recent.popleft()

    async def _watch(self, workers: list[_Worker]) -> None:
        """Report what was seen so far, and tell the workers when it is time to stop."""
        clock = self._world.clock
        began = clock.now() + START_DELAY
        seen = -1
        while True:
            elapsed = clock.now() - began
            new = self._tally.requests != seen
            seen = self._tally.requests
            reason = await self._world.progress(
                Progress(
                    done=min(max(elapsed / self._duration, 0.0), 1.0),
                    text=self._text(),
                    measures=self._measures() if new and elapsed >= self._at_least else {},
                    pending=sum(self._pending),
                )
            )
            damage = None
            if self._guard is not None and reason is None and self._stopped is None:
                damage = self._guard.reason()
            reason = reason or damage
            if self._is_news(reason) and len(self._reports) < len(workers):
                self._stopped, self._aborted = reason, damage is not None
                for worker in workers:
                    await worker.write("stop", patient=isinstance(reason, Enough))
            await clock.sleep(EVERY)

    def _is_news(self, reason: Message | None) -> bool:
        """Whether the workers are to hear of it: the first reason, or one that ends a patient wait."""
        if reason is None or (isinstance(self._stopped, Enough) and isinstance(reason, Enough)):
            return False
        return self._stopped is None or isinstance(self._stopped, Enough)

    def _text(self) -> str:
        at = max(self._reported)
        if not at:
            return "starting"
        recent = LoadTally()
        for _, tally in self._recent:
            recent = recent.merge(tally)
        pace = round(recent.requests / min(at, _RECENT))
        return progress_text(self._tally, recent, pace, self._tally.dropped)

    def _measures(self) -> Mapping[str, Share | Distribution]:
        if not self._tally.requests:
            return {}
        return samples(self._tally, self._held, self._clusters, span=min(self._reported))


class _Worker:
    """One worker process, by lines."""

    def __init__(self, number: int, running: Running) -> None:
        self.number = number
        self._running = running

    async def prepare(self, job: Job) -> None:
        """Give it its part of the job. Errors: ObservationError."""
        hello = await self.read()
        if hello.get("protocol") != PROTOCOL:
            spoken = str(hello.get("protocol"))
            raise ObservationError(
                fact(Code.OTHER_PROTOCOL, worker=self.number + 1, actual=spoken, expected=str(PROTOCOL))
            )
        await self.write("job", **replace(job, worker=self.number).to_json())
        answer = await self.read()
        if answer["type"] != "ready":
            why = decode(answer["message"]) if "message" in answer else fact(Code.WORKER_NOT_READY)
            raise ObservationError(why)

    async def write(self, kind: str, **fields: Any) -> None:
        await self._running.write_line(json_text({"type": kind, **fields}))

    async def read(self) -> dict[str, Any]:
        """Errors: ObservationError when the worker has ended or says something that is not a message."""
        line = await self._running.read_line()
        if line is None:
            raise ObservationError(await self._death())
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict) or "type" not in message:
            raise ObservationError(fact(Code.NO_WORKER_LINE, worker=self.number + 1, line=line[:200]))
        return message

    async def _death(self) -> Fact:
        completed = await self._running.wait()
        return fact(
            Code.WORKER_ENDED, worker=self.number + 1, ending=completed.ending, why=completed.last_words
        )
