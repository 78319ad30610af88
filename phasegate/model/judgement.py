"""What judging a criterion came to: figures and facts, no sentences."""

from __future__ import annotations

from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Figure
from phasegate.model.fact_json import JsonFact, JsonFigure


class Decided(StrEnum):
    MET = "met"
    NOT_MET = "not_met"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The moment at which the evidence was enough; it stays enough."""

    outcome: Decided
    """What was decided."""
    n: int
    """Samples seen by then."""
    right: int
    """Those of them that are as the criterion wants them."""
    at: float
    """Seconds from the start of the attempt."""
    pending: int = 0
    """Requests that were under way then, of which nothing was known."""


class CriterionVerdict(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    UNPROVEN = "unproven"
    WAIVED = "waived"


NOT_JUDGED = Fact(Code.NOT_JUDGED, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One criterion judged on one measure."""

    verdict: CriterionVerdict = CriterionVerdict.UNPROVEN
    """What it came to, waivers left out."""
    required: JsonFact
    """Operator and threshold; that of a baseline where there is one."""
    threshold: JsonFigure | None = None
    """None where it is a baseline's that is not known."""
    observed: JsonFact | None = None
    """None where nothing was seen."""
    bound: JsonFact | None = None
    """What the sample shows; None where no bound applies."""
    confidence: float | None = None
    """That of the bound; None where observed values were compared as they are."""
    margin: JsonFigure | None = None
    """Observed against threshold, positive when satisfied; None without a value."""
    n: int | None = None
    """How many samples it rests on; None where nothing was counted."""
    effective_n: int | None = None
    """What n samples are worth where failures come together in time; None where nothing was divided."""
    baseline: str = ""
    """The folder of the baseline run it was held against: the median one, where several were given."""
    decided: Decision | None = None
    """When it was decided, where that was before the sample was complete."""
    reason: JsonFact = NOT_JUDGED
    """Why this verdict, and what would prove it."""


FAILED = Fact(Code.FAILED, {})
"""Observed where a quantile falls among the failed requests."""
NOT_ASKED = Fact(Code.NOT_ASKED, {})
"""In place of a bound where `confidence: none` was written for a sample."""


def value_of(observed: Fact | None) -> float | None:
    """The number that was observed, where it is one."""
    figure = None if observed is None else observed.value
    return figure.value if isinstance(figure, Figure) else None
