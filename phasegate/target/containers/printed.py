"""What a container has printed, line by line, bounded in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from phasegate.model.containers import Container
from phasegate.target.containers.engine import Engine


async def printed(engine: Callable[[], Awaitable[Engine]], container: Container) -> AsyncIterator[str]:
    """See `phasegate.world.Containers`."""
    raise NotImplementedError
    yield ""
