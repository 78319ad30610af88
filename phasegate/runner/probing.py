"""The prober of a fault: one URL asked at a steady pace, whatever became of the probes before."""

from __future__ import annotations

import asyncio

from phasegate.http.expectations.expectation import Expectation
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.probes.moments import Moments
from phasegate.plan.written.faults import ProbeParams
from phasegate.runner.recovery import Probed
from phasegate.world import Addresses, Clock, HttpClient, HttpFailure, HttpRequest


class Prober:
    """Asks until it is cancelled; `seen` tells what came of it so far."""

    def __init__(self, asked: ProbeParams, target: Addresses, http: HttpClient, clock: Clock) -> None:
        """Errors: ObservationError for an address without an entry; ValueError for a wrong expectation."""
        self._every = asked.every
        self._expectation: Expectation = asked.expect.compile()
        there = target.destination(asked.url)
        self._request = HttpRequest(
            method=asked.method,
            url=there.url,
            entry=there.entry,
            headers=tuple(asked.headers.items()),
            timeout=asked.timeout,
            keep=MAX_BODY if self._expectation.reads_body else None,
        )
        self._http = http
        self._clock = clock
        self._probes: list[Probed | None] = []
        """In the order of sending; None while the outcome is open."""
        self._start = clock.now()
        self._moments = Moments(asked.every)
        self._late: list[float] = []

    async def run(self) -> None:
        """A probe at each moment of a schedule, or a little later; see `phasegate.http.probes.moments`."""
        self._start = self._clock.now()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._moments.reach(self._now())
                while self._http.room and (moment := self._moments.take(self._now())) is not None:
                    if self._now() - moment.due > self._every:
                        self._late.append(moment.due)
                    tasks.create_task(self._probe(len(self._probes)))
                    self._probes.append(None)
                    await asyncio.sleep(0)
                await self._clock.sleep(self._moments.ahead(self._now()) or 0.0)

    def unused(self) -> tuple[float, ...]:
        """When the moments were due that passed without a probe, as phasegate was late."""
        self._moments.reach(self._now())
        return tuple(self._start + due for due in self._moments.unused)

    def missed(self) -> tuple[float, ...]:
        """Those, and the moments whose probe was later than the next was due."""
        return tuple(sorted((*self.unused(), *(self._start + due for due in self._late))))

    def _now(self) -> float:
        return self._clock.now() - self._start

    def seen(self) -> tuple[Probed, ...]:
        """Probes in the order of sending, up to the first whose outcome is open."""
        known: list[Probed] = []
        for probe in self._probes:
            if probe is None:
                break
            known.append(probe)
        return tuple(known)

    def all(self) -> tuple[Probed, ...]:
        """Every probe with an outcome, those after one without included."""
        return tuple(probe for probe in self._probes if probe is not None)

    async def _probe(self, place: int) -> None:
        begun = self._clock.now()
        outcome = await self._http.send(self._request)
        answered = self._clock.now()
        sent = max(begun, answered - outcome.elapsed)  # it may have waited for a place
        if isinstance(outcome, HttpFailure):
            cause = outcome.message
        else:
            cause = next(iter(await self._expectation.check_aside(outcome)), "")
        self._probes[place] = Probed(sent=sent, answered=answered, cause=cause)
