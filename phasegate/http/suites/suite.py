"""The suite file: requests in flows, as written.

Texts keep their template form (`${capture}`, `$$`) until a request is sent; what can be checked before that
is checked here, so that a suite that loads is one that can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from phasegate.base.fields import (
    ID_PATTERN,
    Closed,
    Duration,
    FilePath,
    Placed,
    Text,
    WrittenAddress,
    short_form,
)
from phasegate.base.problems import refuse, refuse_also
from phasegate.base.substitution import NAME, finish, names_in
from phasegate.http.expectations.capture import Capture
from phasegate.http.expectations.expectation import Expect, any_expected
from phasegate.http.suites.references import problems_between
from phasegate.http.suites.rows import Row, rows_in_file, rows_inline
from phasegate.http.written import Fields, Headers, Json, address_like

MAX_ROWS = 10_000

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, max_length=100)]
Method = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z-]*$", to_upper=True, max_length=20)]


SuitePath = Annotated[FilePath, AfterValidator(lambda path: Path(finish(str(path))))]
"""Of a file named in a suite, whose texts are in template form."""


class Part(Closed):
    """One part of a multipart body."""

    model_config = ConfigDict(json_schema_extra=short_form({"type": ["string", "number", "boolean"]}))

    content: Text | None = None
    """The text of the part."""
    file: SuitePath | None = None
    """The file that is sent as the part."""
    filename: Text | None = None
    """The name under which it is sent; that of `file` unless given."""
    content_type: Text | None = None
    """The media type of the part: `text/csv`."""

    @model_validator(mode="before")
    @classmethod
    def _from_scalar(cls, data: Any) -> Any:
        return {"content": data} if isinstance(data, str | int | float | bool) else data

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.content is None) == (self.file is None):
            raise ValueError("a part has either content or file")
        return self


class Retry(Closed):
    """Send again when there was no answer or a wrong one; every try is kept."""

    attempts: int = Field(default=2, ge=1, le=100)
    """How often the request is sent at most, the first time included."""
    wait: Duration = 0.5
    """Time from an answer to the next try."""


class Until(Expect):
    """Poll: send again until the reply is like this."""

    within: Duration = 30.0
    """The longest wait for such an answer, from the first sending."""
    every: Duration = 0.5
    """Time between two tries."""


class RowsFile(Closed):
    """Rows from a file: one case for each."""

    csv: SuitePath | None = None
    """A CSV file in UTF-8 with column names in its first line; values are text."""
    jsonl: SuitePath | None = None
    """A file with one JSON object a line."""

    @model_validator(mode="after")
    def _is_one_file(self) -> Self:
        if (self.csv is None) == (self.jsonl is None):
            raise ValueError("rows come from either csv or jsonl")
        with suppress(OSError):  # said where the file is named
            _within_limit(self.rows())
        return self

    def rows(self) -> tuple[Row, ...]:
        """Errors: OSError, ValueError when the file cannot be read."""
        if self.jsonl is not None:
            return rows_in_file(self.jsonl, json_lines=True)
        return rows_in_file(self.csv, json_lines=False) if self.csv is not None else ()


def _kind_of_rows(value: Any) -> str:
    if isinstance(value, RowsFile) or (
        isinstance(value, Mapping) and value and set(value) <= {"csv", "jsonl"}
    ):
        return "file"
    return "list" if isinstance(value, list) else "mapping"


Each = Annotated[
    Annotated[RowsFile, Tag("file")]
    | Annotated[list[Any], Tag("list")]
    | Annotated[dict[str, Any], Tag("mapping")],
    Discriminator(_kind_of_rows),
]


class Request(Placed):
    """One request, what its reply must be, and what is taken from it."""

    id: Id
    """The id of the request, unique in its flow. Criteria speak of it as `flow/request`."""
    title: str = ""
    """What reports call it."""
    method: Method = "GET"
    """The request method: `POST`."""
    url: Annotated[WrittenAddress, address_like("/users")]
    """A path on the suite's `base`, or an absolute URL."""
    headers: Headers = Field(default_factory=dict)
    """Headers of this request, by name, beside those of the suite and of the target entry."""
    query: Fields = Field(default_factory=dict)
    """Parameters that are added to the URL, by name; a list repeats the name."""
    json_: Json = Field(default=None, alias="json")
    """The body, sent as JSON. A request has one of `json`, `form`, `multipart` and `body`."""
    form: Fields | None = None
    """The body as a form, by field; a list repeats the field."""
    multipart: dict[str, Part] | None = None
    """The body as a multipart form, by field: text, or `{file: data.csv}`."""
    body: Text | None = None
    """The body as text, sent as it is."""
    expect: Expect = Field(default_factory=any_expected)
    """What the answer must be; status 2xx unless it says otherwise."""
    capture: dict[str, Capture] = Field(default_factory=dict)
    """Values taken from the answer, by name, for later requests of the flow as `${name}`."""
    each: Each | None = None
    """One case for each entry: the columns of a row are names, `${each}` is the entry itself. A list, a
    mapping, or `{csv: FILE}` or `{jsonl: FILE}`."""
    retry: Retry | None = None
    """Send again when there was no answer or a wrong one. Not with `until`."""
    until: Until | None = None
    """Send again until the answer is like this, for work that ends later."""
    timeout: Duration | None = None
    """The longest that one exchange may take; the check's `timeout` unless given."""
    follow: bool = False
    """Whether redirects are followed, at most 10."""

    @field_validator("capture")
    @classmethod
    def _has_capture_names(cls, captures: dict[str, Capture]) -> dict[str, Capture]:
        for name in captures:
            if not NAME.fullmatch(name) or "." in name or name in ("each", "out"):
                raise ValueError(f"{name!r} cannot be the name of a capture; write it like request_id")
        return captures

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        bodies = [name for name in ("json", "form", "multipart", "body") if self._has_body(name)]
        if len(bodies) > 1:
            raise ValueError(f"a request has one body, not {' and '.join(bodies)}")
        if not self.expect.asserts and not (self.until and self.until.asserts):
            raise ValueError(
                f"request {self.id!r} asserts nothing; add expect, at least expect: {{status: 200}}"
            )
        if self.until and not self.until.asserts:
            raise ValueError("until says nothing to wait for; add status, json or another expectation")
        if self.retry and self.until:
            raise ValueError("a request has retry or until, not both: until already sends again")
        if self.each is not None and not isinstance(self.each, RowsFile):
            rows_inline(self.each)
        if self.each is not None and self.capture:
            raise ValueError(
                "capture with each would keep the last row only; capture in a request of its own"
            )
        return self

    def _has_body(self, name: str) -> bool:
        field = "json_" if name == "json" else name
        return field in self.model_fields_set and (name == "json" or getattr(self, field) is not None)

    @property
    def has_json(self) -> bool:
        return self._has_body("json")

    @property
    def reads_body(self) -> bool:
        """Whether an expectation or a capture looks at the body of its answer."""
        return (
            self.expect.reads_body
            or (self.until is not None and self.until.reads_body)
            or any(capture.reads_body for capture in self.capture.values())
        )

    def rows(self) -> tuple[Row, ...] | None:
        """The entries of `each`; None without. Errors: OSError, ValueError when a file cannot be read."""
        if isinstance(self.each, RowsFile):
            return self.each.rows()
        return None if self.each is None else rows_inline(self.each)

    def names(self) -> set[str]:
        """Every `${name}` it uses."""
        texts = [
            self.url,
            self.headers,
            self.query,
            self.json_,
            self.form,
            self.body,
            [(part.content, part.filename, part.content_type) for part in (self.multipart or {}).values()],
        ]
        for expect in (self.expect, self.until):
            if expect is not None:
                texts += [expect.status, expect.headers, expect.body, expect.json_, expect.latency]
                texts += [expect.schema_ if isinstance(expect.schema_, dict) else None]
        return set(names_in(texts))


