"""What a plan may ask of the containers of its target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from phasegate.base.fields import Closed
from phasegate.base.marks import Demand
from phasegate.base.patterns import compile_pattern
from phasegate.base.problems import Location, refuse
from phasegate.kinds.base import TimedParams, is_measure_name

MEASURES: Mapping[str, str] = {
    "services": "services that have a container",
    "containers": "containers, ended ones included",
    "running": "containers that run and are not paused",
    "healthy": "containers that are healthy by a healthcheck that can fail",
    "unproven_health": "services whose health nothing proves: no healthcheck, or one that cannot fail",
    "fake_healthchecks": "services with a healthcheck that cannot fail",
    "restarts": "restarts by the engine, of all containers",
    "oom_killed": "containers with a process that was killed for lack of memory",
}
"""Counts, beside `pass_rate`, `youngest`, `oldest` and what the logs are searched for."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


Services = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A service, or a list of them."""
Codes = Annotated[
    tuple[Annotated[StrictInt, Field(ge=0, le=255)], ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
]


class LogRule(Closed):
    """What is looked for in what services print: exactly one of `must`, `must_not` and `count`."""

    service: Services = ()
    """The service, or several, whose output is searched; every one unless given, each for itself."""
    must: str | None = None
    """A regular expression that a line must match, at least `at_least` times."""
    must_not: str | None = None
    """A regular expression that no line may match, or at most `at_most`."""
    count: str | None = None
    """A regular expression whose lines are counted as the measure `name`."""
    at_least: int | None = Field(default=None, ge=1)
    """With `must`, how many lines must match; 1 unless given."""
    at_most: int | None = Field(default=None, ge=0)
    """With `must_not`, how many lines may match; 0 unless given."""
    name: str = ""
    """The measure that the count becomes, for criteria: `slow_queries`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("logs", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        given = [key for key in ("must", "must_not", "count") if getattr(self, key) is not None]
        if len(given) != 1:
            yield (), "write exactly one of must, must_not and count"
            return
        try:
            if compile_pattern(self.pattern).search(""):
                yield (given[0],), f"{self.pattern!r} matches an empty line, so it says nothing"
        except ValueError as error:
            yield (given[0],), str(error)
        if self.at_least is not None and self.must is None:
            yield ("at_least",), "at_least goes with must"
        if self.at_most is not None and self.must_not is None:
            yield ("at_most",), "at_most goes with must_not"
        if self.count is not None and not self.name:
            yield ("count",), "a count needs a name, so that a criterion can speak of it"
        if self.name:
            yield from self._problems_of_name()

    def _problems_of_name(self) -> Iterator[tuple[Location, str]]:
        if self.name in {"pass_rate", "youngest", "oldest", *MEASURES}:
            yield ("name",), f"{self.name!r} is measured already; choose another name"
        elif not is_measure_name(self.name):
            yield ("name",), f"{self.name!r} is not a name for a measure; write one like 'slow_queries'"

    @property
    def label(self) -> str:
        """What the rule is called in cases."""
        return self.name or self.pattern

    @property
    def pattern(self) -> str:
        return self.must or self.must_not or self.count or ""


class ContainersParams(TimedParams):
    expect: Annotated[
        Annotated[StrictInt, Field(ge=1)]
        | Annotated[tuple[str, ...], Field(min_length=1)]
        | Mapping[str, Annotated[StrictInt, Field(ge=1)]]
        | None,
        Demand.MUST_BE,
    ] = None
    """How many services there are, a list of them, or how many containers each has; default: those
    that the target brings up or names; where it names none, nothing shows that all are there."""
    unexpected: Literal["forbid", "allow"] = "forbid"
    """Whether containers of other services may be there too. They are not looked at."""
    healthy: Annotated[tuple[str, ...], Demand.MUST_BE] | None = None
    """The services that must be healthy; default: every one that goes on running."""
    exit_codes: Mapping[str, Codes] = Field(default_factory=dict)
    """Services that do their work and end, by name: the exit codes they must have ended with."""
    logs: Annotated[tuple[LogRule, ...], Demand.MUST_BE] = ()
    """What must, or must not, be in what services print: `[{must_not: "panic|FATAL"}]`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        refuse("containers", self._problems())
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Every service that a parameter names."""
        expected = self.expect if isinstance(self.expect, tuple | Mapping) else ()
        logged = (name for rule in self.logs for name in rule.service)
        return tuple(dict.fromkeys((*expected, *self.exit_codes, *(self.healthy or ()), *logged)))

    def _problems(self) -> Iterator[tuple[Location, str]]:
        names = set(self.expect) if isinstance(self.expect, tuple | Mapping) else None
        asked = [("healthy", name) for name in self.healthy or ()]
        asked += [("exit_codes", name) for name in self.exit_codes]
        for key, name in asked:
            if names is not None and name not in names:
                yield (key,), f"{name!r} is not among the services that expect names"
        for name in self.healthy or ():
            if name in self.exit_codes:
                yield ("healthy",), f"{name!r} ends, as exit_codes says, so nobody asks for its health"
        seen: set[str] = set()
        for place, rule in enumerate(self.logs):
            for name in rule.service:
                if names is not None and name not in names:
                    yield ("logs", place), f"{name!r} is not among the services that expect names"
            if rule.label in seen:
                yield ("logs", place), f"another rule is called {rule.label!r} already; give one a name"
            seen.add(rule.label)
