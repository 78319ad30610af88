"""`expect`: what a reply must be, as written in a plan or suite and as compiled.

Without `status` the status must be 2xx, so a body that looks right under an error status is not a success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.fields import Closed, FilePath
from phasegate.base.files import is_file
from phasegate.base.patterns import PATIENCE, aside, time_limit
from phasegate.base.problems import Location, refuse
from phasegate.base.remember import remembered
from phasegate.base.substitution import changes, fill, finish, names_in
from phasegate.base.units import Dimension, parse_as
from phasegate.http.expectations.body import BodyError, body_text, parse_json
from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.json_schema import BodySchema
from phasegate.http.expectations.matcher import COMPARISONS, Matcher, excerpt_text
from phasegate.http.messages.header_lines import SINGLE, HeaderError, lines_of, one_value
from phasegate.http.written import ExpectedHeaders, ExpectedText, Json
from phasegate.world import HttpReply

SHOWN = 10
"""How many failed expectations of one reply are named."""
DEFAULT_STATUS = "2xx"
_OPERATOR_SIGNS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


class Expect(Closed):
    """What a reply must be. A scalar means equality, a mapping means operators: eq ne lt lte gt gte matches
    not_matches contains length type exists one_of."""

    status: int | str | list[int | str] | None = None
    """`200`, `[200, 201]` or `2xx`; 2xx unless given."""
    headers: ExpectedHeaders = Field(default_factory=dict)
    """Headers by name, each with a value or operators: `{content-type: {contains: json}}`. Several lines of a
    name are one list, joined by ", "."""
    body: ExpectedText = None
    """The body as text: a value or operators, such as `{contains: ok}`."""
    json_: dict[str, Json] = Field(default_factory=dict, alias="json")
    """A value or operators for each JSONPath (RFC 9535): `{$.status: up, $.items: {length: {gte: 1}}}`."""
    schema_: dict[str, Any] | FilePath | None = Field(default=None, alias="schema")
    """A JSON Schema that the body must match, in place or as a JSON file."""
    latency: str | dict[str, Any] | None = None
    """A limit from sending to the last byte: `< 500ms`, or `{lt: 500ms}`."""

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        """Everything without `${...}` must compile now; the rest when its values are known."""
        problems = [problem for piece in self._pieces() if (problem := _problem_of(piece))]
        for field, name in (("headers", "headers"), ("json_", "json")):
            if field in self.model_fields_set and not getattr(self, field):
                problems.append(((name,), "nothing is expected here, so it asserts nothing; leave it out"))
        refuse("Expect", problems)
        return self

    @property
    def asserts(self) -> bool:
        """Whether it says anything at all."""
        return bool(self._pieces())

    @property
    def reads_body(self) -> bool:
        return self.body is not None or bool(self.json_) or self.schema_ is not None

    @property
    def templated(self) -> bool:
        """Whether anything in it changes when values are put in."""
        return any(
            "$" in repr(piece.written)
            and changes(str(written) if isinstance(written := piece.written, Path) else written)
            for piece in self._pieces()
        )

    def filled(self, values: Mapping[str, Any]) -> Expect:
        """With values put in for `${name}` and `$$` resolved. Errors: UnknownNameError."""
        return self.model_copy(
            update={
                "status": fill(self.status, values),
                "headers": fill(self.headers, values),
                "body": fill(self.body, values),
                "json_": fill(self.json_, values),
                "schema_": Path(finish(str(self.schema_)))
                if isinstance(self.schema_, Path)
                else fill(self.schema_, values),
                "latency": fill(self.latency, values),
            }
        )

    def compile(self) -> Expectation:
        """Errors: ValueError for what could not be seen while values were missing."""
        compiled: dict[str, Any] = {"headers": [], "json": []}
        for piece in self._pieces():
            name, value = piece.location[0], piece.compile()
            if name in ("headers", "json"):
                compiled[name].append(value)
            else:
                compiled[name] = value
        return Expectation(
            status=compiled.get("status", _DEFAULT),
            headers=tuple(compiled["headers"]),
            body=compiled.get("body"),
            json=tuple(compiled["json"]),
            schema=compiled.get("schema"),
            latency=compiled.get("latency"),
        )

    def _pieces(self) -> list[_Piece]:
        pieces: list[_Piece] = []
        if self.status is not None:
            pieces.append(_Piece(("status",), self.status, partial(_Status.compile, self.status)))
        for name, wanted in self.headers.items():
            pieces.append(_Piece(("headers", name), wanted, partial(_compile_header, name, wanted)))
        if self.body is not None:
            pieces.append(_Piece(("body",), self.body, partial(_compile_body, self.body)))
        for path, wanted in self.json_.items():
            pieces.append(_Piece(("json", path), wanted, partial(_compile_json, path, wanted)))
        if self.schema_ is not None:
            pieces.append(_Piece(("schema",), self.schema_, partial(_compile_schema, self.schema_)))
        if self.latency is not None:
            pieces.append(_Piece(("latency",), self.latency, partial(_compile_latency, self.latency)))
        return pieces


@cache
def any_expected() -> Expect:
    """What an answer must be where nothing is said; made once, as large plans have it many times."""
    return Expect()


def is_of_answer(failures: Iterable[Message]) -> bool:
    """Whether any of the failures of an answer is one of what it holds, and not of how long it took."""
    return not all(map(is_of_time, failures))


def is_of_time(failure: Message) -> bool:
    return isinstance(failure, Fact) and failure.what == "latency"


@dataclass(frozen=True, slots=True)
class _Piece:
    """One thing an `expect` says: where, as written, and how to compile it."""

    location: tuple[str, ...]
    written: Any
    compile: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class _Status:
    allowed: frozenset[int]
    written: tuple[str, ...]

    @classmethod
    def compile(cls, written: Any) -> _Status:
        entries = written if isinstance(written, list) else [written]
        if not entries:
            raise ValueError("an empty list allows nothing")
        allowed: set[int] = set()
        for entry in entries:
            allowed.update(_statuses(entry))
        if len(allowed) == 500:
            raise ValueError("every status is allowed, so it says nothing")
        return cls(frozenset(allowed), tuple(map(str, entries)))


def _statuses(entry: Any) -> range:
    text = str(entry).lower()
    if not isinstance(entry, bool) and len(text) == 3 and text[0] in "12345":
        if text[1:] == "xx":
            return range(int(text[0]) * 100, int(text[0]) * 100 + 100)
        if text.isascii() and text.isdigit():
            return range(int(text), int(text) + 1)
    raise ValueError(f"{entry!r} is not an HTTP status; write it like 200, [200, 201] or 2xx")


@dataclass(frozen=True, slots=True)
class _Latency:
    """Comparisons in seconds, each by its operator and as it is written."""

    tests: tuple[tuple[str, str, float], ...]

    def check(self, elapsed: float) -> Fact | None:
        for op, text, limit in self.tests:
            if not COMPARISONS[op](elapsed, limit):
                actual = Figure(elapsed, Dimension.TIME)
                return fact(Code.MISMATCH, what="latency", op=op, expected=text, actual=actual)
        return None


_DEFAULT = _Status.compile(DEFAULT_STATUS)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A compiled `expect`; the default one asks for 2xx."""

    status: _Status = _DEFAULT
    headers: tuple[tuple[str, Matcher], ...] = ()
    body: Matcher | None = None
    json: tuple[tuple[JsonPath, Matcher], ...] = ()
    schema: BodySchema | None = None
    latency: _Latency | None = None

    @property
    def reads_body(self) -> bool:
        return self.body is not None or bool(self.json) or self.schema is not None

    @property
    def reads_headers(self) -> bool:
        return bool(self.headers)

    @cached_property
    def searches(self) -> bool:
        """Whether looking at a reply may take its time, as it takes patterns."""
        matchers = [matcher for _, matcher in (*self.headers, *self.json)]
        if self.body is not None:
            matchers.append(self.body)
        return (
            any(matcher.searches for matcher in matchers)
            or any(path.searches for path, _ in self.json)
            or (self.schema is not None and self.schema.searches)
        )

    async def check_aside(self, reply: HttpReply) -> tuple[Message, ...]:
        """`check`, in a thread of its own where patterns are searched: others measure meanwhile."""
        return await aside(partial(self.check, reply)) if self.searches else self.check(reply)

    def check(self, reply: HttpReply, *, patience: float = PATIENCE) -> tuple[Message, ...]:
        """What is not as expected: `Code.MISMATCH` of the status, for instance; empty when all is.

        `patience`: seconds of processor time that all patterns together may take.
        """
        if not self.searches:
            return self._check(reply)
        with time_limit(patience):
            return self._check(reply)

    def _check(self, reply: HttpReply) -> tuple[Message, ...]:
        failures: list[Message] = []
        if reply.status not in self.status.allowed:
            failures.append(wrong_status(self.status.written, reply.status))
        for name, matcher in self.headers:
            failures.extend(_check_header(reply, name, matcher))
        if self.reads_body:
            failures.extend(self._check_body(reply))
        if self.latency is not None and (late := self.latency.check(reply.elapsed)):
            failures.append(late)
        if len(failures) > SHOWN:
            return (*failures[:SHOWN], fact(Code.AND_MORE, n=len(failures) - SHOWN))
        return tuple(failures)

    def _check_body(self, reply: HttpReply) -> list[Message]:
        failures: list[Message] = []
        if self.body is not None:
            try:
                failures += _mismatches(self.body.check(body_text(reply)), what="body")
            except BodyError as error:
                return [error.message]
        if self.json or self.schema is not None:
            failures.extend(self._check_json(reply))
        return failures

    def _check_json(self, reply: HttpReply) -> list[Message]:
        try:
            document = parse_json(reply)
        except BodyError as error:
            return [error.message]
        failures: list[Message] = []
        for path, matcher in self.json:
            try:
                failures += _mismatches(matcher.check(path.value(document)), what="json", path=path.text)
            except ValueError as error:
                failures.append(message_of(error))
        if self.schema is not None:
            failures.extend(self.schema.check(document))
        return failures


