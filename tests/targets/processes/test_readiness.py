from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from phasegate.base.errors import TargetError
from phasegate.render.sentences import sentence
from phasegate.targets.processes.entries import Ready
from phasegate.targets.processes.readiness import Watched, probe_for, wait_until_ready
from tests.telling import raises
from tests.virtual_time import run_simulated


def simulated(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """In time that passes only where it is waited for."""

    @functools.wraps(test)
    def run() -> None:
        run_simulated(test())

    return run


@contextlib.asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[tuple[Watched, list[bytes]]]:
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who asks may have gone, as a probe has that ran into its limit.
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(reply)
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield watched(server.sockets[0].getsockname()[1], headers=(("X-Key", "k"), ("host", "api"))), seen


def watched(port: int, **more: object) -> Watched:
    standard = {
        "host": "127.0.0.1",
        "port": port,
        "members": lambda: [os.getpid()],
        "has_logged": lambda: False,
    }
    return Watched(**{**standard, **more})  # type: ignore[arg-type]


async def ask(reply: bytes) -> str:
    async with answering(reply) as (here, _):
        answer = await probe_for(Ready(url="/h"), f"http://127.0.0.1:{here.port}/h", here)()
        return sentence(answer).partition("/h: ")[2]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "status 302"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503"),
        (b"", "connection reset (closed without an answer)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol error (the answer does not begin with HTTP/1.0 or HTTP/1.1)"),
        (b"x" * 200_000, "protocol error (the answer does not begin with HTTP/1.0 or HTTP/1.1)"),
    ],
)
async def test_only_an_http_answer_of_2xx_is_ready(reply: bytes, reason: str) -> None:
    assert await ask(reply) == reason


async def test_the_question_carries_the_headers_of_the_entry() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (here, seen):
        assert await probe_for(Ready(url="/"), f"http://127.0.0.1:{here.port}/a?b=1", here)() == ""
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET /a?b=1 HTTP/1.1"
    assert b"X-Key: k" in lines
    assert sum(line.lower().startswith(b"host:") for line in lines) == 1


async def test_an_answer_of_another_process_is_not_ready() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (here, _):
        foreign = watched(here.port, members=list)
        for ready in (Ready(url="/h"), Ready(tcp=True)):
            reason = await probe_for(ready, f"http://127.0.0.1:{here.port}/h", foreign)()
            assert "is answered by another process" in sentence(reason)


async def test_a_log_line_does_not_make_up_for_a_port_that_another_process_has() -> None:
    async with answering(b"") as (here, _):
        logged = watched(here.port, members=list, has_logged=lambda: True)
        assert "another process" in sentence(await probe_for(Ready(log="up"), "", logged)())


@simulated
async def test_a_target_is_ready_as_soon_as_it_answers() -> None:
    answers = iter(["not yet", "not yet", ""])

    async def probe() -> str:
        return next(answers)

    assert await wait_until_ready(probe, 30) < 1


@simulated
async def test_the_last_reason_is_told_when_time_is_up() -> None:
    asked = 0

    async def probe() -> str:
        nonlocal asked
        asked += 1
        return f"reason {asked}"

    loop = asyncio.get_running_loop()
    with raises(TargetError, match=r"not ready within 300 ms: reason \d+"):
        await wait_until_ready(probe, 0.3)
    assert loop.time() <= 0.3
    assert 5 <= asked <= 20


@simulated
async def test_a_question_without_an_answer_ends_with_the_time() -> None:
    async def probe() -> str:
        await asyncio.sleep(60)
        return ""

    with raises(TargetError, match="no answer in time"):
        await wait_until_ready(probe, 0.3)


@pytest.mark.parametrize("held_up_at", [0.5, 3.9])
def test_time_in_which_nobody_could_look_is_not_held_against_the_target(held_up_at: float) -> None:
    async def refuses_at_first() -> str:
        await asyncio.sleep(0.01)  # as an answer of a network does
        return "" if asyncio.get_running_loop().time() > held_up_at + 1 else "connection refused"

    # The target has been ready for seconds when this process goes on.
    taken = run_simulated(wait_until_ready(refuses_at_first, 4), stalls=[(held_up_at, 6.0)])
    assert held_up_at + 6 <= taken < held_up_at + 7


def test_target_that_hangs_is_given_up_however_often_nobody_could_look() -> None:
    async def hangs() -> str:
        await asyncio.sleep(3600)
        return ""

    stalls = [(0.5 + at, 0.6) for at in range(60)]
    with pytest.raises(TargetError):
        run_simulated(wait_until_ready(hangs, 4), stalls=stalls)
