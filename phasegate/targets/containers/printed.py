"""What a container has printed, line by line, bounded in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from phasegate.base.facts import Code, fact
from phasegate.model.containers import Container, LogPiece
from phasegate.targets.containers.engine.client import Engine, EngineError
from phasegate.targets.containers.engine.streaming import PIECE, stream_answer

LONGEST = 1 << 20
"""Bytes of a line; what is longer comes in pieces."""
BATCH = 1_000
"""Pieces that are fetched at a time."""
BATCH_SIZE = 4 << 20
"""Characters of them, about."""
_TROUBLE = 3
"""The stream on which an engine says what it has to say itself."""
_HEAD = 8
"""Bytes before each frame: the stream, three zeros, the length."""


async def read_printed(
    engine: Callable[[], Awaitable[Engine]], container: Container
) -> AsyncIterator[LogPiece]:
    """See `phasegate.world.Containers`."""
    found = await engine()
    log = _Log(found.api, container.id)
    try:
        while batch := await found.call(log.batch):
            for piece in batch:
                yield piece
    finally:
        log.close()


async def read_kept_lines(path: Path) -> AsyncIterator[LogPiece]:
    """The lines of a file of this machine; of one that is not there none."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError:
        return
    with file:
        lines = lines_of((0, piece) for piece in iter(lambda: file.read(PIECE), b""))
        while batch := await asyncio.to_thread(_batch, lines):
            for piece in batch:
                yield piece


def _batch(lines: Iterator[LogPiece]) -> list[LogPiece]:
    batch: list[LogPiece] = []
    size = 0
    for piece in lines:
        batch.append(piece)
        size += len(piece.text)
        if len(batch) == BATCH or size > BATCH_SIZE:
            break
    return batch


class _Log:
    """The log of one container, opened when first read; every call is in a thread, one at a time."""

    def __init__(self, api: Any, id: str) -> None:
        self._api = api
        self._id = id
        self._open = contextlib.ExitStack()
        self._lines: Iterator[LogPiece] | None = None

    def batch(self) -> list[LogPiece]:
        if self._lines is None:
            tty = self._api.inspect_container(self._id)["Config"].get("Tty")
            asked = {"stdout": 1, "stderr": 1, "follow": 0}
            pieces = self._open.enter_context(
                stream_answer(self._api, f"/containers/{self._id}/logs", **asked)
            )
            self._lines = lines_of((0, piece) for piece in pieces) if tty else lines_of(frames_of(pieces))
        return _batch(self._lines)

    def close(self) -> None:
        # Somebody may be in the middle of reading it.
        with contextlib.suppress(Exception):
            self._open.close()


def frames_of(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The stream (1 output, 2 error) and content of each frame, in parts as they come.

    Source: Engine API, "Attach to a container", stream format.
    Errors: EngineError when it ends within a frame.
    """
    head, stream, left = b"", 0, 0
    for piece in pieces:
        at = 0
        while at < len(piece):
            if left:
                part = piece[at : at + left]
                at, left = at + len(part), left - len(part)
                yield stream, part
                continue
            wanted = _HEAD - len(head)
            head, at = head + piece[at : at + wanted], at + wanted
            if len(head) == _HEAD:
                stream, left, head = head[0], int.from_bytes(head[4:], "big"), b""
    if left or head:
        raise EngineError(fact(Code.LOG_BROKE_OFF))


def lines_of(parts: Iterable[tuple[int, bytes]]) -> Iterator[LogPiece]:
    """Lines without their ends; those of the two streams are kept apart, long ones come in pieces.

    Errors: EngineError when the engine says among them that it could not read on.
    """
    begun: dict[int, bytes] = {}
    cut: set[int] = set()
    """Streams whose line goes on after a piece."""

    def piece(stream: int, line: bytes, *, ends: bool) -> LogPiece:
        text = line.decode(errors="replace")
        begins = stream not in cut
        (cut.discard if ends else cut.add)(stream)
        return LogPiece(text.removesuffix("\r") if ends else text, begins, ends, stream)

    for stream, part in parts:
        if stream == _TROUBLE:
            told = part.strip().decode(errors="replace")[:200]
            raise EngineError(fact(Code.ENGINE_LOG_UNREADABLE, why=told))
        *ended, rest = part.split(b"\n")
        ended = [begun.pop(stream, b"") + line if not number else line for number, line in enumerate(ended)]
        rest = begun.pop(stream, b"") + rest
        for number, line in enumerate((*ended, rest)):
            while len(line) > LONGEST:
                at = _border(line)
                yield piece(stream, line[:at], ends=False)
                line = line[at:]
            if number < len(ended):
                yield piece(stream, line, ends=True)
            else:
                begun[stream] = line
    for stream, left in begun.items():
        if left or stream in cut:
            yield piece(stream, left, ends=True)


def _border(line: bytes) -> int:
    """Where a line is cut: at no place within a character of UTF-8."""
    at = LONGEST
    while at > LONGEST - 4 and line[at] & 0xC0 == 0x80:
        at -= 1
    return at
