"""Judging: one criterion against one measure gives met, not met or unproven, and says why.

*not met*: the observed value violates the threshold. *met*: it satisfies it, and for a sample so does the
one-sided bound. *unproven*: everything else. No data is never met.
"""

from __future__ import annotations

import math
from dataclasses import replace

from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.units import Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.buckets import judge_buckets
from phasegate.gate.clusters import design_effect
from phasegate.gate.deciding import stands
from phasegate.gate.durations import judge_distribution
from phasegate.gate.judgement import (
    clustering,
    compare,
    hold_to_bound,
    judged,
    margin,
    no_data,
    no_such_statistic,
    required,
    sureness,
    unproven,
)
from phasegate.model.criterion import Criterion, Operator
from phasegate.model.judgement import NOT_ASKED, CriterionVerdict, Decided, Decision, Judgement
from phasegate.model.measures import (
    Buckets,
    Distribution,
    Gauge,
    Measure,
    MeasureType,
    Number,
    Share,
    ends_of_unused,
)
from phasegate.model.statistic import find_statistic

_FEWEST = 2
"""Samples of a gauge below which nothing can be said about how a value went."""


def judge(
    criterion: Criterion,
    measure: Measure | None,
    *,
    confidence: float | None,
    allow_skipped: int = 0,
    over: float | None = None,
    absent: Message = "",
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
        found = no_data(criterion, absent)
    else:
        found = _mismatch(criterion, measure) or _judge(criterion, measure, bounds, allow_skipped)
        if decision is not None and stands(decision, criterion, measure, confidence):
            found = _as_decided(found, decision)
        if absent:
            found = distrust(found, absent)
        elif over is not None:
            found = spanning(found, measure, over)
    return found if over is None else asked_over(found, over)


def asked_over(found: Judgement, over: float) -> Judgement:
    asked = Fact(Code.REQUIRED, {**found.required.values, "over": over})
    return replace(found, required=asked)


def _as_decided(found: Judgement, decision: Decision) -> Judgement:
    """Decided stays decided, but a met whose final value violates is not met."""
    when = {"n": decision.n, "at": decision.at, "of": found.reason}
    if decision.outcome is Decided.NOT_MET:
        why = fact(Code.DECIDED_NOT_MET, right=decision.right, **when)
        return replace(found, verdict=CriterionVerdict.NOT_MET, reason=why)
    if found.verdict is CriterionVerdict.NOT_MET:
        return replace(found, reason=fact(Code.DECIDED_OTHERWISE, **when))
    return replace(found, verdict=CriterionVerdict.MET, reason=fact(Code.DECIDED_MET, **when))


def distrust(found: Judgement, why: Message) -> Judgement:
    """What was judged on a measure that cannot be trusted is unproven."""
    reason = fact(Code.DISTRUSTED, why=why, seen=found.observed)
    return replace(found, verdict=CriterionVerdict.UNPROVEN, reason=reason)


def _judge(criterion: Criterion, measure: Measure, bounds: Bounds | None, allow_skipped: int) -> Judgement:
    match measure:
        case Share() | Distribution():
            return _with_unused(criterion, measure, bounds, allow_skipped)
        case Buckets():
            return judge_buckets(criterion, measure, bounds)
        case Number():
            return _number(criterion, measure)
        case Gauge():
            return _gauge(criterion, measure)


def _mismatch(criterion: Criterion, measure: Measure) -> Judgement | None:
    """What the plan's checks normally find: a demand that does not fit the measure proves nothing."""
    threshold = criterion.known_threshold
    if threshold is None:
        return unproven(criterion, fact(Code.NO_BASELINE))
    if threshold.dimension is not measure.dimension:
        return unproven(
            criterion,
            fact(
                Code.OTHER_DIMENSION,
                measure=criterion.measure,
                dimension=measure.dimension.value,
                threshold=required(criterion).threshold,
                asked=threshold.dimension.value,
            ),
        )
    if bool(criterion.statistic) is not isinstance(measure, Distribution | Buckets | Gauge):
        why = fact(Code.NO_STATISTIC, measure=criterion.measure, statistic=criterion.statistic)
        return unproven(criterion, why)
    return None


def spanning(found: Judgement, measure: Measure, over: float, *, of_baseline: bool = False) -> Judgement:
    """A sample that covers less time than asked for proves nothing, but what it violates is violated."""
    span = None if isinstance(measure, Number) else measure.span
    if found.verdict is not CriterionVerdict.MET or (span is not None and span >= over):
        return found
    why = fact(Code.SPAN_TOO_SHORT, of=found.reason, span=span, over=over, of_baseline=of_baseline)
    return replace(found, verdict=CriterionVerdict.UNPROVEN, reason=why)


def _census(criterion: Criterion, share: Share, allow_skipped: int) -> Judgement:
    """Every share the cases without a result could still bring about is looked at."""
    left_out = min(share.skipped, max(0, allow_skipped))
    total, open_cases = share.total - left_out, share.skipped - left_out
    if total <= 0:
        why = fact(Code.NO_RESULT_OF_CASES, total=share.total) if share.total else fact(Code.NO_CASE)
        return no_data(criterion, why, n=0)
    threshold = criterion.quantity.value
    verdict = _of_all(_outcomes(criterion, share.passed, open_cases, total))
    observed = share_of(share.passed, total, threshold)
    best = (share.passed + open_cases) / total if verdict is CriterionVerdict.UNPROVEN else None
    return judged(
        criterion,
        verdict=verdict,
        observed=observed,
        n=total,
        margin=margin(share.passed / total, criterion.op, threshold, Dimension.SHARE),
        reason=fact(
            Code.CENSUS,
            observed=observed,
            best=None if best is None else Figure(best, Dimension.SHARE, threshold),
            needs=None if verdict is CriterionVerdict.MET else required(criterion),
            open=open_cases or None,
            missing=share.missing if open_cases else None,
            skipped=share.skipped if open_cases else None,
            left_out=left_out or None,
            allow_skipped=allow_skipped if left_out else None,
        ),
    )


def share_of(passed: int, total: int, threshold: float) -> Fact:
    """A share that was observed."""
    value = Figure(passed / total, Dimension.SHARE, threshold)
    return fact(Code.SHARE, value=value, passed=passed, total=total)


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
    reason = fact(Code.UNUSED, unused=sample.unused, moments=moments, of=seen.reason)
    return replace(seen, verdict=verdict, reason=reason)


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
        return no_data(criterion, fact(Code.NO_REQUEST), n=0)
    if not share.skipped:
        return _sample_as(criterion, share, bounds)
    # Samples without a result count once against and once for the share; only what holds both ways holds.
    against = _sample_as(criterion, replace(share, skipped=0), bounds)
    in_favour = _sample_as(criterion, replace(share, passed=share.passed + share.skipped, skipped=0), bounds)
    verdict = against.verdict if against.verdict is in_favour.verdict else CriterionVerdict.UNPROVEN
    reason = fact(Code.WITHOUT_RESULT, of=against.reason, count=share.skipped)
    return replace(against, verdict=verdict, reason=reason)


def _sample_as(criterion: Criterion, share: Share, bounds: Bounds | None) -> Judgement:
    found = compare(
        criterion,
        share.passed / share.total,
        Dimension.SHARE,
        observed=share_of(share.passed, share.total, criterion.quantity.value),
        span=share.span,
        without_bound=bounds is None,
    )
    found = replace(found, n=share.total, bound=NOT_ASKED if bounds is None else None)
    if bounds is None:
        return found
    if criterion.op in (Operator.EQ, Operator.NE):
        return _statement(criterion, found, share, bounds)
    return _judge_bounds(criterion, found, share, bounds)


def _statement(criterion: Criterion, found: Judgement, share: Share, bounds: Bounds) -> Judgement:
    """`== 100%` says what was seen; beside it stands what that shows."""
    threshold = criterion.quantity.value
    if threshold not in (0.0, 1.0):
        why = fact(Code.ONLY_ALL_OR_NONE, measure=criterion.measure, op=criterion.op.value)
        return replace(found, verdict=CriterionVerdict.UNPROVEN, reason=why)
    if found.verdict is not CriterionVerdict.MET:
        return found
    from_below = (criterion.op is Operator.EQ) is (threshold == 1)
    bound = _share_bound(share, bounds, from_below, threshold)
    return replace(
        found,
        bound=bound,
        confidence=bounds.confidence,
        reason=fact(
            Code.STATEMENT, observed=found.observed, span=share.span, bound=bound, **sureness(bounds)
        ),
    )


def _judge_bounds(criterion: Criterion, found: Judgement, share: Share, bounds: Bounds) -> Judgement:
    """A share that must reach a threshold, or stay within one."""
    threshold, wants_more = criterion.quantity.value, criterion.op.wants_more
    needed = threshold if wants_more else 1 - threshold
    wrong = share.total - share.passed if wants_more else share.passed
    effect = design_effect(share.blocks, bounds.confidence)
    bounds = replace(bounds, effect=effect or 1.0)

    def would_do() -> Fact:
        measure = None if wants_more else criterion.measure
        return fact(Code.WOULD_DO, needed=bounds.needed(needed, wrong), wrong=wrong, measure=measure)

    return hold_to_bound(
        found,
        bounds,
        clusters=clustering(effect, share.total),
        bound=_share_bound(share, bounds, wants_more, threshold),
        enough=bounds.shows_at_least(needed, share.total - wrong, share.total),
        would_do=would_do,
        span=share.span,
    )


def _share_bound(share: Share, bounds: Bounds, from_below: bool, threshold: float) -> Fact:
    if from_below:
        value = bounds.lower(share.passed, share.total)
        return fact(Code.AT_LEAST, value=Figure(value, Dimension.SHARE, threshold))
    value = bounds.upper(share.passed, share.total)
    return fact(Code.AT_MOST, value=Figure(value, Dimension.SHARE, threshold))


def _number(criterion: Criterion, number: Number) -> Judgement:
    value, dimension, threshold = number.value, number.dimension, criterion.quantity.value
    if value is None or not math.isfinite(value):
        return no_data(criterion, fact(Code.NO_VALUE_READ, measure=criterion.measure))
    if number.least is not None:
        return _at_least(criterion, number, number.least)
    figure = Figure(value, dimension, threshold)
    if number.unended:
        return _judge_unended(criterion, figure)
    if number.partial:
        return _partial(criterion, figure, number)
    if dimension is Dimension.TIME and value == 0:
        return no_data(criterion, fact(Code.ZERO_TIME))
    observed = fact(Code.REPORTED if number.reported else Code.VALUE, value=figure, names=number.counted)
    return compare(criterion, value, dimension, observed=observed)


def _at_least(criterion: Criterion, number: Number, least: float) -> Judgement:
    """What was observed is the most that it was; only what holds, or is violated, at both ends is so."""
    observed = replace(number, least=None)
    as_observed = _number(criterion, observed)
    at_least = _number(criterion, replace(observed, value=least, unended=False))
    within = criterion.op.wants_less and as_observed.verdict is CriterionVerdict.MET
    if within or as_observed.verdict is at_least.verdict:
        return as_observed
    figure = Figure(least, number.dimension, criterion.quantity.value)
    why = fact(Code.MAYBE_LESS, of=as_observed.reason, least=figure)
    return replace(as_observed, verdict=CriterionVerdict.UNPROVEN, reason=why)


def _judge_unended(criterion: Criterion, figure: Figure) -> Judgement:
    """What had not ended when the watch did ranks above every value, and never proves that it is more."""
    asks_for_more = criterion.op.wants_more or criterion.op is Operator.NE
    verdict = CriterionVerdict.UNPROVEN if asks_for_more else CriterionVerdict.NOT_MET
    return _of_part(criterion, fact(Code.UNENDED, value=figure), verdict)


def _partial(criterion: Criterion, figure: Figure, number: Number) -> Judgement:
    """A lower bound holds for whoever asks for more, breaks what it is beyond, and says nothing else."""
    value, threshold = figure.value, criterion.quantity.value
    if criterion.op.wants_more or criterion.op is Operator.NE:
        holds = criterion.op.holds(value, threshold) and value >= threshold
        verdict = CriterionVerdict.MET if holds else CriterionVerdict.UNPROVEN
    else:
        beyond = value > threshold or (criterion.op is Operator.LT and value == threshold)
        verdict = CriterionVerdict.NOT_MET if beyond else CriterionVerdict.UNPROVEN
    seen = fact(Code.AT_LEAST_SEEN, value=figure, names=number.counted, missing=number.missing)
    return _of_part(criterion, seen, verdict)


def _of_part(criterion: Criterion, observed: Fact, verdict: CriterionVerdict) -> Judgement:
    """What was not seen whole has no distance from the threshold."""
    found = compare(criterion, observed.value.value, observed.value.dimension, observed=observed)
    return replace(found, verdict=verdict, margin=None)


def _gauge(criterion: Criterion, gauge: Gauge) -> Judgement:
    """The statistic of the samples taken, compared as it is; between them anything may have been."""
    if gauge.samples < _FEWEST:
        few = fact(Code.TOO_FEW_SAMPLES, n=gauge.samples, measure=criterion.measure, needed=_FEWEST)
        none = fact(Code.NO_SAMPLE, measure=criterion.measure)
        return no_data(criterion, few if gauge.samples else none, n=gauge.samples)
    of_gauge = find_statistic(criterion.statistic).of_gauge
    value = None if of_gauge is None else of_gauge(gauge)
    if value is None or not math.isfinite(value):
        return no_such_statistic(criterion, MeasureType.GAUGE)
    return compare(
        criterion,
        value,
        gauge.dimension,
        code=Code.OF_SAMPLES,
        statistic=criterion.statistic,
        n=gauge.samples,
        interval=gauge.interval or None,
        span=gauge.span,
    )
