"""Any server that answers with JSON: numbers in it, as Datadog, CloudWatch, Loki or a warehouse give them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from phasegate.base.errors import MessageError, ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, Duration, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.matcher import ABSENT
from phasegate.http.written import Headers, Json, address_like
from phasegate.inspection.report import moment_of
from phasegate.kinds.answers import COUNTED, ask_json, unit_of
from phasegate.kinds.base import Kind, TimedParams, is_measure_name
from phasegate.model.measures import Buckets, Gauge, MeasureSpec, MeasureType, Number
from phasegate.model.observation import Observation
from phasegate.world import World

_MILLISECONDS = 1e11
"""Numbers from here on are milliseconds since 1970, as no plan is about the year 5138."""


class ValueWritten(Closed):
    """A number in the answer."""

    json_: str = Field(alias="json")
    """A JSONPath. One that may select many values (`$.points[*][1]`) gives a gauge of all of them."""
    unit: str = ""
    """The unit of the number: `ms`, `%`, `MiB`; nothing for counts."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        unit_of(self.unit)
        self.path  # noqa: B018
        return self

    @property
    def path(self) -> JsonPath:
        """Errors: ValueError."""
        return JsonPath.compile(self.json_)


class HistogramWritten(Closed):
    """Counts of values between edges in the answer; its measure is a distribution."""

    edges: str
    """A JSONPath to the upper edges of the buckets, in rising order: `$.buckets[*].to`. The last may be
    `+Inf` or null, or not be there."""
    counts: str
    """A JSONPath to the counts, in the same order: `$.buckets[*].doc_count`."""
    cumulative: bool = False
    """Whether each count is of all values up to its edge, as Prometheus has them."""
    unit: str = "s"
    """The unit of the edges: `ms`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        unit_of(self.unit)
        for path in (self.edges, self.counts):
            if not JsonPath.compile(path).many:
                raise ValueError(f"{path} selects one value; write a path to those of all buckets")
        return self


class QueryParams(TimedParams):
    url: Annotated[WrittenAddress, address_like("/api/v1/query")]
    """Where to ask: a path on the target's default entry, or a URL."""
    method: Literal["GET", "POST"] = "GET"
    """How: `POST` with a `body`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along: `{DD-API-KEY: "${env.DD_API_KEY}"}`."""
    body: Json = None
    """JSON that is sent along."""
    values: Annotated[Mapping[str, ValueWritten], Demand.MUST_BE] = Field(default_factory=dict)
    """Numbers by the name of their measure: `{errors: {json: "$.series[0].value"}}`."""
    histograms: Annotated[Mapping[str, HistogramWritten], Demand.MUST_BE] = Field(default_factory=dict)
    """Histograms by the name of their measure, of which criteria name a quantile: `latency.p95 <= 250ms`."""
    at: str = ""
    """A JSONPath to the time of the data: text as in RFC 3339, or seconds or milliseconds since 1970. Of
    many, the newest counts."""
    max_age: Annotated[Duration, Field(gt=0), Demand.LESS] = 120.0
    """With `at`: the oldest that the data may be."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("query", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if not (self.values or self.histograms):
            yield ("values",), "name at least one number, or a histogram"
        for key, names in (("values", self.values), ("histograms", self.histograms)):
            for name in names:
                if name == "age" or not is_measure_name(name):
                    yield (key, name), f"{name!r} is not a name for a measure; write one like 'error_rate'"
        for name in self.histograms:
            if name in self.values:
                yield ("histograms", name), f"a value is named {name!r} too"
        if self.body is not None and self.method == "GET":
            yield ("body",), "a body goes with method: POST"
        if "max_age" in self.model_fields_set and not self.at:
            yield ("max_age",), "max_age goes with at, the place of the time in the answer"
        if self.at:
            try:
                JsonPath.compile(self.at)
            except ValueError as error:
                yield ("at",), str(error)


class QueryKind(Kind[QueryParams]):
    name: ClassVar[str] = "query"
    Params: ClassVar[type[TimedParams]] = QueryParams
    example: ClassVar[Mapping[str, Any]] = {
        "url": "https://metrics.example.com/api/v1/query?query=avg:errors",
        "values": {"error_rate": {"json": "$.series[0].pointlist[*][1]", "unit": "%"}},
        "at": "$.series[0].pointlist[*][0]",
    }
    by_address: ClassVar[bool] = True

    def measures(self, params: QueryParams) -> Mapping[str, MeasureSpec]:
        found = {name: _spec(value) for name, value in params.values.items()}
        for name, one in params.histograms.items():
            dimension = unit_of(one.unit).dimension
            about = f"values counted in {one.counts} of the answer"
            found[name] = MeasureSpec(type=MeasureType.DISTRIBUTION, dimension=dimension, about=about)
        if params.at:
            about = "of the newest data, by the time in the answer"
            found["age"] = MeasureSpec.amount(about, unit_of("s").dimension)
        return found

    def defaults(self, params: QueryParams) -> tuple[str, ...]:
        return ()

    def summary(self, params: QueryParams) -> Message:
        return fact(Code.PROM_ASKED, names=(*params.values, *params.histograms), url=params.url)

    async def observe(self, params: QueryParams, world: World) -> Observation:
        """Errors: ObservationError where the server does not answer with JSON."""
        import json

        body = None if params.body is None else json.dumps(params.body).encode()
        headers = dict(params.headers)
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        answer = await ask_json(
            world, params.url, headers=headers, timeout=params.timeout, method=params.method, body=body
        )
        measures: dict[str, Number | Gauge | Buckets] = {}
        absent: dict[tuple[str, str], Message] = {}
        stale = _age(params, answer, world, measures) if params.at else None
        asked: dict[str, ValueWritten | HistogramWritten] = {**params.values, **params.histograms}
        for name, one in asked.items():
            found = stale or (_value(one, answer) if isinstance(one, ValueWritten) else _buckets(one, answer))
            if isinstance(found, Number | Gauge | Buckets):
                measures[name] = found
            else:
                absent["", name] = found
        return Observation(measures=measures, absent=absent)


def _spec(value: ValueWritten) -> MeasureSpec:
    about, dimension = f"{value.json_} of the answer", unit_of(value.unit).dimension
    if value.path.many:
        return MeasureSpec(type=MeasureType.GAUGE, dimension=dimension, about=about)
    return MeasureSpec.number(about, dimension)


def _find(path: JsonPath, answer: Any) -> list[Any]:
    """What a path selects. Errors: ObservationError where it cannot be followed."""
    try:
        found = path.value(answer)
    except MessageError as error:
        raise ObservationError(error.message) from None
    if found is ABSENT:
        return []
    return found if path.many else [found]


def _value(value: ValueWritten, answer: Any) -> Number | Gauge | Message:
    """The measure, or why there is none: no answer is never 0."""
    path, unit = value.path, unit_of(value.unit)
    found = _find(path, answer)
    if not found:
        return fact(Code.PROM_NO_SERIES, text=path.text)
    numbers = [_number(one) for one in found]
    if None in numbers:
        wrong = found[numbers.index(None)]
        return fact(Code.PROM_NO_VALUE, value="null" if wrong is None else f"{wrong}"[:80])
    known = [one * unit.value for one in numbers if one is not None]
    if not path.many:
        return Number(value=known[0], dimension=unit.dimension, reported=True)
    gauge = Gauge(dimension=unit.dimension)
    for one in known:
        gauge = gauge.and_then(one)
    return gauge


def _buckets(written: HistogramWritten, answer: Any) -> Buckets | Message:
    """The measure, or why there is none. Nobody says which bucket an edge belongs to, so it is of both."""
    edges, counts = (_find(JsonPath.compile(path), answer) for path in (written.edges, written.counts))
    if not counts:
        return fact(Code.PROM_NO_SERIES, text=written.counts)
    uppers = [math.inf if one in (None, "+Inf", "Inf", "inf") else _number(one) for one in edges]
    uppers += [math.inf] * (len(uppers) == len(counts) - 1)
    numbers = [_number(one) for one in counts]
    before = [0.0, *(one or 0.0 for one in numbers)] if written.cumulative else [0.0] * len(counts)
    inside = [-1.0 if one is None else one - less for one, less in zip(numbers, before, strict=False)]
    known = [one for one in uppers if one is not None]
    rising = all(low < high for low, high in pairwise(known))
    whole = all(one >= 0 and one.is_integer() for one in inside) and sum(inside) <= COUNTED
    if not (rising and whole and len(known) == len(uppers) == len(counts)):
        return fact(Code.PROM_BUCKETS, name=written.counts, what="contradict")
    unit = unit_of(written.unit)
    lowest = 0.0 if known[0] > 0 else -math.inf
    ends = [one * unit.value if math.isfinite(one) else None for one in (lowest, *known)]
    return Buckets(
        counts=tuple((low, high, round(n)) for (low, high), n in zip(pairwise(ends), inside, strict=True)),
        dimension=unit.dimension,
    )


def _number(value: Any) -> float | None:
    """A number, also as text, as some servers write it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _age(params: QueryParams, answer: Any, world: World, measures: dict[str, Any]) -> Message | None:
    """Why the data is too old, or has no time; its age is a measure."""
    path = JsonPath.compile(params.at)
    found = _find(path, answer)
    times = [_time(one) for one in found]
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return fact(Code.NO_TIME_IN_ANSWER, text=path.text)
    age = (world.clock.wall() - max(known)).total_seconds()
    if age < -params.max_age:  # a time to come says nothing of how old the data is
        return fact(Code.NO_TIME_IN_ANSWER, text=path.text)
    age = max(0.0, age)
    measures["age"] = Number(value=age, dimension=unit_of("s").dimension)
    if age > params.max_age:
        return fact(Code.PROM_STALE, text=path.text, at=age, limit=params.max_age)
    return None


def _time(value: Any) -> datetime | None:
    number = _number(value)
    if number is None:
        return moment_of(value) if isinstance(value, str) else None
    try:
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    except (OverflowError, ValueError, OSError):
        return None
