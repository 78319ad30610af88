"""What can be wrong with a criterion before anything ran: measure, unit, a demand that cannot be met."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import EXAMPLES, Dimension
from phasegate.gate.bounds import Bounds
from phasegate.gate.criterion import CriterionError
from phasegate.gate.statistics import of_each_side, samples_needed
from phasegate.model.criterion import Criterion, Operator, Relative, SubjectKind
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.model.statistic import find_statistic, statistic_names

_WITH_STATISTICS = {
    MeasureType.DISTRIBUTION: ("a distribution", "p95"),
    MeasureType.GAUGE: ("sampled over time", "max"),
}
"""What they are in words, and a statistic for an example."""
_OF_SAMPLES = (MeasureType.SAMPLE, MeasureType.DISTRIBUTION, MeasureType.GAUGE)


def check_against(
    criterion: Criterion,
    specs: Mapping[str, MeasureSpec],
    *,
    confidence: float | None = 0.95,
    over: float | None = None,
) -> list[CriterionError]:
    """Everything that is wrong with a criterion on a subject that has these measures.

    `confidence` and `over` are those the criterion will be judged with; None where a plan writes `none` or
    nothing. The errors are handed back, not raised.
    """
    spec = specs.get(criterion.measure)
    if spec is None:
        return [_unknown_measure(criterion, specs)]
    problems = list(_statistic(criterion, spec, confidence))
    if not isinstance(criterion.threshold, Relative):
        problems += _dimension(criterion, spec)
    if over is not None and spec.type not in _OF_SAMPLES:
        problems.append(
            CriterionError(
                criterion.spans.measure,
                f"`over` needs a sample, and {criterion.measure} is a {spec.type}",
                "leave `over` out",
            )
        )
    if problems or isinstance(criterion.threshold, Relative):
        return problems
    match spec.type:
        case MeasureType.CENSUS:
            return list(_share_threshold(criterion))
        case MeasureType.SAMPLE:
            return [*_sample_threshold(criterion, confidence)] or [*_share_threshold(criterion)]
        case MeasureType.DISTRIBUTION:
            return list(_duration_threshold(criterion))
        case MeasureType.NUMBER | MeasureType.GAUGE:
            return list(_number_threshold(criterion, spec))


def feasible(
    criterion: Criterion, spec: MeasureSpec, samples: int | None, bounds: Bounds | None
) -> Fact | None:
    """A warning when `samples` cannot meet a criterion even without a failure, with the number that can.

    None when they can, when their number is open, or when no bound is asked for.
    """
    if samples is None or bounds is None:
        return None
    if isinstance(criterion.threshold, Relative):
        bounds = replace(bounds, confidence=of_each_side(bounds.confidence))
    share = criterion.share_to_show(spec.type)
    if share is None or (samples > 0 and bounds.shows_at_least(share, samples, samples)):
        return None
    needed = bounds.needed(share, 0)
    if needed is None or samples >= needed:
        return None
    return fact(
        Code.CAN_NEVER_MEET,
        n=samples,
        expression=f"{criterion.value_text} {criterion.required}",
        confidence=bounds.confidence,
        always_valid=bounds.always_valid,
        best=_best(criterion, spec, samples, bounds),
        needed=needed,
    )


def _best(criterion: Criterion, spec: MeasureSpec, samples: int, bounds: Bounds) -> Fact | None:
    if spec.type is not MeasureType.SAMPLE or samples < 1:
        return None
    if criterion.op.wants_more:
        return fact(Code.AT_LEAST, value=Figure(bounds.lower(samples, samples), Dimension.SHARE))
    return fact(Code.AT_MOST, value=Figure(bounds.upper(0, samples), Dimension.SHARE))


def _unknown_measure(criterion: Criterion, specs: Mapping[str, MeasureSpec]) -> CriterionError:
    near = difflib.get_close_matches(criterion.measure, specs, n=1)
    owner = criterion.subject_text if criterion.subject_kind is not SubjectKind.RUN else "the run"
    known = f"measures of {owner} are {', '.join(sorted(specs))}" if specs else f"{owner} has no measures"
    return CriterionError(
        criterion.spans.measure,
        f"{owner} has no measure {criterion.measure!r}",
        f"did you mean {near[0]!r}? {known}" if near else known,
    )


def _statistic(criterion: Criterion, spec: MeasureSpec, confidence: float | None) -> Iterator[CriterionError]:
    name, span, statistic = criterion.measure, criterion.spans.statistic, find_statistic(criterion.statistic)
    what, example = _WITH_STATISTICS.get(spec.type, ("one value", ""))
    known = f"statistics are {', '.join(statistic_names(spec.type))}"
    if not criterion.statistic:
        if example:
            message = f"{name} is {what} and needs a statistic"
            yield CriterionError(criterion.spans.measure, message, f"write it like {name}.{example}; {known}")
    elif not statistic.is_of(spec.type):
        message = f"{name} is {what} and has no {criterion.statistic}"
        yield CriterionError(
            span,
            message,
            f"write {name}.{example}; {known}" if example else f"write {name} {criterion.required}",
        )
    elif spec.type is MeasureType.DISTRIBUTION and confidence is not None and statistic.lacks_bound:
        yield CriterionError(
            span,
            f"a {statistic.name} has no confidence bound",
            f"write {name}.{example}, or `confidence: none` to compare what was observed and nothing more",
        )


def _dimension(criterion: Criterion, spec: MeasureSpec) -> Iterator[CriterionError]:
    threshold, wanted = criterion.quantity, spec.dimension
    if threshold.dimension is wanted:
        return
    name, examples = criterion.measure, EXAMPLES[wanted]
    if wanted is Dimension.COUNT:
        message = f"{name} is a plain number, and {threshold} has a unit"
        help = f"write a number such as {examples}"
    elif threshold.dimension is Dimension.COUNT:
        message = f"{threshold} needs a unit, because {name} is a {wanted}"
        help = f"write it like {examples}"
        if wanted is Dimension.SHARE:
            percent = threshold.value * 100 if 0 < threshold.value < 1 else threshold.value
            help = f"write {percent:.12g}%"
    else:
        message = f"{name} is a {wanted}, and {threshold} is a {threshold.dimension}"
        help = f"write it like {examples}"
    yield CriterionError(criterion.spans.threshold, message, help)


def _share_threshold(criterion: Criterion) -> Iterator[CriterionError]:
    """Demands on a share that nothing could meet, or that anything would."""
    op, value, demand = criterion.op, criterion.quantity.value, criterion.required
    span, name = criterion.spans.threshold, criterion.measure
    if not 0 <= value <= 1:
        yield CriterionError(
            span, f"{name} is a share of 0% to 100%, and never {criterion.quantity}", "write a share within"
        )
    elif (op is Operator.GT and value == 1) or (op is Operator.LT and value == 0):
        yield CriterionError(span, f"nothing can meet {demand}", f"write == {criterion.quantity}")
    elif (op is Operator.GE and value == 0) or (op is Operator.LE and value == 1):
        yield CriterionError(
            span,
            f"{name} {demand} holds whatever is seen, so it proves nothing",
            "write a share to be reached",
        )


def _sample_threshold(criterion: Criterion, confidence: float | None) -> Iterator[CriterionError]:
    op, value, demand = criterion.op, criterion.quantity.value, criterion.required
    span, name = criterion.spans.threshold, criterion.measure
    if op in (Operator.EQ, Operator.NE):
        if 0 < value < 1:
            yield CriterionError(
                criterion.spans.op,
                f"{name} is a sample, and on a sample {op} fits 0% and 100% only",
                f"write >= {criterion.quantity} or <= {criterion.quantity}",
            )
    elif confidence is not None and value == (1.0 if op.wants_more else 0.0):
        bound, near = ("100%", ">= 99.9%") if op.wants_more else ("0%", "<= 0.1%")
        yield CriterionError(
            span,
            f"{name} is a sample, and no sample can prove {demand}",
            f"write == {bound} as a statement about what was seen, or {near} with enough samples "
            f"({samples_needed(0.999, confidence):,} without a failure)",
        )


def _number_threshold(criterion: Criterion, spec: MeasureSpec) -> Iterator[CriterionError]:
    """Demands on a number that all numbers there can be would meet, or none."""
    op, value = criterion.op, criterion.quantity.value
    ends = {op.holds(end, value) for end in (spec.lowest, spec.highest)}
    if op in (Operator.EQ, Operator.NE):
        if spec.lowest <= value <= spec.highest:
            return
        ends = {op is Operator.NE}
    if ends == {True}:
        yield CriterionError(
            criterion.spans.threshold,
            f"{criterion.measure} {criterion.required} holds whatever is seen, so it proves nothing",
            "write a number that can be missed",
        )
    elif ends == {False}:
        yield CriterionError(
            criterion.spans.threshold, f"nothing can meet {criterion.required}", "write a number within reach"
        )


def _duration_threshold(criterion: Criterion) -> Iterator[CriterionError]:
    if criterion.op in (Operator.EQ, Operator.NE):
        yield CriterionError(
            criterion.spans.op,
            f"{criterion.measure} is a sample of durations, and {criterion.op} says nothing about it",
            f"write < {criterion.quantity} or > {criterion.quantity}",
        )
    elif criterion.quantity.value <= 0:
        yield CriterionError(
            criterion.spans.threshold,
            f"every duration is above 0, so {criterion.required} says nothing",
            f"write a time such as {EXAMPLES[Dimension.TIME]}",
        )
