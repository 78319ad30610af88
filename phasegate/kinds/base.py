"""What a check kind is: parameters, measures, defaults, and one way to observe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import model_validator

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, Duration
from phasegate.base.marks import Demand
from phasegate.base.units import Dimension
from phasegate.inspection.finding import Rule
from phasegate.model.measures import MeasureSpec
from phasegate.model.observation import Observation
from phasegate.model.result import ToolRecord
from phasegate.model.statistic import is_statistic_name
from phasegate.world import Progress, World


class CheckParams(Closed):
    """Parameters of a check; each kind adds its own."""

    @model_validator(mode="before")
    @classmethod
    def _timeout_bounds_something(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "timeout" in data and "timeout" not in cls.model_fields:
            raise ValueError("'timeout' bounds one request, and this kind sends none; write 'limit'")
        return data


class TimedParams(CheckParams):
    """Parameters of a check that sends requests, or looks at something again and again."""

    timeout: Annotated[Duration, Demand.LESS] = 30.0
    """The longest that one request or probe may take."""


def timeout_of(params: CheckParams) -> float:
    """Seconds that one request may take; 0 where a kind sends none."""
    return params.timeout if isinstance(params, TimedParams) else 0.0


NAMING_SERVICES = ("in", "service", "services")
"""Parameters that name services of the target, in every kind that has them."""

_MEASURE = re.compile(r"[a-z][a-z0-9_]*")

T = TypeVar("T")
P = TypeVar("P", bound=CheckParams)


def is_measure_name(name: str) -> bool:
    """Whether a criterion can speak of a measure of this name."""
    return _MEASURE.fullmatch(name) is not None and not is_statistic_name(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A program that must be there before anything starts; inside a container, before any check does."""

    program: str = ""
    """Looked up on PATH, or an absolute path; empty where `tools` says what is looked for."""
    arguments: tuple[str, ...] = ()
    """When given, the program is run with these and must exit 0: `python -c "import pytest"`."""
    install: Message = ""
    """The command that gets it, or what else to do, for people."""
    label: str = ""
    """What to call it in messages; the program's name without."""
    explains: bool = False
    """Whether the last line that it prints says by itself what is wrong."""
    inside: str = ""
    """The service in whose container `tools` are looked for; empty for this machine."""
    tools: tuple[str, ...] = ()
    """Programs inside the container of a service, by name or absolute path."""

    @classmethod
    def of_package(cls, name: str, python: str) -> Requirement:
        """A package that an interpreter must be able to import."""
        return cls(
            program=python,
            arguments=("-c", f"import {name}"),
            install=f"{python} -m pip install {name}",
            label=f"{name} for {python}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much a parameter asks, in the base unit of its dimension."""

    value: float
    dimension: Dimension = Dimension.COUNT
    more: bool | None = True
    """Whether a larger value asks more of the target, or a smaller one does; None: neither can be said."""


class Kind(Generic[P]):
    """Base of the kinds. A kind observes; it never compares with a threshold, retries, prints or exits.

    An exception of the ObservationError family makes the attempt errored; any other is a defect of the kind.
    """

    package: ToolRecord | None = None
    """The package that it comes from; None for phasegate's own."""
    name: ClassVar[str]
    about: ClassVar[str]
    """One line: what it observes."""
    Params: ClassVar[type[CheckParams]]
    example: ClassVar[Mapping[str, Any]]
    """Parameters as a plan would write them, kind left out."""
    exclusive: ClassVar[bool] = False
    """Whether it has the target to itself unless the plan says otherwise."""
    is_load: ClassVar[bool] = False
    """Whether it puts the target under load: reports draw what the target used meanwhile below it."""
    accompanies: ClassVar[bool] = False
    """Whether it can run `during` others."""
    is_watchable: ClassVar[bool] = False
    """Whether it hands its measures so far to `progress` where the world is `watched`, so that a rollout can
    be judged by them."""
    by_address: ClassVar[bool] = False
    """Whether all that it reaches are the addresses in its parameters; others hand those of the target on to
    programs."""
    of_containers: ClassVar[bool] = False
    """Whether it looks at the target's containers, so that there must be some."""
    sees_broken: ClassVar[bool] = False
    """Whether it looks at the target's containers also where one of its services did not come up."""
    has_cases: ClassVar[bool] = False
    """Whether it has cases, so that `--case` and `allow_skipped` mean something."""
    rows: ClassVar[str] = ""
    """The parameter that names a file of rows, whose columns are `own_names`."""
    chooser: ClassVar[str] = ""
    """The parameter whose value chooses between kinds of one name with parameters of their own."""
    variant: ClassVar[str] = ""
    """The value of `chooser` that means this kind; it is meant too where nothing is chosen."""
    variants: ClassVar[Mapping[str, Kind[Any]]] = {}
    """The others, by their value."""

    def measures(self, params: P) -> Mapping[str, MeasureSpec]:
        """Every measure an observation with these parameters may have."""
        raise NotImplementedError

    def defaults(self, params: P) -> tuple[str, ...]:
        """Criteria that judge unless the plan writes a blocking one on the same measure; subject left out."""
        raise NotImplementedError

    def parts(self, params: P) -> frozenset[str] | None:
        """Names of parts that criteria may speak of; None where they are known only after observing."""
        return frozenset()

    def rules(self) -> tuple[Rule, ...]:
        """What it looks for, where it looks at files."""
        return ()

    def counts(self, measure: str, case: str) -> bool:
        """Whether a measure of the check is a census that counts a case, or a number of those that failed."""
        return self.has_cases and measure == "pass_rate"

    def samples(self, params: P) -> int | None:
        """The most samples one attempt can see, to warn of criteria that can never be met; None: no limit."""
        return None

    def duration(self, params: P) -> float | None:
        """Seconds one attempt is meant to take, for the plan's overview and the default limit; None: open."""
        return None

    def amounts(self, params: P, *, accompanies: bool) -> Mapping[str, Amount]:
        """How much parameters with `Demand.BY_KIND` ask together, by name, for `phasegate guard`."""
        return {}

    def until_decided(self, params: P) -> bool:
        """Whether it ends as soon as its criteria are decided.

        Such a kind hands its measures to `progress` from the least it is to take on, and ends when told so.
        """
        return False

    def own_names(self, tree: Mapping[str, Any], root: Path) -> frozenset[str]:
        """Names of `${...}` that the kind itself gives values to, seen from its parameters as written.

        Where there are some, texts of the parameters arrive in template form, `$$` included.
        """
        return frozenset()

    def requirements(self, params: P) -> tuple[Requirement, ...]:
        return ()

    def summary(self, params: P) -> Message:
        """What it does with these parameters, in a few words: `GET /health, 100 probes`."""
        raise NotImplementedError

    def asked(self, params: P) -> tuple[str, ...]:
        """URLs that requests go to (may begin with `/`), as far as they are known."""
        url = getattr(params, "url", None)
        return (url,) if isinstance(url, str) else ()

    def targets(self, params: P) -> tuple[str, ...]:
        """URLs load is sent to (may begin with `/`), to be checked against the declared target."""
        return ()

    def services(self, params: P) -> tuple[str, ...]:
        """Services of the target that it names, to be checked against those there are: by default what the
        parameters `in`, `service` and `services` say."""
        named: list[str] = []
        for name in _fields_naming_services(type(params)):
            value = getattr(params, name)
            named += [value] if isinstance(value, str) else value or ()
        return tuple(named)

    def exit_codes(self, params: P) -> Mapping[str, tuple[int, ...]]:
        """Services that end by themselves, and the exit codes that are right for them then."""
        return {}

    async def observe(self, params: P, world: World) -> Observation:
        raise NotImplementedError


@cache
def _fields_naming_services(model: type[CheckParams]) -> tuple[str, ...]:
    return tuple(name for name, info in model.model_fields.items() if (info.alias or name) in NAMING_SERVICES)


def stopped_early(reason: Message) -> Message:
    """The note of an attempt that `World.progress` told to stop."""
    return fact(Code.STOPPED_EARLY, why=reason)


async def watch(
    work: Coroutine[Any, Any, T], world: World, seen: Callable[[], Progress], every: float
) -> tuple[Message | None, T | None]:
    """The result, or why it was stopped; its processes are gone then. `seen` is told every some seconds."""
    task = asyncio.create_task(work)
    stopped: Message | None = None
    try:
        while not task.done() and stopped is None:
            await asyncio.wait({task}, timeout=every)
            stopped = await world.progress(seen())
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return (stopped, None) if task.cancelled() else (None, task.result())
