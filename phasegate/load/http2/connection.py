"""One HTTP/2 connection for several lanes: frames, header compression and flow control by libnghttp2.

Only a load over HTTP/2 imports this module: `ngh2` comes with the extra `http2`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import cast

import ngh2

from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.load.http1.connection import LoadExchange, no_answer
from phasegate.load.http2.lane import Lane
from phasegate.wire.connection import HEAD_LIMIT, HEAD_TOO_LONG
from phasegate.wire.tls import TruncatedError, tls_words
from phasegate.world import Cause

STREAM_WINDOW = 1 << 20
"""Bytes of one answer that the target may send before it hears that they were taken."""
CONNECTION_WINDOW = 16 << 20
_PIECE = 256 << 10
"""Bytes that are framed at a time, so that an upload need not wait in memory twice."""
_SETTINGS = {ngh2.Setting.ENABLE_PUSH: 0, ngh2.Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW}
_CONFIGURATION = ngh2.Configuration(max_inbound_header_list_size=HEAD_LIMIT)
_HEADER_LIST = "header list"


class Http2Connection(asyncio.Protocol):
    """`lost` is told the end of it. `greeted` becomes None when the target has said its settings, or the
    cause why it does not."""

    __slots__ = (
        "_core",
        "_ended",
        "_exchange",
        "_goaway",
        "_lost",
        "_out",
        "_paused",
        "_problem",
        "_transport",
        "_turning",
        "greeted",
        "lanes",
        "takes",
        "used",
    )

    def __init__(self, exchange: LoadExchange, lost: Callable[[Http2Connection], None]) -> None:
        self._exchange = exchange
        self._lost = lost
        self._core = ngh2.Connection(ngh2.Role.CLIENT, _CONFIGURATION)
        self._out: dict[int, Lane] = {}
        """By stream."""
        self._goaway: ngh2.GoAwayReceived | None = None
        self._problem: Fact | None = None
        """What ended the connection, when this side noticed it."""
        self._turning = False
        """Events are being handled: what they make is written after the last of them."""
        self._paused = False
        self._ended = False
        self.greeted: asyncio.Future[Fact | None] = asyncio.get_running_loop().create_future()
        self.lanes: set[Lane] = set()
        self.takes = False
        self.used = False
        """Whether there ever was a lane on it."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._core.initiate_connection(_SETTINGS)
        self._core.set_local_window_size(CONNECTION_WINDOW)
        self._write_out()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if not self.greeted.done() and data.startswith(b"HTTP/1."):
            self._broken(fact(Code.HTTP1_SPOKEN))
            return
        try:
            self._core.receive_data(data)
        except ngh2.DenialOfServiceError as error:
            too_long = _HEADER_LIST in str(error)
            self._broken(HEAD_TOO_LONG if too_long else str(error))
        except ngh2.NGH2Error as error:
            self._broken(str(error))
        else:
            self._turn()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if not self._turning:
            self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self.takes = True, False
        self._greet(self._end_cause(exc, answering=False))
        for lane in tuple(self.lanes):
            lane.fail(self._end_cause(exc, answering=lane.answering))
        self._lost(self)

    # for lanes

    def submit(self, lane: Lane) -> bool:
        body = self._exchange.body
        try:
            stream = self._core.send_request(self._exchange.fields, end_stream=not body)
        except (ngh2.ConnectionClosingError, ngh2.ConnectionStateError, ngh2.NoAvailableStreamIDError):
            # The events that say so are about to be handled.
            self.drain()
            return False
        lane.stream = stream
        self._out[stream] = lane
        if body:
            self._core.send_data(stream, body, end_stream=True)
        if not self._turning:
            self._write_out()
            if events := self._core.events():
                self._soon(lambda: self._turn(events))
        return True

    def leave(self, lane: Lane, *, keep: bool) -> None:
        self.lanes.discard(lane)
        if self._out.pop(lane.stream, None) is not None and not self._ended:
            # Of a stream that has just ended, there is nothing left to cancel.
            with contextlib.suppress(ngh2.NGH2Error):
                self._core.reset_stream(lane.stream, ngh2.ErrorCode.CANCEL)
            self._write_soon()
        if not self.lanes and not (keep and self.takes):
            self.close()

    def drain(self) -> None:
        self.takes = False
        for lane in tuple(self.lanes):
            lane.retire()
        if not self.lanes:
            self.close()

    def add(self, lane: Lane) -> None:
        self.used = True
        self.lanes.add(lane)
        lane.join(self)

    def close(self) -> None:
        if self._ended:
            return
        self.takes = False
        with contextlib.suppress(ngh2.NGH2Error):
            self._core.terminate_connection()
            self._transport.write(self._core.data_to_send())
        self._ended = True
        self._transport.close()

    def abort(self) -> None:
        self.takes, self._ended = False, True
        self._transport.abort()

    # turns: what came is handled, then what that made is written

    def _turn(self, events: Iterable[ngh2.Event] = ()) -> None:
        self._turning = True
        try:
            self._handle(events)
            while not self._ended:
                self._handle(self._core.events())
                if not self._write_out() or self._ended:
                    break
        finally:
            self._turning = False

    def _write_out(self) -> bool:
        """Whether something was written."""
        wrote = False
        try:
            while not self._paused and (piece := self._core.data_to_send(_PIECE)):
                self._transport.write(piece)
                wrote = True
                if len(piece) < _PIECE:
                    break
        except ngh2.NGH2Error as error:
            self._broken(str(error))
        return wrote

    def _write_soon(self) -> None:
        if not self._turning:
            self._soon(self._turn)

    def _soon(self, call: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_soon(call)

    def _handle(self, events: Iterable[ngh2.Event]) -> None:
        for event in events:
            kind = type(event)
            if kind is ngh2.ResponseReceived:
                response = cast("ngh2.ResponseReceived", event)
                if lane := self._out.get(response.stream_id):
                    lane.head_came(response.headers)
                    if response.end_stream:
                        self._finish_answer(response.stream_id, lane)
            elif kind is ngh2.DataReceived:
                piece = cast("ngh2.DataReceived", event)
                if lane := self._out.get(piece.stream_id):
                    lane.data_came(piece.data)
                    if piece.end_stream and lane.sent:
                        self._finish_answer(piece.stream_id, lane)
            elif kind is not ngh2.StreamClosed:
                self._handle_rare(event)
            elif self._out:
                self._close_stream(cast("ngh2.StreamClosed", event))

    def _handle_rare(self, event: ngh2.Event) -> None:
        match event:
            case ngh2.TrailersReceived():
                if lane := self._out.get(event.stream_id):
                    self._finish_answer(event.stream_id, lane)
            case ngh2.StreamReset():
                if lane := self._out.pop(event.stream_id, None):
                    lane.fail(_reset_cause(lane, event.error_code))
            case ngh2.SettingsReceived():
                self._greet(None)
            case ngh2.GoAwayReceived():
                self._goaway = event
                self.drain()
            case ngh2.ConnectionClosed() if event.error_code:
                # Either this side found the target's frames wrong, or the target said so of ours.
                debug = event.debug_data.decode("utf-8", "replace") or _name(event.error_code)
                # Whoever speaks HTTP/2 begins with its settings.
                why = debug if self.greeted.done() else fact(Code.NOT_HTTP2, why=debug)
                self._broken(why, self._goaway_cause())
            case ngh2.ConnectionClosed():
                self._transport.close()

    def _finish_answer(self, stream: int, lane: Lane) -> None:
        del self._out[stream]
        if self._exchange.body and self._core.queued_body_size(stream):
            # The target has said enough; the rest of the upload is for nobody.
            with contextlib.suppress(ngh2.NGH2Error):
                self._core.reset_stream(stream, ngh2.ErrorCode.NO_ERROR)
        lane.ended(perf_counter_ns())

    def _close_stream(self, event: ngh2.StreamClosed) -> None:
        """A stream has ended; when an answer is still awaited there, it was not one."""
        lane = self._out.pop(event.stream_id, None)
        if lane is None:
            return
        unseen = self._goaway is not None and event.stream_id > self._goaway.last_stream_id
        if event.local_error is not None or unseen:
            if cause := self._goaway_cause():
                lane.fail(cause)
            else:
                lane.refused()
        elif lane.short:
            lane.fail(no_answer(Cause.SHORT_BODY, fact(Code.BODY_SHORT)))
        else:
            lane.fail(no_answer(Cause.PROTOCOL, fact(Code.MALFORMED, error=_name(event.error_code))))

    # the end of the connection

    def _broken(self, why: Message, cause: Fact | None = None) -> None:
        """What the target sends is not HTTP/2, unless another cause is known."""
        self._problem = self._problem or cause or no_answer(Cause.PROTOCOL, why)
        self._ended, self.takes = True, False
        self._transport.abort()

    def _end_cause(self, exc: Exception | None, *, answering: bool) -> Fact:
        if self._problem is not None:
            return self._problem
        if cause := self._goaway_cause():
            return cause
        # Frames say how long they are, so an end without `close_notify` cuts nothing unnoticed.
        exc = None if isinstance(exc, TruncatedError) else exc
        if isinstance(exc, ssl.SSLError):
            return no_answer(Cause.TLS, tls_words(exc))
        if not answering:
            return no_answer(Cause.RESET, fact(Code.ENDED, how="closed" if exc is None else "reset"))
        if exc is not None:
            return no_answer(Cause.RESET, fact(Code.ENDED, how="in_answer"))
        return no_answer(Cause.SHORT_BODY, fact(Code.ENDED, how="too_soon"))

    def _goaway_cause(self) -> Fact | None:
        """When the target ended the connection because of an error."""
        if self._goaway is None or not self._goaway.error_code:
            return None
        return no_answer(Cause.RESET, fact(Code.ENDED_BY_TARGET, error=_name(self._goaway.error_code)))

    def _greet(self, problem: Fact | None) -> None:
        if not self.greeted.done():
            self.takes = problem is None and not self._ended
            self.greeted.set_result(problem)


def _reset_cause(lane: Lane, code: int) -> Fact:
    why = fact(Code.STREAM_RESET, error=_name(code), answering=lane.answering)
    return no_answer(Cause.SHORT_BODY if lane.answering else Cause.RESET, why)


def _name(code: int) -> str:
    """Of an error, as RFC 9113, 7 has it."""
    try:
        return ngh2.ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"
