"""Stands before the container engine of this machine, so that it can go without that one going."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = "/var/run/docker.sock"


class Proxy:
    """Serves in a thread of its own, until it dies."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._up.wait(10)

    def die(self) -> None:
        """Break every connection off, and take no further ones."""
        with suppress(RuntimeError):  # it is dead already
            self._loop.call_soon_threadsafe(self._dying.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._dying = asyncio.get_running_loop(), asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._up.set()
        await self._dying.wait()
        self._path.unlink(missing_ok=True)
        await asyncio.sleep(0.05)  # a server that closes while it takes a connection would leak that one
        server.close()
        while self._writers:
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._writers.add(writer)
        try:
            from_engine, to_engine = await asyncio.open_unix_connection(SOCKET)
            ends.add(to_engine)
            self._writers.add(to_engine)
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
        proxy.die()
