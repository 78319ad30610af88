"""Content codings (RFC 9110, 8.4), undone with a bound: a few bytes from a target may unfold to gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from phasegate.units import Dimension, format_value

MAX_BODY = 4 << 20
"""Bytes of a body that an expectation or capture looks at, unless the plan says otherwise."""
SHOWN = 64 << 10
"""Of a body that nobody looks at, so many bytes are kept for people, and one more where there is more."""
LAYERS = 5
"""Codings that are undone, one behind the other."""
ZSTD_WINDOW = 23
"""As a power of 2: the largest window that RFC 9659 allows."""


class ContentError(ValueError):
    """The body is not what `Content-Encoding` says, or has a coding that nothing here can undo."""


class TooLargeError(ValueError):
    """The body is larger than the bound, as it comes or as it was before a coding."""


def too_large(limit: int) -> str:
    return f"the body is larger than max_body {format_value(limit, Dimension.SIZE)}"


def _gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _deflate(start: bytes) -> Any:
    """Many servers send deflate without its zlib header, which RFC 9110 8.4.1.2 notes."""
    is_zlib = start[0] & 0x0F == 8 and int.from_bytes(start, "big") % 31 == 0
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
_SEVERAL = frozenset({"gzip", "zstd"})
"""Whose streams may follow one another in a body (RFC 1952, 2.2; RFC 8878, 3.1)."""


def _is_there(*modules: str) -> bool:
    for name in modules:
        try:
            if find_spec(name) is not None:
                return True
        except ModuleNotFoundError:  # the package that it is in
            continue
    return False


ACCEPTED = ", ".join(
    (
        "gzip, deflate",
        *(("br",) if _is_there("brotli") else ()),
        *(("zstd",) if _is_there("compression.zstd", "backports.zstd") else ()),
    )
)
"""For `Accept-Encoding`: what can be undone here."""


class _Layer:
    """One coding, undone piece by piece."""

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self.room = limit
        """Bytes that it may still unfold to; below 0, it has unfolded to more than the limit."""
        self._stream: Any = None
        self._start = b""

    @property
    def is_complete(self) -> bool:
        return self._stream is not None and bool(self._stream.eof)

    def undo(self, data: bytes) -> bytes:
        """What it unfolds to, as long as there is room. Errors: ContentError."""
        if self._stream is None:
            data = self._start + data
            if self._coding == "deflate" and len(data) < 2:
                self._start = data
                return b""
            self._stream = self._new(data)
        out = bytearray()
        while data and self.room >= 0:
            if self._stream.eof:
                if self._coding not in _SEVERAL:
                    raise ContentError(f"the {self._coding} body goes on after its end")
                self._stream = self._new(data)
            piece = self._decompressed(data, self.room + 1)
            self.room -= len(piece)
            out += piece
            data = self._stream.unused_data
        return bytes(out)

    def _new(self, data: bytes) -> Any:
        if self._coding == "deflate":
            return _deflate(data[:2])
        try:
            return _STREAMS[self._coding]()
        except ImportError as error:
            raise ContentError(
                f"its content coding {self._coding} needs the package {error.name}, which is not installed"
            ) from None

    def _decompressed(self, data: bytes, room: int) -> bytes:
        try:
            return bytes(self._stream.decompress(data, room))
        except Exception as error:  # each library has a type of its own
            raise ContentError(f"the body is not {self._coding}: {error}") from None


class Content:
    """Collects a body chunk by chunk, with its codings undone."""

    def __init__(self, coding: str, limit: int | None = MAX_BODY) -> None:
        """`coding` is the whole list of codings in the order in which they were applied (`gzip, br`).

        `limit`: bytes that are kept; more is an error. None: nobody looks at the body, so it may have any
        size and coding, and what can be read of its beginning is kept for people.
        """
        self._limit = limit
        self._room = SHOWN if limit is None else limit
        self._body = bytearray()
        self._received = 0
        self._layers: tuple[_Layer, ...] = ()
        self._problem: ContentError | None = None
        try:
            self._layers = _layers(coding, self._room)
        except ContentError as error:
            self._problem = error

    @property
    def received(self) -> int:
        """Bytes that came over the wire."""
        return self._received

    def add(self, chunk: bytes) -> None:
        """Errors: TooLargeError."""
        self._received += len(chunk)
        fits = self._limit is None or self._received <= self._limit
        if self._problem is None and len(self._body) <= self._room:
            fits = self._take(chunk) and fits
        if not fits and self._limit is not None:
            raise TooLargeError

    def finish(self) -> bytes:
        """The body. Errors: ContentError when its codings cannot be undone, or it ends too early."""
        if self._limit is None:
            return bytes(self._body[: SHOWN + 1])
        if self._problem is not None and self._received:
            raise self._problem
        if self._received and not all(layer.is_complete for layer in self._layers):
            raise ContentError("the body ends before its content coding does")
        return bytes(self._body)

    def _take(self, chunk: bytes) -> bool:
        """Undo the codings of a piece. Shape: whether it fits, and all that lies between the codings."""
        try:
            for layer in self._layers:
                chunk = layer.undo(chunk)
                if layer.room < 0 and layer is not self._layers[-1]:
                    self._problem = ContentError("what lies between its content codings is too large")
                    return False
        except ContentError as error:
            self._problem = error
            return True
        self._body += chunk
        return len(self._body) <= self._room


def _layers(coding: str, limit: int) -> tuple[_Layer, ...]:
    """What undoes the codings, the last that was applied first. Errors: ContentError for an unknown one."""
    names = [name.strip().lower() for name in coding.split(",")]
    names = [name.removeprefix("x-") if name == "x-gzip" else name for name in names]
    names = [name for name in names if name not in ("", "identity")]
    for name in names:
        if name not in _KNOWN:
            raise ContentError(f"its content coding {name[:40]!r} cannot be undone")
    if len(names) > LAYERS:
        raise ContentError(f"it has {len(names):,} content codings, one behind the other")
    return tuple(_Layer(name, limit) for name in reversed(names))


def decoded(coding: str, body: bytes, limit: int) -> bytes:
    """A whole body. Errors: TooLargeError, ContentError."""
    if len(body) > limit:
        raise TooLargeError
    if not coding or not body:
        return body
    content = Content(coding, limit)
    content.add(body)
    return content.finish()
