"""A server that sends given bytes, and one question put to it by every part that speaks HTTP.

async with answering({b"/": answer(b"ok")}) as server:
    outcomes = await ask(server, expect={"body": "ok"}, folder=tmp_path)
    outcomes["health"].passed, outcomes["load"].words
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from phasegate.base.scalars import json_text
from phasegate.http.messages.json_text import read_json
from phasegate.kinds.api import Api, ApiParams
from phasegate.kinds.health import Health, HealthParams
from phasegate.kinds.load.job import journeys_job, request_job
from phasegate.kinds.load.params import LoadParams
from phasegate.load.job import Job
from phasegate.load.journeys.prepare import prepare_journeys
from phasegate.load.worker import Worker
from phasegate.model.measures import Share
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence
from tests.servers import settle
from tests.worlds import StaticAddresses, TestWorld, world_at


def answer(body: bytes = b"", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """An HTTP/1.1 answer with its length."""
    head = b"\r\n".join((b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *lines))
    return head + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Heard:
    """A request, as bytes."""

    path: bytes
    lines: tuple[bytes, ...]
    target: bytes = b""
    """Path and query, as the request line has them."""

    def values(self, name: bytes) -> list[bytes]:
        pairs = (line.partition(b":") for line in self.lines)
        return [value.strip(b" \t") for key, _, value in pairs if key.lower() == name]


Page = bytes | Callable[[Heard], bytes]


@dataclass
class Answering:
    port: int = 0
    heard: list[Heard] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}"


@contextlib.asynccontextmanager
async def answering(pages: Mapping[bytes, Page]) -> AsyncIterator[Answering]:
    """A server whose answer to a path is given, byte for byte; 404 elsewhere."""
    server, tasks = Answering(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
                target = first.split(b" ")[1]
                request = Heard(target.partition(b"?")[0], tuple(lines), target)
                await reader.readexactly(int((request.values(b"content-length") or [b"0"])[0]))
                server.heard.append(request)
                page = pages.get(request.path, answer(status=b"404 Not Found"))
                sent = page if isinstance(page, bytes) else page(request)
                head, end, _ = sent.partition(b"\r\n\r\n")
                writer.write(head + end if first.startswith(b"HEAD ") else sent)
                await writer.drain()
        writer.transport.abort()  # what is not sent yet would keep it open
        tasks.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await settle()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await settle()


@dataclass(frozen=True)
class Outcome:
    passed: bool
    words: str = ""
    """What is said of a failure."""


async def ask(
    server: Answering,
    *,
    folder: Path,
    host: str = "127.0.0.1",
    method: str = "GET",
    url: str = "/",
    **written: Any,
) -> dict[str, Outcome]:
    """`GET /`, judged by `health`, `api`, and `load` both ways. `written`: `expect`, `max_body`, `follow`,
    `capture`; what captures is asked by flows only."""
    limits = {"max_body": written.pop("max_body")} if "max_body" in written else {}
    flow = [{"id": "a", "url": url, "method": method, **written}]
    async with world_at(server.url(host), folder) as world:
        outcomes = await ask_flow(world, flow, limits)
        if "capture" not in written:
            request = {"url": url, "method": method, **written, **limits}
            observed = await Health().observe(HealthParams.model_validate(request), world)
            outcomes["health"] = _of_share(observed, "success_rate")
            if not written.get("follow"):  # which makes a journey of a load
                params = _load_params(**request)
                outcomes["load"] = await _load(lambda: request_job(params, world))
    return outcomes


async def ask_flow(
    world: TestWorld, requests: list[dict[str, Any]], limits: Mapping[str, Any] | None = None
) -> dict[str, Outcome]:
    """A flow, as `api` and as journeys of a load."""
    suite = {"suite": 1, "flows": [{"id": "one", "requests": requests}]}
    observed = await Api().observe(ApiParams.model_validate({"suite": suite, **(limits or {})}), world)
    params = _load_params(flow=suite, **(limits or {}))
    around = prepare_journeys(
        params.units, None, world, timeout=params.timeout, max_body=params.max_body, mixed=False
    )
    async with around as journeys:
        journey = await _load(lambda: journeys_job(params, journeys, world))
    return {"api": _of_share(observed, "pass_rate"), "journey": journey}


def entries(server: Answering, host: str) -> StaticAddresses:
    return StaticAddresses({"app": server.url(host)})


def _load_params(**written: Any) -> LoadParams:
    return LoadParams.model_validate({"connections": 1, "duration": "20ms", "timeout": "10s", **written})


async def _load(job: Callable[[], Job]) -> Outcome:
    """What a worker sees, in this process; its job comes as the coordinator writes it."""
    while True:
        worker = Worker(Job.from_json(read_json(json_text(job().to_json()))))
        await worker.driver.run(perf_counter_ns())
        await settle()
        tally = worker.recorder.take()
        if tally.good or tally.failed:  # on a busy machine, the time may be over before the first
            assert not (tally.good and tally.failed), tally
            return Outcome(bool(tally.good), "; ".join(map(sentence, tally.causes)))


def _of_share(observed: Observation, measure: str) -> Outcome:
    share = observed.measures[measure]
    assert isinstance(share, Share)
    said = [case.message for case in observed.cases if case.message] or list(observed.causes)
    return Outcome(share.passed == share.total > 0, "\n".join(map(sentence, said)))
