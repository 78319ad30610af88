"""The built-in engine as the benchmarks drive it: one worker process on the client's core."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import psutil

from phasegate.load.counting.tally import LoadTally, Report
from phasegate.load.job import Job
from phasegate.load.pace.pacing import Profile
from tests.benchmarks.tools.measure import SECONDS, CannotRunError, pinned

CONNECTIONS = 50
"""Of the closed model, for every tool."""
OPEN_CONNECTIONS = 200
"""The most that the open model has open, for every tool: k6's virtual users, vegeta's workers."""

_START_DELAY_NS = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    tally: LoadTally
    report: Report
    peak: int
    """Bytes of resident memory, the most that the worker had."""


def work(job: Job, enough: int | None = None) -> Worked:
    """Drive one worker process through a job, or until it has seen `enough` requests.

    Errors: CannotRunError.
    """
    process = subprocess.Popen(
        [*pinned(1), sys.executable, "-m", "phasegate.load.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        return _drive(process, job, enough)
    finally:
        process.kill()
        process.communicate()


def _drive(process: subprocess.Popen[str], job: Job, enough: int | None) -> Worked:
    if process.stdin is None or process.stdout is None:
        raise CannotRunError("no pipes to the worker")
    _say(process, {"type": "job", **job.to_json()})
    tally, peak, stopped = LoadTally(), 0, False
    for line in process.stdout:
        message = json.loads(line)
        kind = message.pop("type")
        if kind == "ready":
            _say(process, {"type": "start", "at": time.perf_counter_ns() + _START_DELAY_NS})
        elif kind == "progress":
            message.pop("at")
            tally = tally.merge(LoadTally.from_json(message))
            peak = max(peak, _peak(process.pid))
            if enough is not None and tally.requests >= enough and not stopped:
                _say(process, {"type": "stop"})
                stopped = True
        elif kind == "result":
            return Worked(tally=tally, report=Report.from_json(message), peak=peak)
        elif kind == "error":
            raise CannotRunError(message["message"])
    raise CannotRunError("the worker ended without a result")


def _say(process: subprocess.Popen[str], message: Mapping[str, object]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _peak(pid: int) -> int:
    """The high-water mark that Linux keeps of the program itself; elsewhere what it has now.

    Not `ru_maxrss`: that one includes what the parent had when it forked.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        try:
            return psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            return 0


def closed(url: str, connections: int = CONNECTIONS, seconds: float = SECONDS) -> Job:
    return Job(url=url, points=Profile.ramped(connections, seconds).points, connections=connections)


def arrivals(url: str, rate: float) -> Job:
    points = Profile.ramped(rate, SECONDS).points
    return Job(url=url, open=True, points=points, connections=OPEN_CONNECTIONS, timeout=2.0)


def builtin(url: str, tls: Mapping[str, str] = MappingProxyType({}), seconds: float = SECONDS) -> float:
    """Good answers per second, each status checked and each latency recorded."""
    report = work(replace(closed(url, seconds=seconds), tls=tls)).report
    return report.good_in_window / report.window


def builtin_arrival(url: str, rate: int) -> float:
    """Good answers within the seconds of sending, as a share of what was due at a constant arrival rate."""
    return work(arrivals(url, rate)).report.good_in_window / (rate * SECONDS)
