"""`result.json`: the result itself, for programs, and for people who open it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from math import isfinite
from types import NoneType
from typing import Any

from phasegate.model.codec import result_to_json
from phasegate.model.result import RunResult

WIDTH = 100
"""Characters up to which an object or an array stands on one line; arrays of numbers do at any length."""
_INDENT = "  "
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
_SCALARS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    float: lambda value: float.__repr__(value) if isfinite(value) else _encode(value),
    bool: lambda value: "true" if value else "false",
    NoneType: lambda value: "null",
}
"""What `_encode` does with each type, without making an encoder for it."""


def render(run: RunResult) -> str:
    return f"{layout(result_to_json(run))}\n"


def layout(value: Any, indent: str = "") -> str:
    """JSON, indented, in which what is short and what is a row of numbers stands on one line."""
    return "".join(_pieces(value, indent))


def _pieces(value: Any, indent: str) -> Iterator[str]:
    """The pieces of a layout: what is large is never put together before the end."""
    if not isinstance(value, dict | list) or not _is_large(value) or _is_numbers(value):
        yield _layout(value, indent)
        return
    begin, end = "{}" if isinstance(value, dict) else "[]"
    inner = indent + _INDENT
    before = f"{begin}\n{inner}"
    for item in value:
        yield before
        before = f",\n{inner}"
        if isinstance(value, dict):
            yield f"{encode_basestring(item)}: "
            yield from _pieces(value[item], inner)
        else:
            yield from _pieces(item, inner)
    yield f"\n{indent}{end}"


def _is_large(value: Any) -> bool:
    """Whether it is or holds an array that is too long for any line."""
    if isinstance(value, list):
        return len(value) > WIDTH or any(map(_is_large, value))
    return isinstance(value, dict) and any(map(_is_large, value.values()))


def _layout(value: Any, indent: str) -> str:
    if scalar := _SCALARS.get(type(value)):
        return scalar(value)
    if not value:
        return "{}" if isinstance(value, dict) else "[]"
    if not isinstance(value, dict | list) or _is_numbers(value):
        return _encode(value)
    inner = indent + _INDENT
    if isinstance(value, dict):
        items = [f"{encode_basestring(key)}: {_layout(item, inner)}" for key, item in value.items()]
    else:
        items = [_layout(item, inner) for item in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    line = ", ".join(items)
    if len(line) + 2 < WIDTH - len(indent) and "\n" not in line:
        return f"{begin}{line}{end}"
    between = f",\n{inner}"
    return f"{begin}\n{inner}{between.join(items)}\n{indent}{end}"


def _is_numbers(value: Any) -> bool:
    """Whether it is an array that holds numbers and such arrays, as histograms and timelines are."""
    if not isinstance(value, list) or (value and isinstance(value[0], str | dict)):
        return False
    return all(item is None or isinstance(item, int | float) or _is_numbers(item) for item in value)
