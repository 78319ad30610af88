"""A world for load checks: real processes, a target that is one address, progress that is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.http.addresses import Address, TargetAddresses
from phasegate.model.observation import Case
from phasegate.runner.clock import RunClock
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Addresses, Progress


class OneAddress(TargetAddresses):
    """A target of one entry, `app`, at the host and port of a URL."""

    def __init__(self, base: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        parts = urlsplit(base)
        super().__init__([Address(id="app", url=f"{parts.scheme}://{parts.netloc}", headers=extra)])


@dataclass
class Kept:
    path: Path = Path("/nowhere")
    files: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> str:
        self.files[name] = content if isinstance(content, str) else content.decode()
        return f"evidence/{name}"

    def adopt(self, path: Path) -> str:
        raise NotImplementedError


@dataclass
class LoadWorld:
    target: Addresses
    stop: Callable[[Progress], str | None] = lambda _: None
    clock: RunClock = field(default_factory=RunClock)
    processes: Any = field(default_factory=lambda: LocalProcesses(os.environ))
    evidence: Kept = field(default_factory=Kept)
    reported: list[Progress] = field(default_factory=list)
    http: Any = None
    containers: Any = None
    root: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    seed: int = 0
    earlier: tuple[Case, ...] = ()
    cases: tuple[str, ...] = ()
    accompanies: bool = False

    async def progress(self, progress: Progress) -> str | None:
        self.reported.append(progress)
        return self.stop(progress)

    def keep_secret(self, value: str) -> None:
        pass
