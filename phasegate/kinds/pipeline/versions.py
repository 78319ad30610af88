"""Versions and the ranges that languages write them in; pure.

A version is a prefix: `3.12` stands for every release of it.
"""

from __future__ import annotations

import re

Version = tuple[int, ...]
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|~>|\^|~|>|<|=)?\s*v?(\d+(?:\.\d+)*)((?:\.[xX*])*)[^\s,]*")


def read_version(text: str) -> Version | None:
    """The version that a text names; None for a word (`stable`), a range, or an expression."""
    match = re.fullmatch(r"v?(\d+(?:\.\d+){0,3})(?:\.[xX*])*(?:[-+_][\w.+-]*)?", text.strip())
    return tuple(map(int, match[1].split("."))) if match else None


def agree(one: Version, other: Version) -> bool:
    """Whether both can be the same release."""
    return all(a == b for a, b in zip(one, other, strict=False))


def allows(range_: str, version: Version) -> bool | None:
    """Whether a range has a release of a version; None where it is not understood."""
    answers = [_allows_all(part, version) for part in range_.split("||")]
    return True if True in answers else None if None in answers else False


def _allows_all(clauses: str, version: Version) -> bool | None:
    text = re.sub(r"(\d\S*)\s+-\s+(\d)", r">=\1 <=\2", clauses.strip())
    if text in ("", "*", "x", "latest"):
        return True
    rest = re.sub(_CLAUSE, "", text)
    if rest.strip(" ,"):
        return None
    return all(
        _allows(match[1] or "", tuple(map(int, match[2].split("."))), version)
        for match in _CLAUSE.finditer(text)
    )


def _allows(operator: str, bound: Version, version: Version) -> bool:
    """Whether one clause leaves a release of a version."""
    n = min(len(bound), len(version))
    order = (version[:n] > bound[:n]) - (version[:n] < bound[:n])
    open_ = len(version) < len(bound)
    match operator:
        case ">=":
            return order >= 0
        case ">":
            return order > 0 or (order == 0 and (len(version) < 3 or any(version[n:])))
        case "<=":
            return order <= 0
        case "<":
            return order < 0 or (order == 0 and open_ and any(bound[n:]))
        case "!=":
            return order != 0 or len(version) < len(bound)
        case "^" | "~" | "~=" | "~>":
            return order >= 0 and agree(version, _fixed(operator, bound))
    return order == 0


def _fixed(operator: str, bound: Version) -> Version:
    """What of a bound a release must begin with."""
    if operator == "^":
        first = next((place for place, number in enumerate(bound) if number), len(bound) - 1)
        return bound[: first + 1]
    if operator == "~":
        return bound[:2]
    return bound[: max(1, len(bound) - 1)]
