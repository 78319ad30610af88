"""The verdict on an answer is the same however the network cuts it up, whatever looks at it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.http.expectations.expectation import Expect
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.checking import BodyConnection, HeadersConnection, connection_class
from phasegate.load.http1.connection import LoadConnection, LoadExchange
from phasegate.load.journeys.connection import JourneyConnection
from phasegate.load.journeys.journey import Journey, JourneyRequest, Journeys
from phasegate.load.journeys.visit import Itinerary
from phasegate.render.sentences import sentence
from phasegate.wire.connection import HEAD_LIMIT
from tests.load.http1.test_connection import Wire
from tests.load.server import answer
from tests.telling import causes_told

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: hinted\r\n\r\n"
SQUEEZED = gzip.compress(b'{"status":"ok"}', mtime=0)

ANSWERS = {
    "length": answer(),
    "empty": answer(200, b""),
    "chunked": CHUNKED + b'\r\n5;a=b\r\n{"sta\r\na\r\ntus":"ok"}\r\n0\r\nX: trailing\r\n\r\n',
    "hints": b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + answer(),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 15\r\n\r\n",
    "until close": b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok"}',
    "hints until close": HINTS + b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok"}',
    "old": b'HTTP/1.0 200 OK\r\n\r\n{"status":"ok"}',
    "closing": answer(200, b'{"status":"ok"}', "LoadConnection: close"),
    "gzip": answer(200, SQUEEZED, "Content-Encoding: gzip"),
    "gzip in chunks": CHUNKED
    + b"Content-Encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SQUEEZED), SQUEEZED),
    "no gzip": answer(200, b"plain", "Content-Encoding: gzip"),
    "bad status": answer(503, b"busy"),
    "other body": answer(200, b'{"status":"down"}'),
    "other header": answer(200, b'{"status":"ok"}', "X: y"),
    "redirect": answer(302, b"", "Location: /"),
    "switched": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "short": answer()[:-1],
    "short chunk": CHUNKED + b"\r\n5\r\nhel",
    "no last chunk": CHUNKED + b"\r\n5\r\nhello\r\n",
    "half a head": answer()[:25],
    "hints only": HINTS,
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "binary": bytes(range(256)),
    "bad chunk size": CHUNKED + b"\r\nzz\r\nhello\r\n",
    "bad chunk end": CHUNKED + b"\r\n5\r\nhelloXX0\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "bad header": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "bad version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bad code": b"HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    good: int
    causes: dict[str, int]
    freed: int
    """How often the connection could take the next request."""
    closed: bool
    """Before the target closed it."""
    evidence: tuple[str, ...]
    """Of answers that break the protocol nothing is read after the place where they do."""


class Owner:
    def __init__(self) -> None:
        self.freed = self.ended = 0

    def free(self, connection: LoadConnection, now: int) -> None:
        self.freed += 1

    def gone(self, connection: LoadConnection) -> None:
        self.ended += 1


def plain(method: str, expect: dict[str, Any] | None) -> Callable[[Recorder, Owner], LoadConnection]:
    good = bytearray(1000)
    good[200:300] = b"\1" * 100
    check = None if expect is None else Expect.model_validate(expect).compile()
    exchange = LoadExchange(request=b"?", url="http://x/", timeout=2.0, good=bytes(good), check=check)
    kind = connection_class(method, exchange)
    return lambda recorder, owner: kind(exchange, recorder, owner)


def journey(method: str) -> Callable[[Recorder, Owner], LoadConnection]:
    expect = {"status": "2xx", "json": {"$.status": "ok"}} if method == "GET" else {"status": "2xx"}
    request = JourneyRequest(
        part="", method=method, head=(f"{method} / HTTP/1.1\r\n",), url="http://x/", expect=expect
    )
    exchange = LoadExchange(request=b"", url="http://x/", timeout=2.0, good=bytes(1000))
    journeys = Journeys(mix=(Journey(requests=(request,)),), origin="http://x")
    itinerary = Itinerary(journeys, worker=0, workers=1)
    return lambda recorder, owner: JourneyConnection(exchange, recorder, owner, itinerary)


HEADERS = {"status": "2xx", "headers": {"x": {"exists": False}}}
BODY = {"status": "2xx", "json": {"$.status": "ok"}}
CONNECTIONS = {
    "status": plain("GET", None),
    "headers": plain("GET", HEADERS),
    "body": plain("GET", BODY),
    "journey": journey("GET"),
    "HEAD, status": plain("HEAD", None),
    "HEAD, headers": plain("HEAD", HEADERS),
    "HEAD, journey": journey("HEAD"),
}


def verdict(kind: str, pieces: Iterable[bytes]) -> Verdict:
    """One request out, an answer in pieces, then the target closes the connection."""
    recorder, owner, wire = Recorder(open=False), Owner(), Wire()
    connection = CONNECTIONS[kind](recorder, owner)
    connection.connection_made(wire)
    connection.send(1, perf_counter_ns())
    for piece in pieces:
        if not wire.closed:
            connection.data_received(piece)
    closed = wire.closed
    connection.connection_lost(None)
    assert owner.ended == 1
    tally = recorder.take()
    assert tally.requests == 1, "a request ends exactly once"
    evidence = tuple(
        one.answer for one in recorder.examples if not sentence(one.cause).startswith("protocol error: ")
    )
    return Verdict(tally.good, causes_told(tally), owner.freed, closed, evidence)


def answer_for(kind: str, name: str) -> bytes:
    """To HEAD it ends with its head; one with a body could be told from none only when that has come."""
    data = ANSWERS[name]
    if not kind.startswith("HEAD"):
        return data
    end = 0
    while data.startswith(b"HTTP/1.1 1", end) and b"\r\n\r\n" in data[end:]:
        end = data.index(b"\r\n\r\n", end) + 4
    head, blank, _ = data[end:].partition(b"\r\n\r\n")
    return data[:end] + head + blank


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [piece for start, end in pairwise(edges) if (piece := data[start:end])]


def test_every_class_of_connection_is_held_to_it() -> None:
    made = [type(make(Recorder(open=False), Owner())) for make in CONNECTIONS.values()]
    assert made[:4] == [LoadConnection, HeadersConnection, BodyConnection, JourneyConnection]


GOOD = {
    "status": {"length", "empty", "chunked", "hints", "no content", "until close", "hints until close", "old"}
    | {"closing", "gzip", "gzip in chunks", "no gzip", "other body", "other header"},
}
GOOD["headers"] = GOOD["status"] - {"other header"}
GOOD["body"] = GOOD["status"] - {"empty", "no content", "no gzip", "other body"}
GOOD["journey"] = GOOD["body"]


@pytest.mark.parametrize("kind", GOOD)
def test_answers_are_good_for_those_that_look_at_no_more(kind: str) -> None:
    assert {name for name, data in ANSWERS.items() if verdict(kind, [data]).good} == GOOD[kind]


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_answer_split_at_every_byte_gets_the_verdict_of_the_whole(kind: str) -> None:
    for name in ANSWERS:
        data = answer_for(kind, name)
        whole = verdict(kind, [data])
        for place in range(1, len(data)):
            assert verdict(kind, cut(data, [place])) == whole, (name, data[:place])
        assert verdict(kind, cut(data, range(len(data)))) == whole, (name, "byte by byte")


@given(
    st.sampled_from(sorted(CONNECTIONS)),
    st.sampled_from(sorted(ANSWERS)),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_answer_in_any_pieces_gets_the_verdict_of_the_whole(kind: str, name: str, places: list[int]) -> None:
    data = answer_for(kind, name)
    assert verdict(kind, cut(data, places)) == verdict(kind, [data])


@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize("size", [HEAD_LIMIT - 1, HEAD_LIMIT, HEAD_LIMIT + 1, HEAD_LIMIT + 1_000])
def test_head_at_the_limit_gets_the_verdict_of_the_whole(kind: str, size: int) -> None:
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nLong: ", b"\r\n\r\n"
    head = start + b"a" * (size - len(start) - len(end)) + end
    data = head if kind.startswith("HEAD") else head + b'{"status":"ok"}'
    whole = verdict(kind, [data])
    assert whole.causes == (
        {} if size <= HEAD_LIMIT else {"protocol error: the head of the answer is longer than 64 KiB": 1}
    )
    for places in (
        [10],
        [size - 1],
        [size - 2],
        [size],
        [HEAD_LIMIT],
        [HEAD_LIMIT - 2],
        range(0, size, 5_000),
    ):
        assert verdict(kind, cut(data, places)) == whole, places
