"""Logs that arrive: a line that the run itself caused is where it should be, in time and with its fields."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, CommandLine, Duration, Text, Texts, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.base.patterns import SlowPatternError, aside, compile_pattern, time_limit
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension
from phasegate.http.written import Headers, address_like
from phasegate.kinds.base import Kind, Requirement, TimedParams
from phasegate.kinds.logs.places import Files, Loki, Place, Printed, Read, journal
from phasegate.kinds.observation_draft import ObservationDraft
from phasegate.model.measures import MeasureSpec, Number
from phasegate.model.observation import CaseStatus, Observation
from phasegate.world import HttpFailure, HttpRequest, Progress, World

POLL = 0.5
"""Seconds between two looks at a place."""
SHOWN = 200
"""Characters of a line that a message shows."""


class LokiWritten(Closed):
    """A server with Loki's API."""

    url: Annotated[WrittenAddress, address_like("/loki")]
    """Where it is."""
    query: Text
    """A stream selector in LogQL: `{app="api"}`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along: `{X-Scope-OrgID: shop}`."""


class MarkerWritten(Closed):
    """A request that causes a line."""

    url: Annotated[WrittenAddress, address_like("/health")]
    """A path on the target's default entry, or a URL."""
    header: Text = "X-Request-Id"
    """The header that holds the marker, which the line must hold, too."""
    method: Text = "GET"
    """The request method."""


