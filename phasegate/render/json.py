"""`result.json`: the result itself, for programs, and for people who open it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date
from functools import cache
from json.encoder import encode_basestring
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from phasegate.base.dataclass_json import (
    Form,
    Writer,
    encoder,
    form_of,
    hints_of,
    to_text,
    without_none,
    writer,
)
from phasegate.model.result import RunResult

WIDTH = 100
"""Characters up to which an object or an array stands on one line; arrays of numbers do at any length."""
_LARGE = 1 << 20
"""Characters from which on a text is not copied more often than it must be."""
Layout = Callable[[Any, str], str]
"""Takes a value and the indent of the line that it begins on."""
_INDENT = "  "
_encode = encoder(", ", ": ")
_SCALARS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    float: lambda value: float.__repr__(value) if isfinite(value) else _encode(value),
    bool: lambda value: "true" if value else "false",
    NoneType: lambda value: "null",
}
"""What `_encode` does with each type, faster."""


def render(run: RunResult) -> str:
    text = _of_object(run, "")
    text += "\n"  # in place: it may be large
    return text


def layout(value: Any, indent: str = "") -> str:
    """JSON, indented, in which what is short and what is a row of numbers stands on one line.

    Errors: TypeError, ValueError for what JSON cannot hold.
    """
    if scalar := _SCALARS.get(type(value)):
        return scalar(value)
    line = _encode(value)
    if len(line) < WIDTH - len(indent) or not value or _is_numbers(value):
        return line
    inner = indent + _INDENT
    if isinstance(value, dict):
        items = [f"{encode_basestring(key)}: {layout(one, inner)}" for key, one in value.items()]
        return _fit(items, indent)
    if isinstance(value, list | tuple):
        return _fit([layout(one, inner) for one in value], indent, "[]")
    return line


def _fit(items: Sequence[str], indent: str, ends: str = "{}") -> str:
    """On one line where there is room; an item of several lines alone is longer than that."""
    size = sum(map(len, items)) + 2 * len(items)
    if size < WIDTH - len(indent):
        return f"{ends[0]}{', '.join(items)}{ends[1]}"
    inner = indent + _INDENT
    between = f",\n{inner}"
    if size < _LARGE:
        return f"{ends[0]}\n{inner}{between.join(items)}\n{indent}{ends[1]}"
    pieces = [f"{ends[0]}\n{inner}"]  # one copy, not two
    for item in items:
        pieces += (item, between)
    pieces[-1] = f"\n{indent}{ends[1]}"
    return "".join(pieces)


def _is_numbers(value: Any) -> bool:
    """Whether it is an array that holds numbers and such arrays, as histograms and timelines are."""
    if not isinstance(value, list | tuple) or (value and isinstance(value[0], str | dict)):
        return False
    return all(item is None or isinstance(item, int | float) or _is_numbers(item) for item in value)


class _Layouts(dict[type, Layout]):
    def __missing__(self, kind: type) -> Layout:
        """All fields in one expression, compiled, as what writes events is: with no tree of JSON between."""
        names: dict[str, Any] = {"fit": _fit}
        items = []
        for name, hint in hints_of(kind).items():
            put = f"lay_{name}(value.{name}, inner)"
            if _is_text(hint):
                names[f"lay_{name}"], put = writer(hint), f"lay_{name}(value.{name})"
            else:
                names[f"lay_{name}"] = _layout_of(hint)
            items.append(f"f'\"{name}\": {{{put}}}'")
        source = f"lambda value, indent: (inner := indent + {_INDENT!r}) and fit([{','.join(items)}], indent)"
        made: Layout = eval(source, names)
        self[kind] = made
        return made


_LAYOUTS = _Layouts()


def _of_object(value: Any, indent: str) -> str:
    return _LAYOUTS[type(value)](value, indent)


def _is_text(hint: Any) -> bool:
    """Whether events have it as it stands here: words, times, whole numbers."""
    return isinstance(hint, type) and issubclass(hint, str | date | int)


@cache
def _layout_of(hint: Any) -> Layout:
    origin, of = get_origin(hint), get_args(hint)
    if form := form_of(hint):
        return _layout_of_form(form, writer(hint))
    if origin in (Union, UnionType) and NoneType in of:
        one = _layout_of(without_none(of))
        return lambda value, indent: "null" if value is None else one(value, indent)
    if origin is tuple and (of[0] is str or is_dataclass(of[0]) or form_of(of[0])):
        return _layout_of_row(of[0])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _layout_of_mapping(of[1])
    write = writer(hint)
    if write is to_text:
        return _of_object
    if hint is float or _is_text(hint):
        return lambda value, indent: _real(value) if isinstance(value, float) else write(value)
    return lambda value, indent: layout(json.loads(write(value)), indent)


def _real(value: float) -> str:
    return float.__repr__(value) if isfinite(value) else "null"


def _layout_of_form(form: Form, write: Writer) -> Layout:
    def lay(value: Any, indent: str) -> str:
        if type(value) is str:
            return encode_basestring(value)
        try:
            return layout(form.write(value), indent)
        except (TypeError, ValueError):  # times, numbers that are not finite
            return layout(json.loads(write(value)), indent)

    return lay


def _layout_of_row(hint: Any) -> Layout:
    one = _layout_of(hint)

    def lay(value: Sequence[Any], indent: str) -> str:
        inner = indent + _INDENT
        return _fit([one(item, inner) for item in value], indent, "[]") if value else "[]"

    return lay


def _layout_of_mapping(hint: Any) -> Layout:
    one = _layout_of(hint)

    def lay(value: Mapping[str, Any], indent: str) -> str:
        inner = indent + _INDENT
        items = [f"{encode_basestring(key)}: {one(item, inner)}" for key, item in value.items()]
        return _fit(items, indent) if items else "{}"

    return lay
