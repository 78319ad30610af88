"""What a sample shows: exact bounds for a sample of fixed size, always-valid ones for a sample that stopped
when it was decided, both on effective counts where failures come together in time."""

from __future__ import annotations

import math

from phasegate.base.dataclass import dataclass
from phasegate.gate import sequential, statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How to read a sample; see `phasegate.gate.statistics` and `phasegate.gate.sequential`."""

    confidence: float
    always_valid: bool = False
    """True where sampling ended because of what was seen: a fixed-sample bound would be fooled by that."""
    effect: float = 1.0
    """The design effect: counts are divided by it."""

    def shows_at_least(self, share: float, successes: int, n: int) -> bool:
        """Whether a true share of at least `share` is shown."""
        if not self.always_valid:
            return statistics.shows_at_least(share, successes / self.effect, n / self.effect, self.confidence)
        # The plain evidence is what is valid at every moment; the effective one asks for more on top.
        return share <= 0 or all(
            sequential.shows_below(1 - share, (n - successes) / effect, n / effect, self.confidence)
            for effect in {1.0, self.effect}
        )

    def shows_less(self, share: float, successes: int, n: int) -> bool:
        """Whether a true share of less than `share` is shown, at any moment; for `always_valid` only."""
        return share >= 1 or all(
            sequential.shows_above(1 - share, (n - successes) / effect, n / effect, self.confidence)
            for effect in {1.0, self.effect}
        )

    def lower(self, successes: int, n: int) -> float:
        """The largest share that is shown to be reached."""
        if not self.always_valid:
            return statistics.lower_bound(successes / self.effect, n / self.effect, self.confidence)
        effects = {1.0, self.effect}
        return 1 - max(
            sequential.upper_limit((n - successes) / effect, n / effect, self.confidence)
            for effect in effects
        )

    def upper(self, successes: int, n: int) -> float:
        """The smallest share that is shown not to be exceeded."""
        return 1 - self.lower(n - successes, n)

    def needed(self, share: float, failures: int) -> int | None:
        """The fewest samples that show at least `share` with so many failures; None: no number is enough."""
        source = sequential.samples_needed if self.always_valid else statistics.samples_needed
        limit = 1 - share if self.always_valid else share
        found = source(limit, self.confidence, failures / self.effect)
        return None if found is None else math.ceil(found * self.effect)

    def upper_rank(self, share: float, n: int) -> int | None:
        """The rank (1 is the smallest of n) whose value is an upper bound of the `share` quantile.

        The smallest k for which k of n show at least `share`; None when n is too small for any.
        Source: Hahn and Meeker 1991, Statistical Intervals, section 5.2.
        """
        if n < 1 or not self.shows_at_least(share, n, n):
            return None
        few, many = 0, n
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if self.shows_at_least(share, middle, n) else (middle, many)
        return many

    def lower_rank(self, share: float, n: int) -> int | None:
        """The rank whose value is a lower bound of the `share` quantile; the mirror of `upper_rank`."""
        above = self.upper_rank(1 - share, n)
        return None if above is None else n - above + 1
