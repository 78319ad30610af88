"""What error remains when failures come together in time: simulated, at the limit and for good services.

Probes go out at a fixed rate against a service whose true share of time up is known, and each run is judged
by `judge()` twice: with its pieces of time, as phasegate does, and without, as a plain bound would.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from phasegate.base.units import format_share
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.model.blocks import Block, time_blocks
from phasegate.model.histogram import Histogram, bucket_of
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Distribution, Measure, Share
from tests.benchmarks.tools.measure import table

RUNS = int(os.environ.get("BENCHMARK_RUNS", "1000"))
"""Of each cell; at 5% the standard error of 1,000 is 0.7%."""
RATE = 250
"""Probes per second, one every 4 ms."""
LENGTHS = {"15 s": 15, "60 s": 60, "10 min": 600, "1 h": 3600}
_SEED = 20
_FAST, _SLOW = 50_000_000, 200_000_000
"""Nanoseconds on either side of 100 ms: of a quantile only the side matters."""

Counts = NDArray[np.int64]
Failures = Callable[[np.random.Generator, int], Iterator[Counts]]
"""For a length in seconds, run after run the failures in each piece of time."""


def benchmark() -> None:
    at_limit = {
        "independent": partial(independent, 0.001),
        "outages of 0.1 s": partial(outages, 0.001, 0.1),
        "outages of 1 s": partial(outages, 0.001, 1.0),
        "outages of 10 s": partial(outages, 0.001, 10.0),
    }
    about = f"share of {RUNS:,} runs with `met`, plain bound / as phasegate judges"
    print(_table(f"clusters: true 99.9%, `>= 99.9%` is wrongly met: {about}", at_limit, _share), flush=True)
    good = {
        "99.99%, independent": partial(independent, 0.0001),
        "99.99%, outages of 0.1 s": partial(outages, 0.0001, 0.1),
        "99.99%, outages of 1 s": partial(outages, 0.0001, 1.0),
        "99.95%, independent": partial(independent, 0.0005),
    }
    print()
    print(_table(f"clusters: good services, `>= 99.9%` is rightly met: {about}", good, _share), flush=True)
    latencies = {
        "independent": partial(independent, 0.05),
        "correlated over 0.1 s": partial(drifting, 0.05, 0.1),
        "correlated over 1 s": partial(drifting, 0.05, 1.0),
        "correlated over 10 s": partial(drifting, 0.05, 10.0),
        "slow for 1 s at a time": partial(outages, 0.05, 1.0),
    }
    print()
    title = f"clusters: true p95 of 100 ms, `latency.p95 < 100ms` is wrongly met: {about}"
    print(_table(title, latencies, _latency), flush=True)


def _table(title: str, services: dict[str, Failures], judged: Callable[[Counts, Counts], Measures]) -> str:
    rows = [("failures", *LENGTHS)]
    for name, failures in services.items():
        cells = (_cell(failures, seconds, judged) for seconds in LENGTHS.values())
        rows.append((name, *cells))
    return table(title, rows)


def _cell(failures: Failures, seconds: int, judged: Callable[[Counts, Counts], Measures]) -> str:
    draw = np.random.default_rng([_SEED, seconds])
    sizes = np.bincount(pieces(seconds))
    plain = clustered = 0
    for failed in failures(draw, seconds):
        text, with_pieces, without = judged(sizes, failed)
        plain += _met(text, without)
        clustered += _met(text, with_pieces)
    return f"{format_share(round(plain / RUNS, 3))} / {format_share(round(clustered / RUNS, 3))}"


def _met(text: str, measure: Measure) -> bool:
    judgement = judge(parse_criterion(text), measure, confidence=0.95)
    return judgement.verdict is CriterionVerdict.MET


Measures = tuple[str, Measure, Measure]
"""A criterion, and what it is judged on: with pieces of time, and without."""


def _share(sizes: Counts, failed: Counts) -> Measures:
    total, wrong = int(sizes.sum()), int(failed.sum())
    blocks = tuple(zip(sizes.tolist(), failed.tolist(), strict=True))
    plain = Share(passed=total - wrong, total=total, sample=True)
    return "c.success_rate >= 99.9%", _with_blocks(plain, blocks), plain


def _with_blocks(share: Share, blocks: tuple[tuple[int, int], ...]) -> Share:
    return Share(passed=share.passed, total=share.total, sample=True, blocks=blocks)


def _latency(sizes: Counts, slow: Counts) -> Measures:
    each = [_durations(n - bad, bad) for n, bad in zip(sizes.tolist(), slow.tolist(), strict=True)]
    whole = _durations(int(sizes.sum() - slow.sum()), int(slow.sum()))
    blocks = tuple(Block(good=histogram) for histogram in each)
    return "c.latency.p95 < 100ms", Distribution(good=whole, blocks=blocks), Distribution(good=whole)


def _durations(fast: int, slow: int) -> Histogram:
    counts = {bucket_of(at): n for at, n in ((_FAST, fast), (_SLOW, slow)) if n}
    return Histogram.of_counts(
        counts,
        minimum_ns=_FAST if fast else _SLOW,
        maximum_ns=_SLOW if slow else _FAST,
        total_ns=fast * _FAST + slow * _SLOW,
    )


def pieces(seconds: int) -> Counts:
    """The piece of time of each probe of a run: as `time_blocks` has them once the run is over."""
    blocks = time_blocks()
    at = np.arange(seconds * RATE) / RATE
    blocks.at(float(at[-1]))
    return (at / blocks.width).astype(np.int64)


def independent(share: float, draw: np.random.Generator, seconds: int) -> Iterator[Counts]:
    """Each probe fails with the same chance, whatever became of the others."""
    sizes = np.bincount(pieces(seconds))
    for _ in range(RUNS):
        yield draw.binomial(sizes, share)


def outages(share: float, length: float, draw: np.random.Generator, seconds: int) -> Iterator[Counts]:
    """Outages begin at moments that nothing announces (Poisson); what overlaps is one longer outage.

    The chance to be down at a moment is 1 - exp(-rate * length), which is to be `share`.
    """
    place = pieces(seconds)
    n = seconds * RATE
    rate = -math.log1p(-share) / length
    for _ in range(RUNS):
        begins = draw.uniform(-length, seconds, draw.poisson(rate * (seconds + length)))
        changes = np.zeros(n + 1, dtype=np.int64)
        np.add.at(changes, np.clip(np.ceil(begins * RATE), 0, n).astype(np.int64), 1)
        np.add.at(changes, np.clip(np.ceil((begins + length) * RATE), 0, n).astype(np.int64), -1)
        down = np.cumsum(changes[:-1]) > 0
        yield np.bincount(place[down], minlength=place[-1] + 1)


def drifting(share: float, memory: float, draw: np.random.Generator, seconds: int) -> Iterator[Counts]:
    """A normal quantity that drifts (AR(1), correlation exp(-t / memory)); slow beyond its own quantile.

    Every probe of all runs is drawn step by step, side by side.
    """
    kept = math.exp(-1 / (RATE * memory))
    new = math.sqrt(1 - kept * kept)
    limit = NormalDist().inv_cdf(1 - share)
    place = pieces(seconds)
    slow = np.zeros((place[-1] + 1, RUNS), dtype=np.int64)
    state = draw.standard_normal(RUNS)
    for piece in place:
        slow[piece] += state > limit
        state = kept * state + new * draw.standard_normal(RUNS)
    yield from slow.T
