"""What the probes around a fault come to: lost requests, the outage, and when all was good again. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message
from phasegate.base.units import Dimension
from phasegate.model.faults import Act
from phasegate.model.measures import Measure, Number, Share

NEEDED = 3
"""Good probes in a row, sent after the undoing, that show that all is good again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One probe with its outcome; times are seconds on one clock."""

    sent: float
    answered: float
    """When the answer was there, or it was clear that none would come."""
    cause: Message = ""
    """Why it was lost; empty for a good answer."""

    @property
    def good(self) -> bool:
        return not self.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When things were done; seconds on the clock of the probes."""

    begun: float
    """The act was begun."""
    done: float
    undoing: float
    """It was begun to be undone; `begun` where there is nothing to undo."""
    undone: float
    """From here on the target is as it was, or is on its way there; `done` where nothing is undone."""


def good_again(probes: Sequence[Probed], *, since: float, settled: float) -> tuple[Probed, ...]:
    """The unbroken run of good probes sent after `since` of which `NEEDED` were sent after `settled`.

    Shape: up to the last that was needed; empty while there is no such run. A run may begin before
    `settled`, as where another copy of a service answers, but not before `since`.
    `probes` are in the order of sending, and all before the last of them have an outcome.
    """
    run: list[Probed] = []
    for probe in probes:
        if probe.sent < since:
            continue
        if not probe.good:
            run = []
            continue
        run.append(probe)
        if sum(one.sent >= settled for one in run[-NEEDED:]) >= NEEDED:
            return tuple(run)
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was measured of one fault."""

    measures: Mapping[str, Measure]
    causes: Mapping[Message, int]
    recovered: float | None
    """When the first answer of the last run of good ones was there; None where there was none."""
    may_have_recovered: bool
    """Whether it recovered if all was good when phasegate did not look."""


def recovery(
    act: Act, probes: Sequence[Probed], moments: Moments, until: float, missed: Sequence[float] = ()
) -> Recovery:
    """Everything measured of a fault whose probes were watched `until` a moment.

    What had not come to its end by then is `unended`, with the time that was watched. At the `missed`
    moments phasegate did not look in time, and the target may have been good, but between two lost probes:
    so every time has the `least` that it may have been.
    """
    seen = _recovery(act, probes, moments, until)
    good = [Probed(sent=at, answered=at) for at in missed if _may_be_good(at, probes)]
    if not good:
        return seen
    best = _recovery(act, sorted((*probes, *good), key=lambda probe: probe.sent), moments, until)
    measures = {name: _at_least(measure, best.measures[name]) for name, measure in seen.measures.items()}
    return replace(seen, measures=measures, may_have_recovered=best.recovered is not None)


def _at_least(seen: Measure, best: Measure) -> Measure:
    """A time, with the least that it may have been."""
    if seen == best or not isinstance(seen, Number) or not isinstance(best, Number):
        return seen
    return replace(seen, least=best.value) if seen.dimension is Dimension.TIME else seen


def _may_be_good(at: float, probes: Sequence[Probed]) -> bool:
    after = bisect_right(probes, at, key=lambda probe: probe.sent)
    return after == len(probes) or any(probe.good for probe in probes[max(0, after - 1) : after + 1])


def _recovery(act: Act, probes: Sequence[Probed], moments: Moments, until: float) -> Recovery:
    back = good_again(probes, since=moments.undoing, settled=moments.undone)
    whole = good_again(probes, since=moments.begun, settled=moments.undone)
    first = back if act is Act.REPLACE else whole
    recovered = first[0] if first else None
    end = until if recovered is None else recovered.answered
    lost = [
        probe for probe in probes if not probe.good and probe.answered >= moments.begun and probe.sent <= end
    ]
    measures: dict[str, Measure] = {
        "recovered": Share(passed=int(recovered is not None), total=1, sample=False),
        "lost_requests": Number(value=len(lost), unended=recovered is None),
        "outage": _time(_longest_gap(probes, moments.begun, end), unended=recovered is None),
    }
    if act is Act.REPLACE:
        out = good_again(
            [probe for probe in probes if probe.answered < moments.undoing],
            since=moments.begun,
            settled=moments.done,
        )
        measures["rollout_time"] = _from(moments.begun, out, moments.undoing)
        measures["rollback_time"] = _from(moments.undoing, back, until)
    elif act is not Act.ROLLOUT:
        measures["recovery_time"] = _from(moments.begun, whole, until)
        if act is not Act.RESTART:
            then = tuple(probe for probe in whole if probe.answered > moments.undoing)
            measures["recovery_after"] = _from(moments.undoing, then, until)
    return Recovery(
        measures=measures,
        causes=dict(Counter(probe.cause for probe in lost).most_common()),
        recovered=None if recovered is None else recovered.answered,
        may_have_recovered=recovered is not None,
    )


def _from(moment: float, run: Sequence[Probed], until: float) -> Number:
    """The time to the first answer of a run; without one it is longer than what was watched."""
    return _time((run[0].answered if run else until) - moment, unended=not run)


def _time(seconds: float, *, unended: bool) -> Number:
    return Number(value=seconds, dimension=Dimension.TIME, unended=unended)


def _longest_gap(probes: Sequence[Probed], begun: float, end: float) -> float:
    """The longest time without a good answer, from the last one before the fault to the end.

    No shorter outage can be excluded, so it is never 0; without a good answer before, it counts from the
    first question.
    """
    answers = sorted(probe.answered for probe in probes if probe.good and probe.answered <= end)
    before = [at for at in answers if at < begun]
    first = min((probe.sent for probe in probes), default=begun)
    moments = [before[-1] if before else min(first, begun), *(at for at in answers if at >= begun), end]
    return max(later - earlier for earlier, later in pairwise(moments))
