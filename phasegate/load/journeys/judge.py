"""Whether an answer within a journey is what it must be, and what is captured from it.

Compiled once per worker. Where an expectation asks for status and JSON only, a good answer is parsed once and
walked by plain paths; the words for a bad one, and everything else, come from `phasegate.http`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.patterns import time_limit
from phasegate.base.scalars import as_text
from phasegate.base.substitution import UnknownNameError, changes, fill, whole_name
from phasegate.http.expectations.body import is_plain_json
from phasegate.http.expectations.capture import Capture, CaptureError
from phasegate.http.expectations.expectation import Expect, Expectation
from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.matcher import ABSENT, Matcher, same
from phasegate.http.messages.json_text import read_json
from phasegate.load.http1.checking import ANSWER_PATIENCE
from phasegate.world import HttpReply


class AnswerCheck:
    """One request's expectation and captures."""

    __slots__ = (
        "_allowed",
        "_captures",
        "_equal",
        "_expect",
        "_expectation",
        "_json",
        "_plain_captures",
        "_quick",
        "_searches",
        "reads_body",
        "secrets",
    )

    def __init__(self, expect: Mapping[str, Any], captures: Mapping[str, Mapping[str, Any]]) -> None:
        """Errors: ValueError for what cannot be compiled."""
        self._expect = Expect.model_validate(expect)
        self._captures = {name: Capture.model_validate(one) for name, one in captures.items()}
        self.secrets = tuple(name for name, capture in self._captures.items() if capture.secret)
        self.reads_body = self._expect.reads_body or any(one.reads_body for one in self._captures.values())
        self._expectation = None if self._expect.templated else self._expect.compile()
        fixed, self._equal = _apart(self._expect)
        self._allowed = fixed.status.allowed if fixed is not None else frozenset()
        self._json: tuple[tuple[JsonPath, Matcher], ...] = fixed.json if fixed is not None else ()
        paths = {name: _path_of(capture) for name, capture in self._captures.items()}
        self._plain_captures = tuple((name, path) for name, path in paths.items() if path is not None)
        self._quick = (
            fixed is not None
            and not (fixed.headers or fixed.body or fixed.schema or fixed.latency)
            and len(self._plain_captures) == len(self._captures)
        )
        followed = [path for path, _ in (*self._json, *self._equal)]
        followed += [path for _, path in self._plain_captures]
        self._searches = any(path.searches for path in followed) or any(
            matcher.searches for _, matcher in self._json
        )

    def holds(self, status: int, body: bytes, values: dict[str, Any], kind: bytes = b"") -> bool:
        """Whether that can be seen at once; then the captures have been put into `values`.

        `body` has no content coding; `kind` is its `Content-Type`, several lines joined by line breaks.
        """
        if not self._quick or status not in self._allowed:
            return False
        if not (self._json or self._equal or self._plain_captures):
            return True
        if not is_plain_json(kind):
            return False
        if not self._searches:
            return self._follows(body, values)
        with time_limit(ANSWER_PATIENCE):
            return self._follows(body, values)

    def _follows(self, body: bytes, values: dict[str, Any]) -> bool:
        try:
            document = read_json(str(body, "utf-8"))
            for path, matcher in self._json:
                if matcher.check(path.value(document)) is not None:
                    return False
            for path, wanted in self._equal:
                if not same(path.value(document), wanted(values)):
                    return False
            taken = {name: path.value(document) for name, path in self._plain_captures}
        except (ValueError, LookupError):
            return False
        if ABSENT in taken.values():
            return False
        values.update(taken)
        return True

    def failures(self, reply: HttpReply, values: dict[str, Any]) -> tuple[Message, ...]:
        """What is not as expected; where all is, the captures are put into `values`."""
        return self._failures(reply, values) or self._capture(reply, values)

    def _failures(self, reply: HttpReply, values: Mapping[str, Any]) -> tuple[Message, ...]:
        try:
            expectation = self._expectation or self._expect.filled(values).compile()
        except UnknownNameError as error:
            return (fact(Code.NO_VALUE, name=error.name),)
        except ValueError as error:
            return (fact(Code.SENSELESS, why=message_of(error)),)
        return expectation.check(reply, patience=ANSWER_PATIENCE)

    def _capture(self, reply: HttpReply, values: dict[str, Any]) -> tuple[Message, ...]:
        if not self._captures:
            return ()
        try:
            with time_limit(ANSWER_PATIENCE):
                taken = {name: capture.take(name, reply).value for name, capture in self._captures.items()}
        except CaptureError as error:
            return (message_of(error),)
        values.update(taken)
        return ()

    def redacted(self, value: Any, values: Mapping[str, Any]) -> Any:
        """A text, or a fact, without the values that are captured here as secret."""
        match value:
            case str():
                for name in self.secrets:
                    if name in values and (secret := as_text(values[name])):
                        value = value.replace(secret, "***")
                return value
            case Fact():
                kept = {name: self.redacted(one, values) for name, one in value.values.items()}
                return Fact(value.code, kept)
            case tuple():
                return tuple(self.redacted(one, values) for one in value)
            case _:
                return value


class _Wanted:
    """A value with others put in."""

    __slots__ = ("_name", "_tree")

    def __init__(self, tree: Any) -> None:
        self._name = whole_name(tree) if isinstance(tree, str) else None
        self._tree = tree

    def __call__(self, values: Mapping[str, Any]) -> Any:
        return fill(self._tree, values) if self._name is None else values[self._name]


def _apart(expect: Expect) -> tuple[Expectation | None, tuple[tuple[JsonPath, _Wanted], ...]]:
    """The fixed part of an expectation, and the JSON values that must equal something put in.

    None where more than that depends on values.
    """
    changing = {path: wanted for path, wanted in expect.json_.items() if changes(wanted)}
    rest = {path: wanted for path, wanted in expect.json_.items() if path not in changing}
    fixed = expect.model_copy(update={"json_": rest})
    if fixed.templated or any(isinstance(wanted, Mapping) for wanted in changing.values()):
        return None, ()
    try:
        equal = tuple((JsonPath.compile(path), _Wanted(wanted)) for path, wanted in changing.items())
        return fixed.compile(), equal
    except ValueError:
        return None, ()


def _path_of(capture: Capture) -> JsonPath | None:
    return None if capture.json_ is None else JsonPath.compile(capture.json_)
