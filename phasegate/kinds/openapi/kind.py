"""The contract of an API: every operation of its OpenAPI document is reached and answers as documented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact, lines
from phasegate.base.fields import Closed, Duration, Text, Texts, WrittenAddress
from phasegate.base.files import read_file, refuse_way_out
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.http.transcript import transcript
from phasegate.http.written import Json
from phasegate.kinds.base import Kind, TimedParams, stopped_early
from phasegate.kinds.openapi.document import SAFE, SIZE, Contract, Operation, read_contract
from phasegate.kinds.openapi.exchange import Asking, asking, judge
from phasegate.kinds.openapi.generated import generate
from phasegate.model.cases import after, case_measures, case_measures_by_part
from phasegate.model.measures import NAMED, MeasureSpec, Share
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.world import Cause, Destination, HttpFailure, HttpRequest, Progress, World


class GenerateWritten(Closed):
    """Cases that Schemathesis generates (extra `openapi`)."""

    examples: Annotated[int, Field(ge=1, le=10_000), Demand.MORE] = 50
    """The most requests for each operation, beside those that examples of the document make."""
    seed: int | None = Field(default=None, ge=0)
    """What cases come of: the same seed makes the same cases. The run's own seed unless given."""
    limit: Annotated[Duration, Field(gt=0)] = 300.0
    """The longest that all of it may take; what takes longer is ended, and nothing is verified."""


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


@dataclass(slots=True)
class _Seen:
    """What was seen of the operations so far."""

    cases: list[Case] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    stopped: Message | None = None


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
            "pass_rate": MeasureSpec.census("operations that answered as documented, of all"),
            "operations_covered": MeasureSpec.census("operations that were reached, of all of the document"),
            "status_codes_covered": MeasureSpec.census("documented status codes that were seen"),
            "parameters_covered": MeasureSpec.census("documented parameters that were sent"),
            "passed": MeasureSpec.amount("operations that answered as documented"),
            "failed": MeasureSpec.amount("operations that did not"),
            "skipped": MeasureSpec.amount("operations that were not asked, as they may change something"),
            "total": MeasureSpec.amount("operations, and again with generated values"),
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
        """Errors: ObservationError where the document cannot be read or has no operation, and where the plan
        names an operation that is not in it."""
        contract = read_contract(await _document(params, world), params.document)
        _refuse_unknown(params, contract)
        base = _base(params, contract, world)
        operations = [one for one in contract.operations if one.name not in params.leave_out]
        chosen = [one for one in operations if _is_chosen(one, world.cases)]
        if not chosen:
            raise ObservationError(
                fact(Code.NO_CASE_NAMED, names=world.cases)
                if world.cases
                else fact(Code.OPENAPI_EMPTY, path=params.document)
            )
        seen = _Seen()
        for one in chosen:
            await _take(one, params, contract, base, world, seen)
        if params.generate is not None and seen.stopped is None:
            await _generate(params.generate, contract, chosen, params, base, world, seen)
        return _observation(params, chosen, seen)


def _is_address(document: str) -> bool:
    return document.startswith(("/", "${")) or "://" in document


async def _document(params: OpenApiParams, world: World) -> bytes:
    if not _is_address(params.document):
        path = world.root / params.document
        refuse_way_out(path, world.root, params.document)
        return read_file(path, params.document, SIZE)
    there = _of_target(params.document, world)
    reply = await world.http.send(
        HttpRequest(method="GET", url=there.url, entry=there.entry, timeout=params.timeout, keep=SIZE)
    )
    if isinstance(reply, HttpFailure):
        raise ObservationError(reply.message)
    if reply.status != 200:
        raise ObservationError(fact(Code.ANSWER_STATUS, url=there.url, status=reply.status))
    if reply.unreadable:
        raise ObservationError(fact(Code.OPENAPI_UNREADABLE, path=there.url, why=reply.unreadable))
    return reply.body


def _of_target(written: str, world: World) -> Destination:
    there = world.target.destination(written)
    if not world.target.declares(there.url):
        raise ObservationError(fact(Code.NOT_OF_TARGET, url=there.url))
    return there


def _base(params: OpenApiParams, contract: Contract, world: World) -> Destination:
    """Where paths of the document are."""
    if params.base:
        there = _of_target(params.base, world)
        return replace(there, url=there.url.rstrip("/"))
    there = _of_target("/", world)
    url = there.url.rstrip("/")
    return replace(there, url=url if url.endswith(contract.base) else f"{url}{contract.base}")


def _refuse_unknown(params: OpenApiParams, contract: Contract) -> None:
    known = {one.name for one in contract.operations}
    named = (*params.operations, *params.leave_out, *(name for name in params.values if " " in name))
    unknown = tuple(name for name in named if name not in known)
    if unknown:
        raise ObservationError(fact(Code.OPENAPI_UNKNOWN, names=unknown, path=params.document))


def _is_chosen(operation: Operation, names: Sequence[str]) -> bool:
    return not names or any(name in (operation.name, *operation.tags) for name in names)


