"""The prober of a fault: one URL asked at a steady pace, whatever became of the probes before."""

from __future__ import annotations

import asyncio

from phasegate.http.expectation import Expectation
from phasegate.plan.fault_models import ProbeParams
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
        )
        self._http = http
        self._clock = clock
        self._probes: list[Probed | None] = []
        """In the order of sending; None while the outcome is open."""

    async def run(self) -> None:
        """A probe at each moment of a schedule; moments for which phasegate itself is late are left out."""
        start = self._clock.now()
        number = 0
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._probe(len(self._probes)))
                self._probes.append(None)
                number = max(number + 1, int((self._clock.now() - start) / self._every))
                await self._clock.sleep(max(0.0, start + number * self._every - self._clock.now()))

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
        sent = self._clock.now()
        outcome = await self._http.send(self._request)
        answered = self._clock.now()
        if isinstance(outcome, HttpFailure):
            cause = outcome.message
        else:
            cause = "; ".join(self._expectation.check(outcome)[:1])
        self._probes[place] = Probed(sent=sent, answered=answered, cause=cause)
