"""One HTTP/1.1 connection: a request at a time, each answer read strictly.

Everything whose answer or time is judged goes over it: health and api checks, the probes of faults, and the
load engine. What comes of an answer is for the classes that build on it: see `on_answer`, `on_failure` and
`on_end`.

The reading is strict: an answer with two lengths, bare line feeds, folded header lines or a version other
than HTTP/1.0 and HTTP/1.1 is a protocol error.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
from time import perf_counter_ns
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from phasegate.base.facts import Code, Figure, Message, fact
from phasegate.base.units import Dimension
from phasegate.wire.answer_head import read_head
from phasegate.wire.tls import TruncatedError, tls_words
from phasegate.world import Cause

HEAD_LIMIT = 64 << 10
"""Bytes of the head of an answer; also what is kept of an answer that comes in pieces."""
HEAD_TOO_LONG = fact(Code.HEAD_TOO_LONG, limit=Figure(HEAD_LIMIT, Dimension.SIZE))
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods whose request may be sent again when an idle connection ends under it (RFC 9110, 9.2.2)."""
REFUSED = 400
"""From this status on, the target may have left the body of the request unread, so the connection ends."""
IDLE_NS = 50_000_000
"""Nanoseconds without a request after which a connection is idle: targets end such connections."""
_HEAD_END = b"\r\n\r\n"
_START = b"HTTP/1."
_NOT_HTTP1 = fact(Code.NOT_HTTP1)
_HAS_ENDED = getattr(select, "POLLRDHUP", 0)
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_ACKED, _WRITTEN, _REPEATED = 120, 200, 208
"""Where `tcpi_bytes_acked`, `tcpi_bytes_sent` and `tcpi_bytes_retrans` stand in it (linux/tcp.h)."""
_RESET = 7
"""`tcpi_state`, its first byte, after a reset: TCP_CLOSE."""
_RESET_WAIT = 0.005
"""Seconds after the end of a connection in which the reset comes that says that a request was not read."""


