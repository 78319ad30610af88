"""Resources: what do the containers of the target use, while others are at work or for a time?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.fields import Duration
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension, format_seconds, format_value
from phasegate.kinds.base import Amount, Kind, Requirement, TimedParams
from phasegate.kinds.engine import ENGINE
from phasegate.kinds.resources.account import GAUGES, SAMPLES, StackAccount
from phasegate.model.containers import Container, ContainerState
from phasegate.model.measures import MeasureSpec
from phasegate.model.observation import Observation
from phasegate.world import Progress, World

LOOKS = 10
"""Intervals that it goes on for where nothing says how long."""
LISTED = 15.0
"""Seconds between two questions which containers there are, while none is lost: about 50 of them an engine
thinks ten times as long as it takes to read what they use."""
REPORT = 0.2
"""Seconds between two reports of progress; also how soon a stop is noticed."""
_RUNS = frozenset({ContainerState.RUNNING, ContainerState.PAUSED})


class ResourcesParams(TimedParams):
    services: list[str] = Field(default_factory=list)
    """The services that are looked at; all that run unless given."""
    every: Annotated[Duration, Field(ge=0.1), Demand.LESS] = 1.0
    """Time from one look to the next."""
    duration: Annotated[Duration, Demand.BY_KIND] | None = None
    """How long, where it does not go on beside others; ten times `every` unless given."""

    @property
    def meant(self) -> float:
        """Seconds from the first look to the last, where it does not go on beside others."""
        return LOOKS * self.every if self.duration is None else self.duration

    @model_validator(mode="after")
    def _looks_twice(self) -> Self:
        refuse("resources", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if self.duration is not None and self.duration < self.every:
            long, every = format_seconds(self.duration), format_seconds(self.every)
            yield ("duration",), f"in {long} with a look every {every} nothing is looked at twice"
        if len(set(self.services)) < len(self.services):
            yield ("services",), "a service is named twice"


class ResourcesKind(Kind[ResourcesParams]):
    name: ClassVar[str] = "resources"
    Params: ClassVar[type[TimedParams]] = ResourcesParams
    example: ClassVar[Mapping[str, Any]] = {"services": ["controller", "postgres"], "every": "1s"}
    accompanies: ClassVar[bool] = True
    of_containers: ClassVar[bool] = True

    def measures(self, params: ResourcesParams) -> Mapping[str, MeasureSpec]:
        return {**GAUGES, "samples": SAMPLES}

    def defaults(self, params: ResourcesParams) -> tuple[str, ...]:
        return ("samples >= 2",)

    def parts(self, params: ResourcesParams) -> frozenset[str] | None:
        return frozenset(params.services) or None

    def duration(self, params: ResourcesParams) -> float | None:
        return params.meant

    def amounts(self, params: ResourcesParams, *, accompanies: bool) -> Mapping[str, Amount]:
        return {} if accompanies else {"duration": Amount(value=params.meant, dimension=Dimension.TIME)}

    def requirements(self, params: ResourcesParams) -> tuple[Requirement, ...]:
        return ENGINE

    def summary(self, params: ResourcesParams) -> Message:
        return fact(Code.OF_RESOURCES, services=tuple(params.services), interval=params.every)

    async def observe(self, params: ResourcesParams, world: World) -> Observation:
        """Errors: ObservationError when there is no engine, or the target has no containers."""
        looking = _Looking(params, world)
        try:
            await looking.go_on()
        except ObservationError as error:
            if not looking.account.looks:
                raise
            return looking.observation(error=error.message)
        return looking.observation()


class _Looking:
    """The looks of one attempt; times are seconds from its start."""

    def __init__(self, params: ResourcesParams, world: World) -> None:
        self._params = params
        self._world = world
        self._start = world.clock.now()
        self._until = math.inf if world.accompanies else params.meant
        self.account = StackAccount(every=params.every, asked=tuple(params.services))
        self._running: list[Container] = []
        self._pause = LISTED
        """From one listing of the containers to the next: short where one was lost, longer each time."""
        self._list_at = 0.0
        self._lost: dict[str, int] = {}
        """How often a container of a service was gone at a look."""
        self._last = -math.inf
        self._stopped: Message | None = None

    async def go_on(self) -> None:
        every, due = self._params.every, 0.0
        while due <= self._until + 1e-9:
            await self._wait_until(due)
            if self._stopped is not None:
                break
            await self._look()
            # Looks that came too late are left out, not made up for, and none follows too close on another.
            due = every * max(math.ceil(self._last / every + 0.5), round(due / every) + 1)
        if self._stopped is not None and self._now() - self._last >= every / 2:
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(self._params.timeout):
                await self._look_at_all()
        except TimeoutError:
            raise ObservationError(fact(Code.LOOK_TOO_LONG, within=self._params.timeout)) from None

    async def _look_at_all(self) -> None:
        if self._now() >= self._list_at:
            await self._list()
        begun = self._now()
        used = await self._world.containers.usage(self._running)
        self._last = (begun + self._now()) / 2
        seen = [(one, used[one.id]) for one in self._running if one.id in used]
        self.account.add(self._last, seen)
        if len(seen) < len(self._running):
            self._look_at([one for one, _ in seen])
            self._list_at, self._pause = self._last, self._params.every

    async def _list(self) -> None:
        wanted = self._params.services
        self._look_at(
            [
                one
                for one in await self._world.containers.all()
                if one.state in _RUNS and (not wanted or one.service in wanted)
            ]
        )
        self._list_at = self._now() + self._pause
        self._pause = min(self._pause * 2, LISTED)

    def _look_at(self, running: list[Container]) -> None:
        """From now on these are looked at; who was before and is no more has been lost."""
        still = set(map(_life, running))
        for gone in (one for one in self._running if _life(one) not in still):
            self._lost[gone.service] = self._lost.get(gone.service, 0) + 1
        self._running = running

    async def _wait_until(self, due: float) -> None:
        """Sleep until a moment, reporting meanwhile; earlier when told to stop."""
        while True:
            self._stopped = await self._world.progress(self._progress())
            ahead = due - self._now()
            if self._stopped is not None or ahead <= 0:
                return
            await self._world.clock.sleep(min(ahead, REPORT))

    def _progress(self) -> Progress:
        done = None if math.isinf(self._until) else min(1.0, self._now() / self._until)
        return Progress(done=done, text=", ".join(self._words()))

    def _words(self) -> Iterator[str]:
        running = len({one.service for one in self._running})
        yield f"{running:,} {'service' if running == 1 else 'services'}"
        for name, word in (("cpu", "CPU"), ("memory", "memory")):
            value = self.account.latest.get(name)
            if value is not None:
                yield f"{word} {format_value(value, GAUGES[name].dimension)}"

    def observation(self, *, error: Message | None = None) -> Observation:
        account = self.account
        return Observation(
            measures=account.measures(),
            parts=account.parts(),
            absent=account.absent(),
            notes=tuple(self._notes()),
            timeline=account.timeline(),
            error=error,
        )

    def _notes(self) -> Iterator[Fact]:
        if self.account.missing:
            yield fact(Code.NEVER_RAN, names=self.account.missing)
        for service, times in sorted(self._lost.items()):
            yield fact(Code.LOST_BETWEEN, service=service, n=times)
        if self._stopped is not None and not self._world.accompanies:
            yield fact(Code.STOPPED_AT, at=self._now(), of=self._params.meant, why=self._stopped)

    def _now(self) -> float:
        return self._world.clock.now() - self._start


def _life(container: Container) -> tuple[str, datetime | None]:
    """From one start of a container to its end."""
    return container.id, container.started
