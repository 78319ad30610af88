"""The HTTP client against servers that behave and misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.http.client import Client, Network
from phasegate.http.messages.content import MAX_BODY, SHOWN
from phasegate.render.sentences import sentence
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest
from tests.examples import examples
from tests.servers import Server, response, serving, unused_port
from tests.telling import raises
from tests.worlds import StaticAddresses

pytestmark = pytest.mark.paced

CERTIFICATE = Path(__file__).parent / "loopback.pem"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with Network(StaticAddresses({"app": server.url()})).client() as made:
        yield made


def get(url: str, *, timeout: float = 5.0, follow: bool = False, keep: int | None = MAX_BODY) -> HttpRequest:
    return HttpRequest(method="GET", url=url, timeout=timeout, follow=follow, keep=keep)


async def failure(client: Client, request: HttpRequest) -> HttpFailure:
    outcome = await client.send(request)
    assert isinstance(outcome, HttpFailure), outcome
    assert "\n" not in sentence(outcome.message)
    assert len(sentence(outcome.message)) < 400
    return outcome


async def answer(client: Client, request: HttpRequest) -> HttpReply:
    outcome = await client.send(request)
    assert isinstance(outcome, HttpReply), outcome
    return outcome


async def test_an_answer_comes_with_status_headers_body_and_time(client: Client, server: Server) -> None:
    reply = await answer(client, get(server.url("/ok")))
    assert (reply.status, reply.body) == (200, b'{"status": "ok", "version": "0.2.0"}')
    assert ("Content-Type", "application/json") in reply.headers
    assert 0 < reply.elapsed < 5


async def test_method_headers_and_body_arrive_as_given(client: Client, server: Server) -> None:
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
        ("/garbage", Cause.PROTOCOL, "does not begin with HTTP/1.0 or HTTP/1.1"),
        ("/short", Cause.SHORT_BODY, "9 of 100 bytes"),
        ("/short-chunked", Cause.SHORT_BODY, "after 5 bytes"),
        ("/endless-headers", Cause.PROTOCOL, ""),
        ("/redirect-loop", Cause.REDIRECTS, "more than 10"),
    ],
)
async def test_misbehaviour_is_a_failure_with_its_cause(
    client: Client, server: Server, path: str, cause: Cause, words: str
) -> None:
    outcome = await failure(client, get(server.url(path), timeout=2, follow=True))
    assert outcome.cause is cause
    assert sentence(outcome.message).startswith(f"127.0.0.1:{server.port}: ")
    assert words in sentence(outcome.message)
    assert outcome.elapsed > 0


@pytest.mark.parametrize("path", ["/endless", "/gzip-bomb", "/big"])
async def test_bodies_beyond_the_bound_are_cut(client: Client, server: Server, path: str) -> None:
    outcome = await failure(client, get(server.url(path), timeout=20))
    assert outcome.cause is Cause.TOO_LARGE
    assert "larger than max_body 4 MiB" in sentence(outcome.message)


@pytest.mark.parametrize("path", ["/gzip-bomb", "/big", "/bad-gzip"])
async def test_body_that_nobody_looks_at_may_be_anything(client: Client, server: Server, path: str) -> None:
    reply = await answer(client, get(server.url(path), timeout=20, keep=None))
    assert (reply.status, reply.unreadable) == (200, "")
    assert len(reply.body) <= SHOWN + 1


async def test_body_that_is_not_what_its_coding_says_is_an_answer_that_cannot_be_read(
    client: Client, server: Server
) -> None:
    reply = await answer(client, get(server.url("/bad-gzip")))
    assert (reply.status, reply.body) == (200, b"")
    assert sentence(reply.unreadable).startswith("the body is not gzip")


async def test_a_refused_connection_names_the_address(client: Client) -> None:
    port = unused_port()
    outcome = await failure(client, get(f"http://127.0.0.1:{port}/"))
    assert outcome.cause is Cause.REFUSED
    assert sentence(outcome.message) == f"127.0.0.1:{port}: connection refused"


async def test_an_unknown_host_is_a_matter_of_dns(client: Client) -> None:
    assert (await failure(client, get("http://no-such-host.invalid/"))).cause is Cause.DNS


@pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"])
async def test_a_url_that_is_none_is_a_failure_and_no_crash(client: Client, url: str) -> None:
    await failure(client, get(url))


async def test_a_header_with_a_line_break_is_not_sent(client: Client, server: Server) -> None:
    request = HttpRequest(method="GET", url=server.url("/ok"), headers=(("X", "a\r\nEvil: 1"),))
    assert "cannot be sent" in sentence((await failure(client, request)).message)
    assert server.requests == []


@pytest.mark.parametrize("path", ["/gzip", "/deflate"])
async def test_encoded_bodies_are_decoded(client: Client, server: Server, path: str) -> None:
    assert (await answer(client, get(server.url(path)))).body == b'{"status": "ok"}'


async def test_redirects_are_followed_only_when_asked(client: Client, server: Server) -> None:
    assert (await answer(client, get(server.url("/redirect")))).status == 302
    reply = await answer(client, get(server.url("/redirect"), follow=True))
    assert (reply.status, reply.url) == (200, server.url("/ok"))
    outcome = await failure(client, get(server.url("/redirect?to=file:///etc/passwd"), follow=True))
    assert "not an HTTP address" in sentence(outcome.message)


@pytest.mark.parametrize(
    ("code", "method", "body"),
    [(301, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")],
)
async def test_a_redirected_post_keeps_its_body_where_the_standard_says(
    client: Client, server: Server, code: int, method: str, body: bytes
) -> None:
    url = server.url(f"/redirect?to=/echo&code={code}")
    await answer(client, HttpRequest(method="POST", url=url, body=b"x", follow=True))
    assert (server.requests[1].method, server.requests[1].body) == (method, body)


async def test_credentials_and_target_headers_stay_with_their_origin(server: Server) -> None:
    target = StaticAddresses({"app": server.url()}, extra_headers={"X-Key": "secret", "X-Own": "target"})
    async with serving() as elsewhere, Network(target).client() as client:
        url = server.url(f"/redirect?to={elsewhere.url('/ok')}")
        headers = (("Authorization", "Bearer x"), ("X-Own", "request"))
        request = HttpRequest(method="GET", url=url, headers=headers, follow=True, entry="app")
        await answer(client, request)
        assert server.requests[0].headers["x-key"] == "secret"
        assert server.requests[0].headers["x-own"] == "request"
        assert not {"x-key", "authorization"} & elsewhere.requests[0].headers.keys()


async def test_cookies_are_not_carried_from_one_request_to_the_next(client: Client, server: Server) -> None:
    await answer(client, get(server.url("/login")))
    assert (await answer(client, get(server.url("/whoami")))).status == 401


async def test_the_proxy_of_the_environment_is_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    async with Network(StaticAddresses()).client() as client:
        assert (await answer(client, get(server.url("/ok")))).status == 200


async def test_requests_under_way_are_as_many_as_the_run_has_places(server: Server) -> None:
    network = Network(StaticAddresses(), places=3)
    async with network.client() as one, network.client() as other:
        asked = [client.send(get(server.url("/slow?ms=20"))) for client in (one, other) for _ in range(10)]
        outcomes = await asyncio.gather(*asked)
    assert server.most_in_flight == 3
    assert all(isinstance(outcome, HttpReply) for outcome in outcomes)
    assert (network.under_way, network.open) == (0, 0)


async def test_waiting_for_a_place_is_not_part_of_the_time(server: Server) -> None:
    network = Network(StaticAddresses(), places=1)
    async with network.client() as client:
        assert client.room
        waiting = asyncio.create_task(client.send(get(server.url("/stall"), timeout=60)))
        await asyncio.sleep(0.05)
        assert not client.room
        behind = asyncio.create_task(answer(client, get(server.url("/ok"), timeout=60)))
        await asyncio.sleep(0.2)
        freed = perf_counter()
        server.resume.set()
        reply = await behind
        assert reply.elapsed <= perf_counter() - freed
        assert type(await waiting) is HttpReply


@contextlib.asynccontextmanager
async def hanging_up(*, after: int, reads: bool) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers so many requests of a connection and says nothing of closing it; then it closes it at once, or
    when the next request has come."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            for _ in range(after):
                taken.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(response({"status": "ok"}))
                await writer.drain()
            if reads:
                taken.append(await reader.readuntil(b"\r\n\r\n"))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/", taken


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_whose_end_has_come_takes_no_request(client: Client, method: str) -> None:
    async with hanging_up(after=1, reads=False) as (url, taken):
        for _ in range(5):
            outcome = await client.send(HttpRequest(method=method, url=url, body=b""))
            assert isinstance(outcome, HttpReply), outcome
            await asyncio.sleep(0.02)
        assert len(taken) == 5


async def test_an_idempotent_request_that_ends_an_idle_connection_is_sent_again(client: Client) -> None:
    async with hanging_up(after=1, reads=True) as (url, taken):
        replies = []
        for _ in range(3):
            replies.append(await answer(client, get(url)))
            await asyncio.sleep(0.06)
        assert [reply.sent_again for reply in replies] == [False, True, True]
        assert len(taken) == 5


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_an_idle_connection_takes_no_request_that_cannot_be_sent_again(
    client: Client, method: str
) -> None:
    async with hanging_up(after=1, reads=True) as (url, taken):
        for _ in range(3):
            await asyncio.sleep(0.06)
            await answer(client, HttpRequest(method=method, url=url, body=b""))
        assert [line.split(b" ")[0].decode() for line in taken] == [method] * 3


async def test_a_target_that_hangs_up_on_a_busy_connection_has_failed(client: Client) -> None:
    async with hanging_up(after=2, reads=True) as (url, taken):
        outcomes = [await client.send(get(url)) for _ in range(3)]
        assert [isinstance(outcome, HttpReply) for outcome in outcomes] == [True, True, False]
        assert len(taken) == 3


async def test_a_connection_that_stays_silent_after_an_answer_is_said_to_be_one(client: Client) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response({"status": "ok"}))
            await reader.read()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        assert (await answer(client, get(url))).status == 200
        outcome = await failure(client, get(url, timeout=0.2))
        assert outcome.cause is Cause.TIMEOUT
        assert "on a connection that had brought 1 answer" in sentence(outcome.message)


async def test_what_comes_behind_an_answer_is_never_the_answer_to_another_request(client: Client) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b" /late " in head:
                    writer.write(response("mine"))
                    await asyncio.sleep(0.02)
                    writer.write(response("nobody's"))
                elif b" /piece " in head:
                    writer.write(response("mine"))
                    await asyncio.sleep(0.02)
                    writer.write(response("nobody's")[:-1])
                elif b" /and-a-piece " in head:
                    writer.write(response("mine") + response("nobody's")[:-1])
                elif b" /twice " in head:
                    writer.write(response("mine") + response("nobody's"))
                else:
                    writer.write(response("other", 500))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for path in ("/twice", "/late", "/piece", "/and-a-piece", "/twice"):
            assert (await answer(client, get(f"{url}{path}"))).body == b"mine"
            await asyncio.sleep(0.05)
            assert (await answer(client, get(f"{url}/other"))).status == 500


ENDS = (
    "keep",
    "close",
    "say it and close",
    "two answers",
    "two answers, one late",
    "a piece of another",
    "a piece of another, late",
    "bytes behind it",
)


async def serve_by_plan(ends: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with its path, and ends as the plan for all connections says next."""
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            end = ends.pop(0) if ends else "keep"
            path = head.split(b" ")[1].decode()
            closing = {"Connection": "close"} if end.startswith("say") else {}
            behind = {
                "two answers": response("behind"),
                "a piece of another": response("behind")[:-1],
                "bytes behind it": b"x",
            }.get(end, b"")
            writer.write(response(path, headers=closing) + behind)
            await writer.drain()
            if end.endswith("late"):
                await asyncio.sleep(0.01)
                writer.write(response("late")[: -1 if end.startswith("a piece") else None])
            if "close" in end:
                return