class LogsParams(TimedParams):
    file: Texts = ()
    """Files in which lines arrive, as paths or globs. Exactly one of `file`, `journal`, `loki` and `command`
    says where."""
    journal: Text = ""
    """The unit whose lines arrive in the journal of this machine: `api.service`."""
    loki: LokiWritten | None = None
    """A server with Loki's API: `{url: "http://loki:3100", query: '{app="api"}'}`."""
    command: CommandLine | None = None
    """A program that prints the lines; `PHASEGATE_MARKER` holds the marker:
    `[kubectl, logs, deploy/api, --since=5m]`. What it prints when the check begins does not count."""
    request: MarkerWritten | None = None
    """A request with a marker; the line that it causes must arrive."""
    within: Annotated[Duration, Field(gt=0), Demand.LESS] = 30.0
    """With `request`: the longest until its line arrives."""
    fields: Annotated[Texts, Demand.MUST_BE] = ()
    """With `request`: members that its line must have, as JSON: `[level, time, http.status]`."""
    errors: Text = ""
    """A regular expression for lines that are errors; how many there are is a measure: `"level":"error"`."""
    forbidden: Annotated[Texts, Demand.MUST_BE] = ()
    """Texts that no line may hold, such as secrets: `["${env.API_TOKEN}"]`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("logs", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        places = [bool(self.file), bool(self.journal), self.loki is not None, self.command is not None]
        if sum(places) != 1:
            yield (), "say where lines arrive: exactly one of file, journal, loki and command"
        if not (self.request or self.errors or self.forbidden):
            yield (), "ask something: request, errors or forbidden"
        if self.request is None:
            for name in ("within", "fields"):
                if name in self.model_fields_set:
                    yield (name,), f"{name} goes with request"
        if self.errors:
            try:
                compile_pattern(self.errors)
            except ValueError as error:
                yield ("errors",), str(error)
        for number, text in enumerate(self.forbidden):
            if not text.strip():
                yield ("forbidden", number), "an empty text is in every line"


class LogsKind(Kind[LogsParams]):
    name: ClassVar[str] = "logs"
    Params: ClassVar[type[TimedParams]] = LogsParams
    example: ClassVar[Mapping[str, Any]] = {
        "loki": {"url": "http://loki:3100", "query": '{app="api"}'},
        "request": {"url": "/health"},
        "fields": ["level", "time"],
        "errors": '"level":"error"',
    }
    has_cases: ClassVar[bool] = True
    accompanies: ClassVar[bool] = True

    def measures(self, params: LogsParams) -> Mapping[str, MeasureSpec]:
        found = {"lines": MeasureSpec.amount("lines that arrived while the check went on")}
        if params.request is not None:
            found["arrival"] = MeasureSpec.amount("from the request to its line", Dimension.TIME)
        if params.errors:
            found["errors"] = MeasureSpec.amount("lines that are errors")
        if params.request is not None or params.forbidden:
            found["pass_rate"] = MeasureSpec.census("arrived, with its fields, without what is forbidden")
        return found

    def defaults(self, params: LogsParams) -> tuple[str, ...]:
        cases = params.request is not None or bool(params.forbidden)
        return (*(("pass_rate == 100%",) if cases else ()), *(("errors == 0",) if params.errors else ()))

    def requirements(self, params: LogsParams) -> tuple[Requirement, ...]:
        program = "journalctl" if params.journal else params.command[0] if params.command else ""
        return (Requirement(program=program),) if program and "/" not in program else ()

    def summary(self, params: LogsParams) -> Message:
        place = (
            ", ".join(params.file)
            or params.journal
            or (params.loki.url if params.loki else " ".join(params.command or ()))
        )
        return fact(Code.SCAN_BY, what=place[:80])

    async def observe(self, params: LogsParams, world: World) -> Observation:
        """Errors: ObservationError where the place cannot be read."""
        place, seen = _place(params, world), ObservationDraft()
        await place.begin()
        if params.request is not None:
            await _follow(params, params.request, place, world, seen)
        while world.accompanies and await world.progress(Progress(text="reading logs")) is None:
            await world.clock.sleep(POLL)
        await _count(params, await place.lines(""), seen)
        return await seen.observation(world, {"pass_rate": ""})


def _place(params: LogsParams, world: World) -> Place:
    if params.loki is not None:
        loki = params.loki
        return Loki(world, loki.url, loki.query, dict(loki.headers), params.timeout)
    if params.journal:
        return journal(world, params.journal, params.timeout)
    if params.command is not None:
        return Printed(world, params.command, params.timeout)
    return Files(world.root, params.file)


async def _follow(
    params: LogsParams, asked: MarkerWritten, place: Place, world: World, seen: ObservationDraft
) -> None:
    """Cause a line, and wait for it."""
    marker = f"phasegate-{secrets.token_hex(12)}"
    there = world.target.destination(asked.url)
    begun = world.clock.now()
    reply = await world.http.send(
        HttpRequest(
            method=asked.method,
            url=there.url,
            entry=there.entry,
            headers=((asked.header, marker),),
            timeout=params.timeout,
        )
    )
    if isinstance(reply, HttpFailure):
        seen.case("arrival", CaseStatus.LOST, fact(Code.NO_LINE_CAUSED, why=reply.message))
        return
    lines: Sequence[str] = ()
    while not lines and world.clock.now() - begun <= params.within:
        lines = [line for line in (await place.lines(marker)).lines if marker in line]
        if not lines:
            await world.clock.sleep(POLL)
    if not lines:
        seen.case("arrival", CaseStatus.FAILED, fact(Code.LINE_NOT_ARRIVED, within=params.within))
        return
    seen.measures["arrival"] = Number(value=world.clock.now() - begun, dimension=Dimension.TIME)
    seen.case("arrival", CaseStatus.PASSED)
    if params.fields:
        missing = min((_missing(line, params.fields) for line in lines), key=len)
        message = fact(Code.FIELDS_MISSING, names=missing) if missing else ""
        seen.case("fields", CaseStatus.FAILED if missing else CaseStatus.PASSED, message)


def _missing(line: str, fields: Sequence[str]) -> tuple[str, ...]:
    """Members that a line does not have; all of them where it is no JSON."""
    try:
        document = json.loads(line[line.find("{") :] if "{" in line else line)
    except (ValueError, RecursionError):
        return tuple(fields)
    return tuple(name for name in fields if _member(document, name) in (None, ""))


def _member(document: Any, name: str) -> Any:
    if isinstance(document, Mapping) and name in document:
        return document[name]
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


async def _count(params: LogsParams, read: Read, seen: ObservationDraft) -> None:
    """What the lines of the whole time hold."""
    partial = bool(read.partial)
    seen.measures["lines"] = Number(value=len(read.lines), partial=partial)
    if params.errors:
        try:
            n = await aside(lambda: _matching(params.errors, read.lines))
            seen.measures["errors"] = Number(value=n, partial=partial)
        except SlowPatternError as error:
            seen.absent["", "errors"] = message_of(error)
        if not read.lines and not partial:
            # A place where nothing arrives has no errors, and shows nothing.
            seen.measures.pop("errors", None)
            seen.absent["", "errors"] = fact(Code.NO_LINES)
    if params.forbidden:
        everything = "\n".join(read.lines)
        held = [
            number
            for number, text in enumerate(map(str.strip, params.forbidden), 1)
            if text in everything or json.dumps(text, ensure_ascii=False)[1:-1] in everything
        ]
        if held:
            seen.case(
                "forbidden", CaseStatus.FAILED, fact(Code.FORBIDDEN_TEXT, n=held[0], of=len(params.forbidden))
            )
        elif partial or not read.lines:
            seen.case("forbidden", CaseStatus.LOST, read.partial or fact(Code.NO_LINES))
        else:
            seen.case("forbidden", CaseStatus.PASSED)


def _matching(pattern: str, lines: Sequence[str]) -> int:
    compiled = compile_pattern(pattern)
    with time_limit():
        return sum(compiled.search(line) is not None for line in lines)
