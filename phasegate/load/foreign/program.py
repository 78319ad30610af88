"""An engine that is a program of others: it runs to its end, is watched, and is asked to stop in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import phasegate
from phasegate.base.facts import Message
from phasegate.load.counting.timeline import LATENCY
from phasegate.load.foreign.samples import EXCEPTIONS, REQUESTS, SUCCESS, THROUGHPUT
from phasegate.load.foreign.script_cases import PASS_RATE
from phasegate.model.measures import MeasureSpec
from phasegate.world import Completed, Progress, Running, World, left_out_note

EVERY = 0.25
"""Seconds between two looks at whether to stop."""
STOPPING = 10.0
"""Seconds an engine that was asked to stop gets to hand in what it saw."""
OUTPUT = 1 << 18
"""Bytes of the output that are kept, and as many again of its end."""
PACKAGE_FOLDER = Path(phasegate.__file__).resolve().parent.parent
"""Where our own processes import phasegate from, whatever the current folder holds."""


def beside(*, latency: str, service_time: str) -> dict[str, MeasureSpec]:
    """The measures that every foreign engine has; how it takes times differs."""
    times = {"latency": latency, "service_time": service_time}
    return {
        "success_rate": SUCCESS,
        **{name: MeasureSpec.times(about, chart=LATENCY) for name, about in times.items()},
        "throughput": THROUGHPUT,
        "requests": REQUESTS,
        "exceptions": EXCEPTIONS,
        "pass_rate": PASS_RATE,
    }


def refuse_arguments(program: str, args: tuple[str, ...], own: Mapping[str, str]) -> None:
    """Errors: ValueError for arguments that phasegate sets itself."""
    for argument in args:
        name = argument.partition("=")[0]
        if not name.startswith("--"):
            name = re.sub(r"^(-[A-Za-z]).*$", r"\1", name)
        if name in own:
            raise ValueError(f"{program} {name} cannot be given: {own[name]}")


async def cancel_all(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Foreign:
    """One run of such a program."""

    def __init__(
        self,
        running: Running,
        world: World,
        *,
        duration: float | None,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_line` sees each line of standard output, however much of it there is."""
        self._running = running
        self._world = world
        self._duration = duration
        self._on_line = on_line
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self.stopped: Message | None = None
        """Why it was stopped before its time."""

    @property
    def output(self) -> bytes:
        """Standard output: its beginning and its end, for people."""
        return (
            bytes(self._head) + (left_out_note(self._left_out) if self._left_out else b"") + bytes(self._tail)
        )

    async def run(self, text: Callable[[], str], *, watched: asyncio.Task[Any] | None = None) -> Completed:
        """Watch it to its end.

        Errors: what `watched` raises; the caller's context ends the program then.
        """
        reading = asyncio.create_task(self._read())
        try:
            began = self._world.clock.now()
            while not reading.done():
                await asyncio.wait(
                    {reading} if watched is None or watched.done() else {reading, watched}, timeout=EVERY
                )
                if watched is not None and watched.done():  # now, or while progress was told
                    watched.result()
                reason = await self._world.progress(
                    Progress(done=self._share_done(self._world.clock.now() - began), text=text())
                )
                if reason is not None and not reading.done():
                    self.stopped = reason
                    self._running.interrupt()
                    await asyncio.wait({reading}, timeout=STOPPING)
                    break
            if not reading.done():
                return Completed(exit_code=None, stopped=True)
            return await self._running.wait()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def evidence(self, completed: Completed) -> tuple[str, ...]:
        written = []
        for name, content in (("output.txt", self.output), ("log.txt", completed.stderr)):
            if content.strip():
                written.append(self._world.evidence.write(name, content))
        return tuple(written)

    def _share_done(self, elapsed: float) -> float | None:
        return min(elapsed / self._duration, 1.0) if self._duration else None

    async def _read(self) -> None:
        while (line := await self._running.read_line()) is not None:
            self._on_line(line)
            place = self._head if len(self._head) < OUTPUT else self._tail
            place += line.encode() + b"\n"
            if len(self._tail) > 2 * OUTPUT:
                self._left_out += len(self._tail) - OUTPUT
                del self._tail[:-OUTPUT]
