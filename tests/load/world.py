"""A world for load checks: real processes, a target that is one address, progress that is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from phasegate.model.observation import Case
from phasegate.runner.clock import RunClock
from phasegate.target.processes import LocalProcesses
from phasegate.world import Progress

RealClock = RunClock


@dataclass
class OneAddress:
    base: str
    extra: tuple[tuple[str, str], ...] = ()

    def url(self, path_or_url: str) -> str:
        return urljoin(self.base, path_or_url)

    def headers(self, url: str) -> tuple[tuple[str, str], ...]:
        return self.extra

    def declares(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self.base).netloc

    def tls(self, url: str) -> Mapping[str, str]:
        return {}

    def values(self) -> Mapping[str, str]:
        return {}

    def environment(self) -> Mapping[str, str]:
        return {}


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
    target: OneAddress
    stop: Callable[[Progress], str | None] = lambda _: None
    clock: RealClock = field(default_factory=RealClock)
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
