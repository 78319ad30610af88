"""What is in an image, and how its program takes the wish to stop; whatever is made for it is removed."""

from __future__ import annotations

from phasegate.model.containers import Image, ImageFile
from phasegate.target.containers.engine import Engine
from phasegate.world import Stopped


async def files_of(engine: Engine, image: Image) -> tuple[ImageFile, ...]:
    """Every file and folder, layers put together; the container made for it is never started."""
    raise NotImplementedError


async def stop_of(engine: Engine, image: Image, *, after: float, within: float) -> Stopped:
    """See `phasegate.world.Containers`."""
    raise NotImplementedError
