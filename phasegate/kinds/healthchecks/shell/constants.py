"""Tests and arithmetic of a shell whose outcome their text decides; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"\s*(\d+|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>!~&^|()?:])")
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", "<=", ">", ">="), ("<<", ">>"),
    ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_COMPARED = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_MOST = 1 << 62
"""Beyond this shells differ."""


def arithmetic(text: str) -> int | None:
    """The value of an expression of numbers; None where there is anything else in it, or it may fail."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1])
        at = match.end()
    try:
        value, rest = _level(tokens, 0)
    except (ValueError, IndexError, ZeroDivisionError, RecursionError):
        return None
    return value if not rest and abs(value) < _MOST else None


def _level(tokens: list[str], level: int) -> tuple[int, list[str]]:
    if level == len(_LEVELS):
        return _unary(tokens)
    value, rest = _level(tokens, level + 1)
    while rest and rest[0] in _LEVELS[level]:
        operator = rest[0]
        other, rest = _level(rest[1:], level + 1)
        value = _apply(operator, value, other)
    return value, rest


def _unary(tokens: list[str]) -> tuple[int, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        value, rest = _level(rest, 0)
        if rest[0] != ")":
            raise ValueError(first)
        return value, rest[1:]
    if first in ("-", "+", "!", "~"):
        value, rest = _unary(rest)
        return {"-": -value, "+": value, "!": int(not value), "~": ~value}[first], rest
    if not first.isdecimal() or (len(first) > 1 and first.startswith("0")) or len(first) > 15:
        raise ValueError(first)  # octal for some
    return int(first), rest


def _apply(operator: str, a: int, b: int) -> int:
    match operator:
        case "||":
            return int(bool(a or b))
        case "&&":
            return int(bool(a and b))
        case "|":
            return a | b
        case "^":
            return a ^ b
        case "&":
            return a & b
        case "==":
            return int(a == b)
        case "!=":
            return int(a != b)
        case "<":
            return int(a < b)
        case "<=":
            return int(a <= b)
        case ">":
            return int(a > b)
        case ">=":
            return int(a >= b)
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/" | "%":
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            return quotient if operator == "/" else a - b * quotient
    raise ValueError(operator)


def evaluate_test(words: Sequence[str], *, doubled: bool) -> bool | None:
    """What `test` says of its arguments; None where only the system knows, or shells differ.

    `doubled` is a shell that takes `==` for `=`; for the others it is an error.
    """
    match list(words):
        case []:
            return False
        case [one]:
            return bool(one)
        case ["!", *rest] if len(rest) < 4:
            inner = evaluate_test(rest, doubled=doubled)
            return None if inner is None else not inner
        case ["-n", one]:
            return bool(one)
        case ["-z", one]:
            return not one
        case [first, "=" | "==" | "!=" as operator, second]:
            if operator == "==" and not doubled:
                return False
            return (first == second) is not (operator == "!=")
        case [first, operator, second] if operator in _COMPARED:
            if _INTEGER.fullmatch(first) and _INTEGER.fullmatch(second):
                return bool(_COMPARED[operator](int(first), int(second)))
            return None
        case ["(", one, ")"]:
            return bool(one)
    for joint, decides in (("-o", True), ("-a", False)):
        if joint in words[1:-1]:
            at = list(words).index(joint, 1)
            sides = [evaluate_test(side, doubled=doubled) for side in (words[:at], words[at + 1 :])]
            return decides if decides in sides else None if None in sides else not decides
    return None


def expression(words: Sequence[str]) -> bool | None:
    """Whether `expr` ends well: where what it prints is neither empty nor 0; None where it may fail."""
    match words:
        case [one] if one and one not in ("+", "-", "(", ")", ":", "match", "substr", "index", "length"):
            return not re.fullmatch(r"-?0+", one) if not one.startswith("--") else None
        case [first, operator, second] if _INTEGER.fullmatch(first) and _INTEGER.fullmatch(second):
            value = arithmetic(f"({first}) {'==' if operator == '=' else operator} ({second})")
            known = operator in ("+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=")
            return bool(value) if known and value is not None else None
        case [first, "=" | "!=" as operator, second] if re.fullmatch(r"\w+", first + second):
            return (first == second) is not (operator == "!=")
    return None
