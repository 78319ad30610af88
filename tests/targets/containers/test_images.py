"""What is in images, and how their programs stop: real images, and nothing of them left behind."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from phasegate.render.sentences import sentence
from phasegate.targets.containers.images import LABEL
from phasegate.targets.containers.reach import TargetContainers
from tests.engines import ENGINE, OWN_LABEL, build, busybox, client, nothing_left

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]

IGNORES = 'CMD ["sh", "-c", "trap \'\' TERM; while true; do sleep 1; done"]'
OBEYS = 'CMD ["sh", "-c", "trap \'exit 7\' TERM; while true; do sleep 0.05; done"]'


@pytest.fixture
async def reach() -> AsyncIterator[TargetContainers]:
    found = TargetContainers(os.environ)
    yield found
    found.close()


async def test_files_come_with_modes_and_owners_over_all_layers(reach: TargetContainers) -> None:
    image = await reach.image(
        busybox(
            "RUN mkdir -p /data /tmp && chmod 0777 /data && chmod 1777 /tmp && echo hi > /data/note",
            "RUN chmod 4755 /bin/busybox && chown 12:34 /data/note && chmod 0640 /data/note",
            "RUN echo gone > /data/gone && rm /data/gone",
            "VOLUME /var/lib/kept",
        )
    )
    files = {file.path: file for file in await reach.files(image)}
    assert files["/bin/busybox"].mode == stat.S_ISUID | 0o755
    assert files["/bin/busybox"].size > 100_000
    assert (files["/data"].mode, files["/data"].folder) == (0o777, True)
    assert files["/tmp"].mode == stat.S_ISVTX | 0o777
    note = files["/data/note"]
    assert (note.mode, note.uid, note.gid, note.size, note.folder) == (0o640, 12, 34, 3, False)
    assert "/data/gone" not in files
    assert not any(path.startswith(("/dev", "/proc", "/sys")) for path in files)


async def test_a_healthcheck_comes_with_the_shell_that_reads_it(reach: TargetContainers) -> None:
    image = await reach.image(busybox('SHELL ["/bin/sh", "-e", "-c"]', "HEALTHCHECK CMD wget -q x; true"))
    assert image.healthcheck is not None
    assert image.healthcheck.test == ("CMD-SHELL", "wget -q x; true")
    assert image.healthcheck.shell == ("/bin/sh", "-e", "-c")


async def test_an_image_without_a_command_has_files_too(reach: TargetContainers) -> None:
    image = await reach.image(build("FROM scratch\nCOPY a /etc/a", {"a": b"content"}))
    assert {file.path for file in await reach.files(image) if not file.folder} >= {"/etc/a"}


async def test_a_file_is_read_without_starting_anything(reach: TargetContainers) -> None:
    image = await reach.image(build("FROM scratch\nCOPY a /etc/a", {"a": b"x" * (2 << 20)}))
    assert await reach.content(image, "/etc/a") == b"x" * (1 << 20)
    assert await reach.content(image, "/etc/passwd") is None


async def test_a_program_that_obeys_is_timed(reach: TargetContainers) -> None:
    stopped = await reach.stop_of(await reach.image(busybox(OBEYS)), after=2, within=10)
    assert (stopped.before, stopped.exit_code, stopped.killed) == ("", 7, False)
    assert 0 < stopped.seconds < 10


async def test_a_program_that_does_not_obey_is_killed(reach: TargetContainers) -> None:
    stopped = await reach.stop_of(await reach.image(busybox(IGNORES)), after=0.2, within=0.3)
    assert stopped.killed
    assert stopped.exit_code is None


async def test_a_program_that_ends_by_itself_has_nothing_to_stop(reach: TargetContainers) -> None:
    image = await reach.image(busybox('CMD ["sh", "-c", "echo no database; exit 3"]'))
    stopped = await reach.stop_of(image, after=3, within=1)
    assert sentence(stopped.before) == "it ended by itself with exit code 3: no database"


async def test_a_program_that_cannot_be_started_is_said_to_be_one(reach: TargetContainers) -> None:
    stopped = await reach.stop_of(await reach.image(busybox('CMD ["/nowhere"]')), after=0.1, within=1)
    assert "/nowhere" in sentence(stopped.before)
    without = await reach.stop_of(await reach.image(busybox()), after=0.1, within=1)
    assert "No command specified" in sentence(without.before)


LOOKING = """
import asyncio, os
from phasegate.targets.containers.reach import TargetContainers

async def main():
    reach = TargetContainers(os.environ)
    await reach.stop_of(await reach.image(%r), after=30, within=30)

asyncio.run(main())
"""


def test_what_was_made_for_a_look_goes_with_a_phasegate_that_is_killed() -> None:
    def wait_until(there: bool) -> None:
        deadline = time.monotonic() + 60
        while bool(client().api.containers(all=True, filters={"label": [LABEL, OWN_LABEL]})) is not there:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with subprocess.Popen([sys.executable, "-c", LOOKING % busybox(IGNORES)]) as looking:
        wait_until(there=True)
        looking.kill()
    wait_until(there=False)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.3])
async def test_a_cancellation_leaves_no_container(reach: TargetContainers, delay: float) -> None:
    image = await reach.image(busybox(IGNORES))
    tasks = [
        asyncio.create_task(reach.stop_of(image, after=30, within=30)),
        asyncio.create_task(reach.files(image)),
    ]
    await asyncio.sleep(delay)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert client().containers.list(all=True, filters={"label": [LABEL, OWN_LABEL]}) == []
