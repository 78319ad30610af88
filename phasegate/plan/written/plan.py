"""The plan as it is written: closed pydantic models, one for each thing that can be wrong on its own.

Steps, checks, target entries and criteria are validated one by one, so that a broken one hides no other;
where one holds others, the outer model takes them as they are.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from phasegate.base.fields import ID_PATTERN, Closed, Duration, FilePath, Ratio, Text, short_form
from phasegate.base.units import Dimension, parse_as

DEFAULT_CONFIDENCE = 0.95
RESERVED = frozenset({"run", "step", "target", "baseline", "env", "self"})
_ENV_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"


ID_RULE = "lower case letters, digits, '-' and '_', a letter first"


def is_id(text: str) -> bool:
    return re.fullmatch(ID_PATTERN, text) is not None


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{text!r} is not an id: {ID_RULE}")
    if text in RESERVED:
        raise ValueError(f"{text!r} is a word of the plan language and cannot be an id")
    return text


def confidence_level(value: object) -> object:
    """A confidence as written: its share, or `none`. Errors: ValueError."""
    if value == "none":
        return value
    if not isinstance(value, str):
        raise ValueError("write a confidence like 95%, or none")
    share = parse_as(value, Dimension.SHARE).value
    if not 0.5 <= share < 1:
        raise ValueError(f"{value!r} is not a confidence level; write one from 50% to below 100%, or none")
    return share


def _command(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("a command is a list, not a shell line: [python, -m, package]")
    return value


def _env_name(text: str) -> str:
    if not re.match(_ENV_PATTERN, text):
        raise ValueError(f"{text!r} is not the name of an environment variable")
    return text


def _strip_text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def one_or_many(value: object) -> object:
    return value if isinstance(value, list) or value is None else [value]


Id = Annotated[str, AfterValidator(_id), WithJsonSchema({"type": "string", "pattern": ID_PATTERN})]
Confidence = Annotated[
    float | Literal["none"],
    BeforeValidator(confidence_level),
    WithJsonSchema({"type": "string", "description": "a confidence level such as 95%, or none"}),
]
Argv = Annotated[tuple[Text, ...], BeforeValidator(_command), Field(min_length=1)]
EnvName = Annotated[
    str, AfterValidator(_env_name), WithJsonSchema({"type": "string", "pattern": _ENV_PATTERN})
]
Span = Annotated[Duration, Field(gt=0)]
"""A duration that is not nothing."""
Texts = tuple[Text, ...]
Said = Annotated[Text, AfterValidator(_strip_text)]
"""Text that says something."""
Entries = Annotated[
    tuple[Text | dict[str, Any], ...],
    BeforeValidator(one_or_many),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "object", "number"]},
                {"type": "array", "items": {"type": ["string", "object", "number"]}},
            ]
        }
    ),
]
"""Text or mappings for people: one or a list."""


class RetryWritten(Closed):
    """How often a check is tried, and when again."""

    attempts: int = Field(default=1, ge=1, le=100)
    wait: Duration = 0.0
    backoff: float = Field(default=1.0, ge=1, le=100, allow_inf_nan=False)
    max_wait: Duration | None = None
    jitter: Duration = 0.0
    on: tuple[Literal["error", "fail"], ...] = ("error",)

    @model_validator(mode="after")
    def _errors_too(self) -> RetryWritten:
        if "error" not in self.on:
            raise ValueError("'on' is [error] or [error, fail]")
        return self


class FlakyWritten(Closed):
    """How much of what passes may have passed only when tried again; `1%` alone is short for its `max`."""

    model_config = ConfigDict(json_schema_extra=short_form({"type": "string"}))

    max: Ratio
    policy: Literal["warn", "fail"] = "fail"

    @model_validator(mode="before")
    @classmethod
    def _from_share(cls, data: Any) -> Any:
        return {"max": data} if isinstance(data, str | int | float) else data

    @field_validator("max")
    @classmethod
    def _can_be_missed(cls, most: float) -> float:
        if most >= 1:
            raise ValueError("a budget of 100% holds whatever is seen; write a smaller share, such as 1%")
        return most


class RequirementWritten(Closed):
    """A program that must be there before anything starts, or tools in the container of a service."""

    program: Text = ""
    arguments: Texts = ()
    install: Text = ""
    label: Text = ""
    in_: Text = Field(default="", alias="in")
    tools: tuple[Said, ...] = ()

    @model_validator(mode="after")
    def _here_or_inside(self) -> RequirementWritten:
        here = self.program or self.arguments
        if bool(self.in_) != bool(self.tools) or bool(here) == bool(self.in_) or (here and not self.program):
            raise ValueError("write {program: NAME} for this machine, or {in: SERVICE, tools: [NAME]}")
        return self


class CommandWritten(Closed):
    """A command of `setup` or `teardown`."""

    command: Argv
    in_: Text = Field(default="", alias="in")
    env: dict[str, Text] = Field(default_factory=dict)
    cwd: Text = ""
    limit: Span = 600.0

    @model_validator(mode="after")
    def _where(self) -> CommandWritten:
        if self.in_ and self.cwd:
            raise ValueError(
                "'cwd' is a folder of this machine, and 'in' says that the command runs in a container"
            )
        return self


Commands = tuple[CommandWritten | Argv, ...]
Requirements = tuple[Annotated[str, Field(min_length=1)] | RequirementWritten, ...]


class CriterionWritten(Closed):
    """A criterion with what people want to know about it."""

    criterion: str
    id: Id | None = None
    title: Text = ""
    why: Text = ""
    ref: Text = ""
    level: Literal["block", "warn"] = "block"
    over: Span | None = None
    confidence: Confidence | None = None


class CheckCommon(Closed):
    """What every check takes, whatever its kind."""

    id: Id
    kind: str
    title: Text = ""
    each: dict[str, Any] | None = None
    during: str | None = None
    retry: RetryWritten | None = None
    limit: Span | None = None
    criteria: tuple[Any, ...] = ()
    requires: Requirements = ()
    exclusive: bool | None = None
    allow_skipped: int = Field(default=0, ge=0)
    tags: Texts = ()
    confidence: Confidence | None = None
    flaky: FlakyWritten | None = None

    @field_validator("each")
    @classmethod
    def _each_has_entries(cls, each: dict[str, Any] | None) -> dict[str, Any] | None:
        if each is not None and not each:
            raise ValueError("there are no entries; write {name: value, ...}")
        for name in each or {}:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
                raise ValueError(f"{name!r} cannot name a part: letters, digits, '-' and '_'")
        return each


class StepWritten(Closed):
    """A step; its checks, faults and criteria are validated on their own."""

    id: Id
    title: Text = ""
    purpose: Text = ""
    work: Annotated[Texts, BeforeValidator(one_or_many)] = ()
    outcomes: Annotated[Texts, BeforeValidator(one_or_many)] = ()
    owner: Text = ""
    priority: Literal["critical", "high", "medium", "low"] | None = None
    estimate: Text = ""
    tags: Texts = ()
    needs: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    requires: Requirements = ()
    parallel: bool = False
    setup: Commands = ()
    teardown: Commands = ()
    checks: tuple[Any, ...] = ()
    faults: tuple[Any, ...] = ()
    criteria: tuple[Any, ...] = ()
    flaky: FlakyWritten | None = None


class ApprovalWritten(Closed):
    """A role that must approve the run once it has ended."""

    role: Text
    within: Span | None = None

    @field_validator("within")
    @classmethod
    def _within_a_year(cls, within: float | None) -> float | None:
        if within is not None and within > 366 * 86_400:
            raise ValueError("an approval may take 366d at most")
        return within


class GateWritten(Closed):
    """Checks that accompany the whole run, criteria on the phase as a whole, and who must approve it."""

    checks: tuple[Any, ...] = ()
    criteria: tuple[Any, ...] = ()
    limit: Span | None = None
    require: tuple[str, ...] = ()
    approvals: tuple[Any, ...] = ()


class TlsWritten(Closed):
    """Files for talking TLS to an entry."""

    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None

    @model_validator(mode="after")
    def _key_has_cert(self) -> TlsWritten:
        if self.key is not None and self.cert is None:
            raise ValueError("'key' needs 'cert' beside it")
        return self


class RiskWritten(Closed):
    """A risk, for people."""

    title: Text
    impact: Text = ""
    likelihood: Text = ""
    measures: Annotated[Texts, BeforeValidator(one_or_many)] = ()


class DefaultsWritten(Closed):
    """What checks take that do not say otherwise."""

    timeout: Span | None = None
    retry: RetryWritten | None = None


class AcceptedWritten(Closed):
    """A weakening that was decided, in the words in which `phasegate guard` tells it."""

    item: Said
    from_: Said = Field(alias="from")
    to: Said
    approver: Said
    reason: Said
    ticket: Said


class PlanWritten(Closed):
    """The plan; steps, target, gate, waivers and what is accepted are validated on their own."""

    phasegate: Literal[1]
    phase: Id
    title: Text = Field(min_length=1)
    goal: Text = ""
    owner: Text = ""
    approver: Text = ""
    due: Text = ""
    risks: tuple[RiskWritten, ...] = ()
    schedule: Entries = ()
    next: Entries = ()
    known: Entries = ()
    root: Text = ""
    variables: dict[str, Any] = Field(default_factory=dict)
    secrets: tuple[EnvName, ...] = ()
    defaults: DefaultsWritten = DefaultsWritten()
    confidence: Confidence = DEFAULT_CONFIDENCE
    target: Any = None
    steps: tuple[Any, ...] = Field(min_length=1)
    gate: Any = None
    flaky: FlakyWritten | None = None
    include: tuple[str, ...] = ()
    environments: Any = None
    waivers: Any = None
    accepted: tuple[Any, ...] = ()
