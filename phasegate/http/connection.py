"""A connection of the HTTP client: one request at a time, the answer kept whole, within bounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.http.messages.content import Content, ContentError, TooLargeError, too_large
from phasegate.http.messages.header_lines import join_lines, text_headers
from phasegate.wire.connection import HEAD_LIMIT, HEAD_TOO_LONG, IDEMPOTENT, REFUSED, Connection
from phasegate.world import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request as it goes out, and what of its answer is kept."""

    data: bytes
    method: str
    has_body: bool
    keep: int | None
    """See `world.HttpRequest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    version: str
    fields: tuple[tuple[bytes, bytes], ...]
    """The header lines as they came."""
    body: bytes
    unreadable: Message
    """Why `body` is nothing to look at; empty where it is."""
    ended: int
    """When its last byte had come, by `perf_counter_ns`."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    cause: Cause
    detail: Message


class Owner(Protocol):
    """Whoever opened a connection."""

    def free(self, connection: ClientConnection) -> None:
        """It can take another request."""

    def gone(self, connection: ClientConnection) -> None:
        """It is closed."""


class ClientConnection(Connection):
    """`ask` sends a request; what comes of it is in the future that `ask` gives back."""

    __slots__ = ("_content", "_fields", "_fields_size", "_in_head", "_outcome", "_owner", "_question", "key")

    _question: Question
    _content: Content | None
    _in_head: bool
    _outcome: asyncio.Future[Answer | NoAnswer | None]

    def __init__(self, owner: Owner, key: object) -> None:
        """`key`: what connections are alike in that can stand in for each other."""
        Connection.__init__(self)
        self._owner = owner
        self.key = key
        self._forget()

    def ask(self, question: Question, now: int) -> asyncio.Future[Answer | NoAnswer | None]:
        """None in the future: the connection had ended before the target had the request, which may go over
        another one."""
        self._question = question
        self._outcome = asyncio.get_running_loop().create_future()
        if self.closing:
            self._settle(NoAnswer(Cause.RESET, fact(Code.ENDED, how="unused")))
        else:
            self.sent = now
            self._write(question.data)
        return self._outcome

    def abort(self) -> None:
        """End it, whatever is under way."""
        self.sent = 0
        self._transport.abort()

    @property
    def answering(self) -> bool:
        """A part of an answer has come."""
        return self._seen is not None

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        # What trails a chunked body is not a header of the answer (RFC 9110, 6.5.1).
        if self._in_head:
            self._fields_size += len(name) + len(value)
            if self._fields_size <= HEAD_LIMIT:
                self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if not self._in_head:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._fields.clear()
            return
        self._in_head = False
        coding = join_lines(text_headers(self._fields), "content-encoding")
        self._content = Content(coding, self._question.keep)
        if self._is_head:
            self._head_complete()

    def on_body(self, body: bytes) -> None:
        if self._is_head:
            self._extra = True
        elif self._content is not None and not self._status:
            try:
                self._content.add(body)
            except TooLargeError:
                self._content = None

    def on_message_complete(self) -> None:
        if not self._is_head:
            Connection.on_message_complete(self)

    @property
    def _is_head(self) -> bool:
        return self._question.method == "HEAD"

    # the end of an exchange

    def on_answer(self, now: int) -> None:
        status, self._status = self._status, 0
        self.sent = 0
        self._settle(self._problem() or self._answer_of(status, now))
        if self._question.method == "HEAD":
            # The parser waits for a body that never comes.
            self._new_parser()
        refused = status >= REFUSED and self._question.has_body
        unsent = self._transport.get_write_buffer_size() > 0
        self._seen = None
        self._forget()
        if self._extra or unsent:
            self._transport.abort()
        elif self._keep_alive and not refused:
            self._owner.free(self)
        else:
            self._transport.close()

    def on_failure(self, cause: Cause, detail: Message) -> None:
        if cause is Cause.SHORT_BODY and self._content is not None:
            detail = self._shortness()
        self._settle(NoAnswer(cause, detail))

    def sends_again(self) -> bool:
        if self._question.method not in IDEMPOTENT:
            return False
        self._settle(None)
        return True

    def on_end(self) -> None:
        self._owner.gone(self)

    def _after_piece(self) -> None:
        if self.sent and (problem := self._problem()):
            self._fail(problem.cause, problem.detail)

    def _problem(self) -> NoAnswer | None:
        if self._fields_size > HEAD_LIMIT:
            return NoAnswer(Cause.PROTOCOL, HEAD_TOO_LONG)
        if not self._in_head and self._content is None:
            return self._too_large()
        return None

    def _too_large(self) -> NoAnswer:
        return NoAnswer(Cause.TOO_LARGE, too_large(self._question.keep or 0))

    def _answer_of(self, status: int, now: int) -> Answer | NoAnswer:
        assert self._content is not None, "an answer without a head"
        body = b""
        unreadable: Message = ""
        try:
            body = self._content.finish()
        except TooLargeError:
            return self._too_large()
        except ContentError as error:
            unreadable = error.message
        return Answer(
            status=status,
            version=self._parser.get_http_version(),
            fields=tuple(self._fields),
            body=body,
            unreadable=unreadable,
            ended=now,
        )

    def _shortness(self) -> Fact:
        received = self._content.received if self._content is not None else 0
        length = next((value for name, value in self._fields if name.lower() == b"content-length"), None)
        return fact(Code.BODY_CUT, n=received, total=None if length is None else int(length))

    def _settle(self, outcome: Answer | NoAnswer | None) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def _forget(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._fields_size = 0
        self._in_head = True
        self._content = None
