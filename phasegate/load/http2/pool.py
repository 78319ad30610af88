"""The HTTP/2 connections of a worker: each is opened when its first lane is asked for, and filled up."""

from __future__ import annotations

import asyncio

from phasegate.base.errors import message_of
from phasegate.base.facts import Code, fact
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.connection import LoadExchange, Owner
from phasegate.load.http2.connection import Http2Connection
from phasegate.load.http2.lane import Lane
from phasegate.wire.connector import ConnectError, Connector, GeneratorError
from phasegate.world import Cause


class Http2Pool:
    def __init__(
        self, exchange: LoadExchange, connector: Connector, recorder: Recorder, owner: Owner, streams: int
    ) -> None:
        """`streams`: the most lanes of a connection."""
        self._exchange = exchange
        self._connector = connector
        self._recorder = recorder
        self._owner = owner
        self._streams = streams
        self._connections: set[Http2Connection] = set()
        self._opening: dict[asyncio.Task[Http2Connection], int] = {}
        """With the number of lanes that wait for each."""
        self._carrying: set[asyncio.Task[None]] = set()

    async def lane(self) -> Lane:
        """Errors: ConnectError, GeneratorError."""
        connection = await self._connection()
        lane = Lane(self._exchange, self._recorder, self._owner, self)
        connection.add(lane)
        return lane

    def carry(self, lane: Lane) -> None:
        """Find another connection for what a lane has to send."""
        task = asyncio.create_task(self._carry(lane))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    def close(self) -> None:
        for task in (*self._opening, *self._carrying):
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()

    async def _carry(self, lane: Lane) -> None:
        try:
            connection = await self._connection()
        except (ConnectError, GeneratorError) as error:
            lane.fail(message_of(error))
        else:
            if lane.sent:
                connection.add(lane)

    async def _connection(self) -> Http2Connection:
        """One with a place."""
        while True:
            for connection in self._connections:
                if connection.takes and len(connection.lanes) < self._streams:
                    return connection
            connection = await asyncio.shield(self._soon_open())
            if not (connection.takes or connection.used):
                why = fact(Code.CLOSED_UNUSED, endpoint=str(self._connector.endpoint))
                raise ConnectError(why, Cause.RESET)

    def _soon_open(self) -> asyncio.Task[Http2Connection]:
        """A connection that is being opened and will have a place."""
        for task, waiting in self._opening.items():
            if waiting < self._streams and not task.done():
                break
        else:
            task, waiting = asyncio.create_task(self._open()), 0
            task.add_done_callback(self._on_opened)
        self._opening[task] = waiting + 1
        return task

    async def _open(self) -> Http2Connection:
        endpoint, timeout = self._connector.endpoint, self._exchange.timeout
        deadline = asyncio.get_running_loop().time() + timeout
        connection = await self._connector.open(lambda: Http2Connection(self._exchange, self._on_lost))
        self._connections.add(connection)
        try:
            # How many streams the target takes is known only then.
            async with asyncio.timeout_at(deadline):
                problem = await asyncio.shield(connection.greeted)
        except BaseException as error:
            connection.abort()
            if not isinstance(error, TimeoutError):
                raise
            why = fact(Code.SETTINGS_OVERDUE, endpoint=str(endpoint), limit=float(timeout))
            raise ConnectError(why, Cause.TIMEOUT) from None
        if problem is not None:
            raise ConnectError(problem.why, Cause(problem.cause))
        return connection

    def _on_opened(self, task: asyncio.Task[Http2Connection]) -> None:
        self._opening.pop(task, None)
        if not task.cancelled():
            task.exception()  # every lane that waited has it; with none left, nobody would ask

    def _on_lost(self, connection: Http2Connection) -> None:
        self._connections.discard(connection)
