"""`python -m phasegate.load.worker`: one process that generates load; for its lines see `job`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

from phasegate.base.errors import message_of
from phasegate.base.facts import encode
from phasegate.base.scalars import allow_long_integers
from phasegate.http.messages.json_text import read_json
from phasegate.load.counting.recorder import Recorder
from phasegate.load.counting.tally import LoadTally, Report
from phasegate.load.http1.connection import Check, LoadExchange
from phasegate.load.job import PROTOCOL, Job
from phasegate.load.journeys.visit import Itinerary
from phasegate.load.pace.closed import Closed
from phasegate.load.pace.driver import Driver
from phasegate.load.pace.open import Open
from phasegate.model.histogram import NANOSECONDS
from phasegate.wire.connector import Connector, GeneratorError
from phasegate.wire.request import endpoint_of, request_bytes, request_fields

LINE_LIMIT = 64 << 20
"""Bytes of a job with its body."""


class Worker:
    """One load, from its job to its result."""

    def __init__(self, job: Job) -> None:
        """Errors: GeneratorError, ValueError."""
        itinerary = _itinerary(job)
        self.recorder = Recorder(open=job.open, parts=itinerary.parts if itinerary is not None else ())
        endpoint = endpoint_of(job.url, job.unix)
        connector = Connector(endpoint, timeout=job.timeout, tls=job.tls, http2=job.http2)
        model = Open if job.open else Closed
        self.driver: Driver = model(job, _exchange(job), connector, self.recorder, itinerary)
        self._every = job.tick
        self._told_ns = 0
        self._touched = False
        self._lag_ns = 0
        self._late_ns = 0

    async def run(self, at_ns: int) -> None:
        """Begin at a moment of `perf_counter_ns`, or at once when that has passed.

        Errors: GeneratorError.
        """
        start_ns = max(at_ns, perf_counter_ns())
        ticker = asyncio.create_task(self._tick(start_ns))
        # What is alive now stays: the collector need not look at it again while requests are timed.
        gc.collect()
        gc.freeze()
        await self.driver.until(start_ns)
        begun_ns = perf_counter_ns()
        self._lag_ns = begun_ns - start_ns
        self._late_ns = begun_ns - at_ns
        began = time.process_time()
        # What stops it between here and its start is seen, too.
        self.driver.pulse.begin(start_ns)
        beating = asyncio.create_task(self.driver.pulse.beat())
        try:
            await self.driver.run(start_ns)
        finally:
            ticker.cancel()
            beating.cancel()
        took = time.process_time() - began
        elapsed = (perf_counter_ns() - start_ns) / NANOSECONDS
        _write("progress", **self._progress(elapsed))
        _write("result", **self._report(took).to_json())

    async def _tick(self, start_ns: int) -> None:
        """A progress line at the end of each tick of the load."""
        tick = 0
        while True:
            tick += 1
            due_ns = start_ns + round(tick * self._every * NANOSECONDS)
            await asyncio.sleep(max(due_ns - perf_counter_ns(), 0) / NANOSECONDS)
            self._lag_ns = max(self._lag_ns, perf_counter_ns() - due_ns)
            _write("progress", **self._progress(tick * self._every))

    def _progress(self, elapsed: float) -> dict[str, Any]:
        held_up = self._is_held_up()
        tally: LoadTally = self.recorder.take()
        return {"at": elapsed, "pending": self.driver.pending, "held_up": held_up, **tally.to_json()}

    def _is_held_up(self) -> bool:
        """Whether what came in since the last line may be slow, or have failed, as this worker was held up.

        So is what it catches up on afterwards, for as long as it was held up, and what goes out beside that.
        """
        pulse = self.driver.pulse
        now = pulse.look()
        held_up, self._told_ns = pulse.resumed_ns > self._told_ns, now
        catching_up = now < pulse.until_ns and self.driver.is_behind(pulse.resumed_ns)
        before, self._touched = self._touched, held_up or catching_up
        return held_up or before

    def _report(self, took: float) -> Report:
        driver, recorder = self.driver, self.recorder
        scheduled = driver.scheduled
        return Report(
            window=driver.window,
            good_in_window=driver.good_in_window,
            scheduled=scheduled.due,
            sent=scheduled.sent,
            asked=recorder.asked,
            redirects=recorder.redirects,
            sent_again=recorder.sent_again,
            unfinished=driver.unfinished,
            episodes=recorder.episodes,
            first=_since(recorder.start_ns, recorder.first_ns),
            last=_since(recorder.start_ns, recorder.last_ns),
            lag=self._lag_ns / NANOSECONDS,
            late=self._late_ns / NANOSECONDS,
            held_up=self.driver.pulse.lost_ns / NANOSECONDS,
            busy=min(took / driver.window, 1.0) if driver.window else 0.0,
            examples=tuple(recorder.examples),
        )


def _itinerary(job: Job) -> Itinerary | None:
    if job.journeys is None:
        return None
    return Itinerary(job.journeys, worker=job.worker, workers=job.workers)


def _exchange(job: Job) -> LoadExchange:
    good = bytearray(1000)
    for status in job.statuses:
        good[status] = 1
    given = (job.method, job.url, job.headers, job.body)
    return LoadExchange(
        request=b"" if job.http2 else request_bytes(*given),
        fields=request_fields(*given) if job.http2 else (),
        body=job.body,
        method=job.method.upper(),
        url=job.url,
        timeout=job.timeout,
        good=bytes(good),
        wanted=job.wanted,
        max_body=job.max_body,
        check=None if job.expect is None else _compile_check(job.expect),
    )


def _compile_check(expect: Mapping[str, Any]) -> Check:
    # pydantic takes as long to import as everything else here together.
    from phasegate.http.expectations.expectation import Expect

    return Expect.model_validate(expect).compile()


def _since(start_ns: int, moment_ns: int) -> float | None:
    return (moment_ns - start_ns) / NANOSECONDS if moment_ns else None


def _write(kind: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"type": kind, **fields}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _allow_connections() -> None:
    """Many connections need many descriptors: take all that this user may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


async def _obey(lines: asyncio.StreamReader, driver: Driver) -> None:
    """Wait for `stop`; without a coordinator there is nobody to report to."""
    while line := await lines.readline():
        message = json.loads(line)
        if message["type"] == "stop":
            driver.stop(patient=message.get("patient", False))
    os._exit(1)


async def _main() -> None:
    _allow_connections()
    allow_long_integers()
    lines = await _lines()
    _write("hello", protocol=PROTOCOL)
    try:
        worker = Worker(Job.from_json(read_json((await lines.readline()).decode())))
        _write("ready")
        start = json.loads(await lines.readline())
        obeying = asyncio.create_task(_obey(lines, worker.driver))
        await worker.run(start["at"])
        obeying.cancel()
    except GeneratorError as error:
        _write("error", message=encode(message_of(error)))


if __name__ == "__main__":
    _run = asyncio.run
    with contextlib.suppress(ImportError):  # there are wheels of it for CPython on Linux and macOS only
        import uvloop

        _run = uvloop.run
    _run(_main())
