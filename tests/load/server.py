"""A server whose every answer is scripted: what came, how late, in which pieces, and how it ended."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


def answer(status: int = 200, body: bytes = b'{"status":"ok"}', *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join((*lines, "", "")).encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    pieces: tuple[bytes, ...] = (answer(),)
    delay: float = 0.0
    """Seconds before the first piece."""
    gap: float = 0.0
    """Seconds between pieces."""
    end: Literal["keep", "close", "reset"] = "keep"


@dataclass
class Scripted:
    """`script` is asked for the reply to request number n, counted from 0 over all connections."""

    script: Callable[[int], Reply] = field(default=lambda _: Reply())
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    protocols: list[str | None] = field(default_factory=list)
    """What each TLS connection agreed on (ALPN)."""
    port: int = 0
    tls: bool = False
    ending: bool = False
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, no reply leaves until it is set again."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/health"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.tls:
            self.protocols.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if self.ending:
                writer.transport.abort()
            else:
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        self.requests.append(head + await reader.readexactly(length))
        reply = self.script(len(self.requests) - 1)
        await self.stalled.wait()
        if reply.delay:
            await asyncio.sleep(reply.delay)
        for index, piece in enumerate(reply.pieces):
            if index and reply.gap:
                await asyncio.sleep(reply.gap)
            writer.write(piece)
            await writer.drain()
        if reply.end == "reset":
            reset(writer)
        return reply.end == "keep"


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the hard way (RST)."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@asynccontextmanager
async def scripted(
    script: Callable[[int], Reply] | Reply | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    path: Path | None = None,
) -> AsyncIterator[Scripted]:
    """On a free port of 127.0.0.1, or on a Unix socket."""
    server = Scripted(tls=tls is not None)
    if isinstance(script, Reply):
        server.script = lambda _: script
    elif script is not None:
        server.script = script
    server.stalled.set()
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if path is not None:
        listening = await asyncio.start_unix_server(serve, path, ssl=tls, backlog=1024)
    else:
        listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=1024)
        server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.ending = True
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close their sockets in a later turn of the loop


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
