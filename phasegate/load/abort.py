"""`abort_on`: when a load only does damage, and so ends before its time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field, model_validator

from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.fields import Closed, Duration
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension, parse_as
from phasegate.load.counting.tally import LoadTally
from phasegate.model.criterion import Operator
from phasegate.model.measures import Distribution

_SUCCESS = "success_rate"
_SIGNS = ("<=", ">=", "<", ">")


class AbortOn(Closed):
    """Conditions of which one must hold over all that ended in the last `for`."""

    success_rate: str | None = None
    """The share of good answers among the requests that ended that does damage: `< 50%`."""
    latency_p50: str | None = Field(default=None, alias="latency.p50")
    """The latency of half of the requests that does damage: `> 1s`. Failed and dropped ones rank above every
    value."""
    latency_p95: str | None = Field(default=None, alias="latency.p95")
    """As `latency.p50`, for 95% of the requests: `> 2s`."""
    latency_p99: str | None = Field(default=None, alias="latency.p99")
    """As `latency.p50`, for 99% of the requests: `> 5s`."""
    for_: Duration = Field(default=5.0, alias="for")
    """How long a condition must hold; counted in whole seconds, one at least."""

    @model_validator(mode="after")
    def _makes_sense(self) -> AbortOn:
        problems: list[tuple[Location, str]] = []
        for name, written in self._written_conditions():
            try:
                _rule(name, written)
            except ValueError as error:
                problems.append(((name,), str(error)))
        if not any(True for _ in self._written_conditions()):
            problems.append(((), 'no condition; write one like success_rate: "< 50%"'))
        refuse("AbortOn", problems)
        return self

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(_rule(name, written) for name, written in self._written_conditions())

    def _written_conditions(self) -> Iterator[tuple[str, str]]:
        for field, info in type(self).model_fields.items():
            if field != "for_" and (written := getattr(self, field)) is not None:
                yield info.alias or field, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    measure: str
    """`success_rate`, or `latency.p95`."""
    operator: Operator
    threshold: float
    text: str
    """The condition as written."""

    def broken_by(self, seen: LoadTally) -> Figure | Fact | None:
        """What was seen when the condition holds; None also when nothing was."""
        if self.measure == _SUCCESS:
            value = seen.good / seen.requests if seen.requests else None
            dimension = Dimension.SHARE
        else:
            share = float(self.measure.partition(".p")[2]) / 100
            edges = Distribution(good=seen.latency, failed=seen.failed + seen.dropped).quantile(share)
            value = None if edges is None else edges[0]
            dimension = Dimension.TIME
        if value is None or not self.operator.holds(value, self.threshold):
            return None
        return fact(Code.FAILED) if math.isinf(value) else Figure(value, dimension)


class AbortRule:
    """Looks at the last seconds of a load, over all workers."""

    def __init__(self, abort_on: AbortOn, *, workers: int) -> None:
        self._rules = abort_on.rules
        self._span = max(math.ceil(abort_on.for_), 1)
        self._reported = [0.0] * workers
        self._seconds: dict[int, LoadTally] = {}

    def add(self, worker: int, until: float, tally: LoadTally) -> None:
        """`tally` is what came in from the worker's last report until a moment, in seconds."""
        second = math.ceil(until)
        known = self._seconds.get(second)
        self._seconds[second] = tally if known is None else known.merge(tally)
        self._reported[worker] = until
        whole = math.floor(min(self._reported))
        for old in [second for second in self._seconds if second <= whole - self._span]:
            del self._seconds[old]

    def reason(self) -> Message | None:
        """Why to end the load, once a condition has held long enough."""
        whole = math.floor(min(self._reported))
        if whole < self._span:
            return None
        seen = LoadTally()
        for second, tally in self._seconds.items():
            if second <= whole:
                seen = seen.merge(tally)
        for rule in self._rules:
            if found := rule.broken_by(seen):
                return fact(
                    Code.DOES_DAMAGE,
                    measure=rule.measure,
                    observed=found,
                    span=float(self._span),
                    expression=rule.text,
                )
        return None


def _rule(measure: str, written: str) -> Rule:
    """Errors: ValueError for a condition that cannot be read, or that says when all is well."""
    text = written.strip()
    sign = next((sign for sign in _SIGNS if text.startswith(sign)), None)
    damage, dimension, example = (
        ("<", Dimension.SHARE, "< 50%") if measure == _SUCCESS else (">", Dimension.TIME, "> 2s")
    )
    if sign is None or not sign.startswith(damage):
        raise ValueError(f"{written!r} does not say what damage is; write it like {example!r}")
    threshold = parse_as(text.removeprefix(sign).strip(), dimension).value
    return Rule(measure=measure, operator=Operator(sign), threshold=threshold, text=f"{measure} {text}")
