"""An engine that dies half-way: one line, logs kept, and a way to take down what is left."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError, TargetError
from phasegate.render.sentences import sentence
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.engine.facts import PROJECT
from phasegate.targets.containers.removal import remove
from phasegate.world import Command
from tests.engine_proxy import proxied
from tests.engines import ENGINE, nothing_left, without_engine
from tests.targets.stacks.conftest import Yard
from tests.telling import raises

__all__ = ["nothing_left"]
on_engine, unless_there = ENGINE
WEB = "services: {web: {image: BUSYBOX, command: WAIT}}"


@on_engine
@unless_there
@pytest.mark.usefixtures("nothing_left")
async def test_an_engine_that_dies_is_one_line_and_the_logs_are_kept(tmp_path: Path) -> None:
    with proxied(tmp_path / "engine.sock") as proxy:
        yard = Yard(tmp_path, environment={**os.environ, "DOCKER_HOST": proxy.host})
        async with yard.stack(yard.compose(WEB)):
            (container,) = await yard.containers.all()
            proxy.die()
            async with asyncio.timeout(60):
                while not yard.problems:  # noqa: ASYNC110  it is noticed by a thread
                    await asyncio.sleep(0.02)
            done = await yard.containers.inside("web").run(Command(argv=("true",), cwd=Path()))
            assert done.error
            with pytest.raises(ObservationError):
                await yard.containers.all()
        yard.containers.close()
    engine = await Engine.connect(os.environ)
    assert await remove(engine, f"{PROJECT}={container.project}") == ()
    engine.close()
    lost, left = (sentence(problem.message) for problem in yard.problems)
    assert lost.startswith("the container engine stopped answering: ")
    assert left.startswith(f"what is left of the stack {container.project} could not be removed (remove")
    assert f"-p {container.project} down --volumes --remove-orphans" in left
    assert yard.log("web") == "up\n"


async def test_no_engine_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    yard = Yard(tmp_path, environment=without_engine())
    with raises(TargetError, match="there is no container engine at unix:///nowhere") as raised:
        async with yard.stack(yard.compose("services: {web: {image: x}}")):
            pytest.fail("there is no engine")
    assert "dockerd" in sentence(raised.value.help or "")
    assert raised.value.exit_code == 75
