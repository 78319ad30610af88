"""The process that searches what a program left: `python -m phasegate.results.output_search`.

To read much text takes long, and holds the interpreter all the while: here it holds nobody up, and can be
ended. JSON lines go in, and for each question one comes out:

    text {text: "stdout", data: "..."}      a piece of a text: its bytes as Latin-1; pieces add up
    question {regex, take, unit, texts}     answer {value} or {why}: see `figure`
    question {path, text, unit, file}       answer {value} or {why}: see `member`
    question {expect, texts}                answer {failure}: see `Matcher.check`

`why` and `failure` are texts or facts.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from phasegate.base.errors import MessageError, message_of
from phasegate.base.facts import Code, Fact, encode, fact
from phasegate.base.patterns import Pattern, compile_pattern, time_limit
from phasegate.base.units import BASE_UNIT, parse_as, parse_quantity

TAKES: Mapping[str, Callable[[Iterable[float]], float]] = {
    "sum": math.fsum,
    "min": min,
    "max": max,
}
"""What several matches may come to, beside the first and the last of them."""
NAMED = 5
"""Different values that a message names."""
PATIENCE = 5.0
"""Seconds of processor time for the patterns of one question."""
_LONGEST = 1 << 62
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^_`-~])")
"""Colours, and whatever else is for a terminal and not to be seen."""
_GOES_ON = re.compile(r"\d|[.,'\u2019_\u00a0\u202f]\d|[eE][+-]?\d|\ufffd")
_BEGAN = re.compile(
    r"(?:\d|\d[.,'\u2019_\u00a0\u202f]|\d\.?[eE][+-]?|(?<![\w+-])[+-]?0[xX][0-9a-fA-F]*|(?<![\w.])\.|\ufffd"
    r"|(?<![\w)\]-])-)$"
)
_MULTIPLIER = re.compile(r"[kKMGT](?![A-Za-z])")
"""Makes thousands, or more, of the figure in front of it."""
_UNIT = re.compile(r"(?:[A-Za-z\u00b5\u03bc]+|%)(?![\w/])")
_BEFORE = 32
"""Characters in front of a figure that may belong to it."""


class NoValueError(MessageError):
    """Why there is no number."""


def readable(content: bytes | bytearray) -> str:
    """As text, without sequences for a terminal; bytes that are not UTF-8 are replaced."""
    text = content.decode(errors="replace")
    return _TERMINAL.sub("", text) if "\x1b" in text else text


def join_blocks(texts: Iterable[str]) -> str:
    """Texts one after the other, without blank ends."""
    return "\n".join(filter(None, (text.strip() for text in texts)))


def figure(regex: str, take: str | None, unit: str, texts: Sequence[str]) -> float:
    """The number, in base units, that matches in texts of which nobody knows which came first.

    Errors: NoValueError when nothing matches, when what matches is not a number or only a piece of one, or
    when there are several different ones and `take` does not say which counts; SlowPatternError.
    """
    pattern = compile_pattern(regex)
    if take in ("first", "last"):
        pick = _first if take == "first" else _last
        ends = [end for text in texts if (end := pick(pattern.finditer(text))) is not None]
        values = _different(_number(pattern, match, unit) for match in ends)
        if len(values) > 1:
            raise NoValueError(
                fact(Code.MATCHES_IN_BOTH, pattern=regex, take=take, found=_named_values(values, unit))
            )
    else:
        numbers = (_number(pattern, match, unit) for text in texts for match in pattern.finditer(text))
        if take is None:
            values = _different(numbers)
        else:
            everything = list(numbers)
            values = [TAKES[take](everything)] if everything else []
        if len(values) > 1:
            raise NoValueError(fact(Code.MATCHES_OFTEN, pattern=regex, found=_named_values(values, unit)))
    if not values:
        raise NoValueError(fact(Code.NOTHING_MATCHES, pattern=regex))
    if not math.isfinite(values[0]):
        raise NoValueError(fact(Code.MATCH_TOO_LARGE, pattern=regex))
    return values[0]


def member(path: str, unit: str, text: str, file: str | None) -> float:
    """The number at a JSONPath, in base units; `file`: where the text is from, None for standard output.

    Errors: NoValueError.
    """
    # It takes longer to import than everything else here.
    from phasegate.http.expectations.json_path import JsonPath
    from phasegate.http.expectations.matcher import ABSENT

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        for name, value in pairs:
            if found[name] is not value and found[name] != value:
                raise NoValueError(fact(Code.MEMBER_TWICE, path=file, name=json.dumps(name)))
        return found

    try:
        document = json.loads(text, object_pairs_hook=members)
    except NoValueError:
        raise
    except (ValueError, RecursionError):
        raise NoValueError(fact(Code.NO_JSON, path=file)) from None
    value = JsonPath.compile(path).value(document)
    if value is ABSENT:
        raise NoValueError(fact(Code.NO_MEMBER, path=path))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NoValueError(fact(Code.NO_NUMBER, value=json.dumps(value)[:80]))
    return _quantity(str(value), unit)


def _first(matches: Iterator[re.Match[str]]) -> re.Match[str] | None:
    return next(matches, None)


def _last(matches: Iterator[re.Match[str]]) -> re.Match[str] | None:
    return next(iter(deque(matches, maxlen=1)), None)


def _different(values: Iterable[float]) -> list[float]:
    """Values that differ, as they come, up to one more than are named."""
    found: dict[float, None] = {}
    for value in values:
        found[value] = None
        if len(found) > NAMED:
            break
    return list(found)


def _named_values(values: Sequence[float], unit: str) -> Fact:
    named = tuple(values[:NAMED])
    unit = BASE_UNIT[parse_quantity(f"1{unit}").dimension]
    return fact(Code.VALUES, parts=named, unit=unit, more=len(values) > NAMED)


def _number(pattern: Pattern, match: re.Match[str], unit: str) -> float:
    """The first group, or the whole match without one."""
    group = 1 if pattern.groups else 0
    text = match[group]
    if text is None:
        raise NoValueError(fact(Code.GROUP_UNUSED, pattern=pattern.text, text=match[0][:80]))
    start, end = match.span(group)
    # What the pattern itself has around the figure, its author has seen.
    before = match.string[max(start - _BEFORE, 0) : start] if start == match.start() else ""
    after = match.string[end : end + 3] if end == match.end() else ""
    behind = match.string[end : end + _BEFORE] if end == match.end() and text[-1:].isdigit() else ""
    if _is_piece(text, before, after) or _has_other_unit(behind, unit):
        whole = (
            _word(match.string[max(start - _BEFORE, 0) : start][::-1])[::-1]
            + text
            + _word(match.string[end : end + _BEFORE])
        )
        raise NoValueError(fact(Code.PIECE_OF_NUMBER, text=text, pattern=pattern.text, within=whole))
    return _quantity(text, unit)


def _word(text: str) -> str:
    """Up to the first space."""
    return re.split(r"\s", text, maxsplit=1)[0]


def _is_piece(text: str, before: str, after: str) -> bool:
    if text[-1:].isdigit() and (_GOES_ON.match(after) or (text[-1:] == "0" and _is_hex(text + after))):
        return True
    return (text[:1].isdigit() or text[:1] == ".") and _BEGAN.search(before) is not None


def _has_other_unit(behind: str, unit: str) -> bool:
    """Whether what stands right behind a figure makes another figure of it than `unit` does."""
    if _MULTIPLIER.match(behind):
        return not unit.startswith(behind[0])
    written = _UNIT.match(behind)
    if not unit or written is None:
        return False
    try:
        return parse_quantity(f"1{written[0]}") != parse_quantity(f"1{unit}")
    except ValueError:
        return False  # a word, no unit


def _is_hex(text: str) -> bool:
    return re.match(r"[+-]?0[xX][0-9a-fA-F]", text) is not None


@lru_cache(maxsize=4_096)
def _quantity(text: str, unit: str) -> float:
    """A number with a unit of its own, or in `unit`. Errors: NoValueError."""
    text = text.strip()
    wanted = parse_quantity(f"1{unit}").dimension
    try:
        own = parse_quantity(text)
    except ValueError:
        own = None  # a piece of a unit, such as the k in front of B, or no number
    if own is None or text[-1:].isdigit() or text.endswith("."):
        text = f"{text}{unit}"
    try:
        return parse_as(text, wanted).value
    except ValueError:
        raise NoValueError(fact(Code.NO_QUANTITY, text=text, dimension=wanted.value)) from None


def _answer(question: Mapping[str, Any], texts: Mapping[str, bytes | bytearray]) -> dict[str, Any]:
    def text(name: str) -> str:
        return readable(texts.get(name, b""))

    if "expect" in question:
        from phasegate.http.expectations.matcher import Matcher

        matcher = Matcher.compile(question["expect"], text=True, always=True, subject=_LONGEST)
        return {"failure": encode(matcher.check(join_blocks(map(text, question["texts"]))))}
    try:
        if "path" in question:
            value = member(question["path"], question["unit"], text(question["text"]), question["file"])
        else:
            searched = [text(name).strip() for name in question["texts"]]
            value = figure(question["regex"], question["take"], question["unit"], searched)
    except ValueError as error:
        return {"why": encode(message_of(error))}
    return {"value": value}


def main() -> None:
    pieces: dict[str, bytearray] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if "data" in message:
            pieces.setdefault(message["text"], bytearray()).extend(message["data"].encode("latin-1"))
        else:
            with time_limit(PATIENCE):
                sys.stdout.write(json.dumps(_answer(message, pieces)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
