"""Facts that several ways of judging have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.units import Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import FEWEST_BLOCKS
from phasegate.model.criterion import Criterion, Operator, Relative
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.measures import MeasureType
from phasegate.model.statistic import statistic_names


def judged(criterion: Criterion, **figures: Any) -> Judgement:
    """A judgement with what the criterion asks for."""
    known = criterion.known_threshold
    figure = None if known is None else Figure(known.value, known.dimension)
    return Judgement(required=required(criterion), threshold=figure, **figures)


def compare(
    criterion: Criterion,
    value: float,
    dimension: Dimension,
    *,
    observed: Fact | None = None,
    code: Code = Code.COMPARED,
    **seen: Any,
) -> Judgement:
    """A value held against the threshold as it is, without a bound; `seen` goes into the reason."""
    threshold = criterion.quantity.value
    observed = observed or fact(Code.VALUE, value=Figure(value, dimension, threshold))
    return judged(
        criterion,
        verdict=CriterionVerdict.MET if criterion.op.holds(value, threshold) else CriterionVerdict.NOT_MET,
        observed=observed,
        n=seen.get("n"),
        margin=margin(value, criterion.op, threshold, dimension),
        reason=fact(code, observed=observed, **seen, needs=required(criterion)),
    )


def hold_to_bound(
    found: Judgement,
    bounds: Bounds,
    *,
    clusters: Fact | None,
    bound: Fact | None,
    enough: bool,
    would_do: Callable[[], Fact],
    **seen: Any,
) -> Judgement:
    """What was compared as it is, held to what its sample shows; `seen` goes into the reason."""
    worth = effective(bounds.effect, found.n or 0) if bounds.effect > 1 else None
    found = replace(found, bound=bound, confidence=bounds.confidence, effective_n=worth)
    if found.verdict is CriterionVerdict.NOT_MET:
        return found
    reason = fact(
        Code.SHOWN,
        observed=found.observed,
        **seen,
        bound=bound,
        clusters=clusters,
        would_do=None if enough else would_do(),
        **sureness(bounds),
    )
    verdict = CriterionVerdict.MET if enough else CriterionVerdict.UNPROVEN
    return replace(found, verdict=verdict, reason=reason)


def required(criterion: Criterion) -> Fact:
    """Operator and threshold, as in `< 100ms`."""
    threshold: Message = str(criterion.threshold)
    if isinstance(criterion.threshold, Relative) and (found := criterion.threshold.baseline) is not None:
        value = Figure(found.value, found.dimension)
        threshold = fact(Code.OF_BASELINE, factor=criterion.threshold.factor_text, value=value)
    return fact(Code.REQUIRED, op=criterion.op.value, threshold=threshold)


def margin(value: float, op: Operator, threshold: float, dimension: Dimension) -> Figure:
    """The distance of a value from a threshold, positive when satisfied."""
    match op:
        case Operator.LT | Operator.LE:
            distance = threshold - value
        case Operator.GT | Operator.GE:
            distance = value - threshold
        case Operator.EQ:
            distance = -abs(value - threshold)
        case Operator.NE:
            distance = abs(value - threshold)
    return Figure(distance, dimension)


def unproven(criterion: Criterion, why: Fact, n: int | None = None) -> Judgement:
    return judged(criterion, reason=why, n=n)


def no_such_statistic(criterion: Criterion, type: MeasureType, n: int | None = None) -> Judgement:
    """What the plan's checks normally find."""
    known = statistic_names(type)
    why = fact(Code.NO_SUCH_STATISTIC, measure=criterion.measure, statistic=criterion.statistic, known=known)
    return unproven(criterion, why, n)


def no_data(criterion: Criterion, why: Message, n: int | None = None) -> Judgement:
    return unproven(criterion, fact(Code.NO_DATA, why=why), n)


def sureness(bounds: Bounds) -> dict[str, Any]:
    """How sure a bound is, for the facts that state it."""
    return {"confidence": bounds.confidence, "always_valid": bounds.always_valid}


def clustering(effect: float | None, n: int, what: str = "failures") -> Fact | None:
    """What failures (or `what`) that come together in time make of a sample; None: nothing is to say."""
    if effect is None:
        return fact(Code.TOO_FEW_PIECES, pieces=FEWEST_BLOCKS, what=what)
    if effect == 1:
        return None
    return fact(Code.COME_TOGETHER, what=what, n=n, effective=effective(effect, n))


def effective(effect: float, n: int) -> int:
    return max(1, round(n / effect))
