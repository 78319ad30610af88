"""Regular expressions of a plan: Python's, searched in bounded time.

`re` itself searches in texts so short that the pattern cannot take long. Else the engine is `regex`, which
can give up, and lets other threads run meanwhile. Its own dialect differs from that of `re` (`\\w`, `\\s`,
`\\b`, `a{e}`, `[[:alpha:]]`), so a pattern is read by `re` and written out. What is left of a difference are
characters that this Python's version of Unicode does not know.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import Any, TypeVar

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, fact
from phasegate.base.units import format_seconds

PATTERN_LIMIT = 1_000
"""Characters of a regular expression."""
SIZE_LIMIT = 100_000
"""What a regular expression may come to, its counted repeats written out."""
_FEW_STEPS = 100_000
"""Steps of `re` that take about a millisecond."""
PATIENCE = 1.0
"""Seconds of processor time for all searches of one check."""
_T = TypeVar("_T")
_SEARCHER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
"""One thread, as the clock of `regex` counts the processor time of all."""
_PARSER: Any = vars(re)["_parser"]
_ANY_TEXT = ("", " ", "\n", "a", "Z", "0", "-", "\x00", "{}", "\u3042")
"""What all of these match, every text does: `.*`, `(ok)?`, `^`."""


class SlowPatternError(ValueError):
    """A search ran out of time: whether the pattern matches is not known."""

    def __init__(self, pattern: str, within: float) -> None:
        super().__init__(f"the pattern {pattern!r} did not end within {format_seconds(within)}")
        self.message = fact(Code.SLOW_PATTERN, pattern=pattern, within=float(within))


class time_limit:  # noqa: N801 - a context manager, used as a function
    """All searches within have so many seconds of processor time together; the outermost limit counts."""

    __slots__ = ("_token", "left", "whole")

    def __init__(self, seconds: float = PATIENCE) -> None:
        self.whole = self.left = seconds
        self._token: Token[time_limit | None] | None = None

    def __enter__(self) -> None:
        if _LIMIT.get() is None:
            self._token = _LIMIT.set(self)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _LIMIT.reset(self._token)


_LIMIT: ContextVar[time_limit | None] = ContextVar("limit", default=None)


async def aside(search: Callable[[], _T]) -> _T:
    """What a function gives back that searches, in another thread: the event loop goes on meanwhile."""
    import asyncio

    return await asyncio.get_running_loop().run_in_executor(_SEARCHER, search)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression; each search raises SlowPatternError where it runs out of time."""

    text: str
    groups: int
    quick: int
    """Characters of the longest text that `re` itself searches."""
    _plain: re.Pattern[str]
    _engine: Any

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> Any:
        """The first match, as `re.Pattern.search` has it, or None."""
        if len(text) <= self.quick:
            return self._plain.search(text, start, end)
        return self._time(self._engine.search, text, start, end)

    def fullmatch(self, text: str) -> Any:
        if len(text) <= self.quick:
            return self._plain.fullmatch(text)
        return self._time(self._engine.fullmatch, text, 0, sys.maxsize)

    def finditer(self, text: str) -> Iterator[Any]:
        """All matches; what is done between them takes from the time too."""
        limit = _LIMIT.get() or time_limit()
        begun = time.thread_time()
        try:
            yield from self._engine.finditer(text, timeout=max(limit.left, 0.0))
        except TimeoutError:
            raise SlowPatternError(self.text, limit.whole) from None
        finally:
            limit.left -= time.thread_time() - begun

    @property
    def matches_whatever(self) -> bool:
        """Whether it matches every text, so that it says nothing."""
        return all(self.search(sample) is not None for sample in _ANY_TEXT)

    def _time(self, search: Any, text: str, start: int, end: int) -> Any:
        limit = _LIMIT.get() or time_limit()
        if limit.left <= 0:
            raise SlowPatternError(self.text, limit.whole)
        begun = time.thread_time()
        try:
            found = search(text, start, end, timeout=limit.left)
        except TimeoutError:
            limit.left = 0.0
            raise SlowPatternError(self.text, limit.whole) from None
        limit.left -= time.thread_time() - begun
        return found


