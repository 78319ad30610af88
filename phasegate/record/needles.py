"""Where secrets stand in a text, whatever was put between their letters and digits; pure.

A text and a secret are reduced to their letters and digits of ASCII in lower case. Every other byte of the
reduced text begins no look-up: groups of four letters are looked up in a table of all groups of all secrets,
so that a text is searched at the same speed for one secret and for a thousand. What is found is held against
the text itself: between the letters must stand what stands there in the secret, or what programs put there
(quotes, backslashes, line breaks, NUL bytes, anything that is not ASCII).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from itertools import compress, pairwise
from typing import Literal

from phasegate.base.dataclass import dataclass

SHORTEST = 7
"""Letters and digits from which on a secret is found by them alone."""
LONGEST = 256
"""Letters and digits of one piece of a long secret."""
PARTIAL = 9
"""Letters and digits of a secret that are replaced where the rest is missing."""
_GROUP = 4
_WIDE_GROUP = 8
"""Letters of a group of a code of which only a long part tells anything: digits are everywhere."""
_MANIFOLD = 6
"""Different letters from which on a part of a secret tells anything: others are parts of themselves."""
_BEGUN = 2
"""Letters at the end of a text that may be the beginning of a secret; a single one is too common, unless a
line ends behind it in the secret."""
_FORMATS: dict[int, Literal["I", "Q"]] = {_GROUP: "I", _WIDE_GROUP: "Q"}
_FEW = 50
"""Groups that are found faster by a search for each than by a look at every group of a text."""
_LOWER = bytes(range(65)) + bytes(range(97, 123)) + bytes(range(91, 256))
_OTHERS = bytes(byte for byte in range(256) if byte >= 128 or not bytes([byte]).isalnum())
_IS_LETTER = bytes(byte not in _OTHERS for byte in range(256))
_PUT_BETWEEN = re.compile(rb"=\r?\n|[\x00-\x08\x0b-\x1f\x7f-\xff\\'\"`$^]")
_SPACE = re.compile(rb"[\t\n +]+")
_WIDEST = 48
"""Bytes that may stand between two letters, beside what stands there in the secret."""
_WIDEST_CODED = 8
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_TOKEN = re.compile(rb"[a-z]")


@dataclass(frozen=True, slots=True, eq=False)
class _Needle:
    letters: bytes
    between: tuple[bytes, ...] | None
    """What stands before, between and after the letters; None where it does not matter: a code."""
    least: int
    """Letters of a part that is replaced; all of them where a part tells nothing."""


_Groups = dict[int, list[tuple[_Needle, int]]]


class Needles:
    """The forms of secrets that letters and digits tell."""

    def __init__(self) -> None:
        self._groups: _Groups = {}
        self._wide_groups: _Groups = {}
        self._known: set[int] = set()
        self._wide_known: set[int] = set()
        """The keys of both; a set is asked faster."""
        self._beginnings: set[bytes] = set()
        self._longest = 0

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, text: str, raw: bytes) -> bool:
        """Look for a secret and its codes from now on; whether its letters suffice to find the secret."""
        found = True
        for form in {text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)}:
            found &= self._add(form.encode("utf-8", "surrogatepass"), coded=False)
            self._add(form[::-1].encode("utf-8", "surrogatepass"), coded=False)
            for part in _NOT_ASCII.split(form) if not form.isascii() else ():
                if len(part) >= PARTIAL:
                    self._add(part.encode(), coded=False)
        for name in ("latin-1", "cp1252") if not text.isascii() else ():
            # UTF-8 that was read as another encoding, and taken apart then.
            read = unicodedata.normalize("NFD", raw.decode(name, "replace"))
            self._add(read.encode(), coded=False)
        if not text.isascii() or "+" in text:
            self._add(text.encode("utf-7", "replace"), coded=False)
        for code, least in _codes(text, raw):
            self._add(code, coded=True, least=least)
        return found

    def _add(self, form: bytes, *, coded: bool, least: int = 0) -> bool:
        reduced = _reduce(form)
        if len(reduced) < SHORTEST:
            return False
        places = list(compress(range(len(form)), form.translate(_IS_LETTER)))
        for start in range(0, len(reduced), LONGEST):
            start = min(start, max(len(reduced) - LONGEST, 0))
            letters = reduced[start : start + LONGEST]
            if coded:
                self._index(_Needle(letters, None, min(least, len(letters))))
                continue
            edges = [places[start - 1] if start else -1, *places[start : start + LONGEST]]
            edges.append(places[start + LONGEST] if start + LONGEST < len(places) else len(form))
            between = tuple(form[low + 1 : high].lower() for low, high in pairwise(edges))
            self._index(_Needle(letters, between, PARTIAL))
        return True

    def _index(self, needle: _Needle) -> None:
        letters = needle.letters
        if len(set(letters)) < _MANIFOLD:
            needle = _Needle(letters, needle.between, len(letters))
        self._longest = max(self._longest, len(letters))
        broken = needle.between is not None and not {10, 13}.isdisjoint(needle.between[1])
        self._beginnings.update(letters[:size] for size in range(1 if broken else _BEGUN, _GROUP))
        wide = needle.between is None and needle.least >= 2 * _WIDE_GROUP - 1
        groups, known, size = self._groups, self._known, _GROUP
        if wide:
            groups, known, size = self._wide_groups, self._wide_known, _WIDE_GROUP
        found: dict[int, list[int]] = {}
        for at in range(len(letters) - size + 1):
            found.setdefault(int.from_bytes(letters[at : at + size], "little"), []).append(at)
        known.update(found)
        for group, places in found.items():
            # Of a secret that repeats itself a text has a whole group that begins in the first.
            groups.setdefault(group, []).extend((needle, at) for at in places[:size])

    def find(self, data: bytes, *, anything_between: bool = False) -> Iterator[tuple[int, int]]:
        """Where secrets stand; parts may overlap. `anything_between`: where other characters were replaced,
        as in names of files."""
        reduced = _reduce(data)
        places: list[int] = []
        for groups, known, size in (
            (self._groups, self._known, _GROUP),
            (self._wide_groups, self._wide_known, _WIDE_GROUP),
        ):
            words = _words(reduced, size)
            covered = 0
            for number in _shared(words, known, reduced, size):
                if (number + 1) * size <= covered:
                    continue
                at = number * size
                before, after = reduced[at - 1 : at], reduced[at + size : at + size + 1]
                for needle, inside in groups[words[number]]:
                    letters, behind = needle.letters, inside + size
                    if letters[inside - 1 : inside] != before and letters[behind : behind + 1] != after:
                        continue  # as at most of the places: a part has more than one group
                    if (part := _part(needle, reduced, at, inside, size)) is None:
                        continue
                    places = places or list(compress(range(len(data)), data.translate(_IS_LETTER)))
                    start, end, _ = part
                    if anything_between and end - start == len(needle.letters):
                        yield places[start], places[end - 1] + 1
                        covered = max(covered, end)
                    elif (place := _check_place(needle, data, places, *part)) is not None:
                        yield place
                        covered = max(covered, end)

    def unfinished(self, data: bytes) -> Iterator[tuple[int, int, bool]]:
        """Where the end of a text may be a part of a secret, how many letters, and whether the first."""
        tail = data[-8 * self._longest :] if self._longest else b""
        reduced = _reduce(tail)
        size = len(reduced)
        if not self._ends_in_part(reduced):
            return
        found: dict[int, bool] = {}
        for count in range(1, min(_GROUP, size + 1)):
            if reduced[size - count :] in self._beginnings:
                found[count] = True
        for groups, width in ((self._groups, _GROUP), (self._wide_groups, _WIDE_GROUP)):
            last = size - width
            group = int.from_bytes(reduced[last:], "little") if last >= 0 else -1
            for needle in dict.fromkeys(needle for needle, _ in groups.get(group, ())):
                for inside in _all_places(needle.letters, reduced[last:]):
                    low, high = _stretch(needle.letters, reduced, last, inside, width)
                    if high < len(needle.letters):
                        found[high - low] = found.get(high - low, False) or low == 0
        if found:
            places = list(compress(range(len(data) - len(tail), len(data)), tail.translate(_IS_LETTER)))
            yield from ((places[-count], count, begins) for count, begins in found.items())

    def _ends_in_part(self, reduced: bytes) -> bool:
        return (
            int.from_bytes(reduced[-_GROUP:], "little") in self._known
            or int.from_bytes(reduced[-_WIDE_GROUP:], "little") in self._wide_known
            or any(reduced[-count:] in self._beginnings for count in range(1, _GROUP))
        )


def _all_places(letters: bytes, group: bytes) -> Iterator[int]:
    at = letters.find(group)
    while at >= 0:
        yield at
        at = letters.find(group, at + 1)


def _reduce(data: bytes) -> bytes:
    return data.translate(_LOWER, _OTHERS)


def _words(reduced: bytes, size: int) -> memoryview:
    """The text cut into groups, each as a number."""
    return memoryview(reduced)[: len(reduced) // size * size].cast(_FORMATS[size])


def _shared(words: memoryview, known: set[int], reduced: bytes, size: int) -> list[int]:
    """The numbers of the groups of a text that are known."""
    there = known.intersection(words)
    if len(there) > _FEW:
        return [number for number, word in enumerate(words) if word in there]
    found: list[int] = []
    for group in (word.to_bytes(size, "little") for word in there):
        at = reduced.find(group)
        while at >= 0:
            if at % size == 0:
                found.append(at // size)
            at = reduced.find(group, at + 1)
    return sorted(found)


def _part(needle: _Needle, reduced: bytes, at: int, inside: int, size: int) -> tuple[int, int, int] | None:
    """The letters of a needle around a group: their start and end in the text, their start in the needle."""
    letters = needle.letters
    start = at - inside
    if start >= 0 and reduced.startswith(letters, start):
        return start, start + len(letters), 0
    if needle.least == len(letters):
        return None
    low, high = _stretch(letters, reduced, at, inside, size)
    if high - low >= needle.least and (
        needle.between is None or 4 * (high - low) >= 3 * len(letters) or _tells(needle, low, high)
    ):
        return start + low, start + high, low
    return None


def _stretch(letters: bytes, reduced: bytes, at: int, inside: int, group: int) -> tuple[int, int]:
    """From where to where a needle agrees with the text around a group that both have."""
    low, high, start, size = inside, inside + group, at - inside, len(reduced)
    while low > 0 and start + low > 0 and letters[low - 1] == reduced[start + low - 1]:
        low -= 1
    while high < len(letters) and start + high < size and letters[high] == reduced[start + high]:
        high += 1
    return low, high


def _tells(needle: _Needle, low: int, high: int) -> bool:
    """Whether a part is of a made-up word, letters and digits in one, and so of nothing but a secret."""
    assert needle.between is not None
    if any(needle.between[low + 1 : high]):
        return False
    letters = sum(1 for _ in _TOKEN.finditer(needle.letters, low, high))
    return letters >= 2 and high - low - letters >= 2


def _check_place(
    needle: _Needle, data: bytes, places: list[int], start: int, end: int, first: int
) -> tuple[int, int] | None:
    """Where letters stand in the text, with what belongs to the secret around them; None where something
    stands between them that a program would not have put there."""
    if needle.between is None:
        steps = zip(places[start : end - 1], places[start + 1 : end], strict=True)
        if any(after - before > _WIDEST_CODED for before, after in steps):
            return None
        return places[start], places[end - 1] + 1
    for number in range(start, end - 1):
        there = data[places[number] + 1 : places[number + 1]]
        here = needle.between[first + number - start + 1]
        if there != here and not _same(there, here):
            return None
    low = high = 0
    if first == 0:
        low = _count_secret_bytes(
            needle.between[0][::-1], data[max(places[start] - 64, 0) : places[start]][::-1]
        )
    if first + end - start == len(needle.letters):
        high = _count_secret_bytes(needle.between[-1], data[places[end - 1] + 1 : places[end - 1] + 65])
    return places[start] - low, places[end - 1] + 1 + high


def _same(there: bytes, here: bytes) -> bool:
    if len(there) > _WIDEST + 8 * len(here):
        return False
    if not here.isascii():
        # What stands for a character that an encoding does not have.
        there, here = there.replace(b"?", b""), here.replace(b"?", b"")
    one, other = (_SPACE.sub(b" ", _PUT_BETWEEN.sub(b"", text)) for text in (there, here))
    return one == other or (b"\n" in there and one.replace(b" ", b"") == other.replace(b" ", b""))


def _count_secret_bytes(wanted: bytes, data: bytes) -> int:
    """How many bytes beside the letters belong to the secret."""
    size = at = 0
    for byte in wanted:
        while at < len(data) and data[at] != byte and data[at] in b"\\\0":
            at += 1
        if at < len(data) and (data[at] == byte or (byte >= 128 and data[at] >= 128)):
            at += 1
            size = at
    return size


def _codes(text: str, raw: bytes) -> Iterator[tuple[bytes, int]]:
    """A secret in codes of letters and digits, and how many of those tell too much."""
    yield raw.hex().encode(), 2 * PARTIAL
    yield b"".join(b"0x%02x" % byte for byte in raw), 4 * PARTIAL
    if len(raw) >= SHORTEST:
        yield "".join(map(str, raw)).encode(), 2 * PARTIAL
    if not text.isascii():
        for name in ("utf-16-le", "utf-16-be"):
            coded = text.encode(name, "surrogatepass")
            if _reduce(coded) != _reduce(raw):
                yield coded, len(coded)
    for before in range(5):
        coded = base64.b32encode(bytes(before) + raw)
        yield coded[-(-8 * before // 5) : 8 * (before + len(raw)) // 5], 2 * PARTIAL
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw)
        yield coded[-(-8 * before // 6) : 8 * (before + len(raw)) // 6], 4 * PARTIAL // 3
