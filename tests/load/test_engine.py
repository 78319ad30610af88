"""Coordinator and real worker processes: split, start, merge, stop, death."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code
from phasegate.load.abort import AbortOn, AbortRule
from phasegate.load.engine import LoadOutcome, generate, late
from phasegate.load.job import PROTOCOL, Job
from phasegate.load.pace.pacing import Profile
from phasegate.runner.deciding import ALL_DECIDED
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Enough, Progress, Running
from tests.load.late import HeldUp
from tests.load.server import Reply, answer, scripted, unused_port
from tests.load.world import LoadWorld, OneAddress
from tests.telling import causes_told, raises

pytestmark = [pytest.mark.paced, pytest.mark.slow]


def job(url: str, *, rate: float = 200.0, duration: float = 1.2, **more: Any) -> Job:
    points = Profile.ramped(rate, duration).points
    return Job(url=url, open=True, points=points, **{"timeout": 2.0, "connections": 20, **more})


async def run(one: Job, at_least: float | None = None, **world: Any) -> tuple[LoadOutcome, LoadWorld]:
    around = LoadWorld(target=OneAddress(one.url), **world)
    return await generate(one, around, at_least=at_least), around


class Told:
    """Processes that are given another program, or are seen when they start."""

    def __init__(self, *argv: str, seen: Any = lambda running: None) -> None:
        self._argv = argv
        self._seen = seen
        self._real = LocalProcesses(os.environ)

    @asynccontextmanager
    async def open(self, command: Command) -> AsyncIterator[Running]:
        told = replace(command, argv=self._argv) if self._argv else command
        async with self._real.open(told) as running:
            self._seen(running)
            yield running


async def test_two_workers_send_every_request_once_and_are_merged() -> None:
    async with scripted(lambda n: Reply(pieces=(answer(500),)) if n % 10 == 0 else Reply()) as server:
        outcome, _ = await run(job(server.url, workers=2))
        assert len(server.requests) == 240
    assert causes_told(outcome.tally) == {"expected status 2xx, got 500": 24}
    assert outcome.tally.latency.n == outcome.tally.service.n == 216
    assert (outcome.report.scheduled, outcome.report.sent) == (240, 240)
    assert sum(one.good for one in outcome.bins) == 216
    assert sum(one.failed for one in outcome.bins) == 24
    assert outcome.report.window == pytest.approx(1.2)
    assert outcome.report.span == pytest.approx(1.2, abs=0.3)


async def test_closed_connections_are_split_over_workers() -> None:
    async with scripted(Reply(delay=0.01)) as server:
        points = ((0.0, 3.0), (0.5, 3.0))
        outcome, _ = await run(Job(url=server.url, points=points, connections=3, workers=2, timeout=2.0))
        assert server.connections == 3
        assert outcome.tally.good == len(server.requests)


@pytest.mark.parametrize("open", [True, False])
async def test_a_worker_without_uvloop_sends_every_request_over_the_loop_of_asyncio(open: bool) -> None:
    script = "import sys, runpy; sys.modules['uvloop'] = None; runpy.run_module('{}', run_name='__main__')"
    processes = Told(sys.executable, "-c", script.format("phasegate.load.worker"))
    async with scripted(lambda n: Reply(pieces=(answer(500),)) if n % 10 == 0 else Reply()) as server:
        one = replace(job(server.url, duration=0.5), open=open, points=((0.0, 20.0), (0.5, 20.0)))
        outcome, _ = await run(one, processes=processes)
        assert 0 < outcome.tally.good < outcome.tally.requests <= len(server.requests)
    assert causes_told(outcome.tally).keys() == {"expected status 2xx, got 500"}
    assert outcome.report.scheduled == (10 if open else outcome.report.sent)


async def test_every_kind_of_expectation_reaches_the_worker() -> None:
    async with scripted(lambda n: Reply(pieces=(answer(200, b'{"n":%d}' % (n % 4)),))) as server:
        expect = {"json": {"$.n": {"lt": 3}}, "headers": {"content-length": "7"}}
        outcome, _ = await run(job(server.url, duration=0.5, expect=expect))
    assert outcome.tally.good == 75
    assert outcome.tally.failed == 25


async def test_progress_is_reported_and_its_answer_stops_the_load() -> None:
    def enough(progress: Progress) -> str | None:
        return "seen enough" if "requests" in progress.text else None

    async with scripted() as server:
        outcome, world = await run(job(server.url, duration=30.0), answers=enough)
        assert outcome.tally.requests == len(server.requests)
    assert outcome.stopped == "seen enough"
    assert 0 < outcome.report.window < 20
    assert world.reports[-1].done
    assert not any(progress.measures for progress in world.reports), "nobody decides by them"


async def test_measures_are_told_from_the_least_on_where_somebody_decides_by_them() -> None:
    def enough(progress: Progress) -> str | None:
        return Enough(Code.ALL_DECIDED, {}) if progress.measures else None

    async with scripted() as server:
        outcome, world = await run(job(server.url, duration=30.0, tick=0.05), at_least=0.5, answers=enough)
    (told,) = [progress for progress in world.reports if progress.measures][:1]
    assert set(told.measures) == {"success_rate", "latency", "service_time"}
    assert outcome.stopped == ALL_DECIDED
    assert 0.4 < outcome.report.window < 10


@pytest.mark.parametrize("open_model", [True, False])
async def test_load_that_is_decided_awaits_what_is_out_and_counts_it(open_model: bool) -> None:
    """Every tenth request hangs for a while; none of them may be lost when the load ends early."""

    def enough(progress: Progress) -> str | None:
        return Enough(Code.ALL_DECIDED, {}) if progress.measures else None

    slow = Reply(delay=0.8)
    async with scripted(lambda n: slow if n % 10 == 9 else Reply()) as server:
        level = 200.0 if open_model else 20.0
        one = replace(job(server.url, rate=level, duration=30.0, tick=0.05), open=open_model)
        outcome, world = await run(one, at_least=0.3, answers=enough)
        sent = len(server.requests)
    assert outcome.report.unfinished == 0
    assert outcome.tally.good == outcome.tally.requests == sent
    assert outcome.tally.latency.maximum >= 0.8
    assert max(progress.pending for progress in world.reports) > 0


async def test_nothing_is_aborted_once_a_load_is_decided() -> None:
    """In the second after the end of sending only failures come in; what still hangs has to be counted."""

    def enough(progress: Progress) -> str | None:
        return Enough(Code.ALL_DECIDED, {}) if progress.measures else None

    def script(number: int) -> Reply:
        if number == 0:
            return Reply(delay=2.4)
        return Reply(pieces=(answer(500),), delay=1.2) if number % 10 == 9 else Reply()

    guard = AbortRule(AbortOn.model_validate({"success_rate": "< 50%", "for": "1s"}), workers=1)
    async with scripted(script) as server:
        one = job(server.url, duration=30.0, tick=0.05, timeout=5.0)
        world = LoadWorld(target=OneAddress(one.url), answers=enough)
        outcome = await generate(one, world, guard, at_least=0.3)
        sent = len(server.requests)
    assert (outcome.stopped, outcome.aborted, outcome.report.unfinished) == (ALL_DECIDED, False, 0)
    assert outcome.tally.requests == sent


async def test_interrupt_ends_the_patient_wait_at_once() -> None:
    def stop(progress: Progress) -> str | None:
        if (progress.done or 0) > 0.03:
            return "stopped by Ctrl-C"
        return Enough(Code.ALL_DECIDED, {}) if progress.measures else None

    async with scripted(Reply(delay=25.0)) as server:
        one = job(server.url, duration=30.0, tick=0.05, timeout=29.0, connections=5)
        outcome, _ = await run(one, at_least=0.0, answers=stop)
    assert outcome.stopped == "stopped by Ctrl-C"
    assert outcome.report.unfinished > 0


@pytest.mark.parametrize("open_model", [True, False])
async def test_worker_that_is_held_up_when_the_load_begins_is_late_by_name(open_model: bool) -> None:
    async with scripted() as server:
        one = replace(job(server.url, workers=3, tick=0.3, connections=6), open=open_model)
        outcome, _ = await run(one, processes=HeldUp({1: 1.5}))
    assert list(outcome.late) == [1]
    assert outcome.late[1] >= 1.3
    assert outcome.tally.requests > 0


async def test_worker_that_is_alone_is_late_for_nobody() -> None:
    async with scripted() as server:
        outcome, _ = await run(job(server.url, tick=0.3), processes=HeldUp({0: 1.0}))
    assert outcome.late == {}
    seen = (outcome.tally, outcome.held)
    assert sum(one.requests + one.dropped for one in seen) == 240
    assert outcome.tally.requests > 0


async def test_worker_that_is_late_by_less_than_it_may_read_the_start_line_is_not_late() -> None:
    async with scripted() as server:
        outcome, _ = await run(job(server.url, workers=2, tick=0.5), processes=HeldUp({0: 0.03, 1: 0.05}))
    assert outcome.late == {}


@given(
    begun=st.lists(st.floats(0, 5), min_size=1, max_size=6),
    tick=st.floats(0.025, 1),
    beyond=st.floats(0.001, 5),
    place=st.integers(0, 6),
)
def test_whoever_begins_more_than_a_tick_after_the_first_is_late(
    begun: list[float], tick: float, beyond: float, place: int
) -> None:
    begun.insert(place, min(begun) + tick + beyond)
    found = late(dict(enumerate(begun)), tick)
    assert begun.index(min(begun) + tick + beyond) in found
    assert begun.index(min(begun)) not in found
    assert [begun[number] for number in found] == [one for one in begun if one - min(begun) > tick]


@given(offset=st.floats(0, 100), spread=st.lists(st.floats(0, 0.9), min_size=1), tick=st.floats(0.1, 1))
def test_workers_that_begin_together_are_late_for_nobody(
    offset: float, spread: list[float], tick: float
) -> None:
    assert late({number: offset + part * tick for number, part in enumerate(spread)}, tick) == {}


async def test_refusing_target_has_been_observed() -> None:
    outcome, _ = await run(job(f"http://127.0.0.1:{unused_port()}/", duration=0.5))
    assert outcome.tally.good == 0
    assert outcome.tally.failed == 100


async def test_killed_worker_is_an_error_of_observation() -> None:
    seen: list[int] = []

    def kill(_: Progress) -> None:
        if seen:
            os.kill(seen.pop(), signal.SIGKILL)

    async with scripted() as server:
        world = LoadWorld(
            target=OneAddress(server.url),
            answers=lambda progress: kill(progress) if (progress.done or 0) > 0 else None,
            processes=Told(seen=lambda running: seen.append(running.pid)),
        )
        with raises(ObservationError, match=r"load worker \d ended before its result \(signal 9\)"):
            await generate(job(server.url, duration=30.0, workers=2), world)


async def test_crash_of_a_worker_is_told_with_its_last_words() -> None:
    crash = Told(sys.executable, "-c", "raise SystemExit('out of luck')")
    world = LoadWorld(target=OneAddress("http://127.0.0.1:1/"), processes=crash)
    with raises(ObservationError, match=r"\(exit code 1\): out of luck"):
        await generate(job("http://127.0.0.1:1/"), world)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hello world", "load worker 1 said 'hello world'"),
        ('{"type":"hello","protocol":0}', f"speaks protocol 0, not {PROTOCOL}"),
    ],
)
async def test_worker_that_speaks_something_else_is_refused(line: str, message: str) -> None:
    other = Told(sys.executable, "-c", f"print({line!r}, flush=True); input()")
    world = LoadWorld(target=OneAddress("http://127.0.0.1:1/"), processes=other)
    with raises(ObservationError, match=message):
        await generate(job("http://127.0.0.1:1/"), world)


async def test_unusable_certificates_are_an_error_of_observation() -> None:
    with raises(ObservationError, match="certificates"):
        await run(job("https://127.0.0.1:1/", tls={"ca": "/nowhere.pem"}))


@pytest.mark.parametrize("open_model", [True, False])
async def test_too_few_descriptors_are_no_statement_about_the_target(open_model: bool) -> None:
    limited = Told("/bin/sh", "-c", f"ulimit -n 24; exec {sys.executable} -m phasegate.load.worker")
    async with scripted(Reply(delay=0.5)) as server:
        points = Profile.ramped(200.0, 1.0).points
        one = Job(url=server.url, open=open_model, points=points, connections=200, timeout=2.0)
        with raises(ObservationError, match=r"cannot open more connections on this machine: .*ulimit"):
            await generate(one, LoadWorld(target=OneAddress(server.url), processes=limited))


async def test_worker_ends_when_its_coordinator_is_gone() -> None:
    async with scripted() as server:
        pids: list[int] = []
        processes = Told(seen=lambda running: pids.append(running.pid))
        world = LoadWorld(
            target=OneAddress(server.url),
            processes=processes,
            answers=lambda p: 1 / 0 if (p.done or 0) > 0 else None,
        )
        with pytest.raises(ZeroDivisionError):
            await generate(job(server.url, duration=1.0), world)
        assert not psutil.pid_exists(pids[0])
