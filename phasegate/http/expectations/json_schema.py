"""JSON Schema for bodies: draft 2020-12 unless the schema says otherwise, references within it only.

`format` is checked. A format nobody here can check is an error of the schema, since a check that looks at
nothing would pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Context, Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact
from phasegate.base.files import read_regular
from phasegate.base.patterns import SlowPatternError, compile_pattern
from phasegate.base.scalars import json_text, read_json
from phasegate.http.expectations.matcher import EXCERPT, excerpt_text, is_integer

SCHEMA_LIMIT = 4 << 20
LONGEST_PATTERN = 10_000
"""Characters of a regular expression, or of all of one `patternProperties`."""
SHOWN = 3
"""How many violations one check names."""
_NO_DEMANDS = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
)
_EXACT = Context(prec=8 << 20)
"""Digits for a quotient of the longest integer that a body can hold."""
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BodySchema:
    validator: Any
    searches: bool = False
    """Whether it has patterns, which may take their time."""

    @classmethod
    def compile(
        cls, written: Mapping[str, Any] | Path, definitions: Mapping[str, Any] | None = None
    ) -> BodySchema:
        """Compile an inline schema, or one in a JSON or YAML file.

        `definitions`: what `#/$defs/` leads to; each is the schema of a validator that was compiled alone.

        Errors: ValueError when it is not a schema, refers to something outside, uses an unknown format, or
        allows whatever there is.
        """
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

        jsonschema = _library()

        schema = _read(written) if isinstance(written, Path) else written
        # Plain containers: a schema may come from YAML with positions.
        schema = read_json(json_text(schema))
        if not isinstance(schema, dict | bool):
            raise ValueError("a schema is a mapping, or true or false")
        if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
            raise ValueError("$schema must be the address of a version of JSON Schema")
        for reference in _values_of("$ref", schema):
            if not reference.startswith("#") and not reference.startswith("https://json-schema.org/"):
                raise ValueError(f"reference {reference!r} leads outside; use #/$defs/...")
        kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        checker = _formats(kind)
        for name in _values_of("format", schema):
            if name not in checker.checkers:
                known = ", ".join(sorted(checker.checkers))
                raise ValueError(f"format {name!r} cannot be checked; formats are {known}")
        patterns = list(_patterns_of(schema))
        for pattern in patterns:
            compile_pattern(pattern, LONGEST_PATTERN)
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(
                f"not a JSON Schema: {_writable(error.json_path)}: {_short(error.message)}"
            ) from None
        except Exception as error:  # of the several libraries that it looks into a schema with
            raise ValueError(f"not a JSON Schema: {type(error).__name__}: {_short(str(error))}") from None
        if schema is True or (isinstance(schema, dict) and schema.keys() <= _NO_DEMANDS):
            raise ValueError("the schema allows every body, so it says nothing; write {type: object} or more")
        if isinstance(schema, dict):
            schema.pop("$schema", None)  # where the schema refers to itself, it would decide the class again
            if definitions is not None:
                schema["$defs"] = definitions
        validator = _exact(kind)(schema, registry=REGISTRY, format_checker=checker)
        return cls(validator, searches=bool(patterns or definitions))

    def check(self, document: Any) -> tuple[Fact, ...]:
        """Violations, at most `SHOWN`."""
        found: list[Fact] = []
        try:
            for error in self.validator.iter_errors(document):
                where = _writable(error.json_path)
                found.append(fact(Code.NOT_BY_SCHEMA, path=where, why=_short(error.message)))
                if len(found) == SHOWN:
                    break
        except SlowPatternError as error:
            return (*found, fact(Code.NOT_BY_SCHEMA, why=error.message))
        except Exception as error:  # unresolvable references surface here, in several libraries' types
            why = f"{type(error).__name__}: {_short(str(error))}"
            return (fact(Code.SCHEMA_NOT_APPLIED, why=why),)
        return tuple(found)


class _Searching:
    """What the keywords of jsonschema use of `re`, in bounded time."""

    @staticmethod
    def search(pattern: str, text: str) -> Any:
        return compile_pattern(pattern, LONGEST_PATTERN).search(text)


@cache
def _library() -> Any:
    import jsonschema
    from jsonschema import _keywords, _legacy_keywords, _utils

    for module in (_keywords, _legacy_keywords, _utils):
        vars(module)["re"] = _Searching
    return jsonschema


@cache
def _exact(kind: Any) -> Any:
    """A validator that knows a `Decimal` and divides decimally: 19.99 is a multiple of 0.01."""
    from jsonschema import validators

    known = kind.TYPE_CHECKER
    types = known.redefine(
        "integer",
        lambda _, value: is_integer(value) if isinstance(value, Decimal) else known.is_type(value, "integer"),
    )
    extend: Any = validators.extend
    return extend(kind, {"multipleOf": _multiple_of}, type_checker=types)


def _multiple_of(validator: Any, factor: Any, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(value, "number") and _EXACT.remainder(_decimal(value), _decimal(factor)):
        yield ValidationError(f"{excerpt_text(value, 40)} is not a multiple of {factor}")


def _decimal(number: float | Decimal) -> Decimal:
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def known_formats() -> frozenset[str]:
    """Formats that can be checked, in schemas without a version."""
    return frozenset(_formats(_library().Draft202012Validator).checkers)


def _formats(kind: Any) -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(())
    checker.checkers = dict(kind.FORMAT_CHECKER.checkers)
    checker.checkers["date-time"] = (_is_date_time, ())
    checker.checkers["uri"] = (_is_uri, ())
    checker.checkers["regex"] = (_is_pattern, ())
    return checker


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not _DATE_TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


def _is_pattern(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        compile_pattern(value, LONGEST_PATTERN)
    except ValueError:
        return False
    return True


def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc or parts.path) and not re.search(r"\s", value)


def _read(path: Path) -> Any:
    content = read_regular(path, SCHEMA_LIMIT)
    try:
        return read_json(content.decode())
    except ValueError as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from None


def _values_of(key: str, schema: Any) -> Iterator[str]:
    """Every text under a keyword, leaving alone what only looks like one (enum, const, examples, names)."""
    if isinstance(schema, list):
        for item in schema:
            yield from _values_of(key, item)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name == key and isinstance(value, str):
            yield value
        elif name in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
            for inner in value.values() if isinstance(value, dict) else ():
                yield from _values_of(key, inner)
        elif name not in ("enum", "const", "default", "examples"):
            yield from _values_of(key, value)


def _patterns_of(schema: Any) -> Iterator[str]:
    """Every `pattern`, and the names under every `patternProperties`, also joined where the library joins."""
    yield from _values_of("pattern", schema)
    for named in _with("patternProperties", schema):
        yield from named["patternProperties"]
        if "additionalProperties" in named:
            yield "|".join(named["patternProperties"])


def _with(key: str, schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping that has a mapping under a name, wherever it is."""
    inner = schema if isinstance(schema, list) else schema.values() if isinstance(schema, dict) else ()
    if isinstance(schema, dict) and isinstance(schema.get(key), dict):
        yield schema
    for one in inner:
        yield from _with(key, one)


def _writable(text: str) -> str:
    """JSON can have lone surrogates, which no message can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _short(text: str) -> str:
    line = " ".join(_writable(text[: EXCERPT + 1]).split())
    return line if len(text) <= EXCERPT else f"{line}..."
