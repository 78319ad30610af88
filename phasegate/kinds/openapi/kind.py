"""The contract of an API: every operation of its OpenAPI document is reached and answers as documented."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact, lines
from phasegate.base.fields import Text, Texts, WrittenAddress
from phasegate.base.files import read_file, refuse_way_out
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.http.transcript import transcript
from phasegate.http.written import Json
from phasegate.kinds.base import Kind, TimedParams, stopped_early
from phasegate.kinds.openapi.document import SIZE, Contract, Operation, read_contract
from phasegate.kinds.openapi.exchange import Asking, asking, judge
from phasegate.kinds.openapi.generated import PART, GenerateWritten, generate, lost
from phasegate.kinds.openapi.schemas import Schemas
from phasegate.model.cases import after
from phasegate.model.measures import NAMED, MeasureSpec, Share
from phasegate.model.observation import Case, CaseStatus, Observation, census, census_by_part
from phasegate.world import Cause, Destination, HttpFailure, HttpRequest, Progress, World

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing (RFC 9110, 9.2.1), without TRACE, which servers should refuse."""


class OpenApiParams(TimedParams):
    document: WrittenAddress
    """The OpenAPI 3.0 or 3.1 document, YAML or JSON: a file, relative to the plan's root, or a URL of the
    target, `/openapi.json`."""
    base: WrittenAddress = ""
    """What paths of the document are below: a path on the target's default entry, or a URL of the target. The
    default entry and the path of the document's first server unless given."""
    values: Mapping[str, Json] = Field(default_factory=dict)
    """Values of parameters by name, before those that the document has as examples; below the name of an
    operation for that one alone: `{id: 7, "POST /orders": {body: {item: 3}}}`."""
    operations: Annotated[Texts, Demand.MUST_BE] = ()
    """Operations that are asked though their method may change something: `[POST /orders]`. GET, HEAD and
    OPTIONS always are."""
    leave_out: Annotated[Mapping[str, Text], Demand.LET_THROUGH] = Field(default_factory=dict)
    """Operations that are not asked and not counted, each with a reason:
    `{"DELETE /orders/{id}": "deletes real orders"}`."""
    generate: GenerateWritten | None = None
    """Has Schemathesis ask each operation with generated values too: `{examples: 50, seed: 7}`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("openapi", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if not self.document:
            yield ("document",), "name a file, or a URL of the target"
        for name, why in self.leave_out.items():
            if not why.strip():
                yield ("leave_out", name), "say why, for whoever reads the report"
            if name in self.operations:
                yield ("leave_out", name), f"{name!r} is listed under operations, too; keep one"


class OpenApiKind(Kind[OpenApiParams]):
    name: ClassVar[str] = "openapi"
    Params: ClassVar[type[TimedParams]] = OpenApiParams
    example: ClassVar[Mapping[str, Any]] = {
        "document": "/openapi.json",
        "values": {"id": 7},
        "operations": ["POST /orders"],
        "leave_out": {"DELETE /orders/{id}": "deletes real orders"},
    }
    has_cases: ClassVar[bool] = True

    def measures(self, params: OpenApiParams) -> Mapping[str, MeasureSpec]:
        return {
            "operations_covered": MeasureSpec.census("operations of the document that were reached"),
            "pass_rate": MeasureSpec.census("operations that answered as documented"),
            "status_codes_covered": MeasureSpec.census("documented status codes that were seen"),
            "parameters_covered": MeasureSpec.census("documented parameters that were sent"),
        }

    def defaults(self, params: OpenApiParams) -> tuple[str, ...]:
        return ("operations_covered == 100%", "pass_rate == 100%")

    def parts(self, params: OpenApiParams) -> frozenset[str] | None:
        return None

    def summary(self, params: OpenApiParams) -> Message:
        return fact(Code.SCAN_BY, what=params.document[:80])

    def asked(self, params: OpenApiParams) -> tuple[str, ...]:
        return (params.base or "/", *((params.document,) if _is_address(params.document) else ()))

    def targets(self, params: OpenApiParams) -> tuple[str, ...]:
        return self.asked(params)

    async def observe(self, params: OpenApiParams, world: World) -> Observation:
        """Errors: ObservationError where the document cannot be read or has no operation to ask, and where
        the plan names an operation that is not in it."""
        text = await _document(params, world)
        contract = await asyncio.to_thread(read_contract, text, params.document)  # a long one takes its time
        _refuse_unknown(params, contract)
        session = _Session(params, contract, world)
        await session.run()
        return session.observation()


def _is_address(document: str) -> bool:
    return document.startswith(("/", "${")) or "://" in document


def _of_target(written: str, world: World) -> Destination:
    there = world.target.destination(written)
    if not world.target.declares(there.url):
        raise ObservationError(fact(Code.NOT_OF_TARGET, url=there.url))
    return there


async def _document(params: OpenApiParams, world: World) -> bytes:
    if not _is_address(params.document):
        path = world.root / params.document
        refuse_way_out(path, world.root, params.document)
        return read_file(path, params.document, SIZE)
    there = _of_target(params.document, world)
    request = HttpRequest(method="GET", url=there.url, entry=there.entry, timeout=params.timeout, keep=SIZE)
    reply = await world.http.send(request)
    if isinstance(reply, HttpFailure):
        raise ObservationError(reply.message)
    if reply.status != 200:
        raise ObservationError(fact(Code.ANSWER_STATUS, url=there.url, status=reply.status))
    if reply.unreadable:
        raise ObservationError(fact(Code.OPENAPI_UNREADABLE, path=there.url, why=reply.unreadable))
    return reply.body


def _refuse_unknown(params: OpenApiParams, contract: Contract) -> None:
    known = {one.name for one in contract.operations}
    named = (*params.operations, *params.leave_out, *(name for name in params.values if " /" in name))
    unknown = tuple(name for name in named if name not in known)
    if unknown:
        raise ObservationError(fact(Code.OPENAPI_UNKNOWN, names=unknown, path=params.document))


class _Session:
    """One attempt: each operation asked, and what came of it."""

    def __init__(self, params: OpenApiParams, contract: Contract, world: World) -> None:
        """Errors: ObservationError where there is nothing to ask."""
        self._params, self._contract, self._world = params, contract, world
        there = _of_target(params.base or "/", world)
        url = there.url.rstrip("/")
        ended = params.base or url.endswith(contract.base)
        self._base = replace(there, url=url if ended else f"{url}{contract.base}")
        wanted = [name.removeprefix(f"{PART}/") for name in world.cases]
        left = [one for one in contract.operations if one.name not in params.leave_out]
        self._operations = [one for one in left if not wanted or {one.name, *one.tags} & set(wanted)]
        if not self._operations:
            none = fact(Code.OPENAPI_EMPTY, path=params.document)
            raise ObservationError(fact(Code.NO_CASE_NAMED, names=world.cases) if wanted and left else none)
        self._schemas = Schemas(contract)
        self._earlier = {case.id: case for case in world.earlier}
        self._cases: list[Case] = []
        self._reached: set[str] = set()
        self._statuses: set[str] = set()
        self._sent: set[str] = set()
        self._stopped: Message | None = None

    async def run(self) -> None:
        for one in self._operations:
            await self._add(await self._take(one))
        written, stopped = self._params.generate, self._stopped
        if written is not None:
            allowed = [one for one in self._operations if self._is_allowed(one) and not one.broken]
            timeout = self._params.timeout
            cases = (
                await generate(written, self._contract, allowed, self._base, timeout, self._world)
                if stopped is None
                else lost(allowed, stopped_early(stopped))
            )
            for case in cases:
                await self._add(case)

    def _is_allowed(self, operation: Operation) -> bool:
        """Whether it changes nothing, or the plan wants it."""
        return operation.method in SAFE or operation.name in self._params.operations

    async def _add(self, case: Case) -> None:
        case = after(case, self._earlier)
        self._cases.append(case)
        stopped = await self._world.progress(Progress(cases=(case,)))
        self._stopped = self._stopped or stopped

    async def _take(self, operation: Operation) -> Case:
        """The case of an operation, which is asked where it can be."""
        if operation.broken:
            return _case(operation, CaseStatus.LOST, operation.broken)
        if not self._is_allowed(operation):
            why = fact(Code.OPENAPI_UNSAFE, method=operation.method)
            return _case(operation, CaseStatus.SKIPPED, why)
        if self._stopped is not None:
            return _case(operation, CaseStatus.LOST, stopped_early(self._stopped))
        own = self._params.values.get(operation.name)
        values = {**self._params.values, **(own if isinstance(own, Mapping) else {})}
        try:
            question = asking(operation, values, self._base, self._params.timeout)
        except ValueError as error:  # a lone surrogate
            question = str(error)
        if isinstance(question, Asking):
            return await self._ask(operation, question)
        return _case(operation, CaseStatus.LOST, question)

    async def _ask(self, operation: Operation, question: Asking) -> Case:
        reply = await self._world.http.send(question.request)
        if isinstance(reply, HttpFailure):
            ours = reply.late or reply.cause is Cause.TOO_LARGE or _is_unsendable(reply.message)
            return _case(operation, CaseStatus.LOST if ours else CaseStatus.FAILED, reply.message)
        judged = await judge(operation, reply, self._schemas)
        self._sent.update(f"{operation.name} {one.place} {one.name}" for one in question.inputs)
        self._statuses.add(f"{operation.name} {judged.documented}")
        # An error may be as documented, and yet the operation was not tried.
        tried = reply.status < 400 or not any(status[:1] in "123" for status in operation.answers)
        if tried:
            self._reached.add(operation.name)
        if judged.problems:
            text = transcript(question.request, reply, judged.problems)
            kept = self._world.evidence.write(f"{operation.method}{operation.path}.txt", text)
            case = _case(operation, CaseStatus.FAILED, lines(*judged.problems))
            return replace(case, duration=reply.elapsed, evidence=(kept,))
        why = judged.unproven or ("" if tried else fact(Code.OPENAPI_NOT_TRIED, status=reply.status))
        case = _case(operation, CaseStatus.LOST if why else CaseStatus.PASSED, why)
        return replace(case, duration=reply.elapsed)

    def observation(self) -> Observation:
        failed = {case.id for case in self._cases if case.status is CaseStatus.FAILED}
        operations, cases = self._operations, tuple(self._cases)
        statuses = [f"{one.name} {status}" for one in operations for status in one.answers]
        inputs = ((one, item) for one in operations for item in one.inputs if item.place != "body")
        parameters = [f"{one.name} {item.place} {item.name}" for one, item in inputs]
        left_out = self._params.leave_out.items()
        return Observation(
            measures={
                "operations_covered": _covered([one.name for one in operations], self._reached, failed),
                "pass_rate": census(cases),
                "status_codes_covered": _covered(statuses, self._statuses),
                "parameters_covered": _covered(parameters, self._sent),
            },
            parts={part: {"pass_rate": share} for part, share in census_by_part(cases).items()},
            cases=cases,
            evidence=tuple(path for case in cases for path in case.evidence),
            notes=tuple(fact(Code.OPENAPI_LEFT_OUT, name=name, why=why) for name, why in left_out),
        )


def _case(operation: Operation, status: CaseStatus, message: Message) -> Case:
    name, tags = operation.name, operation.tags
    return Case(id=name, name=name, part=tags[0] if tags else "", tags=tags, status=status, message=message)


def _is_unsendable(why: Message) -> bool:
    """Whether a value of the document or the plan cannot be in a request."""
    return isinstance(why, Fact) and any(one.code is Code.UNSENDABLE for one in why.walk())


def _covered(names: Sequence[str], seen: set[str], failed: Iterable[str] = ()) -> Share:
    """What was not seen is missing evidence; what answered wrongly, or not at all, has failed."""
    missing = [name for name in names if name not in seen and name not in failed]
    passed = sum(name in seen for name in names)
    return Share(
        passed=passed, total=len(names), sample=False, skipped=len(missing), missing=tuple(missing[:NAMED])
    )
