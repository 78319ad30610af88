"""Who may use the target at the same time: many ordinary checks, or one that wants it to itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A shared and exclusive lock, first come first served, with at most `jobs` sharers."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._sharing = 0
        self._alone = False
        self._changed = asyncio.Condition()
        self._queue: list[object] = []

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._turn(exclusive=False):
            yield

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        async with self._turn(exclusive=True):
            yield

    @asynccontextmanager
    async def _turn(self, *, exclusive: bool) -> AsyncIterator[None]:
        await self._enter(exclusive)
        try:
            yield
        finally:
            if exclusive:
                self._alone = False
            else:
                self._sharing -= 1
            await self._tell()

    async def _enter(self, exclusive: bool) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._queue[0] is ticket and self._free(exclusive))
                if exclusive:
                    self._alone = True
                else:
                    self._sharing += 1
        finally:
            self._queue.remove(ticket)
            await self._tell()

    def _free(self, exclusive: bool) -> bool:
        if exclusive:
            return not self._alone and self._sharing == 0
        return not self._alone and self._sharing < self._jobs

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
