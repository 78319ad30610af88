"""Load: requests at a rate (open model) or over connections (closed model), latencies that cannot lie."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from phasegate.base.units import Dimension, count, format_seconds, format_share, format_value
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
from phasegate.load.pace.stages import words
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
    about = "requests at a rate or over connections"
    Params = LoadParams
    example: ClassVar[Mapping[str, Any]] = {"url": "/health", "rate": "200/s", "duration": "10s"}
    exclusive = True
    is_load = True
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

    def summary(self, params: LoadParams) -> str:
        return f"{_load_text(params)}, {_level(params)}{' at most' if params.until else ''}"

    def targets(self, params: LoadParams) -> tuple[str, ...]:
        if params.units:
            return tuple(dict.fromkeys(target for unit in params.units for target in unit.targets))
        return (params.url or "/",)

    async def observe(self, params: LoadParams, world: World) -> Observation:
        guard = None if params.abort_on is None else AbortRule(params.abort_on, workers=params.workers)
        job, outcome = await _generate(params, world, guard)
        measures, parts = measures_of(params, outcome), measures_by_part(outcome)
        why = f"a load worker was held up for {format_seconds(outcome.report.held_up)}"
        absent = {("", name): why for name in held_up_measures(outcome) if name in measures}
        measures = {name: one for name, one in measures.items() if ("", name) not in absent}
        if outcome.late:
            why = _lateness(outcome, params.workers)
            absent = {(part, name): why for part, found in {"": measures, **parts}.items() for name in found}
            measures, parts = {}, {name: {} for name in parts}
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


def _load_text(params: LoadParams) -> str:
    if params.mix is not None:
        return " + ".join(f"{unit.weight} x {unit.name or unit.url}" for unit in params.mix)
    if params.flow is not None:
        return f"flow {params.flow.chosen.id}"
    over = " over HTTP/2" if params.is_http2 else ""
    followed = " and its redirects" if params.follow else ""
    return f"{params.method.upper()} {params.url}{over}{followed}"


def _level(params: LoadParams) -> str:
    if params.stages is not None:
        return words(params.stages)
    level = (
        format_value(params.rate, Dimension.RATE)
        if params.rate is not None
        else count(params.most_connections, "connection")
    )
    if params.streams is not None and params.streams > 1:
        level += (
            f" x {params.streams} streams"
            if params.rate is None
            else f", {params.streams} streams a connection"
        )
    ramp = f", ramp {format_seconds(params.ramp)}" if params.ramp else ""
    return f"{level} for {format_seconds(params.duration)}{ramp}"


async def _generate(params: LoadParams, world: World, guard: AbortRule | None) -> tuple[Job, LoadOutcome]:
    at_least = params.at_least if params.until else None
    if not params.units:
        job = request_job(params, world)
        return job, await generate(job, world, guard, at_least=at_least)
    mixed = params.mix is not None
    async with prepare_journeys(
        params.units, params.data, world, timeout=params.timeout, max_body=params.max_body, mixed=mixed
    ) as journeys:
        job = journeys_job(params, journeys, world)
        return job, await generate(job, world, guard, at_least=at_least)


def _lateness(outcome: LoadOutcome, workers: int) -> str:
    """Why nothing is proven where a worker began after the others."""
    named = " and ".join(
        f"load worker {number + 1} of {workers} began {format_seconds(seconds)} late"
        for number, seconds in outcome.late.items()
    )
    return f"{named}, so the load was not what the plan asks for"


def _notes(params: LoadParams, outcome: LoadOutcome) -> tuple[str, ...]:
    """What readers need beside the figures."""
    report, notes = outcome.report, []
    if outcome.late:
        tally = outcome.tally
        notes.append(
            f"{_lateness(outcome, params.workers)}; {tally.requests:,} requests were answered or failed all "
            f"the same, {tally.failed:,} of them failed"
        )
    if outcome.stopped is not None:
        left = f"; {report.unfinished:,} unfinished requests are not counted" if report.unfinished else ""
        how = "aborted" if outcome.aborted else "stopped"
        ran, planned = format_seconds(report.window), format_seconds(params.profile.duration)
        notes.append(f"{how} after {ran} of {planned}: {outcome.stopped}{left}")
    silent = silent_seconds(outcome.bins, report.window)
    if silent and outcome.tally.good:
        closed = "; the closed model sends less while a target fails, so success_rate understates it"
        notes.append(
            f"no good answer came in {format_seconds(round(silent))} of {format_seconds(report.window)}"
            f"{'' if params.is_open else closed}"
        )
    if report.busy >= _BUSY:
        notes.append(
            f"a load worker was busy {format_share(report.busy)} of the time: it may bound the throughput, "
            f"and add to latencies; workers: {params.workers + 1} would share the work"
        )
    if outcome.held.requests or outcome.held.dropped:
        notes.append(
            f"a load worker was held up for {format_seconds(report.held_up)}: what was slow or failed then is"
            " no evidence"
        )
    elif report.lag >= _LAG:
        notes.append(f"a load worker was held up for {format_seconds(report.lag)}: latencies contain that")
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
            f"{example.cause}\nafter {example.at:.3f} s of load\n\n"
            f"--- request\n{request}\n--- answer\n{answer}\n"
        ).replace("\r\n", "\n")
        written.append(world.evidence.write(f"failed-request-{number}.txt", text))
    return tuple(written)
