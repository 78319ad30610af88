"""What a load has counted as measures."""

from __future__ import annotations

from phasegate.base.units import format_seconds
from phasegate.load.counting.clusters import Clusters
from phasegate.load.counting.tally import LoadTally, PartTally
from phasegate.model.blocks import Block
from phasegate.model.histogram import Histogram, bucket_bounds
from phasegate.model.measures import Distribution, Share


def samples(
    tally: LoadTally, held: LoadTally, clusters: Clusters, *, span: float | None, episodes: int | None = None
) -> dict[str, Share | Distribution]:
    """The measures that are samples, so far or in the end. `held`: what came while a worker was held up."""
    return {
        "success_rate": Share(
            passed=tally.good + held.good,
            total=tally.requests + held.good,
            sample=True,
            span=span,
            episodes=episodes,
            blocks=clusters.shares,
            unused=held.failed,
        ),
        "latency": distribution(
            tally.latency,
            tally.failed + tally.dropped,
            span,
            clusters.latency,
            unused=held.requests + held.dropped,
        ),
        "service_time": distribution(
            tally.service, tally.failed, span, clusters.service, unused=held.service.n + held.failed
        ),
    }


def part_samples(
    name: str, part: PartTally, held: PartTally, clusters: Clusters, *, span: float | None
) -> dict[str, Share | Distribution]:
    """The same of one part of journeys."""
    durations, shares = clusters.part(name)
    good, slow = part.latency.n + held.latency.n, held.latency.n + held.failed + held.dropped
    return {
        "success_rate": Share(
            passed=good, total=good + part.failed, sample=True, blocks=shares, unused=held.failed
        ),
        "latency": distribution(part.latency, part.failed + part.dropped, span, durations, unused=slow),
    }


def distribution(
    histogram: Histogram,
    failed: int,
    span: float | None,
    blocks: tuple[Block, ...] = (),
    *,
    unused: int = 0,
) -> Distribution:
    """Durations of 0, which the clock could not resolve, are not data."""
    zeros = dict(histogram.counts).get(0, 0)
    if zeros:
        above = {bucket: count for bucket, count in histogram.counts if bucket}
        histogram = Histogram.of_counts(
            above,
            minimum_ns=bucket_bounds(min(above))[0] if above else 0,
            maximum_ns=histogram.maximum_ns,
            total_ns=histogram.total_ns,
        )
    return Distribution(
        good=histogram, failed=failed, span=span, unmeasured=zeros, blocks=blocks, unused=unused
    )


def progress_text(whole: LoadTally, recent: LoadTally, pace: int, dropped: int) -> str:
    """The state in a few words, for the live view; `pace`: requests that ended in a second."""
    parts = [f"{whole.requests:,} requests", f"{pace:,}/s"]
    if edges := Distribution(good=recent.latency).quantile(0.95):
        parts.append(f"p95 {format_seconds(edges[1])}")
    if whole.failed:
        parts.append(f"{whole.failed:,} failed")
    if dropped:
        parts.append(f"{dropped:,} dropped")
    return ", ".join(parts)
