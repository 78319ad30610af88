"""YAML text into plain data that remembers where it stood.

libyaml scans, this module composes: straight from the events, so that depth and expanded size are bounded
before anything is built (PyYAML's C composer crashes the interpreter on 200,000 brackets), and so that YAML
1.2 decides what is a number or a boolean (core schema: `off`, `on` and `1:30` are text). `<<` still merges.
Numbers remember how they were written (`phasegate.base.scalars`); words for true, false and null cannot, so
those that are not written in the one usual way are kept as `odd`.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import yaml

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PlanError, Position, Problem
from phasegate.base.facts import Message
from phasegate.base.fields import Located
from phasegate.base.files import about, read_regular
from phasegate.base.scalars import WrittenFloat, WrittenInt, read_float, read_int
from phasegate.base.tree import TreePath
from phasegate.base.yaml_syntax import MAX_DEPTH, explain_error, lines_of

MAX_BYTES = 4 << 20
MOST = 1_000
"""Problems after which no more are looked for."""
MAX_NODES = 1_000_000
"""Values after aliases are expanded."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER_START = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    "": None,
    **dict.fromkeys(("~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{word: WrittenFloat(math.inf, word) for word in (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")},
    **{word: WrittenFloat(-math.inf, word) for word in ("-.inf", "-.Inf", "-.INF")},
    **{word: WrittenFloat(math.nan, word) for word in (".nan", ".NaN", ".NAN")},
}
ODD = frozenset({"", "~", "Null", "NULL", "True", "TRUE", "False", "FALSE"})
"""See `Document.odd`."""
_LETTERS_OF_TEXT = frozenset(f"{string.ascii_letters}/$") - frozenset(word[:1] for word in _WORDS)
"""Plain scalars that begin with one of these are text."""
_OLD_WORDS: dict[str, Any] = {
    spelling: word in ("yes", "on")
    for word in ("yes", "no", "on", "off")
    for spelling in (word, word.title(), word.upper())
}
_TAG = "tag:yaml.org,2002:"
_SCALAR, _MAPPING, _ALIAS = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.AliasEvent
_LIST_END, _MAPPING_END = yaml.SequenceEndEvent, yaml.MappingEndEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How another program than phasegate reads YAML."""

    foreign_tags: bool = False
    """Values with tags of that program (`!reset`) are read as if they had none, and no word is odd."""
    kept_tags: frozenset[str] = frozenset()
    """Lists with these tags become `Tagged`."""
    old_words: bool = False
    """Whether `yes`, `no`, `on` and `off` are booleans, as in YAML 1.1."""
    depth: int = MAX_DEPTH
    """Levels of nesting."""
    plain: bool = False
    """Whether mappings and numbers are Python's own, without the place and the way they were written."""


PLAN = Dialect()
"""How plans are read."""
COMPOSE = Dialect(foreign_tags=True)
"""How Compose reads its files, as far as a plan names them."""


class Tagged(list[Any]):
    """A list with a tag that means something to the program that reads it: `!reference [job, script]`."""

    __slots__ = ("tag",)

    def __init__(self, items: Iterable[Any], tag: str) -> None:
        super().__init__(items)
        self.tag = tag


class _Spot:
    """Where a value stands, its key, and the same for what is in it; `odd` for a word, see `Document.odd`."""

    __slots__ = ("children", "end", "key_end", "key_start", "odd", "start")

    def __init__(self, start: Any, end: Any, children: Any = None) -> None:
        self.start = start
        self.end = end
        self.key_start: Any = None
        self.key_end: Any = None
        self.odd: str | None = None
        self.children = children