def _is_allowed(operation: Operation, params: OpenApiParams) -> bool:
    """Whether it may be asked: it changes nothing, or the plan wants it."""
    return operation.method in SAFE or operation.name in params.operations


async def _take(
    operation: Operation,
    params: OpenApiParams,
    contract: Contract,
    base: Destination,
    world: World,
    seen: _Seen,
) -> None:
    """Ask an operation and add its case."""
    own = params.values.get(operation.name)
    values = {**params.values, **(own if isinstance(own, Mapping) else {})}
    if operation.broken:
        case = _case(operation, CaseStatus.LOST, operation.broken)
    elif not _is_allowed(operation, params):
        case = _case(operation, CaseStatus.SKIPPED, fact(Code.OPENAPI_UNSAFE, method=operation.method))
    elif seen.stopped is not None:
        case = _case(operation, CaseStatus.LOST, stopped_early(seen.stopped))
    else:
        question = asking(operation, values, base, params.timeout)
        if isinstance(question, Asking):
            case = await _ask(operation, question, contract, world, seen)
        else:
            case = _case(operation, CaseStatus.LOST, question)
    await _add(case, world, seen)


async def _add(case: Case, world: World, seen: _Seen) -> None:
    case = after(case, {one.id: one for one in world.earlier})
    seen.cases.append(case)
    stopped = await world.progress(Progress(cases=(case,)))
    seen.stopped = seen.stopped or stopped


async def _ask(operation: Operation, question: Asking, contract: Contract, world: World, seen: _Seen) -> Case:
    reply = await world.http.send(question.request)
    if isinstance(reply, HttpFailure):
        ours = reply.late or reply.cause is Cause.TOO_LARGE
        return _case(operation, CaseStatus.LOST if ours else CaseStatus.FAILED, reply.message)
    judged = await judge(operation, reply, contract)
    seen.parameters.update(f"{operation.name} {name}" for name in question.parameters)
    if judged.documented is not None:
        seen.statuses.add(f"{operation.name} {judged.documented}")
    # An error may be as documented, and yet the operation was not tried.
    tried = reply.status < 400 or (judged.documented is not None and not operation.succeeds)
    if tried:
        seen.reached.append(operation.name)
    if judged.problems:
        name = f"{operation.method}{operation.path}.txt"
        kept = world.evidence.write(name, transcript(question.request, reply, judged.problems))
        case = _case(operation, CaseStatus.FAILED, lines(*judged.problems))
        return replace(case, duration=reply.elapsed, evidence=(kept,))
    why = judged.unproven or ("" if tried else fact(Code.OPENAPI_NOT_TRIED, status=reply.status))
    case = _case(operation, CaseStatus.LOST if why else CaseStatus.PASSED, why)
    return replace(case, duration=reply.elapsed)


def _case(operation: Operation, status: CaseStatus, message: Message) -> Case:
    return Case(
        id=operation.name,
        name=operation.name,
        part=operation.tags[0] if operation.tags else "",
        tags=operation.tags[1:],
        status=status,
        message=message,
    )


async def _generate(
    written: GenerateWritten,
    contract: Contract,
    chosen: Sequence[Operation],
    params: OpenApiParams,
    base: Destination,
    world: World,
    seen: _Seen,
) -> None:
    allowed = [one for one in chosen if _is_allowed(one, params) and not one.broken]
    seed = world.seed if written.seed is None else written.seed
    for case in await generate(
        contract,
        allowed,
        base,
        world,
        examples=written.examples,
        seed=seed,
        limit=written.limit,
        timeout=params.timeout,
    ):
        await _add(case, world, seen)


def _observation(params: OpenApiParams, operations: Sequence[Operation], seen: _Seen) -> Observation:
    failed = {case.id for case in seen.cases if case.status is CaseStatus.FAILED}
    statuses = [f"{one.name} {status}" for one in operations for status in one.answers]
    parameters = [
        f"{one.name} {parameter.place}/{parameter.name}" for one in operations for parameter in one.parameters
    ]
    measures = {
        **case_measures(seen.cases),
        "operations_covered": _covered([one.name for one in operations], set(seen.reached), failed),
        "status_codes_covered": _covered(statuses, seen.statuses),
        "parameters_covered": _covered(parameters, seen.parameters),
    }
    return Observation(
        measures=measures,
        parts=case_measures_by_part(seen.cases),
        cases=tuple(seen.cases),
        evidence=tuple(path for case in seen.cases for path in case.evidence),
        notes=tuple(
            fact(Code.OPENAPI_LEFT_OUT, name=name, why=why) for name, why in params.leave_out.items()
        ),
    )


def _covered(names: Sequence[str], seen: set[str], failed: set[str] = frozenset()) -> Share:  # type: ignore[assignment]
    """What was not seen is missing evidence; what got no answer, or not the right one, has failed."""
    passed = [name for name in names if name in seen]
    missing = [name for name in names if name not in seen and name not in failed]
    return Share(
        passed=len(passed),
        total=len(names),
        sample=False,
        skipped=len(missing),
        missing=tuple(missing[:NAMED]),
    )
