"""Both load models against a scripted server: exact counts, honest latencies, orderly ends."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns, process_time
from typing import Any

import pytest

from phasegate.http.expectations.expectation import Expect
from phasegate.load.counting.recorder import Recorder
from phasegate.load.counting.tally import LoadTally
from phasegate.load.http1.connection import LoadExchange
from phasegate.load.job import Job
from phasegate.load.pace.closed import Closed
from phasegate.load.pace.driver import Driver
from phasegate.load.pace.open import Open
from phasegate.load.pace.pacing import Profile
from phasegate.model.histogram import NANOSECONDS, Histogram, bucket_bounds
from phasegate.wire.connector import Connector, GeneratorError
from phasegate.wire.request import endpoint_of, request_bytes, request_fields
from tests.load.server import Reply, answer, scripted, unused_port
from tests.telling import causes_told, raises

pytestmark = pytest.mark.paced


@dataclass
class Drive:
    tally: LoadTally
    driver: Driver
    seconds: float


def driver_of(job: Job) -> Driver:
    good = bytearray(1000)
    for status in job.statuses:
        good[status] = 1
    given = (job.method, job.url, job.headers, job.body)
    exchange = LoadExchange(
        request=request_bytes(*given),
        method=job.method,
        fields=request_fields(*given),
        body=job.body,
        url=job.url,
        timeout=job.timeout,
        good=bytes(good),
        check=None if job.expect is None else Expect.model_validate(job.expect).compile(),
    )
    connector = Connector(endpoint_of(job.url), timeout=job.timeout, tls=job.tls, http2=job.http2)
    return (Open if job.open else Closed)(job, exchange, connector, Recorder(open=job.open))


async def drive(job: Job, *, stop_after: float | None = None) -> Drive:
    driver = driver_of(job)
    began = perf_counter_ns()
    running = asyncio.create_task(driver.run(began))
    if stop_after is not None:
        await asyncio.sleep(stop_after)
        driver.stop()
    await running
    return Drive(driver.recorder.take(), driver, (perf_counter_ns() - began) / NANOSECONDS)


def closed(url: str, connections: int = 3, duration: float = 0.5, **more: Any) -> Job:
    profile = Profile.ramped(connections, duration, more.pop("ramp", 0.0))
    return Job(url=url, points=profile.points, connections=connections, **{"timeout": 20.0, **more})


def open_(url: str, rate: float = 200.0, duration: float = 0.5, **more: Any) -> Job:
    profile = Profile.ramped(rate, duration, more.pop("ramp", 0.0))
    return Job(url=url, points=profile.points, open=True, **{"timeout": 20.0, "connections": 20, **more})


# counts


async def test_closed_model_counts_every_request_the_server_saw() -> None:
    async with scripted() as server:
        run = await drive(closed(server.url))
        assert run.tally.good == len(server.requests) > 10
        assert run.tally.failed == 0
        assert server.connections == 3, "connections are kept alive"
    assert run.tally.latency == run.tally.service


async def test_open_model_sends_exactly_what_the_rate_asks() -> None:
    async with scripted() as server:
        run = await drive(open_(server.url, rate=300.0, duration=0.5))
        assert len(server.requests) == run.tally.good == 150
    assert (run.driver.scheduled.due, run.driver.scheduled.sent, run.tally.dropped) == (150, 150, 0)


async def test_open_model_ramps_up() -> None:
    async with scripted() as server:
        run = await drive(open_(server.url, rate=400.0, duration=0.5, ramp=0.5))
        assert len(server.requests) == run.tally.good == 100


async def test_closed_model_ramps_up_connections() -> None:
    async with scripted(Reply(delay=0.05)) as server:
        run = await drive(closed(server.url, connections=4, duration=0.8, ramp=0.8))
        assert server.connections == 4
    assert run.tally.good < 50, "the last connection was open for a quarter of the time"


async def test_closed_model_closes_connections_as_the_level_falls() -> None:
    falling = Profile.staged([(0.0, 4.0), (1.0, 4.0), (0.0, 1.0), (1.0, 1.0)])
    open_then: list[int] = []
    async with scripted(Reply(delay=0.01)) as server:
        job = Job(url=server.url, points=falling.points, connections=4, timeout=2.0)
        driver = driver_of(job)
        running = asyncio.create_task(driver.run(perf_counter_ns()))
        while not running.done():
            await asyncio.sleep(0.02)
            open_then.append(len(driver.connections))
        assert server.connections == max(open_then) == 4
        assert 1 in open_then[open_then.index(4) :], "one is left"
        assert driver.recorder.take().requests == len(server.requests)
    assert driver.window == pytest.approx(2.0)


async def test_open_model_follows_stages() -> None:
    stages = Profile.staged([(0.2, 200.0), (0.2, 200.0), (0.0, 0.0), (0.1, 0.0), (0.0, 300.0), (0.2, 300.0)])
    async with scripted() as server:
        run = await drive(Job(url=server.url, points=stages.points, open=True, connections=20, timeout=2.0))
        assert len(server.requests) == run.tally.good == 20 + 40 + 60


@pytest.mark.parametrize("worker", [0, 1, 2])
async def test_worker_sends_its_part_only(worker: int) -> None:
    async with scripted() as server:
        run = await drive(open_(server.url, rate=100.0, worker=worker, workers=3))
        assert len(server.requests) == (17, 17, 16)[worker]
        assert run.driver.scheduled.due == len(server.requests)


@pytest.mark.parametrize("make", [closed, open_])
async def test_error_share_is_counted_exactly(make: Any) -> None:
    bad = Reply(pieces=(answer(503, b"busy"),))
    async with scripted(lambda n: bad if n % 5 == 0 else Reply()) as server:
        run = await drive(make(server.url))
        expected = -(-len(server.requests) // 5)
        assert causes_told(run.tally) == {"expected status 2xx, got 503": expected}
        assert run.tally.good == len(server.requests) - expected
    assert run.driver.recorder.episodes >= 1
    assert run.driver.recorder.examples[0].answer.endswith("busy")


@pytest.mark.parametrize("make", [closed, open_])
async def test_connections_that_close_after_each_answer_are_opened_anew(make: Any) -> None:
    async with scripted(Reply(pieces=(answer(200, b"ok", "Connection: close"),), end="close")) as server:
        run = await drive(make(server.url))
        assert run.tally.good == len(server.requests) > 10
        assert 0 <= server.connections - len(server.requests) <= 3, "one may open as the load ends"
        assert run.tally.failed == 0


@pytest.mark.parametrize("make", [closed, open_])
async def test_body_until_close_is_good(make: Any) -> None:
    reply = Reply(pieces=(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd"), gap=0.01, end="close")
    async with scripted(reply) as server:
        run = await drive(make(server.url))
        assert run.tally.good == len(server.requests) > 5
        assert run.tally.failed == 0


@pytest.mark.parametrize("make", [closed, open_])
@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(pieces=(), end="reset"), "connection reset"),
        (Reply(pieces=(), end="close"), "connection reset: closed without an answer"),
        (Reply(pieces=(answer()[:-3],), end="close"), "short body"),
        (Reply(pieces=(b"\0\1\2 no HTTP at all",), end="close"), "protocol error"),
    ],
)
async def test_broken_answers_are_named_and_counted(make: Any, reply: Reply, cause: str) -> None:
    """Of requests that are never sent again, as those of other methods may be on an idle connection."""
    async with scripted(lambda n: reply if n % 4 == 3 else Reply()) as server:
        run = await drive(make(server.url, method="POST"))
        assert run.tally.failed == len(server.requests) // 4
        assert run.tally.requests == len(server.requests)
    assert all(text.startswith(cause) for text in causes_told(run.tally))


async def test_request_body_and_headers_arrive() -> None:
    async with scripted() as server:
        job = open_(
            server.url, rate=10.0, duration=0.1, method="POST", body=b'{"a":1}', headers=(("X-Id", "7"),)
        )
        await drive(job)
        (request,) = server.requests
    assert request.startswith(b"POST /health HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Id: 7\r\n" in request
    assert request.endswith(b"\r\n\r\n" + b'{"a":1}')


# targets that cannot be reached


@pytest.mark.parametrize("make", [closed, open_])
async def test_refusing_target_fails_every_request_without_spinning(make: Any) -> None:
    url = f"http://127.0.0.1:{unused_port()}/"
    began = process_time()
    run = await drive(make(url, duration=1.0))
    assert run.tally.good == 0
    assert run.tally.failed >= 50
    assert [cause.partition(":")[0] for cause in causes_told(run.tally)] == ["connection refused"]
    assert process_time() - began < 0.7
    assert run.driver.recorder.episodes == 1


async def test_open_model_tries_every_request_on_a_refusing_target() -> None:
    run = await drive(open_(f"http://127.0.0.1:{unused_port()}/", rate=100.0))
    assert run.tally.failed == 50
    assert run.driver.scheduled.sent == 50


async def test_name_that_does_not_resolve_is_a_dns_failure() -> None:
    run = await drive(open_("http://phasegate-test.invalid/", rate=20.0, timeout=5.0))
    assert run.tally.failed == 10
    assert {cause.partition(":")[0] for cause in causes_told(run.tally)} <= {"DNS", "timeout"}


async def test_target_that_dies_half_way_fails_about_half_of_the_closed_load() -> None:
    async with scripted(Reply(delay=0.002)) as server:
        driver = driver_of(closed(server.url, connections=4, duration=3.0))
        running = asyncio.create_task(driver.run(perf_counter_ns()))
        whole = LoadTally()
        for _ in range(6):
            await asyncio.sleep(0.25)
            whole = whole.merge(driver.recorder.take())
    await running
    whole = whole.merge(driver.recorder.take())
    share = whole.failed / whole.requests
    assert 0.25 < share < 0.75, whole.causes


# time


async def test_stall_shows_in_latency_of_the_open_model_but_not_in_service_time() -> None:
    async with scripted() as server:
        running = asyncio.create_task(drive(open_(server.url, rate=500.0, duration=2.0, connections=1)))
        await asyncio.sleep(1.0)
        server.stalled.clear()
        await asyncio.sleep(0.5)
        server.stalled.set()
        run = await running
    assert run.tally.good == 1_000
    assert run.tally.latency.at_rank(999)[0] > 0.4
    slow, slow_service = _slow(run.tally.latency), _slow(run.tally.service)
    assert slow > 150, "all that were due in the stall waited for it"
    # Whatever else held up requests, one was out each time.
    assert 1 <= slow_service < slow / 20


def _slow(histogram: Histogram) -> int:
    return sum(n for bucket, n in histogram.counts if bucket_bounds(bucket)[0] > 0.1 * NANOSECONDS)


async def test_silent_server_times_out_each_request() -> None:
    async with scripted() as server:
        server.stalled.clear()
        run = await drive(open_(server.url, rate=100.0, duration=0.3, timeout=0.3, connections=50))
        server.stalled.set()
    assert causes_told(run.tally).keys() == {"timeout: no answer in 300 ms"}
    assert run.tally.failed + run.tally.dropped == 30


async def test_closed_model_awaits_what_is_out_up_to_the_timeout() -> None:
    async with scripted(Reply(delay=0.6)) as server:
        run = await drive(closed(server.url, connections=2, duration=0.1))
    assert run.tally.good == 2
    async with scripted(Reply(delay=10)) as server:
        run = await drive(closed(server.url, connections=2, duration=0.1, timeout=0.3))
    assert causes_told(run.tally) == {"timeout: no answer in 300 ms": 2}


async def test_requests_without_a_free_connection_are_dropped_after_their_timeout() -> None:
    async with scripted(Reply(delay=0.5)) as server:
        run = await drive(open_(server.url, rate=50.0, duration=4.0, timeout=1.0, connections=2))
        sent = run.driver.scheduled.sent
        assert sent == run.tally.requests == run.tally.good
        assert 0 <= len(server.requests) - sent <= 2, "sent too late for their whole timeout"
    assert run.driver.scheduled.due == 200
    assert run.tally.dropped == 200 - sent > 150
    assert run.tally.latency.maximum < 2 * 1.0 + 0.5


async def test_drip_fed_answer_times_out() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with scripted(Reply(pieces=(head, *[b"1\r\nx\r\n"] * 1000), gap=0.02)) as server:
        run = await drive(closed(server.url, connections=1, duration=0.1, timeout=0.3))
    assert causes_told(run.tally) == {"timeout: the answer did not end in 300 ms": 1}


@pytest.mark.parametrize("make", [closed, open_])
async def test_stop_ends_early_and_leaves_out_what_is_unfinished(make: Any) -> None:
    async with scripted(lambda n: Reply(delay=30 if n == 7 else 0)) as server:
        run = await drive(make(server.url, duration=30.0, timeout=20.0), stop_after=0.5)
        assert run.tally.requests == len(server.requests) - 1
    assert run.tally.failed == 0
    assert run.driver.unfinished == 1
    assert 0.4 < run.driver.window <= run.seconds < 20


async def test_rate_beyond_the_machine_is_dropped_not_hidden() -> None:
    async with scripted() as server:
        run = await drive(open_(server.url, rate=1e6, duration=0.5, timeout=0.1, connections=2))
    assert run.driver.scheduled.due == 500_000
    assert run.tally.dropped + run.driver.scheduled.sent == 500_000
    assert run.tally.dropped > 100_000


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, key and certificate in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=phasegate test"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_tls_with_the_targets_own_authority(certificate: Path) -> None:
    async with scripted(tls=_server_context(certificate)) as server:
        run = await drive(open_(server.url, rate=100.0, tls={"ca": str(certificate)}))
        assert run.tally.good == len(server.requests) == 50


async def test_untrusted_certificate_is_a_tls_failure(certificate: Path) -> None:
    async with scripted(tls=_server_context(certificate)) as server:
        run = await drive(open_(server.url, rate=20.0))
        assert not server.requests
    assert run.tally.failed == 10
    assert all(cause.startswith("TLS: certificate of 127.0.0.1:") for cause in causes_told(run.tally))


def test_certificate_file_that_is_missing_is_no_fault_of_the_target() -> None:
    with raises(GeneratorError, match="certificates"):
        driver_of(open_("https://127.0.0.1:1/", tls={"ca": "/nowhere.pem"}))
