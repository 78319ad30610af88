"""The open model: how each tool keeps a constant arrival rate, and the highest one that it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phasegate.model.histogram import Histogram
from tests.benchmarks.tools import peers
from tests.benchmarks.tools.builtin import OPEN_CONNECTIONS, arrivals, builtin_arrival, work
from tests.benchmarks.tools.contest import Contender, side_by_side
from tests.benchmarks.tools.measure import SECONDS, CannotRunError, table

RATES = (10_000, 20_000, 40_000, 60_000)
K6_RATES = (1_000, 2_500, 5_000, 7_500, 10_000)
HELD = 0.999
"""Share of the requests due that must be answered well for a rate to be held."""
TRIES = 2
"""A rate counts as held when one of so many tries holds it: one hiccup of the machine is not the tool's."""


def ladder(low: float, high: float, step: float) -> tuple[int, ...]:
    """Rates from `low` on, each `step` times the one before, to two digits."""
    rungs = []
    while low <= high:
        rungs.append(int(float(f"{low:.1e}")))
        low *= step
    return tuple(rungs)


LADDER = ladder(500, 130_000, 1.1)
"""Rungs are a tenth apart, so the ratio of two rates is known to about as much."""


def highest(holds: Callable[[int], bool], rungs: Sequence[int] = LADDER) -> int:
    """The highest rung that holds, by halving: all below one that holds are taken to hold.

    Errors: CannotRunError, when not even the lowest holds.
    """
    low, high = 0, len(rungs)
    while low < high:
        middle = (low + high) // 2
        if any(holds(rungs[middle]) for _ in range(TRIES)):
            low = middle + 1
        else:
            high = middle
    if low == 0:
        raise CannotRunError(f"it does not hold even {rungs[0]:,}/s")
    return rungs[low - 1]


def _kept(share: Callable[[str, int], float]) -> Callable[[str], float]:
    return lambda url: highest(lambda rate: share(url, rate) >= HELD)


def _k6_without_drops(url: str) -> float:
    return highest(lambda rate: peers.k6_arrival(url, rate)[1] == 0)


CONTENDERS = (
    Contender("builtin", _kept(builtin_arrival)),
    Contender("k6, no iteration dropped", _k6_without_drops, 8),
    Contender("k6, 99.9%", _kept(lambda url, rate: peers.k6_arrival(url, rate)[0])),
    Contender("vegeta, 99.9%", _kept(peers.vegeta_arrival)),
)


def highest_held(url: str) -> str:
    title = (
        f"load, open model: the highest rate of which {HELD:.1%} are answered well, of rates a tenth apart,\n"
        f"{SECONDS} s each, at most {OPEN_CONNECTIONS} at once (builtin: answered within those seconds)"
    )
    return side_by_side(title, CONTENDERS, url)


def builtin_at_rates(url: str) -> str:
    rows = [("rate", "answered in time", "dropped", "latency p50", "p99", "service time p99")]
    for rate in RATES:
        worked = work(arrivals(url, rate))
        latency, service = worked.tally.latency, worked.tally.service
        rows.append(
            (
                f"{rate:,}/s",
                f"{worked.report.good_in_window / (rate * SECONDS):.2%}",
                f"{worked.tally.dropped:,}",
                _milliseconds(latency, 0.5),
                _milliseconds(latency, 0.99),
                _milliseconds(service, 0.99),
            )
        )
    return table(
        f"load, open model: {SECONDS} s at each rate, latency from the moment a request was due", rows
    )


def k6_at_rates(url: str) -> str:
    rows = [("rate", "answered", "dropped")]
    for rate in K6_RATES:
        answered, dropped = peers.k6_arrival(url, rate)
        rows.append((f"{rate:,}/s", f"{answered:.2%}", f"{dropped:.2%}"))
    title = f"load, open model of k6: constant-arrival-rate, {OPEN_CONNECTIONS} virtual users"
    return table(title, rows)


def _milliseconds(histogram: Histogram, share: float) -> str:
    if not histogram.n:
        return "-"
    return f"{histogram.at_rank(max(1, round(share * histogram.n)))[1] * 1e3:.2f} ms"
