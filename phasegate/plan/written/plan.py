"""The plan as it is written: closed pydantic models, one for each thing that can be wrong on its own.

Steps, checks, target entries and criteria are validated one by one, so that a broken one hides no other;
where one holds others, the outer model takes them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

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


class OneOrMany:
    """In `Annotated` with a tuple: an item alone is short for a list of it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(one_or_many, handler(source))

    def __get_pydantic_json_schema__(self, of: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = handler(of)
        return {"anyOf": [several["items"], several]}


Id = Annotated[str, AfterValidator(_id), WithJsonSchema({"type": "string", "pattern": ID_PATTERN})]
Confidence = Annotated[
    float | Literal["none"],
    Dimension.SHARE,
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


class RetryWritten(Closed):
    """How often a check is tried, and when again."""

    attempts: int = Field(default=1, ge=1, le=100)
    """How often it is tried at most, the first time included."""
    wait: Duration = 0.0
    """Time from the end of the first attempt to the second."""
    backoff: float = Field(default=1.0, ge=1, le=100, allow_inf_nan=False)
    """By what the wait is multiplied after each further attempt: 2 doubles it."""
    max_wait: Duration | None = None
    """The longest wait that `backoff` may lead to; a day unless given."""
    jitter: Duration = 0.0
    """Up to so much is added to each wait, at random."""
    on: tuple[Literal["error", "fail"], ...] = ("error",)
    """After what it is tried again: `[error]`, or `[error, fail]` for a criterion that is not met too."""

    @model_validator(mode="after")
    def _errors_too(self) -> RetryWritten:
        if "error" not in self.on:
            raise ValueError("'on' is [error] or [error, fail]")
        return self

    @property
    def on_fail(self) -> bool:
        """Whether an attempt with a criterion not met is tried again, as one that errored is."""
        return "fail" in self.on

    @property
    def chances(self) -> int:
        """Attempts that a check has to meet its criteria."""
        return self.attempts if self.on_fail else 1


class FlakyWritten(Closed):
    """How much of what passes may have passed only when tried again; `1%` alone is short for its `max`."""

    model_config = ConfigDict(json_schema_extra=short_form({"type": "string"}))

    max: Ratio
    """The largest share of what passed that may have passed only when tried again: `1%`."""
    policy: Literal["warn", "fail"] = "fail"
    """What a larger share does: `fail` makes the verdict FAIL, `warn` only shows it."""

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
    """A program by its name on PATH, or by its path."""
    arguments: Texts = ()
    """The program is run with these and must end with exit code 0: `[-c, "import pytest"]`."""
    install: Text = ""
    """The command that installs it, shown where it is missing."""
    label: Text = ""
    """What messages call it; its name unless given."""
    in_: Text = Field(default="", alias="in")
    """The service of the target in whose container `tools` are looked for."""
    tools: tuple[Said, ...] = ()
    """Programs that must be in that container, by name or absolute path: `[jq, curl]`."""

    @model_validator(mode="after")
    def _here_or_inside(self) -> RequirementWritten:
        here = self.program or self.arguments
        if bool(self.in_) != bool(self.tools) or bool(here) == bool(self.in_) or (here and not self.program):
            raise ValueError("write {program: NAME} for this machine, or {in: SERVICE, tools: [NAME]}")
        return self


class CommandWritten(Closed):
    """A command of `setup` or `teardown`."""

    command: Argv
    """The program and its arguments, as a list: `[python, scripts/seed.py]`. No shell reads it."""
    in_: Text = Field(default="", alias="in")
    """The service of the target in whose container it runs; this machine unless given."""
    env: dict[str, Text] = Field(default_factory=dict)
    """Variables that are added to its environment, by name."""
    cwd: Text = ""
    """The folder that it starts in, relative to the plan's root, which it is unless given."""
    limit: Span = 600.0
    """The longest that it may take."""

    @model_validator(mode="after")
    def _where(self) -> CommandWritten:
        if self.in_ and self.cwd:
            raise ValueError(
                "'cwd' is a folder of this machine, and 'in' says that the command runs in a container"
            )
        return self


Commands = tuple[CommandWritten | Argv, ...]


class LineWritten(Closed):
    """A line of the written plan with the criteria that judge it; its text alone is short for `text`."""

    model_config = ConfigDict(json_schema_extra=short_form({"type": "string"}))

    text: Text = ""
    """What it says."""
    heading: Text = ""
    """Instead of `text`: a name for the `lines` below it, which is not a line itself."""
    by: Annotated[Texts, OneOrMany()] = ()
    """Ids of the criteria that judge it: it holds when they are met. One id, or a list. A line without
    is *not judged*."""
    lines: Lines = ()
    """Lines below it. One, or a list."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return data if isinstance(data, Mapping) else {"text": data}

    @model_validator(mode="after")
    def _names_something(self) -> LineWritten:
        if not self.text.strip() and not self.heading.strip() and not self.model_extra:
            raise ValueError("the line is empty; write its text, or {text: TEXT, by: [CRITERION]}")
        if self.heading and (self.text or self.by or not self.lines):
            raise ValueError("a heading has 'lines' below it, and no 'text' or 'by' of its own")
        return self


class EntryWritten(LineWritten):
    """A line that may say more, in keys of its own."""

    model_config = ConfigDict(extra="allow")


Lines = Annotated[tuple[LineWritten, ...], OneOrMany()]
"""One line or a list."""
Entries = Annotated[tuple[EntryWritten, ...], OneOrMany()]
"""One line or a list; each may have keys of its own."""
Requirements = tuple[Annotated[str, Field(min_length=1)] | RequirementWritten, ...]


class CriterionWritten(Closed):
    """A criterion with what people want to know about it."""

    criterion: str
    """What must be true: `alive.latency.p95 < 100ms`. Within a check, without the check's id."""
    id: Id | None = None
    """The id in reports and waivers; made of subject, measure and statistic unless given."""
    title: Text = ""
    """What reports call it."""
    why: Text = ""
    """Why it is asked for, for people."""
    ref: Text = ""
    """Where it comes from, for people: a ticket or a requirement."""
    level: Literal["block", "warn"] = "block"
    """`block`: it must be met for PASS. `warn`: it is shown and never changes the verdict."""
    over: Span | None = None
    """The least time that the evidence must cover; what covers less is unproven."""
    confidence: Confidence | None = None
    """The confidence of its bound; that of the check or plan unless given. `none`: judged as observed."""


class CheckCommon(Closed):
    """What every check takes, whatever its kind."""

    id: Id
    """The id of the check, unique in the plan: lower case letters, digits, `-` and `_`, a letter first."""
    kind: str
    """What the check observes; it says which other keys there are. `phasegate kinds` lists them."""
    title: Text = ""
    """What reports call it."""
    each: dict[str, Any] | None = None
    """One part for each entry, by name; `${each}` is its value: `{nodejs: "${target.nodejs.url}"}`."""
    during: str | None = None
    """The check that this one goes on beside, or `run` for the whole run (under `gate`)."""
    retry: RetryWritten | None = None
    """How often the check is tried, and when again; that of `defaults` unless given."""
    limit: Span | None = None
    """The longest that one attempt may take; 10m, or what it is meant to take where that is longer."""
    criteria: tuple[Any, ...] = ()
    """What must be true of this check, without its id: `success_rate >= 99.9%`. Replaces the default
    criterion on the same measure."""
    level: Literal["block", "warn"] = "block"
    """The level of its criteria that do not say theirs, default ones too. `warn`: it is shown, and where it
    cannot be run, it keeps nothing from passing."""
    slo: Annotated[Texts, OneOrMany()] = ()
    """Files with SLOs of OpenSLO, whose objectives are criteria of this check too: one or a list."""
    requires: Requirements = ()
    """Programs that must be there: names, or mappings. Where one is missing the check is not run."""
    exclusive: bool | None = None
    """Whether no other check runs meanwhile; true for `load`, false for other kinds unless given."""
    allow_skipped: int = Field(default=0, ge=0)
    """How many cases may be skipped and still leave the rest judged."""
    tags: Texts = ()
    """Words to choose checks by, with `--tag`."""
    confidence: Confidence | None = None
    """The confidence of the bounds of its criteria; the plan's unless given. `none`: judged as observed."""
    flaky: FlakyWritten | None = None
    """The largest share of its passed cases that may have passed only when tried again: `1%`."""

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
    """A part of the phase, with checks and criteria.

    Its checks, faults and criteria are validated on their own.
    """

    id: Id
    """The id of the step, unique in the plan: lower case letters, digits, `-` and `_`, a letter first."""
    title: Text = ""
    """What reports call it."""
    purpose: Text = ""
    """What the step is for, for people."""
    work: Lines = ()
    """What is done in it. One line, or a list; each may name the criteria that judge it."""
    outcomes: Lines = ()
    """What there is when it is done. One line, or a list; each may name the criteria that judge it."""
    owner: Text = ""
    """Who answers for it, for people."""
    priority: Literal["critical", "high", "medium", "low"] | None = None
    """How much it matters, for people; it never changes the verdict."""
    estimate: Text = ""
    """How long it is thought to take, for people: `2h..3h`."""
    tags: Texts = ()
    """Words to choose steps by, with `--tag`."""
    needs: tuple[str, ...] | None = None
    """Steps that must have held before this one runs. `[]`: it waits for none, not for the one above it
    either."""
    after: tuple[str, ...] | None = None
    """Steps that must have ended before this one runs, however they ended."""
    requires: Requirements = ()
    """Programs that must be there: names, or mappings. Where one is missing its checks are not run."""
    parallel: bool = False
    """Whether its checks run at the same time."""
    setup: Commands = ()
    """Commands that run before its checks. One that fails leaves them not run."""
    teardown: Commands = ()
    """Commands that run after its checks, whatever happened."""
    checks: tuple[Any, ...] = ()
    """What is observed in this step, in order."""
    faults: tuple[Any, ...] = ()
    """What is done to the target on purpose while a check of this step goes on."""
    criteria: tuple[Any, ...] = ()
    """What must be true of its checks: `alive.latency.p95 < 100ms`, or of all: `step/ID.pass_rate ==
    100%`."""
    flaky: FlakyWritten | None = None
    """The largest share of what passed in this step that may have passed only when tried again: `1%`."""


class ApprovalWritten(Closed):
    """A role that must approve the run once it has ended."""

    role: Text
    """Who must approve: `release manager`."""
    within: Span | None = None
    """How long after the run a decision counts; at most 366d."""

    @field_validator("within")
    @classmethod
    def _within_a_year(cls, within: float | None) -> float | None:
        if within is not None and within > 366 * 86_400:
            raise ValueError("an approval may take 366d at most")
        return within


class GateWritten(Closed):
    """Checks that accompany the whole run, criteria on the phase as a whole, and who must approve it."""

    checks: tuple[Any, ...] = ()
    """Checks that go on while the whole run does, each with `during: run`."""
    criteria: tuple[Any, ...] = ()
    """What must be true of the phase as a whole: `run.duration < 10m`."""
    limit: Span | None = None
    """The longest that the run may take."""
    require: tuple[str, ...] = ()
    """Kinds of which a check with a blocking criterion must have run: `[load, e2e]`."""
    approvals: tuple[Any, ...] = ()
    """Roles that must approve the run once it has ended. They never change the verdict."""


class TlsWritten(Closed):
    """Files for talking TLS to an entry."""

    ca: FilePath | None = None
    """Certificates of the authorities to trust, as PEM."""
    cert: FilePath | None = None
    """The certificate to show, as PEM."""
    key: FilePath | None = None
    """The key of `cert`, as PEM; where it is missing, it is in the file of `cert`."""

    @model_validator(mode="after")
    def _key_has_cert(self) -> TlsWritten:
        if self.key is not None and self.cert is None:
            raise ValueError("'key' needs 'cert' beside it")
        return self


class RiskWritten(Closed):
    """A risk, for people."""

    title: Text
    """What may go wrong."""
    impact: Text = ""
    """How bad it would be: `high`."""
    likelihood: Text = ""
    """How likely it is: `low`."""
    measures: Lines = ()
    """What is done about it. One line, or a list; each may name the criteria that judge it."""


class DefaultsWritten(Closed):
    """What checks take that do not say otherwise."""

    timeout: Span | None = None
    """The longest that one request or probe may take; 30s unless given."""
    retry: RetryWritten | None = None
    """How often a check is tried, and when again; once unless given."""


class AcceptedWritten(Closed):
    """A weakening that was decided, in the words in which `phasegate guard` tells it."""

    item: Said
    """What became weaker, as `phasegate guard` prints it."""
    from_: Said = Field(alias="from")
    """What it was, as `phasegate guard` prints it."""
    to: Said
    """What it is, as `phasegate guard` prints it."""
    approver: Said
    """Who decided it."""
    reason: Said
    """Why it was decided."""
    ticket: Said
    """Where it is written down."""


class PlanWritten(Closed):
    """A phase plan: what must be true before the phase may end.

    Steps, target, gate, waivers and what is accepted are validated on their own.
    """

    phasegate: Literal[1]
    """The version of the format: 1."""
    phase: Id
    """The id of the phase, which names the record: lower case letters, digits, `-` and `_`, a letter
    first."""
    title: Text = Field(min_length=1)
    """What the phase is to show, as the headline of its reports."""
    goal: Text = ""
    """What is reached when the phase may end, for people."""
    owner: Text = ""
    """Who answers for the phase, for people."""
    approver: Text = ""
    """Who decides on it, for people."""
    created: Text = ""
    """When the plan was written, for people: `2027-01-15`."""
    updated: Text = ""
    """When the plan was last changed, for people."""
    due: Text = ""
    """When the phase is to end: `2027-03-31`. A run after that day says so."""
    done: Lines = ()
    """What the plan claims to be done already. One line, or a list."""
    risks: tuple[RiskWritten, ...] = ()
    """What may go wrong, for people."""
    schedule: Entries = ()
    """When what happens: lines, or mappings such as `{when: Monday, what: build}`."""
    outcomes: Lines = ()
    """What there is when the phase is done: completion criteria, quality figures. One line, or a list."""
    after: Lines = ()
    """The state after the phase. One line, or a list."""
    next: Entries = ()
    """What comes after the phase: lines, or mappings. One, or a list."""
    known: Entries = ()
    """What is known and let be: lines, or mappings. One, or a list."""
    root: Text = ""
    """The folder that paths start from, relative to the plan's own, which it is unless given: `..`."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values for `${name}` in the plan, by name. `--set NAME=VALUE` and `--vars FILE` replace them."""
    secrets: tuple[EnvName, ...] = ()
    """Environment variables whose values nothing shows or keeps; in the plan `${env.NAME}`."""
    defaults: DefaultsWritten = DefaultsWritten()
    """What checks take that do not say otherwise."""
    confidence: Confidence = DEFAULT_CONFIDENCE
    """The confidence of every bound that does not have its own; 95% unless given. `none`: judged as
    observed."""
    target: Any = None
    """What is tested: programs to start, services that are there already, stacks in containers."""
    steps: tuple[Any, ...] = Field(min_length=1)
    """The parts of the phase, each with checks and criteria."""
    gate: Any = None
    """What holds for the phase as a whole, beside its steps."""
    flaky: FlakyWritten | None = None
    """The largest share of what passed in the run that may have passed only when tried again: `1%`."""
    include: tuple[str, ...] = ()
    """Files whose steps, and checks and criteria of the gate, are added to those of the plan."""
    environments: Any = None
    """Other target entries and other values of variables, by name; `--env NAME` chooses one."""
    waivers: Any = None
    """What is known to fail and let through until a day: a waivers file, relative to the plan's root."""
    accepted: tuple[Any, ...] = ()
    """Weakenings of the plan that were decided, so that `phasegate guard` lets them through."""
