"""Load: requests at a rate (open model) or over connections (closed model), latencies that cannot lie."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from phasegate.base.facts import Code, Fact, Figure, Message, encode, fact
from phasegate.base.scalars import json_text
from phasegate.base.units import Dimension
from phasegate.http.transcript import resend_note
from phasegate.kinds.base import Amount, Kind, Requirement
from phasegate.kinds.load.engines import ENGINES
from phasegate.kinds.load.job import journeys_job, request_job, request_text
from phasegate.kinds.load.measures import held_up_measures, measures_by_part, measures_of, specs
from phasegate.kinds.load.params import LoadParams
from phasegate.load.abort import AbortRule
from phasegate.load.counting.timeline import series, silent_seconds
from phasegate.load.engine import LoadOutcome, generate
from phasegate.load.job import Job
from phasegate.load.journeys.mix import columns_written, parts_of
from phasegate.load.journeys.prepare import prepare_journeys
from phasegate.load.pace.stages import summary_of
from phasegate.model.measures import MeasureSpec
from phasegate.model.observation import Observation
from phasegate.world import World

_REQUEST_KEPT = 4_096
"""Bytes of the request that go into the evidence."""
_LAG = 0.05
"""Seconds of the generator's own lag from which readers are told."""
_BUSY = 0.9
"""Share of a core from which readers are told."""


class Load(Kind[LoadParams]):
    name = "load"
    chooser = "engine"
    variant = "builtin"
    variants = ENGINES
    Params = LoadParams
    example: ClassVar[Mapping[str, Any]] = {"url": "/health", "rate": "200/s", "duration": "10s"}
    exclusive = True
    is_load = True
    is_watchable = True
    rows = "data"
    by_address = True

    def measures(self, params: LoadParams) -> Mapping[str, MeasureSpec]:
        return specs(params)

    def parts(self, params: LoadParams) -> frozenset[str]:
        return frozenset(parts_of(params.units, mixed=params.mix is not None))

    def own_names(self, tree: Mapping[str, Any], root: Path) -> frozenset[str]:
        return columns_written(tree.get("data"), root)

    def defaults(self, params: LoadParams) -> tuple[str, ...]:
        achieved = ("achieved_rate >= 95%",) if params.is_open else ()
        completed = () if params.abort_on is None else ("completed == 100%",)
        return ("success_rate >= 99%", *achieved, *completed)

    def samples(self, params: LoadParams) -> int | None:
        return params.profile.total if params.is_open else None

    def duration(self, params: LoadParams) -> float | None:
        return params.profile.duration

    def amounts(self, params: LoadParams, *, accompanies: bool) -> Mapping[str, Amount]:
        profile = params.profile
        asked = {"duration": Amount(value=profile.duration, dimension=Dimension.TIME)}
        if params.is_open:
            asked["rate"] = Amount(value=profile.peak, dimension=Dimension.RATE)
            asked["connections at most"] = Amount(value=params.most_connections, more=None)
        else:
            asked["connections"] = Amount(value=profile.peak)
        # Ramps and stages: duration and peak alone would not tell a plateau from a spike.
        fullness = profile.area / (profile.peak * profile.duration)
        asked["mean level, of the highest"] = Amount(value=round(fullness, 9), dimension=Dimension.SHARE)
        if params.until is not None:
            asked["at_least"] = Amount(value=params.at_least, dimension=Dimension.TIME)
        return asked

    def requirements(self, params: LoadParams) -> tuple[Requirement, ...]:
        return (_HTTP2,) if params.is_http2 else ()

    def until_decided(self, params: LoadParams) -> bool:
        return params.until is not None

    def summary(self, params: LoadParams) -> Message:
        until = params.until is not None
        return fact(Code.LOAD, what=_unit_of(params), level=_level(params), most=until)

    def targets(self, params: LoadParams) -> tuple[str, ...]:
        if params.units:
            return tuple(dict.fromkeys(target for unit in params.units for target in unit.targets))
        return (params.url or "/",)

    async def observe(self, params: LoadParams, world: World) -> Observation:
        guard = None if params.abort_on is None else AbortRule(params.abort_on, workers=params.workers)
        job, outcome = await _generate(params, world, guard)
        measures, parts = measures_of(params, outcome), measures_by_part(outcome)
        absent: dict[tuple[str, str], Message] = {
            ("", name): _held_up(outcome) for name in held_up_measures(outcome) if name in measures
        }
        if outcome.late:
            why = _lateness(outcome, params.workers)
            absent = {(part, name): why for part, found in {"": measures, **parts}.items() for name in found}
            measures, parts = {}, {name: {} for name in parts}
        measures = {name: one for name, one in measures.items() if ("", name) not in absent}
        return Observation(
            measures=measures,
            parts=parts,
            absent=absent,
            evidence=_evidence(params, job, outcome, world),
            notes=_notes(params, outcome),
            causes=dict(sorted(outcome.tally.causes.items(), key=lambda item: -item[1])),
            timeline=series(outcome.bins),
            timeline_from=outcome.began,
        )


