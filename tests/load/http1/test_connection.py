"""How answers are read and judged, however the network cuts them up."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.http.expectations.expectation import Expect
from phasegate.http.messages.content import MAX_BODY
from phasegate.load.counting.recorder import Recorder
from phasegate.load.counting.tally import LoadTally
from phasegate.load.http1.checking import connection_class
from phasegate.load.http1.connection import LoadConnection, LoadExchange
from phasegate.wire.connection import HEAD_LIMIT
from tests.load.server import answer
from tests.telling import causes_told

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n"
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer()
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nbody without a length"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = answer(200, b"bye", "Connection: close")


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@dataclass
class Seat:
    """A connection with its owner and its wire, one request out."""

    method: str = "GET"
    expect: dict[str, Any] | None = None
    wire: Wire = field(default_factory=Wire)
    recorder: Recorder = field(default_factory=lambda: Recorder(open=False))
    freed: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        good = bytearray(1000)
        good[200:300] = b"\1" * 100
        check = None if self.expect is None else Expect.model_validate(self.expect).compile()
        exchange = LoadExchange(request=b"?", url="http://x/", timeout=2.0, good=bytes(good), check=check)
        self.connection = connection_class(self.method, exchange)(exchange, self.recorder, self)
        self.connection.connection_made(self.wire)
        self.connection.send(1, perf_counter_ns() - 1000)

    def free(self, connection: LoadConnection, now: int) -> None:
        self.freed += 1

    def gone(self, connection: LoadConnection) -> None:
        self.ended = True

    def receive(self, *pieces: bytes) -> Seat:
        for piece in pieces:
            if not self.wire.closed:
                self.connection.data_received(piece)
        return self

    def lose(self, error: Exception | None = None) -> Seat:
        self.connection.connection_lost(error)
        return self

    def tally(self) -> LoadTally:
        return self.recorder.take()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [piece for start, end in pairwise(edges) if (piece := data[start:end])]


ANSWERS = {
    "length": answer(),
    "empty": answer(200, b""),
    "chunked": CHUNKED,
    "continued": CONTINUED,
    "no content": NO_CONTENT,
    "closing": CLOSING,
    "old": OLD,
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("expect", [None, {"status": "2xx", "headers": {"x": {"exists": False}}}])
def test_split_at_every_position_gives_one_good_answer(name: str, expect: dict[str, Any] | None) -> None:
    data = ANSWERS[name]
    for place in range(1, len(data)):
        seat = Seat(expect=expect).receive(data[:place], data[place:])
        tally = seat.tally()
        assert (tally.good, tally.failed) == (1, 0), place
        assert seat.freed == (name not in ("closing", "old"))
        assert seat.wire.closed == (name in ("closing", "old"))


@settings(deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_any_number_of_pieces_gives_one_good_answer(name: str, places: list[int], checking: bool) -> None:
    seat = Seat(expect={"headers": {"x": {"exists": False}}} if checking else None)
    tally = seat.receive(*cut(ANSWERS[name], places)).tally()
    assert (tally.good, tally.failed) == (1, 0)


@settings(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_never_break_the_connection(data: bytes, checking: bool) -> None:
    seat = Seat(expect={"body": "x"} if checking else None).receive(data)
    seat.lose()
    assert seat.ended
    assert seat.tally().requests == 1, "a request ends exactly once"


@settings(deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_answer_cut_off_is_never_good(name: str, data: st.DataObject) -> None:
    whole = ANSWERS[name]
    seat = Seat().receive(whole[: data.draw(st.integers(0, len(whole) - 1))]).lose()
    tally = seat.tally()
    assert (tally.good, tally.failed) == (0, 1)


def test_close_ends_a_body_without_length() -> None:
    for place in range(len(UNTIL_CLOSE)):
        seat = Seat().receive(UNTIL_CLOSE[:place], UNTIL_CLOSE[place:])
        assert seat.recorder.good_so_far == 0, "nobody knows yet that it is complete"
        assert seat.lose().tally().good == 1


def test_reset_does_not_end_a_body_without_length() -> None:
    tally = Seat().receive(UNTIL_CLOSE).lose(ConnectionResetError()).tally()
    assert causes_told(tally) == {"connection reset: in the middle of the answer": 1}


def test_unexpected_status_on_close_is_judged_too() -> None:
    tally = Seat().receive(b"HTTP/1.1 500 Oops\r\n\r\nwhy").lose().tally()
    assert causes_told(tally) == {"expected status 2xx, got 500": 1}


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "connection reset: closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "protocol error: closed in the middle of the head of the answer"),
        (answer()[:-1], "short body: closed before the answer was complete"),
        (CHUNKED[:-1], "short body: closed before the answer was complete"),
        (CLOSING[:-1], "short body: closed before the answer was complete"),
    ],
)
def test_what_a_close_means_depends_on_what_was_announced(data: bytes, cause: str) -> None:
    pieces = [data] if data else []
    assert causes_told(Seat().receive(*pieces).lose().tally()) == {cause: 1}


def test_garbage_is_a_protocol_error_and_closes() -> None:
    seat = Seat().receive(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert seat.wire.closed
    assert [cause.partition(":")[0] for cause in causes_told(seat.tally())] == ["protocol error"]


def test_endless_head_is_cut_off() -> None:
    seat = Seat().receive(b"HTTP/1.1 200 OK\r\n", *(b"X-A: " + b"a" * 8000 + b"\r\n" for _ in range(9)))
    assert seat.wire.closed
    assert list(causes_told(seat.tally())) == [
        f"protocol error: the head of the answer is longer than {HEAD_LIMIT >> 10} KiB"
    ]


def test_body_larger_than_an_expectation_reads_fails_and_is_not_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    seat = Seat(expect={"body": "x"}).receive(head, *[b"x" * (1 << 20)] * 18)
    assert seat.wire.closed
    assert list(causes_told(seat.tally())) == ["response too large: the body is larger than max_body 4 MiB"]


def test_body_of_any_size_is_fine_when_nobody_reads_it() -> None:
    size = 18 << 20
    seat = Seat().receive(
        f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode(), *[b"x" * (1 << 20)] * 18
    )
    assert seat.tally().good == 1


def test_second_answer_to_one_request_is_not_counted_for_the_next() -> None:
    seat = Seat().receive(answer() + answer())
    assert seat.tally().good == 1
    assert seat.wire.closed
    assert seat.freed == 0


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD"]),
    expect=st.sampled_from([None, {"headers": {"x": {"exists": False}}}, {"latency": "< 1h"}]),
    size=st.integers(1, len(answer()) - 1),
    late=st.booleans(),
)
def test_piece_of_another_answer_closes_the_connection(
    method: str, expect: dict[str, Any] | None, size: int, late: bool
) -> None:
    first, piece = answer(200, b""), answer()[:size]
    seat = Seat(method, expect).receive(*([first, piece] if late else [first + piece]))
    assert seat.wire.closed
    assert seat.freed == late
    assert seat.tally().good == 1


def test_answer_that_nobody_asked_for_closes_the_connection() -> None:
    seat = Seat().receive(answer())
    seat.connection.data_received(answer())
    assert seat.wire.closed
    assert seat.tally().requests == 1


def test_head_answer_ends_with_its_head() -> None:
    seat = Seat(method="HEAD")
    for _ in range(3):
        seat.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        seat.connection.send(1, perf_counter_ns() - 1000)
    assert seat.tally().good == 3


def test_head_answer_with_expected_header() -> None:
    seat = Seat(method="HEAD", expect={"headers": {"x-a": "1"}})
    seat.receive(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5000\r\n\r\n")
    assert seat.tally().good == 1


def test_head_answer_with_a_body_closes_the_connection() -> None:
    seat = Seat(method="HEAD").receive(answer())
    assert seat.tally().good == 1
    assert seat.wire.closed


def test_upgrade_is_an_unexpected_status() -> None:
    seat = Seat().receive(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\0\1\2"
    )
    assert list(causes_told(seat.tally())) == ["expected status 2xx, got 101"]
    assert seat.wire.closed


def test_expectation_sees_headers_and_body_of_each_answer() -> None:
    seat = Seat(expect={"json": {"$.status": "ok"}, "headers": {"x-id": "7"}})
    seat.receive(answer(200, b'{"status":"ok"}', "X-Id: 7"))
    seat.connection.send(1, perf_counter_ns() - 1000)
    seat.receive(answer(200, b'{"status":"down"}', "X-Id: 8"))
    tally = seat.tally()
    assert tally.good == 1
    (cause,) = causes_told(tally)
    assert "x-id" in cause
    assert "down" in cause


def test_headers_of_early_hints_are_not_those_of_the_answer() -> None:
    seat = Seat(expect={"headers": {"link": {"exists": False}}}).receive(CONTINUED)
    assert seat.tally().good == 1


@pytest.mark.parametrize("expect", [None, {"headers": {"location": "/b"}, "status": 200}, {"body": "moved"}])
def test_redirects_are_counted_by_every_connection(expect: dict[str, Any] | None) -> None:
    for status, count in ((301, 1), (304, 0), (200, 0)):
        seat = Seat(expect=expect).receive(answer(status, b"" if status == 304 else b"moved", "Location: /b"))
        assert seat.recorder.redirects == count
        assert seat.tally().requests == 1


def test_failing_answer_is_kept_as_evidence() -> None:
    data = answer(503, b"overloaded")
    for pieces in ([data], [data[:20], data[20:]]):
        seat = Seat().receive(*pieces)
        assert seat.recorder.examples[0].answer.encode() == data
        assert seat.freed == 1, "a wrong status leaves the connection usable"


def test_request_that_is_out_expires_once() -> None:
    seat = Seat()
    seat.connection.expire()
    seat.lose()
    assert causes_told(seat.tally()) == {"timeout: no answer in 2 s": 1}
    other = Seat().receive(answer()[:-1])
    other.connection.expire()
    assert causes_told(other.tally()) == {"timeout: the answer did not end in 2 s": 1}


def _encoded(coding: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_expectation_looks_at_the_body_behind_its_encoding() -> None:
    expect = {"body": {"not_matches": "error"}}
    assert Seat(expect=expect).receive(_encoded("gzip", gzip.compress(b"fine"))).tally().good == 1
    assert Seat(expect=expect).receive(_encoded("gzip", gzip.compress(b"an error"))).tally().failed == 1
    assert Seat(expect=expect).receive(_encoded("br", b"\x8b\x01\x80fine\x03")).tally().good == 1
    assert Seat(expect=expect).receive(_encoded("snappy", b"fine")).tally().failed == 1


def test_body_that_unfolds_beyond_the_bound_is_no_good_answer() -> None:
    tally = (
        Seat(expect={"body": {"ne": ""}})
        .receive(_encoded("gzip", gzip.compress(bytes(MAX_BODY + 1))))
        .tally()
    )
    assert causes_told(tally) == {"response too large: the body is larger than max_body 4 MiB": 1}


def test_encoded_body_is_not_looked_at_by_an_expectation_on_headers() -> None:
    expect = {"headers": {"content-encoding": "gzip"}}
    assert Seat(expect=expect).receive(_encoded("gzip", b"no gzip at all")).tally().good == 1
    assert Seat().receive(_encoded("gzip", b"no gzip at all")).tally().good == 1
    wrong = Seat(expect={"body": "x"}).receive(_encoded("gzip", b"no gzip at all")).tally()
    assert [cause.partition(":")[0] for cause in causes_told(wrong)] == ["expected a body that can be read"]


def test_header_flood_in_small_pieces_fails_an_expectation_within_bounds() -> None:
    lines = [b"a: b\r\n" * 500] * 40
    seat = Seat(expect={"headers": {"x": "1"}}).receive(b"HTTP/1.1 200 OK\r\n", *lines)
    assert seat.wire.closed
    assert list(causes_told(seat.tally())) == ["protocol error: the head of the answer is longer than 64 KiB"]


def test_trailer_is_no_header_of_the_answer() -> None:
    seat = Seat(expect={"headers": {"trailer": {"exists": False}}, "body": "hello world"})
    assert seat.receive(CHUNKED).tally().good == 1


@pytest.mark.parametrize("expect", [None, {"headers": {"x": {"exists": False}}}])
def test_head_answer_without_a_length_keeps_the_connection(expect: dict[str, Any] | None) -> None:
    data = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
    seat = Seat(method="HEAD", expect=expect)
    for place in range(1, len(data)):
        seat.receive(data[:place], data[place:])
        seat.connection.send(1, perf_counter_ns() - 1000)
    assert seat.tally().good == seat.freed == len(data) - 1


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: y, Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n", True),
    ],
)
def test_head_answer_closes_when_it_says_so(data: bytes, kept: bool) -> None:
    seat = Seat(method="HEAD").receive(data)
    assert (seat.tally().good, seat.freed, seat.wire.closed) == (1, int(kept), not kept)


@pytest.mark.parametrize("status", [204, 304])
def test_answer_without_a_body_ends_with_its_head_whatever_length_it_names(status: int) -> None:
    seat = Seat().receive(f"HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\n".encode())
    assert seat.tally().requests == seat.freed == 1


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: -3",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
    ],
)
def test_length_that_can_be_read_in_two_ways_is_a_protocol_error(fields: bytes) -> None:
    seat = Seat().receive(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\nabcd")
    assert seat.wire.closed
    assert [cause.partition(":")[0] for cause in causes_told(seat.tally())] == ["protocol error"]


@settings(deadline=None)
@given(
    st.sampled_from(["length", "empty", "chunked", "no content"]),
    st.binary(min_size=1, max_size=200),
    st.lists(st.integers(0, 600), max_size=4),
    st.booleans(),
)
def test_what_comes_after_an_answer_is_never_counted_and_never_reaches_the_next(
    name: str, garbage: bytes, places: list[int], checking: bool
) -> None:
    seat = Seat(expect={"headers": {"x": {"exists": False}}} if checking else None)
    for piece in cut(ANSWERS[name] + garbage, places):
        if not seat.wire.closed:
            seat.connection.data_received(piece)
    seat.lose()
    tally = seat.tally()
    assert (tally.good, tally.failed) == (1, 0)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_length_that_lies_is_found_out(announced: int, sent: int, checking: bool) -> None:
    data = f"HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n".encode() + b"x" * sent
    seat = Seat(expect={"body": {"not_matches": "y"}} if checking else None).receive(data)
    if sent < announced:
        assert causes_told(seat.lose().tally()) == {"short body: closed before the answer was complete": 1}
    else:
        assert seat.tally().good == 1
        assert seat.wire.closed == (sent > announced), "what is too much would be taken for the next answer"
