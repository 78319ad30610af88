"""A small `World` for tests of kinds: the real HTTP client and clock, everything else recorded.

async with world_at(server.url(), tmp_path) as world:
    observation = await Health().observe(params, world)
    world.reports              # every Progress that was reported
    world.stop("enough")       # what `progress` answers from now on
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasegate.http.addresses import Address, TargetAddresses
from phasegate.http.client import Network
from phasegate.model.observation import Case
from phasegate.runner.clock import RunClock
from phasegate.targets.containers.reach import TargetContainers
from phasegate.world import (
    Addresses,
    Clock,
    Containers,
    EvidenceFolder,
    HttpClient,
    Processes,
    Progress,
    World,
)


class StaticAddresses(TargetAddresses):
    """Entries of a target by id; the first is the default."""

    def __init__(
        self,
        entries: Mapping[str, str] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        tls_settings: Mapping[str, str] | None = None,
    ) -> None:
        """`extra_headers` and `tls_settings` are those of every entry."""
        super().__init__(
            (
                Address(
                    id=id,
                    url=url.rstrip("/"),
                    headers=tuple((extra_headers or {}).items()),
                    tls=tls_settings or {},
                )
                for id, url in (entries or {}).items()
            ),
            next(iter(entries or {}), None),
        )


class TemporaryEvidence:
    """An evidence folder without redaction; names are made unique like the real one does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: str | bytes) -> str:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        place = self.path / safe
        number = 2
        while place.exists():
            place = self.path / f"{place.stem}-{number}{place.suffix}"
            number += 1
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return f"evidence/{place.name}"

    def adopt(self, path: Path) -> str:
        return self.write(path.name, path.read_bytes())

    def read(self, reference: str) -> str:
        return (self.path / Path(reference).name).read_text()


class NoProcesses:
    """For kinds that start none."""

    async def run(self, command: Any, *, on_line: Any = None) -> Any:
        raise AssertionError("no process was expected")

    def open(self, command: Any) -> Any:
        raise AssertionError("no process was expected")


@dataclass
class TestWorld:
    __test__ = False

    http: HttpClient
    target: Addresses
    evidence: EvidenceFolder
    root: Path
    clock: Clock = field(default_factory=RunClock)
    processes: Processes = field(default_factory=NoProcesses)
    containers: Containers = field(default_factory=lambda: TargetContainers(os.environ))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    seed: int = 7
    earlier: tuple[Case, ...] = ()
    cases: tuple[str, ...] = ()
    accompanies: bool = False
    watched: bool = False
    reports: list[Progress] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    stop_because: str | None = None
    stop_after: float | None = None
    """Seconds after which `progress` says stop."""
    answers: Callable[[Progress], str | None] | None = None
    """What `progress` says instead."""
    _started: float = field(default_factory=time.perf_counter)

    async def progress(self, progress: Progress) -> str | None:
        self.reports.append(progress)
        if self.answers is not None:
            return self.answers(progress)
        if self.stop_after is not None and time.perf_counter() - self._started >= self.stop_after:
            return self.stop_because or "everything else has ended"
        return self.stop_because if self.stop_after is None else None

    def stop(self, because: str) -> None:
        self.stop_because = because

    def keep_secret(self, value: str) -> None:
        self.secrets.append(value)

    def evidence_text(self, reference: str) -> str:
        assert isinstance(self.evidence, TemporaryEvidence)
        return self.evidence.read(reference)


@contextlib.asynccontextmanager
async def world_at(
    url: str, folder: Path, *, target: StaticAddresses | None = None, **settings: Any
) -> AsyncIterator[TestWorld]:
    """A world whose default target entry is `url`; further settings are fields of `TestWorld`."""
    addresses = target or StaticAddresses({"app": url})
    settings.setdefault("processes", NoProcesses())
    async with Network(addresses).client() as http:
        evidence = TemporaryEvidence(folder / "evidence")
        yield TestWorld(http=http, target=addresses, evidence=evidence, root=folder, **settings)


def _is_a_world(world: TestWorld) -> World:
    """Checked by mypy: what tests use has the shape of the real thing."""
    return world
