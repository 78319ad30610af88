"""Content codings (RFC 9110, 8.4), undone with a bound: a few bytes from a target may unfold to gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Fact, Figure, fact
from phasegate.base.units import Dimension

MAX_BODY = 4 << 20
"""Bytes of a body that an expectation or capture looks at, unless the plan says otherwise."""
SHOWN = 64 << 10
"""Of a body that nobody looks at, so many bytes are kept for people, and one more where there is more."""
LAYERS = 5
"""Codings that are undone, one behind the other."""
ZSTD_WINDOW = 23
"""As a power of 2: the largest window that RFC 9659 allows."""


class ContentError(MessageError):
    """The body is not what `Content-Encoding` says, or has a coding that nothing here can undo."""


class TooLargeError(ValueError):
    """The body is larger than the bound, as it comes or as it was before a coding."""


def too_large(limit: int) -> Fact:
    return fact(Code.BODY_TOO_LARGE, limit=Figure(limit, Dimension.SIZE))


def _gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _deflate(start: bytes) -> Any:
    """Many servers send deflate without its zlib header, which RFC 9110 8.4.1.2 notes."""
    is_zlib = len(start) == 2 and start[0] & 0x0F == 8 and int.from_bytes(start, "big") % 31 == 0
    return zlib.decompressobj(wbits=15 if is_zlib else -15)


class _Brotli:
    """With the methods of `zlib.decompressobj`."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = import_module("brotli").Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())

    def decompress(self, data: bytes, room: int) -> bytes:
        out = bytearray(self._stream.process(data, output_buffer_limit=room))
        while len(out) < room and not self._stream.can_accept_more_data():
            out += self._stream.process(b"", output_buffer_limit=room - len(out))
        return bytes(out)


def _zstd() -> Any:
    try:
        zstd = import_module("compression.zstd")
    except ImportError:  # before Python 3.14
        zstd = import_module("backports.zstd")
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})


_STREAMS: dict[str, Callable[[], Any]] = {"gzip": _gzip, "br": _Brotli, "zstd": _zstd}
_KNOWN = frozenset({*_STREAMS, "deflate"})
_NONE = frozenset({"", "identity"})
_SEVERAL = frozenset({"gzip", "zstd"})
"""Whose streams may follow one another in a body (RFC 1952, 2.2; RFC 8878, 3.1)."""


class Content:
    """Collects a body chunk by chunk; its codings are undone at the end, when no time is taken any more."""

    def __init__(self, coding: str, limit: int | None = MAX_BODY) -> None:
        """`coding` is the whole list of codings in the order in which they were applied (`gzip, br`).

        `limit`: bytes that are kept; more is an error. None: nobody looks at the body, so it may have any
        size and coding, and what can be read of its beginning is kept for people.
        """
        self._coding = coding
        self._limit = limit
        self._body = bytearray()
        self._received = 0

    @property
    def received(self) -> int:
        """Bytes that came over the wire."""
        return self._received

    def add(self, chunk: bytes) -> None:
        """Errors: TooLargeError."""
        self._received += len(chunk)
        if self._limit is not None and self._received > self._limit:
            raise TooLargeError
        if len(self._body) <= (SHOWN if self._limit is None else self._limit):
            self._body += chunk

    def finish(self) -> bytes:
        """The body. Errors: TooLargeError; ContentError when its codings cannot be undone."""
        if self._limit is None:
            return _beginning(self._coding, bytes(self._body))
        return decode_body(self._coding, bytes(self._body), self._limit)


def decode_body(coding: str, body: bytes, limit: int) -> bytes:
    """A whole body without its codings. Errors: TooLargeError, ContentError."""
    if len(body) > limit:
        raise TooLargeError
    for name in _codings(coding) if body and coding else ():
        body, is_whole = _undo(name, body, limit)
        if len(body) > limit:
            raise TooLargeError
        if not is_whole:
            raise ContentError(fact(Code.CODING_CUT, coding=name))
    return body


def _beginning(coding: str, body: bytes) -> bytes:
    """What can be read of the beginning of a body."""
    try:
        for name in _codings(coding) if body else ():
            body, _ = _undo(name, body, SHOWN)
    except ContentError:
        return b""
    return body[: SHOWN + 1]


def _undo(coding: str, data: bytes, limit: int) -> tuple[bytes, bool]:
    """What it unfolds to, as far as that is little more than the limit; and whether it is whole.

    Errors: ContentError.
    """
    out, stream = bytearray(), _stream(coding, data)
    while data and len(out) <= limit:
        if stream.eof:
            if coding not in _SEVERAL:
                raise ContentError(fact(Code.CODING_GOES_ON, coding=coding))
            stream = _stream(coding, data)
        try:
            out += stream.decompress(data, limit - len(out) + 1)
        except Exception as error:  # each library has a type of its own
            raise ContentError(fact(Code.CODING_BROKEN, coding=coding, why=str(error))) from None
        data = stream.unused_data
    return bytes(out), bool(stream.eof)


def _stream(coding: str, data: bytes) -> Any:
    if coding == "deflate":
        return _deflate(data[:2])
    try:
        return _STREAMS[coding]()
    except ImportError as error:
        raise ContentError(fact(Code.CODING_NEEDS, coding=coding, package=error.name)) from None


def _codings(coding: str) -> Iterator[str]:
    """The list, the last that was applied first. Errors: ContentError for an unknown one."""
    names = [name.strip().lower() for name in coding.split(",")]
    names = ["gzip" if name == "x-gzip" else name for name in names if name not in _NONE]
    for name in names:
        if name not in _KNOWN:
            raise ContentError(fact(Code.CODING_UNKNOWN, coding=name[:40]))
    if len(names) > LAYERS:
        raise ContentError(fact(Code.TOO_MANY_CODINGS, n=len(names)))
    return reversed(names)