class Connection(asyncio.Protocol):
    """Moments are `perf_counter_ns`. `sent` is 0 while no request is out."""

    __slots__ = (
        "_data",
        "_extra",
        "_feed",
        "_keep_alive",
        "_parser",
        "_poll",
        "_seen",
        "_status",
        "_transport",
        "_write",
        "answers",
        "idle_since",
        "sent",
    )

    _parser: Any
    _feed: Any

    def __init__(self) -> None:
        self._status = 0
        self._extra = False
        self._keep_alive = False
        self._seen: bytearray | None = None
        """The beginning of an answer that comes in pieces."""
        self._data = b""
        self._poll: select.poll | None = None
        self.answers = 0
        """How many answers it has brought."""
        self.idle_since = 0
        """When the last answer had come."""
        self.sent = 0

    # for those that build on it

    def on_answer(self, now: int) -> None:
        """A whole answer has come: `_status`, `_keep_alive` and `_extra` say how it ended."""
        raise NotImplementedError

    def on_failure(self, cause: Cause, detail: Message) -> None:
        """The request that is out gets no usable answer."""
        raise NotImplementedError

    def sends_again(self) -> bool:
        """Whether a request that met the end of the connection goes over another (RFC 9112, 9.3.1)."""
        return False

    def on_end(self) -> None:
        """The connection is closed, by either side."""

    @property
    def closing(self) -> bool:
        """The target has closed it, and `on_end` is about to be called."""
        return self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Nothing has come since the last answer, neither bytes nor the end of the connection.

        The socket itself is asked: what has arrived there, the event loop may not have seen yet.
        """
        if self._transport.is_closing():
            return False
        if self._poll is None:
            transport = self._transport
            sock = transport.get_extra_info("socket")
            if sock is None:
                return True
            # Over TLS, a server may send session tickets at any time.
            encrypted = transport.get_extra_info("ssl_object") is not None
            self._poll = select.poll()
            self._poll.register(sock.fileno(), _HAS_ENDED if encrypted else _HAS_ENDED | select.POLLIN)
        return not self._poll.poll(0)

    def takes(self, now: int, *, idempotent: bool) -> bool:
        """Whether it may be used for another request, which could not be sent again unless it is idempotent.

        An idle connection may end just as the request is written, as no look at the socket can tell.
        """
        return self.quiet and (idempotent or now - self.idle_since < IDLE_NS)

    def close(self) -> None:
        self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        self._new_parser()

    def data_received(self, data: bytes) -> None:
        if not self.sent:
            # What nobody asked for, a piece of an answer too, would be taken for the next one.
            self._transport.abort()
            return
        whole = self._seen is None and len(data) <= HEAD_LIMIT and data.startswith(_START)
        if not whole and (problem := self._head_problem(data)):
            self._keep(data)
            self._fail(Cause.PROTOCOL, problem)
            return
        self._data = data
        try:
            self._feed(data)
        except HttpParserUpgrade:
            self._keep_alive = False
        except HttpParserError as error:
            if not self._status:
                self._keep(data)
                self._fail(Cause.PROTOCOL, str(error))
                return
            # A whole answer came, and after it something that is none.
            self._extra = True
        if self._status:
            self.answers += 1
            self.idle_since = now = perf_counter_ns()
            self.on_answer(now)
        else:
            self._keep(data)
            self._after_piece()

    def eof_received(self) -> bool:
        """The target has closed its side. Whether ours stays open for a moment."""
        waits = bool(self.sent and self.answers) and self._seen is None and self._has_been_read() is True
        if waits:
            asyncio.get_running_loop().call_later(_RESET_WAIT, self._transport.abort)
        return waits

    def connection_lost(self, exc: Exception | None) -> None:
        if self.sent:
            self._lost(exc)
        # The parser and the connection hold each other.
        self._feed = self._parser = None
        self.on_end()

    # httptools

    def on_message_begin(self) -> None:
        if self._status:
            self._extra = True

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        if not self._status:
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

    def _fail(self, cause: Cause, detail: Message) -> None:
        """The request that is out failed, and the connection with it."""
        if self.sent:
            self.on_failure(cause, detail)
            self.sent = 0
        self._transport.abort()

    # answers in pieces

    def _keep(self, data: bytes) -> None:
        if self._seen is None:
            self._seen = bytearray()
        if len(self._seen) < HEAD_LIMIT:
            self._seen += data[: HEAD_LIMIT - len(self._seen)]

    def _head_problem(self, data: bytes) -> Message:
        """Why the head of the answer cannot be right; the same for every way in which an answer is cut up."""
        seen = self._seen or b""
        if len(seen) < len(_START):
            start = bytes(seen) + data[: len(_START)]
            if not start.startswith(_START) and not _START.startswith(start):
                return _NOT_HTTP1
        room = HEAD_LIMIT - len(seen)
        if len(data) < room or _HEAD_END in seen:
            return ""
        return "" if _HEAD_END in seen[-len(_HEAD_END) + 1 :] + data[:room] else HEAD_TOO_LONG

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
            self._fail(Cause.TLS, tls_words(exc))
        elif not seen:
            if self._is_target_end(exc) and self.sends_again():
                self.sent = 0
            else:
                self._fail(Cause.RESET, fact(Code.ENDED, how="closed" if exc is None else "reset"))
        elif exc is not None:
            self._fail(Cause.RESET, fact(Code.ENDED, how="in_answer"))
        elif (head := read_head(seen)) is None:
            self._fail(Cause.PROTOCOL, fact(Code.ENDED, how="in_head"))
        elif head.ends_with_connection and truncated:
            self._fail(Cause.TLS, fact(Code.ENDED, how="unnotified"))
        elif head.ends_with_connection:
            self._status, self._keep_alive, self._data, self._seen = head.status, False, seen, None
            self.answers += 1
            self.on_answer(perf_counter_ns())
        else:
            self._fail(Cause.SHORT_BODY, fact(Code.ENDED, how="too_soon"))

    def _is_target_end(self, exc: Exception | None) -> bool:
        """Whether the target ended the connection without a look at the request, as far as can be known.

        An idle connection may end at any time. One that was busy has ended so if the target closed it and has
        not read the request; a target that had it and hung up has failed.
        """
        if not self.answers:
            return False
        if self.sent - self.idle_since >= IDLE_NS:
            return True
        return exc is None and self._has_been_read() is False

    def _has_been_read(self) -> bool | None:
        """Whether the target, which has closed the connection, had read all that was sent.

        It had not where its machine did not acknowledge everything, or sent a reset, as it does when a socket
        is closed with something unread in it. None where the system does not say.
        """
        sock = self._transport.get_extra_info("socket")
        if _TCP_INFO is None or sock is None or sock.family == getattr(socket, "AF_UNIX", None):
            return None
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
            acked, written, repeated = (
                struct.unpack_from("=Q", info, place)[0] for place in (_ACKED, _WRITTEN, _REPEATED)
            )
        except (OSError, struct.error):
            return None
        # The opening of the connection counts as one byte acknowledged.
        return bool(acked > written - repeated) and info[0] != _RESET

    def _new_parser(self) -> None:
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
