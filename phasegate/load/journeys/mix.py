"""What the users of a load do, as a plan writes it: flows of suites, single requests, and values for both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from phasegate.base.fields import UNCHOSEN, Closed, FilePath, NamedDocument, Text, WrittenAddress
from phasegate.base.marks import Demand, Members
from phasegate.base.problems import Location, refuse, refuse_also
from phasegate.base.remember import remembered, remembered_of
from phasegate.base.substitution import escape
from phasegate.http.expectations.expectation import DEFAULT_STATUS, Expect
from phasegate.http.suites.references import LATER, clash, problems_between
from phasegate.http.suites.rows import rows_in_file
from phasegate.http.suites.suite import Flow, Id, Request, Suite
from phasegate.http.written import Headers, Json
from phasegate.load.journeys.build_request import problems_of

_ORIGIN = re.compile(r"https?://[^/?#]+")


class SuiteFlow(Suite):
    """A suite, of which one flow is meant."""

    flow: str = ""
    """Its id; empty where the suite has one flow only."""

    @model_validator(mode="wrap")
    @classmethod
    def _hangs_together(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        # Names are judged where the columns of the data are known, too.
        between = list(problems_between(data, names=False)) if isinstance(data, Mapping) else []
        try:
            suite = handler(data)
        except ValidationError as error:
            refuse_also("SuiteFlow", error, between)
            raise
        of_choice = () if info.context == UNCHOSEN else suite._problems_of_choice()
        refuse("SuiteFlow", [*between, *of_choice])
        return suite

    def _problems_of_choice(self) -> Iterator[tuple[Location, str]]:
        if not self.flow and len(self.flows) != 1:
            several = f"the suite has several flows; name one behind #: {_ids(self.flows)}"
            yield (), several if self.flows else "the suite has no flow"
        elif self.flow and self.flow not in _by_id(self.flows):
            yield (), f"the suite has no flow {self.flow!r}; its flows are {_ids(self.flows)}"
        elif not self.chosen.requests:
            yield (), f"flow {self.chosen.id!r} has no request"
        else:
            for request in self.chosen.requests:
                yield from (((), problem) for problem in problems_of(request))

    @property
    def only(self) -> Flow | None:
        return self.chosen

    @property
    def chosen(self) -> Flow:
        return _by_id(self.flows)[self.flow] if self.flow else self.flows[0]

    @property
    def requests(self) -> tuple[Request, ...]:
        return (*self.setup, *self.chosen.requests, *self.teardown)

    @property
    def start(self) -> str:
        """Where the load goes: the base, unless every request says so itself."""
        whole = next(filter(None, (_ORIGIN.match(request.url) for request in self.chosen.requests)), None)
        on_base = any(request.url.startswith("/") for request in self.requests)
        return self.base if on_base or whole is None else whole[0]

    def unknown_names(self, columns: frozenset[str]) -> Iterator[str]:
        """Names that neither an earlier request captures nor the data gives, and those that both do."""
        captured = {name for request in self.setup for name in request.capture}
        yield from _unknown(self.setup, set())
        later = {name for request in self.chosen.requests for name in request.capture}
        yield from map(clash, sorted(columns & (captured | later)))
        yield from _unknown(self.chosen.requests, captured | columns)


# Many checks may name flows of one suite.


@remembered_of
def _by_id(flows: tuple[Flow, ...]) -> dict[str, Flow]:
    return {flow.id: flow for flow in reversed(flows)}


@remembered_of
def _ids(flows: tuple[Flow, ...]) -> str:
    return ", ".join(flow.id for flow in flows) or "none"


FlowField = Annotated[
    SuiteFlow,
    NamedDocument(fragment="flow"),
    WithJsonSchema(
        {"type": "string", "description": "a suite file and a flow in it: checks/api/x.yaml#flow"}
    ),
]


class Unit(Closed):
    """One entry of a mix: a flow, or a request of its own."""

    id: Id | None = None
    """The part that criteria speak of; for a flow its id unless given."""
    weight: int = Field(default=1, ge=1, le=1_000)
    """How often it is sent, beside the others: one of weight 3 three times as often as one of weight 1."""
    url: WrittenAddress | None = None
    """A path on the target, or a URL of one of its entries."""
    flow: FlowField | None = None
    """A flow of a suite, sent as a whole: `checks/api/sessions.yaml#lifecycle`."""
    method: str = Field(default="GET", pattern=r"^[A-Za-z]+$")
    """The request method: `POST`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along, by name, beside those of the target entry."""
    body: Text | None = None
    """Text that is sent as the body."""
    json_: Json = Field(default=None, alias="json")
    """A body that is sent as JSON."""
    expect: Expect | None = None
    """What a good answer is; status 2xx unless it says otherwise."""
    follow: Annotated[bool, Demand.LET_THROUGH] = False
    """Whether redirects are followed, on the host and port of `url`; elsewhere they fail."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("Unit", problems_of_unit(self))
        return self

    @property
    def name(self) -> str:
        return self.id or (self.flow.chosen.id if self.flow is not None else "")

    @property
    def targets(self) -> tuple[str, ...]:
        """Every address it goes to, as written."""
        if self.flow is None:
            return (self.url or "/",)
        whole = (request.url for request in self.flow.requests if request.url.startswith("http"))
        return (*((self.flow.base,) if self.flow.start == self.flow.base else ()), *whole)

    def request(self, *, template: bool) -> Request:
        """The single request. `template`: its other texts too are in template form, else they stand for
        themselves."""
        put: Callable[[Any], Any] = escape if not template else lambda tree: tree
        given = {} if self.expect is None else self.expect.model_dump(by_alias=True, exclude_defaults=True)
        written: dict[str, Any] = {
            "id": "request",
            "method": self.method,
            "url": self.url,
            "headers": put(self.headers),
            "expect": put(given) if given else {"status": DEFAULT_STATUS},
            "follow": self.follow,
        }
        if "json_" in self.model_fields_set:
            written["json"] = put(self.json_)
        if self.body is not None:
            written["body"] = put(self.body)
        return Request.model_validate(written)


