"""What checks reach of containers: those of the target, through an engine connected when first used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.model.containers import Container, ContainerUsage, Image, ImageFile, LogPiece
from phasegate.targets.containers import images
from phasegate.targets.containers.cgroups import memory_kills_of, usage_of
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.engine.replacing import REPLACES
from phasegate.targets.containers.inside import Inside, running_of
from phasegate.targets.containers.printed import read_kept_lines, read_printed
from phasegate.targets.containers.programs import lacking
from phasegate.world import Processes, Stopped


class TargetContainers:
    """See `phasegate.world.Containers`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._connecting = asyncio.Lock()
        self._engine: Engine | None = None
        self._labels: list[tuple[str, ...]] = []
        self._services: tuple[str, ...] = ()
        self._logs: list[Callable[[str], Path | None]] = []
        self._ran: dict[str, dict[str, str]] = {}
        self._digests: dict[str, tuple[str, ...]] = {}

    async def engine(self) -> Engine:
        """Errors: EngineError."""
        async with self._connecting:
            if self._engine is None:
                self._engine = await Engine.connect(self._environment)
            return self._engine

    def are(self, *labels: str, services: Iterable[str] = ()) -> None:
        """From now on the containers with all these labels are the target's too, and `services` should be
        among them."""
        self._labels.append(labels)
        self._services = (*self._services, *services)

    def keeps(self, log: Callable[[str], Path | None]) -> None:
        """From now on `log` says where the run keeps what a service prints."""
        self._logs.append(log)

    @property
    def services(self) -> tuple[str, ...]:
        return self._services

    async def all(self) -> tuple[Container, ...]:
        if not self._labels:
            raise ObservationError(fact(Code.NO_CONTAINERS), help=fact(Code.NAME_CONTAINERS))
        engine = await self.engine()
        found = {one.id: one for labels in self._labels for one in await engine.containers(labels)}
        set_aside = {one.labels[REPLACES] for one in found.values() if REPLACES in one.labels}
        stack = tuple(one for one in found.values() if not one.one_off and one.id not in set_aside)
        for one in stack:
            self._ran.setdefault(one.service, {})[one.image_id] = one.image
        return stack

    async def remember(self) -> None:
        """See which images run now. What keeps it from being seen is told by whoever needs it seen."""
        if not self._labels:
            return
        with contextlib.suppress(ObservationError):
            for id in {one.image_id for one in await self.all()} - set(self._digests):
                await self.image(id)

    def ran(self) -> dict[str, Message]:
        """The images that each service was seen to run: as asked for, by id, by digest where one is known."""
        images = {
            service: tuple(", ".join((name, id, *self._digests.get(id, ()))) for id, name in images.items())
            for service, images in sorted(self._ran.items())
        }
        return {
            service: found[0] if len(found) == 1 else fact(Code.ONE_THEN_ANOTHER, parts=found)
            for service, found in images.items()
        }

    def lines(self, container: Container) -> AsyncIterator[LogPiece]:
        return read_printed(self.engine, container)

    async def seen_lines(self, service: str) -> AsyncIterator[LogPiece]:
        for path in filter(None, [log(service) for log in self._logs]):
            async for piece in read_kept_lines(path):
                yield piece

    async def memory_kills(self, containers: Sequence[Container]) -> Mapping[str, int]:
        return await memory_kills_of(await self.engine(), containers)

    async def usage(self, containers: Sequence[Container]) -> Mapping[str, ContainerUsage]:
        return await usage_of(await self.engine(), containers)

    def inside(self, service: str) -> Processes:
        return Inside(self, service)

    async def lacking(self, service: str, tools: Sequence[str]) -> tuple[str, ...]:
        """The tools that the container of a service does not have. Errors: ObservationError."""
        return await lacking(await self.engine(), await running_of(self, service), tools)

    async def image(self, reference: str) -> Image:
        image = await (await self.engine()).image(reference)
        self._digests[image.id] = image.digests
        return image

    async def files(self, image: Image) -> tuple[ImageFile, ...]:
        return await images.files_of(await self.engine(), image)

    async def content(self, image: Image, path: str) -> bytes | None:
        return await images.content_of(await self.engine(), image, path)

    async def stop_of(self, image: Image, *, after: float, within: float) -> Stopped:
        return await images.stop_of(await self.engine(), image, after=after, within=within)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None
