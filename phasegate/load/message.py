"""What coordinator and workers tell each other as JSON, by the fields of dataclasses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Any, Self, cast, get_args, get_origin, get_type_hints

from phasegate.base.facts import Fact, decode, encode
from phasegate.base.scalars import json_text, read_json

AS_WRITTEN = {"as_written": True}
"""Metadata of a field with a tuple whose numbers keep their form: each item goes as a text of JSON."""


class WorkerMessage:
    """Base of dataclasses that are sent: bytes as base64, tuples as lists, facts encoded, else as it is."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        return cast("dict[str, Any]", _encoded(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`, whatever else there is."""
        return cast("Self", _decoded(cls, data))


def _encoded(value: Any) -> Any:
    match value:
        case Fact():
            return encode(value)
        case bytes():
            return base64.b64encode(value).decode()
        case Mapping():
            return {name: _encoded(item) for name, item in value.items()}
        case list() | tuple():
            return [_encoded(item) for item in value]
        case WorkerMessage():
            message: Any = type(value)
            return {name: _encoded_as(kind, getattr(value, name)) for name, kind in _kinds(message).items()}
        case _:
            return value


def _encoded_as(kind: Any, value: Any) -> Any:
    return list(map(json_text, value)) if kind is AS_WRITTEN else _encoded(value)


def _decoded(kind: Any, data: Any) -> Any:
    inner = get_args(kind)
    if kind is AS_WRITTEN:
        return tuple(map(read_json, data))
    if get_origin(kind) is UnionType:
        if data is None or (isinstance(data, str) and str in inner):
            return data
        return _decoded(next(one for one in inner if one is not str), data)
    if kind is Fact:
        return decode(data)
    if kind is bytes:
        return base64.b64decode(data)
    if get_origin(kind) is tuple:
        kinds = inner[:1] * len(data) if inner[-1] is ... else inner
        return tuple(map(_decoded, kinds, data))
    if isinstance(kind, type) and issubclass(kind, WorkerMessage):
        message: Any = kind
        known = _kinds(message)
        return message(**{name: _decoded(known[name], item) for name, item in data.items() if name in known})
    return data


@cache
def _kinds(message: Any) -> dict[str, Any]:
    """The type of each field, or `AS_WRITTEN`."""
    hints = get_type_hints(message)
    return {
        one.name: AS_WRITTEN if one.metadata.keys() >= AS_WRITTEN.keys() else hints[one.name]
        for one in fields(message)
    }
