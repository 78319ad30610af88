"""The open model: requests are due at their moments, whether or not answers to earlier ones have come.

A request that finds no idle connection opens one, up to the cap; at the cap it waits for one to become free,
at most the timeout. Which requests wait is two numbers, the next to be sent and the clock, so an overload of
any size takes no memory.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from phasegate.base.errors import message_of
from phasegate.load.http1.connection import Channel
from phasegate.load.pace.alarm import alarm
from phasegate.load.pace.driver import TRIES, Driver, Left, Scheduled, began, begin, leftover_of
from phasegate.load.pace.pacing import share_of
from phasegate.model.histogram import NANOSECONDS
from phasegate.pulse import HELD_UP_NS
from phasegate.wire.connector import ConnectError

QUANTUM_NS = 100_000
"""The shortest sleep between two looks at the clock: at high rates requests leave in small groups."""
_NEVER = 1 << 63


class Open(Driver):
    """Sends request k of the whole load when k modulo `workers` is its own number."""

    async def drive(self) -> None:
        self._idle: list[Channel] = []
        connections = max(share_of(self.job.connections, self.job.worker, self.job.workers), 1)
        self._cap = connections * self.job.streams
        self._opening: set[asyncio.Task[None]] = set()
        self._total = self.profile.total
        self._request = self.job.worker
        self._next_ns = self._due_ns(self._request)
        self._dropped = 0
        self._armed = False
        self._done = asyncio.Event()
        self._fault: BaseException | None = None
        self._alarm = alarm(asyncio.get_running_loop(), self._wake)
        self._wake()
        try:
            await self._drain()
        finally:
            self._alarm.close()
            for task in self._opening:
                task.cancel()
            await asyncio.gather(*self._opening, return_exceptions=True)
        if self._fault is not None:
            raise self._fault

    @property
    def scheduled(self) -> Scheduled:
        mine = len(range(self.job.worker, self._request, self.job.workers))
        return Scheduled(due=mine - self.unfinished, sent=mine - self._dropped - self.unfinished)

    def stop(self, *, patient: bool = False) -> None:
        Driver.stop(self, patient=patient)
        now = perf_counter_ns()
        if patient:
            self._total = min(self._total, self._due_by(now))
            self._next_ns = self._due_ns(self._request)
            return
        self._drop(now)
        self._total = 0
        self._next_ns = _NEVER

    def is_behind(self, moment: int) -> bool:
        return self._next_ns < moment or bool(self._opening) or Driver.is_behind(self, moment)

    @property
    def pending(self) -> int:
        waiting = share_of(max(self._due_by(perf_counter_ns()) - self._request, 0), 0, self.job.workers)
        return len(self.connections) - len(self._idle) + len(self._opening) + waiting

    def free(self, connection: Channel, now: int) -> None:
        due = self._take(now)
        if due:
            connection.send(due, now)
        else:
            self._idle.append(connection)
            if not self._armed:
                self._arm()

    def gone(self, connection: Channel) -> None:
        self.connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if (left := leftover_of(connection)) is not None:
            self._open_for(left.due, left)
        self._wake()

    def swept(self, now: int) -> None:
        if self._next_ns <= now - self.timeout_ns:
            self._drop(now - self.timeout_ns)
            self._wake()

    async def _drain(self) -> None:
        """Until every request is answered or dropped, at most `patience` after the end of sending."""
        await self.until(self.end_ns)
        self.close_window()
        self._check_done()
        try:
            async with asyncio.timeout(self.patience):
                await self._done.wait()
        except TimeoutError:
            if not self.hasty:
                self._drop_latecomers()
                self.expire_rest()
                self._drop(perf_counter_ns())

    def _drop_latecomers(self) -> None:
        """Requests that found a connection only after the end of sending have not had their whole timeout:
        nothing is known of the target, but their users have waited for longer than it."""
        late = [connection for connection in self.connections if began(connection) > self.end_ns]
        for connection in late:
            connection.give_up()
        self._dropped += len(late)
        self.drop(len(late))

    def _wake(self) -> None:
        """Send what is due as far as there are connections for it, and set the alarm for what comes."""
        self._armed = False
        now = perf_counter_ns()
        while self._next_ns <= now:
            if self._idle:
                connection = self._idle.pop()
                if connection.closing:
                    continue
                if due := self._take(now):
                    connection.send(due, now)
                else:
                    self._idle.append(connection)
            elif len(self.connections) + len(self._opening) < self._cap:
                if due := self._take(now):
                    self._open_for(due)
            else:
                return  # the next connection that becomes free takes it, or sets the alarm
        self._arm()

    def _arm(self) -> None:
        if self._next_ns < _NEVER:
            self._armed = True
            self._alarm.set(max(self._next_ns - perf_counter_ns(), QUANTUM_NS))
        else:
            self._check_done()

    def _take(self, now: int) -> int:
        """The moment the next request is due at, when that has come; else 0."""
        due = self._next_ns
        if due > now:
            return 0
        if now - due > HELD_UP_NS and self._skips(due):
            due = self._next_ns
            if due > now:
                return 0
        if due < now - self.timeout_ns:
            self._drop(now - self.timeout_ns)
            due = self._next_ns
            if due > now:
                return 0
        self._request += self.job.workers
        self._next_ns = self._due_ns(self._request)
        return due

    def _skips(self, due: int) -> bool:
        """Whether a request was due while this worker was held up. None of those is sent: all at once, they
        would be a load that the plan does not ask for."""
        self.pulse.look()
        if not self.pulse.since_ns <= due < self.pulse.resumed_ns:
            return False
        self._drop(self.pulse.resumed_ns)
        return True

    def _drop(self, moment: int) -> None:
        """Drop all requests that wait and were due by a moment."""
        count = share_of(max(self._due_by(moment) - self._request, 0), 0, self.job.workers)
        self._request += count * self.job.workers
        self._next_ns = self._due_ns(self._request)
        self._dropped += count
        self.drop(count)

    def _due_by(self, moment: int) -> int:
        """How many requests of the whole load were due by a moment."""
        return min(self.profile.due_by((moment - self.start_ns) / NANOSECONDS), self._total)

    def _due_ns(self, request: int) -> int:
        if request >= self._total:
            return _NEVER
        return self.start_ns + round(self.profile.due(request) * NANOSECONDS)

    def _open_for(self, due: int, left: Left | None = None) -> None:
        task = asyncio.create_task(self._send_on_new(due, left))
        self._opening.add(task)
        task.add_done_callback(self._on_opened)

    async def _send_on_new(self, due: int, left: Left | None) -> None:
        try:
            connection = await self.connect()
        except ConnectError as error:
            self.no_connection(message_of(error), left)
            # The place rests, so that a target that refuses is asked `TRIES` times a second and no more.
            await self.until(perf_counter_ns() + round(self._cap / TRIES * NANOSECONDS))
            return
        begin(connection, due, left)

    def _on_opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = self._fault or error
            self._done.set()
            self.stop()
            return
        self._wake()

    def _check_done(self) -> None:
        if self._next_ns == _NEVER and not self._opening and not any(began(one) for one in self.connections):
            self._done.set()
