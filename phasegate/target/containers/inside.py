"""Programs inside a container of the target."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from phasegate.model.containers import Container
from phasegate.target.containers.engine import Engine
from phasegate.world import Command, Completed, Running


class Reach(Protocol):
    """Where containers are found."""

    async def engine(self) -> Engine: ...

    async def all(self) -> tuple[Container, ...]: ...


class Inside:
    """See `phasegate.world.Processes`."""

    def __init__(self, reach: Reach, service: str) -> None:
        self._reach = reach
        self._service = service

    async def run(self, command: Command, *, on_line: Callable[[str, str], None] | None = None) -> Completed:
        raise NotImplementedError

    def open(self, command: Command) -> AbstractAsyncContextManager[Running]:
        raise NotImplementedError
