"""Field types for everything that people write in YAML: closed models, quantities, named files.

A mapping read from YAML arrives as `Located`, which remembers where it stood; a `Placed` model keeps that
position, so that a message made much later can still point at the line.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo

from phasegate.base.errors import Position
from phasegate.base.scalars import as_text
from phasegate.base.units import EXAMPLES, Dimension, format_value, parse_as

ID_PATTERN = r"^[a-z][a-z0-9_-]*$"


_LONGEST_NAME = 255
_LONGEST_PATH = 4_095
"""Bytes that a system takes for one name, and for a path; see limits.h."""


class Located(dict[str, Any]):
    """A mapping with the place where it was written."""

    __slots__ = ("at",)

    def __init__(self, items: Any = (), *, at: Position | None = None) -> None:
        super().__init__(items)
        self.at = at


class Closed(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        defer_build=True,  # most sections are in few plans
    )


class Placed(Closed):
    """A closed model that knows where it was written."""

    @property
    def at(self) -> Position | None:
        private = self.__pydantic_private__
        return None if private is None else private["at"]

    @model_validator(mode="wrap")
    @classmethod
    def _keep_position(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        model = handler(data)
        if isinstance(data, Located) and data.at is not None:
            # Where private attributes are kept; to declare one would cost more than all the rest of a model.
            object.__setattr__(model, "__pydantic_private__", {"at": data.at})
        return model


def short_form(schema: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """For `json_schema_extra` of a model that may also be written as something shorter."""

    def extend(whole: dict[str, Any]) -> None:
        written = dict(whole)
        whole.clear()
        whole["anyOf"] = [schema, written]

    return extend


@cache
def field_docs(owner: type) -> Mapping[str, str]:
    """What the text below each field of a model or dataclass says, by field name, inherited ones included.

    Read from the source when asked for: pydantic would do it for every model at every start.
    """
    docs: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        if base not in (Closed, BaseModel, object):
            with suppress(OSError, TypeError, KeyError):  # a package may come without its source
                docs |= _docs_below(_classes_in(base.__module__)[base.__name__])
    return docs


def add_docs(schema: dict[str, Any], owner: type) -> None:
    """Describe the properties in the JSON Schema of a model or dataclass.

    By what the source says of its fields and their types, and by their defaults.
    """
    docs, infos = field_docs(owner), getattr(owner, "model_fields", {})
    keys = {name: infos[name].alias or name if name in infos else name for name in docs}
    for part in (schema, *schema.get("anyOf", ())):
        written = part.get("properties", {})
        for name, key in keys.items():
            if key in written:
                default = default_text(infos[name]) if name in infos else ""
                of_type = written[key].get("description", "")
                said = [docs[name], of_type[:1].upper() + of_type[1:], default and f"Default: {default}"]
                text = " ".join(one.rstrip(".") + "." for one in said if one)
                text = re.sub(r"\bNone\b", "null", " ".join(text.split()))  # as JSON has it
                written[key] = {**written[key], "description": text}


def default_text(field: FieldInfo) -> str:
    """The default as it would be written in a plan; empty where there is none, or nothing to see."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    dimension = next((mark for mark in field.metadata if isinstance(mark, Dimension)), None)
    match default:
        case None | "" | () | BaseModel():
            return ""
        case Mapping() | list() if not default:
            return ""
        case bool():
            return "true" if default else "false"
        case float() if dimension is Dimension.TIME and default and default % 60 == 0:
            return f"{default / 60:g}m"
        case int() | float() if dimension is not None:
            return format_value(default, dimension).replace(" ", "")
        case list() | tuple():
            return ", ".join(map(str, default))
        case _:
            return str(default)


@cache
def _classes_in(module: str) -> Mapping[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _docs_below(node: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _quantity(dimension: Dimension) -> Any:
    def parse(value: object) -> object:
        if isinstance(value, float | int) and not isinstance(value, bool):
            raise ValueError(f"{value} has no unit; write a {dimension} like {EXAMPLES[dimension]}")
        if not isinstance(value, str):
            raise ValueError(f"write a {dimension} like {EXAMPLES[dimension]}")
        quantity = parse_as(value, dimension)
        if quantity.value < 0:
            raise ValueError(f"{value!r} is negative")
        return quantity.value

    return parse


def _schema(dimension: Dimension) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": f"a {dimension}, such as {EXAMPLES[dimension]}"})


Duration = Annotated[
    float, Dimension.TIME, BeforeValidator(_quantity(Dimension.TIME)), _schema(Dimension.TIME)
]
"""Seconds, written with a unit."""
Rate = Annotated[float, Dimension.RATE, BeforeValidator(_quantity(Dimension.RATE)), _schema(Dimension.RATE)]
"""Per second, written with a unit."""
Ratio = Annotated[
    float, Dimension.SHARE, BeforeValidator(_quantity(Dimension.SHARE)), _schema(Dimension.SHARE)
]
"""1.0 is 100%, written in percent."""
Size = Annotated[
    int,
    Dimension.SIZE,
    BeforeValidator(lambda value: int(_quantity(Dimension.SIZE)(value))),
    _schema(Dimension.SIZE),
]
"""Bytes, written with a unit."""


def scalar_text(value: object) -> object:
    """A number or boolean as it was written; anything else as it is. Errors: ValueError for null."""
    if value is None:
        raise ValueError("null is not text; write the text in quotes, '' for none")
    return as_text(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(scalar_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""Text that YAML may have read as a number or a boolean, such as a header value: it stays as written."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One text, or a list of them."""


def _no_shell(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError:  # a quote that does not end
        words = value.split()
    raise ValueError(f"a command is a list, not a line for a shell: {json.dumps(words)}")


CommandLine = Annotated[tuple[Text, ...], BeforeValidator(_no_shell), Field(min_length=1)]
"""A program and its arguments; a line for a shell is refused."""


def _program_name(value: object) -> object:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a program cannot have a NUL in its name")
        if len(value.encode("utf-8", "replace")) > _LONGEST_PATH:
            raise ValueError(f"no path has more than {_LONGEST_PATH:,} bytes")
        if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in value.split("/")):
            raise ValueError(f"no file has a name of more than {_LONGEST_NAME} bytes")
    return value


ProgramName = Annotated[str, BeforeValidator(_program_name), WithJsonSchema({"type": "string"})]
"""A program by its name on PATH or by its path, which is looked for when the plan runs."""


class NamedPath:
    """Marks a field as the path of something that must exist, relative to the plan's root.

    The loader replaces it by the absolute path, reports it when it is missing, and hashes files.
    """

    def __init__(self, *, folder_allowed: bool = False) -> None:
        self.folder_allowed = folder_allowed


class NamedDocument:
    """Marks a field that is written as the path of a YAML file and arrives as the model of its content.

    `fragment`: the key, in that content, under which a text behind `#` in the path arrives.
    """

    def __init__(self, *, fragment: str = "") -> None:
        self.fragment = fragment


UNCHOSEN = "unchosen"
"""The context of a validation in which nothing is said of a choice that the text behind `#` makes."""


class NamedAddress:
    """Marks a field as an address, which stays in template form until `world.Addresses` puts the target's
    addresses in, so that it is known which entry it names."""


WrittenAddress = Annotated[str, NamedAddress()]

FilePath = Annotated[
    Path,
    NamedPath(),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": "a file, relative to the plan's root"}),
]
AnyPath = Annotated[
    Path,
    NamedPath(folder_allowed=True),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": "a file or folder, relative to the plan's root"}),
]
