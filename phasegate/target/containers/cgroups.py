"""What containers use: from their control groups, v1 and v2, or from the engine where it is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phasegate.model.containers import Container, ContainerUsage
from phasegate.target.containers.engine import Engine


async def usage_of(engine: Engine, containers: Sequence[Container]) -> Mapping[str, ContainerUsage]:
    """See `phasegate.world.Containers`."""
    raise NotImplementedError