@settings(max_examples=examples(30), deadline=None)
@given(
    ends=st.lists(st.sampled_from(ENDS), min_size=1, max_size=8).filter(lambda ends: set(ends) != {"keep"}),
    rests=st.lists(st.sampled_from([0.02, 0.06]), min_size=8, max_size=8),
    method=st.sampled_from(["GET", "POST"]),
)
def test_every_request_gets_its_own_answer_however_connections_end(
    ends: list[str], rests: list[float], method: str
) -> None:
    async def talk() -> list[HttpReply | HttpFailure]:
        plan = list(ends)
        async with await asyncio.start_server(partial(serve_by_plan, plan), "127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            outcomes = []
            async with Network(StaticAddresses()).client() as client:
                for number, rest in enumerate(rests):
                    outcomes.append(await client.send(HttpRequest(method=method, url=f"{url}/{number}")))
                    await asyncio.sleep(rest)
            return outcomes

    outcomes = asyncio.run(talk())
    bodies = [one.body if isinstance(one, HttpReply) else one.message for one in outcomes]
    assert bodies == [b"/%d" % number for number in range(len(rests))]


async def test_a_connection_whose_request_may_be_unread_takes_no_other(
    client: Client, server: Server
) -> None:
    for _ in range(3):
        refused = HttpRequest(method="POST", url=server.url("/status?code=400"), body=b"x")
        assert (await answer(client, refused)).status == 400
    assert server.connections == 3
    for _ in range(3):
        await answer(client, get(server.url("/status?code=404")))
    assert server.connections == 4


async def test_clients_do_not_share_connections(server: Server) -> None:
    network = Network(StaticAddresses())
    async with network.client() as one, network.client() as other:
        for client in (one, other, one, other):
            await answer(client, get(server.url("/ok")))
    assert server.connections == 2


async def test_a_cancelled_request_gives_its_place_back(server: Server) -> None:
    network = Network(StaticAddresses(), places=2)
    async with network.client() as client:
        stalled = [asyncio.create_task(client.send(get(server.url("/stall")))) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in stalled:
            task.cancel()
        await asyncio.gather(*stalled, return_exceptions=True)
        assert (await answer(client, get(server.url("/ok"), timeout=2))).status == 200


async def test_tls_asks_for_a_certificate_that_can_be_trusted() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with serving(tls=context) as server:
        async with Network(StaticAddresses()).client() as client:
            outcome = await failure(client, get(server.url("/ok")))
            assert outcome.cause is Cause.TLS
            assert "certificate not accepted" in sentence(outcome.message)
        there, request = {"app": server.url()}, replace(get(server.url("/ok")), entry="app")
        trusting = StaticAddresses(there, tls_settings={"ca": str(CERTIFICATE)})
        async with Network(trusting).client() as client:
            assert (await answer(client, request)).status == 200
        broken = StaticAddresses(there, tls_settings={"ca": "/no/such/file"})
        async with Network(broken).client() as client:
            with raises(ObservationError, match="cannot use the certificates"):
                await client.send(request)


async def test_tls_on_a_server_without_it_ends_with_the_timeout(client: Client, server: Server) -> None:
    outcome = await failure(client, get(f"https://127.0.0.1:{server.port}/", timeout=0.3))
    assert outcome.cause is Cause.TIMEOUT
    assert "no connection" in sentence(outcome.message)