_HTTP2 = Requirement(
    program="python",
    arguments=("-c", "import ngh2"),
    install=f"{sys.executable} -m pip install 'phasegate[http2]'",
    label="ngh2, for HTTP/2,",
)


def _unit_of(params: LoadParams) -> Message:
    """What is sent again and again."""
    if params.mix is not None:
        return " + ".join(f"{unit.weight} x {unit.name or unit.url}" for unit in params.mix)
    if params.flow is not None:
        return fact(Code.LOAD_FLOW, name=params.flow.chosen.id)
    return fact(
        Code.LOAD_REQUEST,
        method=params.method.upper(),
        url=params.url,
        http2=params.is_http2,
        follow=params.follow,
    )


def _level(params: LoadParams) -> Fact:
    if params.stages is not None:
        return summary_of(params.stages)
    return fact(
        Code.LOAD_LEVEL,
        level=params.most_connections if params.rate is None else Figure(params.rate, Dimension.RATE),
        streams=params.streams if params.streams != 1 else None,
        span=float(params.duration),
        ramp=float(params.ramp) or None,
    )


async def _generate(params: LoadParams, world: World, guard: AbortRule | None) -> tuple[Job, LoadOutcome]:
    at_least = params.at_least if params.until else 0.0 if world.watched else None
    if not params.units:
        job = request_job(params, world)
        return job, await generate(job, world, guard, at_least=at_least)
    mixed = params.mix is not None
    async with prepare_journeys(
        params.units, params.data, world, timeout=params.timeout, max_body=params.max_body, mixed=mixed
    ) as journeys:
        job = journeys_job(params, journeys, world)
        return job, await generate(job, world, guard, at_least=at_least)


def _held_up(outcome: LoadOutcome) -> Fact:
    return fact(Code.WORKER_HELD_UP, span=float(outcome.report.held_up))


def _lateness(outcome: LoadOutcome, workers: int) -> Fact:
    """Why nothing is proven where a worker began after the others."""
    late = (
        fact(Code.WORKER_LATE, worker=number + 1, workers=workers, span=float(seconds))
        for number, seconds in outcome.late.items()
    )
    return fact(Code.WORKERS_LATE, parts=tuple(late))


def _notes(params: LoadParams, outcome: LoadOutcome) -> tuple[Message, ...]:
    """What readers need beside the figures."""
    report, tally = outcome.report, outcome.tally
    notes: list[Message] = []
    if outcome.late:
        why = _lateness(outcome, params.workers)
        notes.append(fact(Code.ANSWERED_ALL_THE_SAME, of=why, n=tally.requests, failed=tally.failed))
    if outcome.stopped is not None:
        notes.append(
            fact(
                Code.LOAD_ABORTED if outcome.aborted else Code.LOAD_STOPPED,
                span=float(report.window),
                planned=float(params.profile.duration),
                why=outcome.stopped,
                unfinished=report.unfinished or None,
            )
        )
    silent = silent_seconds(outcome.bins, report.window)
    if silent and tally.good:
        code = Code.SILENT if params.is_open else Code.SILENT_AND_CLOSED
        notes.append(fact(code, least=float(round(silent)), span=float(report.window)))
    if report.busy >= _BUSY:
        busy = Figure(report.busy, Dimension.SHARE)
        notes.append(fact(Code.WORKER_BUSY, value=busy, workers=params.workers + 1))
    if outcome.held.requests or outcome.held.dropped:
        notes.append(fact(Code.NO_EVIDENCE_OF, of=_held_up(outcome)))
    elif report.lag >= _LAG:
        notes.append(fact(Code.LATENCIES_CONTAIN, of=fact(Code.WORKER_HELD_UP, span=float(report.lag))))
    notes += resend_note(report.sent_again)
    return tuple(notes)


def _evidence(params: LoadParams, job: Job, outcome: LoadOutcome, world: World) -> tuple[str, ...]:
    """The first failing exchanges, one file each."""
    if not outcome.report.examples:
        return ()
    same = "" if job.journeys else request_text(job).decode("utf-8", "replace")
    written = []
    for number, example in enumerate(outcome.report.examples, 1):
        answer = example.answer or "(no answer)"
        request = (same or example.request or "(not sent)")[:_REQUEST_KEPT]
        text = (
            f"{json_text(encode(example.cause))}\nafter {example.at:.3f} s of load\n\n"
            f"--- request\n{request}\n--- answer\n{answer}\n"
        ).replace("\r\n", "\n")
        written.append(world.evidence.write(f"failed-request-{number}.txt", text))
    return tuple(written)
