"""What was decided of a criterion while its sample was still being taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Decided(StrEnum):
    MET = "met"
    NOT_MET = "not_met"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The moment at which the evidence was enough; it stays enough."""

    outcome: Decided
    n: int
    """Samples seen by then."""
    right: int
    """Those of them that are as the criterion wants them."""
    at: float
    """Seconds from the start of the attempt."""
    pending: int = 0
    """Requests that were under way then, of which nothing was known."""
