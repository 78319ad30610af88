"""Health: is a URL up, how often, and how fast does it answer?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.fields import Duration, Size, Text, WrittenAddress
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.base.units import Dimension
from phasegate.http.expectations.expectation import Expect, Expectation, any_expected, is_of_time
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.probes.moments import Moment, Moments
from phasegate.http.probes.tally import ProbeTally
from phasegate.http.transcript import resend_note, transcript
from phasegate.http.written import Headers, address_like
from phasegate.kinds.base import Amount, Kind, TimedParams
from phasegate.model.measures import Chart, Distribution, Measure, MeasureSpec, Share
from phasegate.model.observation import Observation
from phasegate.world import Enough, HttpFailure, HttpReply, HttpRequest, Progress, World

DEFAULT_EVERY = 1.0
"""Between probes of a check that accompanies others and does not say."""
EVIDENCE = 3
"""Different failures of which request and response are kept."""
CHARTED = 2.0
"""Seconds a check must span for its timeline to say anything."""
REPORT = 0.2
"""Seconds between two reports of progress; also how soon a stop is noticed."""
GRACE = 0.01
"""Seconds by which a look at the schedule must be late for answers to be read first: they may be there."""


_MEASURES = {
    "success_rate": MeasureSpec.sample(
        "probes answered as expected",
        chart=Chart(title=fact(Code.CHART, what="rates"), series=("failures",)),
    ),
    "latency": MeasureSpec.times(
        "from sending to the last byte; failed probes rank above every value",
        chart=Chart(title=fact(Code.CHART, what="latency"), series=("latency p95",)),
    ),
}


class HealthParams(TimedParams):
    url: Annotated[WrittenAddress, address_like("/health")]
    """A path on the target's default entry, `/health`, or a URL."""
    method: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z-]*$", to_upper=True)] = "GET"
    """The request method: `POST`."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along, by name, beside those of the target entry."""
    body: Text | None = None
    """Text sent with each probe."""
    probes: Annotated[int, Demand.BY_KIND] = Field(default=1, ge=1, le=10_000_000)
    """How many probes; one after the other unless `every` is given. With `until: decided`, the most."""
    until: Literal["decided"] | None = None
    """`decided`: the check ends as soon as its criteria are decided, by bounds that hold whenever one
    looks."""
    at_least: Annotated[int, Demand.BY_KIND] = Field(default=1, ge=1, le=10_000_000)
    """With `until: decided`, the fewest probes."""
    every: Annotated[Duration, Field(ge=0.001), Demand.BY_KIND] | None = None
    """Time between the sending of two probes, whether the first was answered or not."""
    in_flight: int = Field(default=64, ge=1, le=4096)
    """With `every`, the most probes under way; where so many wait, the target does not answer in time."""
    expect: Expect = Field(default_factory=any_expected)
    """What a good answer is; status 2xx unless it says otherwise."""
    follow: Annotated[bool, Demand.LET_THROUGH] = False
    """Whether redirects are followed, at most 10."""
    max_body: Annotated[Size, Field(ge=1)] = MAX_BODY
    """The largest body that `expect` looks at; where it does not look at the body, any size is fine."""

    @model_validator(mode="after")
    def _until_makes_sense(self) -> Self:
        if self.until is not None or "at_least" in self.model_fields_set:
            refuse("health", self._problems_of_until())
        return self

    def _problems_of_until(self) -> Iterator[tuple[Location, str]]:
        if self.until is None:
            yield ("at_least",), "at_least goes with until: decided; leave it out, or write both"
        elif "probes" not in self.model_fields_set:
            yield ("until",), "until: decided needs probes, the most it may take"
        elif self.at_least > self.probes:
            yield ("at_least",), f"at_least ({self.at_least:,}) is more than probes ({self.probes:,})"