@dataclass(frozen=True, kw_only=True)
class Document:
    """One YAML file as data, with a way back from a place in the data to the text."""

    file: str
    """As shown to people."""
    text: str
    tree: Any
    spot: _Spot = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    """As read from the file, for its hash."""
    problems: tuple[Problem, ...] = ()
    """What is wrong, but does not keep the rest from being read: duplicate keys."""
    grafts: Mapping[TreePath, tuple[Document, TreePath]] = field(default_factory=dict, repr=False)
    """What in `tree` was written elsewhere, by its place: the document, and the place in it."""
    odd: tuple[tuple[TreePath, str], ...] = field(default=(), repr=False)
    """Where true, false and null are written in another way than these, and how: `True`, `~`, nothing."""

    def find(self, path: TreePath) -> tuple[Document, TreePath]:
        """The document in which a value was written, and the place in it."""
        if self.grafts:
            for length in range(len(path), -1, -1):
                found = self.grafts.get(path[:length])
                if found is not None:
                    document, place = found
                    return document, (*place, *path[length:])
        return self, path

    @cached_property
    def lines(self) -> list[str]:
        return lines_of(self.text)

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def value_at(self, path: TreePath) -> Position:
        """Where a value was written, or the nearest thing around it."""
        document, path = self.find(path)
        spot = document._nearest(path)
        return document._position(spot.start, spot.end)

    def key_at(self, path: TreePath) -> Position:
        """Where the key of a value was written; for items of lists, the item."""
        document, path = self.find(path)
        spot = document._nearest(path)
        if spot.key_start is None:
            return document._position(spot.start, spot.end)
        return document._position(spot.key_start, spot.key_end)

    def problem(
        self, message: Message, at: Position, *, help: Message | None = None, warning: bool = False
    ) -> Problem:
        written = (document for document, _ in self.grafts.values() if document.file == at.file)
        line = (self if at.file == self.file else next(written, self)).line(at.line)
        return Problem(message=message, help=help, at=at, line_text=line, warning=warning)

    def _nearest(self, path: TreePath) -> _Spot:
        spot = self.spot
        for step in path:
            try:
                spot = spot.children[step]
            except (LookupError, TypeError):
                break
        return spot

    def _position(self, start: Any, end: Any) -> Position:
        line, column = start.line, start.column
        if end.line == line:
            width = end.column - column
        else:
            # What goes on over several lines is underlined by its first word: a key, most of the time.
            width = len(self.line(line + 1)[column:].split(" ", 1)[0].rstrip(":"))
        return Position(file=self.file, line=line + 1, column=column + 1, width=max(1, width))


def read(path: Path, shown: str | None = None, dialect: Dialect = PLAN) -> Document:
    """Read one YAML file. Errors: PlanError when it is missing, too large, not text or not YAML."""
    file = str(path) if shown is None else shown
    content = _bytes(path, file)
    return replace(parse(decode(content, file), file, dialect), content=content)


def _bytes(path: Path, file: str) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        message = f"there is no file {file!r}"
    except IsADirectoryError:
        message = f"{file!r} is a folder, not a file"
    except (OSError, ValueError) as error:
        message = about(repr(file), error)
    raise PlanError([Problem(message=message)])


def decode(content: bytes, file: str) -> str:
    """The text of a file. Errors: PlanError when it is not text that YAML allows."""
    text = decode_utf8(content, file)
    refuse_control_characters(text, file)
    return text


def decode_utf8(content: bytes, file: str) -> str:
    """The text of a file. Errors: PlanError when it is not text."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"the file is not text in UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}"
        raise PlanError([Problem(message=message, at=Position(file=file, line=line))]) from None


def refuse_control_characters(text: str, file: str) -> None:
    """Errors: PlanError where a text holds what YAML does not allow."""
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        before = lines_of(text[: odd.start()])
        message = f"the file holds a control character, U+{ord(odd[0]):04X}, which YAML does not allow"
        at = Position(file=file, line=len(before), column=len(before[-1]) + 1)
        raise PlanError([Problem(message=message, at=at)])


def parse(text: str, file: str, dialect: Dialect = PLAN) -> Document:
    """Parse the text of one document. Errors: PlanError with the one place where it stops being YAML."""
    composer = _Composer(text, file, dialect)
    with _refusing(text, file):
        return composer.document()


def parse_stream(text: str, file: str, dialect: Dialect) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The documents of a stream, empty ones left out, and what is wrong with it: duplicate keys, and where it
    stops being YAML, beyond which nothing is read."""
    composer = _Composer(text, file, dialect)
    found: list[Document] = []
    end: tuple[Problem, ...] = ()
    try:
        refuse_control_characters(text, file)
        with _refusing(text, file):
            found.extend(composer.documents())
    except PlanError as error:
        end = tuple(error.problems)
    return tuple(found), tuple(dict.fromkeys((*composer.problems, *end)))


