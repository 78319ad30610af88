"""The engine, with real worker processes, held to what a server in a third process knows to be true.

How long a client waited, a server knows within bounds that hold however busy the machine is. On a connection
that is never idle the client sends request i after answer i - 1 has left, and has answer i before request
i + 1 arrives:

    left[i] - arrived[i]  <=  service time of i  <=  arrived[i + 1] - left[i - 1]

Both sides sorted bound each quantile; on a quiet machine they are a millisecond apart.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from phasegate.load.counting.tally import causes_from_json
from phasegate.load.engine import LoadOutcome, generate
from phasegate.load.job import Job
from phasegate.load.pace.pacing import Profile
from phasegate.model.histogram import NANOSECONDS, Histogram
from phasegate.model.measures import Distribution
from phasegate.targets.processes.local import LocalProcesses
from phasegate.world import Command, Completed, Running
from tests.load.apart import Truth, apart
from tests.load.server import Reply, Rule, Script, Served, Stall, answer
from tests.load.world import LoadWorld, OneAddress, listen
from tests.telling import causes_told

pytestmark = [pytest.mark.paced, pytest.mark.slow]

TOLERANCE = 0.02


class Overheard:
    """Running workers whose lines are kept, and the moment at which each was told to start."""

    def __init__(self) -> None:
        self.lines: list[list[dict[str, Any]]] = []
        self.started: list[int] = []
        self._real = LocalProcesses(os.environ)

    @asynccontextmanager
    async def open(self, command: Command) -> AsyncIterator[Running]:
        async with self._real.open(command) as running:
            self.lines.append([])
            yield _Ear(running, self.lines[-1], self.started)


class _Ear:
    def __init__(self, running: Running, lines: list[dict[str, Any]], started: list[int]) -> None:
        self._running, self._lines, self._started = running, lines, started

    @property
    def pid(self) -> int:
        return self._running.pid

    async def write_line(self, line: str) -> None:
        message = json.loads(line)
        if message["type"] == "start":
            self._started.append(message["at"])
        await self._running.write_line(line)

    async def read_line(self) -> str | None:
        line = await self._running.read_line()
        if line is not None:
            self._lines.append(message := json.loads(line))
            if message["type"] == "result":
                listen(message)
        return line

    async def wait(self) -> Completed:
        return await self._running.wait()

    def interrupt(self) -> None:
        self._running.interrupt()


async def run(job: Job, processes: Any = None) -> LoadOutcome:
    world = LoadWorld(target=OneAddress(job.url))
    if processes is not None:
        world.processes = processes
    return await generate(job, world)


def steady(url: str, rate: float, duration: float, **more: Any) -> Job:
    points = Profile.ramped(rate, duration).points
    return Job(url=url, open=True, points=points, **{"timeout": 10.0, "connections": 200, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of one request, in `perf_counter_ns`."""

    sent_after: int
    arrived: int
    left: int
    received_by: int


def bounds(truth: Truth) -> list[Bounds]:
    """In the order of arrival. Where a connection has no request before or after, the longest that any client
    took from one answer to the next request stands in."""
    before: dict[int, Served] = {}
    after: dict[int, Served] = {}
    last: dict[int, Served] = {}
    for number, one in enumerate(truth.served):
        if (previous := last.get(one.connection)) is not None:
            before[number] = previous
            after[id(previous)] = one
        last[one.connection] = one
    slack = max(truth.served[number].arrived - previous.left for number, previous in before.items())
    return [
        Bounds(
            sent_after=before[number].left if number in before else one.arrived - slack,
            arrived=one.arrived,
            left=one.left,
            received_by=after[id(one)].arrived if id(one) in after else one.left + slack,
        )
        for number, one in enumerate(truth.served)
    ]


def assert_service(seen: Histogram, truth: Truth, *shares: float) -> None:
    some = bounds(truth)
    low = [one.left - one.arrived for one in some]
    assert_quantiles(seen, low, [one.received_by - one.sent_after for one in some], shares)


def assert_latency(seen: Histogram, truth: Truth, job: Job, started: int, *shares: float) -> None:
    """`started`: the moment at which the load was to begin."""
    profile, some = Profile(job.points), bounds(truth)
    assert len(some) == profile.total, "every request came"
    dues = [round(profile.due(request) * NANOSECONDS) for request in range(profile.total)]
    began_after = started
    began_by = min(one.arrived - due for one, due in zip(some, dues, strict=True))
    low = [one.left - began_by - due for one, due in zip(some, dues, strict=True)]
    high = [one.received_by - began_after - due for one, due in zip(some, dues, strict=True)]
    assert_quantiles(seen, low, high, shares)


def assert_quantiles(seen: Histogram, low: list[int], high: list[int], shares: Iterable[float]) -> None:
    assert seen.n == len(low)
    for share in shares:
        rank = math.ceil(share * seen.n) - 1
        least, most = sorted(low)[rank] / NANOSECONDS, sorted(high)[rank] / NANOSECONDS
        edges = Distribution(good=seen).quantile(share)
        assert edges is not None
        assert (1 - TOLERANCE) * least <= edges[0] <= edges[1] <= (1 + TOLERANCE) * most, share


