"""Redirects followed under load: which requests arrive, over which connections, and what is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.http.messages.redirect import MAX_REDIRECTS
from phasegate.http.suites.suite import Request
from phasegate.load.counting.tally import LoadTally
from phasegate.load.job import Job
from phasegate.load.journeys.build_request import requests_of
from phasegate.load.journeys.following import Hop, RedirectError
from phasegate.load.journeys.journey import Journey, Journeys
from phasegate.load.pace.driver import Driver
from phasegate.load.worker import Worker
from phasegate.wire.request import request_bytes
from tests.examples import examples
from tests.load.pace.test_driver import closed, open_
from tests.load.server import Reply, Scripted, answer, scripted
from tests.load.sessions import path_of
from tests.telling import causes_told

pytestmark = pytest.mark.paced

OK = {"status": 200}


def to(location: str, status: int = 302, *headers: str) -> Reply:
    return Reply(pieces=(answer(status, b"moved", f"Location: {location}", *headers),))


@asynccontextmanager
async def routes(replies: Mapping[str, Reply]) -> AsyncIterator[Scripted]:
    """What is asked for is answered by path; 200 where nothing is said."""
    async with scripted() as server:
        server.script = lambda number: replies.get(path_of(server.requests[number]), Reply())
        yield server


@dataclass
class Followed:
    tally: LoadTally
    driver: Driver

    @property
    def redirects(self) -> int:
        return self.driver.recorder.redirects


async def follow(
    server: Scripted,
    *requests: Mapping[str, Any],
    make: Any = open_,
    declared: tuple[str, ...] = (),
    **more: Any,
) -> Followed:
    base = f"http://127.0.0.1:{server.port}"
    made = [
        one
        for number, written in enumerate(requests or ({},))
        for one in requests_of(
            Request.model_validate(
                {"id": f"r{number}", "url": "/start", "expect": OK, "follow": True, **written}
            ),
            base=base,
            common={},
            shared=lambda _: (),
            known={},
            timeout=2.0,
            part="",
        )
    ]
    journeys = Journeys(mix=(Journey(requests=tuple(made)),), origin=base, declared=(base, *declared))
    if make is open_:
        more = {"rate": 40.0, **more}
    one: Job = make(base, journeys=journeys, **more)
    driver = Worker(one).driver
    await driver.run(perf_counter_ns())
    return Followed(driver.recorder.take(), driver)


def paths(server: Scripted) -> Counter[str]:
    return Counter(map(path_of, server.requests))


# what is followed


@pytest.mark.parametrize("make", [closed, open_])
async def test_chain_is_one_request_over_one_connection_judged_by_its_last_answer(make: Any) -> None:
    chain = {"/start": to("/a", 301), "/a": to("b?x=1", 307), "/b?x=1": to("//{host}/c", 308)}
    async with routes(chain) as server:
        chain["/b?x=1"] = to(f"//127.0.0.1:{server.port}/c", 308)
        run = await follow(server, make=make)
        seen = paths(server)
        connections = server.connections
    assert run.tally.failed == 0
    assert set(seen.values()) == {run.tally.good}
    assert set(seen) == {"/start", "/a", "/b?x=1", "/c"}
    assert run.redirects == 3 * run.tally.good
    assert run.driver.recorder.asked == 4 * run.tally.good
    if make is closed:
        assert connections == 3, "connections are kept alive"
    else:
        assert run.tally.good == 20
        assert connections <= 20


@pytest.mark.parametrize("make", [closed, open_])
async def test_times_run_from_the_first_sending_to_the_end_of_the_last_answer(make: Any) -> None:
    slow = {"/start": Reply(pieces=to("/end").pieces, delay=0.03), "/end": Reply(delay=0.02)}
    async with routes(slow) as server:
        run = await follow(server, make=make)
    assert run.tally.good > 3
    for histogram in (run.tally.latency, run.tally.service):
        assert histogram.minimum_ns >= 50_000_000


@pytest.mark.parametrize("make", [closed, open_])
async def test_redirect_that_closes_its_connection_is_followed_over_another(make: Any) -> None:
    closing = Reply(pieces=to("/end", 302, "Connection: close").pieces, delay=0.02, end="close")
    endless = Reply(pieces=(b"HTTP/1.1 302 X\r\nLocation: /start\r\n\r\n", b"until the end"), end="close")
    async with routes({"/first": endless, "/start": closing}) as server:
        run = await follow(server, {"url": "/first"}, make=make)
        seen = paths(server)
    assert run.tally.failed == 0
    assert run.tally.good == seen["/first"] == seen["/start"] == seen["/end"] > 3
    assert run.tally.service.minimum_ns >= 20_000_000, "what went before the new connection counts"


@pytest.mark.parametrize(
    ("status", "method", "then", "with_body"),
    [
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (301, "PUT", "PUT", True),
        (307, "POST", "POST", True),
        (308, "POST", "POST", True),
    ],
)
async def test_method_and_body_after_a_redirect(status: int, method: str, then: str, with_body: bool) -> None:
    asked = {"method": method, "json": {"é": "\u2713"}, "headers": {"X-Id": "7", "Authorization": "Basic x"}}
    async with routes({"/start": to("/end", status)}) as server:
        run = await follow(server, asked, rate=20.0, duration=0.1)
        first, second = server.requests[:2]
    assert run.tally.good == 2
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in second
    assert second.startswith(f"{then} /end HTTP/1.1\r\n".encode())
    assert b"\r\nX-Id: 7\r\n" in second
    assert b"\r\nAuthorization: Basic x\r\n" in second
    body = first.partition(b"\r\n\r\n")[2]
    assert second.partition(b"\r\n\r\n")[2] == (body if with_body else b"")
    assert (b"Content-Type" in second, b"Content-Length" in second) == (with_body, with_body)


async def test_head_stays_head_and_keeps_its_connection_without_a_length() -> None:
    head = Reply(pieces=(b"HTTP/1.1 303 X\r\nLocation: /end\r\n\r\n",))
    end = Reply(pieces=(b"HTTP/1.1 200 OK\r\n\r\n",))
    async with routes({"/start": head, "/end": end}) as server:
        run = await follow(server, {"method": "HEAD"}, make=closed, connections=2)
        assert {request.split(b" ")[0] for request in server.requests} == {b"HEAD"}
        assert server.connections == 2
    assert run.tally.failed == 0
    assert run.redirects == run.tally.good > 10


@pytest.mark.parametrize("gap", [0.0, 0.005])
async def test_chunked_redirect_leads_where_its_head_says_not_its_trailer(gap: float) -> None:
    pieces = (
        b"HTTP/1.1 103 Hints\r\nLocation: /hinted\r\n\r\n",
        b"HTTP/1.1 302 X\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n",
        b"Location: /end\r\n\r\n4\r\nno g\r\n",
        b"3\r\nzip\r\n0\r\nLocation: /trailed\r\n\r\n",
    )
    async with routes({"/start": Reply(pieces=pieces, gap=gap)}) as server:
        run = await follow(server, make=closed, connections=2)
        assert server.connections == 2
        assert paths(server) == {"/start": run.tally.good, "/end": run.tally.good}
    assert run.tally.failed == 0


async def test_location_in_a_trailer_is_none() -> None:
    head = b"HTTP/1.1 302 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    async with routes({"/start": Reply(pieces=(head, b"Location: /trailed\r\n\r\n"))}) as server:
        run = await follow(server, rate=20.0, duration=0.1)
        assert paths(server) == {"/start": 2}
    assert causes_told(run.tally) == {"protocol error: status 302 without a Location": 2}


async def test_cookie_set_on_the_way_is_sent_where_it_belongs() -> None:
    login = to("/in/home", 303, "Set-Cookie: sid=7; Path=/in")
    async with routes({"/start": login, "/in/home": to("/out"), "/out": to("/in/end")}) as server:
        await follow(server, {}, {"url": "/in/more"}, rate=10.0, duration=0.1)
        cookies = {path_of(one): b"\r\nCookie: sid=7\r\n" in one for one in server.requests}
    assert cookies == {"/start": False, "/in/home": True, "/out": False, "/in/end": True, "/in/more": True}


async def test_cookie_of_the_request_itself_stays_the_only_one() -> None:
    async with routes({"/start": to("/end", 302, "Set-Cookie: sid=7; Path=/")}) as server:
        await follow(server, {"headers": {"Cookie": "own=1"}}, rate=10.0, duration=0.1)
        assert [one.count(b"Cookie: own=1\r\n") for one in server.requests] == [1, 1]
        assert not any(b"sid" in one for one in server.requests)


async def test_other_spelling_of_the_host_is_followed_without_credentials() -> None:
    replies = {"/start": to("/half", 302, "Set-Cookie: sid=7; Path=/")}
    headers = {"Authorization": "Bearer secret", "X-Id": "7"}
    async with routes(replies) as server:
        replies["/half"] = to(f"http://LOCALHOST:{server.port}/end", 302)
        run = await follow(server, {"headers": headers}, rate=10.0, duration=0.1)
        _, half, end = server.requests
    assert run.tally.good == 1
    assert b"Authorization: Bearer secret\r\n" in half
    assert b"Cookie: sid=7\r\n" in half
    assert f"\r\nHost: localhost:{server.port}\r\n".encode() in end
    assert end.count(b"Host: ") == 1
    assert b"X-Id: 7\r\n" in end
    assert b"Authorization" not in end
    assert b"Cookie" not in end


# what is not


@pytest.mark.parametrize("make", [closed, open_])
async def test_loop_fails_under_its_own_name(make: Any) -> None:
    async with routes({"/start": to("/there"), "/there": to("/start")}) as server:
        run = await follow(server, make=make)
        sent = len(server.requests)
    assert run.tally.good == 0
    assert causes_told(run.tally) == {f"too many redirects: more than {MAX_REDIRECTS}": run.tally.failed}
    assert sent == run.redirects == (MAX_REDIRECTS + 1) * run.tally.failed > 0


async def test_as_many_redirects_as_are_allowed_are_followed() -> None:
    chain = {f"/{n}": to(f"/{n + 1}") for n in range(MAX_REDIRECTS)}
    async with routes(chain) as server:
        run = await follow(server, {"url": "/0"}, rate=20.0, duration=0.1)
        assert paths(server) == {f"/{n}": 2 for n in range(MAX_REDIRECTS + 1)}
    assert run.tally.good == 2


@pytest.mark.parametrize("make", [closed, open_])
async def test_host_that_the_target_does_not_declare_is_never_asked(make: Any) -> None:
    async with scripted() as other, routes({}) as server:
        server.script = lambda _: to(f"http://127.0.0.1:{other.port}/end")
        run = await follow(server, make=make)
        await asyncio.sleep(0.01)
        assert (other.connections, other.requests) == (0, [])
        sent, where = len(server.requests), f"http://127.0.0.1:{other.port}"
    named = f"redirect not followed: to {where}, which the plan's target does not declare"
    assert causes_told(run.tally) == {named: sent}
    assert run.tally.good == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_other_declared_place_or_scheme_is_not_followed_to_and_named_so(scheme: str) -> None:
    async with scripted() as other, routes({}) as server:
        port = other.port if scheme == "http" else server.port
        server.script = lambda _: to(f"{scheme}://127.0.0.1:{port}/end")
        declared = (f"http://localhost:{other.port}/api",)
        run = await follow(server, declared=declared, rate=40.0)
        assert not other.connections
        assert len(server.requests) == 20
    assert causes_told(run.tally) == {
        f"redirect not followed: to {scheme}://127.0.0.1:{port}, which is declared, but a load goes to one "
        "host and port over one scheme": 20
    }


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        (b"", "protocol error: status 302 without a Location"),
        (b"Location: ftp://h/x\r\n", "redirect to 'ftp://h/x', which is not an HTTP address"),
        (b"Location: https:///x\r\n", "redirect to 'https:///x', which is not an HTTP address"),
        (b"Location: http://[::1/x\r\n", "redirect to 'http://[::1/x', which is not an HTTP address"),
        (b"Location: http://h:port/\r\n", "redirect to 'http://h:port/', which is not an HTTP address"),
    ],
)
async def test_location_that_is_none_fails_by_name(fields: bytes, cause: str) -> None:
    reply = Reply(pieces=(b"HTTP/1.1 302 X\r\nContent-Length: 0\r\n" + fields + b"\r\n",))
    async with routes({"/start": reply}) as server:
        run = await follow(server, make=closed, connections=1, duration=0.2)
        assert server.connections == 1 < len(server.requests) == run.tally.failed
    ((named, _),) = causes_told(run.tally).items()
    assert named.startswith("protocol error: ")
    assert named.endswith(cause)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (Reply(pieces=(answer(500, b"oops"),)), "expected status 200, got 500"),
        (Reply(pieces=(answer(304, b""),)), "expected status 200, got 304"),
        (Reply(pieces=(), end="reset"), "connection reset: reset without an answer"),
        (Reply(pieces=(answer()[:-3],), end="close"), "short body: closed before the answer was complete"),
        (Reply(delay=30.0), "timeout: no answer in 300 ms"),
    ],
)
@pytest.mark.parametrize("make", [closed, open_])
async def test_failure_behind_a_redirect_is_the_failure_of_the_request(
    make: Any, end: Reply, cause: str
) -> None:
    async with routes({"/start": to("/end"), "/end": end}) as server:
        run = await follow(server, make=make, timeout=0.3, duration=0.1)
        asked = len(server.requests)
    assert run.tally.good == 0
    assert causes_told(run.tally) == {cause: asked // 2}
    assert run.driver.recorder.examples[0].request.startswith("GET /end HTTP/1.1\r\n")


async def test_timeout_bounds_a_request_with_all_its_redirects() -> None:
    slow = {"/start": Reply(pieces=to("/end").pieces, delay=0.2), "/end": Reply(delay=0.2)}
    async with routes(slow) as server:
        run = await follow(server, rate=20.0, duration=0.1, timeout=0.3)
    assert causes_told(run.tally) == {"timeout: no answer in 300 ms": 2}


async def test_each_request_of_a_journey_has_the_timeout_for_itself() -> None:
    slow = {path: Reply(delay=0.2) for path in ("/a", "/b", "/c")}
    async with routes(slow) as server:
        run = await follow(server, *({"url": path} for path in slow), rate=2.5, duration=0.8, timeout=0.5)
    assert (run.tally.good, run.tally.causes) == (2, {})


async def test_journey_goes_on_behind_a_redirect_and_only_requests_that_follow_are_redirected() -> None:
    requests = ({}, {"url": "/start", "follow": False, "expect": {"status": 302}}, {"url": "/last"})
    async with routes({"/start": to("/end")}) as server:
        run = await follow(server, *requests, rate=20.0, duration=0.1)
        assert paths(server) == {"/start": 4, "/end": 2, "/last": 2}
    assert (run.tally.good, run.tally.failed, run.redirects) == (2, 0, 4)


# the request behind a redirect


@settings(max_examples=examples(50))
@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.dictionaries(st.sampled_from(["X-A", "Accept", "Host"]), st.text("a: \u00e9\u2713;", max_size=9)),
    st.none() | st.binary(max_size=50),
)
def test_redirect_that_keeps_the_method_repeats_the_request_byte_for_byte(
    method: str, headers: dict[str, str], body: bytes | None
) -> None:
    fields = list(headers.items())
    if body is not None:
        fields.append(("Content-Length", str(len(body))))
    sent = request_bytes(method, "http://h:81/a", fields, body)
    hop = Hop.first(sent, "http://h:81", own_cookies=True).next(307, ((b"Location", b"/a"),), frozenset())
    assert hop.compose(b"") == sent


@settings(max_examples=examples(50))
@given(st.binary().map(lambda raw: raw.decode("latin-1")))
def test_location_of_any_bytes_leads_to_a_request_of_one_line_or_is_refused(location: str) -> None:
    first = Hop.first(b"GET /a HTTP/1.1\r\nHost: h:81\r\n\r\n", "http://h:81", own_cookies=False)
    try:
        sent = first.next(302, ((b"Location", location.encode("latin-1")),), frozenset()).compose(b"")
    except RedirectError:
        return
    line, host, *rest = sent.split(b"\r\n")
    assert line.startswith(b"GET /")
    assert line.endswith(b" HTTP/1.1")
    assert line.count(b" ") == 2
    assert line.isascii()
    assert host.lower() in (b"host: h:81", b"host: h.:81")
    assert rest == [b"", b""]


def test_raw_utf_8_in_a_location_is_percent_encoded_as_it_came() -> None:
    first = Hop.first(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "http://h", own_cookies=False)
    location = "/caf\u00e9?q=\u2713".encode().decode("latin-1")
    sent = first.next(302, ((b"Location", location.encode("latin-1")),), frozenset()).compose(b"")
    assert sent.startswith(b"GET /caf%C3%A9?q=%E2%9C%93 HTTP/1.1\r\n")
