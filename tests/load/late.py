"""Workers that are held up, when a load begins or later."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Running


class HeldUp:
    """Workers of which some are stopped, as a busy machine does it."""

    def __init__(self, holds: Mapping[int, float], *, after: float = 0.0) -> None:
        """Seconds by worker, in the order in which they are started. `after`: since the start line."""
        self._holds = holds
        self._after = after
        self._started = 0
        self._real = LocalProcesses(os.environ)

    @asynccontextmanager
    async def open(self, command: Command, **more: Any) -> AsyncIterator[Running]:
        number, self._started = self._started, self._started + 1
        async with self._real.open(command, **more) as running:
            if number in self._holds:
                yield _Stopping(running, self._holds[number], self._after)
            else:
                yield running


class _Stopping:
    """A worker that is stopped, at the earliest before it is told to start, and goes on some time later."""

    def __init__(self, running: Running, seconds: float, after: float) -> None:
        self._running = running
        self._seconds = seconds
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._running, name)

    async def write_line(self, line: str) -> None:
        if json.loads(line)["type"] == "start":
            loop, pid = asyncio.get_running_loop(), self._running.pid
            if self._after:
                loop.call_later(self._after, os.kill, pid, signal.SIGSTOP)
            else:
                os.kill(pid, signal.SIGSTOP)
            loop.call_later(self._after + self._seconds, os.kill, pid, signal.SIGCONT)
        await self._running.write_line(line)
