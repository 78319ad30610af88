"""A program of others is watched to its end, and so is what reads from it."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError
from phasegate.load.foreign.program import Foreign
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Progress
from tests.load.engines import world_of
from tests.telling import raises

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
        with raises(ObservationError, match="cannot be read"):
            async with asyncio.timeout(20):
                await Foreign(running, world, duration=None).run(str, watched=watched)


async def fails_after(event: asyncio.Event) -> None:
    await event.wait()
    raise ObservationError("the samples cannot be read")


async def test_every_line_is_seen_and_the_record_says_how_much_is_left_out(tmp_path: Path) -> None:
    world = world_of("http://127.0.0.1:9", tmp_path)
    seen: list[str] = []
    script = "for n in range(30000): print(n, 'x' * 60)"
    printing = Command(argv=("python", "-c", script), cwd=Path.cwd())
    async with LocalProcesses(os.environ).open(printing) as running:
        foreign = Foreign(running, world, duration=None, on_line=seen.append)
        await foreign.run(str)
    assert [line.split()[0] for line in seen] == [str(number) for number in range(30_000)]
    head, size, tail = re.split(rb"\n\[([0-9,]+) bytes left out\]\n", foreign.output)
    printed = "".join(f"{line}\n" for line in seen).encode()
    assert printed.startswith(head)
    assert printed.endswith(tail)
    assert len(head) + int(size.replace(b",", b"")) + len(tail) == len(printed)
