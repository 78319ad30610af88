"""The view of a run, kept moving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from phasegate.render.terminal.live import View

TICK = 0.125
"""Seconds."""


@asynccontextmanager
async def ticking(view: View | None) -> AsyncIterator[None]:
    """Keep the view moving while nothing happens, and close it at the end."""
    if view is None:
        yield
        return

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK)
            view.tick()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        view.close()
