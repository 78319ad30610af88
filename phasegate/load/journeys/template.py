"""Requests with values to put in, split beforehand so that filling one is a join of few pieces.

A piece is a literal text, or a hole: how the value is written there, and its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from phasegate.base.facts import Code, fact
from phasegate.base.scalars import as_text, json_text
from phasegate.base.substitution import parse, whole_name
from phasegate.load.journeys.journey import Piece, UnfitError

PLAIN, LINE, URL, WHOLE_URL, FORM, JSON, IN_JSON = (
    "plain",
    "line",
    "url",
    "whole url",
    "form",
    "json",
    "in json",
)
URL_SAFE = "/:@!$&'()*+,;=-._~%?[]"
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


def text_pieces(text: str, how: str, literal: Callable[[str], str] = str) -> Iterator[Piece]:
    """The pieces of a text; `literal` encodes what stands between the holes."""
    for piece in parse(text):
        yield literal(piece) if isinstance(piece, str) else (how, piece.name)


def url_pieces(text: str) -> Iterator[Piece]:
    """Of a path with its query. A name at the very beginning gives a whole URL, or a path."""
    pieces = list(text_pieces(text.partition("#")[0], URL, lambda part: quote(part, safe=URL_SAFE)))
    if text.startswith("${") and len(pieces) > 1:
        pieces[1] = (WHOLE_URL, pieces[1][1])
    yield from pieces


def json_pieces(document: Any) -> Iterator[Piece]:
    match document:
        case str() if (name := whole_name(document)) is not None:
            yield JSON, name
        case str():
            yield '"'
            yield from text_pieces(document, IN_JSON, lambda part: json_text(part)[1:-1])
            yield '"'
        case Mapping():
            yield "{"
            for index, (name, value) in enumerate(document.items()):
                yield f"{', ' if index else ''}{json_text(name)}: "
                yield from json_pieces(value)
            yield "}"
        case list() | tuple():
            yield "["
            for index, value in enumerate(document):
                yield ", " if index else ""
                yield from json_pieces(value)
            yield "]"
        case _:
            yield json_text(document)


def join_texts(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same with neighbouring texts made one."""
    whole: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and whole and isinstance(whole[-1], str):
            whole[-1] += piece
        elif piece:
            whole.append(piece)
    return tuple(whole)


class Template:
    """Bytes with holes."""

    __slots__ = ("_parts", "static")

    def __init__(self, pieces: Iterable[Piece], *, origin: str = "") -> None:
        """`origin`: what a whole URL must be on, as `http://host:port`."""
        encoders = {**_ENCODERS, WHOLE_URL: lambda value: _whole_url(value, origin)}
        self._parts: list[Any] = [
            piece.encode("utf-8", "surrogateescape")
            if isinstance(piece, str)
            else (encoders[piece[0]], piece[1])
            for piece in pieces
        ]
        self.static = b"".join(self._parts) if all(type(part) is bytes for part in self._parts) else None

    def fill(self, values: Mapping[str, Any]) -> bytes:
        """Errors: UnfitError, KeyError for a value that is missing."""
        if self.static is not None:
            return self.static
        return b"".join([part if type(part) is bytes else part[0](values[part[1]]) for part in self._parts])


def _plain(value: Any) -> bytes:
    return as_text(value).encode("utf-8", "surrogatepass")


def _line(value: Any) -> bytes:
    text = as_text(value)
    if not text.isprintable() and any(character in text for character in "\r\n\0"):
        raise UnfitError(fact(Code.UNFIT_HEADER))
    return text.encode("utf-8", "surrogatepass")


def _url(value: Any) -> bytes:
    text = as_text(value)
    if not _UNRESERVED.fullmatch(text):
        text = quote(text, safe=URL_SAFE, errors="surrogatepass")
    return text.encode("ascii")


def _whole_url(value: Any, origin: str) -> bytes:
    text = as_text(value)
    if text.startswith(("http://", "https://")):
        if _origin(text) != _origin(origin):
            raise UnfitError(fact(Code.UNFIT_PLACE, origin=origin))
        parts = urlsplit(text)
        text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not text.startswith("/"):
        raise UnfitError(fact(Code.UNFIT_URL))
    return _url(text.partition("#")[0])


def _form(value: Any) -> bytes:
    return quote_plus(as_text(value), errors="surrogatepass").encode("ascii")


def _json(value: Any) -> bytes:
    try:
        return json_text(value).encode("utf-8", "surrogatepass")
    except ValueError:
        raise UnfitError(fact(Code.UNFIT_JSON)) from None


def _in_json(value: Any) -> bytes:
    return json_text(as_text(value))[1:-1].encode("utf-8", "surrogatepass")


_ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    PLAIN: _plain,
    LINE: _line,
    URL: _url,
    FORM: _form,
    JSON: _json,
    IN_JSON: _in_json,
}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None
