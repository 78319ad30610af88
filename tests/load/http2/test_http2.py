"""HTTP/2 against a scripted server and against nginx: exact counts, a name for every failure."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import signal
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ngh2
import pytest

from phasegate.http.messages.content import MAX_BODY
from phasegate.load.job import Job
from tests.load import http2_server
from tests.load.certificates import Authority
from tests.load.http2_server import OK, answer, http2_scripted
from tests.load.pace.test_driver import Drive, drive
from tests.load.pace.test_driver import closed as closed_job
from tests.load.pace.test_driver import open_ as open_job
from tests.load.server import Reply, scripted, unused_port
from tests.load.server import answer as http1_answer
from tests.telling import causes_told

pytestmark = pytest.mark.paced


def closed(url: str, connections: int = 3, duration: float = 0.4, **more: Any) -> Job:
    return closed_job(url, connections, duration, **{"http2": True, "streams": 4, **more})


def open_(url: str, rate: float = 300.0, duration: float = 0.4, **more: Any) -> Job:
    return open_job(url, rate, duration, **{"http2": True, "streams": 4, **more})


def one(url: str, **more: Any) -> Job:
    """One request at a time."""
    return closed(url, 1, **{"streams": 1, **more})


async def cause_of(run: Drive) -> str:
    assert run.tally.good == 0
    (cause,) = causes_told(run.tally)
    return cause


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("http2"))


# counts


async def test_closed_model_keeps_its_streams_busy_and_counts_every_request() -> None:
    async with http2_scripted() as server:
        run = await drive(closed(server.url))
        assert run.tally.good == len(server.requests) > 50
        assert run.tally.causes == {}
        assert len(server.sessions) == 3, "streams share connections"
        assert 1 <= server.most <= 4
        assert server.client_settings[ngh2.Setting.ENABLE_PUSH] == 0


async def test_all_streams_are_in_use_at_once() -> None:
    async with http2_scripted(lambda _: http2_server.nothing) as server:
        run = await drive(closed(server.url, 2, 0.05, timeout=0.1, streams=5))
        assert server.most == 5
        assert causes_told(run.tally) == {"timeout: no answer in 100 ms": len(server.requests)}


async def test_open_model_sends_every_request_that_is_due() -> None:
    async with http2_scripted() as server:
        run = await drive(open_(server.url))
        assert run.tally.good == len(server.requests) == 120
        assert run.tally.causes == {}
        assert run.tally.dropped == 0
        assert run.driver.scheduled.sent == run.driver.scheduled.due == 120


async def test_open_model_drops_what_finds_no_stream_in_time() -> None:
    async with http2_scripted(lambda _: http2_server.nothing) as server:
        run = await drive(open_(server.url, 100, connections=1, streams=2, timeout=0.2))
        sent = run.driver.scheduled.sent
        assert run.tally.dropped == 40 - sent > 0
        assert causes_told(run.tally) == {"timeout: no answer in 200 ms": sent}


async def test_ramp_down_closes_connections() -> None:
    async with http2_scripted() as server:
        points = ((0.0, 4.0), (0.5, 4.0), (0.5, 1.0), (2.0, 1.0))
        job = Job(url=server.url, points=points, connections=4, http2=True, streams=4, timeout=2.0)
        running = asyncio.create_task(drive(job))
        alive = []
        while not running.done():
            await asyncio.sleep(0.02)
            alive.append(sum(not session.transport.is_closing() for session in server.sessions))
        assert 1 in alive[alive.index(4) :], "one is left"
        run = await running
        assert run.tally.good == len(server.requests)


# failures, each by its name

NAMES = (
    ("", answer()),
    ("", http2_server.early_and_with_trailers),
    ("", answer(204, b"")),
    ("expected status 2xx, got 500", answer(500, b"oops")),
    (
        "connection reset: the stream was reset without an answer (REFUSED_STREAM)",
        http2_server.stream_reset(ngh2.ErrorCode.REFUSED_STREAM),
    ),
    (
        "short body: the stream was reset before the answer was complete (INTERNAL_ERROR)",
        http2_server.begun_then_reset,
    ),
    ("short body: not as long as content-length says", http2_server.short),
    ("connection reset: closed without an answer", http2_server.closed),
    ("connection reset: reset without an answer", http2_server.hard_reset),
    ("short body: closed before the answer was complete", http2_server.begun_then_closed),
    (
        "connection reset: the target ended the connection (ENHANCE_YOUR_CALM)",
        http2_server.calm_down,
    ),
    (
        "protocol error: the head of the answer is longer than 64 KiB",
        answer(200, OK, *((b"x-%d" % number, b"v" * 1000) for number in range(80))),
    ),
)


@pytest.mark.parametrize("make", [closed, open_])
async def test_every_failure_is_counted_exactly_under_its_name(make: Any) -> None:
    async with http2_scripted(lambda n: NAMES[n % len(NAMES)][1]) as server:
        run = await drive(make(server.url, streams=1, duration=0.6))
        expected = Counter(NAMES[n % len(NAMES)][0] for n in range(len(server.requests)))
    assert run.tally.good == expected.pop("")
    assert causes_told(run.tally) == dict(expected)
    assert len(expected) == len(NAMES) - 3


async def test_frames_that_are_none_are_a_protocol_error() -> None:
    async with http2_scripted(lambda _: http2_server.raw(b"\0\0\1\7" + b"x" * 60)) as server:
        run = await drive(one(server.url, duration=0.1))
        assert (await cause_of(run)).startswith("protocol error: ")
        assert run.tally.failed == len(server.requests)


async def test_failing_stream_leaves_others_on_its_connection_alone() -> None:
    reset = http2_server.stream_reset(ngh2.ErrorCode.INTERNAL_ERROR)
    async with http2_scripted(lambda n: reset if n % 5 == 0 else answer()) as server:
        run = await drive(closed(server.url, 1, streams=4))
        asked = len(server.requests)
        assert run.tally.failed == len(range(0, asked, 5))
        assert run.tally.good == asked - run.tally.failed
        assert len(server.sessions) == 1


async def test_timeout_moves_all_streams_to_a_new_connection() -> None:
    async with http2_scripted(lambda n: http2_server.nothing if n == 20 else answer()) as server:
        run = await drive(closed(server.url, 1, 0.5, streams=4, timeout=0.1))
        assert causes_told(run.tally) == {"timeout: no answer in 100 ms": 1}
        assert run.tally.good == len(server.requests) - 1
        assert len(server.sessions) == 2


async def test_flood_of_pings_ends_the_connection() -> None:
    pings = b"".join(b"\0\0\10\6\0\0\0\0\0" + b"12345678" for _ in range(4000))
    async with http2_scripted(lambda _: http2_server.raw(pings)) as server:
        run = await drive(one(server.url, duration=0.1))
        assert (await cause_of(run)).startswith("protocol error: ")


# no connection, and no HTTP/2


async def test_refused_connection_fails_the_request_of_every_stream() -> None:
    port = unused_port()
    run = await drive(open_(f"http://127.0.0.1:{port}/", 100, streams=2))
    assert causes_told(run.tally) == {f"connection refused: 127.0.0.1:{port}": 40}


async def test_target_that_speaks_http1_is_a_failure_over_plain_http() -> None:
    async with scripted(Reply(pieces=(http1_answer(400),), end="close")) as server:
        run = await drive(open_(server.url, 50))
        assert causes_told(run.tally) == {"protocol error: the target speaks HTTP/1.1, not HTTP/2": 20}


async def test_target_that_speaks_something_else_is_named_as_such() -> None:
    async with scripted(Reply(pieces=(b"<!DOCTYPE HTML>\n<html>no</html>",), end="close")) as server:
        run = await drive(open_(server.url, 50))
        assert (await cause_of(run)).startswith("protocol error: the target does not speak HTTP/2: ")


async def test_target_that_says_nothing_is_a_timeout() -> None:
    async with http2_scripted(greets=False) as server:
        run = await drive(open_(server.url, 50, timeout=0.2, duration=0.1))
        name = f"timeout: no HTTP/2 settings from 127.0.0.1:{server.port} in 200 ms"
        assert causes_told(run.tally) == {name: 5}


@pytest.mark.parametrize("offers", [["http/1.1"], []])
async def test_tls_without_agreement_on_http2_is_a_failure(authority: Authority, offers: list[str]) -> None:
    context = authority.server(authority.certificate("server"))
    if offers:
        context.set_alpn_protocols(offers)
    async with scripted(tls=context) as server:
        run = await drive(open_(server.url, 50, tls={"ca": authority.ca}))
        cause = await cause_of(run)
        assert cause.startswith(f"TLS: 127.0.0.1:{server.port}: the target does not speak")
        assert run.tally.failed == 20
        assert server.requests == [], "nothing is sent in HTTP/1.1"


async def test_tls_with_agreement_on_http2(authority: Authority) -> None:
    context = authority.server(authority.certificate("server"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with http2_scripted(tls=context) as server:
        run = await drive(closed(server.url, tls={"ca": authority.ca}))
        assert run.tally.good == len(server.requests) > 20
        assert run.tally.causes == {}
        fields = dict(server.requests[0])
        assert fields[b":scheme"] == b"https"
        assert fields[b":authority"] == f"127.0.0.1:{server.port}".encode()
        assert fields[b":path"] == b"/health"
        assert b"host" not in fields


# orderly reconnects


async def test_new_connection_that_the_target_asks_for_costs_no_request() -> None:
    script = lambda n: http2_server.last_answer if n % 30 == 29 else answer()  # noqa: E731
    async with http2_scripted(script) as server:
        run = await drive(closed(server.url, 2, streams=3))
        assert run.tally.causes == {}
        # A stream that the target had not looked at is sent again.
        assert run.tally.good <= len(server.requests)
        assert run.tally.good > 20
        assert len(server.sessions) > 3


async def test_request_that_the_target_did_not_look_at_is_sent_again_with_its_clock_running() -> None:
    async with http2_scripted(lambda n: http2_server.unseen if n == 5 else answer()) as server:
        run = await drive(one(server.url))
        assert run.tally.causes == {}
        assert run.tally.good == len(server.requests) - 1
        assert len(server.sessions) == 2


async def test_target_that_never_looks_at_a_request_fails_it() -> None:
    async with http2_scripted(lambda _: http2_server.unseen) as server:
        run = await drive(open_(server.url, 50, streams=1))
        name = "connection reset: sent twice, and each time the target asked for a new connection"
        assert causes_told(run.tally) == {name: 20}
        assert len(server.requests) == 40


async def test_limit_of_the_target_on_streams_is_kept() -> None:
    async with http2_scripted(settings={ngh2.Setting.MAX_CONCURRENT_STREAMS: 2}) as server:
        run = await drive(closed(server.url, 1, streams=10))
        assert server.most <= 2
        assert run.tally.good == len(server.requests) > 20
        assert run.tally.causes == {}


# bodies


async def test_upload_larger_than_every_window_arrives_whole() -> None:
    body = bytes(range(256)) * 1600
    async with http2_scripted() as server:
        run = await drive(closed(server.url, 1, 0.2, streams=2, method="POST", body=body))
        assert run.tally.good == len(server.requests) > 0
        assert run.tally.causes == {}
        assert server.uploaded == len(body) * len(server.requests)


async def test_answer_before_the_end_of_an_upload_is_an_answer() -> None:
    settings = {ngh2.Setting.INITIAL_WINDOW_SIZE: 0}
    async with http2_scripted(lambda _: answer(413, b""), settings=settings, early=True) as server:
        run = await drive(open_(server.url, 100, method="POST", body=b"x" * 100_000))
        assert causes_told(run.tally) == {"expected status 2xx, got 413": 40}
        assert len(server.requests) == 40
        assert server.uploaded == 0


async def test_large_answer_is_read_whatever_its_size_when_nothing_looks_at_it() -> None:
    async with http2_scripted(lambda _: answer(200, bytes(MAX_BODY + 1))) as server:
        run = await drive(one(server.url, duration=0.05, timeout=10.0))
        assert run.tally.good == len(server.requests) > 0


async def test_large_answer_is_cut_off_where_an_expectation_looks_at_it() -> None:
    async with http2_scripted(lambda _: answer(200, bytes(MAX_BODY + 1))) as server:
        job = one(server.url, duration=0.05, timeout=10.0, expect={"body": {"contains": "x"}})
        said = "response too large: the body is larger than max_body 4 MiB"
        assert await cause_of(await drive(job)) == said


async def test_expectations_look_at_headers_and_inflated_bodies() -> None:
    packed = answer(200, gzip.compress(OK), (b"content-encoding", b"gzip"), (b"x-kind", b"a"))
    plain = answer(200, b'{"status":"bad"}', (b"x-kind", b"b"))
    async with http2_scripted(lambda n: packed if n % 2 else plain) as server:
        run = await drive(one(server.url, expect={"json": {"$.status": "ok"}, "headers": {"x-kind": "a"}}))
        asked = len(server.requests)
        assert run.tally.good == asked // 2
        assert run.tally.failed == asked - asked // 2
        (cause,) = causes_told(run.tally)
        assert "$.status" in cause
        assert "x-kind" in cause
        assert run.driver.recorder.examples[0].answer.startswith("HTTP/2 200\r\n")


async def test_head_ends_with_its_head() -> None:
    def act(session: http2_server.Session, stream: int) -> None:
        fields = [(b":status", b"200"), (b"content-length", b"999")]
        session.core.send_response(stream, fields, end_stream=True)

    async with http2_scripted(lambda _: act) as server:
        run = await drive(one(server.url, method="HEAD"))
        assert run.tally.good == len(server.requests) > 0


# nginx

CONF = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log; keepalive_requests 50;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{tls} ssl http2; listen 127.0.0.1:{plain} http2;
    ssl_certificate {pem}; ssl_certificate_key {pem};
    location /health {{ default_type application/json; return 200 '{{"status":"ok"}}'; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "nginx-light is missing"
    folder = tmp_path_factory.mktemp("nginx")
    tls, plain = unused_port(), unused_port()
    pem = authority.certificate("nginx")
    (folder / "nginx.conf").write_text(CONF.format(folder=folder, tls=tls, plain=plain, pem=pem))
    command = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            if (folder / "pid").exists():
                break
            process.poll()
            signal.sigtimedwait([], 0.02)
        yield folder, f"https://127.0.0.1:{tls}/health", f"http://127.0.0.1:{plain}/health"
        process.terminate()


@pytest.mark.parametrize("scheme", [1, 2], ids=["https", "http"])
@pytest.mark.parametrize("make", [closed, open_])
async def test_nginx_answers_every_request_though_it_asks_for_new_connections(
    nginx: tuple[Path, str, str], authority: Authority, scheme: int, make: Any
) -> None:
    log = nginx[0] / "access.log"
    before = log.read_text().count("\n")
    run = await drive(make(str(nginx[scheme]), tls={"ca": authority.ca}))
    await asyncio.sleep(0.05)
    written = log.read_text().splitlines()[before:]
    assert run.tally.causes == {}
    assert run.tally.good > 100
    # nginx keeps reading for a while on a connection that it has said to close, and answers nothing there.
    assert sum('" 200 ' in line for line in written) == run.tally.good
    assert all('HTTP/2.0"' in line for line in written)


def test_nginx_has_http2() -> None:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    assert "http_v2_module" in said
    assert ssl.HAS_ALPN


async def test_redirects_are_counted_and_are_no_good_answers() -> None:
    redirect = answer(302, b"", (b"location", b"/health"))
    async with http2_scripted(lambda _: redirect) as server:
        run = await drive(one(server.url, duration=0.1))
        assert causes_told(run.tally) == {"expected status 2xx, got 302": len(server.requests)}
        assert run.driver.recorder.redirects == len(server.requests) > 0
