"""What containers print, followed while they run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from phasegate.targets.containers.engine.bridge import Bridge, close_stream
from phasegate.targets.processes.output import LINE, LineSplitter

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) ?")
_PATIENCE = 0.5


class Follower:
    """Follows one container until it ends."""

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
        self._before = after
        self._since = since
        self._stream: Any = None
        self._last = b""
        """When the last piece was printed, as the engine writes it."""
        self._lines = LineSplitter(on_line)
        self._bridge = Bridge(self._pieces, self._lines.feed, name=f"log-{container[:12]}")
        self._bridge.start()

    async def ended(self) -> None:
        """Wait until the last line was handed over."""
        await self._bridge.ended.wait()
        self._lines.close()

    def cancel(self) -> None:
        """Follow no longer; it ends soon."""
        self._bridge.close()
        if self._stream is not None:
            close_stream(self._stream)

    def _pieces(self) -> Iterator[bytes]:
        if self._before is not None:
            while self._bridge.wanted and self._before._bridge.thread.is_alive():
                self._before._bridge.thread.join(_PATIENCE)
            self._last, self._before = self._before._last, None
        while True:
            pieces = _Stamped(self._open())
            try:
                yield from self._new(pieces)
            finally:
                close_stream(self._stream)
            # What a terminal prints is not read on when nothing has come for a while.
            if not (pieces.terminal and self._bridge.wanted and self._runs()):
                return

    def _new(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What was not told before, without its time. The pieces of a line over 16 KiB have one time."""
        told = self._last
        for piece in pieces:
            stamp = _STAMP.match(piece)
            if stamp is None:
                yield piece
            elif stamp[1] > told:
                self._last = stamp[1]
                yield piece[stamp.end() :]

    def _open(self) -> Any:
        self._stream = self._api.logs(
            self._container,
            stdout=True,
            stderr=True,
            stream=True,
            follow=True,
            timestamps=True,
            since=_seconds(self._last) or self._since,
        )
        return self._stream

    def _runs(self) -> bool:
        return bool(self._api.inspect_container(self._container)["State"]["Running"])


class _Stamped:
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


async def all_ended(followers: Iterable[Follower], within: float) -> None:
    """Wait for the last lines of containers that have ended; those that have not are followed no longer."""
    everyone = list(followers)
    waits = [asyncio.create_task(follower.ended()) for follower in everyone]
    if not waits:
        return
    _, late = await asyncio.wait(waits, timeout=within)
    for follower in everyone:
        follower.cancel()
    if late:
        await asyncio.wait(late, timeout=_PATIENCE)
    for wait in waits:
        wait.cancel()


def _seconds(stamp: bytes) -> float | None:
    """A moment as seconds since 1970, a little earlier rather than later."""
    if not stamp:
        return None
    text = stamp.decode()
    return datetime.fromisoformat(f"{text[:26]}{text[29:].replace('Z', '+00:00')}").timestamp()
