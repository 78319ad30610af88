"""A door to the real engine that a test can shut, as if the engine had died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class Door:
    """Connections to `path` reach the engine until `shut`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server: asyncio.Server | None = None
        self._shut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.path}"}

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._connected, self.path)

    def shut(self) -> None:
        """Hang up on everybody, and on whoever comes: the SDK leaves sockets open where it cannot connect."""
        self._shut = True
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        self.shut()
        assert self._server is not None
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        to_engine, from_engine = None, None
        with contextlib.suppress(OSError, asyncio.CancelledError):
            from_engine, to_engine = await asyncio.open_unix_connection(ENGINE)
            self._writers |= {writer, to_engine}
            ways = (reader, to_engine), (from_engine, writer)
            both = {asyncio.create_task(pass_on(*way)) for way in ways}
            self._tasks |= both
            await asyncio.wait(both)
        for one in (writer, to_engine):
            if one is not None:
                one.transport.abort()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@contextlib.asynccontextmanager
async def door_at(path: Path) -> AsyncIterator[Door]:
    door = Door(path)
    await door.open()
    try:
        yield door
    finally:
        door.close()
        await asyncio.sleep(0)
