"""A scripted service with sessions: opened, used and read back, told apart by a cookie."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.load.server import Reply, Scripted, answer, path_of, scripted

FLOW: dict[str, Any] = {
    "id": "lifecycle",
    "requests": [
        {
            "id": "open",
            "method": "POST",
            "url": "/sessions",
            "json": {"user": "ada"},
            "expect": {"status": 201, "json": {"$.state": "new"}},
            "capture": {"session": "$.id"},
        },
        {
            "id": "execute",
            "method": "POST",
            "url": "/sessions/${session}/run",
            "headers": {"X-Session": "${session}"},
            "json": {"net": 21, "text": "for ${session}"},
            "expect": {"status": 200, "json": {"$.result": 42, "$.id": "${session}"}},
        },
        {
            "id": "read",
            "url": "/sessions/${session}",
            "expect": {"status": 200, "json": {"$.id": "${session}", "$.text": {"contains": "for "}}},
        },
    ],
}
SUITE: dict[str, Any] = {"suite": 1, "headers": {"X-Common": "yes"}, "flows": [FLOW]}


def answer_to(request: bytes, number: int, *headers: str) -> bytes:
    """The right answer; 404 where the cookie is not that of the session."""
    path = path_of(request)
    if path == "/sessions":
        body = {"id": f"s{number}", "state": "new"}
        return answer(201, json.dumps(body).encode(), f"Set-Cookie: sid=s{number}; Path=/", *headers)
    if not path.startswith("/sessions/"):
        return answer(200, b'{"status":"ok"}', *headers)
    session = path.split("/")[2]
    if f"\r\nCookie: sid={session}\r\n".encode() not in request:
        return answer(404, b"{}", *headers)
    if path.endswith("/run"):
        asked = json.loads(request.partition(b"\r\n\r\n")[2])
        return answer(200, json.dumps({"id": session, "result": asked["net"] * 2}).encode(), *headers)
    return answer(200, json.dumps({"id": session, "text": "for you"}).encode(), *headers)


@asynccontextmanager
async def sessions(
    *headers: str, other: Callable[[str, int], Reply | None] = lambda path, number: None, **reply: Any
) -> AsyncIterator[Scripted]:
    """`other(path, number)` answers in place of the service; `headers` stand in every answer."""

    async with scripted() as server:

        def script(number: int) -> Reply:
            request = server.requests[number]
            own = other(path_of(request), number)
            return own or Reply(pieces=(answer_to(request, number, *headers),), **reply)

        server.script = script
        yield server
