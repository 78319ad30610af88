"""A check kind for phasegate: what waits in a spool folder, topic by topic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from phasegate.base.errors import ObservationError
from phasegate.base.fields import AnyPath, Duration
from phasegate.base.marks import Demand
from phasegate.base.units import Dimension
from phasegate.kinds.base import CheckParams, Kind, stopped_early
from phasegate.model.measures import Chart, Gauge, Measure, MeasureSpec, MeasureType
from phasegate.model.observation import Case, CaseStatus, Observation, Series, census, census_by_part
from phasegate.world import Progress, World


class SpoolParams(CheckParams):
    folder: AnyPath
    """The spool: a folder for each topic, and a file for each job that waits."""
    topics: Annotated[tuple[str, ...], Field(min_length=1), Demand.MUST_BE]
    """The topics that must be there, none with a failed job."""
    looks: Annotated[int, Field(ge=1), Demand.MORE] = 3
    """How often it is looked at."""
    every: Annotated[Duration, Demand.SHOWN] = 0.1
    """Time from one look to the next."""


class Spool(Kind[SpoolParams]):
    name: ClassVar[str] = "spool"
    about: ClassVar[str] = "a spool folder: its topics, and how many jobs wait in it"
    Params: ClassVar[type[CheckParams]] = SpoolParams
    example: ClassVar[Mapping[str, Any]] = {"folder": "jobs", "topics": ["mail", "print"]}
    has_cases: ClassVar[bool] = True

    def measures(self, params: SpoolParams) -> Mapping[str, MeasureSpec]:
        return {
            "pass_rate": MeasureSpec(
                type=MeasureType.CENSUS, dimension=Dimension.SHARE, about="topics without a failed job"
            ),
            "waiting": MeasureSpec(
                type=MeasureType.GAUGE,
                dimension=Dimension.COUNT,
                about="jobs that wait",
                lowest=0,
                chart=Chart(title="Jobs that wait", series=("waiting",)),
            ),
        }

    def defaults(self, params: SpoolParams) -> tuple[str, ...]:
        return ("pass_rate == 100%",)

    def parts(self, params: SpoolParams) -> frozenset[str] | None:
        return frozenset(params.topics)

    def duration(self, params: SpoolParams) -> float | None:
        return params.every * (params.looks - 1)

    def summary(self, params: SpoolParams) -> str:
        return f"{', '.join(params.topics)}, looked at {params.looks} times"

    async def observe(self, params: SpoolParams, world: World) -> Observation:
        begun, gauge = world.clock.now(), Gauge()
        points: list[tuple[float, float | None]] = []
        stopped = None
        for number in range(params.looks):
            if number:
                await world.clock.sleep(params.every)
            after, waiting = world.clock.now() - begun, sum(len(jobs) for jobs in _jobs(params).values())
            gauge = gauge.and_then(waiting, span=after)
            points.append((round(after, 3), float(waiting)))
            done = (number + 1) / params.looks
            stopped = await world.progress(Progress(done=done, text=f"{waiting} jobs wait"))
            if stopped:
                break
        jobs = _jobs(params)
        cases = tuple(_case(topic, jobs.get(topic)) for topic in params.topics)
        await world.progress(Progress(cases=cases))
        listing = "\n".join(f"{topic}/{name}" for topic, names in jobs.items() for name in names)
        measures: dict[str, Measure] = {"pass_rate": census(cases), "waiting": gauge}
        return Observation(
            measures=measures,
            parts={topic: {"pass_rate": share} for topic, share in census_by_part(cases).items()},
            cases=cases,
            evidence=(world.evidence.write("jobs.txt", listing + "\n"),),
            notes=(stopped_early(stopped),) if stopped else (),
            timeline=(Series(name="waiting", unit="", points=tuple(points)),),
        )


def _jobs(params: SpoolParams) -> dict[str, list[str]]:
    """Names of the files of each topic. Errors: ObservationError when the spool cannot be read."""
    try:
        folders = [one for one in sorted(Path(params.folder).iterdir()) if one.is_dir()]
        return {folder.name: sorted(file.name for file in folder.iterdir()) for folder in folders}
    except OSError as error:
        raise ObservationError(f"the spool cannot be read: {error.strerror}") from None


def _case(topic: str, jobs: list[str] | None) -> Case:
    failed = [name for name in jobs or () if name.endswith(".failed")]
    message = "there is no such topic" if jobs is None else ""
    if failed:
        message = f"expected no failed job, got {len(failed)}: {', '.join(failed)}"
    status = CaseStatus.FAILED if message else CaseStatus.PASSED
    return Case(id=topic, name=topic, part=topic, status=status, message=message)
