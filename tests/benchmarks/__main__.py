"""`python -m tests.benchmarks [NAME ...]`: run the named benchmarks, or all, and print their tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from tests.benchmarks import (
    arrivals,
    clients,
    clusters,
    containers,
    early,
    http2,
    load,
    loading,
    many,
    memory,
    pairs,
    plans,
    redaction,
    start,
)
from tests.benchmarks.tools import machine
from tests.benchmarks.tools.measure import CannotRunError

BENCHMARKS: Mapping[str, Callable[[], None]] = {
    "version": plans.version,
    "start": start.benchmark,
    "validate": plans.validate,
    "loading": loading.benchmark,
    "redaction": redaction.benchmark,
    "health": plans.health,
    "checks": many.checks,
    "cases": many.cases,
    "clients": clients.benchmark,
    "load": load.benchmark,
    "pairs": pairs.benchmark,
    "http2": http2.benchmark,
    "arrivals": arrivals.benchmark,
    "memory": memory.benchmark,
    "clusters": clusters.benchmark,
    "early": early.benchmark,
    "containers": containers.benchmark,
}


def main(names: list[str]) -> int:
    """The exit code: 2 for an unknown name, 1 when one of them, or a table of one, could not be run."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; benchmarks are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(machine.line())
    failed = 0
    for name in names or BENCHMARKS:
        print()
        try:
            BENCHMARKS[name]()
        except CannotRunError as reason:
            failed = 1
            print(f"{name}: could not be run: {reason}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