class Health(Kind[HealthParams]):
    name: ClassVar[str] = "health"
    Params: ClassVar[type[TimedParams]] = HealthParams
    example: ClassVar[Mapping[str, Any]] = {"url": "/health", "probes": 100}
    accompanies: ClassVar[bool] = True
    is_watchable: ClassVar[bool] = True
    by_address: ClassVar[bool] = True

    def measures(self, params: HealthParams) -> Mapping[str, MeasureSpec]:
        return _MEASURES

    def defaults(self, params: HealthParams) -> tuple[str, ...]:
        return ("success_rate == 100%",)

    def samples(self, params: HealthParams) -> int | None:
        unbounded = params.every is not None and "probes" not in params.model_fields_set
        return None if unbounded else params.probes

    def duration(self, params: HealthParams) -> float | None:
        return None if params.every is None else params.every * (params.probes - 1)

    def amounts(self, params: HealthParams, *, accompanies: bool) -> Mapping[str, Amount]:
        if accompanies:
            return {
                "every": Amount(value=params.every or DEFAULT_EVERY, dimension=Dimension.TIME, more=False)
            }
        asked = {"probes": Amount(value=params.probes)}
        if params.until is not None:
            asked["at_least"] = Amount(value=params.at_least)
        if params.every is not None:
            span = params.every * (params.probes - 1)
            asked["time from first to last probe"] = Amount(value=span, dimension=Dimension.TIME)
        return asked

    def until_decided(self, params: HealthParams) -> bool:
        return params.until is not None

    def summary(self, params: HealthParams) -> Fact:
        return fact(
            Code.PROBES,
            method=params.method,
            url=params.url,
            n=params.probes,
            most=params.until is not None,
            every=params.every,
        )

    async def observe(self, params: HealthParams, world: World) -> Observation:
        """Errors: ObservationError when the address or the expectation makes no sense."""
        try:
            expectation = params.expect.compile()
        except ValueError as error:
            raise ObservationError(fact(Code.OF_PART, part="expect", why=message_of(error))) from None
        there = world.target.destination(params.url)
        request = HttpRequest(
            method=params.method,
            url=there.url,
            entry=there.entry,
            headers=tuple(params.headers.items()),
            body=None if params.body is None else params.body.encode(),
            timeout=params.timeout,
            follow=params.follow,
            keep=params.max_body if expectation.reads_body else None,
        )
        at_least = params.at_least if params.until else 1 if world.watched else None
        probing = _Probing(request, expectation, world, at_least, params.in_flight)
        if world.accompanies:
            await probing.on_schedule(params.every or DEFAULT_EVERY, None)
        elif params.every is not None:
            await probing.on_schedule(params.every, params.probes)
        else:
            await probing.one_by_one(params.probes)
        return probing.observation()


@dataclass(slots=True, eq=False)
class _Probe:
    """One probe under way."""

    number: int
    begun: float
    held_up: list[Moment] = field(default_factory=list)
    """Moments that passed without a probe while this was the oldest without an answer."""


