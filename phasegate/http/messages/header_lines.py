"""Header lines of answers: bytes on the wire, text for people, several of a name one list (RFC 9110, 5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact

SINGLE = frozenset({"content-length", "content-type", "location"})
"""Headers of which there is one value: lines that differ contradict each other."""


class HeaderError(MessageError):
    """Lines of a header that contradict each other."""


def header_text(value: bytes) -> str:
    """A value as UTF-8 where it is valid, else as latin-1, which every value is."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def text_headers(raw: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """`HttpReply.headers` from `HttpReply.raw`."""
    return tuple((name.decode("latin-1"), header_text(value)) for name, value in raw)


def lines_of(headers: Sequence[tuple[str, str]], name: str) -> tuple[str, ...]:
    """Every value of a header, whatever its case, in order."""
    wanted = name.lower()
    return tuple(value for key, value in headers if key.lower() == wanted)


def join_lines(headers: Sequence[tuple[str, str]], name: str) -> str:
    """The list that all lines of a header make up; empty without any."""
    return ", ".join(lines_of(headers, name))


def one_value(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The value of a header of which there is one. Errors: HeaderError for lines that differ."""
    lines = lines_of(headers, name)
    if len(set(lines)) > 1:
        raise HeaderError(fact(Code.HEADER_TWICE, header=name, n=len(lines)))
    return lines[0] if lines else None
