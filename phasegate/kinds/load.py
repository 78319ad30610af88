"""Load: requests at a rate (open model) or over connections (closed model), latencies that cannot lie."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from phasegate.errors import ObservationError
from phasegate.fields import Duration, Rate, Text
from phasegate.http.expectation import Expect
from phasegate.http.problems import Location, refuse
from phasegate.kinds.base import Amount, CheckParams, Kind, Requirement
from phasegate.kinds.load_engines import ENGINES
from phasegate.load.abort import AbortOn, Guard
from phasegate.load.engine import Outcome, generate
from phasegate.load.job import Job
from phasegate.load.measured import distribution, samples
from phasegate.load.mix import (
    Data,
    FlowField,
    Unit,
    columns_written,
    parts_of,
    problems_of_mix,
    problems_of_unit,
)
from phasegate.load.pacing import Profile
from phasegate.load.prepare import prepared
from phasegate.load.request import header_problems, request_bytes, request_fields
from phasegate.load.stages import Stage, is_open, peak_of, problems_of, profile_of, words
from phasegate.load.tally import PartTally
from phasegate.load.timeline import series, silent_seconds
from phasegate.load.upload import BodyFile
from phasegate.model.measures import Measure, MeasureSpec, MeasureType, Number, Share
from phasegate.model.observation import Observation
from phasegate.units import Dimension, format_seconds, format_share, format_value
from phasegate.world import Enough, World

CONNECTIONS = 200
"""The most connections of the open model, unless the plan says otherwise."""
_MODELS = "rate: 200/s (open model), connections: 50 (closed model), or stages of either"
_SAID = {"rate": "rates", "duration": "durations", "ramp": "ramps"}
_REQUEST_KEPT = 4_096
"""Bytes of the request that go into the evidence."""
_REPORTS = 40
"""Reports of a worker over the time of a load, unless that makes them rarer than one a second."""
_SHORTEST_TICK = 0.025
_LAG = 0.05
"""Seconds of the generator's own lag from which readers are told."""
_BUSY = 0.9
"""Share of a core from which readers are told."""


