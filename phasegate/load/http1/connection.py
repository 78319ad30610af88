"""The load engine's connection: it sends the same request again and again and judges each answer.

`LoadConnection` looks at the status only: the parser calls it once an answer, and nothing of an answer is
copied; how a body is encoded does not matter to it. `HeadConnection` knows that the answer to HEAD ends with
its head. `checking` has those that keep more of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Protocol

from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.http.expectations.expectation import wrong_status
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.messages.redirect import REDIRECTS
from phasegate.load.counting.recorder import Recorder
from phasegate.wire.connection import IDEMPOTENT, REFUSED, Connection
from phasegate.world import Cause, HttpReply


class Check(Protocol):
    """What `phasegate.http.expectations.expectation.Expectation` does for a reply."""

    @property
    def reads_body(self) -> bool: ...

    def check(self, reply: HttpReply, *, patience: float = ...) -> tuple[Message, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadExchange:
    """What is sent and what is expected, the same for every connection of a worker."""

    request: bytes
    url: str
    timeout: float
    good: bytes
    """1 at the index of each status (0 to 999) that is a good answer."""
    method: str = "GET"
    wanted: tuple[str, ...] = ("2xx",)
    check: Check | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()
    """In HTTP/2: what is sent in place of `request`, before `body`."""
    body: bytes | None = None
    max_body: int = MAX_BODY
    """Bytes of a body that an expectation or capture looks at."""
    plain: bytes = field(init=False, repr=False)
    """`good` without the answers that need a second look: redirects, and what refuses a body."""
    idempotent: bool = field(init=False, repr=False)
    _wrong: dict[int, Fact] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        plain = bytearray(self.good)
        for status in (*REDIRECTS, *(range(REFUSED, len(plain)) if self.body else ())):
            plain[status] = 0
        object.__setattr__(self, "plain", bytes(plain))
        object.__setattr__(self, "idempotent", self.method in IDEMPOTENT)

    def wrong_status(self, status: int) -> Fact:
        """Why an answer with a status is not good: the same object each time."""
        if status not in self._wrong:
            self._wrong[status] = wrong_status(self.wanted, status)
        return self._wrong[status]


def no_answer(cause: Cause, why: Message) -> Fact:
    """Why a request got no usable answer."""
    return fact(Code.OF_CAUSE, cause=cause.value, why=why)


def overdue(limit: float, *, answering: bool = False) -> Fact:
    """What had not come after `limit` seconds; `answering`: an answer had begun."""
    return fact(Code.ANSWER_UNENDED if answering else Code.ANSWER_OVERDUE, limit=float(limit))


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that met the end of an idle connection. It is sent again over another; its clock runs on."""

    due: int
    sent: int


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

    def close(self) -> None: ...

    def expire(self) -> None:
        """The request that is out has had its time."""

    def give_up(self) -> bool:
        """Forget the request that is out, if any, without counting it."""


class Owner(Protocol):
    """The load model that a channel works for."""

    def free(self, connection: Channel, now: int) -> None:
        """The answer has come and the channel can take the next request."""

    def gone(self, connection: Channel) -> None:
        """The channel is closed, by either side."""


class LoadConnection(Connection):
    """Moments are `perf_counter_ns`. `sent` is 0 while no request is out."""

    __slots__ = (
        "_exchange",
        "_owner",
        "_plain",
        "_record_good",
        "_recorder",
        "_request",
        "_watchful",
        "due",
        "served",
        "unanswered",
    )

    def __init__(self, exchange: LoadExchange, recorder: Recorder, owner: Owner) -> None:
        Connection.__init__(self)
        self._exchange = exchange
        self._request = exchange.request
        self._plain = exchange.plain
        self._recorder = recorder
        self._record_good = recorder.good
        self._owner = owner
        self._watchful = not exchange.idempotent
        """Whether the socket is asked before each sending, as the request cannot be sent again."""
        self.due = 0
        self.served = False
        """Whether it ever brought a good answer."""
        self.unanswered: Unanswered | None = None
        """The request that it leaves to another connection."""

    def send(self, due: int, now: int) -> None:
        self.due = due
        if self._watchful and self.answers and not self.takes(now, idempotent=False):
            self.send_again(Unanswered(due, now))
            return
        self.sent = now
        self._write(self._request)

    def send_again(self, request: Unanswered) -> None:
        """Send a request that another connection left, or leave it to the next if this one has ended."""
        if self.answers and not self.takes(perf_counter_ns(), idempotent=not self._watchful):
            self.unanswered = request
            self._transport.abort()
            return
        self.due, self.sent = request.due, request.sent
        self._write(self._request)

    def expire(self) -> None:
        """The request that is out has had its time."""
        self._fail(Cause.TIMEOUT, overdue(self._exchange.timeout, answering=bool(self._seen)))

    def give_up(self) -> bool:
        """Forget the request that is out, if any, without counting it."""
        out, self.sent = bool(self.sent), 0
        self._transport.abort()
        return out

    def on_end(self) -> None:
        self._owner.gone(self)

    def sends_again(self) -> bool:
        if not self._exchange.idempotent:
            return False
        self.unanswered = Unanswered(self.due, self.sent)
        self._recorder.sent_again += 1
        return True

    def on_answer(self, now: int) -> None:
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        if self._plain[status]:
            self._record_good(self.due, sent, now)
            self.served = True
        else:
            self._look_at(status, sent, now)
        self._next(now)

    def _look_at(self, status: int, sent: int, now: int) -> None:
        """A redirect, good or not, what refuses a body, or another status that is not good."""
        self._heed(status, has_body=bool(self._exchange.body))
        if self._exchange.good[status]:
            self._record_good(self.due, sent, now)
            self.served = True
        else:
            self._recorder.failed(self._exchange.wrong_status(status), now, self._answer_bytes(), wrong=True)

    def _heed(self, status: int, *, has_body: bool) -> None:
        """Count a redirect, and trust no connection over which a body was refused."""
        if status in REDIRECTS:
            self._recorder.redirects += 1
        if status >= REFUSED and has_body:
            self._keep_alive = False

    def _next(self, now: int) -> None:
        if self._seen is not None:
            self._seen = None
        if self._extra:
            self._transport.abort()
        elif self._keep_alive:
            self._owner.free(self, now)
        else:
            self._transport.close()

    def on_failure(self, cause: Cause, detail: Message) -> None:
        self._recorder.failed(no_answer(cause, detail), perf_counter_ns(), bytes(self._seen or b""))


class HeadConnection(LoadConnection):
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
        LoadConnection._next(self, now)
