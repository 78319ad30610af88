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
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phasegate.errors import ObservationError
from phasegate.http.client import Network
from phasegate.model.observation import Case
from phasegate.runner.clock import RunClock
from phasegate.target.containers.reach import TargetContainers
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

RealClock = RunClock


@dataclass
class StaticAddresses:
    """Entries of a target by id; the first is the default."""

    entries: Mapping[str, str] = field(default_factory=dict)
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    """Sent to every entry."""
    tls_settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, path_or_url: str) -> str:
        if not path_or_url.startswith("/"):
            return path_or_url
        if not self.entries:
            raise ObservationError("the plan has no target, so a path has no address")
        return next(iter(self.entries.values())).rstrip("/") + path_or_url

    def headers(self, url: str) -> tuple[tuple[str, str], ...]:
        return tuple(self.extra_headers.items()) if self.declares(url) else ()

    def declares(self, url: str) -> bool:
        return any(urlsplit(entry).netloc == urlsplit(url).netloc for entry in self.entries.values())

    def tls(self, url: str) -> Mapping[str, str]:
        return self.tls_settings

    def values(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for id, url in self.entries.items():
            parts = urlsplit(url)
            found[f"target.{id}.url"] = url.rstrip("/")
            found[f"target.{id}.host"] = parts.hostname or ""
            found[f"target.{id}.port"] = str(parts.port or 80)
        return found

    def environment(self) -> Mapping[str, str]:
        found = {f"PHASEGATE_TARGET_{id.upper()}_URL": url for id, url in self.entries.items()}
        return found | {"PHASEGATE_TARGET_URL": next(iter(self.entries.values()), "")}


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
    clock: Clock = field(default_factory=RealClock)
    processes: Processes = field(default_factory=NoProcesses)
    containers: Containers = field(default_factory=lambda: TargetContainers(os.environ))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    seed: int = 7
    earlier: tuple[Case, ...] = ()
    cases: tuple[str, ...] = ()
    accompanies: bool = False
    reports: list[Progress] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    stop_because: str | None = None
    stop_after: float | None = None
    """Seconds after which `progress` says stop."""
    _started: float = field(default_factory=time.perf_counter)

    async def progress(self, progress: Progress) -> str | None:
        self.reports.append(progress)
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
