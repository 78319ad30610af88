"""A connection that journeys are made over, one request after the other."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from phasegate.base.facts import Code, Message, fact, joined
from phasegate.http.expectations.expectation import is_of_answer
from phasegate.http.messages.content import too_large
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.checking import KeepingConnection
from phasegate.load.http1.connection import LoadConnection, LoadExchange, Owner, no_answer, overdue
from phasegate.load.journeys.journey import UnfitError
from phasegate.load.journeys.visit import Itinerary, Visit
from phasegate.model.histogram import NANOSECONDS
from phasegate.wire.connection import Connection
from phasegate.world import Cause

_REST = 0.01
"""Seconds until the connection is free again after a journey that could not be begun."""


class JourneyConnection(KeepingConnection):
    """`sent` is 0 while no request is out; `due` is that of the journey."""

    __slots__ = ("_body", "_itinerary", "_size", "_visit")

    def __init__(
        self, exchange: LoadExchange, recorder: Recorder, owner: Owner, itinerary: Itinerary
    ) -> None:
        LoadConnection.__init__(self, exchange, recorder, owner)
        self._itinerary = itinerary
        self._visit: Visit | None = None
        self._forget()

    @property
    def unfinished(self) -> Visit | None:
        """The journey that goes on over another connection, when the target has closed this one."""
        return self._visit if self.closing and not self.sent else None

    def send(self, due: int, now: int) -> None:
        visit = self._itinerary.next()
        visit.due = due
        visit.began = now
        self.go_on(visit, now)

    def go_on(self, visit: Visit, now: int) -> None:
        """Send the next request of a journey, or leave it to another connection if this one has ended."""
        self._visit = visit
        self.due = visit.due
        # Of a request that is sent again, or redirected, the first sending counts, whatever connection the
        # rest goes over.
        visit.sent = visit.sent or now
        if self.answers and not self.takes(now, idempotent=visit.request.idempotent):
            self._transport.abort()
            return
        self.sent = visit.sent
        try:
            request = visit.compose()
        except UnfitError as error:
            # The load model that has just called must not be called back before it returns.
            asyncio.get_running_loop().call_later(_REST, self._unsent, visit, error.message)
        else:
            self._recorder.asked += 1
            self._write(request)

    def _unsent(self, visit: Visit, why: Message) -> None:
        if self._visit is visit and self.sent:
            now = perf_counter_ns()
            self.sent = 0
            self._visit = None
            visit.failed(self._recorder, fact(Code.NOT_SENT, why=why), now)
            self._owner.free(self, now)

    @property
    def began(self) -> int:
        """When the first request of the journey was sent; 0 without one."""
        return self._visit.began if self._visit is not None else 0

    def expire_journey(self, seconds: float) -> None:
        """The journey has had that much time after the end of the load."""
        self._fail(Cause.TIMEOUT, fact(Code.JOURNEY_OVERDUE, limit=float(seconds)))

    def give_up(self) -> bool:
        self._visit = None
        return LoadConnection.give_up(self)

    # httptools

    def on_headers_complete(self) -> None:
        if self._in_head and 100 <= self._parser.get_status_code() < 200:
            self._headers.clear()
        elif self._in_head:
            self._in_head = False
            if self._is_head:
                self._head_complete()

    def on_body(self, body: bytes) -> None:
        if self._is_head:
            self._extra = True
        visit = self._visit
        if visit is not None and visit.request.reads_body and not self._status:
            self._size += len(body)
            if self._size <= self._exchange.max_body:
                self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._is_head:
            Connection.on_message_complete(self)

    @property
    def _is_head(self) -> bool:
        return self._visit is not None and self._visit.request.head_only

    # the end of an exchange

    def sends_again(self) -> bool:
        again = self._visit is not None and self._visit.request.idempotent
        self._recorder.sent_again += again
        return again

    def on_answer(self, now: int) -> None:
        visit = self._visit
        assert visit is not None, "an answer to a request of no journey"
        status, self._status = self._status, 0
        sent, self.sent = self.sent, 0
        self._heed(status, has_body=visit.request.has_body)
        failures = self._failures(visit, status, (now - sent) / NANOSECONDS)
        if visit.request.head_only:
            # The parser waits for a body that never comes.
            self._new_parser()
        if failures:
            cause, wrong = joined(*failures), is_of_answer(failures)
            answer, asked = self._answer_bytes(), visit.compose()
            visit.failed(self._recorder, cause, now, answer, asked, wrong=wrong)
            over = True
        elif status in visit.request.follow:
            over = False
        else:
            over = visit.good(self._recorder, sent, now)
            self.served = self.served or over
        self._forget()
        if over:
            self._visit = None
            self._next(now)
        elif self._keep_alive and not self._extra:
            self._seen = None
            self.go_on(visit, now)
        else:
            self._transport.abort() if self._extra else self._transport.close()

    def _failures(self, visit: Visit, status: int, elapsed: float) -> tuple[Message, ...]:
        if problem := self._too_large():
            return (no_answer(*problem),)
        limit = visit.request.limit
        if limit is not None and elapsed > limit:
            return (no_answer(Cause.TIMEOUT, overdue(limit)),)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return visit.take_in(status, tuple(self._headers), body, elapsed, self._exchange.max_body)

    def on_failure(self, cause: Cause, detail: Message) -> None:
        """The request that is out failed, and the journey with it."""
        visit, self._visit = self._visit, None
        if visit is not None:
            answer = bytes(self._seen or b"")
            visit.failed(self._recorder, no_answer(cause, detail), perf_counter_ns(), answer, visit.compose())

    def _too_large(self) -> tuple[Cause, Message] | None:
        limit = self._exchange.max_body
        large = (Cause.TOO_LARGE, too_large(limit)) if self._size > limit else None
        return KeepingConnection._too_large(self) or large

    def _forget(self) -> None:
        KeepingConnection._forget(self)
        self._body: list[bytes] = []
        self._size = 0
