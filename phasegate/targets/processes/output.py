"""What a program wrote: bounded in size, and split into lines as it comes."""

from __future__ import annotations

from collections.abc import Callable

from phasegate.world import left_out_note

LINE = 64 * 1024
"""Bytes after which a line without an end is handed on as one."""


class BoundedOutput:
    """Keeps the first and the last half of `keep` bytes, with a line between them that counts the rest."""

    def __init__(self, keep: int) -> None:
        self._tail_size = keep // 2
        self._head_size = keep - self._tail_size
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> None:
        self._total += len(data)
        room = self._head_size - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail += data
            # Trimmed rarely, so that feeding many small pieces stays linear.
            if len(self._tail) > 2 * self._tail_size:
                self._trim()

    @property
    def left_out(self) -> int:
        """Bytes between what is kept of the beginning and of the end."""
        self._trim()
        return self._total - len(self._head) - len(self._tail)

    def content(self) -> bytes:
        size = self.left_out
        return bytes(self._head) + (left_out_note(size) if size else b"") + bytes(self._tail)

    def _trim(self) -> None:
        excess = len(self._tail) - self._tail_size
        if excess > 0:
            del self._tail[:excess]


def goes_on(line: str) -> bool:
    """Whether a line that a `LineSplitter` has handed on is a piece of one: more of it follows."""
    return len(line) >= LINE or (not line.isascii() and len(line.encode("utf-8", "replace")) > LINE - 4)


class LineSplitter:
    """Hands on complete lines without their ends, as text; bytes that are not UTF-8 are replaced."""

    def __init__(self, on_line: Callable[[str], None], *, longest: int = LINE) -> None:
        """`longest`: bytes after which a line without an end is handed on in pieces."""
        self._on_line = on_line
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            left = self._pieces(line, keep=self._longest - 1)
            if len(left) > self._longest - 4 and not left.isascii():  # which would look like a piece of one
                self._emit(left)
                left = b""
            self._emit(left)
        self._rest = self._pieces(rest, keep=self._longest)

    def _pieces(self, line: bytes, *, keep: int) -> bytes:
        """Hand on pieces of a line until at most `keep` bytes of it are left; no character is cut in two."""
        while len(line) > keep:
            at = self._longest
            while at > self._longest - 4 and line[at : at + 1] and line[at] & 0xC0 == 0x80:
                at -= 1
            self._emit(line[:at])
            line = line[at:]
        return line

    def close(self) -> None:
        """Hand on what is left of a last line without an end."""
        rest, self._rest = self._rest, b""
        if rest:
            self._emit(rest)

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode(errors="replace"))