@lru_cache(maxsize=2048)
def compile_pattern(pattern: str, limit: int = PATTERN_LIMIT) -> Pattern:
    """Errors: ValueError when it is too long, comes to too much, or is not a regular expression."""
    if len(pattern) > limit:
        raise ValueError(f"a regular expression of {len(pattern):,} characters; at most {limit:,}")
    import regex

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what other versions may take another way
            tree = _PARSER.parse(pattern)
            if _size(tree) > SIZE_LIMIT:
                raise ValueError(
                    f"{pattern[:200]!r} repeats too much: with its counts written out it comes to more than "
                    f"{SIZE_LIMIT:,} characters; write + or *, or smaller counts"
                )
            plain = re.compile(pattern)
            engine = regex.compile(_sequence(tree, tree.state.flags), regex.V0, cache_pattern=False)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return Pattern(pattern, plain.groups, _quick(tree), plain, engine)


def _size(tree: Any) -> int:
    """Characters, with the most that each counted repeat may be."""
    size = 0
    for code, value in tree:
        match str(code):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = value
                size += _size(inner) * max(least if most >= _UNBOUNDED else most, 1)
            case "BRANCH":
                size += sum(map(_size, value[1]))
            case "SUBPATTERN":
                size += _size(value[3])
            case "ATOMIC_GROUP":
                size += _size(value)
            case "ASSERT" | "ASSERT_NOT":
                size += _size(value[1])
            case "GROUPREF_EXISTS":
                size += sum(_size(inner) for inner in value[1:] if inner)
            case _:
                size += 1
    return size


def _quick(tree: Any) -> int:
    """Characters of the longest text on which a search that goes back to every choice takes few steps."""
    choices = _choices(tree)
    if choices is None:
        return -1
    (repeats, ways), size, longest = choices, _size(tree) + 1, -1
    step = 1 << 16
    while step:
        length = longest + step
        if (length + 1) ** (repeats + 1) * ways * (size + (length if repeats else 0)) <= _FEW_STEPS:
            longest = length
        step >>= 1
    return longest


def _choices(tree: Any) -> tuple[int, int] | None:
    """In how many ways a match can be tried from one place: repeats that the length of the text bounds, and a
    factor. None where choices are repeated."""
    repeats, ways = 0, 1
    for code, value in tree:
        match str(code):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = value
                if _choices(inner) != (0, 1):
                    return None
                found: tuple[int, int] | None = (1, 1) if most >= _UNBOUNDED else (0, most - least + 1)
            case "SUBPATTERN":
                found = _choices(value[3])
            case "ATOMIC_GROUP":
                found = _choices(value)
            case "ASSERT" | "ASSERT_NOT":
                found = _choices(value[1])
            case "BRANCH":
                branches = [_choices(branch) for branch in value[1]]
                known = [one for one in branches if one is not None]
                some = len(known) == len(branches)
                found = (max(one[0] for one in known), sum(one[1] for one in known)) if some else None
            case "GROUPREF":
                found = (1, 1)
            case "GROUPREF_EXISTS":
                return None
            case _:
                continue
        if found is None:
            return None
        repeats, ways = repeats + found[0], ways * found[1]
    return repeats, ways


_UNBOUNDED = int(vars(re)["_constants"].MAXREPEAT)
_Ranges = tuple[tuple[int, int], ...]
_SPACES: _Ranges = (
    (0x09, 0x0D),
    (0x1C, 0x20),
    (0x85, 0x85),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)
_ASCII: dict[str, _Ranges] = {
    "DIGIT": ((0x30, 0x39),),
    "SPACE": ((0x09, 0x0D), (0x20, 0x20)),
    "WORD": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
}
_LETTERS_OF_I = (0x49, 0x69, 0x130, 0x131)
"""To `re` these are one letter where case does not count."""
_NO_CASE = re.IGNORECASE.value
_WORD = r"\p{L}\p{N}_"
# Of connectors, `_` is the only one that is part of a word.
_NO_WORD = (
    r"\p{M}\p{S}\p{Z}\p{C}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}"
    r"\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f"
)
_B_MATCHES_NOTHING = re.search(r"\B", "") is not None


def _sequence(tree: Any, flags: int) -> str:
    return "".join(_item(str(code), value, flags) for code, value in tree)


