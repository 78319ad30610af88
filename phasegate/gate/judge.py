"""Judging: one criterion against one measure gives met, not met or unproven, and says why.

*not met*: the observed value violates the threshold. *met*: it satisfies it, and for a sample so does the
one-sided bound. *unproven*: everything else. No data is never met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.criterion import GAUGE_STATISTICS, Criterion, Operator, Relative
from phasegate.gate.deciding import stands
from phasegate.gate.durations import judge_distribution
from phasegate.gate.judgement import (
    AS_OBSERVED,
    NO_BOUND,
    Judgement,
    counted,
    effective,
    in_span,
    margin,
    no_data,
    shown,
    unproven,
    worth,
)
from phasegate.model.decision import Decided, Decision
from phasegate.model.measures import (
    Distribution,
    Gauge,
    Measure,
    Number,
    Share,
    ends_of_unused,
    unused_words,
)
from phasegate.model.result import NO_VALUE, CriterionVerdict
from phasegate.units import Dimension, format_seconds

_NAMED = 5
"""How many missing cases a message names."""
_FEWEST = 2
"""Samples of a gauge below which nothing can be said about how a value went."""


def judge(
    criterion: Criterion,
    measure: Measure | None,
    *,
    confidence: float | None,
    allow_skipped: int = 0,
    over: float | None = None,
    absent: str = "",
    always_valid: bool = False,
    decision: Decision | None = None,
) -> Judgement:
    """Judge a criterion on what was observed.

    `confidence` None compares observed values only. `allow_skipped` leaves up to so many cases of a census
    without a result out. `over` is the span in seconds that a sample must cover. `absent` says why there is
    no measure, or why the one there is cannot be trusted; then nothing better than unproven comes out.
    `always_valid` is for a sample that could end because of what was seen; `decision` is what had been
    decided of it by then.
    """
    bounds = None if confidence is None else Bounds(confidence=confidence, always_valid=always_valid)
    if measure is None:
        judged = no_data(criterion, absent)
    else:
        judged = _mismatch(criterion, measure) or _judge(criterion, measure, bounds, allow_skipped)
        if decision is not None and stands(decision, criterion, measure, confidence):
            judged = _as_decided(judged, decision)
        if absent:
            judged = distrusted(judged, absent)
        elif over is not None:
            judged = spanning(judged, measure, over)
    return judged if over is None else replace(judged, required=f"{judged.required} over {_time(over)}")


def _as_decided(judged: Judgement, decision: Decision) -> Judgement:
    """Decided stays decided, but a met whose final value violates is not met."""
    when = f"decided after {counted(decision.n, 'request')} ({format_seconds(decision.at)})"
    if decision.outcome is Decided.NOT_MET:
        why = f"{decision.right:,} of {decision.n:,} were as asked for; {judged.message}"
        return replace(judged, verdict=CriterionVerdict.NOT_MET, message=f"{when}: {why}")
    if judged.verdict is CriterionVerdict.NOT_MET:
        return replace(judged, message=f"{judged.message}, though it had been {when}")
    return replace(judged, verdict=CriterionVerdict.MET, message=f"{judged.message}; {when}")


def distrusted(judged: Judgement, why: str) -> Judgement:
    """What was judged on a measure that cannot be trusted is unproven."""
    seen = "" if judged.observed == NO_VALUE else f"; seen before: {judged.observed}"
    return replace(judged, verdict=CriterionVerdict.UNPROVEN, message=f"{why}{seen}")


def _judge(criterion: Criterion, measure: Measure, bounds: Bounds | None, allow_skipped: int) -> Judgement:
    match measure:
        case Share() | Distribution():
            return _with_unused(criterion, measure, bounds, allow_skipped)
        case Number():
            return _number(criterion, measure)
        case Gauge():
            return _gauge(criterion, measure)


def _mismatch(criterion: Criterion, measure: Measure) -> Judgement | None:
    """What the plan's checks normally find: a demand that does not fit the measure proves nothing."""
    if isinstance(criterion.threshold, Relative):
        return unproven(criterion, "no baseline is known")
    match measure:
        case Share():
            dimension = Dimension.SHARE
        case Distribution():
            dimension = Dimension.TIME
        case Number() | Gauge():
            dimension = measure.dimension
    if criterion.quantity.dimension is not dimension:
        kind = criterion.quantity.dimension
        return unproven(
            criterion, f"{criterion.measure} is a {dimension}, and {criterion.quantity} is a {kind}"
        )
    if bool(criterion.statistic) is not isinstance(measure, Distribution | Gauge):
        lacks = f"has no {criterion.statistic}" if criterion.statistic else "needs a statistic"
        return unproven(criterion, f"{criterion.measure} {lacks}")
    return None


