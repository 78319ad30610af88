"""Engines of others for the load kind: one set of parameters each, chosen by `engine`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Duration
from phasegate.base.interpreter import interpreter
from phasegate.base.marks import Demand
from phasegate.base.units import Dimension
from phasegate.kinds.base import Amount, Kind, P, Requirement, TimedParams
from phasegate.load.foreign.k6 import k6
from phasegate.load.foreign.k6.k6 import K6Options
from phasegate.load.foreign.locust import locust
from phasegate.load.foreign.locust.locust import LocustOptions
from phasegate.model.measures import MeasureSpec
from phasegate.model.observation import Observation
from phasegate.world import World


class K6Params(TimedParams, K6Options):
    timeout: Annotated[Duration, Demand.LESS] = 30.0
    """Allowed on top of `duration`; what bounds one request is for the script to say."""
    engine: Literal["k6"] = "k6"
    """What generates the load: builtin, k6 or locust."""


class LocustParams(TimedParams, LocustOptions):
    timeout: Annotated[Duration, Demand.LESS] = 30.0
    """How long users get, after the duration, to end what they are at."""
    engine: Literal["locust"] = "locust"
    """What generates the load: builtin, k6 or locust."""


class _Engine(Kind[P]):
    name = "load"
    chooser = "engine"
    exclusive = True
    is_load = True
    has_cases = True

    def parts(self, params: P) -> frozenset[str] | None:
        return None


class K6(_Engine[K6Params]):
    variant = "k6"
    about = "a k6 script"
    Params = K6Params
    example: ClassVar[Mapping[str, Any]] = {
        "engine": "k6",
        "script": "checks/load/health.js",
        "vus": 10,
        "duration": "10s",
    }

    def measures(self, params: K6Params) -> Mapping[str, MeasureSpec]:
        return k6.measures(params)

    def defaults(self, params: K6Params) -> tuple[str, ...]:
        return ("success_rate >= 99%", "achieved_rate >= 95%", "pass_rate == 100%")

    def duration(self, params: K6Params) -> float | None:
        if params.duration is None:
            return None
        # The limit adds one timeout; iterations may take longer than that to end.
        return params.duration + max(k6.GRACEFUL_STOP - params.timeout, 0.0)

    def requirements(self, params: K6Params) -> tuple[Requirement, ...]:
        return (Requirement(program=k6.program(), install=k6.INSTALL, label="k6"),)

    def summary(self, params: K6Params) -> Message:
        return fact(
            Code.K6,
            path=params.script.name,
            users=params.vus,
            iterations=params.iterations,
            span=None if params.duration is None else float(params.duration),
        )

    def targets(self, params: K6Params) -> tuple[str, ...]:
        return ("/",)

    async def observe(self, params: K6Params, world: World) -> Observation:
        return await k6.observe(params, world)


class Locust(_Engine[LocustParams]):
    variant = "locust"
    about = "a Locust file"
    Params = LocustParams
    example: ClassVar[Mapping[str, Any]] = {
        "engine": "locust",
        "locustfile": "checks/load/locustfile.py",
        "users": 20,
        "spawn_rate": "10/s",
        "duration": "10s",
    }

    def measures(self, params: LocustParams) -> Mapping[str, MeasureSpec]:
        return locust.MEASURES

    def defaults(self, params: LocustParams) -> tuple[str, ...]:
        return ("success_rate >= 99%", "pass_rate == 100%")

    def duration(self, params: LocustParams) -> float | None:
        return params.duration + (params.join.within if params.join is not None else 0.0)

    def amounts(self, params: LocustParams, *, accompanies: bool) -> Mapping[str, Amount]:
        rate = params.spawn_rate or params.users
        return {"spawn_rate": Amount(value=rate, dimension=Dimension.RATE)}

    def requirements(self, params: LocustParams) -> tuple[Requirement, ...]:
        python = interpreter(params.python, params.locustfile, os.environ)
        return (Requirement.of_package("locust", python),)

    def summary(self, params: LocustParams) -> Message:
        return fact(Code.LOCUST, path=params.locustfile.name, users=params.users, span=float(params.duration))

    def targets(self, params: LocustParams) -> tuple[str, ...]:
        return (params.host or "/",)

    async def observe(self, params: LocustParams, world: World) -> Observation:
        return await locust.observe(params, params.timeout, world)


ENGINES: Mapping[str, Kind[Any]] = {one.variant: one for one in (K6(), Locust())}
"""The engines beside our own."""
