"""Containers: is everything there that should be, does it run, and does anything prove that it is healthy?"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, encode, fact
from phasegate.base.units import Dimension
from phasegate.kinds.base import CheckParams, Kind, Requirement, stopped_early
from phasegate.kinds.containers.cases import ContainerStack, cases_of, count_matches, measures_of, speaks_of
from phasegate.kinds.containers.logs import search_logs
from phasegate.kinds.containers.params import MEASURES, ContainersParams
from phasegate.kinds.engine import ENGINE
from phasegate.kinds.healthchecks.healthcheck import check_line, why_it_proves_nothing
from phasegate.model.cases import select_cases, with_earlier
from phasegate.model.containers import Container, ContainerState, Image
from phasegate.model.measures import Measure, MeasureSpec
from phasegate.model.observation import Case, CaseStatus, Observation, census, census_by_part
from phasegate.world import Containers, Progress, World, sure_wall


class ContainersKind(Kind[ContainersParams]):
    name: ClassVar[str] = "containers"
    Params: ClassVar[type[CheckParams]] = ContainersParams
    example: ClassVar[Mapping[str, Any]] = {
        "expect": ["controller", "postgres", "migrate"],
        "exit_codes": {"migrate": 0},
        "logs": [{"must_not": "panic|FATAL"}, {"service": "controller", "must": "listening on"}],
    }
    has_cases: ClassVar[bool] = True
    of_containers: ClassVar[bool] = True
    sees_broken: ClassVar[bool] = True

    def measures(self, params: ContainersParams) -> Mapping[str, MeasureSpec]:
        share = MeasureSpec.census("cases passed")
        found = {"pass_rate": share}
        found |= {name: MeasureSpec.amount(about) for name, about in MEASURES.items()}
        found["youngest"] = MeasureSpec.amount("since the last start of a running container", Dimension.TIME)
        found["oldest"] = MeasureSpec.amount("since the first start of a running container", Dimension.TIME)
        for rule in params.logs:
            if rule.name:
                found[rule.name] = MeasureSpec.amount(f"lines that match {rule.pattern!r}")
        return found

    def defaults(self, params: ContainersParams) -> tuple[str, ...]:
        return ("pass_rate == 100%", "restarts == 0", "oom_killed == 0")

    def parts(self, params: ContainersParams) -> frozenset[str] | None:
        return None

    def services(self, params: ContainersParams) -> tuple[str, ...]:
        return params.named

    def exit_codes(self, params: ContainersParams) -> Mapping[str, tuple[int, ...]]:
        return params.exit_codes

    def requirements(self, params: ContainersParams) -> tuple[Requirement, ...]:
        return ENGINE

    def summary(self, params: ContainersParams) -> Message:
        expect, rules = params.expect, len(params.logs) or None
        if expect is None or isinstance(expect, int):
            return fact(Code.OF_CONTAINERS, n=expect, rules=rules)
        return fact(Code.OF_CONTAINERS, n=len(expect), by_name=True, rules=rules)

    async def observe(self, params: ContainersParams, world: World) -> Observation:
        containers = await world.containers.all()
        stopped = await world.progress(Progress(text=f"{len(containers):,} containers"))
        if stopped:
            return Observation(notes=(stopped_early(stopped),))
        stack = ContainerStack(
            params=params,
            containers=containers,
            declared=world.containers.services,
            at=sure_wall(world.clock),
        )
        images = await _images(containers, world.containers)
        stack = replace(
            stack,
            printed=await search_logs(stack, world.containers, timeout=params.timeout),
            killed=await _find_killed(stack, world.containers),
        )
        evidence = world.evidence.write(
            "containers.json", json.dumps(_container_rows(containers, images, stack.killed), indent=2)
        )
        cases = select_cases(cases_of(stack), world.cases)
        if not cases:
            raise ObservationError(fact(Code.NO_CASE_NAMED, names=world.cases))
        cases = with_earlier(cases, world.earlier)
        await world.progress(Progress(cases=cases))
        return Observation(
            measures=_measures(stack, cases),
            parts=_parts(stack, cases),
            cases=cases,
            evidence=(evidence,),
            notes=tuple(_notes(stack, images)),
            causes=Counter(case.message for case in cases if case.status is CaseStatus.FAILED),
        )


def _measures(stack: ContainerStack, cases: Sequence[Case]) -> dict[str, Measure]:
    everything = [one for group in stack.looked_at.values() for one in group]
    missing = any(service not in stack.looked_at for service in stack.expected)
    of_all = measures_of(stack, everything, missing=missing)
    found: dict[str, Measure] = {"pass_rate": census(cases), **of_all}
    for number, rule in enumerate(stack.params.logs):
        if rule.name:
            found[rule.name] = count_matches(stack, number, speaks_of(stack, rule))
    return found


def _parts(stack: ContainerStack, cases: Sequence[Case]) -> dict[str, Mapping[str, Measure]]:
    found: dict[str, Mapping[str, Measure]] = {}
    for service, share in census_by_part(cases).items():
        measures: dict[str, Measure] = {"pass_rate": share}
        if containers := stack.looked_at.get(service):
            measures |= measures_of(stack, containers)
        for number, rule in enumerate(stack.params.logs):
            if rule.name and service in speaks_of(stack, rule):
                measures[rule.name] = count_matches(stack, number, [service])
        found[service] = measures
    return found


async def _find_killed(stack: ContainerStack, reach: Containers) -> dict[str, bool]:
    """Whether a process of a container was killed for lack of memory, by id; left out where nobody knows.

    Its engine knows only of those that have ended.
    """
    alive = (ContainerState.RUNNING, ContainerState.PAUSED)
    living = [one for group in stack.looked_at.values() for one in group if one.state in alive]
    living = [one for one in living if not one.oom_killed]
    kills = await reach.memory_kills(living)
    ended = [one for one in stack.containers if one not in living]
    return {one.id: one.oom_killed for one in ended} | {id: number > 0 for id, number in kills.items()}


async def _images(containers: Sequence[Container], reach: Containers) -> Mapping[str, Image]:
    """The images that run, by id, and what their names mean by now, by name.

    Errors: ObservationError when an image that runs cannot be looked at.
    """
    found: dict[str, Image] = {}

    async def look(reference: str) -> None:
        # A name may be gone, or mean another image by now; what runs is told by its id.
        try:
            found[reference] = await reach.image(reference)
        except ObservationError:
            if reference in running:
                raise

    running = {one.image_id for one in containers}
    async with asyncio.TaskGroup() as group:
        for reference in running | {one.image for one in containers}:
            group.create_task(look(reference))
    return found


def _notes(stack: ContainerStack, images: Mapping[str, Image]) -> list[Fact]:
    notes = [] if stack.at is not None else [fact(Code.AGE_UNKNOWN)]
    if stack.params.healthy is not None:
        silent = [name for name in stack.looked_at if stack.goes_on(name) and not stack.asks_health(name)]
        if silent:
            notes.append(fact(Code.HEALTH_NOT_ASKED, names=tuple(silent)))
    if stack.params.unexpected == "allow":
        strange = sorted({one.service for one in stack.containers} - set(stack.looked_at))
        if strange:
            notes.append(fact(Code.NOT_LOOKED_AT, names=tuple(strange)))
    unknown = [one.name for group in stack.looked_at.values() for one in group if one.id not in stack.killed]
    if unknown:
        notes.append(fact(Code.KILLS_UNKNOWN, names=tuple(unknown)))
    for one in stack.containers:
        named = images.get(one.image)
        if named is not None and named.id != one.image_id:
            notes.append(
                fact(
                    Code.OTHER_IMAGE, container=one.name, found=one.image_id, image=one.image, right=named.id
                )
            )
    return notes


def _container_rows(
    containers: Sequence[Container], images: Mapping[str, Image], killed: Mapping[str, bool]
) -> list[dict[str, Any]]:
    """What was seen of each container, images as they really run."""
    return [
        {
            "service": one.service,
            "name": one.name,
            "id": one.id,
            "image": one.image,
            "image_id": one.image_id,
            "digests": list(images[one.image_id].digests) if one.image_id in images else [],
            "state": one.state,
            "health": one.health,
            "healthcheck": check_line(one.healthcheck) if one.healthcheck else None,
            "proves_nothing": encode(why_it_proves_nothing(one.healthcheck)),
            "health_output": one.health_output,
            "exit_code": one.exit_code,
            "oom_killed": killed.get(one.id),
            "restarts": one.restarts,
            "error": one.error,
            "created": one.created.isoformat(),
            "started": one.started.isoformat() if one.started else None,
            "finished": one.finished.isoformat() if one.finished else None,
            "user": one.user,
            "restart_policy": one.restart_policy,
            "ports": [f"{port.number}/{port.protocol}" for port in one.ports],
        }
        for one in containers
    ]
