"""One HTTP/1.1 connection that sends the same request again and again and judges each answer.

`Connection` looks at the status only: the parser calls it once an answer, and nothing of an answer is copied.
`CheckingConnection` keeps headers and body for an expectation. `HeadConnection` and `CheckingHeadConnection`
know that the answer to HEAD ends with its head.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from phasegate.http.content import ContentError, TooLargeError, decoded
from phasegate.load.recorder import Recorder
from phasegate.load.tls import TruncatedError, tls_words
from phasegate.units import format_seconds
from phasegate.world import Cause, HttpReply, header

HEAD_LIMIT = 64 << 10
"""Bytes of the head of an answer; also what is kept of an answer that comes in pieces."""
BODY_LIMIT = 16 << 20
"""Bytes of a body that an expectation looks at."""


class Check(Protocol):
    """What `phasegate.http.expectation.Expectation` does for a reply."""

    def check(self, reply: HttpReply) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What is sent and what is expected, the same for every connection of a worker."""

    request: bytes
    url: str
    timeout: float
    good: bytes
    """1 at the index of each status (0 to 999) that is a good answer."""
    wanted: str = "2xx"
    check: Check | None = None


class Owner(Protocol):
    """The load model that a connection works for."""

    def free(self, connection: Connection, now: int) -> None:
        """The answer has come and the connection can take the next request."""
        ...

    def gone(self, connection: Connection) -> None:
        """The connection is closed, by either side."""
        ...