def wrong_status(wanted: tuple[str, ...], status: int) -> Fact:
    """`wanted`: as they are written."""
    return fact(Code.MISMATCH, what="status", expected=wanted, actual=status)


def _check_header(reply: HttpReply, name: str, matcher: Matcher) -> list[Fact]:
    key = name.lower()
    try:
        if key in SINGLE:
            one_value(reply.headers, key)
    except HeaderError as error:
        return [fact(Code.MISMATCH, what="header", name=name, op="one_value", why=error.message)]
    lines = lines_of(reply.headers, key)
    if key in SINGLE:
        lines = lines[:1]
    # Cookies are never one list: their dates contain commas (RFC 9110, 5.3).
    return _mismatches(matcher.check_lines(lines, joins=key != "set-cookie"), what="header", name=name)


def _mismatches(found: Fact | None, **of: str) -> list[Fact]:
    """With what it is of; empty where there is none."""
    return [] if found is None else [fact(found.code, **of, **found.values)]


def _problem_of(piece: _Piece) -> tuple[Location, str] | None:
    if any(True for _ in names_in(piece.written)):
        return None
    try:
        piece.compile()
    except (ValueError, OSError) as error:
        return piece.location, str(error)
    return None


def _compile_header(name: str, wanted: Any) -> tuple[str, Matcher]:
    return name, Matcher.compile(wanted, text=True)


