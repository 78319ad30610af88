"""JSON as RFC 8259 has it, read strictly, with numbers of any size.

An integer has all its digits. A number that no float comes near (`1e400`), and an integer of more than 4,300
digits, is a `Decimal`, which compares exactly with int and float.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact
from phasegate.base.scalars import is_deeper

DEPTH = 250
"""Objects and lists within one another; whatever walks through them calls itself as often."""
_EXPONENT = 100_000
_TOO_DEEP = fact(Code.JSON_TOO_DEEP, depth=DEPTH)


class JsonError(MessageError):
    """It is not JSON; says why."""


def read_json(text: str) -> Any:
    """Errors: JsonError."""
    try:
        document = _document(text)
    except RecursionError:
        raise JsonError(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        why = f"{error.msg[0].lower()}{error.msg[1:]}"
        raise JsonError(fact(Code.JSON_SYNTAX, why=why, at=error.pos)) from None
    if len(text) > DEPTH and text.count("[") + text.count("{") > DEPTH and is_deeper(document, DEPTH):
        raise JsonError(_TOO_DEEP)
    return document


def _document(text: str) -> Any:
    try:
        return _decode(text)
    except (json.JSONDecodeError, JsonError):
        raise
    except ValueError:  # an integer of more digits than `int` takes
        return _decode_digits(text)


def _integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


def _real(text: str) -> float | Decimal:
    value = float(text)
    if value not in (0.0, float("inf"), float("-inf")):
        return value
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise JsonError(fact(Code.JSON_NUMBER, text=text[:40])) from None
    if exact and abs(exact.adjusted()) > _EXPONENT:
        raise JsonError(fact(Code.JSON_NUMBER, text=text[:40]))
    return exact if exact else value


def _no_constant(name: str) -> Any:
    raise JsonError(fact(Code.JSON_CONSTANT, text=name))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise JsonError(fact(Code.JSON_MEMBER_TWICE, member=json.dumps(name[:80])))
            seen.add(name)
    return members


_HOOKS: dict[str, Any] = {
    "parse_float": _real,
    "parse_constant": _no_constant,
    "object_pairs_hook": _object,
}
_decode = json.JSONDecoder(**_HOOKS).decode
_decode_digits = json.JSONDecoder(**_HOOKS, parse_int=_integer).decode
