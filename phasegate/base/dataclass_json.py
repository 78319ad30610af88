"""JSON of dataclasses, by their type hints.

What writes or reads a class is made when the first object of it comes along, as a run has objects of a few
classes only. Writing goes straight to text: a run may have a hundred thousand cases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from json.encoder import encode_basestring as _write_text
from types import NoneType, UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

Writer = Callable[[Any], str]
Reader = Callable[[Any], Any]
_BAD_VALUE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


class Form:
    """In `Annotated`: how a type stands in JSON where that is not its fields one by one."""

    def __init__(self, write: Reader, read: Reader, schema: Mapping[str, Any]) -> None:
        """`write` gives what JSON can hold; `read` takes that, and what is read already."""
        self.write = write
        self.read = read
        self.schema = dict(schema)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        written = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_before_validator_function(
            self.read, handler(source), serialization=written
        )

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


class Transient:
    """In `Annotated`: a field that JSON does not have; it needs a default."""

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> NoReturn:
        from pydantic_core import PydanticOmit

        raise PydanticOmit


class UnreadableError(ValueError):
    """A value that is none of its type, and where it stands."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.place = place
        self.why = why


def _at(key: object, error: Exception) -> UnreadableError:
    if isinstance(error, UnreadableError):
        return UnreadableError(f"{key}.{error.place}" if error.place else str(key), error.why)
    return UnreadableError(str(key), f"{type(error).__name__}: {error}")


def to_text(value: Any) -> str:
    """The JSON of an object, on one line. Errors: ValueError for what JSON cannot hold."""
    return _WRITERS[type(value)](value)


@cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """The types of the fields that JSON has, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: hints[one.name] for one in fields(kind) if not _is_transient(hints[one.name])}


def _is_transient(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(one, Transient) for one in hint.__metadata__)


class _Writers(dict[type, Writer]):
    def __missing__(self, kind: type) -> Writer:
        """A template with all fields in it, compiled: that takes half of the time that a loop takes."""
        hints = hints_of(kind)
        writers = {f"write_{name}": writer(hint) for name, hint in hints.items()}
        parts = ",".join(f'"{name}":{{write_{name}(value.{name})}}' for name in hints)
        made: Writer = eval(f"lambda value: f'{{{{{parts}}}}}'", writers)
        self[kind] = made
        return made


_WRITERS = _Writers()


@cache
def writer(hint: Any) -> Writer:
    origin, of = get_origin(hint), get_args(hint)
    if form := form_of(hint):
        return lambda value: _write_text(value) if type(value) is str else write_tree(form.write(value))
    if origin in (Union, UnionType) and NoneType in of:
        if set(of) == {float, NoneType}:
            return _write_real
        if set(of) <= {float, int, bool, NoneType}:
            return _write_number
        one = writer(without_none(of))
        return lambda value: "null" if value is None else one(value)
    if origin is tuple:
        if of[1:] == (...,):
            return _writer_of_row(writer(of[0]))
        each = tuple(map(writer, of))
        return lambda value: f"[{','.join([one(item) for one, item in zip(each, value, strict=True)])}]"
    if origin is not None and issubclass(origin, Mapping):
        return _writer_of_mapping(writer(of[1]))
    return _writer_of_plain(hint)


def _writer_of_plain(hint: Any) -> Writer:
    if hint is float:
        return _write_real
    if hint is int:
        return _write_number
    if hint is bool:
        return lambda value: "true" if value else "false"
    if isinstance(hint, type) and issubclass(hint, date):
        return lambda value: f'"{_date_text(value)}"'
    if isinstance(hint, type) and issubclass(hint, str):
        return _write_text
    return write_tree if hint is Any else to_text


def _writer_of_row(one: Writer) -> Writer:
    return lambda value: f"[{','.join(map(one, value))}]" if value else "[]"


def _writer_of_mapping(one: Writer) -> Writer:
    def write(value: Mapping[str, Any]) -> str:
        return f"{{{','.join([f'{_write_text(key)}:{one(item)}' for key, item in value.items()])}}}"

    return write


def form_of(hint: Any) -> Form | None:
    found = getattr(hint, "__metadata__", ()) if get_origin(hint) is Annotated else ()
    return next((one for one in found if isinstance(one, Form)), None)


def without_none(of: tuple[Any, ...]) -> Any:
    return Union[tuple(one for one in of if one is not NoneType)]  # noqa: UP007


def _write_number(value: Any) -> str:
    if value is None:
        return "null"
    if type(value) is not float:
        return repr(value) if type(value) is int else write_tree(value)
    text = repr(value)
    return _write_float(value) if "e-0" in text or "n" in text else text


def _write_real(value: Any) -> str:
    """As it is read again: 3 where a float is meant is 3.0."""
    return _write_number(float(value) if type(value) is int else value)


def _write_float(value: float) -> str:
    """As many programs write it: no 0 before an exponent, none at all down to 1e-05, and no infinity."""
    if not math.isfinite(value):
        return "null"
    digits, _, power = repr(value).partition("e-0")
    if power != "5":
        return f"{digits}e-{power}" if power else digits
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    return f"{sign}0.0000{digits.replace('.', '')}"


def _date_text(value: date) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def encoder(between: str, after_key: str) -> Writer:
    """What `json.dumps` does, with one encoder for all values: making one takes as long as a small value.

    Errors of what it gives: TypeError, ValueError for what JSON cannot hold.
    """
    plain = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, allow_nan=False, separators=(between, after_key)
    )
    make = getattr(json.encoder, "c_make_encoder", None)  # as `plain` does; not in every Python
    if make is None:
        return plain.encode
    encode = make(None, plain.default, _write_text, None, after_key, between, False, False, False)
    return lambda value: "".join(encode(value, 0))


_in_c = encoder(",", ":")


def write_tree(value: Any) -> str:
    """JSON of texts, numbers, times, and lists and mappings of them. Errors: ValueError for others."""
    try:
        text = _in_c(value)
    except (TypeError, ValueError):
        return _write_any(value)
    return _write_any(value) if "e-0" in text else text


def _write_any(value: Any) -> str:
    match value:
        case str():
            return _write_text(value)
        case None | bool():
            return "null" if value is None else str(value).lower()
        case int():
            return int.__repr__(value)
        case float():
            return _write_float(value)
        case date():
            return f'"{_date_text(value)}"'
        case Mapping():
            return _writer_of_mapping(_write_any)({str(key): item for key, item in value.items()})
        case list() | tuple() | set() | frozenset():
            return _writer_of_row(_write_any)(value)
        case _:
            raise ValueError(f"JSON cannot hold a {type(value).__name__}")


@cache
def reader(hint: Any) -> Reader:
    """What takes a value that JSON gave and gives one of the type; keys that no field has are left out.

    Its errors: UnreadableError, a ValueError.
    """
    origin, of = get_origin(hint), get_args(hint)
    if form := form_of(hint):
        return form.read
    if origin in (Union, UnionType):
        return _reader_of_union(of)
    if origin is tuple:
        return _reader_of_row(of[0]) if of[1:] == (...,) else _reader_of_few(tuple(map(reader, of)))
    if origin is not None and issubclass(origin, Mapping):
        return _reader_of_mapping(of[1])
    if is_dataclass(hint):
        return _reader_of_class(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _PLAIN[hint]


def _reader_of_union(of: tuple[Any, ...]) -> Reader:
    """Classes are told apart by the keys that they need."""
    classes = [one for one in of if one is not NoneType]
    if len(classes) == 1:
        one = reader(classes[0])
        return lambda value: None if value is None else one(value)
    needs = [(_needed(one), reader(one)) for one in classes]

    def read(value: Any) -> Any:
        for needed, one in needs:
            if isinstance(value, dict) and needed <= value.keys():
                return one(value)
        raise UnreadableError("", "not of any type that can stand here")

    return read


def _needed(kind: Any) -> frozenset[str]:
    return frozenset(
        one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING
    )


def _reader_of_class(kind: Any) -> Reader:
    readers: list[tuple[str, Reader]] = []
    needed = _needed(kind)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise UnreadableError("", "not an object")
        if not readers:  # made late, as with what writes
            readers.extend((name, reader(hint)) for name, hint in hints_of(kind).items())
        values = {}
        name = ""
        try:
            for name, one in readers:
                if name in value:
                    values[name] = one(value[name])
        except _BAD_VALUE as error:
            raise _at(name, error) from None
        if not needed <= values.keys():
            raise UnreadableError(min(needed - values.keys()), "not there")
        return kind(**values)

    return read


def _reader_of_row(hint: Any) -> Reader:
    one = reader(hint)

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise UnreadableError("", "not a list")
        values: list[Any] = []
        try:
            for item in value:
                values.append(one(item))
        except _BAD_VALUE as error:
            raise _at(len(values), error) from None
        return tuple(values)

    return read


def _reader_of_few(each: tuple[Reader, ...]) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(each):
            raise UnreadableError("", f"not a list of {len(each)}")
        return tuple(one(item) for one, item in zip(each, value, strict=True))

    return read


def _reader_of_mapping(hint: Any) -> Reader:
    one = reader(hint)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise UnreadableError("", "not an object")
        values = {}
        key = ""
        try:
            for key, item in value.items():
                values[_read_text(key)] = one(item)
        except _BAD_VALUE as error:
            raise _at(key, error) from None
        return values

    return read


def _read_text(value: Any) -> str:
    """Half a character, which no file can hold, is none."""
    if type(value) is not str:
        raise UnreadableError("", "not a text")
    if not value.isascii():
        value.encode()
    return value


def _read_exactly(kind: type, name: str) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise UnreadableError("", f"not a {name}")
        return value

    return read


def _read_float(value: Any) -> float:
    if type(value) not in (float, int):
        raise UnreadableError("", "not a number")
    return float(value)


_PLAIN: Mapping[Any, Reader] = {
    Any: lambda value: value,
    str: _read_text,
    bool: _read_exactly(bool, "truth value"),
    int: _read_exactly(int, "whole number"),
    float: _read_float,
    datetime: lambda value: datetime.fromisoformat(_read_text(value)),
    date: lambda value: date.fromisoformat(_read_text(value)),
}
