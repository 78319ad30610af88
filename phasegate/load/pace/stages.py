"""`stages` of a load, as written: a level to be reached, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pydantic import Field, model_validator

from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.fields import Closed, Duration, Rate
from phasegate.base.problems import Location
from phasegate.base.units import Dimension
from phasegate.load.pace.pacing import Profile

MOST_CONNECTIONS = 50_000


class Stage(Closed):
    """From the level of the stage before, at first 0, to this one; `duration: 0s` jumps there."""

    duration: Duration
    """How long it takes to reach the level."""
    rate: Rate | None = None
    """Open model: requests due per second at the end of the stage."""
    connections: int | None = Field(default=None, ge=0, le=MOST_CONNECTIONS)
    """Closed model: open connections at the end of the stage."""

    @model_validator(mode="after")
    def _has_one_level(self) -> Stage:
        if (self.rate is None) == (self.connections is None):
            raise ValueError("a stage has either rate: 200/s (open model) or connections: 50 (closed model)")
        return self

    @property
    def level(self) -> float:
        return float(self.connections or 0) if self.rate is None else self.rate


def is_open(stages: Sequence[Stage]) -> bool:
    """Whether they are stages of a rate."""
    return stages[0].rate is not None


def profile_of(stages: Sequence[Stage]) -> Profile:
    return Profile.staged((stage.duration, stage.level) for stage in stages)


def peak_of(stages: Sequence[Stage]) -> float:
    return max(stage.level for stage in stages)


def duration_of(stages: Sequence[Stage]) -> float:
    return math.fsum(stage.duration for stage in stages)


def problems_of(stages: Sequence[Stage]) -> Iterator[tuple[Location, str]]:
    """What is wrong between stages; an empty list is one problem."""
    if not stages:
        yield (), "an empty list has no stage; write one like {duration: 10s, rate: 200/s}"
        return
    for index, stage in enumerate(stages):
        if (stage.rate is not None) != is_open(stages):
            first, this = ("rate", "connections") if is_open(stages) else ("connections", "rate")
            yield (index, this), f"the stages before have {first}; a load is of one model"
    if duration_of(stages) == 0:
        yield (), "stages of 0 s together send nothing"
    elif profile_of(stages).area == 0:
        yield (), "stages that never leave 0 send nothing"


def summary_of(stages: Sequence[Stage]) -> Fact:
    """How many there are, and what they reach in which time."""
    peak = peak_of(stages)
    level = Figure(peak, Dimension.RATE) if is_open(stages) else round(peak)
    return fact(Code.LOAD_STAGES, n=len(stages), level=level, span=float(duration_of(stages)))
