"""The load engine beside wrk and hey on one core, the open model at rising rates, and memory over time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil

from phasegate.load.job import Job
from phasegate.load.pacing import Profile
from phasegate.load.tally import Report, Tally
from tests.benchmarks.measure import CannotRunError, nginx, pinned, run, table

CONNECTIONS = 50
SECONDS = 4
ROUNDS = 3
RATES = (10_000, 20_000, 40_000, 60_000)
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


def builtin(url: str) -> float:
    worked = work(closed(url))
    return worked.report.good_in_window / worked.report.window


def wrk(url: str) -> float:
    return _figure("wrk", r"Requests/sec:\s+([\d.]+)", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url)


def hey(url: str) -> float:
    return _figure(
        "hey", r"Requests/sec:\s+([\d.]+)", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{SECONDS}s", url
    )


TOOLS: Mapping[str, Callable[[str], float]] = {"builtin closed": builtin, "wrk": wrk, "hey": hey}


def _figure(program: str, pattern: str, *arguments: str) -> float:
    if shutil.which(program) is None:
        raise CannotRunError(f"{program} is missing: apt-get install {program}")
    ran = run([*pinned(1), program, *arguments])
    found = re.search(pattern, ran.output)
    if found is None:
        raise CannotRunError(f"{program} gave no figure: {ran.output[-200:]!r}")
    return float(found[1])


def benchmark() -> None:
    with nginx() as url:
        print(_closed_model(url), end="\n\n", flush=True)
        print(_open_model(url), end="\n\n", flush=True)
        print(_memory(url))


def _closed_model(url: str) -> str:
    figures: dict[str, list[float]] = {name: [] for name in TOOLS}
    missing: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, tool in TOOLS.items():
            if name not in missing:
                try:
                    figures[name].append(tool(url))
                except CannotRunError as reason:
                    missing[name] = str(reason)
    reference = median(figures["wrk"]) if figures["wrk"] else None
    header = ("", *(f"round {number + 1}" for number in range(ROUNDS)), "median", "of wrk")
    rows = [header]
    for name, values in figures.items():
        if values and name not in missing:
            ratio = f"{median(values) / reference:.2f}" if reference else "-"
            rows.append((name, *(f"{value:,.0f}" for value in values), f"{median(values):,.0f}", ratio))
    notes = "".join(f"\n  could not run {name}: {reason}" for name, reason in missing.items())
    title = (
        f"load, closed model: requests/s over {CONNECTIONS} connections, one core for the client and one for "
        "nginx\n(builtin checks each status and records each latency; goal: 0.70 of wrk)"
    )
    return table(title, rows) + notes


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