MIX = Members(name=lambda unit: unit.name or unit.url or "", size=lambda unit: f"weight {unit.weight}")
_OF_REQUEST = ("method", "headers", "body", "json_", "expect", "follow")


def problems_of_unit(unit: Any) -> Iterator[tuple[Location, str]]:
    """Of anything with `url` or `flow` and the keys of a request."""
    if (unit.url is None) == (unit.flow is None):
        yield (), "choose what is sent: either url: /path or flow: checks/api/suite.yaml#flow"
    if unit.flow is not None:
        for name in _OF_REQUEST:
            if name in unit.model_fields_set:
                written = name.rstrip("_")
                yield (written,), f"the flow says what is sent; leave {written} out"
    elif unit.body is not None and "json_" in unit.model_fields_set:
        yield ("json",), "body and json are two bodies; keep one"


class Data(Closed):
    """Rows from a file: each journey gets the columns of one as `${name}`."""

    csv: FilePath | None = None
    """A CSV file in UTF-8 with column names in its first line; values are text."""
    jsonl: FilePath | None = None
    """A file with one JSON object a line."""
    order: Literal["sequence", "random"] = "sequence"
    """`sequence`: workers share the rows and begin anew after the last. `random`: by the seed of the run."""

    @model_validator(mode="before")
    @classmethod
    def _is_no_bare_name(cls, written: Any) -> Any:
        if isinstance(written, str):
            raise ValueError("name the file by its kind: {csv: users.csv} or {jsonl: users.jsonl}")
        return written

    @model_validator(mode="after")
    def _is_one_file(self) -> Self:
        if (self.csv is None) == (self.jsonl is None):
            raise ValueError("data come from either csv or jsonl")
        try:
            if not self.rows():
                raise ValueError("the file has no rows")
        except OSError:
            pass  # said where it is named
        return self

    def rows(self) -> tuple[Mapping[str, Any], ...]:
        """Errors: OSError, ValueError when the file cannot be read."""
        return _rows(self._file, json_lines=self.jsonl is not None)

    def columns(self) -> frozenset[str]:
        """Those that every row has; none where there is no file."""
        try:
            return _columns_in(self._file, json_lines=self.jsonl is not None)
        except OSError:
            return frozenset()

    @property
    def _file(self) -> Path:
        return self.csv or self.jsonl or Path()


def columns_written(data: Any, root: Path) -> frozenset[str]:
    """The columns of `data` as a plan has it, before anything is known to be right."""
    if not isinstance(data, Mapping):
        return frozenset()
    for key in ("csv", "jsonl"):
        if isinstance(name := data.get(key), str):
            try:
                return _columns_in(root / name, json_lines=key == "jsonl")
            except (OSError, ValueError):  # said where the file is named
                return frozenset()
    return frozenset()


def problems_of_mix(units: tuple[Unit, ...]) -> Iterator[tuple[Location, str]]:
    if not units:
        yield (), "an empty list sends nothing; write entries like {weight: 3, url: /health}"
    names = Counter(unit.name for unit in units if unit.name)
    for index, unit in enumerate(units):
        if names[unit.name] > 1:
            yield (index,), f"{unit.name!r} is there more than once; give each an id of its own"


def parts_of(units: tuple[Unit, ...], *, mixed: bool) -> Iterator[str]:
    """Every part there are measures of."""
    for unit in units:
        if mixed and unit.name:
            yield unit.name
        for request in unit.flow.chosen.requests if unit.flow is not None else ():
            yield f"{unit.name}/{request.id}" if mixed else request.id


def _unknown(requests: tuple[Request, ...], known: set[str]) -> Iterator[str]:
    for request in requests:
        columns = {name for row in request.rows() or () for name in row.values}
        for name in sorted(request.names() - known - columns):
            if not name.startswith(LATER):
                have = ", ".join(f"${{{item}}}" for item in sorted(known)) or "none"
                yield (
                    f"request {request.id!r} uses ${{{name}}}, which nothing before it captures and the "
                    f"data do not give (known: {have}); a literal dollar is $$"
                )
        known = known | set(request.capture)


@remembered
def _rows(path: Path, *, json_lines: bool) -> tuple[Mapping[str, Any], ...]:
    rows = rows_in_file(path, json_lines=json_lines)
    return tuple({name: value for name, value in row.values.items() if name != "each"} for row in rows)


@remembered
def _columns_in(path: Path, *, json_lines: bool) -> frozenset[str]:
    """Those that every row of a file has."""
    rows = _rows(path, json_lines=json_lines)
    return frozenset(set.intersection(*(set(row) for row in rows))) if rows else frozenset()
