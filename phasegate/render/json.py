"""`result.json`: the result itself, for programs, and for people who open it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from phasegate.model.codec import result_to_json
from phasegate.model.result import RunResult

WIDTH = 100
"""Characters up to which an object or an array stands on one line; arrays of numbers do at any length."""
_INDENT = "  "
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def render(run: RunResult) -> str:
    return f"{layout(result_to_json(run))}\n"


def layout(value: Any, indent: str = "") -> str:
    """JSON, indented, in which what is short and what is a row of numbers stands on one line."""
    if not isinstance(value, dict | list) or not value or _is_numbers(value):
        return _encode(value)
    items = list(_items(value, indent + _INDENT))
    begin, end = "{}" if isinstance(value, dict) else "[]"
    if sum(map(len, items)) + 2 * len(items) < WIDTH - len(indent) and not any("\n" in one for one in items):
        return f"{begin}{', '.join(items)}{end}"
    between = f",\n{indent}{_INDENT}"
    return f"{begin}\n{indent}{_INDENT}{between.join(items)}\n{indent}{end}"


def _items(value: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    if isinstance(value, list):
        yield from (layout(item, indent) for item in value)
        return
    for key, item in value.items():
        yield f"{_encode(key)}: {layout(item, indent)}"


def _is_numbers(value: Any) -> bool:
    """Whether it is an array that holds numbers and such arrays, as histograms and timelines are."""
    return isinstance(value, list) and all(
        item is None or isinstance(item, int | float) or _is_numbers(item) for item in value
    )
