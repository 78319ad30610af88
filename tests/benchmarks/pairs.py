"""The builtin engine beside wrk in short pairs: where a machine's speed changes by the minute, the ratio
within a pair is what holds."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

from tests.benchmarks import peers
from tests.benchmarks.builtin import CONNECTIONS, builtin
from tests.benchmarks.measure import certificate, nginx, table

PAIRS = int(os.environ.get("BENCHMARK_PAIRS", "24"))
SECONDS = 1


def benchmark() -> None:
    """Errors: CannotRunError."""
    with nginx() as url:
        rows = [_row("http", 0.9, _pairs(url, {}))]
    with tempfile.TemporaryDirectory() as folder, nginx(certificate(Path(folder))) as url:
        tls = {"ca": str(Path(folder) / "server.crt")}
        rows.append(_row("https", 0.7, _pairs(url, tls)))
    title = (
        f"pairs: requests/s over {CONNECTIONS} connections, {PAIRS} pairs of {SECONDS} s each,\n"
        "medians, and how many times wrk's figure the builtin engine's is within a pair"
    )
    header = ("", "builtin", "wrk", "ratio, lower quartile", "median", "upper quartile", "aim")
    print(table(title, [header, *rows]))


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
