"""Which of two matchers asks more: does everything that satisfies the one satisfy the other?

Where that cannot be said for sure the answer is no, so two matchers that only look different have no order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from phasegate.comparison.change import Direction
from phasegate.http.expectations.matcher import Matcher, same

_RANGES = frozenset({"lt", "lte", "gt", "gte"})


def direction(before: Any, after: Any, *, text: bool = False) -> Direction | None:
    """What a new matcher is beside an old one, both as written; None where they ask the same."""
    old, new = _operators(before), _operators(after)
    asks_as_much, asked_as_much = implies(new, old, text=text), implies(old, new, text=text)
    if asks_as_much:
        return None if asked_as_much else Direction.STRONGER
    return Direction.WEAKER if asked_as_much else Direction.CHANGED


def implies(one: Mapping[str, Any], other: Mapping[str, Any], *, text: bool = False) -> bool:
    """Whether whatever satisfies `one` satisfies `other`."""
    return all(_implies(one, name, wanted, text) for name, wanted in other.items())


def _implies(one: Mapping[str, Any], name: str, wanted: Any, text: bool) -> bool:
    if name in one and same(_as_list(one[name]), _as_list(wanted)):
        return True
    if "${" in repr(one) or "${" in repr(wanted):
        return False
    values = _values(one)
    if values is not None:
        test = Matcher.compile({name: wanted}, text=text)
        return all(test.check(_as_text(value) if text else value) is None for value in values)
    match name:
        case "lt" | "lte" | "gt" | "gte":
            return _within(_range(one), _range({name: wanted}))
        case "exists":
            return wanted is True and one.get("exists") is not False
        case "type":
            numbers = _RANGES & one.keys() and all(
                _number(one[key]) is not None for key in _RANGES & one.keys()
            )
            return (wanted == "number" and bool(numbers)) or (
                wanted == "number" and one.get("type") == "integer"
            )
        case "contains":
            longer = one.get("contains")
            return text and isinstance(longer, str) and isinstance(wanted, str) and wanted in longer
        case "length" if "length" in one:
            return implies(_operators(one["length"]), _operators(wanted))
        case "ne":
            number = _number(wanted)
            low, high = _range(one)
            return number is not None and not text and not (low <= (number, 0) <= high)
        case _:
            return False


def _operators(written: Any) -> Mapping[str, Any]:
    return written if isinstance(written, Mapping) else {"eq": written}


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _values(operators: Mapping[str, Any]) -> list[Any] | None:
    """All values that can satisfy them, where those can be listed."""
    if "eq" in operators:
        return [operators["eq"]]
    choices = operators.get("one_of")
    return list(choices) if isinstance(choices, list | tuple) else None


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


_End = tuple[float, int]
"""A number, and -1 or 1 for just below or just above it."""


def _range(operators: Mapping[str, Any]) -> tuple[_End, _End]:
    """The least and the greatest value that comparisons let through."""
    low: _End = (-math.inf, 0)
    high: _End = (math.inf, 0)
    for name in _RANGES & operators.keys():
        number = _number(operators[name])
        if number is None:
            continue
        match name:
            case "lt":
                high = min(high, (number, -1))
            case "lte":
                high = min(high, (number, 0))
            case "gt":
                low = max(low, (number, 1))
            case _:
                low = max(low, (number, 0))
    return low, high


def _within(one: tuple[_End, _End], other: tuple[_End, _End]) -> bool:
    if other == ((-math.inf, 0), (math.inf, 0)):  # a comparison of texts, which no number bounds
        return False
    return other[0] <= one[0] and one[1] <= other[1]


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
