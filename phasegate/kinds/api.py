"""API suites: flows of requests with expectations and captures, each request a case."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, WithJsonSchema

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.fields import NamedDocument, Size
from phasegate.base.remember import remembered_of
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.suites.exchange import Conversation, Expectations
from phasegate.http.suites.flow import (
    Group,
    Telling,
    carry_over,
    first_failure,
    run_group,
    time_to_tear_down,
)
from phasegate.http.suites.references import SETUP, TEARDOWN
from phasegate.http.suites.suite import Suite
from phasegate.kinds.base import Kind, TimedParams
from phasegate.model.cases import after, case_measures
from phasegate.model.histogram import Histogram
from phasegate.model.measures import Distribution, Measure, MeasureSpec
from phasegate.model.observation import Case, CaseStatus, Observation, by_part
from phasegate.world import Destination, World

FLOWS_AT_ONCE = 4
CAUSES = 20
"""How many different causes are told apart."""


class ApiParams(TimedParams):
    suite: Annotated[
        Suite,
        NamedDocument(),
        WithJsonSchema({"type": "string", "description": "a suite file, relative to the plan's root"}),
    ]
    """The requests that are sent, and what their answers must be."""
    max_body: Annotated[Size, Field(ge=1)] = MAX_BODY
    """The largest body that an expectation or capture looks at; where none does, any size is fine."""


class Api(Kind[ApiParams]):
    name: ClassVar[str] = "api"
    Params: ClassVar[type[TimedParams]] = ApiParams
    example: ClassVar[Mapping[str, Any]] = {"suite": "checks/api/functions.yaml"}
    has_cases: ClassVar[bool] = True
    by_address: ClassVar[bool] = True

    def measures(self, params: ApiParams) -> Mapping[str, MeasureSpec]:
        counts = {
            "passed": "requests answered as expected",
            "failed": "requests answered otherwise, or not at all",
            "skipped": "requests that were not sent",
            "total": "requests of the suite, one for each row",
        }
        return {
            "pass_rate": MeasureSpec.census("passed requests of all requests"),
            "latency": MeasureSpec.times(
                "from sending to the last byte; failed requests rank above every value"
            ),
        } | {name: MeasureSpec.amount(about) for name, about in counts.items()}

    def defaults(self, params: ApiParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def asked(self, params: ApiParams) -> tuple[str, ...]:
        return _paths(params.suite)

    def parts(self, params: ApiParams) -> frozenset[str] | None:
        return _parts(params.suite)

    def samples(self, params: ApiParams) -> int | None:
        try:
            return _size(params.suite)
        except (OSError, ValueError):  # said where the file is named
            return None

    def summary(self, params: ApiParams) -> Fact:
        return _summary(params.suite)

    async def observe(self, params: ApiParams, world: World) -> Observation:
        """Errors: ObservationError when an address or a file of rows is missing."""
        if not any(flow.requests for flow in params.suite.flows):
            return Observation(error=fact(Code.SUITE_EMPTY))
        flows, notes = _select_flows(params.suite, world.cases)
        if not flows:
            return Observation(error=fact(Code.NO_SUCH_REQUEST, names=world.cases))
        try:
            session = _Session(params, world, flows)
            await session.run()
        except (OSError, ValueError) as error:
            return Observation(error=fact(Code.ROWS_UNREADABLE, why=message_of(error)))
        return _observation(session.cases(), notes + session.notes, session.error)


class _Session:
    """One attempt: setup, the flows side by side, teardown."""

    def __init__(self, params: ApiParams, world: World, flows: tuple[Group, ...]) -> None:
        suite = params.suite
        self._world = world
        self._setup = Group(id=SETUP, requests=suite.setup)
        self._teardown = Group(id=TEARDOWN, requests=suite.teardown)
        self._flows = flows
        self._carried = self._earlier_passes()
        everything = (self._setup, *flows, self._teardown)
        total = sum(group.size for group in everything)
        total -= sum(len(cases) for cases in self._carried.values())
        self._telling = Telling(world=world, total=total)
        self._base = self._address(suite)
        self._headers = suite.headers
        self._timeout = params.timeout
        self._max_body = params.max_body
        self._expectations = Expectations()
        self._places = asyncio.Semaphore(FLOWS_AT_ONCE)
        self.error: Message | None = None
        self.notes: tuple[Message, ...] = ()
        if self._carried:
            self.notes = (fact(Code.FLOWS_CARRIED_OVER, flows=len(self._carried)),)

    def cases(self) -> tuple[Case, ...]:
        """In the order of the suite; what was begun and never ended is lost."""
        earlier = {case.id: case for case in self._world.earlier}
        known = {case.id: case for cases in self._carried.values() for case in cases}
        known |= {case.id: after(case, earlier) for case in self._telling.cases}
        groups = (self._setup, *self._flows, self._teardown)
        planned = dict.fromkeys(id for group in groups for _, _, id in group.planned())
        return tuple(known[id] for id in planned if id in known) + tuple(
            case for id, case in known.items() if id not in planned
        )

    async def run(self) -> None:
        setup = self._conversation()
        try:
            reason = await run_group(self._setup, setup, self._telling)
            async with asyncio.TaskGroup() as tasks:
                for flow in self._flows:
                    if flow.id not in self._carried:
                        tasks.create_task(self._run_flow(flow, setup, reason))
        except* ObservationError as errors:
            self.error = _first(errors).message
        finally:
            async with time_to_tear_down():
                await run_group(self._teardown, setup, self._telling, whatever=True)

    async def _run_flow(self, flow: Group, setup: Conversation, not_sent: Message) -> None:
        async with self._places:
            conversation = self._conversation(setup)
            await run_group(flow, conversation, self._telling, not_sent=not_sent)

    def _conversation(self, setup: Conversation | None = None) -> Conversation:
        """`setup`: the one whose captures it knows."""
        return Conversation(
            http=self._world.http,
            target=self._world.target,
            base=self._base,
            headers=self._headers,
            timeout=self._timeout,
            max_body=self._max_body,
            expectations=self._expectations,
            values={**self._world.target.values(), **({} if setup is None else setup.values)},
            sources={} if setup is None else dict(setup.sources),
        )

    def _address(self, suite: Suite) -> Destination:
        """What paths are on; an empty URL where there is nothing, and nothing that needs it."""
        try:
            return self._world.target.destination(suite.base)
        except ObservationError:
            if suite.base.startswith("/") and not suite.paths:
                return Destination(url="")
            raise

    def _earlier_passes(self) -> dict[str, tuple[Case, ...]]:
        if not self._world.earlier:
            return {}
        before = {flow.id: carry_over(flow, self._world.earlier) for flow in self._flows}
        return {id: cases for id, cases in before.items() if cases}


def _groups(suite: Suite) -> tuple[Group, ...]:
    flows = tuple(Group(id=flow.id, requests=flow.requests, tags=flow.tags) for flow in suite.flows)
    ends = (Group(id=SETUP, requests=suite.setup), Group(id=TEARDOWN, requests=suite.teardown))
    return tuple(group for group in (ends[0], *flows, ends[1]) if group.requests)


# Many checks may name one suite.


@remembered_of
def _paths(suite: Suite) -> tuple[str, ...]:
    return suite.paths


@remembered_of
def _parts(suite: Suite) -> frozenset[str]:
    groups = _groups(suite)
    requests = {f"{group.id}/{request.id}" for group in groups for request in group.requests}
    return frozenset(requests | {group.id for group in groups} | {t for g in groups for t in g.tags})


@remembered_of
def _size(suite: Suite) -> int:
    return sum(group.size for group in _groups(suite))


@remembered_of
def _summary(suite: Suite) -> Fact:
    requests = sum(len(group.requests) for group in _groups(suite))
    return fact(Code.REQUESTS_OF_FLOWS, flows=len(suite.flows), requests=requests)


def _select_flows(suite: Suite, wanted: tuple[str, ...]) -> tuple[tuple[Group, ...], tuple[Message, ...]]:
    """The flows that hold a selected case, and a note when some do not."""
    flows = tuple(group for group in _groups(suite) if group.id not in (SETUP, TEARDOWN))
    if not wanted:
        return flows, ()
    chosen = tuple(flow for flow in flows if any(_holds(flow, name) for name in wanted))
    return chosen, (fact(Code.FLOWS_SELECTED, n=len(chosen), total=len(flows), names=wanted),)


def _holds(flow: Group, name: str) -> bool:
    """Whether `flow`, `flow/request` or `flow/request[row]` is in a flow."""
    head, _, request = name.partition("/")
    request = request.partition("[")[0]
    return head == flow.id and (not request or any(mine.id == request for mine in flow.requests))


def _observation(cases: tuple[Case, ...], notes: tuple[Message, ...], error: Message | None) -> Observation:
    failed = [case for case in cases if case.status is CaseStatus.FAILED]
    causes = Counter(first_failure(case.message) for case in failed)
    return Observation(
        measures=_measures(cases),
        parts={part: _measures(members) for part, members in by_part(cases).items()},
        cases=cases,
        evidence=tuple(path for case in failed for path in case.evidence),
        notes=notes,
        causes=dict(causes.most_common(CAUSES)),
        error=error,
    )


def _measures(cases: Sequence[Case]) -> Mapping[str, Measure]:
    counts = case_measures(cases)
    return {"pass_rate": counts.pop("pass_rate"), "latency": _latency(cases), **counts}


def _latency(cases: Iterable[Case]) -> Distribution:
    """Of the requests that were sent; a failed one ranks above every value, whenever it was answered."""
    sent = [case for case in cases if case.status in (CaseStatus.PASSED, CaseStatus.FAILED)]
    good = [case.duration for case in sent if case.status is CaseStatus.PASSED and case.duration is not None]
    return Distribution(
        good=Histogram.of_seconds(duration for duration in good if duration > 0),
        failed=sum(case.status is CaseStatus.FAILED for case in sent),
        unmeasured=sum(duration <= 0 for duration in good),
    )


def _first(errors: BaseExceptionGroup[ObservationError]) -> ObservationError:
    for error in errors.exceptions:
        return error if isinstance(error, ObservationError) else _first(error)
    raise ValueError("an empty group")
