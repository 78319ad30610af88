"""A small registry of kinds that observe nothing, and plans written to a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from phasegate.base.errors import PlanError
from phasegate.base.fields import AnyPath, Closed, Duration, FilePath, NamedDocument, Rate, Text
from phasegate.base.units import Dimension
from phasegate.kinds.base import Kind, Requirement, TimedParams
from phasegate.model.measures import MeasureSpec, MeasureType
from phasegate.plan.asked.entries import Target
from phasegate.plan.asked.plan import Plan
from phasegate.plan.loader import LoadedPlan, load
from phasegate.render.sentences import sentence

SHARE = MeasureSpec(type=MeasureType.SAMPLE, dimension=Dimension.SHARE, about="good ones")
CENSUS = MeasureSpec(type=MeasureType.CENSUS, dimension=Dimension.SHARE, about="good ones of all")
LATENCY = MeasureSpec(type=MeasureType.DISTRIBUTION, dimension=Dimension.TIME, about="how long")
COUNT = MeasureSpec(type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="how many")


class Expect(Closed):
    status: int | str | list[int | str] | None = None
    json_: dict[str, Any] = Field(default_factory=dict, alias="json")
    schema_: dict[str, Any] | FilePath | None = Field(default=None, alias="schema")
    latency: Duration | None = None


class Probe(Kind["Probe.Params"]):
    """In the shape of a health check."""

    class Params(TimedParams):
        url: str
        probes: int = Field(default=1, ge=1)
        headers: dict[str, Text] = Field(default_factory=dict)
        expect: Expect = Field(default_factory=Expect)
        method: Literal["GET", "HEAD"] = "GET"
        retries: int = 0

    name = "probe"
    about = "a URL"
    example: ClassVar[Mapping[str, Any]] = {"url": "/health"}
    accompanies = True
    is_watchable = True
    by_address = True

    def measures(self, params: Params) -> Mapping[str, MeasureSpec]:
        return {"success_rate": SHARE, "latency": LATENCY}

    def defaults(self, params: Params) -> tuple[str, ...]:
        return ("success_rate == 100%",)

    def samples(self, params: Params) -> int | None:
        return params.probes

    def summary(self, params: Params) -> str:
        return f"{params.method} {params.url}, {params.probes} probes"


class Request(Closed):
    id: str
    url: str
    expect: Expect
    capture: dict[str, str] = Field(default_factory=dict)
    each: list[Any] | dict[str, Any] | None = None


class SuiteFile(Closed):
    suite: Literal[1]
    flows: tuple[Request, ...] = ()


class Suite(Kind["Suite.Params"]):
    """In the shape of an API check: names a document."""

    class Params(TimedParams):
        suite: Annotated[SuiteFile, NamedDocument()]

    name = "suite"
    about = "a file of requests"
    example: ClassVar[Mapping[str, Any]] = {"suite": "checks/suite.yaml"}
    has_cases = True

    def measures(self, params: Params) -> Mapping[str, MeasureSpec]:
        return {"pass_rate": CENSUS, "total": COUNT}

    def defaults(self, params: Params) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def parts(self, params: Params) -> frozenset[str] | None:
        return frozenset(request.id for request in params.suite.flows)

    def summary(self, params: Params) -> str:
        return f"{len(params.suite.flows)} flows"


class Burst(Kind["Burst.Params"]):
    """In the shape of a load check: sends to the target, has it to itself."""

    class Params(TimedParams):
        url: str
        rate: Rate
        duration: Duration = 10.0

    name = "burst"
    about = "many requests"
    example: ClassVar[Mapping[str, Any]] = {"url": "/", "rate": "10/s"}
    exclusive = True

    def measures(self, params: Params) -> Mapping[str, MeasureSpec]:
        return {"success_rate": SHARE, "latency": LATENCY}

    def defaults(self, params: Params) -> tuple[str, ...]:
        return ("success_rate >= 99%",)

    def duration(self, params: Params) -> float | None:
        return params.duration

    def samples(self, params: Params) -> int | None:
        return int(params.rate * params.duration)

    def summary(self, params: Params) -> str:
        return f"GET {params.url}"

    def targets(self, params: Params) -> tuple[str, ...]:
        return (params.url,)


class Program(Kind["Program.Params"]):
    """In the shape of a command check."""

    class Params(TimedParams):
        command: tuple[Text, ...] = Field(min_length=1)
        path: AnyPath | None = None
        in_: Text = Field(default="", alias="in")
        services: list[str] = Field(default_factory=list)

    name = "program"
    about = "a program"
    example: ClassVar[Mapping[str, Any]] = {"command": ["true"]}

    def measures(self, params: Params) -> Mapping[str, MeasureSpec]:
        return {"exit_code": COUNT}

    def defaults(self, params: Params) -> tuple[str, ...]:
        return ("exit_code == 0",)

    def parts(self, params: Params) -> frozenset[str] | None:
        return None

    def requirements(self, params: Params) -> tuple[Requirement, ...]:
        return (Requirement(program=params.command[0]),)

    def summary(self, params: Params) -> str:
        return " ".join(params.command)


class Quiet(Kind[TimedParams]):
    """Has measures and no default criterion."""

    Params = TimedParams
    name = "quiet"
    about = "nothing"
    example: ClassVar[Mapping[str, Any]] = {}

    def measures(self, params: TimedParams) -> Mapping[str, MeasureSpec]:
        return {"count": COUNT}

    def defaults(self, params: TimedParams) -> tuple[str, ...]:
        return ()

    def summary(self, params: TimedParams) -> str:
        return "nothing"


REGISTRY: Mapping[str, Kind[Any]] = {
    kind.name: kind for kind in (Probe(), Suite(), Burst(), Program(), Quiet())
}

HEAD = """\
phasegate: 1
phase: phase4
title: A phase
target: {processes: {web: {command: [serve], ready: {tcp: true}}}}
"""

Load = Callable[..., LoadedPlan]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Write a plan, and files beside it by name, and load it."""

    def write_and_load(
        text: str,
        *,
        files: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> LoadedPlan:
        for name, content in (files or {}).items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(dedent(content))
        plan = tmp_path / "plan.yaml"
        plan.write_text(dedent(text))
        return load(plan, kinds=REGISTRY, env=env or {}, **options)

    return write_and_load


def plan_of(load_text: Load, text: str, **options: Any) -> Plan:
    return load_text(HEAD + text, **options).plan


def entries_of(target: Target, key: str) -> tuple[Any, ...]:
    """The entries under a key of the target."""
    group = target.group(key)
    return () if group is None else group.entries


def refused(load_text: Load, text: str, **options: Any) -> list[str]:
    with pytest.raises(PlanError) as raised:
        load_text(text, **options)
    return [sentence(problem.message) for problem in raised.value.problems]
