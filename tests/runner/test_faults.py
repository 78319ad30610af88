"""One fault under way, against a target that does what the test says: what is told, and that it is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from phasegate.base.errors import ObservationError
from phasegate.model.events import FaultEnded, FaultStarted, FaultUndone
from phasegate.model.faults import Act, FaultResult, FaultStatus, PlanFault, fault_measures
from phasegate.model.measures import Number, Share
from phasegate.model.result import RunResult
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.part import Part
from phasegate.plan.written.faults import ProbeParams
from phasegate.render.sentences import sentence
from phasegate.render.standing import standing
from phasegate.runner.clock import RunClock
from phasegate.runner.faults import run_fault, to_its_end
from phasegate.runner.world import Parts, Stop
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest
from tests.runner.scripted import Stage
from tests.samples import passing_run
from tests.virtual_time import SimulatedClock, run_simulated
from tests.worlds import StaticAddresses

pytestmark = pytest.mark.paced


@dataclass
class Target:
    """Acts take no time, or as long as they are told; the probe is good while nothing is on."""

    refuses: str = ""
    stays: str = ""
    """Why it cannot be undone."""
    takes: float = 0.0
    breaks: bool = False
    comes_back: bool = True
    room: bool = True
    log: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return "act" not in self.log or (self.comes_back and "undone" in self.log)

    async def act(self, fault: Fault) -> None:
        self.log.append("act")
        await asyncio.sleep(self.takes)
        self.log.append("acted")
        if self.breaks:
            raise RuntimeError("a defect")
        if self.refuses:
            raise ObservationError(self.refuses)

    async def undo(self, fault: Fault) -> str:
        await asyncio.sleep(self.takes)
        if self.stays:
            raise ObservationError(self.stays)
        self.log.append("undone")
        return "with a note"

    def client(self) -> AbstractAsyncContextManager[Target]:
        return nullcontext(self)

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        await asyncio.sleep(0)
        if self.good:
            return HttpReply(status=200, headers=(), body=b"", elapsed=0.001, url=request.url)
        return HttpFailure(cause=Cause.REFUSED, message="connection refused", elapsed=0.001)


def fault(
    act: Act = Act.PAUSE, *, due: float = 0.02, lasting: float | None = 0.05, within: float = 5.0
) -> Fault:
    asked = ProbeParams(url="/", every="10ms", timeout="500ms", within=f"{within}s")  # type: ignore[arg-type]
    return Fault(
        asked=PlanFault(id="f", act=act, target="shop", check="steady", due=due, lasting=lasting),
        probe=Part(name="", params=asked),
        measures=fault_measures(act),
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def parts(stage: Stage, target: Target) -> Parts:
    return replace(
        stage.parts(),
        clock=RunClock(),
        http=target,
        faults=target,
        target=StaticAddresses({"shop": "http://shop"}),
    )


async def through(stage: Stage, target: Target, one: Fault, ending: Stop | None = None) -> FaultResult:
    return await run_fault(one, parts(stage, target), ending or Stop(Stop()))


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.005)


async def test_fault_is_done_undone_and_seen_to_recover(stage: Stage) -> None:
    target = Target()
    result = await through(stage, target, fault())
    assert target.log == ["act", "acted", "undone"]
    assert result.status is FaultStatus.RECOVERED
    assert result.notes == ("with a note",)
    assert set(result.measures) == set(fault_measures(Act.PAUSE))
    assert [type(event) for event in stage.events] == [FaultStarted, FaultUndone, FaultEnded]


async def test_fault_that_never_recovers_is_watched_as_long_as_asked_though_the_check_has_ended(
    stage: Stage,
) -> None:
    ending = Stop(Stop())
    asyncio.get_running_loop().call_later(0.15, ending.now, "the checks it goes beside have ended")
    result = await through(stage, Target(comes_back=False), fault(within=0.3), ending)
    assert result.status is FaultStatus.NOT_RECOVERED
    assert sentence(result.reason) == "not good again within 300 ms after it was undone: connection refused"
    assert result.measures["recovered"] == Share(passed=0, total=1, sample=False)
    others = [measure for name, measure in result.measures.items() if name != "recovered"]
    assert all(getattr(measure, "unended", False) for measure in others)


async def test_fault_of_a_check_that_has_ended_before_is_not_done(stage: Stage) -> None:
    target, ending = Target(), Stop(Stop())
    asyncio.get_running_loop().call_later(0.05, ending.now, "over")
    result = await through(stage, target, fault(due=9), ending)
    assert result.status is FaultStatus.NOT_DONE
    assert sentence(result.reason).startswith("steady had ended after ")
    assert target.log == []


async def test_fault_that_was_undone_early_proves_nothing(stage: Stage) -> None:
    target, ending = Target(), Stop(Stop())
    asyncio.get_running_loop().call_later(0.1, ending.now, "over")
    result = await through(stage, target, fault(lasting=9), ending)
    assert target.log == ["act", "acted", "undone"]
    assert result.status is FaultStatus.CUT_SHORT
    assert result.measures == {}
    assert "as steady had ended" in sentence(result.reason)


async def test_act_that_is_refused_half_way_is_undone(stage: Stage) -> None:
    target = Target(refuses="the engine has gone")
    result = await through(stage, target, fault())
    assert target.log == ["act", "acted", "undone"]
    assert result.status is FaultStatus.NOT_DONE
    assert sentence(result.reason) == "it could not be done: the engine has gone"


async def test_act_with_a_defect_is_undone_before_the_defect_is_told(stage: Stage) -> None:
    target = Target(breaks=True)
    with pytest.raises(RuntimeError, match="a defect"):
        await through(stage, target, fault())
    assert target.log == ["act", "acted", "undone"]


async def test_fault_that_cannot_be_undone_says_so(stage: Stage) -> None:
    result = await through(stage, Target(stays="the engine has gone"), fault())
    assert result.status is FaultStatus.NOT_UNDONE
    assert sentence(result.reason) == "it could not be undone: the engine has gone"
    assert result.undone is None


@pytest.mark.parametrize("moment", ["act", "acted", "undone"])
async def test_cancelled_fault_is_undone_first_whenever_it_comes(stage: Stage, moment: str) -> None:
    target = Target(takes=0.05, comes_back=False)
    task = asyncio.create_task(through(stage, target, fault(lasting=0.05)))
    await until(lambda: moment in target.log)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.log == ["act", "acted", "undone"]
    (ended,) = stage.told(FaultEnded)
    assert ended.fault.status is FaultStatus.CUT_SHORT
    assert ended.fault.undone is not None


async def test_stopped_run_does_not_wait_for_the_recovery(stage: Stage) -> None:
    whole = Stop()
    target = Target(comes_back=False)
    task = asyncio.create_task(through(stage, target, fault(within=60), Stop(whole)))
    await until(lambda: "undone" in target.log)
    whole.now("stopped by Ctrl-C")
    result = await asyncio.wait_for(task, 60)
    assert result.status is FaultStatus.CUT_SHORT
    assert sentence(result.reason) == "stopped by Ctrl-C, before it could be seen whether it recovers"


async def test_work_that_must_come_to_its_end_does_so_under_any_number_of_cancellations() -> None:
    done: list[str] = []

    async def work() -> str:
        await asyncio.sleep(0.05)
        done.append("done")
        return "result"

    task = asyncio.create_task(to_its_end(work()))
    for _ in range(4):
        await asyncio.sleep(0.005)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["done"]


def stopped(stage: Stage, target: Target, one: Fault, *, at: float, seconds: float) -> FaultResult:
    """A fault in simulated time, during which phasegate stands still for a while."""

    async def main() -> FaultResult:
        simulated = replace(parts(stage, target), clock=SimulatedClock())
        return await run_fault(one, simulated, Stop(Stop()))

    return run_simulated(main(), stalls=[(at, seconds)])


def test_fault_after_which_phasegate_did_not_look_in_time_is_not_held_against_the_target(
    stage: Stage,
) -> None:
    result = stopped(stage, Target(), fault(due=0.5, lasting=1.0, within=5.0), at=1.501, seconds=20.0)
    assert result.status is FaultStatus.CUT_SHORT
    assert sentence(result.reason) == "phasegate was late, so it is not known whether it recovers"


def test_moments_that_the_prober_missed_are_told_and_leave_the_lost_requests_open(stage: Stage) -> None:
    result = stopped(stage, Target(), fault(due=0.5, lasting=5.0), at=1.0, seconds=3.0)
    assert result.status is FaultStatus.RECOVERED
    assert result.unused == pytest.approx(200, abs=5)
    assert f"{result.unused} of " in sentence(result.notes[1])
    assert sentence(result.notes[1]).endswith("scheduled requests were not sent in time: phasegate was late")
    lost = result.measures["lost_requests"]
    assert isinstance(lost, Number)
    assert lost.partial
    (line,) = [line for line in standing(run_with(result)) if line.label == "Late"]
    assert line.text == f"f: {sentence(result.notes[1])}"


def run_with(fault: FaultResult) -> RunResult:
    run = passing_run()
    return replace(run, steps=(replace(run.steps[0], faults=(fault,)), *run.steps[1:]))
