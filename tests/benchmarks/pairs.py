"""The builtin engine beside wrk in short pairs: where a machine's speed changes by the minute, the ratio
within a pair is what holds."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from tests.benchmarks.tools import peers
from tests.benchmarks.tools.builtin import CONNECTIONS, builtin
from tests.benchmarks.tools.measure import certificate, nginx, table

PAIRS = int(os.environ.get("BENCHMARK_PAIRS", "24"))
SECONDS = 1
SHORT, LONG = 1, 6
"""Seconds of the runs whose difference is the time of requests alone."""


def benchmark() -> None:
    """Errors: CannotRunError."""
    with nginx() as url:
        rows = [_row("http", 0.9, _pairs(url, {}))]
        times = [_times("builtin", partial(builtin, url)), _times("wrk", partial(peers.wrk, url))]
    with tempfile.TemporaryDirectory() as folder, nginx(certificate(Path(folder))) as url:
        tls = {"ca": str(Path(folder) / "server.crt")}
        rows.append(_row("https", 0.7, _pairs(url, tls)))
    title = (
        f"pairs: requests/s over {CONNECTIONS} connections, {PAIRS} pairs of {SECONDS} s each,\n"
        "medians, and how many times wrk's figure the builtin engine's is within a pair"
    )
    header = ("", "builtin", "wrk", "ratio, lower quartile", "median", "upper quartile", "aim")
    print(table(title, [header, *rows]))
    print()
    title = "pairs: processor time of the client for a request over http, start-up left out, medians of 3"
    print(table(title, [("", "in the kernel", "in the program"), *times]))


def _times(name: str, figure: Callable[..., float]) -> tuple[str, ...]:
    """What a long run takes more than a short one, for each request that it sent more."""
    rounds = [(_used(figure, SHORT), _used(figure, LONG)) for _ in range(3)]
    kernel, program = (
        median((long[i] - short[i]) / (long[2] - short[2]) * 1e6 for short, long in rounds) for i in (0, 1)
    )
    return name, f"{kernel:.1f} us", f"{program:.1f} us"


def _used(figure: Callable[..., float], seconds: int) -> tuple[float, float, float]:
    """Seconds in the kernel, seconds in the program, and requests."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = figure(seconds=seconds) * seconds
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime, requests


def _pairs(url: str, tls: Mapping[str, str]) -> list[tuple[float, float]]:
    found = []
    for number in range(PAIRS):
        found.append((builtin(url, tls, SECONDS), peers.wrk(url, SECONDS)))
        print(f"  pair {number + 1}: builtin {found[-1][0]:,.0f}, wrk {found[-1][1]:,.0f}", file=sys.stderr)
    return found


def _row(name: str, aim: float, pairs: list[tuple[float, float]]) -> tuple[str, ...]:
    ours, theirs = zip(*pairs, strict=True)
    low, middle, high = quantiles((one / other for one, other in pairs), n=4)
    reached = f"{aim:g}" if middle >= aim else f"{aim:g}, missed"
    return (
        name, f"{median(ours):,.0f}", f"{median(theirs):,.0f}",
        f"{low:.2f}", f"{middle:.2f}", f"{high:.2f}", reached,
    )  # fmt: skip
