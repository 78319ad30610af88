"""`result.json`: the result itself, for programs, and for people who open it."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    if scalar := _SCALARS.get(type(value)):
        return scalar(value)
    if not isinstance(value, dict | list) or not value or _is_numbers(value):
        return _encode(value)
    inner = indent + _INDENT
    items = [
        scalar(item) if (scalar := _SCALARS.get(type(item))) else layout(item, inner)
        for item in (value.values() if isinstance(value, dict) else value)
    ]
    if isinstance(value, dict):
        items = [f"{encode_basestring(key)}: {item}" for key, item in zip(value, items, strict=True)]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    if len(items) < WIDTH and len(line := ", ".join(items)) + 2 < WIDTH - len(indent) and "\n" not in line:
        return f"{begin}{line}{end}"
    between = f",\n{inner}"
    return f"{begin}\n{inner}{between.join(items)}\n{indent}{end}"


def _is_numbers(value: Any) -> bool:
    """Whether it is an array that holds numbers and such arrays, as histograms and timelines are."""
    return isinstance(value, list) and all(
        item is None or isinstance(item, int | float) or _is_numbers(item) for item in value
    )
