"""An engine that dies half-way: one line, logs kept, and a way to take down what is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from phasegate.errors import ObservationError, TargetError
from phasegate.target.containers.engine import Engine
from phasegate.target.containers.facts import PROJECT
from phasegate.target.containers.removal import remove
from phasegate.world import Command
from tests.engines import ENGINE, nothing_left, without_engine
from tests.target.containers.conftest import Yard

__all__ = ["nothing_left"]
real = [pytest.mark.usefixtures("nothing_left"), *ENGINE]
WEB = "services: {web: {image: BUSYBOX, command: WAIT}}"


class Proxy:
    """Stands before the engine, so that it can go without the engine of this machine going."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def begin(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def die(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self.path.unlink(missing_ok=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_engine, from_engine = None, None
        to_engine, from_engine = await asyncio.open_unix_connection("/var/run/docker.sock")
        self._writers |= {writer, from_engine}
        await asyncio.gather(_copy(reader, from_engine), _copy(to_engine, writer))
        for end in (writer, from_engine):
            self._writers.discard(end)
            end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


@asynccontextmanager
async def proxied(path: Path) -> AsyncIterator[Proxy]:
    proxy = Proxy(path)
    await proxy.begin()
    try:
        yield proxy
    finally:
        await proxy.die()


@pytest.mark.usefixtures("nothing_left")
@real[1]
@real[2]
async def test_an_engine_that_dies_is_one_line_and_the_logs_are_kept(tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    yard = Yard(tmp_path, environment={**os.environ, "DOCKER_HOST": f"unix://{socket}"})
    async with proxied(socket) as proxy:
        async with yard.stack(yard.compose(WEB)):
            (container,) = await yard.containers.all()
            await proxy.die()
            async with asyncio.timeout(20):
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
    lost, left = (problem.message for problem in yard.problems)
    assert lost.startswith("the container engine does not answer any more: ")
    assert left.startswith(
        f"what is left of the stack {container.project} could not be removed (remove it with "
    )
    assert f"-p {container.project} down --volumes --remove-orphans" in left
    assert yard.log("web") == "up\n"


async def test_no_engine_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    yard = Yard(tmp_path, environment=without_engine())
    with pytest.raises(TargetError, match="there is no container engine at unix:///nowhere") as raised:
        async with yard.stack(yard.compose("services: {web: {image: x}}")):
            pytest.fail("there is no engine")
    assert "dockerd" in (raised.value.help or "")
    assert raised.value.exit_code == 75
