"""One rollout under way, against a target that does what the test says: all of it is put back, in reverse."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError, TargetError
from phasegate.gate.criterion import parse_criterion
from phasegate.model.criterion import PlanCriterion
from phasegate.model.events import FaultEnded, FaultStarted, FaultUndone
from phasegate.model.faults import Act, FaultResult, FaultStatus, PlanFault, fault_measures
from phasegate.model.measures import Distribution, Number, Share
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.part import Part
from phasegate.plan.written.faults import ProbeParams
from phasegate.render.sentences import sentence
from phasegate.runner.clock import RunClock
from phasegate.runner.deciding import Watch
from phasegate.runner.rollouts import run_rollout
from phasegate.runner.world import Parts, Stop
from phasegate.world import HttpReply, HttpRequest, Progress
from tests.gate.test_deciding import durations
from tests.runner.scripted import Stage
from tests.runner.test_faults import until
from tests.worlds import StaticAddresses

pytestmark = pytest.mark.paced


@dataclass
class Target:
    """Two entries, the second of two instances; every probe is good."""

    refuses: str = ""
    """An instance that cannot be replaced."""
    never_ready: str = ""
    stays: str = ""
    """An instance that cannot be put back."""
    never_back: str = ""
    """One that is not ready when it was put back."""
    ends: str = ""
    engine_goes: str = ""
    """An instance of which nobody can tell whether it is ready."""
    going_back: bool = False
    """Whether that is in the rollback."""
    breaks: bool = False
    takes: float = 0.01
    log: list[str] = field(default_factory=list)

    async def instances(self, fault: PlanFault) -> tuple[str, ...]:
        return ("a",) if fault.target == "a" else ("b-1", "b-2")

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        self.log.append(f"act {instance}")
        await asyncio.sleep(self.takes)
        self.log.append(f"acted {instance}")
        if self.breaks:
            raise RuntimeError("a defect")
        if instance == self.refuses:
            raise ObservationError("it is not there")

    async def undo(self, fault: PlanFault, instance: str = "") -> str:
        await asyncio.sleep(self.takes)
        self.log.append(f"undone {instance}")
        if instance == self.stays:
            raise ObservationError("the engine has gone")
        return ""

    async def settle(self, fault: PlanFault, instance: str) -> None:
        self.log.append(f"settled {instance}")

    async def ready(self, fault: PlanFault, instance: str) -> None:
        back = f"undone {instance}" in self.log
        if instance == (self.never_back if back else self.never_ready):
            await asyncio.sleep(fault.within)
            raise TargetError("it says 503")
        if instance == self.engine_goes and back is self.going_back:
            raise ObservationError("the engine has gone")
        await asyncio.sleep(self.takes)
        self.log.append(f"ready {instance}")

    async def trouble(self, fault: PlanFault, instance: str) -> str:
        return "it ended" if instance == self.ends else ""

    def client(self) -> AbstractAsyncContextManager[Target]:
        return nullcontext(self)

    @property
    def room(self) -> bool:
        return True

    async def send(self, request: HttpRequest) -> HttpReply:
        await asyncio.sleep(0)
        return HttpReply(status=200, headers=(), body=b"", elapsed=0.001, url=request.url)


BOUND = PlanCriterion(id="users.success_rate", criterion=parse_criterion("users.success_rate >= 90%"))
FORWARD = [
    "act a",
    "acted a",
    "ready a",
    "act b-1",
    "acted b-1",
    "ready b-1",
    "act b-2",
    "acted b-2",
    "ready b-2",
]
BACK = ["undone b-2", "ready b-2", "undone b-1", "ready b-1", "undone a", "ready a"]


def rollout(lasting: float | None = None, hold: float = 0.02, within: float = 0.3) -> Fault:
    asked = ProbeParams(url="/", every="10ms", timeout="500ms", within="5s")  # type: ignore[arg-type]
    return Fault(
        asked=PlanFault(
            id="roll",
            act=Act.ROLLOUT,
            target="a",
            further=("b",),
            check="users",
            due=0.02,
            lasting=lasting,
            env={"V": "2"},
            hold=hold,
            within=within,
        ),
        probe=Part(name="", params=asked),
        measures=fault_measures(Act.ROLLOUT),
    )


def parts(stage: Stage, target: Target) -> Parts:
    addresses = StaticAddresses({"shop": "http://shop"})
    return replace(stage.parts(), clock=RunClock(), http=target, faults=target, target=addresses)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Users:
    """A check that goes on: what it has seen grows, and is good until it is told otherwise."""

    def __init__(self) -> None:
        self.watch = Watch(criteria=(BOUND,))
        self.good = True
        self.asleep = False
        self._passed = self._total = 0

    async def go_on(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            if self.asleep:
                continue
            self._total += 10
            self._passed += 10 * self.good
            share = Share(passed=self._passed, total=self._total, sample=True)
            self.watch.look("users", "", Progress(measures={"success_rate": share}), 1.0)


async def through(
    stage: Stage, target: Target, fault: Fault, *, users: Users | None = None, over: str = "", whole: str = ""
) -> FaultResult:
    """`over`: what is in the log of the target when the check ends; `whole`: when the run is stopped."""
    users, run = users or Users(), Stop()
    ending = Stop(run)

    async def end() -> None:
        await until(lambda: (over or whole) in target.log)
        await asyncio.sleep(0.15)
        (ending if over else run).now("it is over")

    tasks = [asyncio.create_task(users.go_on()), asyncio.create_task(end())]
    try:
        return await run_rollout(fault, parts(stage, target), ending, users.watch)
    finally:
        for task in tasks:
            task.cancel()


async def test_rollout_goes_through_and_stays_until_its_check_has_ended(stage: Stage) -> None:
    target = Target()
    result = await through(stage, target, rollout(), over="ready b-2")
    assert target.log == [*FORWARD, "settled b-2", "settled b-1", "settled a"]
    assert (result.status, result.undone) == (FaultStatus.ROLLED_OUT, None)
    assert set(result.measures) == {"rolled_out", "rollout_time", "recovered", "lost_requests", "outage"}
    assert [type(event) for event in stage.events] == [FaultStarted, FaultEnded]


async def test_rollout_with_a_time_is_rolled_back_in_reverse(stage: Stage) -> None:
    target = Target()
    result = await through(stage, target, rollout(lasting=0.1), over="never")
    assert target.log == FORWARD + BACK
    assert result.status is FaultStatus.ROLLED_OUT
    assert set(result.measures) == set(fault_measures(Act.ROLLOUT))
    assert [sentence(note).partition(":")[0] for note in result.notes] == ["a", "b-1", "b-2"]
    assert [type(event) for event in stage.events] == [FaultStarted, FaultUndone, FaultEnded]


async def test_criterion_that_breaks_rolls_back_what_was_done_by_then(stage: Stage) -> None:
    users, target = Users(), Target()

    async def turn() -> None:
        await until(lambda: "ready b-1" in target.log)
        users.good = False

    task = asyncio.create_task(turn())
    result = await through(stage, target, rollout(hold=1.0), users=users, over="never")
    await task
    assert target.log == [*FORWARD[:6], *BACK[2:]]
    assert result.status is FaultStatus.ROLLED_BACK
    assert "with 2 of 3 on the other version, as users.success_rate >= 90% was not met: " in sentence(
        result.reason
    )
    assert result.measures["rolled_out"] == Share(passed=0, total=1, sample=False)
    times = [result.measures[name] for name in ("rollout_time", "rollback_time")]
    assert [isinstance(one, Number) and one.unended for one in times] == [True, False]


@pytest.mark.parametrize(
    ("target", "log", "said"),
    [
        (Target(never_ready="b-1"), [*FORWARD[:5], *BACK[2:]], "as b-1 was not ready: it says 503"),
        (Target(ends="a"), [*FORWARD[:3], *BACK[4:]], "as a did not go on: it ended"),
    ],
    ids=["not ready", "ends"],
)
async def test_instance_that_does_not_do_rolls_all_back(
    stage: Stage, target: Target, log: list[str], said: str
) -> None:
    result = await through(stage, target, rollout(hold=0.6), over="never")
    assert target.log == log
    assert result.status is FaultStatus.ROLLED_BACK
    assert said in sentence(result.reason)


async def test_instance_that_is_not_ready_again_is_not_recovered_and_the_others_go_on(stage: Stage) -> None:
    target = Target(never_ready="b-2", never_back="b-1")
    result = await through(stage, target, rollout(), over="never")
    assert [line for line in target.log if line.startswith("undone")] == [
        "undone b-2",
        "undone b-1",
        "undone a",
    ]
    assert result.status is FaultStatus.NOT_RECOVERED
    assert sentence(result.reason).endswith("b-1 was not ready again: it says 503")
    assert result.measures["recovered"] == Share(passed=0, total=1, sample=False)
    rollback = result.measures["rollback_time"]
    assert isinstance(rollback, Number)
    assert rollback.unended


async def test_rollback_that_fails_says_so_and_puts_the_others_back(stage: Stage) -> None:
    target = Target(never_ready="b-2", stays="b-1")
    result = await through(stage, target, rollout(), over="never")
    assert target.log[-1] == "undone a"
    assert result.status is FaultStatus.NOT_UNDONE
    assert "as b-2 was not ready: it says 503; it could not be undone: b-1: the engine" in sentence(
        result.reason
    )
    assert result.measures == {"rolled_out": Share(passed=0, total=1, sample=False)}


async def test_instance_that_cannot_be_replaced_proves_nothing(stage: Stage) -> None:
    target = Target(refuses="b-1")
    result = await through(stage, target, rollout(), over="never")
    assert target.log == [*FORWARD[:5], *BACK[2:]]
    assert (result.status, sentence(result.reason)) == (
        FaultStatus.NOT_DONE,
        "it could not be done: it is not there",
    )
    assert result.measures == {}


@pytest.mark.parametrize(
    ("going_back", "status"), [(False, FaultStatus.NOT_DONE), (True, FaultStatus.NOT_UNDONE)]
)
async def test_engine_that_goes_is_not_put_down_to_the_target(
    stage: Stage, going_back: bool, status: FaultStatus
) -> None:
    target = Target(engine_goes="b-1", going_back=going_back)
    result = await through(stage, target, rollout(lasting=0.1), over="never")
    assert (result.status, result.measures) == (status, {})
    assert "the engine has gone" in sentence(result.reason)
    assert target.log[-2 if not going_back else -1] == "undone a"


@pytest.mark.parametrize("moment", ["acted a", "ready b-1"])
async def test_check_that_ends_meanwhile_cuts_it_short(stage: Stage, moment: str) -> None:
    target = Target()
    result = await through(stage, target, rollout(hold=1.0, lasting=9), over=moment)
    assert result.status is FaultStatus.CUT_SHORT
    assert result.undone is not None
    assert sentence(result.reason).endswith("on the other version, as users had ended")
    undone = sum(line.startswith("undone") for line in target.log)
    assert undone == sum(line.startswith("acted") for line in target.log) >= 1


async def test_rollout_whose_judge_saw_nothing_of_it_proves_nothing_and_is_rolled_back(stage: Stage) -> None:
    users, target = Users(), Target()

    async def fall_asleep() -> None:
        await until(lambda: "ready b-1" in target.log)
        users.asleep = True

    task = asyncio.create_task(fall_asleep())
    result = await through(stage, target, rollout(hold=0.1), users=users, over="ready b-2")
    await task
    assert result.status is FaultStatus.CUT_SHORT
    assert "nothing was seen for users.success_rate >= 90% after the last" in sentence(result.reason)
    assert "undone a" in target.log


async def test_criterion_that_was_broken_before_is_not_put_down_to_it(stage: Stage) -> None:
    users, target = Users(), Target()
    users.good = False
    fault = rollout()
    late = replace(fault, asked=replace(fault.asked, due=0.3))
    result = await through(stage, target, late, users=users, over="never")
    assert target.log == []
    assert result.status is FaultStatus.NOT_DONE
    assert sentence(result.reason).startswith("before it began, users.success_rate >= 90% was not met: 0 of ")


async def test_stopped_run_puts_all_back_and_waits_for_nothing(stage: Stage) -> None:
    target = Target(never_back="b-1")
    result = await through(stage, target, rollout(hold=0.1, lasting=60, within=60), whole="ready b-2")
    assert [line for line in target.log if line.startswith("undone")] == [
        "undone b-2",
        "undone b-1",
        "undone a",
    ]
    assert result.status is FaultStatus.CUT_SHORT
    assert sentence(result.reason).endswith("as it is over")


@pytest.mark.parametrize(
    "moment", ["act a", "acted a", "ready a", "act b-1", "ready b-2", "undone b-2", "undone a"]
)
async def test_cancelled_rollout_is_rolled_back_first_whenever_it_comes(stage: Stage, moment: str) -> None:
    target = Target(takes=0.05)
    task = asyncio.create_task(through(stage, target, rollout(lasting=0.05), over="never"))
    await until(lambda: moment in target.log)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    done = [line.removeprefix("acted ") for line in target.log if line.startswith("acted")]
    assert [line for line in target.log if line.startswith("undone")] == [
        f"undone {one}" for one in done[::-1]
    ]
    (ended,) = stage.told(FaultEnded)
    assert ended.fault.status is FaultStatus.CUT_SHORT


async def test_defect_meanwhile_is_told_after_the_rollback(stage: Stage) -> None:
    target = Target(breaks=True)
    with pytest.raises(RuntimeError, match="a defect"):
        await through(stage, target, rollout(), over="never")
    assert target.log == ["act a", "acted a", "undone a"]


def test_watch_looks_at_the_part_and_the_check_of_a_criterion_alone() -> None:
    part = PlanCriterion(id="p", criterion=parse_criterion("users/a.latency.p95 < 100ms"))
    watch = Watch(criteria=(BOUND, part))
    bad: dict[str, Share | Distribution] = {
        "success_rate": Share(passed=0, total=99, sample=True),
        "latency": durations(0, slow=99),
    }
    watch.look("others", "", Progress(measures=bad), 1.0)
    assert (watch.broken, watch.seen) == (None, {})
    watch.look("users", "a", Progress(measures=bad), 1.0)
    assert watch.broken is not None
    assert watch.broken[0] is part
    watch.look("users", "", Progress(measures=bad), 2.0)
    assert watch.broken[0] is part
    assert watch.seen == {"p": 99, "users.success_rate": 99}


def test_watch_waits_for_the_span_that_a_criterion_asks_for() -> None:
    watch = Watch(criteria=(replace(BOUND, over=10.0),))
    for span, broken in ((9.0, False), (10.0, True)):
        share = Share(passed=0, total=99, sample=True, span=span)
        watch.look("users", "", Progress(measures={"success_rate": share}), 1.0)
        assert (watch.broken is not None) is broken


async def test_fault_that_is_due_while_its_entry_is_rolled_out_is_not_done_to_the_other_version(
    stage: Stage,
) -> None:
    target, users, ending = Target(), Users(), Stop(Stop())
    together, first = parts(stage, target), rollout(lasting=0.3)
    of_one = replace(first.asked, id="again", target="b", further=())
    going = [
        asyncio.create_task(users.go_on()),
        asyncio.create_task(run_rollout(first, together, ending, users.watch)),
    ]
    await until(lambda: "ready a" in target.log)
    second = await run_rollout(replace(first, asked=of_one), together, ending, Users().watch)
    assert (second.status, second.started) == (FaultStatus.NOT_DONE, None)
    assert sentence(second.reason) == "b was still in fault roll when it was due"
    assert (await going[1]).status is FaultStatus.ROLLED_OUT
    assert (target.log, together.in_fault) == (FORWARD + BACK, {})
    going[0].cancel()