class Connection(asyncio.Protocol):
    """Moments are `perf_counter_ns`. `sent` is 0 while no request is out."""

    __slots__ = (
        "_data",
        "_exchange",
        "_extra",
        "_feed",
        "_good",
        "_keep_alive",
        "_owner",
        "_parser",
        "_record_good",
        "_recorder",
        "_request",
        "_seen",
        "_status",
        "_transport",
        "_write",
        "due",
        "sent",
        "served",
    )

    _parser: Any
    _feed: Any

    def __init__(self, exchange: Exchange, recorder: Recorder, owner: Owner) -> None:
        self._exchange = exchange
        self._request = exchange.request
        self._good = exchange.good
        self._recorder = recorder
        self._record_good = recorder.good
        self._owner = owner
        self._status = 0
        self._extra = False
        self._keep_alive = False
        self._seen: bytearray | None = None
        """The beginning of an answer that comes in pieces."""
        self._data = b""
        self.due = 0
        self.sent = 0
        self.served = False
        """Whether it ever brought a good answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        self._new_parser()

    def send(self, due: int, now: int) -> None:
        self.due = due
        self.sent = now
        self._write(self._request)

    @property
    def closing(self) -> bool:
        """The target has closed it, and `gone` is about to be called."""
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    def expire(self) -> None:
        """The request that is out has had its time."""
        detail = "the answer did not end" if self._seen else "no answer"
        self._fail(f"{Cause.TIMEOUT}: {detail} in {format_seconds(self._exchange.timeout)}")

    def give_up(self) -> bool:
        """Forget the request that is out, if any, without counting it."""
        out, self.sent = bool(self.sent), 0
        self._transport.abort()
        return out

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._data = data
        try:
            self._feed(data)
        except HttpParserUpgrade:
            self._keep_alive = False
        except HttpParserError as error:
            if not self._status:
                self._keep(data)
                self._fail(f"{Cause.PROTOCOL}: {error}")
                return
            # A whole answer came, and after it something that is none.
            self._extra = True
        if self._status:
            self._answered(perf_counter_ns())
        else:
            self._keep(data)
            self._after_piece()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.sent:
            self._lost(exc)
        # The parser and the connection hold each other.
        self._feed = self._parser = None
        self._owner.gone(self)

    # httptools

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return
        if self._status:
            self._extra = True
        else:
            self._status = status
            self._keep_alive = self._parser.should_keep_alive()

    # the end of an exchange

    def _answered(self, now: int) -> None:
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        if not sent:
            # An answer that nobody asked for: what comes next could not be told apart.
            self._transport.abort()
            return
        if self._good[status]:
            self._record_good(self.due, sent, now)
            self.served = True
        else:
            self._recorder.failed(
                f"expected status {self._exchange.wanted}, got {status}", now, self._answer_bytes()
            )
        self._next(now)

    def _next(self, now: int) -> None:
        if self._seen is not None:
            self._seen = None
        if self._extra:
            self._transport.abort()
        elif self._keep_alive:
            self._owner.free(self, now)
        else:
            self._transport.close()

    def _fail(self, cause: str) -> None:
        """The request that is out failed, and the connection with it."""
        if self.sent:
            self.sent = 0
            self._recorder.failed(cause, perf_counter_ns(), bytes(self._seen or b""))
        self._transport.abort()

    # answers in pieces

    def _keep(self, data: bytes) -> None:
        if self._seen is None:
            self._seen = bytearray()
        if len(self._seen) < HEAD_LIMIT:
            self._seen += data[: HEAD_LIMIT - len(self._seen)]

    def _after_piece(self) -> None:
        if self._seen is not None and len(self._seen) >= HEAD_LIMIT and b"\r\n\r\n" not in self._seen:
            self._fail(f"{Cause.PROTOCOL}: the head of the answer is longer than {HEAD_LIMIT >> 10} KiB")

    def _answer_bytes(self) -> bytes:
        return self._data if self._seen is None else bytes(self._seen) + self._data

    def _lost(self, exc: Exception | None) -> None:
        """The connection closed while a request was out."""
        seen = bytes(self._seen or b"")
        truncated = isinstance(exc, TruncatedError)
        if truncated:
            exc = None
        if isinstance(exc, ssl.SSLError):
            self._fail(f"{Cause.TLS}: {tls_words(exc)}")
        elif not seen:
            how = "closed" if exc is None else "reset"
            self._fail(f"{Cause.RESET}: {how} without an answer")
        elif exc is not None:
            self._fail(f"{Cause.RESET}: in the middle of the answer")
        elif (head := read_head(seen)) is None:
            self._fail(f"{Cause.PROTOCOL}: closed in the middle of the head of the answer")
        elif head.ends_with_connection and truncated:
            self._fail(f"{Cause.TLS}: closed without close_notify, so the body may have been cut")
        elif head.ends_with_connection:
            self._status, self._keep_alive, self._data, self._seen = head.status, False, seen, None
            self._answered(perf_counter_ns())
        else:
            self._fail(f"{Cause.SHORT_BODY}: closed before the answer was complete")

    def _new_parser(self) -> None:
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data


class HeadConnection(Connection):
    """For HEAD: an answer ends with its head, whatever length it announces."""

    __slots__ = ()

    def on_message_complete(self) -> None:
        pass

    def on_headers_complete(self) -> None:
        Connection.on_message_complete(self)

    def on_body(self, body: bytes) -> None:
        self._extra = True

    def _next(self, now: int) -> None:
        # The parser waits for a body that never comes.
        self._new_parser()
        Connection._next(self, now)


class CheckingConnection(Connection):
    """Keeps headers and body of an answer, within bounds, and asks the expectation."""

    __slots__ = ("_body", "_check", "_headers", "_headers_size", "_size")

    def __init__(self, exchange: Exchange, recorder: Recorder, owner: Owner) -> None:
        Connection.__init__(self, exchange, recorder, owner)
        if exchange.check is None:
            raise ValueError("a checking connection needs an expectation")
        self._check = exchange.check.check
        self._forget()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_size += len(name) + len(value)
        if self._headers_size <= HEAD_LIMIT:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if 100 <= self._parser.get_status_code() < 200:
            self._headers.clear()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= BODY_LIMIT:
            self._body.append(body)

    def _after_piece(self) -> None:
        if self._too_large():
            self._fail(f"{Cause.TOO_LARGE}: more than {BODY_LIMIT >> 20} MiB")
        else:
            Connection._after_piece(self)

    def _answered(self, now: int) -> None:
        if not self.sent:
            Connection._answered(self, now)
            return
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        failures = self._failures(status, (now - sent) / 1e9)
        if failures:
            self._recorder.failed("; ".join(failures), now, self._answer_bytes())
        else:
            self._record_good(self.due, sent, now)
            self.served = True
        self._forget()
        self._next(now)

    def _failures(self, status: int, elapsed: float) -> tuple[str, ...]:
        if self._too_large():
            return (f"{Cause.TOO_LARGE}: more than {BODY_LIMIT >> 20} MiB",)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        url = self._exchange.url
        headers = tuple(self._headers)
        try:
            body = decoded(header(headers, "content-encoding") or "", body, BODY_LIMIT)
        except TooLargeError:
            return (f"{Cause.TOO_LARGE}: more than {BODY_LIMIT >> 20} MiB",)
        except ContentError as error:
            return (f"{Cause.PROTOCOL}: {error}",)
        return self._check(HttpReply(status=status, headers=headers, body=body, elapsed=elapsed, url=url))

    def _too_large(self) -> bool:
        return self._size > BODY_LIMIT or self._headers_size > HEAD_LIMIT

    def _forget(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._headers_size = 0
        self._body: list[bytes] = []
        self._size = 0


class CheckingHeadConnection(CheckingConnection):
    """For HEAD with an expectation on headers."""

    __slots__ = ()

    def on_message_complete(self) -> None:
        pass

    def on_headers_complete(self) -> None:
        CheckingConnection.on_headers_complete(self)
        Connection.on_message_complete(self)

    def on_body(self, body: bytes) -> None:
        self._extra = True

    def _next(self, now: int) -> None:
        self._new_parser()
        Connection._next(self, now)


def connection_class(method: str, exchange: Exchange) -> type[Connection]:
    """The leanest class that can judge the answers."""
    match method.upper() == "HEAD", exchange.check is not None:
        case True, True:
            return CheckingHeadConnection
        case True, False:
            return HeadConnection
        case False, True:
            return CheckingConnection
        case _:
            return Connection


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    ends_with_connection: bool
    """No length was announced and it is not chunked, so the end of the connection ends the body."""


def read_head(seen: bytes) -> Head | None:
    """The head of the last answer in some bytes; None when it is not complete.

    Reads it a second time with a parser that looks at headers, which answers that come in one piece do
    without (RFC 9112, 6.3).
    """
    reader = _HeadReader()
    try:
        reader.parser.feed_data(seen)
    except (HttpParserError, HttpParserUpgrade):
        return None
    return reader.head


class _HeadReader:
    def __init__(self) -> None:
        self.head: Head | None = None
        self._names: dict[str, str] = {}
        self.parser = HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self._names = {}
        self.head = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._names[name.decode("latin-1").lower()] = value.decode("latin-1").lower()

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:
            return
        coding = self._names.get("transfer-encoding", "")
        chunked = coding.rpartition(",")[2].strip() == "chunked"
        length = "content-length" in self._names and not coding
        self.head = Head(status, not chunked and not length)
