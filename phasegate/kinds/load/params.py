"""What a plan may say of a load of our own engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phasegate.base.fields import Duration, Rate, Size, Text, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.base.units import format_seconds
from phasegate.http.expectations.expectation import Expect
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.written import Headers, Json
from phasegate.kinds.base import TimedParams
from phasegate.load.abort import AbortOn
from phasegate.load.journeys.mix import MIX, Data, FlowField, Unit, problems_of_mix, problems_of_unit
from phasegate.load.pace.pacing import Profile
from phasegate.load.pace.stages import Stage, is_open, peak_of, problems_of, profile_of
from phasegate.load.upload import BodyFile
from phasegate.wire.request import header_problems

CONNECTIONS = 200
"""The most connections of the open model, unless the plan says otherwise."""
_MODELS = "rate: 200/s (open model), connections: 50 (closed model), or stages of either"
_SAID = {"rate": "rates", "duration": "durations", "ramp": "ramps"}


class LoadParams(TimedParams):
    engine: Literal["builtin"] = "builtin"
    """What generates the load: builtin, k6 or locust."""
    url: WrittenAddress | None = None
    """A path on the target, `/health`, or a URL of one of its entries."""
    flow: FlowField | None = None
    """In place of `url`, a flow of a suite as the unit of load: `checks/api/sessions.yaml#lifecycle`. One
    arrival is one whole journey over one connection, with cookies and captures of its own; the suite's setup
    is sent once, before the load, its teardown after it."""
    mix: Annotated[tuple[Unit, ...], MIX] | None = None
    """In place of `url`, several flows and requests, by weight: `[{weight: 3, url: /}, {url: /search}]`."""
    data: Data | None = None
    """Rows of a file, whose columns are `${name}` in what is sent: `{csv: users.csv}`."""
    rate: Annotated[Rate, Demand.BY_KIND] | None = None
    """Open model: requests due per second, whether or not earlier ones were answered."""
    connections: Annotated[int, Demand.BY_KIND] | None = Field(default=None, ge=1, le=50_000)
    """Closed model: each sends its next request when the answer has come. With a rate: the most at once, 200
    unless given."""
    duration: Annotated[Duration, Demand.BY_KIND] = 10.0
    """How long requests are sent; what is out then is awaited up to `timeout`. With `until: decided`, the
    longest."""
    until: Literal["decided"] | None = None
    """`decided`: the load ends as soon as its criteria are decided, by bounds that hold whenever one
    looks."""
    at_least: Annotated[Duration, Demand.BY_KIND] = 1.0
    """With `until: decided`, how long requests are sent at the least."""
    ramp: Annotated[Duration, Demand.BY_KIND] = 0.0
    """Time, from the start, over which the rate or the connections rise to the full number."""
    stages: Annotated[tuple[Stage, ...], Demand.BY_KIND] | None = None
    """Ramps, plateaus and spikes of either model, in place of one level with `duration` and `ramp`: each
    stage runs in a straight line from the level before it, at first 0, to its own; one of 0 s jumps there."""
    method: str = Field(default="GET", pattern=r"^[A-Za-z]+$")
    """The request method: `POST`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along, by name, beside those of the target entry."""
    body: Text | BodyFile | None = None
    """Sent with each request: text, or `{file: PATH}` for the bytes of a file of at most 32 MiB."""
    json_: Json = Field(default=None, alias="json")
    """A body that is sent as JSON."""
    protocol: Literal["http/1.1", "http/2"] = "http/1.1"
    """What is spoken with the target. HTTP/2 needs the extra `http2`; over TLS the target has to agree to it
    (ALPN), over plain http it is spoken from the first byte. A target that does not is a failure."""
    streams: int | None = Field(default=None, ge=1, le=1_000)
    """HTTP/2: requests at once over each connection, 1 unless given. What is above the target's own limit
    waits, and the wait counts."""
    unix: str | None = Field(default=None, pattern=r"^/")
    """The path of a Unix socket to connect to in place of the host and port of `url`."""
    expect: Expect | None = None
    """What a good answer is; status 2xx unless it says otherwise."""
    follow: Annotated[bool, Demand.LET_THROUGH] = False
    """Whether redirects are followed, at most 10 for a request, whose times then run to the end of the last
    answer. They are followed on the host and port of `url`; what leads elsewhere fails by name."""
    max_body: Annotated[Size, Field(ge=1)] = MAX_BODY
    """The largest body that an expectation or capture looks at; where none does, any size is fine."""
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