def _item(code: str, value: Any, flags: int) -> str:
    match code:
        case "LITERAL":
            return _character(value, flags)
        case "NOT_LITERAL":
            return _set([("NEGATE", None), ("LITERAL", value)], flags)
        case "ANY":
            return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
        case "IN":
            return _set(value, flags)
        case "AT":
            return _place(str(value), flags)
        case "BRANCH":
            return f"(?:{'|'.join(_sequence(branch, flags) for branch in value[1])})"
        case "SUBPATTERN":
            number, more, fewer, inner = value
            text = _sequence(inner, _combine_flags(flags, more, fewer))
            return f"(?:{text})" if number is None else f"({text})"
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = value
            count = f"{{{least},{'' if most >= _UNBOUNDED else most}}}"
            greed = {"MAX_REPEAT": "", "MIN_REPEAT": "?"}.get(code, "+")
            return f"(?:{_sequence(inner, flags)}){count}{greed}"
        case "ATOMIC_GROUP":
            return f"(?>{_sequence(value, flags)})"
        case "ASSERT" | "ASSERT_NOT":
            direction, inner = value
            sign = ("<" if direction < 0 else "") + ("=" if code == "ASSERT" else "!")
            return f"(?{sign}{_sequence(inner, flags)})"
        case "GROUPREF":
            return f"(?i:\\g<{value}>)" if flags & _NO_CASE else f"(?:\\g<{value}>)"
        case "GROUPREF_EXISTS":
            number, there, else_ = value
            return f"(?({number})(?:{_sequence(there, flags)})|(?:{_sequence(else_ or (), flags)}))"
        case "FAILURE":
            return "(?!)"
        case _:
            raise re.error(f"nobody here knows {code}")


def _combine_flags(flags: int, more: int, fewer: int) -> int:
    kinds = re.ASCII | re.UNICODE | re.LOCALE
    return int((flags & ~kinds if more & kinds else flags) | more) & ~fewer


def _place(where: str, flags: int) -> str:
    match where:
        case "AT_BEGINNING":
            return "(?m:^)" if flags & re.MULTILINE else r"\A"
        case "AT_END":
            return "(?m:$)" if flags & re.MULTILINE else "$"
        case "AT_BEGINNING_STRING":
            return r"\A"
        case "AT_END_STRING":
            return r"\Z"
    word = f"[{_category('WORD', flags)}]"
    if where == "AT_BOUNDARY":
        return f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"
    inside = f"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"
    return inside if _B_MATCHES_NOTHING else rf"(?!\A\Z){inside}"


def _character(code: int, flags: int) -> str:
    if not flags & _NO_CASE:
        return _escape(code)
    if flags & re.ASCII or code in _LETTERS_OF_I:
        return _set([("LITERAL", code)], flags)
    return f"(?i:{_escape(code)})"


def _set(items: Iterable[tuple[Any, Any]], flags: int) -> str:
    negated, pieces = "", []
    ranges: list[tuple[int, int]] = []
    for code, value in items:
        match str(code):
            case "NEGATE":
                negated = "^"
            case "LITERAL":
                ranges.append((value, value))
            case "RANGE":
                ranges.append(value)
            case _:
                pieces.append(_category(str(value).removeprefix("CATEGORY_"), flags))
    if flags & _NO_CASE:
        ranges += _other_case(ranges, flags)
    text = f"[{negated}{''.join(map(_range, ranges))}{''.join(pieces)}]"
    return f"(?i:{text})" if flags & _NO_CASE and not flags & re.ASCII else text


def _other_case(ranges: Iterable[tuple[int, int]], flags: int) -> list[tuple[int, int]]:
    """What `re` adds where case does not count and `regex` would not."""
    if not flags & re.ASCII:
        return [(one, one) for one in _LETTERS_OF_I if any(_holds(ranges, other) for other in _LETTERS_OF_I)]
    letters = (*range(0x41, 0x5B), *range(0x61, 0x7B))
    return [(letter ^ 0x20, letter ^ 0x20) for letter in letters if _holds(ranges, letter)]


def _holds(ranges: Iterable[tuple[int, int]], code: int) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _category(name: str, flags: int) -> str:
    """As it stands within brackets."""
    negated, base = name.startswith("NOT_"), name.removeprefix("NOT_")
    if flags & re.ASCII or base == "SPACE":
        ranges = _ASCII[base] if flags & re.ASCII else _SPACES
        return "".join(map(_range, _others(ranges) if negated else ranges))
    if base == "DIGIT":
        return r"\P{Nd}" if negated else r"\p{Nd}"
    return _NO_WORD if negated else _WORD


def _others(ranges: _Ranges) -> _Ranges:
    ends = [-1, *(end for pair in ranges for end in pair), sys.maxunicode + 1]
    return tuple((ends[at] + 1, ends[at + 1] - 1) for at in range(0, len(ends), 2))


def _range(pair: tuple[int, int]) -> str:
    first, last = pair
    return _escape(first) if first == last else f"{_escape(first)}-{_escape(last)}"


def _escape(code: int) -> str:
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
