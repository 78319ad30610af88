"""From what a plan writes to the journeys of a load: setup is sent once before it, teardown once after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, fact
from phasegate.base.scalars import as_text
from phasegate.base.substitution import escape, expand, fill, names_in
from phasegate.http.addresses import authority
from phasegate.http.places import place_of
from phasegate.http.suites.exchange import Conversation, Expectations
from phasegate.http.suites.flow import Group, Telling, run_group, time_to_tear_down
from phasegate.http.suites.references import SETUP, TEARDOWN
from phasegate.http.suites.suite import Request
from phasegate.load.journeys.build_request import requests_of
from phasegate.load.journeys.journey import Journey, JourneyRequest, Journeys
from phasegate.load.journeys.mix import Data, SuiteFlow, Unit
from phasegate.model.observation import Case, CaseStatus
from phasegate.world import Destination, World


@asynccontextmanager
async def prepare_journeys(
    units: tuple[Unit, ...], data: Data | None, world: World, *, timeout: float, max_body: int, mixed: bool
) -> AsyncIterator[Journeys]:
    """`mixed`: whether the journeys are parts of their own.

    Errors: ObservationError when a setup fails, and for addresses that are not on the target.
    """
    preparation = _Preparation(world, timeout, max_body, data)
    try:
        mix = [await preparation.journey(unit, mixed=mixed) for unit in units]
        yield Journeys(
            mix=tuple(mix),
            origin=preparation.origin,
            entry=preparation.entry or "",
            declared=tuple(
                address for name, address in world.target.values().items() if name.endswith(".url")
            ),
            rows=preparation.rows,
            order=data.order if data is not None else "sequence",
            seed=world.seed,
        )
    finally:
        async with time_to_tear_down():
            await preparation.tear_down()


@dataclass(slots=True, kw_only=True)
class _Unseen(Telling):
    """Requests of setup and teardown are not cases of a load."""

    async def tell(self, case: Case) -> None:
        self.cases.append(case)


class _Preparation:
    def __init__(self, world: World, timeout: float, max_body: int, data: Data | None) -> None:
        self._world = world
        self._timeout = timeout
        self._max_body = max_body
        self.rows = () if data is None else data.rows()
        self._set_up: list[tuple[SuiteFlow, Conversation]] = []
        self.origin = ""
        self.entry: str | None = None
        """The first that something is sent to."""

    async def journey(self, unit: Unit, *, mixed: bool) -> Journey:
        name = unit.name if mixed else ""
        if unit.flow is None:
            request = unit.request(template=bool(self.rows))
            values = self._world.target.values()
            late = any(name not in values for name in names_in(authority(request.url)))
            base = self._base("/" if late or request.url.startswith("/") else request.url)
            requests = self._requests(request, base, {}, values, {}, "")
        else:
            requests = await self._flow(unit.flow, f"{name}/" if name else "")
        return Journey(weight=unit.weight, part=name, requests=requests)

    async def tear_down(self) -> None:
        for suite, conversation in self._set_up:
            group = Group(id=TEARDOWN, requests=suite.teardown)
            await run_group(group, conversation, self._telling(), whatever=True)
        self._set_up = []

    async def _flow(self, suite: SuiteFlow, prefix: str) -> tuple[JourneyRequest, ...]:
        base = self._base(suite.start)
        conversation = await self._conversation(suite, base)
        values, sources = conversation.values, dict(conversation.sources)
        made: list[JourneyRequest] = []
        for request in suite.chosen.requests:
            part = f"{prefix}{request.id}"
            made += self._requests(request, base, suite.headers, values, sources, part)
            entry = self._entry(request.url, base, values, sources) if request.capture else ""
            sources |= dict.fromkeys(request.capture, Destination(url=base.url, entry=entry))
        return tuple(made)

    async def _conversation(self, suite: SuiteFlow, base: Destination) -> Conversation:
        """What a suite's setup captured; setup is sent once, however many flows of the suite there are."""
        for known, conversation in self._set_up:
            if known.model_copy(update={"flow": suite.flow}) == suite:
                return conversation
        conversation = Conversation(
            http=self._world.http,
            target=self._world.target,
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
                raise ObservationError(fact(Code.LOAD_NOT_SENT, case=case.id, why=case.message))
        return conversation

    def _telling(self) -> _Unseen:
        return _Unseen(world=self._world, total=0)

    def _base(self, address: str) -> Destination:
        """Where an address leads, which must be where all of the load goes."""
        there = self._world.target.destination(address)
        url = there.url
        if not self._world.target.declares(url):
            why = fact(Code.NOT_ON_TARGET, url=url, single=True)
            raise ObservationError(why, help=fact(Code.ONLY_TO_TARGET))
        parts = urlsplit(url)
        here = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if self.origin and here != self.origin:
            why = fact(Code.NOT_ON_ORIGIN, url=url, origin=self.origin)
            raise ObservationError(why, help=fact(Code.ONE_CHECK_EACH))
        self.origin = here
        return there

    def _requests(
        self,
        request: Request,
        base: Destination,
        common: Mapping[str, Any],
        known: Mapping[str, Any],
        sources: Mapping[str, Destination],
        part: str,
    ) -> tuple[JourneyRequest, ...]:
        try:
            return requests_of(
                request,
                base=base.url,
                common=common,
                shared=lambda url: self._headers(self._entry(url, base, known, sources)),
                known=known,
                timeout=self._timeout,
                part=part,
            )
        except (ValueError, OSError) as error:
            why = fact(Code.OF_REQUEST, request=request.id, why=message_of(error))
            raise ObservationError(why) from error

    def _headers(self, entry: str) -> tuple[tuple[str, str], ...]:
        """What an entry asks for, whose connections must be those of all of the load."""
        target = self._world.target
        self.entry = entry if self.entry is None else self.entry
        if self.origin.startswith("https:") and target.tls(entry) != target.tls(self.entry):
            why = fact(Code.NOT_SAME_CERTIFICATES, entry=self.entry, other=entry)
            raise ObservationError(why, help=fact(Code.ONE_CHECK_EACH))
        return target.headers(entry)

    def _entry(
        self, url: str, base: Destination, known: Mapping[str, Any], sources: Mapping[str, Destination]
    ) -> str:
        """The entry that a request is of; `url` is in template form. A value that it gets under way leads to
        the host and port of the load: it is of the entry that the value comes from."""
        begin = authority(url)
        late = next((name for name in names_in(begin) if name not in known), None)
        if late is None:
            is_path = as_text(fill(begin, known)).startswith("/") or not begin
            return base.entry if is_path else self._world.target.destination(url, known, sources).entry
        if late in sources:
            return sources[late].entry
        entries = {self._entry(address, base, known, {}) for address in self._addresses(url, late)}
        if len(entries) > 1:
            why = fact(Code.ROWS_LEAD_APART, names=tuple(sorted(entries)))
            raise ObservationError(why, help=fact(Code.ONE_CHECK_EACH))
        return next(iter(entries), base.entry)

    def _addresses(self, url: str, name: str) -> Iterator[str]:
        """A URL with each of the values that the rows of data have for a name, where the load goes."""
        for value in dict.fromkeys(as_text(row[name]) for row in self.rows if name in row):
            address = expand(url, {name: escape(value)})
            if value.startswith("/") or place_of(value) == place_of(self.origin):
                yield address
