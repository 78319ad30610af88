"""One attempt of one check: every part observed once, within its limit, whatever happens."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import (
    ExitCode,
    ObservationError,
    PhasegateError,
    in_words,
    is_of_machine,
    message_of,
)
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.kinds.base import Kind
from phasegate.model.measures import Measure, merge
from phasegate.model.observation import Case, Observation
from phasegate.plan.asked.part import Part
from phasegate.plan.asked.plan import Check
from phasegate.runner.deciding import Decider, Watch
from phasegate.runner.world import AttemptWorld, Parts, Stop, name_entry
from phasegate.world import HttpClient


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRequest:
    """What an attempt is asked to do."""

    check: Check
    number: int
    stop: Stop
    earlier: tuple[Case, ...] = ()
    cases: tuple[str, ...] = ()
    accompanies: bool = False
    decider: Decider | None = None
    """For a check that goes on until it is decided."""
    watches: Sequence[Watch] = ()
    """For a check by which rollouts are judged."""


async def observe(asked: AttemptRequest, parts: Parts) -> Observation:
    """Observe every part of a check once. What goes wrong while observing becomes `Observation.error`.

    Errors: PhasegateError where the record itself cannot be kept; CancelledError passes, after which
    what the attempt saw is lost, so the caller cancels only to give up.
    """
    async with parts.http.client() as http:
        return await _observe(asked, parts, http)


async def _observe(asked: AttemptRequest, parts: Parts, http: HttpClient) -> Observation:
    check = asked.check
    folder = parts.evidence.folder(check.id, asked.number)
    world = AttemptWorld(
        clock=parts.clock,
        processes=parts.processes,
        target=parts.target,
        containers=parts.containers,
        root=parts.root,
        environment=parts.environment,
        seed=parts.seed,
        emit=parts.emit,
        emit_all=parts.emit_all,
        keep_secret=parts.keep_secret,
        http=http,
        check=check.id,
        number=asked.number,
        evidence=folder,
        stop=asked.stop,
        earlier=asked.earlier,
        cases=asked.cases,
        accompanies=asked.accompanies,
        decider=asked.decider,
        watches=asked.watches,
    )
    try:
        async with asyncio.timeout(check.limit) as limit:
            if asked.accompanies and check.each:
                seen = await _side_by_side(check, world)
            else:
                seen = [await _observe_part(check, part, world) for part in check.parts]
    except TimeoutError:
        if not limit.expired():
            raise
        return Observation(
            cases=tuple(world.all_seen), error=fact(Code.OVER_LIMIT, limit=float(check.limit or 0.0))
        )
    observation = together(dict(zip((part.name for part in check.parts), seen, strict=True)), check.each)
    if asked.decider is not None:
        observation = replace(observation, decisions=dict(asked.decider.decisions))
    if asked.stop.interrupted and observation.error is None:
        observation = replace(observation, error=asked.stop.reason)
    return observation


async def _side_by_side(check: Check, world: AttemptWorld) -> list[Observation]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_observe_part(check, part, world)) for part in check.parts]
    return [task.result() for task in tasks]


async def _observe_part(check: Check, part: Part, world: AttemptWorld) -> Observation:
    mine = world if not part.name else world.for_entry(part.name)
    try:
        params = part.params
        if part.deferred is not None:
            params = part.bind({**world.target.values(), "out": str(world.evidence.path)})
        return await check.kind.observe(params, mine)
    except ObservationError as error:
        return _cut_observation(mine, joined(error.message, error.help))
    except PhasegateError as error:
        if check.kind.package is None or error.exit_code is ExitCode.INCONCLUSIVE:
            raise
        return _translate(error, check.kind, mine)
    except (Exception, SystemExit) as error:
        return _translate(error, check.kind, mine)


def _translate(error: BaseException, kind: Kind[Any], world: AttemptWorld) -> Observation:
    """The observation of an attempt that ended in an exception, groups looked into."""
    leaves = list(_leaves(error))
    for leaf in leaves:
        ours = kind.package is None or getattr(leaf, "exit_code", None) is ExitCode.INCONCLUSIVE
        if ours and isinstance(leaf, PhasegateError) and not isinstance(leaf, ObservationError):
            raise leaf
    first = leaves[0]
    if isinstance(first, ObservationError) and all(isinstance(leaf, ObservationError) for leaf in leaves):
        return _cut_observation(world, joined(first.message, first.help))
    if is_of_machine(error):
        return _cut_observation(world, fact(Code.CANNOT_GO_ON, observing=True, why=in_words(error)))
    trace = "".join(traceback.format_exception(error))
    written = world.evidence.write("defect.txt", trace)
    cut = _cut_observation(world, defect(first, kind))
    return replace(cut, evidence=(*cut.evidence, written))


def defect(error: BaseException, kind: Kind[Any] | None = None) -> Fact:
    """What went wrong inside phasegate, or in a kind of another package."""
    name, why = type(error).__name__, message_of(error)
    if kind is None or kind.package is None:
        return fact(Code.DEFECT, error=name, why=why)
    package = kind.package
    of_kind = {"kind": kind.name, "package": package.name, "version": package.version}
    return fact(Code.KIND_DEFECT, **of_kind, error=name, why=why)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _cut_observation(world: AttemptWorld, error: Message) -> Observation:
    """What is left of a part that did not come to its end."""
    return Observation(cases=tuple(world.seen), error=error)


def together(by_entry: Mapping[str, Observation], each: bool) -> Observation:
    """The observation of a whole check: that of its only part, or those of its `each` entries joined.

    An entry's measures become those of the part of its name; the whole has what adds up.
    """
    if not each:
        return next(iter(by_entry.values()))
    errors = [fact(Code.OF_PART, part=name, why=item.error) for name, item in by_entry.items() if item.error]
    return Observation(
        measures=_sum(item.measures for item in by_entry.values()),
        parts={
            key: measures
            for name, item in by_entry.items()
            for key, measures in ((name, item.measures), *((f"{name}/{k}", v) for k, v in item.parts.items()))
        },
        cases=tuple(name_entry(case, name) for name, item in by_entry.items() for case in item.cases),
        evidence=tuple(path for item in by_entry.values() for path in item.evidence),
        notes=tuple(
            fact(Code.OF_PART, part=name, why=note) for name, item in by_entry.items() for note in item.notes
        ),
        causes={
            fact(Code.OF_PART, part=name, why=k): v
            for name, item in by_entry.items()
            for k, v in item.causes.items()
        },
        absent={
            (f"{name}/{part}" if part else name, measure): why
            for name, item in by_entry.items()
            for (part, measure), why in item.absent.items()
        },
        timeline=tuple(
            replace(series, name=f"{name} {series.name}")
            for name, item in by_entry.items()
            for series in item.timeline
        ),
        error=joined(*errors) or None,
    )


def _sum(everything: Iterable[Mapping[str, Measure]]) -> dict[str, Measure]:
    """Measures that every entry has and that add up."""
    first, *others = list(everything)
    whole: dict[str, Measure] = {}
    for name, measure in first.items():
        total: Measure | None = measure
        for other in others:
            total = merge(total, other[name]) if total is not None and name in other else None
        if total is not None:
            whole[name] = total
    return whole
