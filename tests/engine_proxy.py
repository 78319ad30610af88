"""Stands before the container engine of this machine, so that it can go without that one going."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET = "/var/run/docker.sock"


class Proxy:
    """Serves in a thread of its own, until it is closed."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._dead = False
        self._up = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._up.wait(10)

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.host}

    def die(self) -> None:
        """Hang up on everybody, and on whoever comes: the SDK leaves sockets open where it cannot connect."""
        self._dead = True
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _run(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._up.set()
        await self._closing.wait()
        self._path.unlink(missing_ok=True)
        await asyncio.sleep(0.05)  # a server that closes while it takes a connection would leak that one
        server.close()
        while self._writers:
            self._abort()
            await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._writers.add(writer)
        try:
            if self._dead:
                return
            from_engine, to_engine = await asyncio.open_unix_connection(SOCKET)
            ends.add(to_engine)
            self._writers.add(to_engine)
            if not self._dead:
                await asyncio.gather(_copy(reader, to_engine), _copy(from_engine, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


@contextmanager
def proxied(path: Path) -> Iterator[Proxy]:
    proxy = Proxy(path)
    try:
        yield proxy
    finally:
        proxy.close()