def spread(low: float, high: float, number: int) -> tuple[Reply, ...]:
    """Service times between two bounds, dense everywhere: most short, few long."""
    random = Random(7)
    return tuple(Reply(delay=low * (high / low) ** (random.random() ** 2)) for _ in range(number))


SLOW = Script(rules=(Rule(replies=spread(0.1, 0.4, 5_000)),))
QUANTILES = (0.1, 0.5, 0.9, 0.95, 0.99)


async def test_quantiles_of_the_closed_model_are_within_two_percent_of_the_truth() -> None:
    async with apart(SLOW) as server:
        points = Profile.ramped(100.0, 1.6, ramp=0.3).points
        outcome = await run(Job(url=server.url, points=points, connections=100, timeout=10.0))
    assert server.truth.connections == 100
    assert outcome.tally.failed == 0
    assert_service(outcome.tally.service, server.truth, *QUANTILES)
    assert outcome.tally.latency == outcome.tally.service


async def test_quantiles_of_an_overloaded_open_model_are_within_two_percent_of_the_truth() -> None:
    processes = Overheard()
    async with apart(SLOW) as server:
        job = steady(server.url, 1_000.0, 1.2, connections=100)
        outcome = await run(job, processes)
    assert_service(outcome.tally.service, server.truth, *QUANTILES)
    assert_latency(outcome.tally.latency, server.truth, job, processes.started[0], *QUANTILES)


async def test_stall_is_in_the_latency_of_the_open_model_and_not_in_its_service_time() -> None:
    stall = Stall(after=1.0, every=60.0, length=0.5)
    processes = Overheard()
    async with apart(Script(stall=stall)) as server:
        job = steady(server.url, 1_500.0, 2.2, connections=1)
        outcome = await run(job, processes)
    tally = outcome.tally
    assert_latency(tally.latency, server.truth, job, processes.started[0], 0.95, 0.99, 0.999)
    latency = Distribution(good=tally.latency).quantile(0.999)
    service = Distribution(good=tally.service).quantile(0.999)
    assert latency is not None
    assert service is not None
    assert latency[0] >= 0.98 * stall.length
    assert service[1] < 0.5 * stall.length
    assert tally.service.maximum >= 0.98 * stall.length, "the one request that was out saw it"


async def test_requests_arrive_in_the_number_that_was_due_and_none_before_its_moment() -> None:
    processes = Overheard()
    async with apart() as server:
        job = steady(server.url, 2_000.0, 2.0, connections=50)
        outcome = await run(job, processes)
    profile = Profile(job.points)
    assert len(server.truth.served) == profile.total == 4_000
    assert (outcome.report.scheduled, outcome.report.sent, outcome.tally.good) == (4_000, 4_000, 4_000)
    began = processes.started[0]
    early = [
        number
        for number, one in enumerate(server.truth.served)
        if one.arrived < began + round(profile.due(number) * NANOSECONDS)
    ]
    assert early == []


async def test_two_workers_merged_are_one_histogram_of_all_they_saw() -> None:
    processes = Overheard()
    refused = Rule(share=0.1, replies=(Reply(name="refused", pieces=(answer(403),)),))
    varied = Rule(replies=spread(0.001, 0.1, 1_000))
    async with apart(Script(rules=(refused, varied))) as server:
        outcome = await run(steady(server.url, 500.0, 1.2, workers=2), processes)
    said = [[line for line in lines if line["type"] == "progress"] for lines in processes.lines]
    assert [len(lines) for lines in said] >= [2, 2]
    for name in ("latency", "service"):
        messages = [line[name] or line["latency"] for lines in said for line in lines]
        assert getattr(outcome.tally, name) == _summed(messages)
    everything = [Counter(causes_from_json(line["causes"])) for lines in said for line in lines]
    assert outcome.tally.causes == dict(sum(everything, Counter()))
    assert causes_told(outcome.tally) == {"expected status 2xx, got 403": server.truth.replies["refused"]}
    assert server.truth.replies["refused"] == 60
    assert outcome.tally.good == 540


def _summed(messages: list[list[Any]]) -> Histogram:
    """One histogram of several, each [minimum, maximum, total, [bucket, count, ...]] as workers say it."""
    counts: Counter[int] = Counter()
    for _, _, _, flat in messages:
        for bucket, count in zip(flat[::2], flat[1::2], strict=True):
            counts[bucket] += count
    filled = [message for message in messages if message[3]]
    return Histogram(
        counts=tuple(sorted(counts.items())),
        minimum_ns=min(message[0] for message in filled),
        maximum_ns=max(message[1] for message in filled),
        total_ns=sum(message[2] for message in filled),
        n=counts.total(),
    )
