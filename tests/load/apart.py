"""The scripted server in a process of its own, so that neither the client nor the test disturbs its clock.

    async with apart(script) as server:
        ...                            # server.url
    server.truth.served                # known once it has ended

`python -m tests.load.apart` reads a pickled `Script`, says its port, serves until its input ends and then
writes, pickled, what it served and over how many connections.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.load.server import Script, Served, scripted

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    served: tuple[Served, ...] = ()
    """In the order in which requests came."""
    connections: int = 0

    @property
    def replies(self) -> Counter[str]:
        """How often each reply was given."""
        return Counter(one.reply for one in self.served)


@dataclass(kw_only=True)
class Apart:
    port: int
    truth: Truth = field(default_factory=Truth)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health"


@asynccontextmanager
async def apart(script: Script | None = None) -> AsyncIterator[Apart]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        given = pickle.dumps(script or Script())
        process.stdin.write(b"%d\n" % len(given) + given)
        server = Apart(port=int(await process.stdout.readline()))
        yield server
        process.stdin.close()
        served, connections = pickle.loads(await process.stdout.read())
        server.truth = Truth(served=served, connections=connections)
    finally:
        if process.returncode is None:
            process.stdin.close()
            await process.wait()


async def _main() -> None:
    given = sys.stdin.buffer
    script = pickle.loads(given.read(int(given.readline())))
    async with scripted(script) as server:
        print(server.port, flush=True)
        await asyncio.to_thread(given.read)
        truth = (tuple(server.served), server.connections)
    sys.stdout.buffer.write(pickle.dumps(truth))


if __name__ == "__main__":
    uvloop.run(_main())
