"""Faults: what was done to the target on purpose, and how long it took to be good again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, fact
from phasegate.base.units import Dimension
from phasegate.model.fact_json import JsonCauses, JsonMessage
from phasegate.model.measure_json import JsonMeasure
from phasegate.model.measures import MeasureSpec

RUN_ENDED_BEFORE = fact(Code.RUN_ENDED_BEFORE)
"""Why nothing came of something of which nothing else is known."""


class Act(StrEnum):
    """What is done to a service or a process."""

    STOP = "stop"
    """Asked to end, as at a deployment; started again."""
    KILL = "kill"
    """Ended without being asked, as by a crash; started again."""
    PAUSE = "pause"
    """Kept from running while its connections stay open; let go on."""
    RESTART = "restart"
    """Asked to end and started again at once."""
    REPLACE = "replace"
    """Run from another image or command; put back on its own."""
    CUT = "cut"
    """Taken off its networks; put on them again."""
    ROLLOUT = "rollout"
    """Run from another image or command, one instance after another, as long as all goes well."""


LASTING = frozenset({Act.STOP, Act.PAUSE, Act.CUT, Act.REPLACE})
"""Acts that go on until they are undone, and so need a time."""
CONTAINERS_ONLY = frozenset({Act.CUT})
"""Acts that a process of this machine, which has no network of its own, cannot be put to."""
RENEWING = frozenset({Act.REPLACE, Act.ROLLOUT})
"""Acts that run another version."""


class FaultStatus(StrEnum):
    NOT_DONE = "not_done"
    """Nothing was done to the target, so nothing is proven."""
    UNDER_WAY = "under_way"
    """The record ends before it did: it may never have been undone."""
    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    """Undone, and no unbroken run of good probes was seen in time."""
    ROLLED_OUT = "rolled_out"
    """Every instance ran the other version, and nothing spoke against it."""
    ROLLED_BACK = "rolled_back"
    """Something spoke against the other version, and all is as it was."""
    CUT_SHORT = "cut_short"
    """Undone, and the run was ended before anybody could see whether it recovered."""
    NOT_UNDONE = "not_undone"
    """The target is not as it was."""


DONE = frozenset(
    {
        FaultStatus.RECOVERED,
        FaultStatus.NOT_RECOVERED,
        FaultStatus.ROLLED_OUT,
        FaultStatus.ROLLED_BACK,
    }
)
"""What became of a fault whose measures can be judged."""
LEFT_ON = frozenset({FaultStatus.UNDER_WAY, FaultStatus.NOT_UNDONE})
"""What became of a fault with which no run can pass."""


def fault_defaults(act: Act) -> tuple[str, ...]:
    """Criteria that judge a fault unless the plan writes a blocking one on the same measure; subject left
    out."""
    return ("recovered == 100%", *(("rolled_out == 100%",) if act is Act.ROLLOUT else ()))


_EVERY: Mapping[str, MeasureSpec] = {
    "recovered": MeasureSpec.census("100% where all was good again in time after it, else 0%"),
    "lost_requests": MeasureSpec.amount(
        "probes without a good answer, from the fault until all was good again"
    ),
    "outage": MeasureSpec.amount(
        "the longest time between two good answers, from the fault until all was good again", Dimension.TIME
    ),
}
_RECOVERY = {
    "recovery_time": MeasureSpec.amount(
        "from the fault to the first answer of the unbroken run of good ones after it", Dimension.TIME
    )
}
_AFTER = {
    "recovery_after": MeasureSpec.amount(
        "from the beginning of its undoing to the first answer of that unbroken run then", Dimension.TIME
    )
}
_ROLLING: Mapping[str, MeasureSpec] = {
    "rollout_time": MeasureSpec.amount(
        "from the other image to the first answer of an unbroken run of good ones on it", Dimension.TIME
    ),
    "rollback_time": MeasureSpec.amount(
        "from putting its own image back to the first answer of an unbroken run", Dimension.TIME
    ),
}


_ROLLOUT: Mapping[str, MeasureSpec] = {
    "rolled_out": MeasureSpec.census(
        "100% where every instance ran the other version and nothing spoke against it, else 0%"
    ),
    "rollout_time": MeasureSpec.amount(
        "from the beginning until every instance was ready on the other version", Dimension.TIME
    ),
    "rollback_time": MeasureSpec.amount(
        "from the beginning of the rollback until every instance was ready again", Dimension.TIME
    ),
}


def fault_measures(act: Act) -> Mapping[str, MeasureSpec]:
    """Every measure that a fault may have."""
    match act:
        case Act.REPLACE:
            return {**_ROLLING, **_EVERY}
        case Act.ROLLOUT:
            return {**_ROLLOUT, **_EVERY}
        case Act.RESTART:
            return {**_RECOVERY, **_EVERY}
        case _:
            return {**_RECOVERY, **_AFTER, **_EVERY}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFault:
    """One act on one entry of the target, during one check of its step."""

    id: str
    """The id of the fault."""
    act: Act
    """What was done."""
    target: str
    """The entry of the target that it was done to; of a rollout, the first one."""
    further: tuple[str, ...] = ()
    """The entries that a rollout went on with, in their order."""
    check: str
    """The check during which it was done."""
    title: str = ""
    """What reports call it."""
    due: float = 0.0
    """Seconds from the start of that check."""
    lasting: float | None = None
    """Seconds until it is undone, from when it was done; None where the act is over when it is done."""
    image: str = ""
    """The image of the other version; empty where it has the same."""
    command: tuple[str, ...] = ()
    """The command of the other version; empty where it has the same."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the other version has in its environment besides, by name."""
    hold: float = 0.0
    """Seconds for which a rollout watches each instance before it goes on."""
    within: float = 0.0
    """Seconds that an instance has to be ready, in a rollout and its rollback."""
    probe: JsonMessage = ""
    """What was asked meanwhile, in a few words: `GET /health every 50 ms`."""
    source: str = ""
    """`file:line` in the plan."""

    @property
    def end(self) -> float:
        """Seconds from the start of the check when it is undone, if it is done in no time."""
        return self.due + self.hold * len(self.targets) + (self.lasting or 0.0)

    @property
    def targets(self) -> tuple[str, ...]:
        """Every entry that it is done to."""
        return (self.target, *self.further)

    @property
    def version(self) -> str:
        """What it runs instead, as ` by shop:2`; empty where it runs nothing else."""
        env = [f"{name}={value}" for name, value in self.env.items()]
        words = [*((self.image,) if self.image else ()), *env, *self.command]
        return f" by {' '.join(words)}" if words else ""

    @property
    def stays(self) -> bool:
        """Whether it is a rollout that is not rolled back unless something speaks against it."""
        return self.act is Act.ROLLOUT and self.lasting is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultResult:
    """One fault of a step, and what came of it."""

    asked: PlanFault
    """What the plan says of it."""
    status: FaultStatus = FaultStatus.NOT_DONE
    """What came of it."""
    reason: JsonMessage = RUN_ENDED_BEFORE
    """Why it was not done, not undone, or did not recover; empty when it recovered."""
    started: datetime | None = None
    """When it was begun to be done, from which its times count."""
    undone: datetime | None = None
    """When it was undone, UTC; None where it was not."""
    recovered: datetime | None = None
    """The first answer of the unbroken run of good ones."""
    probes: int = 0
    """Probes with an outcome, those before the fault included."""
    unused: int = 0
    """Moments that passed without a probe, as phasegate was late."""
    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    """What was measured, by name."""
    causes: JsonCauses = field(default_factory=dict)
    """Lost requests by cause, with counts."""
    notes: tuple[JsonMessage, ...] = ()
    """What a reader needs beside the figures."""
    evidence: tuple[str, ...] = ()
    """The files that it left, by their paths below the run's folder."""

    @property
    def id(self) -> str:
        return self.asked.id
