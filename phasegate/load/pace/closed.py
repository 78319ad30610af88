"""The closed model: a number of connections, each sending its next request when the answer has come.

In HTTP/2 a connection has so many places as it carries streams, and each place does so.

Requests are due when they are sent, so a target that stalls is sent less; the open model shows what users
see then.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from phasegate.base.errors import message_of
from phasegate.load.http1.connection import Channel
from phasegate.load.pace.driver import TRIES, Driver, Left, begin, leftover_of
from phasegate.load.pace.pacing import share_of
from phasegate.model.histogram import NANOSECONDS
from phasegate.wire.connector import ConnectError

_FEWEST_TRIES = 100
"""A second, over all connections of a worker."""


class Closed(Driver):
    """Connection k of the whole load is open while the level of the profile is above k."""

    async def drive(self) -> None:
        mine = range(self.job.worker, self.job.connections, self.job.workers)
        streams = range(self.job.streams)
        self._ends: dict[Channel, asyncio.Future[None]] = {}
        self._until: dict[Channel, int] = {}
        """When each connection is to be closed."""
        try:
            async with asyncio.TaskGroup() as group:
                slots = [group.create_task(self._keep_open(number)) for number in mine for _ in streams]
                await self.until(self.end_ns)
                self.close_window()
                if slots:
                    await asyncio.wait(slots, timeout=self.patience)
                if not self.hasty:
                    self.expire_rest()
                for slot in slots:
                    slot.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def free(self, connection: Channel, now: int) -> None:
        if now < self._until[connection] and now < self.end_ns:
            connection.send(now, now)
        else:
            connection.close()

    def gone(self, connection: Channel) -> None:
        self.connections.discard(connection)
        self._until.pop(connection, None)
        end = self._ends.pop(connection, None)
        if end is not None and not end.done():
            end.set_result(None)

    async def _keep_open(self, number: int) -> None:
        """One place for a connection: opened anew whenever it is lost while the place is open."""
        for opens, closes in self.profile.spans(number):
            if not await self.until(self.start_ns + round(opens * NANOSECONDS)):
                return
            closes_ns = self.start_ns + round(closes * NANOSECONDS)
            left: Left | None = None
            while left is not None or perf_counter_ns() < min(closes_ns, self.end_ns):
                served, left = await self._connection_served(closes_ns, left)
                if not served and left is None:
                    await self._rest(closes_ns)

    async def _connection_served(self, closes_ns: int, left: Left | None) -> tuple[bool, Left | None]:
        """Open a connection and use it up, first for what another left.

        Shape: whether it brought a good answer, and what it left itself.
        """
        try:
            connection = await self.connect()
        except ConnectError as error:
            self.no_connection(message_of(error), left)
            return False, None
        end = self._ends[connection] = asyncio.get_running_loop().create_future()
        self._until[connection] = closes_ns
        now = perf_counter_ns()
        if left is None:
            self.free(connection, now)
        else:
            begin(connection, now, left)
        await end
        return connection.served, leftover_of(connection)

    async def _rest(self, closes_ns: int) -> None:
        """A target that fails is asked again as often as it gave good answers in its best second, within
        bounds.

        So a target that is down for half of the load fails about half of the requests, and one that never
        answered is not hammered.
        """
        tries = min(max(self.recorder.best_pace, _FEWEST_TRIES), TRIES)
        places = share_of(self.job.connections, self.job.worker, self.job.workers) * self.job.streams
        rested_ns = perf_counter_ns() + round(places / tries * NANOSECONDS)
        await self.until(min(rested_ns, closes_ns, self.end_ns))
