"""Containers and images as a test says they are, with the shape of `phasegate.world.Containers`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.model.containers import (
    Container,
    ContainerState,
    ContainerUsage,
    Health,
    Healthcheck,
    Image,
    ImageFile,
    LogPiece,
)
from phasegate.world import Containers, Processes, Stopped

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
REAL = Healthcheck(test=("CMD-SHELL", "curl -f http://localhost/health || exit 1"))
FAKE = Healthcheck(test=("CMD-SHELL", "exit 0"))


def container(service: str, **facts: Any) -> Container:
    """One that has run for an hour and is healthy by a check that can fail."""
    number = facts.get("number", 1)
    settings: dict[str, Any] = {
        "id": f"id-{service}-{number}",
        "name": f"shop_{service}_{number}",
        "service": service,
        "image": f"shop/{service}:1",
        "image_id": f"sha256:{service}",
        "state": ContainerState.RUNNING,
        "health": Health.HEALTHY,
        "healthcheck": REAL,
        "created": NOW - timedelta(hours=1),
        "started": NOW - timedelta(hours=1),
    }
    return Container(**{**settings, **facts})


def ended(service: str, exit_code: int = 0, **facts: Any) -> Container:
    settings = {"state": ContainerState.EXITED, "exit_code": exit_code, "health": Health.NONE}
    return container(service, **{"healthcheck": None, **settings, **facts})


@dataclass
class ScriptedContainers:
    """The services that are there, images by every name they have, logs by service."""

    containers: Sequence[Container] = ()
    services: tuple[str, ...] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    logs: Mapping[str, Sequence[str | LogPiece] | str] = field(default_factory=dict)
    """Text instead of lines: why the log cannot be read."""
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stalled: tuple[str, ...] = ()
    """Services whose log does not end after these lines."""
    kills: Mapping[str, int | None] = field(default_factory=dict)
    listing: Sequence[ImageFile] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)
    stopped: Stopped = field(default_factory=Stopped)
    asked: list[str] = field(default_factory=list)

    async def all(self) -> tuple[Container, ...]:
        return tuple(self.containers)

    async def lines(self, container: Container) -> AsyncIterator[LogPiece]:
        said = self.logs.get(container.service, ())
        if isinstance(said, str):
            raise ObservationError(said)
        for line in said:
            yield line if isinstance(line, LogPiece) else LogPiece(line)
        if container.service in self.stalled:
            await asyncio.Event().wait()

    async def seen_lines(self, service: str) -> AsyncIterator[LogPiece]:
        for line in self.seen.get(service, ()):
            yield LogPiece(line)

    async def memory_kills(self, containers: Sequence[Container]) -> Mapping[str, int]:
        return {one.id: kills for one in containers if (kills := self.kills.get(one.service, 0)) is not None}

    async def usage(self, containers: Sequence[Container]) -> Mapping[str, ContainerUsage]:
        return {}

    def inside(self, service: str) -> Processes:
        raise AssertionError("nothing is to be started inside")

    async def image(self, reference: str) -> Image:
        if reference in self.images:
            return self.images[reference]
        if reference.startswith("sha256:"):
            return Image(id=reference, size=1)
        raise ObservationError(f"there is no image {reference!r} on this engine")

    async def files(self, image: Image) -> tuple[ImageFile, ...]:
        self.asked.append("files")
        return tuple(self.listing)

    async def content(self, image: Image, path: str) -> bytes | None:
        return self.contents.get(path)

    async def stop_of(self, image: Image, *, after: float, within: float) -> Stopped:
        self.asked.append(f"stop after {after} within {within}")
        return self.stopped


def _are_containers(scripted: ScriptedContainers) -> Containers:
    """Checked by mypy."""
    return scripted
