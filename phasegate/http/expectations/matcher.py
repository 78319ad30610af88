"""The operators of `expect`: one compiled test of one value, for replies and for the output of commands.

A scalar or list means equality; a mapping means operators, all of which must hold:

    eq ne                 equality as JSON has it: 1 equals 1.0, but neither true nor "1"
    lt lte gt gte         numbers with numbers, text with text
    matches not_matches   a regular expression found anywhere in text
    contains              text in text, an element in a list, a member name in an object
    length                of text, list or object: a number, or a mapping of comparisons
    type                  string, number, integer, boolean, array, object or null
    exists                whether there is a value at all
    one_of                equality with one of a list

Of a header that comes in several lines, `ne` and `not_matches` look at each and at the list that they make
up, joined by ", "; `matches` and `contains` may hold for any of these; comparisons need lines that are equal;
the others look at the list.

A value that is not there fails every operator but `exists: false`. An operator that holds whatever the
value is asserts nothing, and is refused.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.patterns import Pattern, SlowPatternError, compile_pattern
from phasegate.base.scalars import as_text, json_text

EXCERPT = 200
"""Characters of an actual value that a message shows."""
LINES = 3
"""Lines of a header that a message shows."""
LONGEST = 1 << 62
"""A length that nothing has."""
SUBJECT_LIMIT = 1 << 20
"""Characters a regular expression is run on."""
COMPARISONS: Final = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}
OPERATORS: Final = (
    "eq",
    "ne",
    *COMPARISONS,
    "matches",
    "not_matches",
    "contains",
    "length",
    "type",
    "exists",
    "one_of",
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FOR_MANY = ("eq", "ne", "contains", "length", "exists", "one_of")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and is_integer(value),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class Absent:
    """There is no such member, header or match."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class _Test:
    operator: str
    expected: Any
    """As a fact has it: a text, a number, True, or pairs of comparisons and numbers."""
    holds: Callable[[Any], bool]
    show: Callable[[Any], Message] | None = None
    """What of a value that does not hold is shown; None: its beginning."""

    def shown(self, actual: Any) -> Message:
        return excerpt(actual) if self.show is None else self.show(actual)

    def mismatch(self, actual: Message, slow: SlowPatternError | None) -> Fact:
        why = None if slow is None else slow.message.without("pattern")
        return fact(Code.MISMATCH, op=self.operator, expected=self.expected, why=why, actual=actual)

    def holds_for(self, lines: Sequence[str], whole: str | None) -> bool:
        """For a header of several lines; `whole`: the list they make up, None where they make up none."""
        values = lines if whole is None else (*lines, whole)
        match self.operator:
            case "ne" | "not_matches" | "size":
                return all(map(self.holds, values))
            case "matches" | "contains":
                return any(map(self.holds, values))
            case "exists":
                return self.holds(lines[0])
            case "lt" | "lte" | "gt" | "gte":
                return len(set(lines)) == 1 and self.holds(lines[0])
            case _:
                return whole is not None and self.holds(whole)


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one value must be; compiled once, checked often."""

    tests: tuple[_Test, ...]

    @classmethod
    def compile(
        cls,
        written: Any,
        *,
        text: bool = False,
        many: bool = False,
        always: bool = False,
        subject: int = SUBJECT_LIMIT,
    ) -> Matcher:
        """Compile a scalar, a list or a mapping of operators.

        `text`: the actual value is always text (header, body, output), so expected scalars are compared as
        text and, against a number, as numbers. `many`: it is always a list (a JSONPath for many values),
        which exists when it has an element. `always`: there always is a value (body, output, exit code).
        `subject`: characters that a regular expression is run on.
        Errors: ValueError saying which operator is unknown or cannot work, and what would.
        """
        operators = written if isinstance(written, Mapping) else {"eq": written}
        unknown = [str(key) for key in operators if key not in OPERATORS]
        if unknown:
            raise ValueError(
                f"unknown operator {', '.join(map(repr, unknown))}; operators are "
                f"{' '.join(OPERATORS)} (to compare with an object write eq: {{...}})"
            )
        if not operators:
            raise ValueError("no operator given; to compare with an empty object write eq: {}")
        if _has_no_number(written):
            raise ValueError("NaN and infinity are not JSON, so nothing equals them; quote text")
        if operators.get("exists") is False and len(operators) > 1:
            raise ValueError("exists: false leaves nothing for the other operators to look at")
        if always and "exists" in operators:
            raise ValueError("there always is one, so exists says nothing; write length: {gt: 0}, or eq")
        if many:
            _refuse_single(operators)
        compiled = [_compile(name, wanted, text, many, subject) for name, wanted in operators.items()]
        return cls((*compiled, *((_size_test(subject),) if "not_matches" in operators else ())))

    def check(self, actual: Any) -> Fact | None:
        """None when it holds, else `Code.MISMATCH`, without what it is of."""
        for test in self.tests:
            slow = None
            try:
                if test.holds(actual):
                    continue
            except SlowPatternError as error:
                slow = error
            return test.mismatch(test.shown(actual), slow)
        return None

    @property
    def searches(self) -> bool:
        """Whether it takes patterns, which may take their time."""
        return any(test.operator in ("matches", "not_matches") for test in self.tests)

    def check_lines(self, lines: Sequence[str], *, joins: bool = True) -> Fact | None:
        """The same for the lines of a header. `joins`: several of them make up a list."""
        if len(lines) < 2:
            return self.check(lines[0] if lines else ABSENT)
        whole = ", ".join(lines) if joins else None
        for test in self.tests:
            slow = None
            try:
                if test.holds_for(lines, whole):
                    continue
            except SlowPatternError as error:
                slow = error
            shown = tuple(excerpt(line) for line in lines[:LINES])
            return test.mismatch(fact(Code.HEADER_LINES, n=len(lines), lines=shown), slow)
        return None


def excerpt(value: Any) -> Message:
    """A value as JSON on one line, cut to a length."""
    if value is ABSENT:
        return fact(Code.NOTHING)
    text, length = _cut_json(value, EXCERPT)
    return text if length is None else fact(Code.EXCERPT, text=text, length=length)


def excerpt_text(value: Any, limit: int = EXCERPT) -> str:
    """The same for messages about a plan."""
    text, length = _cut_json(value, limit)
    return text if length is None else f"{text}... ({length:,} characters)"


def _cut_json(value: Any, limit: int) -> tuple[str, int | None]:
    """A value as JSON on one line, and how many characters it has where it is cut."""
    if isinstance(value, str) and len(value) > limit:
        return json_text(value[:limit]), len(value)
    try:
        text = json_text(value)
    except ValueError:  # a plan may hold what JSON does not, such as a date
        text = json.dumps(value, ensure_ascii=False, default=str)
    return (text, None) if len(text) <= limit + 2 else (text[:limit], len(text))


def same(actual: Any, expected: Any) -> bool:
    """Equality as JSON has it: 1 equals 1.0, true does not equal 1."""
    match expected:
        case bool() | None:
            return actual is expected
        case int() | float() | Decimal():
            return _is_number(actual) and bool(actual == expected)
        case Mapping():
            return (
                isinstance(actual, Mapping)
                and actual.keys() == expected.keys()
                and all(same(actual[key], value) for key, value in expected.items())
            )
        case list() | tuple():
            return (
                isinstance(actual, list)
                and len(actual) == len(expected)
                and all(same(mine, yours) for mine, yours in zip(actual, expected, strict=True))
            )
        case _:
            return bool(actual == expected)


def _size_test(subject: int) -> _Test:
    return _Test("size", subject, lambda it: isinstance(it, str) and len(it) <= subject)


def _compile(name: str, wanted: Any, text: bool, many: bool, subject: int) -> _Test:
    match name:
        case "eq" | "ne":
            return _equality(name, _as_scalar_text(wanted) if text else wanted)
        case "lt" | "lte" | "gt" | "gte":
            return _comparison(name, wanted, text)
        case "matches" | "not_matches":
            return _regex(name, wanted, subject)
        case "contains":
            if text and wanted == "":
                raise ValueError("every text contains the empty one, so it says nothing")
            return _containment(_as_scalar_text(wanted) if text else wanted)
        case "length":
            return _length(wanted)
        case "type":
            return _type(wanted)
        case "exists":
            if not isinstance(wanted, bool):
                raise ValueError(f"exists is true or false, not {excerpt_text(wanted)}")
            nothing = ([],) if many else (ABSENT,)
            return _Test(name, wanted, lambda it: (it not in nothing) is wanted)
        case _:
            return _one_of(wanted, text)


def _equality(name: str, wanted: Any) -> _Test:
    if name == "eq":
        return _Test(name, excerpt(wanted), lambda it: same(it, wanted))
    return _Test(name, excerpt(wanted), lambda it: it is not ABSENT and not same(it, wanted))


def _comparison(name: str, wanted: Any, text: bool) -> _Test:
    compare, label = COMPARISONS[name], excerpt(wanted)
    if _is_number(wanted):
        if text:
            return _Test(
                name, label, lambda it: (number := _number_in(it)) is not None and compare(number, wanted)
            )
        return _Test(name, label, lambda it: _is_number(it) and compare(it, wanted))
    if isinstance(wanted, str):
        return _Test(name, label, lambda it: isinstance(it, str) and compare(it, wanted))
    raise ValueError(f"{name} compares with a number or text, not {excerpt_text(wanted)}")


def _regex(name: str, wanted: Any, subject: int) -> _Test:
    if not isinstance(wanted, str):
        raise ValueError(f"{name} takes a regular expression, not {excerpt_text(wanted)}")
    pattern = compile_pattern(wanted)
    found = name == "matches"
    if found and pattern.matches_whatever:
        raise ValueError(f"{wanted!r} matches whatever the text is, so it says nothing")
    return _Test(
        name,
        wanted,
        lambda it: isinstance(it, str) and (pattern.search(it, 0, subject) is not None) is found,
        None if found else lambda it: _with_match(pattern, it, subject),
    )


def _with_match(pattern: Pattern, actual: Any, subject: int) -> Message:
    """The line of a text that a pattern matches, cut around the match."""
    try:
        match = pattern.search(actual, 0, subject) if isinstance(actual, str) else None
    except SlowPatternError:
        match = None
    if match is None or len(actual) <= EXCERPT:
        return excerpt(actual)
    begin, end = actual.rfind("\n", 0, match.start()) + 1, actual.find("\n", match.end())
    line = actual[begin : end if end >= 0 else len(actual)]
    before = max(0, match.start() - begin - EXCERPT // 2)
    number = actual.count("\n", 0, begin) + 1
    return fact(Code.IN_LINE, text=excerpt(line[before : before + EXCERPT]), line=number)


def _containment(wanted: Any) -> _Test:
    def holds(actual: Any) -> bool:
        match actual:
            case str():
                return isinstance(wanted, str) and wanted in actual
            case list():
                return any(same(element, wanted) for element in actual)
            case dict():
                return isinstance(wanted, str) and wanted in actual
            case _:
                return False

    return _Test("contains", excerpt(wanted), holds)


def _length(wanted: Any) -> _Test:
    if isinstance(wanted, Mapping):
        wrong = [str(key) for key in wanted if key not in ("eq", "ne", *COMPARISONS)]
        if wrong or not wanted:
            raise ValueError(f"length is compared by eq ne {' '.join(COMPARISONS)}, not {', '.join(wrong)}")
    values = wanted.values() if isinstance(wanted, Mapping) else [wanted]
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"a length is a whole number, not {excerpt_text(value)}")
    inner = Matcher.compile(wanted)
    # Comparisons change their mind at their own values only.
    sizes = {0, LONGEST, *(max(value + step, 0) for value in values for step in (-1, 0, 1))}
    if all(inner.check(size) is None for size in sizes):
        raise ValueError(f"length {excerpt_text(wanted)} holds for every length, so it says nothing")

    def holds(actual: Any) -> bool:
        return isinstance(actual, str | list | dict) and inner.check(len(actual)) is None

    return _Test("length", tuple((test.operator, test.expected) for test in inner.tests), holds)


def _type(wanted: Any) -> _Test:
    if not isinstance(wanted, str) or wanted not in _TYPES:
        raise ValueError(f"unknown type {excerpt_text(wanted)}; types are {', '.join(_TYPES)}")
    return _Test("type", wanted, lambda it: it is not ABSENT and _TYPES[wanted](it))


def _one_of(wanted: Any, text: bool) -> _Test:
    if not isinstance(wanted, list | tuple) or not wanted:
        raise ValueError(f"one_of takes a list, not {excerpt_text(wanted)}")
    choices = [_as_scalar_text(choice) if text else choice for choice in wanted]
    return _Test("one_of", excerpt(choices), lambda it: any(same(it, choice) for choice in choices))


def _refuse_single(operators: Mapping[str, Any]) -> None:
    """A path for many values gives a list: operators that a list can never satisfy are a mistake."""
    wrong = [name for name in operators if name not in _FOR_MANY]
    lists = {"eq": operators.get("eq", []), "ne": operators.get("ne", [])}
    wrong += [name for name, wanted in lists.items() if not isinstance(wanted, list | tuple)]
    if wrong:
        raise ValueError(
            f"the path selects a list, which {', '.join(wrong)} cannot look at; "
            "compare with a list, or use contains, length or exists"
        )


def _has_no_number(written: Any) -> bool:
    """Whether there is a NaN or an infinity anywhere in it."""
    match written:
        case float():
            return not math.isfinite(written)
        case Mapping():
            return any(map(_has_no_number, written.values()))
        case list() | tuple():
            return any(map(_has_no_number, written))
        case _:
            return False


def is_integer(value: float | Decimal) -> bool:
    """A number without a fraction, 2.0 among them; infinity and NaN are none."""
    match value:
        case Decimal():
            return value.is_finite() and value == value.to_integral_value()
        case float():
            return value.is_integer()
        case _:
            return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _as_scalar_text(value: Any) -> Any:
    return as_text(value) if isinstance(value, bool | int | float | Decimal) or value is None else value


def _number_in(value: Any) -> Decimal | None:
    """The number that a text is, with all its digits."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    try:
        return Decimal(value.strip())
    except InvalidOperation:
        return None
