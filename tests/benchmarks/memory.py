"""The memory of a worker over many requests: it must not grow with them."""

from __future__ import annotations

import os

from phasegate.render.sentences import sentence
from tests.benchmarks.tools.builtin import closed, work
from tests.benchmarks.tools.measure import CannotRunError, nginx, table

REQUESTS = int(os.environ.get("BENCHMARK_REQUESTS", "10000000"))
AIM = 60_000_000
"""Bytes."""
_SLOWEST = 2_000
"""Requests per second; at less the machine is too slow for this."""


def benchmark() -> None:
    rows = [("requests", "seconds", "peak memory of the worker", "aim")]
    with nginx() as url:
        for size in (REQUESTS // 100, REQUESTS):
            worked = work(closed(url, seconds=size / _SLOWEST), enough=size)
            if worked.tally.good < size:
                causes = ", ".join(map(sentence, worked.tally.causes)) or "too slow"
                raise CannotRunError(f"{worked.tally.good:,} good answers of {size:,}: {causes}")
            rows.append(
                (
                    f"{worked.tally.requests:,}",
                    f"{worked.report.window:.0f}",
                    f"{worked.peak / 1e6:.1f} MB",
                    "60 MB" if worked.peak < AIM else "60 MB, missed",
                )
            )
    print(table("memory: closed model, one worker process, resident memory", rows))
