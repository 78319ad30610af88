"""Reading the annotations of models: which types may stand where, and which name files or addresses."""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from phasegate.base.fields import NamedAddress, NamedDocument, NamedPath

Mark = NamedPath | NamedDocument | NamedAddress


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a model as they are written."""
    for name, field in model.model_fields.items():
        yield field.alias or name


@cache
def field_types(model: type[BaseModel]) -> dict[str, Any]:
    """The type of each key, with the marks that its annotation carries."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        marks = [note for note in field.metadata if isinstance(note, Mark)]
        annotation: Any = field.annotation
        found[field.alias or name] = Annotated[annotation, marks[0]] if marks else annotation
    return found


def alternatives_of(kind: Any) -> Iterator[tuple[Any, Mark | None]]:
    """The alternatives of a type, each with the mark that says what it names."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *notes = get_args(kind)
        mark = next((note for note in notes if isinstance(note, Mark)), None)
        if mark is None:
            yield from alternatives_of(inner)
        else:
            yield from ((candidate, mark) for candidate, _ in alternatives_of(inner))
    elif origin in (Union, types.UnionType):
        for inner in get_args(kind):
            yield from alternatives_of(inner)
    else:
        yield kind, None


def inside(kind: Any, step: str | int) -> Iterator[Any]:
    """The types of what stands one step inside a value of a type."""
    for candidate, _ in alternatives_of(kind):
        arguments = get_args(candidate)
        if is_model(candidate):
            field = field_types(candidate).get(str(step))
            if field is not None:
                yield field
        elif isinstance(step, int) and arguments:
            yield arguments[0]
        elif len(arguments) == 2:
            yield arguments[1]


def is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


@cache
def naming_fields(model: type[BaseModel]) -> dict[str, tuple[tuple[Any, Mark | None], ...]]:
    """The keys of a model below which files or addresses can be named, with what may stand there."""
    return {
        key: tuple(alternatives_of(kind))
        for key, kind in field_types(model).items()
        if _names_any(kind, set())
    }


def _names_any(kind: Any, seen: set[Any]) -> bool:
    for candidate, mark in alternatives_of(kind):
        if mark is not None:
            return True
        if is_model(candidate):
            if candidate in seen:
                continue
            seen.add(candidate)
            if any(_names_any(inner, seen) for inner in field_types(candidate).values()):
                return True
        elif any(_names_any(inner, seen) for inner in get_args(candidate)):
            return True
    return False
