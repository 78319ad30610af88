"""Container engines: what one tells, and what is said when there is none."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from phasegate.model.containers import ContainerState, Port
from phasegate.render.sentences import sentence
from phasegate.targets.containers.engine.client import Engine, EngineError, NotThereError
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.telling import raises

__all__ = ["nothing_left"]
engine = [pytest.mark.usefixtures("nothing_left"), *ENGINE]


def marked(test):  # type: ignore[no-untyped-def]
    for mark in engine:
        test = mark(test)
    return test


@marked
async def test_containers_are_told_with_all_that_runs_and_ended() -> None:
    image = busybox("EXPOSE 8080", "USER 1000", 'CMD ["sleep", "600"]')
    runs = client().containers.run(
        image,
        detach=True,
        labels={"phasegate.t": own("a")},
        ports={"8080/tcp": ("127.0.0.1", 0)},
        mem_limit="64m",
    )
    ended = client().containers.run(
        image, ["sh", "-c", "exit 3"], detach=True, labels={"phasegate.t": own("a")}, init=True
    )
    ended.wait()
    found = await Engine.connect(os.environ)
    try:
        by_id = {one.id: one for one in await found.containers([f"phasegate.t={own('a')}"])}
        assert await found.containers([f"phasegate.t={own('b')}"]) == ()
    finally:
        found.close()
        runs.remove(force=True)
        ended.remove(force=True)
    assert by_id[runs.id].state is ContainerState.RUNNING
    assert by_id[runs.id].exit_code is None
    assert by_id[runs.id].user == "1000"
    assert by_id[runs.id].limits.memory == 64 << 20
    (port,) = by_id[runs.id].ports
    assert (port.number, port.host) == (8080, "127.0.0.1")
    assert port.host_port
    assert by_id[ended.id].state is ContainerState.EXITED
    assert by_id[ended.id].exit_code == 3
    assert by_id[ended.id].ports == (Port(number=8080),)


@marked
async def test_an_image_that_is_not_there_is_named() -> None:
    found = await Engine.connect(os.environ)
    try:
        with raises(NotThereError, match="there is no image 'phasegate/nowhere:1' on this engine"):
            await found.image("phasegate/nowhere:1")
    finally:
        found.close()


async def test_no_engine_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    with raises(EngineError, match="there is no container engine at unix:///nowhere") as caught:
        await Engine.connect({"DOCKER_HOST": "unix:///nowhere"})
    assert "dockerd" in sentence(caught.value.help or "")


async def test_a_socket_that_nobody_listens_on_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with raises(EngineError, match=f"no container engine answers at unix://{path}"):
        await Engine.connect({"DOCKER_HOST": f"unix://{path}"})
