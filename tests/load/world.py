"""A world for load checks: real processes, a target that is one address, progress that is kept."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.http.addresses import Address, TargetAddresses
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Running
from tests import holdups
from tests.worlds import TestWorld

_LATE = 0.025
"""Seconds by which a worker may begin late whatever the load."""


class OneAddress(TargetAddresses):
    """A target of one entry, `app`, at the host and port of a URL."""

    def __init__(self, base: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        parts = urlsplit(base)
        super().__init__([Address(id="app", url=f"{parts.scheme}://{parts.netloc}", headers=extra)])


class Listening(LocalProcesses):
    """Tells the watch of the test how long a worker was held up."""

    @asynccontextmanager
    async def open(self, command: Command, **more: Any) -> AsyncIterator[Running]:
        async with super().open(command, **more) as running:
            yield _Ear(running)  # type: ignore[misc]


class _Ear:
    def __init__(self, running: Running) -> None:
        self._running = running

    def __getattr__(self, name: str) -> Any:
        return getattr(self._running, name)

    async def read_line(self) -> str | None:
        line = await self._running.read_line()
        if line is not None and line.startswith('{"type":"result"'):
            listen(json.loads(line))
        return line


def listen(result: dict[str, Any]) -> None:
    """Hear from the result of a worker whether it was held up."""
    late = result["late"]
    if held_up := max(result["held_up"], late if late > _LATE else 0.0):
        holdups.tell(held_up)


@dataclass
class Kept:
    path: Path = Path("/nowhere")
    files: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> str:
        self.files[name] = content if isinstance(content, str) else content.decode()
        return f"evidence/{name}"

    def adopt(self, path: Path) -> str:
        raise NotImplementedError


@dataclass(kw_only=True)
class LoadWorld(TestWorld):
    """A `TestWorld` that starts processes and keeps its evidence in memory."""

    http: Any = None
    evidence: Kept = field(default_factory=Kept)
    root: Path = field(default_factory=Path.cwd)
    processes: Any = field(default_factory=lambda: Listening(os.environ))
    containers: Any = None
    seed: int = 0
