"""A server whose every answer is scripted: what comes, how late, in which pieces, and how it ends.

A script is a function of the request's number, or a `Script`: rules by number, share and path, which can be
sent to a server in a process of its own (`apart`). Either way the server keeps the truth about each request:
when it came, over which connection, what was answered and when the last of it left.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Literal

from tests.servers import settle


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
    name: str = ""
    """What it is counted under in the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Takes the requests that fit and no earlier rule took, and gives them its replies in turn."""

    replies: tuple[Reply, ...]
    numbers: range | None = None
    path: str | None = None
    share: float = 1.0
    """Of those that fit, spread evenly: after n of them it has taken n * share, rounded down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """`after` seconds from the first request, then `every` so often, no reply begins for `length` seconds."""

    after: float
    every: float
    length: float

    def left(self, elapsed: float) -> float:
        """Seconds until replies may begin."""
        since = (elapsed - self.after) % self.every if elapsed >= self.after else self.length
        return max(self.length - since, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What no rule takes is answered well and at once."""

    rules: tuple[Rule, ...] = ()
    stall: Stall | None = None

    def begin(self) -> Callable[[int, str], Reply]:
        """The replies by number and path, for one run."""
        fitted: Counter[int] = Counter()
        taken: Counter[int] = Counter()

        def reply(number: int, path: str) -> Reply:
            for place, rule in enumerate(self.rules):
                if (rule.numbers is not None and number not in rule.numbers) or rule.path not in (None, path):
                    continue
                fitted[place] += 1
                if int(fitted[place] * rule.share) > taken[place]:
                    taken[place] += 1
                    return rule.replies[(taken[place] - 1) % len(rule.replies)]
            return Reply()

        return reply


@dataclass(slots=True, kw_only=True)
class Served:
    """The truth about one request; moments are `perf_counter_ns`, one clock for all processes."""

    path: str
    connection: int
    arrived: int
    """When its last byte had been read."""
    reply: str = ""
    """The name of what was answered."""
    left: int = 0
    """Just before the last piece of the answer was written, so no client has it earlier; 0 when none was."""


@dataclass
class Scripted:
    """`script` is asked for the reply to request number n, counted from 0 over all connections."""

    script: Callable[[int], Reply] = field(default=lambda _: Reply())
    stall: Stall | None = None
    requests: list[bytes] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    """One for each request."""
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
        connection = self.connections
        self.connections += 1
        if self.tls:
            self.protocols.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        try:
            while await self._exchange(reader, writer, connection):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if self.ending:
                writer.transport.abort()
            else:
                writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await reader.readexactly(length)
        served = Served(path=path_of(request), connection=connection, arrived=perf_counter_ns())
        self.requests.append(request)
        self.served.append(served)
        reply = self.script(len(self.requests) - 1)
        served.reply = reply.name
        await self.stalled.wait()
        await self._wait(reply.delay)
        for index, piece in enumerate(reply.pieces):
            if index and reply.gap:
                await asyncio.sleep(reply.gap)
            if index == len(reply.pieces) - 1:
                served.left = perf_counter_ns()
            writer.write(piece)
            await writer.drain()
        if reply.end == "reset":
            reset(writer)
        return reply.end == "keep"

    async def _wait(self, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        if self.stall is not None:
            elapsed = (perf_counter_ns() - self.served[0].arrived) / 1e9
            if left := self.stall.left(elapsed):
                await asyncio.sleep(left)


def path_of(request: bytes) -> str:
    """The path that a request asks for, with its query."""
    return request.split(b" ", 2)[1].decode("latin-1")


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the hard way (RST)."""
    reset_transport(writer.transport)


def reset_transport(transport: asyncio.WriteTransport) -> None:
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


@asynccontextmanager
async def scripted(
    script: Callable[[int], Reply] | Script | Reply | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    path: Path | None = None,
) -> AsyncIterator[Scripted]:
    """On a free port of 127.0.0.1, or on a Unix socket."""
    server = Scripted(tls=tls is not None)
    if isinstance(script, Reply):
        server.script = lambda _: script
    elif isinstance(script, Script):
        reply = script.begin()
        server.script = lambda number: reply(number, server.served[number].path)
        server.stall = script.stall
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
        await settle()


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
