"""Samples that are not independent: how much a sample is worth when failures come together.

Probes close in time fail together, so a thousand of them say less than a thousand independent ones. The time
a sample covers is cut into equal blocks; where the failures of whole blocks vary more than those of
independent requests would, the sample is worth n divided by the *design effect*.

    p = sum(x) / sum(n)                                          x failed of n in each of B blocks
    v = B / (B - 1) * sum((x - p * n)**2) / sum(n)**2            the variance of p, by blocks
    effect = v / (p * (1 - p) / sum(n)) * (t / z)**2             t of B - 1 degrees of freedom, z of very many

Source: Korn and Graubard 1998, Survey Methodology 24; Kish 1965 for the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from phasegate.gate.statistics import student_quantile

FEWEST_BLOCKS = 30
"""With fewer, the variance between blocks is itself a guess."""
_INFINITE = 100_000


def design_effect(blocks: Sequence[tuple[int, int]], confidence: float) -> float | None:
    """By how much n and the count of failures are to be divided; at least 1.

    Shape: each block is (samples, failures); blocks without samples are left out. None when fewer than
    `FEWEST_BLOCKS` are left: then nobody can tell. One failure, or one success, has nothing to come
    together with: 1.
    """
    seen = [block for block in blocks if block[0]]
    n, failures = sum(block[0] for block in seen), sum(block[1] for block in seen)
    if min(failures, n - failures) <= 1:
        return 1.0
    if len(seen) < FEWEST_BLOCKS:
        return None
    share = failures / n
    spread = sum((failed - share * total) ** 2 for total, failed in seen)
    variance = len(seen) / (len(seen) - 1) * spread / n**2
    effect = variance / (share * (1 - share) / n)
    return max(1.0, effect * _wider(len(seen) - 1, confidence)) if effect > 1 else 1.0


@lru_cache(maxsize=256)
def _wider(freedom: int, confidence: float) -> float:
    """What the few degrees of freedom cost."""
    return (student_quantile(confidence, freedom) / student_quantile(confidence, _INFINITE)) ** 2
