"""A text with its encodings undone step by step, and the way back to where a byte stands; pure.

What is undone: percent-encoding, escapes with a backslash, HTML entities, terminal sequences, UTF-16,
quoted-printable, base64, base32, hexadecimal digits, lists of numbers, each also inside another.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from html.entities import html5

_ROUNDS = 4
"""Escapes inside each other that are undone."""
_NESTED = 2
"""Texts in base64 or hexadecimal digits inside each other that are undone."""
_RUN = 16
"""Characters from which on a word may be base64."""
_OF_PERCENT = rb"(?<=%) (?P<percent>[0-9A-Fa-f]{2})"
_OF_BACKSLASH = rb"""(?<=\\) (?: u\{(?P<braced>[0-9A-Fa-f]{1,6})\} | U(?P<U>0[0-9A-Fa-f]{7})
      | [uU](?P<u>[0-9A-Fa-f]{4}) | [xX](?P<x>[0-9A-Fa-f]{2}) | (?P<octal>[0-3]?[0-7]{2})
      | (?P<escape>[eE](?=\[)) | (?P<control>[abfnrtv0]) | (?P<itself>[&\#;%%=+/%s]) )"""
_OF_ENTITY = rb"""(?<=&) (?: \#(?P<decimal>[0-9]{1,7});? | \#[xX](?P<hex>[0-9A-Fa-f]{1,6});?
      | (?P<name>[A-Za-z][A-Za-z0-9]{1,30};) )"""
_OF_TERMINAL = rb"""(?P<terminal>
      (?: (?<=\x1b) | (?<=\xc2)(?=\x9b) | (?<=\^)\[(?=\[) | (?<=\xe2)\x90\x9b(?=\[) )
      (?: (?:\[|\x9b)[0-?]*[ -/]*[@-~] | \][^\x07\x1b\r\n]*(?:\x07|\x1b\\) | [()][A-B0-2] | [@-Z\\^_]? ) )"""


def _escapes(begin: bytes, *ways: bytes) -> re.Pattern[bytes]:
    """`begin`: the characters that begin one, which stand alone so that `re` can skip to them."""
    return re.compile(rb"[%s] (?: %s )" % (begin, b" | ".join(ways)), re.VERBOSE)


_ESCAPE = _escapes(rb"%\\&\x1b^\xc2\xe2", _OF_PERCENT, _OF_BACKSLASH % b"", _OF_ENTITY, _OF_TERMINAL)
_AT_ESCAPES = re.compile(rb"(%s)" % re.sub(rb"\(\?P<\w+>", rb"(?:", _ESCAPE.pattern), re.VERBOSE)
"""The same with one group, to split a text."""
_OWN = (
    _escapes(rb"%\\&", _OF_PERCENT, _OF_BACKSLASH % b"", _OF_ENTITY),
    _escapes(rb"%", _OF_PERCENT),
    _escapes(rb"\\", _OF_BACKSLASH % rb"\\'\""),
    _escapes(rb"&", _OF_ENTITY),
)
"""As a program undoes what it wrote itself, and leaves what was there before. Terminal sequences are not
undone at all."""
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_OTHER_MARKS = (b"\\", b"\x1b", b"^[", b"\x9b", b"\x90\x9b")
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_QUOTED_PRINTABLE = re.compile(rb"=(?:([0-9A-F]{2}|[0-9a-f]{2})|\r?\n)")
_MAYBE_PRINTABLE = re.compile(rb"=(?:00|3[DF]|5F|[89A-F][0-9A-F]|\r?\n)")
"""What every text in quoted-printable has; `=20` alone is in many a log."""
_WRAPPED = re.compile(
    rb"""(?x) [\\\r\n] (?<=[A-Za-z0-9+/_-]{48}[\\\r\n]) (?: (?<=[\r\n]) | (?<=\\)[rn] )
    (?: \\[rn] | \s )* (?=[A-Za-z0-9+/_-]{2})"""
)
_UNUSUAL = (
    rb"[\t-\r\x1c-\x1f]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80"
)
_BLANKS = re.compile(rb"(?: (?= |%b)|%b)(?: |%b)*" % (_UNUSUAL, _UNUSUAL, _UNUSUAL))
"""White space of all of Unicode, but for a single space."""
_NULS = re.compile(rb"\0+")
"""What UTF-16 has between letters."""
_IN_RUN = bytes(ord("x") if bytes([byte]).isalnum() or byte in b"+/_-" else ord(" ") for byte in range(256))
_LINE = 48
"""Characters from which on a word may be a line of base64."""
_REMEMBERED = 10_000
_LONG = b"x" * _RUN
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_IN_PAIRS = bytes(
    ord("x") if byte in b"0123456789abcdefABCDEF" else ord("-") if byte in b":- ," else ord(" ")
    for byte in range(256)
)
_PAIRS = b"xx-xx-xx-xx-xx-xx-xx-xx"
"""Hexadecimal digits with something between the bytes."""
_NUMBERS = re.compile(rb"[0-9]{1,3}(?:(?:, ?| )[0-9]{1,3}){7,}")
"""Bytes as a list of numbers."""
_NUMBER = re.compile(rb"[0-9]+")
_BETWEEN_NUMBERS = (b", " * 7, b"," * 7, b" " * 7)
_HEXADECIMAL = b"0123456789abcdefABCDEF"


_Pieces = tuple[list[int], list[tuple[int, int, int, int]]]
"""Where the pieces of a text begin, and where each comes from: its start and its end in the source, and how
many characters of the source stand for how many bytes; (0, 1) where the whole stands for each byte."""


class View:
    """A text made from another. Where its bytes come from is worked out when it is asked."""

    def __init__(
        self,
        data: bytes,
        source: View | None = None,
        pieces: Callable[[], _Pieces] = lambda: ([], []),
        nested: int = 0,
    ) -> None:
        self.data = data
        self.nested = nested
        """How many times base64 or the like was undone on the way."""
        self._source = source
        self._make_pieces = pieces

    @cached_property
    def _pieces(self) -> _Pieces:
        return self._make_pieces()

    def end(self, size: int) -> View:
        """The last bytes alone."""
        start, stop = max(len(self.data) - size, 0), len(self.data)
        return View(self.data[start:], self, lambda: ([0], [(start, stop, 1, 1)]), self.nested)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The part of the text that came first which `data[start:end]` stands for."""
        if self._source is None:
            return start, end
        at, pieces = self._pieces
        first, last = bisect_right(at, start) - 1, bisect_right(at, end - 1) - 1
        begin, stop, many, few = pieces[first]
        low = begin + (start - at[first]) * many // few if many else begin
        begin, stop, many, few = pieces[last]
        high = min(stop, begin - (at[last] - end) * many // few) if many else stop
        return self._source.origin(low, max(high, low))


def is_plain(data: bytes) -> bool:
    """Whether a text holds nothing that could be an encoding."""
    if _is_escaped(data):
        return False
    if b"\0" in data:
        return False
    if b"=" in data and _MAYBE_PRINTABLE.search(data):
        return False
    if len(data) < _RUN:
        return True
    if _PAIRS in data.translate(_IN_PAIRS) or (_may_be_numbers(data) and _NUMBERS.search(data)):
        return False
    if _LONG not in (marks := data.translate(_IN_RUN)):
        return True
    return not any(_may_be_code(run) for _, run in _runs(data, marks))


def views(data: bytes, *, own: bool = False) -> Iterator[View]:
    """The text as it is, and all that becomes of it when encodings are undone. `own`: what is looked for has
    escapes or terminal sequences itself, which have to stay then."""
    yield from _all(View(data), own)


def has_escapes(data: bytes) -> bool:
    """Whether a text has escapes or terminal sequences, or may make some of what is put behind its own."""
    return b"\\" in data or _ESCAPE.search(data) is not None


def spaced(view: View) -> View | None:
    """A text with a single space in place of all white space, as on one line; None where it has no other."""
    return _replace_matches(view, _BLANKS, lambda match: b" ")


def unescape_rounds(data: bytes) -> list[bytes]:
    """A text after each round of undoing its escapes; empty when it has none."""
    return [view.data for view in _rounds(View(data))[1:]]


def _all(view: View, own: bool) -> Iterator[View]:
    bases = _rounds(view)
    yield from bases
    ends = bases if len(bases) < 3 else [view, bases[-1]]
    for pattern in _OWN if own else ():
        others = list(_own_rounds(view, pattern))
        yield from others
        ends += others[-1:]
    if b"\0" in view.data and (narrow := _replace_matches(view, _NULS, lambda match: b"")) is not None:
        yield from _all(narrow, own)
    if view.nested < _NESTED:
        for base in ends:
            for decoded in (*_printable(base), *_decode_words(base)):
                yield from _all(decoded, own)


def _printable(view: View) -> Iterator[View]:
    """The text when read as quoted-printable, where it may be that."""
    if b"=" in view.data and _MAYBE_PRINTABLE.search(view.data):
        found = _replace_matches(view, _QUOTED_PRINTABLE, _of_quoted_printable)
        if found is not None:
            found.nested += 1
            yield found


def _rounds(view: View) -> list[View]:
    found = [view]
    while len(found) <= _ROUNDS and _may_be_escaped(data := found[-1].data):
        pieces = _AT_ESCAPES.split(data)
        pieces[1::2] = map(_ESCAPED.__getitem__, pieces[1::2])
        if (new := b"".join(pieces)) == data:
            break
        origin = partial(_pieces_of, data, _ESCAPE, lambda match: _ESCAPED[match[0]])
        found.append(View(new, found[-1], origin, view.nested))
    return found


def _own_rounds(view: View, pattern: re.Pattern[bytes]) -> Iterator[View]:
    for _ in range(_ROUNDS):
        plainer = _replace_matches(view, pattern, _meaning)
        if plainer is None:
            return
        yield plainer
        view = plainer


def _may_be_escaped(data: bytes) -> bool:
    return b"%" in data or b"&" in data or any(mark in data for mark in _OTHER_MARKS)


def _is_escaped(data: bytes) -> bool:
    """Whether there is an escape. Parameters of a URL have `&`, formats `%`: what makes them escapes is
    looked for first, as that is faster."""
    if b"%" in data and _PERCENT.search(data):
        return True
    entities = b"&" in data and (b";" in data or b"&#" in data)
    return (entities or any(mark in data for mark in _OTHER_MARKS)) and bool(_ESCAPE.search(data))


def _replace_matches(
    view: View, pattern: re.Pattern[bytes], put: Callable[[re.Match[bytes]], bytes]
) -> View | None:
    """The text with `put` in place of what a pattern finds; None where that changes nothing."""
    data = view.data
    new = pattern.sub(put, data)
    if new == data:
        return None
    return View(new, view, partial(_pieces_of, data, pattern, put), view.nested)


def _pieces_of(data: bytes, pattern: re.Pattern[bytes], put: Callable[[re.Match[bytes]], bytes]) -> _Pieces:
    at: list[int] = []
    pieces: list[tuple[int, int, int, int]] = []
    size = done = 0
    for match in pattern.finditer(data):
        start, end = match.span()
        if start > done:
            at.append(size)
            pieces.append((done, start, 1, 1))
            size += start - done
        at.append(size)
        pieces.append((start, end, 0, 1))
        size += len(put(match))
        done = end
    at.append(size)
    pieces.append((done, len(data), 1, 1))
    return at, pieces


class _Escaped(dict[bytes, bytes]):
    """What each escape stands for, worked out once."""

    def __missing__(self, escape: bytes) -> bytes:
        match = _ESCAPE.fullmatch(escape) or _ESCAPE.match(escape + b"[")
        found = _meaning(match) if match else escape
        if len(self) < _REMEMBERED:
            self[escape] = found
        return found


_ESCAPED = _Escaped()


def _meaning(match: re.Match[bytes]) -> bytes:
    kind, text = match.lastgroup, match[match.lastgroup or 0]
    match kind:
        case "percent" | "x":
            return bytes([int(text, 16)])
        case "u" | "U" | "braced" | "hex":
            return _character(int(text, 16))
        case "decimal":
            return _character(int(text))
        case "octal":
            return bytes([int(text, 8)])
        case "control":
            return _CONTROLS.get(text, b"\0")
        case "escape":
            return b"\x1b"
        case "itself":
            return text
        case "name":
            name = text.decode()
            return (html5.get(name) or html5.get(name.lower()) or match[0].decode()).encode()
        case _:
            return b""


def _character(number: int) -> bytes:
    """A half of a surrogate pair stands for nothing that is looked at: it is not a letter of ASCII."""
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"


def _of_quoted_printable(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b""


def _decode_words(view: View) -> Iterator[View]:
    """What the words of a text are when read as base64, base32 or hexadecimal digits, at each alignment."""
    yield from _numbers(view)
    of_pairs = list(_runs(view.data, view.data.translate(_IN_PAIRS), _PAIRS))
    for offset in range(3 if of_pairs else 0):
        yield from _join_words(view, of_pairs, offset, 3, 1)
    marks = view.data.translate(_IN_RUN)
    if _LONG not in marks:
        return
    if (
        b"x" * _LINE in marks
        and (unwrapped := _replace_matches(view, _WRAPPED, lambda match: b"")) is not None
    ):
        view = unwrapped
        marks = view.data.translate(_IN_RUN)
    runs = [(at, run) for at, run in _runs(view.data, marks) if _may_be_code(run)]
    of_base64 = [(at, run) for at, run in runs if _may_be_base64(run)]
    for offset in range(4):
        yield from _join_words(view, of_base64, offset, 4, 3)
    of_digits = [(at, run) for at, run in runs if _may_be_digits(run)]
    for offset in range(2):
        yield from _join_words(view, of_digits, offset, 2, 1)
    of_base32 = [(at, run) for at, run in runs if _may_be_base32(run)]
    for offset in range(8):
        yield from _join_words(view, of_base32, offset, 8, 5)


def _may_be_numbers(data: bytes) -> bool:
    """Searching for what is between numbers when they are gone is faster than for the numbers."""
    rest = data.translate(None, b"0123456789")
    return any(between in rest for between in _BETWEEN_NUMBERS)


def _numbers(view: View) -> Iterator[View]:
    """The lists of numbers in a text as the bytes that they are."""
    if not _may_be_numbers(view.data):
        return
    out = bytearray()
    pieces: list[tuple[int, int, int, int]] = []
    for match in _NUMBERS.finditer(view.data):
        found = list(_NUMBER.finditer(view.data, match.start(), match.end()))
        if all(int(number[0]) < 256 for number in found):
            out += bytes(int(number[0]) for number in found) + b"\n"
            pieces += ((number.start(), number.end(), 0, 1) for number in found)
            pieces.append((match.end(), match.end(), 0, 1))
    if out:
        yield View(bytes(out), view, lambda: (list(range(len(pieces))), pieces), view.nested + 1)


def _may_be_code(run: bytes) -> bool:
    """Whether one of the three tests below is true, in fewer steps for the most common words."""
    if run.islower():
        return _may_be_digits(run)
    return not run.isupper() or _may_be_digits(run) or _may_be_base32(run)


def _may_be_base64(run: bytes) -> bool:
    """Sixteen letters of base64 without capitals, or without small ones, are one in five thousand."""
    return not (run.islower() or run.isupper() or run.isdigit())


def _may_be_digits(run: bytes) -> bool:
    return not run.strip(_HEXADECIMAL)


def _may_be_base32(run: bytes) -> bool:
    return run.isupper() and not run.strip(_BASE32)


def _runs(data: bytes, marks: bytes, least: bytes = _LONG) -> Iterator[tuple[int, bytes]]:
    """Words that are long enough for a code; `marks`: the text with a space where none can be."""
    start = marks.find(least)
    while start >= 0:
        end = marks.find(b" ", start)
        end = len(data) if end < 0 else end
        yield start, data[start:end]
        start = marks.find(least, end)


def _join_words(
    view: View, runs: list[tuple[int, bytes]], offset: int, many: int, few: int
) -> Iterator[View]:
    """The words decoded, each on a line of its own."""
    out = bytearray()
    at: list[int] = []
    pieces: list[tuple[int, int, int, int]] = []
    for start, run in runs:
        size = (len(run) - offset + (many == 3)) // many * many
        whole = run[offset : offset + size]
        try:
            new = _read(whole, run[offset + size :], many)
        except ValueError:
            continue
        at += (len(out), len(out) + len(new))
        begin = start + offset
        pieces += ((begin, start + len(run), many, few), (start + len(run), start + len(run), 0, 1))
        out += new + b"\n"
    if out:
        yield View(bytes(out), view, lambda: (at, pieces), view.nested + 1)


def _read(whole: bytes, rest: bytes, many: int) -> bytes:
    """Whole groups of characters, `many` in each, and what is left as far as it goes. Errors: ValueError."""
    match many:
        case 4:
            padded = whole + rest + b"=" * (4 - len(rest)) if 1 < len(rest) < 4 else whole
            return binascii.a2b_base64(padded.translate(_URL_SAFE))
        case 8:
            return base64.b32decode(whole.upper() + (rest.upper().ljust(8, b"=") if rest[1:] else b""))
        case 3:
            return binascii.unhexlify(bytes(b for n, b in enumerate(whole) if n % 3 < 2))
        case _:
            return binascii.unhexlify(whole)
