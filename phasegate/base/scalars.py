"""Numbers that remember how they were written, text of scalars, and JSON that keeps every digit.

The same value may end up in text (a header) or in JSON, which is known only where it is put in. So what reads
numbers, from YAML or JSON, gives `WrittenInt` or `WrittenFloat` where Python would write them otherwise:
they count as any number does, and `str` gives them back as they were written.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Self

MOST_DIGITS = 100_000
"""Of one integer: the time to convert it grows with their square."""
DEEPEST = 200
"""Levels of JSON; functions that walk a tree call themselves, some several times for each level."""
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PLAIN = frozenset({str, bool, type(None)})


class WrittenInt(int):
    """An integer that `str` writes as its author did: `01234`, `+49`, `0x1F`."""

    text: str

    def __new__(cls, value: int, text: str) -> Self:
        number = super().__new__(cls, value)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]
        return int(self), self.text

    def __str__(self) -> str:
        return self.text


class WrittenFloat(float):
    """A float that `str` writes as its author did: `1.10`, `1e3`, `.5`."""

    text: str

    def __new__(cls, value: float, text: str) -> Self:
        number = super().__new__(cls, value)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.text

    def __str__(self) -> str:
        return self.text


def allow_long_integers() -> None:
    """Let this process write and read every integer that `read_int` takes; Python stops at 4,300 digits."""
    sys.set_int_max_str_digits(max(MOST_DIGITS, sys.get_int_max_str_digits()))


def read_int(text: str) -> int:
    """An integer as YAML's core schema and JSON write it. Errors: ValueError for one without an end."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(text):,} characters; at most {MOST_DIGITS:,}")
    if not _DECIMAL.fullmatch(text):
        return WrittenInt(int(text, 0), text)
    # Python's own conversion refuses thousands of digits, the one of decimal numbers does not.
    value = int(text) if len(text) < 1_000 else int(Decimal(text))
    return value if len(text) < 19 and str(value) == text else WrittenInt(value, text)


def read_float(text: str) -> float:
    value = float(text)
    return value if repr(value) == text else WrittenFloat(value, text)


def as_text(value: Any) -> str:
    """How a value reads as text or inside a longer one: as it was written; booleans and null as in JSON."""
    match value:
        case None | bool():
            return json_text(value)
        case int():
            return _digits(value)
        case _:
            return str(value)


def json_text(value: Any) -> str:
    """A tree as JSON on one line, numbers as they were written where JSON knows the form.

    Errors: ValueError for what no JSON can hold, such as NaN.
    """
    match value:
        case str():
            return _dump(value)
        case None | bool():
            return json.dumps(value)
        case int():
            text = _digits(value)
            return text if _LITERAL.fullmatch(text) else _digits(int(value))
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is not a JSON number")
            text = str(value)
            return text if _LITERAL.fullmatch(text) else repr(float(value))
        case Decimal() if value.is_finite():
            return str(value)
        case Mapping():
            if all(type(item) in _PLAIN for item in value.values()):
                return _dump(dict(value))
            members = (f"{_dump(str(key))}: {json_text(item)}" for key, item in value.items())
            return f"{{{', '.join(members)}}}"
        case list() | tuple():
            return f"[{', '.join(map(json_text, value))}]"
        case _:
            raise ValueError(f"{type(value).__name__} is nothing that JSON has")


def _dump(value: Any) -> str:
    """With a lone surrogate, which no UTF-8 can hold, as its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read_json(text: str | bytes) -> Any:
    """JSON whose numbers remember how they were written.

    Errors: ValueError for what is not JSON, names twice in one object, and numbers beyond what can be held.
    """
    try:
        value = json.loads(
            text,
            parse_int=read_int,
            parse_float=_finite,
            parse_constant=_refuse_constant,
            object_pairs_hook=_distinct,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if is_deeper(value, DEEPEST):
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    return value


def is_deeper(value: Any, levels: int) -> bool:
    """Level by level, so that the stack that others walk a tree with is never the limit here."""
    level = [value]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def find_repeats(names: Iterable[str]) -> list[str]:
    """Names that are there more than once, in order."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name for name, count in seen.items() if count > 1]


def _digits(value: int) -> str:
    """As it was written, else its digits, however many there are."""
    short = isinstance(value, WrittenInt) or -(1 << 64) < value < 1 << 64
    return str(value) if short else str(Decimal(value))


def _finite(text: str) -> float:
    value = read_float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is beyond what a number can be")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        raise ValueError(f"{find_repeats(name for name, _ in pairs)[0]!r} is there twice in one object")
    return whole