def spanning(judged: Judgement, measure: Measure, over: float, what: str = "it") -> Judgement:
    """A sample that covers less time than asked for proves nothing, but what it violates is violated."""
    span = None if isinstance(measure, Number) else measure.span
    if judged.verdict is not CriterionVerdict.MET or (span is not None and span >= over):
        return judged
    covered = "a span that is not known" if span is None else _time(span)
    return replace(
        judged,
        verdict=CriterionVerdict.UNPROVEN,
        message=f"{judged.message}, but {what} was observed over {covered}, and {_time(over)} are asked for",
    )


def _time(seconds: float) -> str:
    """10m 00s in a table of requirements is noise."""
    return format_seconds(seconds).replace(" 00s", "").replace("h 00m", "h")


def _census(criterion: Criterion, share: Share, allow_skipped: int) -> Judgement:
    """Every share the cases without a result could still bring about is looked at."""
    left_out = min(share.skipped, max(0, allow_skipped))
    total, open_cases = share.total - left_out, share.skipped - left_out
    if total <= 0:
        why = (
            f"none of {counted(share.total, 'case')} has a result" if share.total else "no case was collected"
        )
        return no_data(criterion, why, n=0)
    threshold = criterion.quantity.value
    verdict = _of_all(_outcomes(criterion, share.passed, open_cases, total))
    value = share.passed / total
    figure = shown(value, Dimension.SHARE, threshold)
    observed = f"{figure} ({share.passed:,} of {total:,})"
    pieces = [f"observed {observed}"]
    if verdict is CriterionVerdict.UNPROVEN:
        best = shown((share.passed + open_cases) / total, Dimension.SHARE, threshold)
        pieces[0] += f", up to {best} with the cases that have no result"
    if verdict is not CriterionVerdict.MET:
        pieces[0] += f", needs {criterion.required}"
    if open_cases:
        pieces.append(f"{open_cases:,} without a result: {_names(share.missing, share.skipped)}")
    if left_out:
        pieces.append(f"{left_out:,} skipped left out, as allow_skipped: {allow_skipped} says")
    return Judgement(
        verdict=verdict,
        required=criterion.required,
        observed=observed,
        n=total,
        margin=margin(value, criterion.op, threshold, Dimension.SHARE),
        message="; ".join(pieces),
    )


def _outcomes(criterion: Criterion, passed: int, open_cases: int, total: int) -> set[bool]:
    """Whether the demand holds for the shares that are still possible."""
    op, threshold = criterion.op, criterion.quantity.value
    ends = {op.holds((passed + extra) / total, threshold) for extra in (0, open_cases)}
    if op in (Operator.EQ, Operator.NE):  # the one share that equals the threshold may lie in between
        extra = min(max(round(threshold * total) - passed, 0), open_cases)
        ends.add(op.holds((passed + extra) / total, threshold))
    return ends


def _of_all(outcomes: set[bool]) -> CriterionVerdict:
    if outcomes == {True}:
        return CriterionVerdict.MET
    return CriterionVerdict.NOT_MET if outcomes == {False} else CriterionVerdict.UNPROVEN


def _names(missing: Sequence[str], count: int) -> str:
    named = ", ".join(missing[:_NAMED])
    more = count - min(len(missing), _NAMED)
    if not named:
        return "their names are not known"
    return f"{named} and {more:,} more" if more > 0 else named


def _with_unused(
    criterion: Criterion, sample: Share | Distribution, bounds: Bounds | None, allow_skipped: int
) -> Judgement:
    """Moments that phasegate missed may have gone either way; only what holds both ways is met."""
    seen = _of_requests(criterion, sample, bounds, allow_skipped)
    if not sample.unused:
        return seen
    moments = sample.unused + (sample.total if isinstance(sample, Share) else sample.n)
    ends = [_of_requests(criterion, end, bounds, allow_skipped).verdict for end in ends_of_unused(sample)]
    verdict = seen.verdict
    if verdict is CriterionVerdict.MET and set(ends) != {verdict}:
        verdict = CriterionVerdict.UNPROVEN
    return replace(seen, verdict=verdict, message=f"{unused_words(sample.unused, moments)}; {seen.message}")


def _of_requests(
    criterion: Criterion, sample: Share | Distribution, bounds: Bounds | None, allow_skipped: int
) -> Judgement:
    if isinstance(sample, Share):
        if not sample.sample:
            return _census(criterion, sample, allow_skipped)
        return _sample(criterion, sample, bounds)
    return judge_distribution(criterion, sample, bounds)


