"""One HTTP/1.1 connection that sends the same request again and again and judges each answer.

`Connection` looks at the status only: the parser calls it once an answer, and nothing of an answer is copied;
how a body is encoded does not matter to it. `HeadConnection` knows that the answer to HEAD ends with its
head. `checking` has those that keep more of an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from phasegate.http.content import MAX_BODY
from phasegate.http.redirect import REDIRECTS
from phasegate.load.answer_head import read_head
from phasegate.load.recorder import Recorder
from phasegate.load.tls import TruncatedError, tls_words
from phasegate.units import format_seconds
from phasegate.world import Cause, HttpReply

HEAD_LIMIT = 64 << 10
"""Bytes of the head of an answer; also what is kept of an answer that comes in pieces."""
HEAD_TOO_LONG = f"{Cause.PROTOCOL}: the head of the answer is longer than {HEAD_LIMIT >> 10} KiB"
_HEAD_END = b"\r\n\r\n"


class Check(Protocol):
    """What `phasegate.http.expectation.Expectation` does for a reply."""

    @property
    def reads_body(self) -> bool: ...

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
    fields: tuple[tuple[bytes, bytes], ...] = ()
    """In HTTP/2: what is sent in place of `request`, before `body`."""
    body: bytes | None = None
    max_body: int = MAX_BODY
    """Bytes of a body that an expectation or capture looks at."""
    plain: bytes = field(init=False, repr=False)
    """`good` without redirects: the answers that need no second look."""

    def __post_init__(self) -> None:
        plain = bytearray(self.good)
        for status in REDIRECTS:
            plain[status] = 0
        object.__setattr__(self, "plain", bytes(plain))


class Channel(Protocol):
    """What takes one request at a time: a connection in HTTP/1.1, a lane of one in HTTP/2.

    Moments are `perf_counter_ns`. `sent` is 0 while no request is out, `due` when that was due.
    """

    due: int
    sent: int
    served: bool
    """Whether it ever brought a good answer."""

    def send(self, due: int, now: int) -> None: ...

    @property
    def closing(self) -> bool:
        """It takes no request any more, and `gone` is about to be called."""
        ...

    def close(self) -> None: ...

    def expire(self) -> None:
        """The request that is out has had its time."""
        ...

    def give_up(self) -> bool:
        """Forget the request that is out, if any, without counting it."""
        ...


class Owner(Protocol):
    """The load model that a channel works for."""

    def free(self, connection: Channel, now: int) -> None:
        """The answer has come and the channel can take the next request."""
        ...

    def gone(self, connection: Channel) -> None:
        """The channel is closed, by either side."""
        ...


class Connection(asyncio.Protocol):
    """Moments are `perf_counter_ns`. `sent` is 0 while no request is out."""

    __slots__ = (
        "_data",
        "_exchange",
        "_extra",
        "_feed",
        "_keep_alive",
        "_owner",
        "_parser",
        "_plain",
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
        self._plain = exchange.plain
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
        if (self._seen is not None or len(data) > HEAD_LIMIT) and self._head_too_long(data):
            self._keep(data)
            self._fail(HEAD_TOO_LONG)
            return
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

    def _head_complete(self) -> None:
        """The answer to HEAD ends here; without a length the parser takes it for one that ends with the
        connection."""
        Connection.on_message_complete(self)
        if self._status and not self._keep_alive:
            head = read_head(self._answer_bytes())
            self._keep_alive = head is not None and head.keeps_alive

    # the end of an exchange

    def _answered(self, now: int) -> None:
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        if not sent:
            # An answer that nobody asked for: what comes next could not be told apart.
            self._transport.abort()
            return
        if self._plain[status]:
            self._record_good(self.due, sent, now)
            self.served = True
        else:
            self._looked_at(status, sent, now)
        self._next(now)

    def _looked_at(self, status: int, sent: int, now: int) -> None:
        """A redirect, good or not, or another status that is not good."""
        if status in REDIRECTS:
            self._recorder.redirects += 1
        if self._exchange.good[status]:
            self._record_good(self.due, sent, now)
            self.served = True
        else:
            self._recorder.failed(
                f"expected status {self._exchange.wanted}, got {status}", now, self._answer_bytes()
            )

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

    def _head_too_long(self, data: bytes) -> bool:
        """Whether no head ends within the limit; the same for every way in which an answer is cut up."""
        seen = self._seen or b""
        room = HEAD_LIMIT - len(seen)
        if len(data) < room or _HEAD_END in seen:
            return False
        return _HEAD_END not in seen[-len(_HEAD_END) + 1 :] + data[:room]

    def _after_piece(self) -> None:
        """A part of an answer has come."""

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
        self._head_complete()

    def on_body(self, body: bytes) -> None:
        self._extra = True

    def _next(self, now: int) -> None:
        # The parser waits for a body that never comes.
        self._new_parser()
        Connection._next(self, now)
