"""One place on an HTTP/2 connection: a request at a time, each on a stream of its own, each answer judged.

To a load model a lane is what a connection is in HTTP/1.1. When the target asks for a new connection before
it has looked at a request, the lane takes the request there, and its clock runs on.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import Protocol

from phasegate.base.facts import Code, Message, fact, joined
from phasegate.http.expectations.expectation import is_of_answer
from phasegate.http.messages.content import TooLargeError
from phasegate.http.messages.redirect import REDIRECTS
from phasegate.load.counting.recorder import ANSWER_KEPT, Recorder
from phasegate.load.http1.checking import ANSWER_PATIENCE, body_too_large, reply_of
from phasegate.load.http1.connection import LoadExchange, Owner, no_answer, overdue
from phasegate.world import Cause

Fields = tuple[tuple[bytes, bytes], ...]


class Link(Protocol):
    """The connection that a lane is on."""

    @property
    def takes(self) -> bool:
        """Whether it takes new requests."""

    def submit(self, lane: Lane) -> bool:
        """Send the request on a stream of its own; False when the connection has just come to its end."""

    def leave(self, lane: Lane, *, keep: bool) -> None:
        """Cancel what the lane has out. `keep`: the connection stays open although nobody is on it."""

    def drain(self) -> None:
        """Take nothing new, and close when what is out has ended."""


class Carrier(Protocol):
    """What finds another connection for a lane."""

    def carry(self, lane: Lane) -> None: ...


class Lane:
    """Moments are `perf_counter_ns`. `sent` is 0 while no request is out."""

    __slots__ = (
        "_body",
        "_carrier",
        "_exchange",
        "_gone",
        "_headers",
        "_kept",
        "_length",
        "_link",
        "_owner",
        "_reads_body",
        "_recorder",
        "_size",
        "_status",
        "carried",
        "due",
        "sent",
        "served",
        "stream",
    )

    _headers: Fields

    def __init__(self, exchange: LoadExchange, recorder: Recorder, owner: Owner, carrier: Carrier) -> None:
        self._exchange = exchange
        self._recorder = recorder
        self._owner = owner
        self._carrier = carrier
        self._link: Link | None = None
        self._gone = False
        self._reads_body = exchange.check is not None and exchange.check.reads_body
        self._kept = exchange.max_body if self._reads_body else ANSWER_KEPT
        """Bytes of a body that are kept."""
        self.due = 0
        self.sent = 0
        self.served = False
        """Whether it ever brought a good answer."""
        self.stream = 0
        """Of the request that is out."""
        self.carried = False
        """Whether the request that is out was taken to another connection."""
        self._forget()

    # for the load model

    def send(self, due: int, now: int) -> None:
        self.due = due
        self.sent = now
        self._go()

    @property
    def closing(self) -> bool:
        """It takes no request any more, and `gone` is about to be called."""
        return self._gone

    def close(self) -> None:
        self._leave(keep=False)

    def expire(self) -> None:
        """The request that is out has had its time; whether the connection still works is not known."""
        link = self._link
        self.fail(no_answer(Cause.TIMEOUT, overdue(self._exchange.timeout, answering=self.answering)))
        if link is not None:
            link.drain()

    def give_up(self) -> bool:
        """Forget the request that is out, if any, without counting it."""
        out, self.sent = bool(self.sent), 0
        self._leave(keep=False)
        return out

    # for the connection

    def join(self, link: Link) -> None:
        """Be on a connection, and send there what was not sent yet."""
        self._link = link
        self.stream = 0
        if self.sent:
            self._go()

    @property
    def answering(self) -> bool:
        """The head of the answer has come."""
        return self._status > 0

    @property
    def short(self) -> bool:
        """Less of the body has come than `content-length` says."""
        lengths = (int(value) for name, value in self._headers if name == b"content-length")
        return self._size < next(lengths, 0)

    def head_came(self, headers: Fields) -> None:
        self._status = int(headers[0][1])
        self._headers = headers

    def data_came(self, data: bytes) -> None:
        if self._size < self._kept:
            self._body.append(data)
        self._size += len(data)
        if self._reads_body and self._size > self._kept:
            self.fail(body_too_large(self._kept))

    def ended(self, now: int) -> None:
        """The answer is complete."""
        status, sent, self.sent = self._status, self.sent, 0
        self.stream = 0
        if status in REDIRECTS:
            self._recorder.redirects += 1
        if self._exchange.check is not None:
            failures = self._failures(status, (now - sent) / 1e9)
        elif self._exchange.good[status]:
            failures = ()
        else:
            failures = (self._exchange.wrong_status(status),)
        if failures:
            wrong = is_of_answer(failures)
            self._recorder.failed(joined(*failures), now, self._answer_bytes(), wrong=wrong)
        else:
            self._recorder.good(self.due, sent, now)
            self.served = True
        self._forget()
        if self._link is not None and self._link.takes:
            self._owner.free(self, now)
        else:
            self._leave(keep=True)

    def refused(self) -> None:
        """The target has asked for another connection and has not looked at the request (RFC 9113, 6.8)."""
        if not self.sent:
            return
        if self.carried:
            self.fail(no_answer(Cause.RESET, fact(Code.SENT_TWICE)))
        else:
            self.carried = True
            self._move()

    def fail(self, cause: Message) -> None:
        """The request that is out failed; others on the connection go on."""
        if self.sent:
            self.sent = 0
            self._recorder.failed(cause, perf_counter_ns(), self._answer_bytes())
        self._leave(keep=True)

    def retire(self) -> None:
        """The connection takes nothing new; with nothing out, this is the end."""
        if not self.sent:
            self._leave(keep=True)

    def _go(self) -> None:
        if self._link is None or not self._link.takes or not self._link.submit(self):
            self._move()

    def _move(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.leave(self, keep=True)
        self._carrier.carry(self)

    def _leave(self, *, keep: bool) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.leave(self, keep=keep)
        if not self._gone:
            self._gone = True
            # The load model that may have just called must not be called back before it returns.
            asyncio.get_running_loop().call_soon(self._owner.gone, self)

    def _failures(self, status: int, elapsed: float) -> tuple[Message, ...]:
        check = self._exchange.check
        if check is None:
            return ()
        exchange, body = self._exchange, b"".join(self._body) if self._reads_body else b""
        try:
            reply = reply_of(
                status,
                self._headers[1:],
                body,
                elapsed,
                exchange.url,
                limit=exchange.max_body,
                http_version="HTTP/2",
            )
        except TooLargeError:
            return (body_too_large(exchange.max_body),)
        return check.check(reply, patience=ANSWER_PATIENCE)

    def _answer_bytes(self) -> bytes:
        if not self._status:
            return b""
        head = b"".join(b"%s: %s\r\n" % (name, value) for name, value in self._headers[1:])
        return b"HTTP/2 %d\r\n%s\r\n%s" % (self._status, head, b"".join(self._body)[:ANSWER_KEPT])

    def _forget(self) -> None:
        self._status = 0
        self._headers = ()
        self._body: list[bytes] = []
        self._size = 0
        self.carried = False
