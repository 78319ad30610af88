"""What judging a criterion says, and how its figures are put into words."""

from __future__ import annotations

from dataclasses import dataclass

from phasegate.gate.clusters import FEWEST_BLOCKS
from phasegate.gate.criterion import Criterion, Operator
from phasegate.model.result import NO_VALUE, CriterionVerdict
from phasegate.units import Dimension, format_seconds, format_value, parse_quantity

NO_BOUND = "none asked"
"""Shown in place of a bound where `confidence: none` was written for a sample."""
AS_OBSERVED = "; compared as observed, without a bound"
"""The end of a message where that was so."""
FAILED = "failed"
"""Shown where a quantile falls among the failed requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One criterion judged on one measure; the texts are for people, with units."""

    verdict: CriterionVerdict
    required: str
    observed: str = NO_VALUE
    bound: str = ""
    """What the sample shows, as in `>= 94.2%`; empty where no bound applies."""
    n: int | None = None
    margin: str = ""
    """Observed against threshold, positive when satisfied; empty without a value."""
    confidence: float | None = None
    """That of the bound; None where observed values were compared as they are."""
    message: str
    """One sentence: why this verdict, and what would prove it."""
    baseline: str = ""
    """The folder of the baseline run it was held against."""
    effective_n: int | None = None
    """What n samples are worth where failures come together in time; None where nothing was divided."""


def shown(value: float, dimension: Dimension, threshold: float) -> str:
    """Print a value with as many digits as keep it on its own side of the threshold.

    99.96 ms is 100 ms in three digits, which must not stand beside `needs < 100ms` as satisfied.
    """
    text = format_value(value, dimension)
    if _side(text, threshold) == _compare(value, threshold):
        return text
    unit, factor = _unit(value, dimension)
    for digits in range(4, 18):
        text = f"{value / factor:.{digits}g}{unit}"
        if _side(text, threshold) == _compare(value, threshold):
            break
    return text


def margin(value: float, op: Operator, threshold: float, dimension: Dimension) -> str:
    """The signed distance of a value from a threshold, as in `+0.5 pp` or `-43 ms`."""
    match op:
        case Operator.LT | Operator.LE:
            distance = threshold - value
        case Operator.GT | Operator.GE:
            distance = value - threshold
        case Operator.EQ:
            distance = -abs(value - threshold)
        case Operator.NE:
            distance = abs(value - threshold)
    sign = "+" if distance > 0 else "-" if distance < 0 else ""
    if dimension is Dimension.SHARE:
        return f"{sign}{round(abs(distance) * 100, 9):.3g} pp"
    return f"{sign}{format_value(abs(distance), dimension)}"


def in_span(span: float | None) -> str:
    """` in these 15 s`, so that nobody takes a sample for more than it is."""
    return f" in these {format_seconds(span)}" if span else ""


def counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n:,} {noun}s"


def worth(effect: float | None, n: int, what: str = "failures") -> str:
    """What failures (or `what`) that come together in time make of a sample; empty: nothing is to say."""
    if effect is None:
        return f"; {FEWEST_BLOCKS} pieces of time would be needed to tell whether {what} come together"
    if effect == 1:
        return ""
    return f"; {what} come together in time, so {n:,} are worth {effective(effect, n):,} independent ones"


def effective(effect: float, n: int) -> int:
    return max(1, round(n / effect))


def unproven(criterion: Criterion, message: str, n: int | None = None) -> Judgement:
    return Judgement(verdict=CriterionVerdict.UNPROVEN, required=criterion.required, message=message, n=n)


def no_data(criterion: Criterion, why: str, n: int | None = None) -> Judgement:
    return unproven(criterion, f"no data: {why}" if why else "no data", n)


def _compare(value: float, threshold: float) -> int:
    return (value > threshold) - (value < threshold)


def _side(text: str, threshold: float) -> int | None:
    try:
        return _compare(parse_quantity(text.replace(",", "")).value, threshold)
    except ValueError:  # "2m 03s" is for people only
        return None


def _unit(value: float, dimension: Dimension) -> tuple[str, float]:
    match dimension:
        case Dimension.TIME:
            units = ((" s", 1.0), (" ms", 1e-3), (" us", 1e-6))
            return next((unit for unit in units if abs(value) >= unit[1]), (" ns", 1e-9))
        case Dimension.SHARE:
            return "%", 0.01
        case Dimension.RATE:
            return "/s", 1.0
        case Dimension.SIZE:
            return " B", 1.0
        case Dimension.DATA_RATE:
            return " B/s", 1.0
        case Dimension.COUNT:
            return "", 1.0
