"""Marks on the parameters of a check: how `phasegate guard` holds the values of two plans against each other.

A mark stands in the annotation: `timeout: Annotated[Duration, Demand.LESS] = 30.0`. Without one, a change of
the value is shown, and nobody says which of the two asks more.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from phasegate.base.dataclass import dataclass

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Demand(Enum):
    """What a value asks of the target."""

    MORE = "more asks more"
    """A number, of which more asks more."""
    LESS = "less asks more"
    """A number, of which less asks more."""
    SHOWN = "a change is shown"
    """A number that asks neither more nor less; its change is shown in its unit."""
    MUST_BE = "what must be"
    """A list or mapping of what must be; a path, below which all must be; a switch that lets less through."""
    LET_THROUGH = "what is let through"
    """A list or mapping of what is let through; a switch that lets more through."""
    BY_KIND = "what the kind says"
    """`Kind.amounts` speaks for it, together with others."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Marks a list of arguments for a program."""

    narrowing: frozenset[str] = frozenset()
    """Options that leave something out, or try again what failed: with one more of them, less is asked."""


@dataclass(frozen=True, slots=True)
class Members:
    """Marks a list of models, each of which asks for something, and which are compared field by field."""

    name: Callable[[Any], str]
    """What tells one from the others; where it is empty, its place does."""
    size: Callable[[Any], str]
    """What to say of one that is only in one of the lists."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Marks a value, or operators, that something must match; see `phasegate.http.expectations.matcher`."""

    text: bool = False
    """Whether it is matched as text."""


Mark = Demand | Arguments | Members | Expected


def mark_of(field: FieldInfo) -> Mark | None:
    """The mark of a field, or of the first of its alternatives that has one."""
    return cast("Mark | None", note_of(field, Mark))


def note_of(field: FieldInfo, wanted: Any) -> Any:
    """The first note of a type in the annotation of a field; None without one."""
    notes = (*field.metadata, *_notes(field.annotation))
    return next((note for note in notes if isinstance(note, wanted)), None)


def _notes(annotation: Any) -> Iterator[Any]:
    """The notes of an annotation and of its alternatives."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from arguments[1:]
        yield from _notes(arguments[0])
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _notes(one)
