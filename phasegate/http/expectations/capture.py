"""Captures: values taken from a reply for the requests after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from phasegate.base.errors import MessageError, message_of
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, short_form
from phasegate.base.patterns import SlowPatternError, aside, compile_pattern, time_limit
from phasegate.base.scalars import as_text
from phasegate.http.expectations.body import BodyError, body_text, parse_json
from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.matcher import ABSENT, LINES, SUBJECT_LIMIT, excerpt
from phasegate.http.messages.header_lines import lines_of
from phasegate.world import HttpReply


class CaptureError(MessageError):
    """The reply has no such value; says what was looked for and where."""

    def __init__(self, name: str, why: Message) -> None:
        super().__init__(fact(Code.NOT_CAPTURED, name=name, why=why))


class Capture(Closed):
    """Where a value is taken from: exactly one of `json`, `header` and `regex`.

    In YAML a text is short for `json`: `token: $.token`.
    """

    model_config = ConfigDict(json_schema_extra=short_form({"type": "string"}))

    json_: str | None = Field(default=None, alias="json")
    """A JSONPath, `$.token`; one that may select many values gives a list."""
    header: str | None = None
    """The name of a header; several lines with different values cannot be captured."""
    regex: str | None = None
    """A regular expression for the body; its first group counts, or the whole match without one."""
    secret: bool = False
    """Whether the value is never shown in anything that is written."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"json": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if sum(source is not None for source in (self.json_, self.header, self.regex)) != 1:
            raise ValueError("a capture takes its value from exactly one of json, header and regex")
        if self.json_ is not None:
            JsonPath.compile(self.json_)
        if self.regex is not None:
            compile_pattern(self.regex)
        return self

    def take(self, name: str, reply: HttpReply) -> Captured:
        """Errors: CaptureError when the reply has no such value."""
        with time_limit():
            return self._take(name, reply)

    def _take(self, name: str, reply: HttpReply) -> Captured:
        if self.header is not None:
            value: Any = self._line(name, self.header, reply)
        elif self.regex is not None:
            value = self._search(name, self.regex, reply)
        else:
            value = self._select(name, self.json_ or "$", reply)
        return Captured(name, value, self.secret)

    async def take_aside(self, name: str, reply: HttpReply) -> Captured:
        """`take`, in a thread of its own where a pattern is searched: others measure meanwhile."""
        path = None if self.json_ is None else JsonPath.compile(self.json_)
        searches = self.regex is not None or (path is not None and path.searches)
        return await aside(partial(self.take, name, reply)) if searches else self.take(name, reply)

    @property
    def reads_body(self) -> bool:
        return self.header is None

    def _line(self, name: str, of: str, reply: HttpReply) -> str:
        lines = lines_of(reply.headers, of)
        if not lines:
            raise CaptureError(name, fact(Code.NO_HEADER, header=of))
        if len(set(lines)) > 1:
            shown = tuple(excerpt(line) for line in lines[:LINES])
            raise CaptureError(name, fact(Code.HEADER_IN_LINES, header=of, n=len(lines), lines=shown))
        return lines[0]

    def _search(self, name: str, pattern: str, reply: HttpReply) -> str:
        try:
            text = body_text(reply)
        except BodyError as error:
            raise CaptureError(name, error.message) from None
        compiled = compile_pattern(pattern)
        try:
            match = compiled.search(text, 0, SUBJECT_LIMIT)
        except SlowPatternError as error:
            raise CaptureError(name, fact(Code.IN_TEXT, why=error.message, text=excerpt(text))) from None
        found = None if match is None else match[1] if compiled.groups else match[0]
        if found is None:
            raise CaptureError(name, fact(Code.NO_MATCH, pattern=pattern, text=excerpt(text)))
        return str(found)

    def _select(self, name: str, path: str, reply: HttpReply) -> Any:
        try:
            value = JsonPath.compile(path).value(document := parse_json(reply))
        except ValueError as error:
            raise CaptureError(name, message_of(error)) from None
        if value is ABSENT:
            raise CaptureError(name, fact(Code.NO_PATH, path=path, text=excerpt(document)))
        return value


@dataclass(frozen=True, slots=True)
class Captured:
    name: str
    value: Any
    secret: bool

    @property
    def text(self) -> str:
        return as_text(self.value)
