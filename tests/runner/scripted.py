"""A kind that observes what a script says, and a runner around it that records its events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judging import unjudged
from phasegate.kinds.base import CheckParams, Kind
from phasegate.model.criterion import PlanCriterion
from phasegate.model.events import CheckFinished, Event
from phasegate.model.measures import MeasureSpec, MeasureType, Share
from phasegate.model.observation import Case, CaseStatus, Observation, census
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    PlanCheck,
    PlanRecord,
    PlanStep,
    RunResult,
    StepResult,
)
from phasegate.plan.asked.part import Part
from phasegate.plan.asked.plan import Check, Plan, Step
from phasegate.plan.written.plan import RetryWritten
from phasegate.runner.check import CheckOutcome
from phasegate.runner.schedule import Orders, Schedule
from phasegate.runner.world import Parts, Stop
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import HttpClient, Progress, World
from tests.samples import START, passing_run
from tests.worlds import StaticAddresses, TemporaryEvidence

ONCE = RetryWritten()
E = TypeVar("E", bound=Event)
Script = Callable[[World], Any]


class Scripted(Kind[CheckParams]):
    """Each attempt takes the next of `acts`; the last is repeated."""

    name = "scripted"
    about = "what the test says"
    Params = CheckParams
    example: Mapping[str, Any] = {}
    has_cases = True

    def __init__(self, *acts: Observation | Exception | Script) -> None:
        self._acts = list(acts)
        self.calls = 0
        self.earlier: list[tuple[Case, ...]] = []

    def measures(self, params: CheckParams) -> Mapping[str, MeasureSpec]:
        return {
            "pass_rate": MeasureSpec(type=MeasureType.CENSUS, dimension=Dimension.SHARE, about="cases passed")
        }

    def defaults(self, params: CheckParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def summary(self, params: CheckParams) -> str:
        return "as scripted"

    async def observe(self, params: CheckParams, world: World) -> Observation:
        act = self._acts[min(self.calls, len(self._acts) - 1)]
        self.calls += 1
        self.earlier.append(world.earlier)
        if isinstance(act, Exception):
            raise act
        if isinstance(act, Observation):
            return act
        outcome = act(world)
        return await outcome if asyncio.iscoroutine(outcome) else outcome


def seen(passed: int, total: int) -> Observation:
    """A census of so many cases, the first ones passed."""
    cases = tuple(
        Case(
            id=f"case-{number}",
            name=f"case {number}",
            status=CaseStatus.PASSED if number < passed else CaseStatus.FAILED,
        )
        for number in range(total)
    )
    return Observation(measures={"pass_rate": census(cases)}, cases=cases)


GOOD, BAD = seen(2, 2), seen(1, 2)
SAMPLE = Observation(measures={"pass_rate": Share(passed=3, total=3, sample=True)})


async def until_stopped(world: World) -> Observation:
    """Goes on until it is told to stop."""
    while True:
        if await world.progress(Progress(text="still here")) is not None:
            return GOOD
        await asyncio.sleep(0.001)


def check(
    id: str,
    *acts: Observation | Exception | Script,
    step: str | None = "first",
    retry: RetryWritten = ONCE,
    during: str | None = None,
    exclusive: bool = False,
    limit: float | None = 5.0,
    parts: Sequence[str] = (),
    kind: Scripted | None = None,
    tags: tuple[str, ...] = (),
) -> Check:
    return Check(
        asked=PlanCheck(id=id, kind="scripted", step=step, during=during or "", chances=retry.chances),
        kind=kind or Scripted(*(acts or (GOOD,))),
        parts=tuple(Part(name=name, params=CheckParams()) for name in parts or ("",)),
        each=bool(parts),
        retry=retry,
        exclusive=exclusive,
        limit=limit,
        tags=tags,
    )


def plan(*steps: Step, gate: Sequence[Check] = (), criteria: Sequence[str] | None = None) -> Plan:
    checks = [check for step in steps for check in step.checks] + list(gate)
    texts = [f"{check.id}.pass_rate == 100%" for check in checks] if criteria is None else criteria
    return Plan(
        record=PlanRecord(path="plan.yaml", sha256=""),
        phase="phase",
        title="Scripted",
        root=Path.cwd(),
        steps=tuple(steps),
        gate_checks=tuple(gate),
        criteria=tuple(_criterion(text) for text in texts),
    )


def _criterion(text: str) -> PlanCriterion:
    parsed = parse_criterion(text)
    return PlanCriterion(id=parsed.id, criterion=parsed)


def step(
    id: str, *checks: Check, needs: Sequence[str] = (), follows: Sequence[str] = (), **more: Any
) -> Step:
    return Step(asked=PlanStep(id=id), checks=checks, needs=tuple(needs), follows=(*needs, *follows), **more)


class StillClock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def utc(self) -> datetime:
        return datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=self.at)

    def wall(self) -> datetime:
        return self.utc()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


class Folders:
    def __init__(self, path: Path) -> None:
        self._path = path

    def folder(self, check: str, attempt: int) -> TemporaryEvidence:
        return TemporaryEvidence(self._path / check / str(attempt))


class Offline:
    """For kinds that send nothing."""

    def client(self) -> AbstractAsyncContextManager[HttpClient]:
        return nullcontext(None)  # type: ignore[arg-type]


@dataclass
class Stage:
    """Runs a plan and keeps what was told."""

    path: Path
    clock: StillClock = field(default_factory=StillClock)
    events: list[Event] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    outcomes: dict[str, CheckOutcome] = field(default_factory=dict)

    async def run(self, plan: Plan, **orders: Any) -> dict[str, CheckOutcome]:
        selected = orders.pop("selected", frozenset(check.id for check in plan.checks()))
        await Schedule(
            plan, Orders(selected=selected, **orders), self.parts(), self.stop, self.outcomes
        ).run()
        return self.outcomes

    def parts(self) -> Parts:
        return Parts(
            clock=self.clock,
            http=Offline(),
            faults=None,  # type: ignore[arg-type]
            processes=LocalProcesses({}),
            target=StaticAddresses(),
            containers=TargetContainers({}),
            evidence=Folders(self.path),
            root=self.path,
            environment={},
            seed=1,
            emit=self.events.append,
            emit_all=self.events.extend,
            keep_secret=lambda value: None,
        )

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def statuses(self) -> dict[str, CheckStatus]:
        return {event.check: event.status for event in self.told(CheckFinished)}


def record(plan: Plan, seen: Mapping[str, Observation], **more: Any) -> RunResult:
    """A run of a plan whose checks saw this; those that saw nothing were not run."""
    steps = tuple(
        StepResult(
            asked=one.asked,
            checks=tuple(_recorded(check, seen.get(check.id)) for check in one.checks),
        )
        for one in plan.steps
    )
    criteria = tuple(unjudged(criterion) for criterion in plan.criteria)
    return replace(passing_run(), criteria=criteria, steps=steps, gate_checks=(), **more)


def _recorded(check: Check, seen: Observation | None) -> CheckResult:
    made = CheckResult(asked=check.asked, reason="no tool")
    if seen is None:
        return made
    attempt = AttemptResult(
        number=1, status=AttemptStatus.PASSED, started=START, duration=1.0, observation=seen
    )
    return replace(made, status=CheckStatus.PASSED, reason="", attempts=(attempt,))