@contextmanager
def _refusing(text: str, file: str) -> Iterator[None]:
    """Errors: PlanError instead of those of the library."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        raise PlanError([explain_error(error, text, file)]) from None
    except yaml.YAMLError as error:
        message = f"the file is not YAML: {str(error).splitlines()[0]}"
        raise PlanError([Problem(message=message, at=Position(file=file, line=1))]) from None


def _odd_below(spot: _Spot, path: TreePath) -> Iterator[tuple[TreePath, str]]:
    if spot.odd is not None:
        yield path, spot.odd
    elif spot.children is not None:
        steps: Any = spot.children.items() if isinstance(spot.children, dict) else enumerate(spot.children)
        for step, inner in steps:
            yield from _odd_below(inner, (*path, step))


def resolve_scalar(text: str) -> Any:
    """What a plain scalar means in the YAML 1.2 core schema. Errors: ValueError for an endless integer."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.fullmatch(text):
        return read_int(text)
    return read_float(text) if _FLOAT.fullmatch(text) else text


def _as_python(value: Any) -> Any:
    if isinstance(value, WrittenInt):
        return int(value)
    return float(value) if isinstance(value, WrittenFloat) else value


@dataclass(slots=True)
class _Anchor:
    value: Any
    spot: _Spot
    nodes: int
    height: int