class Flow(Placed):
    """Requests in order, with captures and cookies of their own."""

    id: Id
    """The id of the flow, unique in the suite, and the part that criteria speak of."""
    title: str = ""
    """What reports call it."""
    tags: tuple[Id, ...] = ()
    """Further parts that criteria may speak of."""
    requests: tuple[Request, ...] = ()
    """The requests in order. One that fails leaves those that need its captures not sent."""


class Suite(Closed):
    """The content of a suite file."""

    suite: Literal[1]
    """The version of the format: 1."""
    title: str = ""
    """What reports call the suite."""
    base: Annotated[WrittenAddress, address_like("/api")] = "/"
    """What paths are on: a URL, or a path on the default entry of the target."""
    headers: Headers = Field(default_factory=dict)
    """Headers of every request, by name; those of the request win."""
    setup: tuple[Request, ...] = ()
    """Requests that are sent first; every flow has what they capture."""
    teardown: tuple[Request, ...] = ()
    """Requests that are sent last, whatever happened; they have what `setup` captured."""
    flows: tuple[Flow, ...] = ()
    """Requests in order, each flow with captures and cookies of its own."""

    @property
    def requests(self) -> tuple[Request, ...]:
        """Everything that is sent."""
        flows = (request for flow in self.flows for request in flow.requests)
        return (*self.setup, *flows, *self.teardown)

    @property
    def only(self) -> Flow | None:
        """The one flow that is meant; None: all of them."""
        return None

    @property
    def paths(self) -> tuple[str, ...]:
        """What is on the default entry of the target."""
        if not self.base.startswith("/"):
            return ()
        return tuple(request.url for request in self.requests if request.url.startswith("/"))

    @model_validator(mode="wrap")
    @classmethod
    def _hangs_together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """What is wrong between requests is said together with what is wrong within them."""
        between = list(problems_between(data)) if isinstance(data, Mapping) else []
        try:
            suite = handler(data)
        except ValidationError as error:
            refuse_also("Suite", error, between)
            raise
        refuse("Suite", between)
        return suite


def _within_limit(rows: tuple[Row, ...]) -> None:
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows):,} rows; at most {MAX_ROWS:,}")
