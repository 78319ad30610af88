"""What containers print, followed while they run: a thread for each, lines handed to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from phasegate.target.output import LINE, LineSplitter

WAITING = 256
"""Pieces that may wait for the event loop; a container that prints faster is read more slowly."""
_PATIENCE = 5.0
"""Seconds until a thread looks again whether it is wanted."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) ?")


class Follower:
    """Follows one container; `ended` is set when its last line was handed over."""

    def __init__(
        self,
        api: Any,
        container: str,
        *,
        on_line: Callable[[str], None],
        after: Follower | None = None,
        since: float | None = None,
    ) -> None:
        """`after` is who followed it before it was started again: what that one saw is not told again.
        `since` leaves out what was printed before, in seconds since 1970."""
        self._api = api
        self._container = container
        self._on_line = on_line
        self._before = after
        self._since = since
        self._loop = asyncio.get_running_loop()
        self._room = threading.BoundedSemaphore(WAITING)
        self._lines = LineSplitter(on_line)
        self._stream: Any = None
        self._wanted = True
        self.ended = asyncio.Event()
        self._last = b""
        """When the last piece was printed, as the engine writes it."""
        self._thread = threading.Thread(target=self._follow, name=f"log-{container[:12]}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Follow no longer; `ended` is set soon."""
        self._wanted = False
        # The stream may be just about to be read by the thread, or at its end.
        with contextlib.suppress(Exception):
            self._stream.close()

    def _follow(self) -> None:
        try:
            if self._before is not None:
                while self._wanted and self._before._thread.is_alive():
                    self._before._thread.join(_PATIENCE / 10)
                self._last, self._before = self._before._last, None
            # Whatever the engine does, the follower ends; that the engine has gone is noticed elsewhere.
            with contextlib.suppress(Exception):
                self._read()
        finally:
            self._post(self._finish)

    def _read(self) -> None:
        while self._wanted:
            self._stream = self._api.logs(
                self._container,
                stdout=True,
                stderr=True,
                stream=True,
                follow=True,
                timestamps=True,
                since=_seconds(self._last) or self._since,
            )
            pieces = _Pieces(self._stream)
            for piece in pieces:
                if not self._hand_over(piece):
                    return
            # What a terminal prints is not read on when nothing has come for a while.
            if not (pieces.terminal and self._runs()):
                return

    def _hand_over(self, piece: bytes) -> bool:
        """Whether to go on."""
        stamp = _STAMP.match(piece)
        if stamp is not None:
            if stamp[1] <= self._last:
                return self._wanted
            self._last = stamp[1]
            piece = piece[stamp.end() :]
        while not self._room.acquire(timeout=_PATIENCE):
            if not self._wanted or self._loop.is_closed():
                return False
        self._post(self._take, piece)
        return self._wanted

    def _runs(self) -> bool:
        return bool(self._api.inspect_container(self._container)["State"]["Running"])

    def _post(self, function: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, *arguments)

    def _take(self, piece: bytes) -> None:
        self._room.release()
        self._lines.feed(piece)

    def _finish(self) -> None:
        self._lines.close()
        self.ended.set()


class _Pieces:
    """What was printed, in pieces that begin with a time each.

    The SDK gives a piece as the engine sent it, but of a terminal one character after the other.
    """

    def __init__(self, stream: Iterable[bytes | str]) -> None:
        self._stream = stream
        self.terminal = False

    def __iter__(self) -> Iterator[bytes]:
        line: list[str] = []
        for piece in self._stream:
            if isinstance(piece, bytes):
                yield piece
                continue
            self.terminal = True
            line.append(piece)
            if piece == "\n" or len(line) > LINE:
                yield "".join(line).encode()
                line.clear()
        if line:
            yield "".join(line).encode()


def _seconds(stamp: bytes) -> float | None:
    """A moment as seconds since 1970, a little earlier rather than later."""
    if not stamp:
        return None
    text = stamp.decode()
    return datetime.fromisoformat(f"{text[:26]}{text[29:].replace('Z', '+00:00')}").timestamp()