class LoadParams(CheckParams):
    engine: Literal["builtin"] = "builtin"
    """What generates the load: builtin, k6 or locust."""
    url: str | None = None
    """Absolute, or a path on the target."""
    flow: FlowField | None = None
    """In place of `url`, a flow of a suite as the unit of load: `checks/api/sessions.yaml#lifecycle`. One
    arrival is one whole journey over one connection, with cookies and captures of its own; the suite's setup
    is sent once, before the load, its teardown after it."""
    mix: tuple[Unit, ...] | None = None
    """In place of `url`, several flows and requests, by weight."""
    data: Data | None = None
    """Rows of a CSV or JSON-lines file, whose columns are `${name}` in what is sent."""
    rate: Rate | None = None
    """Open model: requests due per second, whether or not earlier ones were answered."""
    connections: int | None = Field(default=None, ge=1, le=50_000)
    """Closed model: each sends its next request when the answer has come. With a rate: the most at once, 200
    unless it says otherwise."""
    duration: Duration = 10.0
    """How long requests are sent; what is out then is awaited up to `timeout`. With `until: decided`, the
    longest."""
    until: Literal["decided"] | None = None
    """Ends as soon as its criteria are decided, by bounds that hold whenever one looks."""
    at_least: Duration = 1.0
    """With `until: decided`, how long requests are sent at the least."""
    ramp: Duration = 0.0
    """Time, from the start, over which the rate or the connections rise to the full number."""
    stages: tuple[Stage, ...] | None = None
    """Ramps, plateaus and spikes of either model, in place of one level with `duration` and `ramp`: each
    stage runs in a straight line from the level before it, at first 0, to its own; one of 0 s jumps there."""
    method: str = Field(default="GET", pattern=r"^[A-Za-z]+$")
    """The request method."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Sent along, beside those of the target entry."""
    body: Text | BodyFile | None = None
    """Sent with each request: text, or `{file: PATH}` for the bytes of a file of at most 32 MiB."""
    json_: Any = Field(default=None, alias="json")
    """A body sent as JSON."""
    protocol: Literal["http/1.1", "http/2"] = "http/1.1"
    """What is spoken with the target. HTTP/2 needs the extra `http2`; over TLS the target has to agree to it
    (ALPN), over plain http it is spoken from the first byte. A target that does not is a failure."""
    streams: int | None = Field(default=None, ge=1, le=1_000)
    """HTTP/2: requests at once over each connection, 1 unless it says otherwise. What is above the target's
    own limit waits, and the wait counts."""
    unix: str | None = Field(default=None, pattern=r"^/")
    """The path of a Unix socket to connect to in place of the host and port of `url`."""
    expect: Expect | None = None
    """What a good answer is; status 2xx unless it says otherwise."""
    follow: bool = False
    """Whether redirects are followed, at most 10 for a request, whose times then run to the end of the last
    answer. They are followed on the host and port of `url`; what leads elsewhere fails by name."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that share the load."""
    abort_on: AbortOn | None = None
    """Ends a load that only does damage: `{success_rate: "< 50%", for: 5s}`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("load", (*self._problems_of_load(), *self._problems_of_request()))
        return self

    def _problems_of_load(self) -> Iterator[tuple[Location, str]]:
        if self.timeout == 0:
            yield ("timeout",), "a timeout of 0 s lets no request succeed"
        if self.until is None and "at_least" in self.model_fields_set:
            yield ("at_least",), "at_least goes with until: decided; leave it out, or write both"
        wrong = tuple(self._problems_of_level() if self.stages is None else self._problems_of_stages())
        yield from wrong
        if not wrong and self.until is not None and self.at_least > self.profile.duration:
            least, most = format_seconds(self.at_least), format_seconds(self.profile.duration)
            yield ("at_least",), f"at_least ({least}) is more than the load takes ({most})"
        if not wrong and self.workers > self.most_connections:
            yield ("workers",), f"{self.workers} workers cannot share {self.most_connections} connections"

    def _problems_of_level(self) -> Iterator[tuple[Location, str]]:
        if self.rate is None and self.connections is None:
            yield (), f"choose a model: {_MODELS}"
        if self.rate == 0:
            yield ("rate",), "a rate of 0/s sends nothing"
        if self.duration == 0:
            yield ("duration",), "a duration of 0 s sends nothing"
        if self.ramp > self.duration:
            ramp, duration = format_seconds(self.ramp), format_seconds(self.duration)
            yield ("ramp",), f"the ramp ({ramp}) is longer than the duration ({duration})"

    def _problems_of_stages(self) -> Iterator[tuple[Location, str]]:
        stages = self.stages or ()
        for location, message in problems_of(stages):
            yield ("stages", *location), message
        for name in ("rate", "duration", "ramp"):
            if name in self.model_fields_set:
                yield (name,), f"the stages say the {_SAID[name]}; leave {name} or stages out"
        if stages and not is_open(stages) and self.connections is not None:
            yield ("connections",), "the stages say how many connections; leave connections or stages out"

    def _problems_of_request(self) -> Iterator[tuple[Location, str]]:
        if self.mix is None:
            yield from problems_of_unit(self)
        else:
            for location, message in problems_of_mix(self.mix):
                yield ("mix", *location), message
            for name in ("url", "flow", "method", "headers", "body", "json_", "expect", "follow"):
                if name in self.model_fields_set:
                    yield (name.rstrip("_"),), "the mix says what is sent; write it there"
        columns = self.data.columns() if self.data is not None else frozenset()
        for index, unit in enumerate(self.mix or ()):
            for problem in unit.flow.unknown_names(columns) if unit.flow is not None else ():
                yield ("mix", index, "flow"), problem
        for problem in self.flow.unknown_names(columns) if self.flow is not None else ():
            yield ("flow",), problem
        if isinstance(self.body, BodyFile) and self.data is not None:
            yield ("body",), "a body from a file is sent as it is, so data cannot be put in; leave one out"
        if isinstance(self.body, BodyFile) and self.follow:
            yield ("follow",), "a body from a file is sent to one address only; leave follow or the file out"
        if self.unix is not None and (self.mix or self.flow or self.data):
            yield ("unix",), "a Unix socket goes with one url; leave unix or data, flow and mix out"
        for problem in header_problems(self.headers.items(), http2=self.is_http2):
            yield ("headers",), problem
        if self.is_http2 and self.units:
            yield ("protocol",), "HTTP/2 goes with one url; leave protocol or data, flow, mix and follow out"
        if self.streams is not None and not self.is_http2:
            yield ("streams",), "HTTP/1.1 has one request at a time on a connection; add protocol: http/2"

    @property
    def is_http2(self) -> bool:
        return self.protocol == "http/2"

    @property
    def units(self) -> tuple[Unit, ...]:
        """What is sent, where that is more than the same request again and again; else nothing."""
        if self.mix is not None:
            return self.mix
        if self.flow is None and self.data is None and not self.follow:
            return ()
        keys = self.model_fields_set & set(Unit.model_fields)
        return (Unit.model_construct(keys, **{key: getattr(self, key) for key in keys}),)

    @property
    def is_open(self) -> bool:
        return self.rate is not None if self.stages is None else is_open(self.stages)

    @property
    def most_connections(self) -> int:
        if self.stages is not None and not is_open(self.stages):
            return math.ceil(peak_of(self.stages))
        return self.connections or CONNECTIONS

    @property
    def profile(self) -> Profile:
        if self.stages is not None:
            return profile_of(self.stages)
        level = self.rate if self.rate is not None else float(self.most_connections)
        return Profile.ramped(level, self.duration, self.ramp)


class Load(Kind[LoadParams]):
    name = "load"
    chooser = "engine"
    variant = "builtin"
    variants = ENGINES
    about = "requests at a rate or over connections"
    Params = LoadParams
    example: ClassVar[Mapping[str, Any]] = {"url": "/health", "rate": "200/s", "duration": "10s"}
    exclusive = True
    weighed: ClassVar[frozenset[str]] = frozenset(
        {"rate", "connections", "duration", "ramp", "stages", "at_least"}
    )

    def measures(self, params: LoadParams) -> Mapping[str, MeasureSpec]:
        both = {
            "success_rate": MeasureSpec(
                type=MeasureType.SAMPLE,
                dimension=Dimension.SHARE,
                about="share of the requests sent that were answered as expected",
            ),
            "latency": MeasureSpec(
                type=MeasureType.DISTRIBUTION,
                dimension=Dimension.TIME,
                about="from the moment a request was due to the end of its answer",
            ),
            "service_time": MeasureSpec(
                type=MeasureType.DISTRIBUTION,
                dimension=Dimension.TIME,
                about="from sending a request to the end of its answer",
            ),
            "throughput": MeasureSpec(
                type=MeasureType.NUMBER,
                dimension=Dimension.RATE,
                about="good answers per second while requests were sent",
                lowest=0,
            ),
            "requests": MeasureSpec(
                type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="requests that were sent", lowest=0
            ),
            "redirects": MeasureSpec(
                type=MeasureType.NUMBER,
                dimension=Dimension.COUNT,
                about="answers that sent elsewhere (301, 302, 303, 307, 308), followed or not",
                lowest=0,
            ),
        }
        if params.is_open:
            both |= _OPEN_MEASURES
        if params.abort_on is not None:
            both["completed"] = MeasureSpec(
                type=MeasureType.NUMBER,
                dimension=Dimension.SHARE,
                about="share of the planned duration before the load was aborted or stopped",
            )
        if params.units:
            both["journeys"] = MeasureSpec(
                type=MeasureType.NUMBER, dimension=Dimension.COUNT, about="journeys that were begun"
            )
        return both

    def parts(self, params: LoadParams) -> frozenset[str]:
        return frozenset(parts_of(params.units, mixed=params.mix is not None))

    def own_names(self, tree: Mapping[str, Any], root: Path) -> frozenset[str]:
        return columns_written(tree.get("data"), root)

    def defaults(self, params: LoadParams) -> tuple[str, ...]:
        achieved = ("achieved_rate >= 95%",) if params.is_open else ()
        completed = () if params.abort_on is None else ("completed == 100%",)
        return ("success_rate >= 99%", *achieved, *completed)

    def samples(self, params: LoadParams) -> int | None:
        return params.profile.total if params.is_open else None

    def duration(self, params: LoadParams) -> float | None:
        return params.profile.duration

    def amounts(self, params: LoadParams, *, accompanies: bool) -> Mapping[str, Amount]:
        profile = params.profile
        asked = {"duration": Amount(value=profile.duration, dimension=Dimension.TIME)}
        if params.is_open:
            asked["rate"] = Amount(value=profile.peak, dimension=Dimension.RATE)
            asked["connections at most"] = Amount(value=params.most_connections, more=None)
        else:
            asked["connections"] = Amount(value=profile.peak)
        # Ramps and stages: duration and peak alone would not tell a plateau from a spike.
        fullness = profile.area / (profile.peak * profile.duration)
        asked["mean level, of the highest"] = Amount(value=round(fullness, 9), dimension=Dimension.SHARE)
        if params.until is not None:
            asked["at_least"] = Amount(value=params.at_least, dimension=Dimension.TIME)
        return asked

    def requirements(self, params: LoadParams) -> tuple[Requirement, ...]:
        return (_HTTP2,) if params.is_http2 else ()

    def until_decided(self, params: LoadParams) -> bool:
        return params.until is not None

    def summary(self, params: LoadParams) -> str:
        return f"{_sent(params)}, {_level(params)}{' at most' if params.until else ''}"

    def targets(self, params: LoadParams) -> tuple[str, ...]:
        if params.units:
            return tuple(dict.fromkeys(target for unit in params.units for target in unit.targets))
        return (params.url or "/",)

    async def observe(self, params: LoadParams, world: World) -> Observation:
        guard = None if params.abort_on is None else Guard(params.abort_on, workers=params.workers)
        if params.units:
            job, outcome = await _journeys(params, world, guard)
        else:
            job = _job(params, world)
            outcome = await generate(job, world, guard, at_least=_at_least(params))
        return Observation(
            measures=_measures(params, outcome),
            parts=_parts(outcome),
            evidence=_evidence(params, job, outcome, world),
            notes=_notes(params, outcome),
            causes=dict(sorted(outcome.tally.causes.items(), key=lambda item: -item[1])),
            timeline=series(outcome.bins),
        )


_HTTP2 = Requirement(
    program="python",
    arguments=("-c", "import ngh2"),
    install=f"{sys.executable} -m pip install 'phasegate[http2]'",
    label="ngh2, for HTTP/2,",
)
_OPEN_MEASURES = {
    "achieved_rate": MeasureSpec(
        type=MeasureType.CENSUS,
        dimension=Dimension.SHARE,
        about="share of the requests that were due that were sent",
    ),
    "dropped": MeasureSpec(
        type=MeasureType.NUMBER,
        dimension=Dimension.COUNT,
        about="requests that waited for a free connection until their timeout",
        lowest=0,
    ),
}


def _sent(params: LoadParams) -> str:
    if params.mix is not None:
        return " + ".join(f"{unit.weight} x {unit.name or unit.url}" for unit in params.mix)
    if params.flow is not None:
        return f"flow {params.flow.chosen.id}"
    over = " over HTTP/2" if params.is_http2 else ""
    followed = " and its redirects" if params.follow else ""
    return f"{params.method.upper()} {params.url}{over}{followed}"


def _level(params: LoadParams) -> str:
    if params.stages is not None:
        return words(params.stages)
    level = (
        format_value(params.rate, Dimension.RATE)
        if params.rate is not None
        else f"{params.most_connections:,} connection{'s' if params.most_connections > 1 else ''}"
    )
    if params.streams is not None and params.streams > 1:
        level += (
            f" x {params.streams} streams"
            if params.rate is None
            else f", {params.streams} streams a connection"
        )
    ramp = f", ramp {format_seconds(params.ramp)}" if params.ramp else ""
    return f"{level} for {format_seconds(params.duration)}{ramp}"


def _job(params: LoadParams, world: World) -> Job:
    """Errors: ObservationError when the URL cannot be resolved or is not on the target."""
    url = world.target.url(params.url or "/")
    if not world.target.declares(url):
        raise ObservationError(
            f"{url} is not on the target", help="load goes only to hosts that the plan's target declares"
        )
    try:
        body, headers = _body(params)
    except (OSError, ValueError) as error:
        raise ObservationError(f"cannot send the body: {error}") from error
    named = {name.lower() for name, _ in headers}
    headers += tuple(pair for pair in world.target.headers(url) if pair[0].lower() not in named)
    expect = params.expect or Expect()
    statuses = expect.compile().status
    job = Job(
        url=url,
        method=params.method.upper(),
        headers=headers,
        body=body,
        statuses=tuple(sorted(statuses.allowed)),
        wanted=statuses.text,
        expect=_beyond_status(expect),
        timeout=params.timeout,
        open=params.is_open,
        points=params.profile.points,
        connections=params.most_connections,
        workers=params.workers,
        unix=params.unix,
        http2=params.is_http2,
        streams=params.streams or 1,
        tls=world.target.tls(url),
        tick=_tick(params),
    )
    try:
        _request(job)
    except ValueError as error:
        raise ObservationError(str(error)) from error
    return job


def _request(job: Job) -> bytes:
    """What is sent, as people read it. Errors: ValueError for what cannot be sent."""
    given = (job.method, job.url, job.headers, job.body)
    if not job.http2:
        return request_bytes(*given)
    head = b"".join(b"%s: %s\r\n" % field for field in request_fields(*given))
    return head + b"\r\n" + (job.body or b"")


def _at_least(params: LoadParams) -> float | None:
    return params.at_least if params.until else None


def _tick(params: LoadParams) -> float:
    """Seconds between two reports of a worker: often enough to see whether failures come together."""
    wanted = params.at_least if params.until else params.profile.duration
    return min(max(wanted / _REPORTS, _SHORTEST_TICK), 1.0)


async def _journeys(params: LoadParams, world: World, guard: Guard | None) -> tuple[Job, Outcome]:
    mixed = params.mix is not None
    async with prepared(params.units, params.data, world, timeout=params.timeout, mixed=mixed) as journeys:
        job = Job(
            url=journeys.origin,
            timeout=params.timeout,
            open=params.is_open,
            points=params.profile.points,
            connections=params.most_connections,
            workers=params.workers,
            unix=params.unix,
            tls=world.target.tls(journeys.origin),
            tick=_tick(params),
            journeys=journeys,
        )
        return job, await generate(job, world, guard, at_least=_at_least(params))


def _body(params: LoadParams) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
    """The body, and the plan's headers with the content type that goes with it.

    Errors: OSError, ValueError for a file that cannot be sent.
    """
    headers = tuple(params.headers.items())
    if "json_" not in params.model_fields_set:
        if isinstance(params.body, BodyFile):
            return params.body.read(), headers
        return None if params.body is None else params.body.encode(), headers
    if not any(name.lower() == "content-type" for name in params.headers):
        headers += (("Content-Type", "application/json"),)
    return json.dumps(params.json_, ensure_ascii=False).encode(), headers


def _beyond_status(expect: Expect) -> Mapping[str, Any] | None:
    """What a worker has to compile; the status alone it checks in a table."""
    compiled = expect.compile()
    if not (compiled.reads_headers or compiled.reads_body or compiled.latency):
        return None
    return expect.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _measures(params: LoadParams, outcome: Outcome) -> Mapping[str, Measure]:
    tally, report = outcome.tally, outcome.report
    requests = tally.requests
    measured: dict[str, Measure] = {
        **samples(tally, outcome.clusters, span=report.span, episodes=report.episodes),
        "throughput": Number(
            value=report.good_in_window / report.window if report.window else None, dimension=Dimension.RATE
        ),
        "requests": Number(value=requests),
        "redirects": Number(value=report.redirects),
    }
    if params.units:
        measured["journeys"] = Number(value=requests)
        measured["requests"] = Number(value=report.asked)
    if params.is_open:
        # What an aborted load did not come to was due all the same.
        due = params.profile.total if outcome.aborted else report.scheduled
        measured["achieved_rate"] = Share(passed=report.sent, total=due, sample=False)
        measured["dropped"] = Number(value=tally.dropped)
    if params.abort_on is not None:
        whole = outcome.stopped is None or isinstance(outcome.stopped, Enough)
        done = 1.0 if whole else min(report.window / params.profile.duration, 1.0)
        measured["completed"] = Number(value=done, dimension=Dimension.SHARE)
    return measured


def _parts(outcome: Outcome) -> Mapping[str, Mapping[str, Measure]]:
    return {name: _part(outcome, name, part) for name, part in outcome.tally.parts.items()}


def _part(outcome: Outcome, name: str, part: PartTally) -> Mapping[str, Measure]:
    durations, shares = outcome.clusters.part(name)
    good, failed = part.latency.n, part.failed
    return {
        "success_rate": Share(passed=good, total=good + failed, sample=True, blocks=shares),
        "latency": distribution(part.latency, failed + part.dropped, outcome.report.span, durations),
    }


def _notes(params: LoadParams, outcome: Outcome) -> tuple[str, ...]:
    """What readers need beside the figures."""
    report, notes = outcome.report, []
    if outcome.stopped is not None:
        left = f"; {report.unfinished:,} unfinished requests are not counted" if report.unfinished else ""
        how = "aborted" if outcome.aborted else "stopped"
        ran, planned = format_seconds(report.window), format_seconds(params.profile.duration)
        notes.append(f"{how} after {ran} of {planned}: {outcome.stopped}{left}")
    silent = silent_seconds(outcome.bins, report.window)
    if silent and outcome.tally.good:
        closed = "; the closed model sends less while a target fails, so success_rate understates it"
        notes.append(
            f"no good answer came in {format_seconds(round(silent))} of {format_seconds(report.window)}"
            f"{'' if params.is_open else closed}"
        )
    if report.busy >= _BUSY:
        notes.append(
            f"a load worker was busy {format_share(report.busy)} of the time: it may bound the throughput, "
            f"and add to latencies; workers: {params.workers + 1} would share the work"
        )
    if report.lag >= _LAG:
        notes.append(f"a load worker was held up for {format_seconds(report.lag)}: latencies contain that")
    return tuple(notes)


def _evidence(params: LoadParams, job: Job, outcome: Outcome, world: World) -> tuple[str, ...]:
    """The first failing exchanges, one file each."""
    if not outcome.report.examples:
        return ()
    same = "" if job.journeys else _request(job).decode("utf-8", "replace")
    written = []
    for number, example in enumerate(outcome.report.examples, 1):
        answer = example.answer or "(no answer)"
        request = (same or example.request or "(not sent)")[:_REQUEST_KEPT]
        text = (
            f"{example.cause}\nafter {example.at:.3f} s of load\n\n"
            f"--- request\n{request}\n--- answer\n{answer}\n"
        ).replace("\r\n", "\n")
        written.append(world.evidence.write(f"failed-request-{number}.txt", text))
    return tuple(written)
