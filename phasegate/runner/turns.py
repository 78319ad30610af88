"""Who may use the target at the same time: many ordinary checks, or one that wants it to itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A shared and exclusive lock, first come first served, with at most `jobs` sharers."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._sharing = 0
        self._alone = False
        self._queue: deque[tuple[bool, asyncio.Future[None]]] = deque()
        """Who waits, in order: whether exclusively, and what tells them that their turn has come."""

    @asynccontextmanager
    async def turn(self, *, exclusive: bool) -> AsyncIterator[None]:
        await self._enter(exclusive)
        try:
            yield
        finally:
            self._leave(exclusive)

    async def _enter(self, exclusive: bool) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((exclusive, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit()  # this one may have been all that the next had to wait for
            else:
                self._leave(exclusive)  # the turn had come just before
            raise

    def _leave(self, exclusive: bool) -> None:
        if exclusive:
            self._alone = False
        else:
            self._sharing -= 1
        self._admit()

    def _admit(self) -> None:
        """Let in who is next, as long as there is room."""
        while self._queue:
            exclusive, turn = self._queue[0]
            if not turn.cancelled():
                if not self._free(exclusive):
                    return
                self._alone = exclusive
                self._sharing += not exclusive
                turn.set_result(None)
            self._queue.popleft()

    def _free(self, exclusive: bool) -> bool:
        return not self._alone and self._sharing < (1 if exclusive else self._jobs)
