"""Captures: values taken from a reply for the requests after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from phasegate.fields import Closed, short_form
from phasegate.http.expectation import BodyError, body_text, parse_json
from phasegate.http.json_path import JsonPath
from phasegate.http.matcher import ABSENT, SUBJECT_LIMIT, compile_pattern, excerpt
from phasegate.scalars import as_text
from phasegate.world import HttpReply, header


class CaptureError(LookupError):
    """The reply has no such value; says what was looked for and where."""


class Capture(Closed):
    """Where a value is taken from: exactly one of `json`, `header` and `regex`.

    In YAML a text is short for `json`: `token: $.token`.
    """

    model_config = ConfigDict(json_schema_extra=short_form({"type": "string"}))

    json_: str | None = Field(default=None, alias="json")
    """A JSONPath; one that may select many values gives a list."""
    header: str | None = None
    """The first value of a response header."""
    regex: str | None = None
    """Searched in the body; the first group, or the whole match without one."""
    secret: bool = False
    """Never shown in anything that is written."""

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
        if self.header is not None:
            value: Any = header(reply.headers, self.header)
            if value is None:
                raise CaptureError(f"cannot capture {name}: the response has no header {self.header}")
        elif self.regex is not None:
            value = self._search(name, self.regex, reply)
        else:
            value = self._select(name, self.json_ or "$", reply)
        return Captured(name, value, self.secret)

    def _search(self, name: str, pattern: str, reply: HttpReply) -> str:
        text = body_text(reply)
        match = compile_pattern(pattern).search(text, 0, SUBJECT_LIMIT)
        found = None if match is None else match[1] if match.re.groups else match[0]
        if found is None:
            raise CaptureError(f"cannot capture {name}: nothing matches {pattern!r} in {excerpt(text)}")
        return found

    def _select(self, name: str, path: str, reply: HttpReply) -> Any:
        try:
            value = JsonPath.compile(path).value(document := parse_json(reply))
        except BodyError as error:
            raise CaptureError(f"cannot capture {name}: {error}") from None
        except ValueError as error:
            raise CaptureError(f"cannot capture {name}: {error}") from None
        if value is ABSENT:
            raise CaptureError(f"cannot capture {name}: there is no {path} in {excerpt(document)}")
        return value


@dataclass(frozen=True, slots=True)
class Captured:
    name: str
    value: Any
    secret: bool

    @property
    def text(self) -> str:
        return as_text(self.value)
