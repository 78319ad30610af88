"""Deciding a criterion while its sample is still being taken, by evidence that may be looked at any time.

Samples count in the order in which they were begun. What has been answered when somebody looks is not all
that had been begun by then, and a target that hangs answers the good ones first. So a decision remembers how
many were *pending*, and at the end it is held against the worst those can have come to: no more of them
failed than failed after it in all.
"""

from __future__ import annotations

from collections.abc import Sequence

from phasegate.base.dataclass import dataclass
from phasegate.gate.bounds import Bounds
from phasegate.gate.clusters import design_effect
from phasegate.gate.durations import count_within, outside_by_block
from phasegate.model.criterion import Criterion, Operator, Relative
from phasegate.model.judgement import Decided, Decision
from phasegate.model.measures import Distribution, Measure, MeasureType, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A sample as a criterion sees it: of n, `surely` are as asked for, of those that `possibly` are."""

    needed: float
    """The share of n that must be as asked for."""
    surely: int
    possibly: int
    n: int
    blocks: Sequence[tuple[int, int]]

    def bounds(self, confidence: float) -> Bounds:
        effect = design_effect(self.blocks, confidence) or 1.0
        return Bounds(confidence=confidence, always_valid=True, effect=effect)


def decidable(criterion: Criterion, type: MeasureType, confidence: float | None) -> bool:
    """Whether a sample can decide a criterion before it is complete.

    Numbers, minima, maxima, means, statements such as `== 100%` and comparisons with a baseline are judged on
    all that was seen.
    """
    relative = isinstance(criterion.threshold, Relative)
    return confidence is not None and not relative and criterion.is_bounded(type)


def breakable(criterion: Criterion, type: MeasureType, confidence: float | None) -> bool:
    """Whether a sample can show before it is complete that a criterion is not met."""
    if decidable(criterion, type, confidence):
        return True
    absolute = not isinstance(criterion.threshold, Relative)
    return type is MeasureType.SAMPLE and absolute and _is_statement(criterion)


def decide_early(
    criterion: Criterion, measure: Measure, confidence: float | None, at: float, pending: int = 0
) -> Decision | None:
    """What the sample so far decides, if anything; `at` is its age in seconds.

    Both directions are held to the error that `confidence` states, each on its own.
    """
    if isinstance(criterion.threshold, Relative):
        return None
    if isinstance(measure, Share) and criterion.op in (Operator.EQ, Operator.NE):
        return _broken(criterion, measure, at)
    reading = _reading(criterion, measure)
    if reading is None or confidence is None:
        return None
    bounds = reading.bounds(confidence)
    if bounds.shows_at_least(reading.needed, reading.surely, reading.n):
        return Decision(outcome=Decided.MET, n=reading.n, right=reading.surely, at=at, pending=pending)
    if bounds.shows_less(reading.needed, reading.possibly, reading.n):
        return Decision(outcome=Decided.NOT_MET, n=reading.n, right=reading.possibly, at=at, pending=pending)
    return None


def breaks(
    criterion: Criterion, measure: Measure, confidence: float | None, at: float, pending: int = 0
) -> Decision | None:
    """The decision that a criterion is not met, where it is so whatever becomes of the `pending` requests."""
    decision = decide_early(criterion, measure, confidence, at, pending)
    if decision is None or decision.outcome is not Decided.NOT_MET:
        return None
    reading = _reading(criterion, measure)
    if reading is None or confidence is None:
        return decision  # a statement, which one answer broke for good
    bounds = reading.bounds(confidence)
    sure = bounds.shows_less(reading.needed, reading.possibly + pending, reading.n + pending)
    return decision if sure else None


def stands(decision: Decision, criterion: Criterion, measure: Measure, confidence: float | None) -> bool:
    """Whether a decision holds whatever became of the requests that were pending when it was made."""
    reading = _reading(criterion, measure)
    if reading is None or confidence is None:  # a statement, which one answer broke for good
        return not decision.pending and decision.outcome is Decided.NOT_MET
    bounds = Bounds(confidence=confidence, always_valid=True)
    # Of some nothing ever came: what was still to be sent when sampling ended is in no count.
    pending = min(decision.pending, max(reading.n - decision.n, 0))
    n, wrong = decision.n + pending, decision.n - decision.right
    if decision.outcome is Decided.MET:
        wrong_since = max(reading.n - reading.surely - wrong, 0)
        return bounds.shows_at_least(reading.needed, n - wrong - min(wrong_since, pending), n)
    right_since = max(reading.possibly - decision.right, 0)
    return bounds.shows_less(reading.needed, decision.right + min(right_since, pending), n)


def _broken(criterion: Criterion, share: Share, at: float) -> Decision | None:
    """One failure ends `== 100%` for good, as one success ends `== 0%`."""
    if not share.sample or not _is_statement(criterion):
        return None
    right = share.passed if criterion.quantity.value == 1 else share.total - share.passed
    if right == share.total:
        return None
    return Decision(outcome=Decided.NOT_MET, n=share.total, right=right, at=at)


def _is_statement(criterion: Criterion) -> bool:
    """Whether it says that all, or none, are as asked for."""
    return criterion.op is Operator.EQ and criterion.quantity.value in (0.0, 1.0)


def _reading(criterion: Criterion, measure: Measure) -> _Reading | None:
    """None where a sample decides nothing: no data, missing results, moments that phasegate missed,
    durations no clock could resolve."""
    op, threshold = criterion.op, criterion.quantity.value
    if (needed := criterion.share_to_show(measure.type)) is None:
        return None
    match measure:
        case Share(sample=True, skipped=0, unused=0) if measure.total:
            right = measure.passed if op.wants_more else measure.total - measure.passed
            return _Reading(
                needed=needed, surely=right, possibly=right, n=measure.total, blocks=measure.blocks
            )
        case Distribution(unmeasured=0, unused=0) if measure.n:
            return _Reading(
                needed=needed,
                surely=count_within(op, measure.good, threshold),
                possibly=count_within(op, measure.good, threshold, surely=False),
                n=measure.n,
                blocks=outside_by_block(criterion, measure),
            )
        case _:
            return None
