"""Content encodings, undone with a bound: a few bytes from a hostile target may unfold to gigabytes."""

from __future__ import annotations

import zlib

ACCEPTED = "gzip, deflate"
"""For `Accept-Encoding`: what can be undone here."""

READABLE = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Encodings whose bodies an expectation can look at."""


class ContentError(ValueError):
    """The body is not what `Content-Encoding` says."""


class TooLargeError(ValueError):
    """The body is larger than the bound."""


class Content:
    """Collects a body chunk by chunk, decoded, up to `limit` bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower()
        self._limit = limit
        self._body = bytearray()
        self._inflate = (
            zlib.decompressobj(wbits=47) if self._encoding in ("gzip", "x-gzip", "deflate") else None
        )
        self._is_raw = False
        self._raw = 0

    @property
    def received(self) -> int:
        """Bytes that came over the wire."""
        return self._raw

    def add(self, chunk: bytes) -> None:
        """Errors: TooLargeError, ContentError."""
        self._raw += len(chunk)
        if self._inflate is not None:
            chunk = self._inflated(chunk)
        self._body += chunk
        if len(self._body) > self._limit:
            raise TooLargeError

    def finish(self) -> bytes:
        """The body; unknown encodings are left as they came. Errors: ContentError when it ends too early."""
        if self._inflate is not None and self._raw and not self._inflate.eof:
            raise ContentError(f"the {self._encoding} body ends in the middle")
        return bytes(self._body)

    def _inflated(self, chunk: bytes) -> bytes:
        out = bytearray()
        while chunk:
            assert self._inflate is not None
            if self._inflate.eof:  # RFC 1952 2.2: a gzip body may have several members
                self._inflate = zlib.decompressobj(wbits=47)
            out += self._inflate_some(chunk, self._limit - len(self._body) - len(out) + 1)
            if len(self._body) + len(out) > self._limit:
                break
            chunk = self._inflate.unused_data
        return bytes(out)

    def _inflate_some(self, chunk: bytes, room: int) -> bytes:
        assert self._inflate is not None
        try:
            return self._inflate.decompress(chunk, room)
        except zlib.error as error:
            if self._encoding == "deflate" and self._raw == len(chunk) and not self._is_raw:
                # Many servers send deflate without its zlib header, which RFC 9110 8.4.1.2 notes.
                self._is_raw = True
                self._inflate = zlib.decompressobj(wbits=-15)
                return self._inflate_some(chunk, room)
            raise ContentError(f"the body is not {self._encoding}: {error}") from None


def decoded(encoding: str, body: bytes, limit: int) -> bytes:
    """A whole body decoded. Errors: TooLargeError, ContentError."""
    if not encoding or not body:
        return body
    content = Content(encoding, limit)
    content.add(body)
    return content.finish()
