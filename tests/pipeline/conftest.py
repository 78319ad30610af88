from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.bench import Desk
from tests.servers import Server, serving


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The misbehaving server, in a thread of its own."""
    up: list[Server] = []
    ready = threading.Event()
    end: list[Callable[[], object]] = []

    async def serve() -> None:
        async with serving() as server:
            up.append(server)
            over = asyncio.Event()
            end.append(functools.partial(asyncio.get_running_loop().call_soon_threadsafe, over.set))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    yield up[0]
    end[0]()
    thread.join(10)
