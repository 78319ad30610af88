"""Markdown as a written plan: headings, and below each its lines and its prose; pure.

A line is what can be judged: a list item, a row of a table, or a text that begins with a check mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.secret_shapes import without_secrets
from phasegate.cli.markdown_starter.vocabulary import has_mark
from phasegate.kinds.documents.markdown import LONGEST, split_front_matter

DEEPEST = 100
"""Lists and quotes within each other that are read; the parser calls itself for each."""
_MOST_BRACKETS = 50
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_WORD = re.compile(r"[\W_]+")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[\s>]+[A-Za-z0-9+/=]{20,})*(?:[\s>]+[A-Za-z0-9+/=]+)?"
    r"(?:[\s>]*-----END (?:[A-Z]+ )*PRIVATE KEY-----)?"
)
LEFT_OUT = "(secret left out)"


class PieceKind(StrEnum):
    HEADING = "heading"
    ITEM = "item"
    ROW = "row"
    MARK = "mark"
    PROSE = "prose"
    RULE = "rule"


LINES = frozenset({PieceKind.ITEM, PieceKind.ROW, PieceKind.MARK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One thing of the document, in its order."""

    kind: PieceKind
    text: str
    """As it is read: without emphasis, with code and links as they are written; may have several lines."""
    line: int
    level: int = 0
    """Of a heading from 1 to 6; of an item how many lists it stands in beside its own."""
    bold: bool = False
    """Whether it begins with bold words, as labels do."""
    cells: tuple[tuple[str, str], ...] = ()
    """Of a row: heading and content of each column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    front: tuple[Piece, ...]
    """Lines of the front matter."""
    pieces: tuple[Piece, ...]
    secrets: tuple[int, ...]
    """Lines of the document of which a secret was left out."""


def read_outline(content: str) -> Outline:
    """Errors: ValueError for lists that are nested too deep, as the parser would drop what is in them."""
    from markdown_it import MarkdownIt

    secrets: list[int] = []
    content = _without_keys(content.replace("\r\n", "\n").replace("\r", "\n"), secrets)
    front, body, above = split_front_matter(content)
    parser = MarkdownIt("commonmark", {"maxNesting": 2 * DEEPEST}).enable("table").disable("inline")
    env: dict[str, Any] = {}
    tokens = parser.parse(body, env)
    for token in tokens:
        if token.level >= 2 * DEEPEST - 1:
            line = _line_of(token, above)
            raise ValueError(f"line {line}: lists are nested deeper than {DEEPEST} levels")
    fronts = [
        Piece(kind=PieceKind.PROSE, text=line.strip(), line=number)
        for number, line in enumerate(front.split("\n"), start=2)
        if line.strip()
    ]
    reader = _Reader(lambda text: _read_inline(parser, text, env), above)
    return Outline(
        front=tuple(_without_secrets(piece, secrets) for piece in fronts),
        pieces=tuple(_without_secrets(piece, secrets) for piece in reader.pieces(tokens)),
        secrets=tuple(sorted(set(secrets))),
    )


def _without_keys(content: str, secrets: list[int]) -> str:
    """Private keys go first: they have many lines, which would come apart."""
    pieces, end, line = [], 0, 1
    for match in _KEY_BLOCK.finditer(content):
        line += content.count("\n", end, match.start())
        secrets.append(line)
        line += match[0].count("\n")
        pieces += [content[end : match.start()], LEFT_OUT]
        end = match.end()
    return "".join((*pieces, content[end:]))


def _without_secrets(piece: Piece, secrets: list[int]) -> Piece:
    def clean(text: str) -> str:
        return without_secrets(text, put=LEFT_OUT)

    text, cells = clean(piece.text), tuple((clean(name), clean(cell)) for name, cell in piece.cells)
    if (text, cells) == (piece.text, piece.cells):
        return piece
    secrets.append(piece.line)
    return replace(piece, text=text, cells=cells)


def _line_of(token: Any, above: int) -> int:
    return (token.map[0] if token.map else 0) + above + 1


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    bold: bool


def _read_inline(parser: Any, content: str, env: dict[str, Any]) -> list[_Line]:
    """What is read, by lines: without emphasis; code, links and pictures as they are written.

    A long text, or one with many brackets, is kept as it stands: it takes time by its square.
    """
    if len(content) > LONGEST or content.count("[") > _MOST_BRACKETS:
        return [_Line(line, False) for line in content.split("\n")]
    tokens: list[Any] = []
    parser.inline.parse(content, parser, env, tokens)
    lines: list[_Line] = []
    text, bold = "", False
    links: list[tuple[str, int]] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                lines.append(_Line(text, bold))
                text, bold = "", False
            case "strong_open":
                bold = bold or not _NO_WORD.sub("", text)
            case "code_inline":
                text += f"{token.markup}{token.content}{token.markup}"
            case "link_open":
                links.append((str(token.attrGet("href") or ""), len(text)))
            case "link_close":
                target, start = links.pop()
                if token.info != "auto" and text[start:] != target:
                    text = f"{text[:start]}[{text[start:]}]({target})"
            case "image":
                text += f"![{token.content}]({token.attrGet('src') or ''})"
            case "html_inline":
                text += " " if _BREAK.fullmatch(token.content) else token.content
            case _:
                text += token.content
    return [*lines, _Line(text, bold)]


def _joined(lines: Sequence[_Line]) -> str:
    """Lines as one."""
    return " ".join(word for line in lines for word in line.text.split())


class _Item:
    """A list item whose texts come one after the other."""

    def __init__(self, line: int, level: int) -> None:
        self.texts: list[str] = []
        self.line = line
        self.level = level
        self.bold = False

    def piece(self) -> Iterator[Piece]:
        text = "\n".join(text for text in self.texts if text.strip())
        if text:
            yield Piece(kind=PieceKind.ITEM, text=text, line=self.line, level=self.level, bold=self.bold)


class _Reader:
    """Goes once through the tokens of a document."""

    def __init__(self, read: Callable[[str], list[_Line]], above: int) -> None:
        self._read = read
        self._above = above
        self._found: list[Piece | _Item] = []
        self._items: list[_Item] = []

    def pieces(self, tokens: Sequence[Any]) -> Iterator[Piece]:
        position = 0
        while position < len(tokens):
            position = self._take(tokens, position)
        for one in self._found:
            if isinstance(one, Piece):
                yield one
            else:
                yield from one.piece()

    def _take(self, tokens: Sequence[Any], position: int) -> int:
        """Take in what begins at a token; gives where the next thing begins."""
        token = tokens[position]
        line = _line_of(token, self._above)
        match token.type:
            case "table_open":
                return self._take_table(tokens, position)
            case "heading_open" if not token.level:
                text = _joined(self._read(tokens[position + 1].content))
                self._add(PieceKind.HEADING, text, line, level=int(token.tag[1:]))
                return position + 3
            case "list_item_open":
                self._items.append(_Item(line, len(self._items)))
                self._found.append(self._items[-1])
            case "list_item_close":
                self._items.pop()
            case "inline" if self._items:
                lines = self._read(token.content)
                self._items[-1].bold |= not self._items[-1].texts and lines[0].bold
                self._items[-1].texts.append(_joined(lines))
            case "inline":
                self._take_lines(self._read(token.content), line)
            case "fence" | "code_block" | "html_block":
                self._take_block(token, line)
            case "hr" if not self._items:
                self._found.append(Piece(kind=PieceKind.RULE, text="", line=line))
        return position + 1

    def _take_block(self, token: Any, line: int) -> None:
        text = _HTML_COMMENT.sub("", token.content) if token.type == "html_block" else token.content
        if self._items:
            self._items[-1].texts.append(text.strip("\n"))
        else:
            lines = [_Line(one, False) for one in text.split("\n")]
            self._take_lines(lines, line + (token.type == "fence"))

    def _take_lines(self, lines: Sequence[_Line], first: int) -> None:
        for number, one in enumerate(lines, start=first):
            kind = PieceKind.MARK if has_mark(one.text) else PieceKind.PROSE
            text = one.text.strip() if kind is PieceKind.MARK else one.text.rstrip()
            self._add(kind, text, number, bold=one.bold)

    def _take_table(self, tokens: Sequence[Any], position: int) -> int:
        rows: list[tuple[int, list[str]]] = []
        while tokens[position].type != "table_close":
            token = tokens[position]
            if token.type == "tr_open":
                rows.append((_line_of(token, self._above), []))
            elif token.type == "inline":
                rows[-1][1].append(_joined(self._read(token.content)))
            position += 1
        (first, names), *others = rows
        for line, cells in others or [(first, [""] * len(names))]:
            pairs = tuple(zip(names, cells, strict=True))
            self._add(PieceKind.ROW, row_text(pairs), line, cells=pairs)
        return position + 1

    def _add(self, kind: PieceKind, text: str, line: int, **more: Any) -> None:
        if text.strip():
            self._found.append(Piece(kind=kind, text=text, line=line, **more))


def row_text(cells: Iterable[tuple[str, str]]) -> str:
    """A row of a table as one text, with the heading of each column."""
    return "; ".join(f"{name}: {cell or '-'}" if name else cell for name, cell in cells if name or cell)
