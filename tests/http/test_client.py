"""The HTTP client against servers that behave and misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from phasegate.http.client import PLACES, HttpxClient
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest
from tests.servers import Server, response, serving, unused_port
from tests.worlds import StaticAddresses

pytestmark = pytest.mark.paced

CERTIFICATE = Path(__file__).parent / "loopback.pem"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def client(server: Server) -> AsyncIterator[HttpxClient]:
    async with HttpxClient(StaticAddresses({"app": server.url()})) as made:
        yield made


def get(url: str, *, timeout: float = 5.0, follow: bool = False) -> HttpRequest:
    return HttpRequest(method="GET", url=url, timeout=timeout, follow=follow)


async def failure(client: HttpxClient, request: HttpRequest) -> HttpFailure:
    outcome = await client.send(request)
    assert isinstance(outcome, HttpFailure), outcome
    assert "\n" not in outcome.message
    assert len(outcome.message) < 400
    return outcome


async def answer(client: HttpxClient, request: HttpRequest) -> HttpReply:
    outcome = await client.send(request)
    assert isinstance(outcome, HttpReply), outcome
    return outcome


async def test_an_answer_comes_with_status_headers_body_and_time(client: HttpxClient, server: Server) -> None:
    reply = await answer(client, get(server.url("/ok")))
    assert (reply.status, reply.body) == (200, b'{"status": "ok", "version": "0.2.0"}')
    assert ("Content-Type", "application/json") in reply.headers
    assert 0 < reply.elapsed < 5


async def test_method_headers_and_body_arrive_as_given(client: HttpxClient, server: Server) -> None:
    headers = (("X-One", "1"), ("Accept", "text/plain"), ("X-Umlaut", "ü"))
    await client.send(
        HttpRequest(method="PUT", url=server.url("/echo?a=1"), headers=headers, body=b"\x00abc")
    )
    came = server.requests[0]
    assert (came.method, came.query, came.body) == ("PUT", {"a": "1"}, b"\x00abc")
    assert came.headers["x-one"] == "1"
    assert came.headers["accept"] == "text/plain"
    assert came.headers["content-length"] == "4"
    assert came.headers["user-agent"].startswith("phasegate/")


@pytest.mark.parametrize(
    ("path", "cause", "words"),
    [
        ("/stall", Cause.TIMEOUT, "no answer within 2 s"),
        ("/slow-body", Cause.TIMEOUT, "the body did not end within 2 s"),
        ("/reset", Cause.RESET, "connection reset"),
        ("/hang-up", Cause.RESET, "closed without an answer"),
        ("/garbage", Cause.PROTOCOL, "illegal status line"),
        ("/short", Cause.SHORT_BODY, "9 of 100 bytes"),
        ("/short-chunked", Cause.SHORT_BODY, "after 5 bytes"),
        ("/endless-headers", Cause.PROTOCOL, ""),
        ("/redirect-loop", Cause.REDIRECTS, "more than 10"),
        ("/bad-gzip", Cause.PROTOCOL, "the body is not gzip"),
    ],
)
async def test_misbehaviour_is_a_failure_with_its_cause(
    client: HttpxClient, server: Server, path: str, cause: Cause, words: str
) -> None:
    outcome = await failure(client, get(server.url(path), timeout=2, follow=True))
    assert outcome.cause is cause
    assert outcome.message.startswith(f"127.0.0.1:{server.port}: ")
    assert words in outcome.message
    assert outcome.elapsed > 0


@pytest.mark.parametrize("path", ["/endless", "/gzip-bomb", "/big"])
async def test_bodies_beyond_the_bound_are_cut(client: HttpxClient, server: Server, path: str) -> None:
    outcome = await failure(client, get(server.url(path), timeout=20))
    assert outcome.cause is Cause.TOO_LARGE
    assert "larger than 4 MiB" in outcome.message


async def test_a_refused_connection_names_the_address(client: HttpxClient) -> None:
    port = unused_port()
    outcome = await failure(client, get(f"http://127.0.0.1:{port}/"))
    assert outcome.cause is Cause.REFUSED
    assert outcome.message == f"127.0.0.1:{port}: connection refused"


async def test_an_unknown_host_is_a_matter_of_dns(client: HttpxClient) -> None:
    assert (await failure(client, get("http://no-such-host.invalid/"))).cause is Cause.DNS


@pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"])
async def test_a_url_that_is_none_is_a_failure_and_no_crash(client: HttpxClient, url: str) -> None:
    await failure(client, get(url))


async def test_a_header_with_a_line_break_is_not_sent(client: HttpxClient, server: Server) -> None:
    request = HttpRequest(method="GET", url=server.url("/ok"), headers=(("X", "a\r\nEvil: 1"),))
    assert "cannot be sent" in (await failure(client, request)).message
    assert server.requests == []


@pytest.mark.parametrize("path", ["/gzip", "/deflate"])
async def test_encoded_bodies_are_decoded(client: HttpxClient, server: Server, path: str) -> None:
    assert (await answer(client, get(server.url(path)))).body == b'{"status": "ok"}'


async def test_redirects_are_followed_only_when_asked(client: HttpxClient, server: Server) -> None:
    assert (await answer(client, get(server.url("/redirect")))).status == 302
    reply = await answer(client, get(server.url("/redirect"), follow=True))
    assert (reply.status, reply.url) == (200, server.url("/ok"))
    outcome = await failure(client, get(server.url("/redirect?to=file:///etc/passwd"), follow=True))
    assert "not an HTTP address" in outcome.message


@pytest.mark.parametrize(
    ("code", "method", "body"),
    [(301, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")],
)
async def test_a_redirected_post_keeps_its_body_where_the_standard_says(
    client: HttpxClient, server: Server, code: int, method: str, body: bytes
) -> None:
    url = server.url(f"/redirect?to=/echo&code={code}")
    await answer(client, HttpRequest(method="POST", url=url, body=b"x", follow=True))
    assert (server.requests[1].method, server.requests[1].body) == (method, body)


async def test_credentials_and_target_headers_stay_with_their_origin(server: Server) -> None:
    target = StaticAddresses({"app": server.url()}, extra_headers={"X-Key": "secret", "X-Own": "target"})
    async with serving() as elsewhere, HttpxClient(target) as client:
        url = server.url(f"/redirect?to={elsewhere.url('/ok')}")
        headers = (("Authorization", "Bearer x"), ("X-Own", "request"))
        request = HttpRequest(method="GET", url=url, headers=headers, follow=True, entry="app")
        await answer(client, request)
        assert server.requests[0].headers["x-key"] == "secret"
        assert server.requests[0].headers["x-own"] == "request"
        assert not {"x-key", "authorization"} & elsewhere.requests[0].headers.keys()


async def test_cookies_are_not_carried_from_one_request_to_the_next(
    client: HttpxClient, server: Server
) -> None:
    await answer(client, get(server.url("/login")))
    assert (await answer(client, get(server.url("/whoami")))).status == 401


async def test_the_proxy_of_the_environment_is_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    async with HttpxClient(StaticAddresses()) as client:
        assert (await answer(client, get(server.url("/ok")))).status == 200


async def test_at_most_four_requests_are_in_flight(client: HttpxClient, server: Server) -> None:
    outcomes = await asyncio.gather(*(client.send(get(server.url("/slow?ms=20"))) for _ in range(20)))
    assert server.most_in_flight == PLACES
    assert all(isinstance(outcome, HttpReply) for outcome in outcomes)


async def test_waiting_for_a_place_is_not_part_of_the_time(client: HttpxClient, server: Server) -> None:
    waiting = [
        asyncio.create_task(client.send(get(server.url("/stall"), timeout=1.5))) for _ in range(PLACES)
    ]
    await asyncio.sleep(0.05)
    reply = await answer(client, get(server.url("/ok"), timeout=1.2))
    assert reply.elapsed < 1.2
    assert {type(await task) for task in waiting} == {HttpFailure}


async def test_an_idle_connection_that_the_server_closed_is_no_failure() -> None:
    """The answer says nothing of closing, then the connection is closed as soon as it is used again."""
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response({"status": "ok"}))
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
            served += 1

    listener = await asyncio.start_server(once, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, HttpxClient(StaticAddresses()) as client:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(3):
            assert (await answer(client, get(url))).status == 200
        assert served == 2
        post = HttpRequest(method="POST", url=url, body=b"")
        assert (await failure(client, post)).cause is Cause.RESET


async def test_a_cancelled_request_gives_its_place_back(client: HttpxClient, server: Server) -> None:
    stalled = [asyncio.create_task(client.send(get(server.url("/stall")))) for _ in range(PLACES)]
    await asyncio.sleep(0.05)
    for task in stalled:
        task.cancel()
    await asyncio.gather(*stalled, return_exceptions=True)
    assert (await answer(client, get(server.url("/ok"), timeout=2))).status == 200


async def test_tls_asks_for_a_certificate_that_can_be_trusted() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with serving(tls=context) as server:
        async with HttpxClient(StaticAddresses()) as client:
            outcome = await failure(client, get(server.url("/ok")))
            assert outcome.cause is Cause.TLS
            assert "certificate not accepted" in outcome.message
        there, request = {"app": server.url()}, replace(get(server.url("/ok")), entry="app")
        async with HttpxClient(StaticAddresses(there, tls_settings={"ca": str(CERTIFICATE)})) as client:
            assert (await answer(client, request)).status == 200
        async with HttpxClient(StaticAddresses(there, tls_settings={"ca": "/no/such/file"})) as client:
            await failure(client, request)


async def test_tls_on_a_server_without_it_ends_with_the_timeout(client: HttpxClient, server: Server) -> None:
    outcome = await failure(client, get(f"https://127.0.0.1:{server.port}/", timeout=0.3))
    assert outcome.cause is Cause.TIMEOUT
    assert "no connection" in outcome.message
