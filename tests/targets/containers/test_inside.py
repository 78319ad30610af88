"""Programs inside containers: both streams, how they end, and that none outlives what it was run for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import ObservationError
from phasegate.render.sentences import sentence
from phasegate.targets.containers.inside import HERE, Inside
from phasegate.targets.containers.reach import TargetContainers
from phasegate.world import Command
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.telling import raises

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]
NAME = own("inside")
LABEL = f"phasegate.t={NAME}"


@pytest.fixture
async def containers() -> AsyncIterator[TargetContainers]:
    image = busybox("USER 1000", "WORKDIR /srv", 'CMD ["sleep", "600"]')
    made = client().containers.run(image, detach=True, init=True, name=NAME, labels={"phasegate.t": NAME})
    found = TargetContainers(os.environ)
    found.are(LABEL)
    yield found
    found.close()
    made.remove(force=True)


def sh(script: str, **more: Any) -> Command:
    return Command(argv=("sh", "-c", script), **{"cwd": HERE} | more)


def inside(containers: TargetContainers) -> Inside:
    return Inside(containers, NAME, grace=0.5)


def programs() -> list[str]:
    rows = client().containers.get(NAME).top()["Processes"]
    return [row[-1] for row in rows]


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  what is waited for happens in a container
            await asyncio.sleep(0.02)


async def test_both_streams_and_the_exit_code_are_told(containers: TargetContainers) -> None:
    seen: list[tuple[str, str]] = []
    done = await inside(containers).run(
        sh('echo "$WHO in $(pwd) as $(id -u)"; echo err >&2; exit 3', env={"WHO": "me"}),
        on_line=lambda *line: seen.append(line),
    )
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"me in /srv as 1000\n", b"err\n")
    assert sorted(seen) == [("stderr", "err"), ("stdout", "me in /srv as 1000")]
    assert done.duration > 0
    assert (await inside(containers).run(sh("pwd", cwd=Path("/bin")))).stdout == b"/bin\n"


async def test_output_is_bounded(containers: TargetContainers) -> None:
    done = await inside(containers).run(sh("seq 1 100000", keep=100))
    assert done.stdout.startswith(b"1\n2\n")
    assert done.stdout.endswith(b"100000\n")
    assert b"bytes left out" in done.stdout


async def test_what_cannot_be_started_is_named(containers: TargetContainers) -> None:
    done = await inside(containers).run(Command(argv=("jq",), cwd=HERE))
    assert (done.exit_code, sentence(done.error)) == (None, f"'jq' is not in the container of {NAME}")
    done = await inside(containers).run(Command(argv=("/etc",), cwd=HERE))
    assert sentence(done.error) == f"'/etc' is not executable in the container of {NAME}"
    done = await Inside(containers, "shop").run(sh("true"))
    assert sentence(done.error) == "the target has no service 'shop'"


async def test_a_limit_ends_it_with_all_that_it_started(containers: TargetContainers) -> None:
    done = await inside(containers).run(sh("echo first; sleep 601 & sleep 602", limit=1.0))
    assert (done.timed_out, done.stdout, done.error) == (True, b"first\n", "")
    assert not [program for program in programs() if "60" in program and "600" not in program]


@pytest.mark.parametrize("seen_from_here", [True, False])
async def test_cancelling_ends_it_wherever_it_is_seen_from(
    containers: TargetContainers, seen_from_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not seen_from_here:  # as for who is not root, or where the engine is on another machine

        async def nobody(_mark: str, _grace: float) -> tuple[int, ...]:
            return ()

        monkeypatch.setattr("phasegate.targets.containers.inside.end_marked", nobody)
    run = asyncio.create_task(
        inside(containers).run(sh("trap '' TERM; sleep 603 & while :; do sleep 1; done"))
    )
    await until(lambda: any("sleep 603" in program for program in programs()))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not any("603" in program for program in programs())


async def test_what_a_reader_of_lines_raises_ends_it(containers: TargetContainers) -> None:
    def break_off(_stream: str, _line: str) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await inside(containers).run(sh("echo one; sleep 604"), on_line=break_off)
    assert not any("604" in program for program in programs())


async def test_speaking_line_by_line_is_refused(containers: TargetContainers) -> None:
    with raises(ObservationError, match="cannot exchange lines"):
        inside(containers).open(sh("cat"))


async def test_tools_are_found_without_running_anything(containers: TargetContainers) -> None:
    tools = ("sh", "/bin/ls", "jq", "/srv", "/etc/no", "grep")
    assert await containers.lacking(NAME, tools) == ("jq", "/srv", "/etc/no")
    with raises(ObservationError, match="has no service 'shop'"):
        await containers.lacking("shop", ("sh",))
