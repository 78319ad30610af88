from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
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
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving() as server:
            up.append(server)
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    yield up[0]
    done.set()
    thread.join(10)
