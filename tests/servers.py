"""HTTP servers that behave, and misbehave, on purpose: real sockets on loopback.

    async with serving() as server:
        server.url("/ok")            # 200 {"status": "ok"}
        server.url("/stall")         # takes the request, never answers
        server.requests              # what came in

Every path below names one behaviour; see `_BEHAVIOURS`. A query such as `?n=3` is its parameter.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    port: int
    scheme: str = "http"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    state: dict[str, int] = field(default_factory=dict)
    resume: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to let `/stall` answer."""

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def count(self, name: str) -> int:
        """1, 2, 3... for a name."""
        self.state[name] = self.state.get(name, 0) + 1
        return self.state[name]


Behaviour = Callable[[Server, Received, asyncio.StreamWriter], Awaitable[bool | None]]
"""Answers one request; False closes the connection."""


def response(
    body: bytes | str | dict | list = b"", status: int = 200, headers: dict[str, str] | None = None
) -> bytes:
    kind = "application/json"
    if isinstance(body, dict | list):
        body = json.dumps(body).encode()
    if isinstance(body, str):
        body, kind = body.encode(), "text/plain; charset=utf-8"
    lines = {"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v != "")
    return head.encode() + b"\r\n" + body


async def _ok(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response({"status": "ok", "version": "0.2.0"}))


async def _echo(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """The request as JSON."""
    out.write(
        response(
            {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": request.headers,
                "body": request.body.decode("latin-1"),
            }
        )
    )


async def _status(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?code=500`."""
    code = int(request.query.get("code", "500"))
    out.write(response({"error": {"code": code, "message": "as asked"}}, code))


async def _text(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?body=...`."""
    out.write(response(request.query.get("body", "")))


async def _share(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?every=20`: each 20th request fails with 500."""
    fails = server.count("share") % int(request.query.get("every", "20")) == 0
    out.write(response({"status": "down" if fails else "ok"}, 500 if fails else 200))


async def _flaky(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?n=2`: the first 2 requests fail with 503."""
    fails = server.count(f"flaky {request.query.get('id', '')}") <= int(request.query.get("n", "2"))
    out.write(response({"status": "starting" if fails else "ok"}, 503 if fails else 200))


async def _freeze(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """Holds up everything in this process, the client included, and never answers; only the first time."""
    if server.count("freeze") == 1:
        _stand_still(float(request.query["s"]))
        await server.resume.wait()
    out.write(response({"status": "ok"}))


def _stand_still(seconds: float) -> None:
    time.sleep(seconds)


async def _stall(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    await server.resume.wait()
    out.write(response({"status": "ok"}))


async def _slow(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?ms=50`."""
    await asyncio.sleep(int(request.query.get("ms", "50")) / 1000)
    out.write(response({"status": "ok"}))


async def _now_and_then_slow(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?every=50&ms=3000`: each 50th request is answered late, the others at once."""
    if server.count("now and then") % int(request.query.get("every", "50")) == 0:
        await _slow(server, request, out)
    else:
        await _ok(server, request, out)


async def _slow_body(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """Headers at once, then a byte now and then, for ever."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        out.write(b".")
        await out.drain()
        await asyncio.sleep(0.02)


async def _endless(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        out.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await out.drain()


async def _endless_headers(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        out.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await out.drain()


async def _reset(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    linger = struct.pack("ii", 1, 0)
    out.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return False


async def _hang_up(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    return False


async def _hang_up_later(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    """A good answer, then the connection is closed without notice."""
    out.write(response({"status": "ok"}))
    return False


async def _garbage(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    out.write(b"\x00\x01\x02 this is \xff not HTTP\r\n\r\n")
    return False


async def _short(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    return False


async def _short_chunked(server: Server, request: Received, out: asyncio.StreamWriter) -> bool:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    return False


async def _redirect(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?to=/ok&code=302`."""
    code = int(request.query.get("code", "302"))
    cookie = {"Set-Cookie": "seen=yes; Path=/"} if "cookie" in request.query else {}
    out.write(response("", code, {"Location": request.query.get("to", "/ok")} | cookie))


async def _redirect_loop(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response("", 302, {"Location": f"/redirect-loop?n={server.count('loop')}"}))


async def _gzip(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response(gzip.compress(b'{"status": "ok"}'), 200, {"Content-Encoding": "gzip"}))


async def _deflate(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """Without the zlib header, as many servers do."""
    squeeze = zlib.compressobj(wbits=-15)
    body = squeeze.compress(b'{"status": "ok"}') + squeeze.flush()
    out.write(response(body, 200, {"Content-Encoding": "deflate"}))


async def _bad_gzip(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response(b"this is not gzip", 200, {"Content-Encoding": "gzip"}))


async def _gzip_bomb(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response(gzip.compress(bytes(200 << 20), 1), 200, {"Content-Encoding": "gzip"}))


async def _big(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """`?bytes=5000000`."""
    out.write(response(b"x" * int(request.query.get("bytes", "5000000"))))


async def _login(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    cookies = "session=abc123; Path=/; HttpOnly"
    out.write(response({"token": "s3cr3t-token-value", "id": 7}, 200, {"Set-Cookie": cookies, "X-Id": "42"}))


async def _whoami(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    """200 with the cookie of `/login` or its token, else 401."""
    known = "session=abc123" in request.headers.get("cookie", "")
    known = known or request.headers.get("authorization") == "Bearer s3cr3t-token-value"
    out.write(response({"user": "ada" if known else None}, 200 if known else 401))


async def _items(server: Server, request: Received, out: asyncio.StreamWriter) -> None:
    out.write(response({"items": [{"id": n, "name": f"item {n}"} for n in (1, 2, 3)], "total": 3}))


_BEHAVIOURS: dict[str, Behaviour] = {
    "/ok": _ok,
    "/health": _ok,
    "/echo": _echo,
    "/status": _status,
    "/text": _text,
    "/share": _share,
    "/flaky": _flaky,
    "/freeze": _freeze,
    "/stall": _stall,
    "/slow": _slow,
    "/now-and-then-slow": _now_and_then_slow,
    "/slow-body": _slow_body,
    "/endless": _endless,
    "/endless-headers": _endless_headers,
    "/reset": _reset,
    "/hang-up": _hang_up,
    "/hang-up-later": _hang_up_later,
    "/garbage": _garbage,
    "/short": _short,
    "/short-chunked": _short_chunked,
    "/redirect": _redirect,
    "/redirect-loop": _redirect_loop,
    "/gzip": _gzip,
    "/deflate": _deflate,
    "/bad-gzip": _bad_gzip,
    "/gzip-bomb": _gzip_bomb,
    "/big": _big,
    "/login": _login,
    "/whoami": _whoami,
    "/items": _items,
}


@contextlib.asynccontextmanager
async def serving(
    behaviours: dict[str, Behaviour] | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on a free loopback port; `behaviours` add to or replace the paths above."""
    paths = _BEHAVIOURS | (behaviours or {})
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        server.connections += 1
        server.open_now += 1
        server.most_open = max(server.most_open, server.open_now)
        try:
            await _talk(server, paths, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass  # asyncio reports a cancelled connection callback as an error
        finally:
            server.open_now -= 1
            writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, limit=1 << 24)
    port = listener.sockets[0].getsockname()[1]
    server = Server(port, scheme="https" if tls else "http")
    try:
        yield server
    finally:
        listener.close()
        await settle()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()
        await settle()


_TURNS = 10


async def settle() -> None:
    """Let the event loop turn until a connection that was being taken is with its handler, and one that was
    closed has closed its socket. That takes turns, not time: while a machine stands still there are none."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def unused_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _talk(
    server: Server, paths: dict[str, Behaviour], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while (request := await _read(reader)) is not None:
        server.requests.append(request)
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        try:
            answer = paths.get(request.path)
            if answer is None:
                writer.write(response({"error": "no such path"}, 404))
            elif await answer(server, request, writer) is False:
                await _flush(writer)
                return
            await writer.drain()
        finally:
            server.in_flight -= 1


async def _flush(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Received(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