class _Composer:
    """Builds data from events; one call to `document` or `documents` each."""

    def __init__(self, text: str, file: str, dialect: Dialect) -> None:
        self._dialect = dialect
        self._letters = _LETTERS_OF_TEXT - set("yYnNoO") if dialect.old_words else _LETTERS_OF_TEXT
        self._text = text
        self._file = file
        self._loader: Any = yaml.CSafeLoader(text)
        self._next = self._loader.get_event
        self._anchors: dict[str, _Anchor | None] = {}
        self._nodes = 0
        self._deepest = 0
        """Depth of the deepest value since it was last reset, to know how high an anchored value is."""
        self._lines: list[str] | None = None
        self.problems: list[Problem] = []
        self.odd = False

    def document(self) -> Document:
        self._next()  # the stream starts
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise PlanError([Problem(message="the file is empty", at=Position(file=self._file, line=1))])
        value, spot = self._node(self._next(), 0)
        self._next()  # the document ends
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._stop(event, "the file holds more than one YAML document", "keep one, and no '---' after it")
        return self._as_document(value, spot)

    def documents(self) -> Iterator[Document]:
        self._next()  # the stream starts
        while not isinstance(self._next(), yaml.StreamEndEvent):
            self._anchors.clear()
            value, spot = self._node(self._next(), 0)
            self._next()  # the document ends
            if value is not None:
                yield self._as_document(value, spot)

    def _as_document(self, value: Any, spot: _Spot) -> Document:
        return Document(
            file=self._file,
            text=self._text,
            tree=value,
            spot=spot,
            problems=tuple(self.problems),
            odd=tuple(_odd_below(spot, ())) if self.odd and self._dialect == PLAN else (),
        )

    def _node(self, event: Any, depth: int) -> tuple[Any, _Spot]:
        kind = type(event)
        if kind is _ALIAS:
            return self._alias(event, depth)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop(event, f"the file holds more than {MAX_NODES:,} values")
        if depth > self._deepest:
            self._deepest = depth
        if event.anchor is None:
            return self._value(event, kind, depth)
        return self._anchor(event, kind, depth)

    def _anchor(self, event: Any, kind: type, depth: int) -> tuple[Any, _Spot]:
        name, nodes, deepest = event.anchor, self._nodes - 1, self._deepest
        self._anchors[name] = None
        self._deepest = depth
        value, spot = self._value(event, kind, depth)
        self._anchors[name] = _Anchor(value, spot, self._nodes - nodes, self._deepest - depth)
        self._deepest = max(deepest, self._deepest)
        return value, spot

    def _value(self, event: Any, kind: type, depth: int) -> tuple[Any, _Spot]:
        if kind is _SCALAR:
            spot = _Spot(event.start_mark, event.end_mark)
            if event.tag is None and (event.style or event.value[:1] in self._letters):  # as most are
                return event.value, spot
            value = self._scalar(event)
            if (value is None or isinstance(value, bool)) and event.value in ODD:
                self.odd, spot.odd = True, event.value
            return value, spot
        if depth >= self._dialect.depth:
            self._stop(event, f"nested deeper than {self._dialect.depth} levels")
        if (
            event.tag is not None
            and event.tag not in (_TAG + "map", _TAG + "seq", "!")
            and not self._foreign(event)
        ):
            self._unknown_tag(event)
        if kind is _MAPPING:
            return self._mapping(event, depth)
        items, spot = self._list(event, depth)
        return (Tagged(items, event.tag) if event.tag in self._dialect.kept_tags else items), spot

    def _alias(self, event: Any, depth: int) -> tuple[Any, _Spot]:
        if event.anchor not in self._anchors:
            self._stop(event, f"alias '*{event.anchor}' has no anchor '&{event.anchor}' above it")
        anchor = self._anchors[event.anchor]
        if anchor is None:
            self._stop(event, f"alias '*{event.anchor}' stands inside its own anchor")
        self._nodes += anchor.nodes
        if self._nodes > MAX_NODES:
            self._stop(event, f"with its aliases expanded, the file holds more than {MAX_NODES:,} values")
        if depth + anchor.height > self._dialect.depth:
            most = self._dialect.depth
            self._stop(event, f"with its aliases expanded, nested deeper than {most} levels")
        self._deepest = max(self._deepest, depth + anchor.height)
        spot = _Spot(anchor.spot.start, anchor.spot.end, anchor.spot.children)
        spot.odd = anchor.spot.odd
        return anchor.value, spot

    def _list(self, start: Any, depth: int) -> tuple[list[Any], _Spot]:
        values: list[Any] = []
        spots: list[_Spot] = []
        while type(event := self._next()) is not _LIST_END:
            value, spot = self._node(event, depth + 1)
            values.append(value)
            spots.append(spot)
        return values, _Spot(start.start_mark, event.end_mark, spots)

    def _mapping(self, start: Any, depth: int) -> tuple[dict[str, Any], _Spot]:
        items: dict[str, Any] = {}
        spots: dict[str, _Spot] = {}
        merged: list[tuple[Any, _Spot]] = []
        merging: Any = None
        event: Any
        while type(event := self._next()) is not _MAPPING_END:
            plain = type(event) is _SCALAR and event.anchor is None
            key = event.value if plain else self._key(event)
            value, spot = self._node(self._next(), depth + 1)
            if key == "<<" and not event.style and event.tag is None:
                if merging is not None:
                    help = f"it is also on line {merging.start_mark.line + 1}; write '<<: [*one, *other]'"
                    self.problems.append(self._problem(event, "duplicate key '<<'", help))
                merging = event
                merged.extend(self._mergeable(event, value, spot))
                continue
            if key in items:
                self._duplicate(event, key, spots[key])
                continue
            # An alias shares its spot's insides, never the spot itself, so the key can be set on it.
            spot.key_start, spot.key_end = event.start_mark, event.end_mark
            items[key] = value
            spots[key] = spot
        for mapping, mapping_spot in merged:
            for key, value in mapping.items():
                if key not in items:
                    items[key] = value
                    spots[key] = mapping_spot.children[key]
        mark = start.start_mark
        if self._dialect.plain:
            return items, _Spot(mark, event.end_mark, spots)
        at = Position(file=self._file, line=mark.line + 1, column=mark.column + 1)
        return Located(items, at=at), _Spot(mark, event.end_mark, spots)

    def _key(self, event: Any) -> str:
        if type(event) is _ALIAS:
            anchor = self._anchors.get(str(event.anchor))
            if anchor is not None and isinstance(anchor.value, str):
                return anchor.value
        if type(event) is not _SCALAR:
            self._stop(event, "a key must be text")
        if event.anchor is not None:
            spot = _Spot(event.start_mark, event.end_mark)
            self._anchors[event.anchor] = _Anchor(self._scalar(event), spot, 1, 0)
        key: str = event.value
        return key

    def _mergeable(self, event: Any, value: Any, spot: _Spot) -> Iterator[tuple[Any, _Spot]]:
        match value:
            case dict():
                yield value, spot
            case list() if all(isinstance(item, dict) for item in value):
                yield from zip(value, spot.children, strict=True)
            case _:
                self._stop(event, "'<<' merges a mapping or a list of mappings", "write '<<: *anchor'")

    def _duplicate(self, event: Any, key: str, first: _Spot) -> None:
        if len(self.problems) >= MOST:
            raise PlanError(self.problems)
        mark = first.start if first.key_start is None else first.key_start
        help = f"it is also on line {mark.line + 1}; keep one of them"
        self.problems.append(self._problem(event, f"duplicate key {key!r}", help))

    def _scalar(self, event: Any) -> Any:
        tag = None if self._foreign(event) else event.tag
        if tag is None:
            if event.style:
                return event.value
            tag = "plain"
        value = event.value
        try:
            match tag:
                case "plain" if self._dialect.old_words and value in _OLD_WORDS:
                    return _OLD_WORDS[value]
                case "plain":
                    return _as_python(resolve_scalar(value)) if self._dialect.plain else resolve_scalar(value)
                case "!" | "tag:yaml.org,2002:str":
                    return value
                case "tag:yaml.org,2002:int" if _INTEGER.fullmatch(value):
                    return read_int(value)
                case "tag:yaml.org,2002:int":
                    raise ValueError("not an integer")
                case "tag:yaml.org,2002:float":
                    return _WORDS[value] if value in _WORDS else read_float(value)
                case "tag:yaml.org,2002:bool" | "tag:yaml.org,2002:null" if value in _WORDS:
                    return _WORDS[value]
                case _:
                    self._unknown_tag(event)
        except ValueError:
            shown = value if len(value) <= 40 else value[:40] + "..."
            self._stop(event, f"{shown!r} is not a number that can be read")

    def _foreign(self, event: Any) -> bool:
        tag: str = event.tag or ""
        return self._dialect.foreign_tags and tag.startswith("!") and tag != "!"

    def _unknown_tag(self, event: Any) -> NoReturn:
        tag = event.tag.replace(_TAG, "!!")
        self._stop(event, f"tag {tag!r} has no meaning here", "leave it out; a plan is plain data")

    def _problem(self, event: Any, message: str, help: str | None = None) -> Problem:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        at = Position(file=self._file, line=start.line + 1, column=start.column + 1, width=max(1, width))
        return Problem(message=message, help=help, at=at, line_text=self._line(start.line))

    def _line(self, index: int) -> str:
        if self._lines is None:
            self._lines = lines_of(self._text)
        return self._lines[index] if index < len(self._lines) else ""

    def _stop(self, event: Any, message: str, help: str | None = None) -> NoReturn:
        raise PlanError([*self.problems, self._problem(event, message, help)])