def _compile_body(wanted: Any) -> Matcher:
    return Matcher.compile(wanted, text=True, always=True)


def _compile_json(path: str, wanted: Any) -> tuple[JsonPath, Matcher]:
    compiled = JsonPath.compile(path)
    return compiled, Matcher.compile(wanted, many=compiled.many)


def _compile_schema(written: Any) -> BodySchema | None:
    """None while the file is not there to be read: that it is missing is said elsewhere."""
    if isinstance(written, Mapping):
        return BodySchema.compile(written)
    return _schema_in(written) if is_file(written) else None


@remembered
def _schema_in(path: Path) -> BodySchema:
    return BodySchema.compile(path)


def _compile_latency(written: Any) -> _Latency:
    operators = _comparison_in(written) if isinstance(written, str) else written
    if not operators or any(name not in COMPARISONS for name in operators):
        raise ValueError(f"write it like < 500ms or {{lt: 500ms}}, not {excerpt_text(written)}")
    tests = []
    for name, text in operators.items():
        if not isinstance(text, str):
            raise ValueError(f"{text} has no unit; write a time like 500ms")
        limit = parse_as(text, Dimension.TIME).value
        if name in ("gt", "gte") and limit <= 0:
            raise ValueError(f"every latency is above {text}, so it says nothing")
        tests.append((name, text, limit))
    return _Latency(tuple(tests))


def _comparison_in(text: str) -> dict[str, str]:
    sign = text.strip()[:2].rstrip("0123456789. ")
    if sign not in _OPERATOR_SIGNS:
        return {}
    return {_OPERATOR_SIGNS[sign]: text.strip()[len(sign) :].strip()}
