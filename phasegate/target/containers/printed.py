"""What a container has printed, line by line, bounded in memory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from phasegate.model.containers import Container
from phasegate.target.containers.engine import Engine, EngineError
from phasegate.target.containers.streaming import streamed

LONGEST = 1 << 14
"""Bytes of a line; what is longer comes as several."""
BATCH = 1_000
"""Lines that are fetched at a time."""
_TROUBLE = 3
"""The stream on which an engine says what it has to say itself."""
_HEAD = 8
"""Bytes before each frame: the stream, three zeros, the length."""


async def printed(engine: Callable[[], Awaitable[Engine]], container: Container) -> AsyncIterator[str]:
    """See `phasegate.world.Containers`."""
    found = await engine()
    log = _Log(found.api, container.id)
    try:
        while batch := await found.call(log.batch):
            for line in batch:
                yield line
    finally:
        log.close()


class _Log:
    """The log of one container, opened when first read; every call is in a thread, one at a time."""

    def __init__(self, api: Any, id: str) -> None:
        self._api = api
        self._id = id
        self._open = contextlib.ExitStack()
        self._lines: Iterator[str] | None = None

    def batch(self) -> list[str]:
        if self._lines is None:
            tty = self._api.inspect_container(self._id)["Config"].get("Tty")
            asked = {"stdout": 1, "stderr": 1, "follow": 0}
            pieces = self._open.enter_context(streamed(self._api, f"/containers/{self._id}/logs", **asked))
            self._lines = lines_of((0, piece) for piece in pieces) if tty else lines_of(frames_of(pieces))
        return list(islice(self._lines, BATCH))

    def close(self) -> None:
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
        raise EngineError("the log broke off")


def lines_of(parts: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Lines without their ends; those of the two streams are kept apart, long ones come in pieces.

    Errors: EngineError when the engine says among them that it could not read on.
    """
    begun: dict[int, bytes] = {}
    for stream, part in parts:
        if stream == _TROUBLE:
            raise EngineError(f"the engine could not read the log: {_text(part.strip())[:200]}")
        *ended, rest = part.split(b"\n")
        for line in ended:
            yield from _pieces(begun.pop(stream, b"") + line)
        rest = begun.get(stream, b"") + rest
        while len(rest) > LONGEST:
            yield _text(rest[:LONGEST])
            rest = rest[LONGEST:]
        begun[stream] = rest
    yield from (_text(line) for line in begun.values() if line)


def _pieces(line: bytes) -> Iterator[str]:
    for at in range(0, len(line) or 1, LONGEST):
        yield _text(line[at : at + LONGEST])


def _text(line: bytes) -> str:
    return line.decode(errors="replace").removesuffix("\r")