class _Probing:
    """Probes of one attempt; times are seconds from its start."""

    def __init__(
        self,
        request: HttpRequest,
        expectation: Expectation,
        world: World,
        at_least: int | None,
        in_flight: int,
    ) -> None:
        self._request = request
        self._expectation = expectation
        self._world = world
        self._at_least = at_least
        """Probes from which on it is told what was seen; None where nobody looks at it."""
        self._in_flight = in_flight
        self._clock = world.clock
        self._start = world.clock.now()
        self._reported = 0.0
        self._tally = ProbeTally()
        self._evidence: dict[Message, str] = {}
        self._under_way: dict[_Probe, asyncio.Task[None]] = {}
        """Oldest first."""
        self._moments: Moments | None = None
        self._waited = 0
        """Moments that passed while the oldest probe waited for a place, and so not for the target, and those
        of probes whose time was over while phasegate stood still."""
        self._stopped: Message | None = None
        self._planned: int | None = None

    async def one_by_one(self, probes: int) -> None:
        self._planned = probes
        while (number := self._tally.good + self._tally.failed) < probes:
            await self._send(_Probe(number, self._now()))
            if await self._stop_asked():
                return

    async def on_schedule(self, every: float, probes: int | None) -> None:
        """A probe at each moment, however long the ones before it take, until so many have an outcome.

        A moment at which all probes that may be under way are passes without one. It counts as failed when
        the oldest of them fails in the end (the target was not answering). When that one is answered, it only
        ranks above every latency, and another moment takes its place. A moment at which phasegate itself is
        the reason, being late or without room, gets its probe a little later, or passes unused.
        """
        self._planned = probes
        self._moments = moments = Moments(every)
        async with asyncio.TaskGroup() as tasks:
            while not self._stopped:
                await self._look_at(moments)
                while self._has_room and (moment := moments.take(self._now())) is not None:
                    probe = _Probe(moment.number, self._now())
                    self._under_way[probe] = tasks.create_task(self._send(probe))
                    await asyncio.sleep(0)
                ahead = moments.ahead(self._now())
                if ahead is not None:
                    await self._clock.sleep(min(ahead, REPORT))
                elif self._under_way:
                    await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
                elif not self._more(moments):
                    return
                await self._stop_asked()

    async def _look_at(self, moments: Moments) -> None:
        """Go on to this moment, and hold what passed without a free place against the oldest probe.

        On a schedule that is kept, all places are taken only when the oldest probe is as old as it takes to
        fill them. Before, they are taken by probes that were late, which the target is not to blame for.
        """
        if self._full and moments.behind(self._now()) > GRACE:
            await self._clock.sleep(GRACE)
        now, oldest = self._now(), next(iter(self._under_way)) if self._full else None
        if oldest is not None and now - oldest.begun < (self._in_flight - 1) * moments.every:
            oldest = None
        held = moments.reach(now, self._more(moments), held_since=None if oldest is None else oldest.begun)
        if oldest is not None:
            oldest.held_up += held

    @property
    def _full(self) -> bool:
        return len(self._under_way) >= self._in_flight

    @property
    def _has_room(self) -> bool:
        return not self._full and self._world.http.room

    def _more(self, moments: Moments) -> int | None:
        """How many moments more than those so far are needed, if all of them have an outcome."""
        outcomes = moments.reached - self._tally.unsent - self._unused
        return None if self._planned is None else max(0, self._planned - outcomes)

    @property
    def _unused(self) -> int:
        """Moments without a probe, because phasegate itself was late."""
        return self._waited + (0 if self._moments is None else len(self._moments.unused))

    def observation(self) -> Observation:
        tally = self._tally
        return Observation(
            measures=self._measures(),
            evidence=tuple(self._evidence.values()),
            notes=tuple(self._notes()),
            causes=dict(tally.causes.most_common()),
            timeline=tally.timeline() if (tally.span or 0.0) > CHARTED else (),
        )

    def _measures(self) -> Mapping[str, Measure]:
        measures: dict[str, Share | Distribution]
        measures = {"success_rate": self._tally.success_rate(), "latency": self._tally.latency()}
        if not self._unused:
            return measures
        unused, replaced = (0, self._unused) if self._replaces else (self._unused, 0)
        return {name: replace(one, unused=unused, replaced=replaced) for name, one in measures.items()}

    @property
    def _replaces(self) -> bool:
        """Whether other moments take the place of those that passed unused."""
        return self._planned is not None and (not self._stopped or isinstance(self._stopped, Enough))

    async def _send(self, probe: _Probe) -> None:
        outcome = await self._world.http.send(self._request)
        self._under_way.pop(probe, None)
        self._count_held_up(probe, outcome)
        if isinstance(outcome, HttpFailure) and outcome.late:
            self._waited += 1 + len(probe.held_up)
            return
        if isinstance(outcome, HttpFailure):
            failures: tuple[Message, ...] = (outcome.message,)
        else:
            failures = await self._expectation.check_aside(outcome)
            self._tally.sent_again += outcome.sent_again
        if not failures:
            self._tally.passed(probe.number, probe.begun, outcome.elapsed)
            for _ in probe.held_up:
                self._tally.held_up()
            return
        cause = _cause(failures[0])
        self._tally.failure(probe.number, probe.begun, cause)
        if cause not in self._evidence and len(self._evidence) < EVIDENCE:
            text = transcript(self._request, outcome, failures, about=f"probe {probe.number + 1}")
            self._evidence[cause] = self._world.evidence.write(f"probe-{probe.number + 1}.txt", text)
        for moment in probe.held_up:
            self._tally.failure(moment.number, moment.due, fact(Code.HELD_UP, why=cause))

    def _count_held_up(self, probe: _Probe, outcome: HttpReply | HttpFailure) -> None:
        """Leave to the probe what passed while it waited for the target, not while it waited for a place."""
        sent = self._now() - outcome.elapsed
        if sent - probe.begun <= GRACE:
            return
        held_up = [moment for moment in probe.held_up if moment.due >= sent]
        self._waited += len(probe.held_up) - len(held_up)
        probe.held_up = held_up

    async def _stop_asked(self) -> Message | None:
        now = self._now()
        if now - self._reported < REPORT:
            return None
        self._reported = now
        tally = self._tally
        seen = tally.good + tally.failed
        late = f", {self._unused:,} moments unused" if self._unused else ""
        report = Progress(
            done=min(1.0, seen / self._planned) if self._planned else None,
            text=f"{seen:,} probes, {tally.failed:,} failed{late}",
            measures={} if self._at_least is None or seen < self._at_least else self._measures(),
            pending=sum(1 + len(probe.held_up) for probe in self._under_way),
        )
        self._stopped = await self._world.progress(report)
        return self._stopped

    def _notes(self) -> list[Message]:
        notes = []
        seen, unused = self._tally.good + self._tally.failed, self._unused
        if self._tally.unsent:
            notes.append(fact(Code.NO_PROBE_FREE, n=self._tally.unsent, limit=self._in_flight))
        if unused:
            moments = seen + unused
            notes.append(fact(Code.MISSED_MOMENTS, unused=unused, moments=moments, replaced=self._replaces))
        if self._stopped and self._planned:
            notes.append(fact(Code.STOPPED_AFTER_PROBES, n=seen, planned=self._planned, why=self._stopped))
        return [*notes, *resend_note(self._tally.sent_again)]

    def _now(self) -> float:
        return self._clock.now() - self._start


def _cause(failure: Message) -> Message:
    """A failure as a cause that many probes can share."""
    return failure.without("actual") if isinstance(failure, Fact) and is_of_time(failure) else failure