def _sample(criterion: Criterion, share: Share, bounds: Bounds | None) -> Judgement:
    if not share.total:
        return no_data(criterion, "no request was made", n=0)
    if not share.skipped:
        return _sample_as(criterion, share, bounds)
    # Samples without a result count once against and once for the share; only what holds both ways holds.
    against = _sample_as(criterion, replace(share, skipped=0), bounds)
    in_favour = _sample_as(criterion, replace(share, passed=share.passed + share.skipped, skipped=0), bounds)
    message = f"{against.message}; {share.skipped:,} without a result"
    verdict = against.verdict if against.verdict is in_favour.verdict else CriterionVerdict.UNPROVEN
    return replace(against, verdict=verdict, message=message)


def _sample_as(criterion: Criterion, share: Share, bounds: Bounds | None) -> Judgement:
    passed, total = share.passed, share.total
    op, threshold = criterion.op, criterion.quantity.value
    value = passed / total
    observed = f"{shown(value, Dimension.SHARE, threshold)} ({passed:,} of {total:,})"
    holds = op.holds(value, threshold)
    judged = Judgement(
        verdict=CriterionVerdict.MET if holds else CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=observed,
        n=total,
        margin=margin(value, op, threshold, Dimension.SHARE),
        message=f"observed {observed}{in_span(share.span)}, needs {criterion.required}",
    )
    if bounds is None:
        return replace(judged, bound=NO_BOUND, message=judged.message + AS_OBSERVED)
    if op in (Operator.EQ, Operator.NE):
        return _statement(criterion, judged, share, bounds)
    return _bounded(criterion, judged, share, bounds)


def _statement(criterion: Criterion, judged: Judgement, share: Share, bounds: Bounds) -> Judgement:
    """`== 100%` says what was seen; beside it stands what that shows."""
    threshold = criterion.quantity.value
    if threshold not in (0.0, 1.0):
        return replace(
            judged,
            verdict=CriterionVerdict.UNPROVEN,
            message=f"{criterion.measure} is a sample, and {criterion.op} is meant for 0% and 100% only",
        )
    if judged.verdict is not CriterionVerdict.MET:
        return judged
    from_below = (criterion.op is Operator.EQ) is (threshold == 1)
    bound, words = _share_bound(share, bounds, from_below, threshold)
    return replace(
        judged,
        bound=bound,
        confidence=bounds.confidence,
        message=f"observed {judged.observed}{in_span(share.span)}, shows {words} {bounds.words}",
    )


def _bounded(criterion: Criterion, judged: Judgement, share: Share, bounds: Bounds) -> Judgement:
    """A share that must reach a threshold, or stay within one."""
    threshold, wants_more = criterion.quantity.value, criterion.op.wants_more
    effect = design_effect(share.blocks, bounds.confidence) if share.blocks else 1.0
    bounds = replace(bounds, effect=effect or 1.0)
    bound, words = _share_bound(share, bounds, wants_more, threshold)
    judged = replace(
        judged,
        bound=bound,
        confidence=bounds.confidence,
        effective_n=effective(bounds.effect, share.total) if bounds.effect > 1 else None,
    )
    if judged.verdict is CriterionVerdict.NOT_MET:
        return judged
    needed_share = threshold if wants_more else 1 - threshold
    right = share.passed if wants_more else share.total - share.passed
    shows = (
        f"observed {judged.observed}{in_span(share.span)} shows {words} {bounds.words}"
        f"{worth(effect, share.total)}"
    )
    if bounds.shows_at_least(needed_share, right, share.total):
        return replace(judged, message=shows)
    wrong = share.total - right
    needed = bounds.needed(needed_share, wrong)
    return replace(
        judged,
        verdict=CriterionVerdict.UNPROVEN,
        message=f"{shows}; {_would_do(criterion, needed, wrong)}",
    )


def _share_bound(share: Share, bounds: Bounds, from_below: bool, threshold: float) -> tuple[str, str]:
    """The bound as a figure and in words."""
    if from_below:
        text = shown(bounds.lower(share.passed, share.total), Dimension.SHARE, threshold)
        return f">= {text}", f"at least {text}"
    text = shown(bounds.upper(share.passed, share.total), Dimension.SHARE, threshold)
    return f"<= {text}", f"at most {text}"


def _would_do(criterion: Criterion, needed: int | None, wrong: int) -> str:
    """How many requests would carry the demand, when no more of them go wrong than have."""
    if needed is None:
        return "no number of requests can show more"
    if criterion.op.wants_more:
        none, some = "without a failure", f"with no more than {counted(wrong, 'failure')}"
    else:
        none, some = (
            f"with none in {criterion.measure}",
            f"with no more than {wrong:,} in {criterion.measure}",
        )
    return f"{needed:,} requests {some if wrong else none} would do"


