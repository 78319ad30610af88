"""An exchange as text, for evidence: what was sent, what came back, what was wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from phasegate.base.facts import Code, Fact, Figure, Message, fact
from phasegate.base.units import format_seconds
from phasegate.http.expectations.body import BodyError, body_excerpt, parse_json
from phasegate.http.messages.content import SHOWN
from phasegate.world import HttpFailure, HttpReply, HttpRequest

_NO_TEXT = re.compile("[\ud800-\udfff]")
LINE = 200
"""Characters of an answer that a message shows."""


def resend_note(count: int) -> tuple[Fact, ...]:
    """For a check whose requests met the end of their connections."""
    return (fact(Code.SENT_AGAIN, n=count),) if count else ()


def transcript(
    request: HttpRequest, outcome: HttpReply | HttpFailure, failures: Sequence[Message], *, about: str = ""
) -> str:
    """`failures` are in it by their codes and values, as in the record."""
    lines = [f"# {about}"] if about else []
    lines += [f"# {_words(failure)}" for failure in failures]
    lines += ["", f"{request.method} {request.url}", *_headers(request.headers)]
    if request.body:
        lines += ["", _bound_text(request.body.decode("utf-8", errors="replace"))]
    match outcome:
        case HttpFailure():
            lines += ["", f"no answer after {format_seconds(outcome.elapsed)}: {_words(outcome.message)}"]
        case HttpReply():
            came = f"{outcome.http_version} {outcome.status} after {format_seconds(outcome.elapsed)}"
            moved = f" from {outcome.url}" if outcome.url != request.url else ""
            lines += ["", came + moved, *_headers(outcome.headers), "", _bound_text(_readable(outcome))]
    return _NO_TEXT.sub(_escape, "\n".join(lines).lstrip("\n") + "\n")


def answer_line(outcome: HttpReply | HttpFailure) -> tuple[Fact, ...]:
    """The beginning of an answer's body in one line; nothing without an answer or a body."""
    if not isinstance(outcome, HttpReply) or not outcome.body:
        return ()
    text = " ".join(body_excerpt(outcome)[: 4 * LINE].split())
    return (fact(Code.ANSWER, text=text if len(text) <= LINE else f"{text[:LINE]}…"),)


def _words(value: Any) -> str:
    match value:
        case Fact():
            return " ".join([value.code, *(f"{name}={_words(one)}" for name, one in value.values.items())])
        case Figure():
            return str(value.value)
        case tuple():
            return ", ".join(map(_words, value))
        case _:
            return str(value)


def _headers(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


def _readable(reply: HttpReply) -> str:
    """JSON is indented; anything else is as it came."""
    if len(reply.body) <= SHOWN:
        try:
            return json.dumps(parse_json(reply), indent=2, ensure_ascii=False)
        except (BodyError, TypeError):  # a number that is larger than any float
            pass
    return body_excerpt(reply)


def _bound_text(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}\n... (more was left out)"


def _escape(match: re.Match[str]) -> str:
    """A byte of a header that is not UTF-8, or a lone surrogate, which no file can hold."""
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
