"""An HTTP/2 server whose every answer is scripted: frames are made by the library, misbehaviour is ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import ngh2

from tests.load.server import reset_transport
from tests.servers import settle

OK = b'{"status":"ok"}'
Act = Callable[["Session", int], None]
"""What to do about the request on a stream."""


def answer(status: int = 200, body: bytes = OK, *headers: tuple[bytes, bytes]) -> Act:
    def act(session: Session, stream: int) -> None:
        fields = [(b":status", b"%d" % status), (b"content-length", b"%d" % len(body)), *headers]
        session.core.send_response(stream, fields, end_stream=not body)
        if body:
            session.core.send_data(stream, body, end_stream=True)

    return act


def stream_reset(code: int) -> Act:
    return lambda session, stream: session.core.reset_stream(stream, code)


def begun_then_reset(session: Session, stream: int) -> None:
    session.core.send_response(stream, [(b":status", b"200"), (b"content-length", b"99")])
    session.core.send_data(stream, b"x")
    session.flush()
    session.core.reset_stream(stream, ngh2.ErrorCode.INTERNAL_ERROR)


def short(session: Session, stream: int) -> None:
    session.core.send_response(stream, [(b":status", b"200"), (b"content-length", b"99")])
    session.core.send_data(stream, b"x", end_stream=True)


def begun_then_closed(session: Session, stream: int) -> None:
    session.core.send_response(stream, [(b":status", b"200"), (b"content-length", b"99")])
    session.core.send_data(stream, b"x")
    session.flush()
    session.transport.close()


def closed(session: Session, stream: int) -> None:
    session.transport.close()


def hard_reset(session: Session, stream: int) -> None:
    reset_transport(session.transport)


def raw(data: bytes) -> Act:
    return lambda session, stream: session.transport.write(data)


def nothing(session: Session, stream: int) -> None:
    pass


def early_and_with_trailers(session: Session, stream: int) -> None:
    session.core.send_informational_response(stream, [(b":status", b"103"), (b"link", b"</a.css>")])
    session.core.send_response(stream, [(b":status", b"200")])
    session.core.send_data(stream, OK)
    session.core.send_trailers(stream, [(b"took", b"1")])


def last_answer(session: Session, stream: int) -> None:
    """Answer, and ask for a new connection."""
    answer()(session, stream)
    session.core.send_goaway(0, last_stream_id=stream)


def unseen(session: Session, stream: int) -> None:
    """Ask for a new connection without looking at the request."""
    session.core.send_goaway(0, last_stream_id=0)


def calm_down(session: Session, stream: int) -> None:
    session.core.send_goaway(ngh2.ErrorCode.ENHANCE_YOUR_CALM, last_stream_id=0)


@dataclass
class Http2Scripted:
    """`script` is asked for the reply to request number n, counted from 0 over all connections."""

    script: Callable[[int], Act]
    settings: dict[int, int] = field(default_factory=dict)
    greets: bool = True
    early: bool = False
    """Answers as soon as the head of a request has come."""
    requests: list[tuple[Any, ...]] = field(default_factory=list)
    """The header fields of each."""
    uploaded: int = 0
    client_settings: dict[int, int] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    most: int = 0
    """Requests that were under way at once on a connection."""
    port: int = 0
    tls: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/health"


class Session(asyncio.Protocol):
    def __init__(self, server: Http2Scripted) -> None:
        self.server = server
        # What a client may not send, this one may.
        limits = ngh2.Configuration(max_send_header_block_length=1 << 20)
        self.core = ngh2.Connection(ngh2.Role.SERVER, limits)
        self.under_way: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.sessions.append(self)
        if self.server.greets:
            self.core.initiate_connection(self.server.settings)
            self.flush()

    def data_received(self, data: bytes) -> None:
        if not self.server.greets:
            return
        try:
            self.core.receive_data(data)
        except ngh2.NGH2Error:
            self.transport.abort()
            return
        for event in self.core.events():
            match event:
                case ngh2.RequestReceived():
                    self.under_way.add(event.stream_id)
                    self.server.most = max(self.server.most, len(self.under_way))
                    self.server.requests.append(event.headers)
                    if event.end_stream or self.server.early:
                        self.reply(event.stream_id)
                case ngh2.DataReceived():
                    self.server.uploaded += len(event.data)
                    if event.end_stream and not self.server.early:
                        self.reply(event.stream_id)
                case ngh2.SettingsReceived():
                    self.server.client_settings.update(event.settings)
                case ngh2.StreamClosed():
                    self.under_way.discard(event.stream_id)
        self.flush()

    def reply(self, stream: int) -> None:
        act = self.server.script(len(self.server.requests) - 1)
        with suppress(ngh2.NGH2Error):
            act(self, stream)
            self.flush()

    def flush(self) -> None:
        if not self.transport.is_closing() and (data := self.core.data_to_send()):
            self.transport.write(data)
        for event in self.core.events():
            if isinstance(event, ngh2.StreamClosed):
                self.under_way.discard(event.stream_id)


@asynccontextmanager
async def http2_scripted(
    script: Callable[[int], Act] | None = None,
    *,
    settings: dict[int, int] | None = None,
    greets: bool = True,
    early: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Http2Scripted]:
    """On a free port of 127.0.0.1."""
    server = Http2Scripted(
        script or (lambda _: answer()),
        settings=settings or {},
        greets=greets,
        early=early,
        tls=tls is not None,
    )
    listening = await asyncio.get_running_loop().create_server(
        lambda: Session(server), "127.0.0.1", 0, ssl=tls, backlog=1024
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for session in server.sessions:
            session.transport.abort()
        await settle()
