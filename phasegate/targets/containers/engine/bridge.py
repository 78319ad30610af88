"""A blocking stream of the SDK, read in a thread of its own, its pieces handed to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

WAITING = 256
"""Pieces that may wait for the event loop; what comes faster is read more slowly."""
_PATIENCE = 1.0
"""Seconds until a thread that waits looks again whether it is wanted."""


class Bridge(Generic[T]):
    """Reads until the stream ends or `close` is called; `ended` is set after the last piece was taken."""

    def __init__(self, stream: Callable[[], Iterable[T]], take: Callable[[T], None], *, name: str) -> None:
        """`stream` is called in the thread, `take` in the event loop."""
        self._stream = stream
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._room = threading.BoundedSemaphore(WAITING)
        self.wanted = True
        self.error: Exception | None = None
        """What broke the stream off."""
        self.ended = asyncio.Event()
        self.thread = threading.Thread(target=self._read, name=name, daemon=True)

    def start(self) -> Self:
        self.thread.start()
        return self

    def close(self) -> None:
        """Take nothing more; closing the stream itself is the caller's, if it is to end at once."""
        self.wanted = False

    def _read(self) -> None:
        try:
            for piece in self._stream():
                while self.wanted and not self._room.acquire(timeout=_PATIENCE):
                    self.wanted = not self._loop.is_closed()
                if not self.wanted:
                    break
                self._post(self._take_piece, piece)
        except Exception as error:
            self.error = error
        finally:
            self._post(self.ended.set)

    def _take_piece(self, piece: T) -> None:
        self._room.release()
        self._take(piece)

    def _post(self, function: Callable[..., None], *arguments: T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, *arguments)


def close_stream(stream: Any) -> None:
    """Close a stream of the SDK with its connection, which it leaves open where the other end goes first, or
    where it has made it into a plain one."""
    for close in (stream.close, stream._response.close):
        with contextlib.suppress(Exception):
            close()
