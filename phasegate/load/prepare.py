"""From what a plan writes to the journeys of a load: setup is sent once before it, teardown once after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from phasegate.errors import ObservationError
from phasegate.http.exchange import Conversation, Expectations
from phasegate.http.flow import Group, Telling, run_group
from phasegate.http.references import SETUP, TEARDOWN
from phasegate.http.suite import Request
from phasegate.load.compose import requests_of
from phasegate.load.journey import Journey, JourneyRequest, Journeys
from phasegate.load.mix import Data, SuiteFlow, Unit
from phasegate.model.observation import Case, CaseStatus
from phasegate.substitution import UnknownNameError, fill
from phasegate.world import World

TEARDOWN_LIMIT = 30.0
"""Seconds teardown may take when the check was ended from outside."""


@asynccontextmanager
async def prepared(
    units: tuple[Unit, ...], data: Data | None, world: World, *, timeout: float, max_body: int, mixed: bool
) -> AsyncIterator[Journeys]:
    """`mixed`: whether the journeys are parts of their own.

    Errors: ObservationError when a setup fails, and for addresses that are not on the target.
    """
    preparation = _Preparation(world, timeout, max_body, template=data is not None)
    try:
        mix = [await preparation.journey(unit, mixed=mixed) for unit in units]
        yield Journeys(
            mix=tuple(mix),
            origin=preparation.origin,
            declared=tuple(
                address for name, address in world.target.values().items() if name.endswith(".url")
            ),
            rows=data.rows() if data is not None else (),
            order=data.order if data is not None else "sequence",
            seed=world.seed,
        )
    finally:
        task = asyncio.current_task()
        ended = task is not None and task.cancelling() > 0
        async with asyncio.timeout(TEARDOWN_LIMIT if ended else None):
            await preparation.tear_down()


@dataclass(slots=True, kw_only=True)
class _Unseen(Telling):
    """Requests of setup and teardown are no cases of a load."""

    async def tell(self, case: Case) -> None:
        self.cases.append(case)


class _Preparation:
    def __init__(self, world: World, timeout: float, max_body: int, *, template: bool) -> None:
        self._world = world
        self._timeout = timeout
        self._max_body = max_body
        self._template = template
        self._set_up: list[tuple[SuiteFlow, Conversation]] = []
        self.origin = ""

    async def journey(self, unit: Unit, *, mixed: bool) -> Journey:
        name = unit.name if mixed else ""
        if unit.flow is None:
            request = unit.request(template=self._template)
            url = unit.url or "/"
            base = self._base("/" if url.startswith(("/", "${")) else url)
            requests = self._requests(request, base, {}, {}, "")
        else:
            requests = await self._flow(unit.flow, f"{name}/" if name else "")
        return Journey(weight=unit.weight, part=name, requests=requests)

    async def tear_down(self) -> None:
        for suite, conversation in self._set_up:
            group = Group(id=TEARDOWN, requests=suite.teardown)
            await run_group(group, conversation, self._telling(), whatever=True)
        self._set_up = []

    async def _flow(self, suite: SuiteFlow, prefix: str) -> tuple[JourneyRequest, ...]:
        try:
            base = self._base(str(fill(suite.start, self._world.target.values())))
        except UnknownNameError as error:
            raise ObservationError(f"base: ${{{error.name}}} has no value") from None
        values = (await self._conversation(suite, base)).values
        return tuple(
            one
            for request in suite.chosen.requests
            for one in self._requests(request, base, suite.headers, values, f"{prefix}{request.id}")
        )

    async def _conversation(self, suite: SuiteFlow, base: str) -> Conversation:
        """What a suite's setup captured; setup is sent once, however many flows of the suite there are."""
        for known, conversation in self._set_up:
            if known.model_copy(update={"flow": suite.flow}) == suite:
                return conversation
        conversation = Conversation(
            http=self._world.http,
            base=base,
            headers=suite.headers,
            timeout=self._timeout,
            max_body=self._max_body,
            expectations=Expectations(),
            values=dict(self._world.target.values()),
        )
        self._set_up.append((suite, conversation))
        telling = self._telling()
        await run_group(Group(id=SETUP, requests=suite.setup), conversation, telling)
        for case in telling.cases:
            if case.status is not CaseStatus.PASSED:
                first = case.message.partition("\n")[0]
                raise ObservationError(f"no load was sent: {case.id} failed: {first}")
        return conversation

    def _telling(self) -> _Unseen:
        return _Unseen(world=self._world, total=0)

    def _base(self, address: str) -> str:
        """The absolute form of an address, which must be where all of the load goes."""
        url = self._world.target.url(address)
        if not self._world.target.declares(url):
            raise ObservationError(
                f"{url} is not on the target, and a load goes to one host and port of it",
                help="load goes only to hosts that the plan's target declares",
            )
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if self.origin and origin != self.origin:
            raise ObservationError(
                f"{url} is not on {self.origin}: all requests of a load go to one host and port",
                help="write one check for each",
            )
        self.origin = origin
        return url

    def _requests(
        self, request: Request, base: str, common: Mapping[str, Any], known: Mapping[str, Any], part: str
    ) -> tuple[JourneyRequest, ...]:
        try:
            return requests_of(
                request,
                base=base,
                common=common,
                shared=self._world.target.headers(base),
                known=known or self._world.target.values(),
                timeout=self._timeout,
                part=part,
            )
        except (ValueError, OSError) as error:
            raise ObservationError(f"request {request.id!r}: {error}") from error
