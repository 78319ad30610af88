"""A world for load checks: real processes, a target that is one address, progress that is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.http.addresses import Address, TargetAddresses
from phasegate.targets.processes.local import LocalProcesses
from tests.worlds import TestWorld


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


@dataclass(kw_only=True)
class LoadWorld(TestWorld):
    """A `TestWorld` that starts processes and keeps its evidence in memory."""

    http: Any = None
    evidence: Kept = field(default_factory=Kept)
    root: Path = field(default_factory=Path.cwd)
    processes: Any = field(default_factory=lambda: LocalProcesses(os.environ))
    containers: Any = None
    seed: int = 0
