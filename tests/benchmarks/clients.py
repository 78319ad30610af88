"""HTTP clients of checks: requests a second with 4, 50 and 200 in flight, one process on one core."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from tests.benchmarks.tools.contest import Contender, side_by_side
from tests.benchmarks.tools.measure import SECONDS, CannotRunError, nginx, pinned, run

IN_FLIGHT = (4, 50, 200)
Get = Callable[[], Awaitable[int]]
"""Sends one request and gives back the status."""


def benchmark() -> None:
    """Errors: CannotRunError."""
    with nginx() as url:
        for in_flight in IN_FLIGHT:
            title = f"clients: requests/s with {in_flight} in flight"
            contenders = [Contender(name, partial(_figure, name, in_flight)) for name in CLIENTS]
            print(side_by_side(title, contenders, url), end="\n\n")


def _figure(name: str, in_flight: int, url: str) -> float:
    ran = run([*pinned(1), sys.executable, "-m", __name__, name, url, str(in_flight)])
    if ran.exit_code:
        raise CannotRunError(ran.output.strip().rpartition("\n")[2])
    return float(ran.output)


@asynccontextmanager
async def _phasegate(url: str, in_flight: int) -> AsyncIterator[Get]:
    from phasegate.http.client import Network
    from phasegate.world import HttpReply, HttpRequest
    from tests.worlds import StaticAddresses

    request = HttpRequest(method="GET", url=url)

    async def get() -> int:
        outcome = await client.send(request)
        return outcome.status if isinstance(outcome, HttpReply) else 0

    async with Network(StaticAddresses()).client() as client:
        yield get


@asynccontextmanager
async def _httpx(package: str, url: str, in_flight: int) -> AsyncIterator[Get]:
    try:
        httpx = __import__(package)
    except ImportError:
        raise SystemExit(f"{package} is missing: pip install {package}") from None
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)

    async def get() -> int:
        return int((await client.get(url)).status_code)

    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        yield get


CLIENTS: Mapping[str, Callable[[str, int], AbstractAsyncContextManager[Get]]] = {
    "phasegate": _phasegate,
    "httpx": partial(_httpx, "httpx"),
    "httpx2": partial(_httpx, "httpx2"),
}


async def _pace(name: str, url: str, in_flight: int) -> float:
    """Good answers a second, the first of each lane left out."""
    good = 0

    async def lane(get: Get, end: float) -> None:
        nonlocal good
        while time.perf_counter() < end:
            status = await get()  # before the sum: `good += await` would lose what others count meanwhile
            good += status == 200

    async with CLIENTS[name](url, in_flight) as get:
        await asyncio.gather(*(get() for _ in range(in_flight)))
        began = time.perf_counter()
        await asyncio.gather(*(lane(get, began + SECONDS) for _ in range(in_flight)))
        return good / (time.perf_counter() - began)


if __name__ == "__main__":
    import uvloop

    print(uvloop.run(_pace(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
