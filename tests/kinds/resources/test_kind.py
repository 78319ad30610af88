"""Resources of containers: when it looks, what it does when some end, and that it stops when told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judging import judge_attempt
from phasegate.kinds.resources.kind import LISTED, ResourcesKind, ResourcesParams
from phasegate.model.containers import Container, ContainerState, ContainerUsage, Limits
from phasegate.model.criterion import PlanCriterion
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Gauge, Number
from phasegate.model.observation import Observation
from phasegate.model.result import PlanCheck
from phasegate.render.sentences import sentence
from phasegate.targets.containers.reach import TargetContainers
from phasegate.world import Progress
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.judged import told
from tests.runner.scripted import StillClock
from tests.telling import in_english, raises
from tests.worlds import StaticAddresses, TemporaryEvidence, TestWorld

__all__ = ["nothing_left"]

BORN = datetime(2026, 1, 15, tzinfo=UTC)
MIB = 1 << 20
Life = Callable[[float], ContainerUsage | None]
Lives = Sequence[tuple[Container, Life]]


def container(service: str, **more: Any) -> Container:
    facts: dict[str, Any] = {
        "id": f"{service}-1",
        "name": service,
        "service": service,
        "image": "i",
        "image_id": "i",
        "state": ContainerState.RUNNING,
        "created": BORN,
        "started": BORN,
        "pid": 7,
    }
    return Container(**{**facts, **more})


def steady(at: float) -> ContainerUsage:
    """Half a core, 4 MiB, 100 B/s."""
    return ContainerUsage(cpu=at / 2, throttled=0.0, memory=4 * MIB, network_in=int(at * 100), pids=2)


@dataclass
class Stack:
    """Containers whose use is a function of time; one that gives None does not run then."""

    clock: StillClock
    lives: Lives
    listed: list[float] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)
    gone_at: float = float("inf")
    """When the engine itself goes."""
    hangs_at: float = float("inf")
    slow: Mapping[int, float] = field(default_factory=dict)
    """Seconds that a look by its number takes."""

    async def all(self) -> tuple[Container, ...]:
        if self.clock.at >= self.gone_at:
            raise ObservationError("the container engine stopped answering")
        self.listed.append(self.clock.at)
        return tuple(
            one if life(self.clock.at) else replace(one, state=ContainerState.EXITED)
            for one, life in self.lives
        )

    async def usage(self, containers: Sequence[Container]) -> Mapping[str, ContainerUsage]:
        if self.clock.at >= self.hangs_at:
            await asyncio.Event().wait()
        self.looked.append(self.clock.at)
        told = {
            one.id: used
            for one, life in self.lives
            if one in containers and (used := life(self.clock.at)) is not None
        }
        self.clock.at += self.slow.get(len(self.looked), 0.0)
        return told

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was not expected")


@dataclass
class Scene(TestWorld):
    ends: float = float("inf")
    """When what it accompanies has ended."""

    async def progress(self, progress: Progress) -> str | None:
        self.reports.append(progress)
        return "everything else has ended" if self.clock.now() >= self.ends else None


def scene(folder: Path, lives: Lives, *, ends: float | None = None, **stack: Any) -> Scene:
    clock = StillClock()
    world = Scene(
        http=None,  # type: ignore[arg-type]
        target=StaticAddresses(),
        evidence=TemporaryEvidence(folder / "evidence"),
        root=folder,
        clock=clock,
        containers=Stack(clock, lives, **stack),
        accompanies=ends is not None,
    )
    return world if ends is None else replace(world, ends=ends)


async def observe(world: Scene, **written: Any) -> Observation:
    return in_english(await ResourcesKind().observe(ResourcesParams.model_validate(written), world))


def stack_of(world: Scene) -> Stack:
    assert isinstance(world.containers, Stack)
    return world.containers


def gauge(observation: Observation, name: str, part: str = "") -> Gauge:
    measure = (observation.parts[part] if part else observation.measures)[name]
    assert isinstance(measure, Gauge)
    return measure


def judged(observation: Observation, text: str) -> tuple[CriterionVerdict, str]:
    parsed = parse_criterion(text)
    check = PlanCheck(id="res", kind="resources")
    found = told(judge_attempt(PlanCriterion(id=parsed.id, criterion=parsed), check, observation))
    return found.verdict, found.message


async def test_it_looks_at_intervals_until_the_other_check_has_ended(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady), (container("db"), steady)], ends=5.0)
    observation = await observe(world)
    assert stack_of(world).looked == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.01)
    assert gauge(observation, "cpu").mean == pytest.approx(1.0)
    assert gauge(observation, "cpu", "api").mean == pytest.approx(0.5)
    assert gauge(observation, "memory").maximum == 8 * MIB
    assert observation.measures["samples"] == Number(value=6)
    assert (observation.error, observation.notes) == (None, ())
    assert "api.cpu" in {series.name for series in observation.timeline}


async def test_alone_it_goes_on_for_its_duration(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)])
    observation = await observe(world, every="500ms", duration="2s")
    assert stack_of(world).looked == pytest.approx([0, 0.5, 1, 1.5, 2], abs=0.01)
    assert gauge(observation, "memory", "api").span == pytest.approx(2.0)
    assert world.reports[-1].done == 1.0


async def test_the_live_view_is_told_what_is_used(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=3.0)
    await observe(world)
    assert world.reports[-1].text == "1 service, CPU 50%, memory 4 MiB"
    assert world.reports[-1].done is None


async def test_only_the_services_asked_for_are_looked_at(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady), (container("db"), steady)], ends=3.0)
    observation = await observe(world, services=["db"])
    assert set(observation.parts) == {"db"}
    assert gauge(observation, "memory").maximum == 4 * MIB


async def test_a_look_that_took_long_moves_the_next_and_is_not_made_up_for(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=6.0, slow={2: 2.9})
    observation = await observe(world)
    assert stack_of(world).looked == pytest.approx([0, 1, 4, 5, 6], abs=0.21)
    assert gauge(observation, "cpu").samples == 4


async def test_one_that_ended_is_not_looked_at_and_comes_back_when_it_does(tmp_path: Path) -> None:
    first = container("api")
    second = replace(first, id="api-2", started=BORN + timedelta(seconds=5))
    world = scene(
        tmp_path,
        [
            (first, lambda at: steady(at) if at < 2.5 else None),
            (second, lambda at: steady(at - 4.5) if at >= 4.5 else None),
            (container("db"), steady),
        ],
        ends=10.0,
    )
    observation = await observe(world)
    cpu = gauge(observation, "cpu", "api")
    assert cpu.minimum == pytest.approx(0.5)
    assert cpu.maximum == pytest.approx(0.5)
    assert 5 <= cpu.samples <= 8
    assert gauge(observation, "cpu", "db").samples == 10
    assert observation.notes == (
        "a container of api ended, or was started again, 1 time; what it used in between is not counted",
    )
    points = next(series.points for series in observation.timeline if series.name == "api.memory")
    assert None in [value for _, value in points]


async def test_the_engine_is_asked_seldom_who_runs_while_nobody_is_lost(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=100.0)
    await observe(world)
    listed = stack_of(world).listed
    assert len(listed) <= 4 + 100 / LISTED
    assert len(stack_of(world).looked) == 101


async def test_one_that_comes_later_is_found(tmp_path: Path) -> None:
    late: Life = lambda at: steady(at) if at > 20 else None  # noqa: E731
    world = scene(tmp_path, [(container("api"), steady), (container("late"), late)], ends=60.0)
    observation = await observe(world)
    assert gauge(observation, "memory", "late").samples >= 60 - 20 - LISTED - 1


async def test_a_service_that_is_not_there_is_no_data(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=5.0)
    observation = await observe(world, services=["api", "db"])
    verdict, message = judged(observation, "res/db.memory.max < 1GiB")
    assert (verdict, message) == (CriterionVerdict.UNPROVEN, "no data: no container of db was seen running")
    assert judged(observation, "res.memory.max < 1GiB")[0] is CriterionVerdict.UNPROVEN
    assert judged(observation, "res.samples >= 2")[0] is CriterionVerdict.UNPROVEN
    assert judged(observation, "res/api.memory.max < 1GiB")[0] is CriterionVerdict.MET
    assert observation.notes == ("no container of db was seen running",)
    unasked = await observe(scene(tmp_path, [(container("api"), steady)], ends=5.0))
    assert "no part 'db' was seen" in judged(unasked, "res/db.memory.max < 1GiB")[1]


async def test_fewer_than_two_samples_prove_nothing(tmp_path: Path) -> None:
    observation = await observe(scene(tmp_path, [(container("api"), steady)], ends=0.0))
    for text in ("res.samples >= 2", "res/api.memory.max < 1GiB", "res.cpu.mean < 80%"):
        assert judged(observation, text)[0] is CriterionVerdict.UNPROVEN, text


async def test_a_share_of_a_limit_that_is_not_there_is_unproven_and_says_whose(tmp_path: Path) -> None:
    limited = container("api", limits=Limits(memory=16 * MIB))
    observation = await observe(scene(tmp_path, [(limited, steady), (container("db"), steady)], ends=5.0))
    assert judged(observation, "res/api.memory_share.max < 50%")[0] is CriterionVerdict.MET
    assert judged(observation, "res/api.memory_share.max < 20%")[0] is CriterionVerdict.NOT_MET
    assert judged(observation, "res/db.memory_share.max < 50%") == (
        CriterionVerdict.UNPROVEN,
        "no data: db has no memory limit",
    )
    assert judged(observation, "res.memory_share.max < 50%")[0] is CriterionVerdict.UNPROVEN


async def test_nothing_that_runs_is_no_data(tmp_path: Path) -> None:
    observation = await observe(scene(tmp_path, [(container("api"), lambda at: None)], ends=5.0))
    assert observation.measures == {}
    assert judged(observation, "res.samples >= 2") == (
        CriterionVerdict.UNPROVEN,
        "no data: no container was seen running",
    )


async def test_an_engine_that_goes_ends_it_with_what_was_seen(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=60.0, gone_at=20.0)
    observation = await observe(world)
    assert observation.error == "the container engine stopped answering"
    assert gauge(observation, "memory").samples > 10


async def test_a_look_that_does_not_end_ends_the_check(tmp_path: Path) -> None:
    world = scene(tmp_path, [(container("api"), steady)], ends=60.0, hangs_at=20.0)
    observation = await observe(world, timeout="50ms")
    assert observation.error == "no sample of the containers was complete within 50 ms"
    assert gauge(observation, "memory").samples > 10


async def test_an_engine_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    with raises(ObservationError, match="stopped answering"):
        await observe(scene(tmp_path, [(container("api"), steady)], ends=60.0, gone_at=0.0))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"every": "2s", "duration": "1s"}, "nothing is looked at twice"),
        ({"every": "10ms"}, "greater than or equal to 0.1"),
        ({"services": ["a", "a"]}, "a service is named twice"),
    ],
)
def test_what_could_never_prove_anything_is_refused(written: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ResourcesParams.model_validate(written)


def test_looking_less_often_asks_for_a_longer_look() -> None:
    params, kind = ResourcesParams.model_validate({"every": "5s"}), ResourcesKind()
    assert kind.amounts(params, accompanies=False)["duration"].value == 50.0
    assert not kind.amounts(params, accompanies=True)


def test_it_is_summed_up_in_a_few_words() -> None:
    kind = ResourcesKind()
    assert sentence(kind.summary(ResourcesParams())) == "what all services use, every 1 s"
    assert (
        sentence(kind.summary(ResourcesParams.model_validate({"services": ["api"], "every": "500ms"})))
        == "what api use, every 500 ms"
    )
    ResourcesParams.model_validate(dict(kind.example))


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.engine
@ENGINE[1]
async def test_a_real_stack_is_held_to_its_limits_while_one_of_it_is_started_again(tmp_path: Path) -> None:
    image = busybox('CMD ["sleep", "600"]')
    name = own("limited")
    made = {
        service: client().containers.run(
            image,
            ["sh", "-c", "while :; do :; done"] if service == "busy" else ["sleep", "600"],
            labels={"phasegate.t": name, "com.docker.compose.service": service},
            detach=True,
            stop_signal="SIGKILL",
            **limits,
        )
        for service, limits in (("busy", {"nano_cpus": 200_000_000, "mem_limit": "64m"}), ("idle", {}))
    }
    reached = TargetContainers(os.environ)
    reached.are(f"phasegate.t={name}")
    world = TestWorld(
        http=None,  # type: ignore[arg-type]
        target=StaticAddresses(),
        evidence=TemporaryEvidence(tmp_path / "evidence"),
        root=tmp_path,
        containers=reached,
        accompanies=True,
    )
    try:
        looking = asyncio.create_task(
            ResourcesKind().observe(ResourcesParams.model_validate({"every": "200ms"}), world)
        )
        await asyncio.sleep(1.5)
        await asyncio.to_thread(made["busy"].stop, timeout=0)
        await asyncio.sleep(1)  # long enough for several looks
        await asyncio.to_thread(made["busy"].start)
        await asyncio.sleep(1.5)
        world.stop("everything else has ended")
        observation = in_english(await looking)
    finally:
        reached.close()
        for one in made.values():
            one.remove(force=True)
    cpu = gauge(observation, "cpu", "busy")
    assert cpu.samples >= FEWEST_OF_REAL
    assert cpu.minimum is not None
    assert cpu.minimum >= 0
    assert 0.02 < (cpu.mean or 0) < 0.6
    assert (gauge(observation, "throttled", "busy").maximum or 0) > 0.05
    assert (gauge(observation, "cpu", "idle").maximum or 0) < 0.1
    assert judged(observation, "res/busy.memory.max < 64MiB")[0] is CriterionVerdict.MET
    assert judged(observation, "res/busy.memory.max < 10kB")[0] is CriterionVerdict.NOT_MET
    assert judged(observation, "res/busy.memory_share.max < 100%")[0] is CriterionVerdict.MET
    assert judged(observation, "res/idle.memory_share.max < 100%") == (
        CriterionVerdict.UNPROVEN,
        "no data: idle has no memory limit",
    )
    assert [note for note in observation.notes if note.startswith("a container of busy ended")]
    assert observation.error is None


FEWEST_OF_REAL = 4
"""Of some fifteen looks, on a busy machine."""