def _number(criterion: Criterion, number: Number) -> Judgement:
    value, dimension, threshold = number.value, number.dimension, criterion.quantity.value
    if value is None or not math.isfinite(value):
        return no_data(criterion, f"no value of {criterion.measure} was read")
    if number.least is not None:
        return _at_least(criterion, number, number.least)
    if number.unended:
        return _unended(criterion, value, dimension)
    if number.partial:
        return _partial(criterion, value, dimension)
    if dimension is Dimension.TIME and value == 0:
        return no_data(criterion, "a time of exactly 0 is below the resolution of its clock")
    observed = shown(value, dimension, threshold) + (" (reported)" if number.reported else "")
    holds = criterion.op.holds(value, threshold)
    source = "; the figure is another tool's" if number.reported else ""
    return Judgement(
        verdict=CriterionVerdict.MET if holds else CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=observed,
        margin=margin(value, criterion.op, threshold, dimension),
        message=f"observed {observed}, needs {criterion.required}{source}",
    )


def _at_least(criterion: Criterion, number: Number, least: float) -> Judgement:
    """What was observed is the most that it was; only what holds, or is violated, at both ends is so."""
    observed = replace(number, least=None)
    as_observed = _number(criterion, observed)
    at_least = _number(criterion, replace(observed, value=least, unended=False))
    within = criterion.op.wants_less and as_observed.verdict is CriterionVerdict.MET
    if within or as_observed.verdict is at_least.verdict:
        return as_observed
    text = shown(least, number.dimension, criterion.quantity.value)
    why = f"it may have been as little as {text}, as phasegate was late"
    return replace(as_observed, verdict=CriterionVerdict.UNPROVEN, message=f"{as_observed.message}; {why}")


def _unended(criterion: Criterion, value: float, dimension: Dimension) -> Judgement:
    """What had not ended when the watch did ranks above every value, and never proves that it is more."""
    observed = f"over {shown(value, dimension, criterion.quantity.value)}, and no end seen"
    asks_for_more = criterion.op.wants_more or criterion.op is Operator.NE
    return Judgement(
        verdict=CriterionVerdict.UNPROVEN if asks_for_more else CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=observed,
        message=f"observed {observed}, needs {criterion.required}",
    )


def _partial(criterion: Criterion, value: float, dimension: Dimension) -> Judgement:
    """A lower bound holds for whoever asks for more, breaks what it is beyond, and says nothing else."""
    threshold = criterion.quantity.value
    observed = f"at least {shown(value, dimension, threshold)}, as not everything was there to be looked at"
    if criterion.op.wants_more or criterion.op is Operator.NE:
        holds = criterion.op.holds(value, threshold) and value >= threshold
        verdict = CriterionVerdict.MET if holds else CriterionVerdict.UNPROVEN
    else:
        beyond = value > threshold or (criterion.op is Operator.LT and value == threshold)
        verdict = CriterionVerdict.NOT_MET if beyond else CriterionVerdict.UNPROVEN
    return Judgement(
        verdict=verdict,
        required=criterion.required,
        observed=observed,
        message=f"observed {observed}, needs {criterion.required}",
    )


def _gauge(criterion: Criterion, gauge: Gauge) -> Judgement:
    """The statistic of the samples taken, compared as it is; between them anything may have been."""
    name, dimension, threshold = criterion.statistic, gauge.dimension, criterion.quantity.value
    value = gauge.statistic(name)
    if gauge.samples < _FEWEST:
        needed = (
            f"only {counted(gauge.samples, 'sample')} of {criterion.measure} was taken, and {_FEWEST} are"
        )
        why = f"{needed} needed" if gauge.samples else f"no sample of {criterion.measure} was taken"
        return no_data(criterion, why, n=gauge.samples)
    if value is None or not math.isfinite(value):
        return unproven(criterion, f"{criterion.measure} has no {name}; statistics are {GAUGE_STATISTICS}")
    observed = shown(value, dimension, threshold)
    every = f", one every {format_seconds(gauge.interval)}" if gauge.interval else ""
    return Judgement(
        verdict=CriterionVerdict.MET if criterion.op.holds(value, threshold) else CriterionVerdict.NOT_MET,
        required=criterion.required,
        observed=observed,
        n=gauge.samples,
        margin=margin(value, criterion.op, threshold, dimension),
        message=f"observed {observed}, the {name} of {counted(gauge.samples, 'sample')}{every}"
        f"{in_span(gauge.span)}, needs {criterion.required}",
    )
