"""The load engine beside its peers on one core, the open model at rising rates, and memory over time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

import psutil

from phasegate.load.job import Job
from phasegate.load.pacing import Profile
from phasegate.load.tally import Report, Tally
from tests.benchmarks import peers
from tests.benchmarks.measure import CannotRunError, certificate, nginx, pinned, table

CONNECTIONS = peers.CONNECTIONS
SECONDS = peers.SECONDS
ROUNDS = 3
RATES = (10_000, 20_000, 40_000, 60_000)
K6_RATES = (2_500, 5_000, 7_500, 10_000)
SIZES = (100_000, 2_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    tally: Tally
    report: Report
    peak: int


def work(job: Job) -> Worked:
    """Drive one worker process on core 1 through a job; the peak of its memory in bytes."""
    process = subprocess.Popen(
        [*pinned(1), sys.executable, "-m", "phasegate.load.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdin is None or process.stdout is None:
        raise CannotRunError("no pipes to the worker")

    def say(kind: str, **fields: Any) -> None:
        process.stdin.write(json.dumps({"type": kind, **fields}) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]

    say("job", **job.to_json())
    say("start", delay=0.2)
    tally, peak = Tally(), 0
    for line in process.stdout:
        message = json.loads(line)
        kind = message.pop("type")
        if kind == "progress":
            message.pop("at")
            tally = tally.merge(Tally.from_json(message))
            peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        elif kind == "result":
            process.stdin.close()
            process.stdout.close()
            process.wait()
            return Worked(tally=tally, report=Report.from_json(message), peak=peak)
    process.wait()
    raise CannotRunError("the worker ended without a result")


def closed(url: str, connections: int = CONNECTIONS, seconds: float = SECONDS) -> Job:
    return Job(url=url, points=Profile.ramped(connections, seconds).points, connections=connections)


def builtin(url: str, tls: Mapping[str, str] = MappingProxyType({})) -> float:
    worked = work(replace(closed(url), tls=tls))
    return worked.report.good_in_window / worked.report.window


TOOLS: Mapping[str, Callable[[str], float]] = {
    "builtin": builtin,
    "wrk": peers.wrk,
    "hey": peers.hey,
    "ab -k": peers.ab,
    "k6": peers.k6,
    "locust FastHttpUser": peers.locust,
}
OVER_TLS: Mapping[str, Callable[[str], float]] = {"builtin": builtin, "wrk": peers.wrk}
FLOWS: Mapping[str, Callable[[str], float]] = {"builtin": peers.builtin_flow, "k6": peers.k6_flow}


def benchmark() -> None:
    with nginx() as url:
        title = (
            f"load, closed model: requests/s over {CONNECTIONS} connections, one core for the client and one "
            "for nginx\n(builtin checks each status and records each latency)"
        )
        print(_side_by_side(title, TOOLS, url), end="\n\n", flush=True)
        title = "load, flows of three requests with JSON expectations: flows/s over 50 connections"
        print(_side_by_side(title, FLOWS, url), end="\n\n", flush=True)
        print(_open_model(url), end="\n\n", flush=True)
        print(_k6_open_model(url), end="\n\n", flush=True)
        print(_memory(url), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as folder, nginx(certificate(Path(folder))) as url:
        title = "load over TLS, closed model: requests/s (builtin verifies the certificate, wrk does not)"
        own = {**OVER_TLS, "builtin": lambda at: builtin(at, tls={"ca": str(Path(folder) / "server.crt")})}
        print(_side_by_side(title, own, url))


def _side_by_side(title: str, tools: Mapping[str, Callable[[str], float]], url: str) -> str:
    """Rounds in turn, medians, and how many times each tool's figure the builtin engine's is."""
    figures: dict[str, list[float]] = {name: [] for name in tools}
    missing: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, tool in tools.items():
            if name not in missing:
                try:
                    figures[name].append(tool(url))
                except CannotRunError as reason:
                    missing[name] = str(reason)
    ours = median(figures["builtin"]) if figures["builtin"] else 0.0
    rows = [("", *(f"round {number + 1}" for number in range(ROUNDS)), "median", "builtin is")]
    for name, values in figures.items():
        if values and name not in missing:
            times = f"{ours / median(values):.2f} times"
            rows.append((name, *(f"{value:,.0f}" for value in values), f"{median(values):,.0f}", times))
    return table(title, rows) + "".join(
        f"\n  could not run {name}: {reason}" for name, reason in missing.items()
    )


def _k6_open_model(url: str) -> str:
    rows = [("rate", "sent in time", "dropped")]
    for rate in K6_RATES:
        try:
            sent, dropped = peers.k6_arrival(url, rate)
        except CannotRunError as reason:
            return f"load, open model of k6: could not be run: {reason}"
        rows.append((f"{rate:,}/s", f"{sent:.2%}", f"{dropped:.2%}"))
    return table("load, open model of k6: constant-arrival-rate, 200 virtual users", rows)


def _open_model(url: str) -> str:
    rows = [("rate", "sent in time", "dropped", "latency p50", "p99", "service p99")]
    for rate in RATES:
        points = Profile.ramped(rate, SECONDS).points
        worked = work(Job(url=url, open=True, points=points, connections=200, timeout=2.0))
        scheduled = worked.report.scheduled
        latency, service = worked.tally.latency, worked.tally.service
        rows.append(
            (
                f"{rate:,}/s",
                f"{worked.report.good_in_window / scheduled:.2%}",
                f"{worked.tally.dropped:,}",
                *(
                    _milliseconds(one, share)
                    for one, share in ((latency, 0.5), (latency, 0.99), (service, 0.99))
                ),
            )
        )
    return table(
        f"load, open model: {SECONDS} s at each rate, latency from the moment a request was due", rows
    )


def _memory(url: str) -> str:
    """A worker is stopped by its duration, so each size is run for as long as the pace just seen needs."""
    pace = builtin(url)
    rows = [("requests", "peak memory of the worker")]
    for size in SIZES:
        worked = work(closed(url, seconds=size / pace * 1.05))
        rows.append((f"{worked.tally.requests:,}", f"{worked.peak / 2**20:.1f} MiB"))
    return table("load, memory: closed model", rows)


def _milliseconds(histogram: Any, share: float) -> str:
    if not histogram.n:
        return "-"
    return f"{histogram.at_rank(max(1, round(share * histogram.n)))[1] * 1e3:.2f} ms"
