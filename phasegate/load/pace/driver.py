"""What the load models have in common: connections, their timeouts, the end of a load."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, TypeAlias

from phasegate.base.facts import Code, Message, fact
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.checking import connection_class
from phasegate.load.http1.connection import (
    Channel,
    LoadConnection,
    LoadExchange,
    Owner,
    Unanswered,
    no_answer,
)
from phasegate.load.job import Job
from phasegate.load.journeys.connection import JourneyConnection
from phasegate.load.journeys.visit import Itinerary, Visit
from phasegate.load.pace.pacing import Profile
from phasegate.model.histogram import NANOSECONDS
from phasegate.pulse import Pulse
from phasegate.wire.connector import Connector
from phasegate.world import Cause

if TYPE_CHECKING:
    from phasegate.load.http2.pool import Http2Pool

TRIES = 5_000
"""How many connections a second one worker tries to open, at most, while the target refuses them."""
STOPPING = 1.0
"""Seconds that requests which are out get when a load is stopped early."""
Left: TypeAlias = Visit | Unanswered
"""A journey between two requests, or a request to be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """Open model: how many requests were due, and how many of them were not dropped."""

    due: int = 0
    sent: int = 0


class Driver:
    """Base of the two models; one per worker and load. `run` sends, waits for what is out, and returns."""

    def __init__(
        self,
        job: Job,
        exchange: LoadExchange,
        connector: Connector,
        recorder: Recorder,
        itinerary: Itinerary | None = None,
    ) -> None:
        """`itinerary`: the journeys that are made in place of the one request."""
        self.job = job
        self._itinerary = itinerary
        self.profile = Profile(job.points)
        self.recorder = recorder
        self.timeout_ns = round(job.timeout * NANOSECONDS)
        self.connections: set[Channel] = set()
        self.connecting = 0
        self.unfinished = 0
        self.window = 0.0
        self.good_in_window = 0
        self.start_ns = 0
        self.end_ns = 0
        self.stopped = asyncio.Event()
        self.pulse = Pulse()
        self._patient = False
        self._class = connection_class(job.method, exchange)
        self._exchange = exchange
        self._connector = connector
        self._pool = _http2_pool(job, exchange, connector, recorder, self) if job.http2 else None

    async def run(self, start_ns: int) -> None:
        """Drive the load that begins at a moment of `perf_counter_ns`.

        Errors: GeneratorError.
        """
        self.start_ns = self.recorder.start_ns = start_ns
        self.end_ns = start_ns + round(self.profile.duration * NANOSECONDS)
        sweeper = asyncio.create_task(self._sweep())
        try:
            await self.drive()
        finally:
            sweeper.cancel()
            self.unfinished += sum(connection.give_up() for connection in tuple(self.connections))
            if self._pool is not None:
                self._pool.close()

    def stop(self, *, patient: bool = False) -> None:
        """Begin nothing more; `run` returns within `STOPPING` seconds. Patient: it awaits what is out, as it
        does at the end of a load."""
        self.end_ns = min(self.end_ns, perf_counter_ns())
        self._patient = patient
        self.stopped.set()

    @property
    def hasty(self) -> bool:
        """Whether what is out is given up, as the load was stopped."""
        return self.stopped.is_set() and not self._patient

    @property
    def pending(self) -> int:
        """Requests that were due, or sent, of which the recorder knows nothing yet, at most."""
        return len(self.connections) + self.connecting

    def is_behind(self, moment: int) -> bool:
        """Whether something that was due before a moment is not done yet."""
        return any(connection.sent > 0 and connection.due < moment for connection in self.connections)

    @property
    def scheduled(self) -> Scheduled:
        return Scheduled()

    # for the models

    async def drive(self) -> None:
        raise NotImplementedError

    def free(self, connection: Channel, now: int) -> None:
        raise NotImplementedError

    def gone(self, connection: Channel) -> None:
        raise NotImplementedError

    def swept(self, now: int) -> None:
        """Look after requests that wait; called a few times a second and more often for short timeouts."""

    async def connect(self) -> Channel:
        """Errors: ConnectError, GeneratorError."""
        self.connecting += 1
        try:
            if self._pool is None:
                connection: Channel = await self._connector.open(self._new)
            else:
                connection = await self._pool.lane()
        finally:
            self.connecting -= 1
        self.connections.add(connection)
        return connection

    def expire_rest(self) -> None:
        """A timeout after the end of sending nothing that is still out comes in time."""
        for connection in tuple(self.connections):
            if isinstance(connection, JourneyConnection):
                connection.expire_journey(self.job.timeout)
            elif connection.sent:
                connection.expire()
        cause = no_answer(Cause.TIMEOUT, fact(Code.CONNECTION_OVERDUE, limit=float(self.job.timeout)))
        for _ in range(self.connecting):
            self.no_connection(cause, None)

    async def until(self, moment_ns: int) -> bool:
        """Wait for a moment; False when the load was stopped before."""
        # The timers of uvloop may be up to a millisecond early.
        while (left := moment_ns - perf_counter_ns()) > 0 and not self.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left / NANOSECONDS):
                    await self.stopped.wait()
        return not self.stopped.is_set()

    def close_window(self) -> None:
        """Sending has ended: what throughput is measured over."""
        self.window = max(self.end_ns - self.start_ns, 0) / NANOSECONDS
        self.good_in_window = self.recorder.good_so_far

    def no_connection(self, cause: Message, left: Left | None) -> None:
        """A request, or a journey, that had no connection; `left` where it had begun over another."""
        now = perf_counter_ns()
        if self._itinerary is None:
            self.recorder.failed(cause, now)
        else:
            visit = left if isinstance(left, Visit) else self._itinerary.next()
            visit.failed(self.recorder, cause, now)

    def drop(self, count: int) -> None:
        """Requests, or journeys, that were never begun."""
        self.recorder.dropped(count)
        if self._itinerary is not None:
            self._itinerary.dropped(self.recorder, count)

    @property
    def patience(self) -> float:
        """Seconds that what is out is awaited after the end of sending."""
        return min(self.job.timeout, STOPPING) if self.hasty else self.job.timeout

    def _new(self) -> LoadConnection:
        if self._itinerary is not None:
            return JourneyConnection(self._exchange, self.recorder, self, self._itinerary)
        return self._class(self._exchange, self.recorder, self)

    async def _sweep(self) -> None:
        """One timer for the timeouts of all requests: each is noticed at most 5% (and 10 ms) late."""
        period = min(max(self.job.timeout / 20, 0.01), 0.25)
        while True:
            await asyncio.sleep(period)
            now = perf_counter_ns()
            oldest = now - self.timeout_ns
            for connection in tuple(self.connections):
                if 0 < connection.sent <= oldest:
                    connection.expire()
            self.swept(now)


def _http2_pool(
    job: Job, exchange: LoadExchange, connector: Connector, recorder: Recorder, owner: Owner
) -> Http2Pool:
    # HTTP/2 comes with an extra.
    from phasegate.load.http2.pool import Http2Pool

    return Http2Pool(exchange, connector, recorder, owner, job.streams)


def leftover_of(connection: Channel) -> Left | None:
    """What a connection leaves behind that goes on over another."""
    if isinstance(connection, JourneyConnection):
        return connection.unfinished
    return connection.unanswered if isinstance(connection, LoadConnection) else None


def began(connection: Channel) -> int:
    """When what a connection is doing was begun; 0 when it does nothing."""
    return connection.began if isinstance(connection, JourneyConnection) else connection.sent


def begin(connection: Channel, due: int, left: Left | None) -> None:
    """Send a request, begin a journey, or go on with what another connection left, over a new one."""
    if isinstance(left, Visit) and isinstance(connection, JourneyConnection):
        connection.go_on(left, perf_counter_ns())
    elif isinstance(left, Unanswered) and isinstance(connection, LoadConnection):
        connection.send_again(left)
    else:
        connection.send(due, perf_counter_ns())
