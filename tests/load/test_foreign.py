"""A program of others is watched to its end, and so is what reads from it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from phasegate.errors import ObservationError
from phasegate.load.foreign import Foreign
from phasegate.target.processes import LocalProcesses
from phasegate.world import Command, Progress
from tests.load.engines import world_of

pytestmark = pytest.mark.paced

ENDLESS = Command(argv=("sleep", "600"), cwd=Path.cwd())


@pytest.mark.parametrize("when", ["before it is watched", "while its progress is told"])
async def test_what_fails_beside_a_program_ends_it_whenever_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    world = world_of("http://127.0.0.1:9", tmp_path)
    fails = asyncio.Event()
    watched = asyncio.create_task(fails_after(fails))

    async def progress(_: Progress) -> None:
        fails.set()
        await asyncio.wait({watched})

    monkeypatch.setattr(world, "progress", progress)
    if when == "before it is watched":
        await progress(Progress())
    async with LocalProcesses(os.environ).open(ENDLESS) as running:
        with pytest.raises(ObservationError, match="cannot be read"):
            async with asyncio.timeout(20):
                await Foreign(running, world, duration=None).run(str, watched=watched)


async def fails_after(event: asyncio.Event) -> None:
    await event.wait()
    raise ObservationError("the samples cannot be read")
