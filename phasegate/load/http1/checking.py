"""Connections that keep what an expectation looks at: headers, or headers and body, within bounds."""

from __future__ import annotations

from functools import partial

from phasegate.base.errors import message_of
from phasegate.base.facts import Fact, Message, joined
from phasegate.http.expectations.expectation import is_of_answer
from phasegate.http.messages.content import ContentError, TooLargeError, decode_body, too_large
from phasegate.http.messages.header_lines import join_lines, text_headers
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.connection import HeadConnection, LoadConnection, LoadExchange, Owner, no_answer
from phasegate.wire.connection import HEAD_LIMIT, HEAD_TOO_LONG
from phasegate.world import Cause, HttpReply

ANSWER_PATIENCE = 0.05
"""Seconds of processor time for the patterns of one answer: the load waits meanwhile."""
Lines = tuple[tuple[bytes, bytes], ...]
"""Header lines as they came."""


def body_too_large(limit: int) -> Fact:
    return no_answer(Cause.TOO_LARGE, too_large(limit))


def reply_of(
    status: int,
    raw: Lines,
    body: bytes,
    elapsed: float,
    url: str,
    *,
    limit: int,
    http_version: str = "HTTP/1.1",
) -> HttpReply:
    """An answer with the codings of its body undone. Errors: TooLargeError."""
    headers = text_headers(raw)
    unreadable: Message = ""
    try:
        body = decode_body(join_lines(headers, "content-encoding"), body, limit)
    except ContentError as error:
        unreadable = message_of(error)
    return HttpReply(
        status=status,
        headers=headers,
        body=body,
        elapsed=elapsed,
        url=url,
        http_version=http_version,
        raw=raw,
        unreadable=unreadable,
    )


class KeepingConnection(LoadConnection):
    """Keeps the header lines of an answer, within bounds."""

    __slots__ = ("_headers", "_headers_size", "_in_head")

    _in_head: bool

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_size += len(name) + len(value)
        # What trails a chunked body is not a header of the answer (RFC 9110, 6.5.1).
        if self._in_head and self._headers_size <= HEAD_LIMIT:
            self._headers.append((name, value))

    def _after_piece(self) -> None:
        if problem := self._too_large():
            self._fail(*problem)

    def _too_large(self) -> tuple[Cause, Message] | None:
        return (Cause.PROTOCOL, HEAD_TOO_LONG) if self._headers_size > HEAD_LIMIT else None

    def _forget(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._headers_size = 0
        self._in_head = True


class HeadersConnection(KeepingConnection):
    """For expectations on headers; a body is counted as it comes, whatever its size and encoding."""

    __slots__ = ("_check",)

    def __init__(self, exchange: LoadExchange, recorder: Recorder, owner: Owner) -> None:
        LoadConnection.__init__(self, exchange, recorder, owner)
        if exchange.check is None:
            raise ValueError("a checking connection needs an expectation")
        self._check = partial(exchange.check.check, patience=ANSWER_PATIENCE)
        self._forget()

    def on_headers_complete(self) -> None:
        if self._in_head and 100 <= self._parser.get_status_code() < 200:
            self._headers.clear()
        else:
            self._in_head = False

    def on_answer(self, now: int) -> None:
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        self._heed(status, has_body=bool(self._exchange.body))
        failures = self._failures(status, (now - sent) / 1e9)
        if failures:
            wrong = is_of_answer(failures)
            self._recorder.failed(joined(*failures), now, self._answer_bytes(), wrong=wrong)
        else:
            self._record_good(self.due, sent, now)
            self.served = True
        self._forget()
        self._next(now)

    @property
    def _whole_body(self) -> bytes:
        """What the expectation looks at of it."""
        return b""

    def _failures(self, status: int, elapsed: float) -> tuple[Message, ...]:
        if problem := self._too_large():
            return (no_answer(*problem),)
        exchange, raw = self._exchange, tuple(self._headers)
        try:
            reply = reply_of(status, raw, self._whole_body, elapsed, exchange.url, limit=exchange.max_body)
        except TooLargeError:
            return (body_too_large(exchange.max_body),)
        return self._check(reply)


class BodyConnection(HeadersConnection):
    """For expectations on the body, which is inflated for them."""

    __slots__ = ("_body",)

    _body: bytes | bytearray

    def on_body(self, body: bytes) -> None:
        if self._status:  # it belongs to what comes behind the answer
            return
        if not self._body:
            self._body = body
        elif len(self._body) <= self._exchange.max_body:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    @property
    def _whole_body(self) -> bytes:
        return bytes(self._body)

    def _too_large(self) -> tuple[Cause, Message] | None:
        if len(self._body) > self._exchange.max_body:
            return Cause.TOO_LARGE, too_large(self._exchange.max_body)
        return KeepingConnection._too_large(self)

    def _forget(self) -> None:
        KeepingConnection._forget(self)
        self._body = b""


class HeadHeadersConnection(HeadConnection, HeadersConnection):
    """For HEAD with an expectation."""

    __slots__ = ()

    def on_headers_complete(self) -> None:
        HeadersConnection.on_headers_complete(self)
        HeadConnection.on_headers_complete(self)


def connection_class(method: str, exchange: LoadExchange) -> type[LoadConnection]:
    """The leanest class that can judge the answers."""
    if method.upper() == "HEAD":
        return HeadConnection if exchange.check is None else HeadHeadersConnection
    if exchange.check is None:
        return LoadConnection
    return BodyConnection if exchange.check.reads_body else HeadersConnection
