"""A rollout: one instance after another on another version, judged meanwhile, and rolled back where something
speaks against it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from phasegate.base.errors import ObservationError, PhasegateError, TargetError
from phasegate.base.facts import Code, Message, fact, joined
from phasegate.base.units import Dimension
from phasegate.model.events import FaultUndone
from phasegate.model.faults import FaultResult, FaultStatus, PlanFault
from phasegate.model.measures import Measure, Number, Share
from phasegate.plan.asked.faults import Fault
from phasegate.runner.deciding import Watch
from phasegate.runner.faults import LOOK, FaultRun, to_its_end
from phasegate.runner.probing import Prober
from phasegate.runner.recovery import Moments
from phasegate.runner.world import Parts, Stop

LIVES = 0.5
"""Seconds between two looks at whether the instances still run."""


async def run_rollout(fault: Fault, parts: Parts, ending: Stop, watch: Watch) -> FaultResult:
    """Roll out during a check, which begins now; `ending` is told when the check has ended, `watch` knows
    what the checks have shown.

    Errors: CancelledError, PhasegateError where the record cannot be kept; all is rolled back before.
    """
    rollout = _Rollout(fault, parts, ending, watch)
    await rollout.run()
    return rollout.result


@dataclass(slots=True, kw_only=True)
class _Instance:
    """One instance; times are seconds."""

    fault: PlanFault
    """The rollout, of its entry alone."""
    name: str
    ready_after: float | None = None
    """None while it is not ready on the other version."""
    back_after: float | None = None
    """None where it is not ready again."""

    @property
    def note(self) -> Message:
        """How long it took; empty where it was never ready."""
        if self.ready_after is None and self.back_after is None:
            return ""
        return fact(
            Code.INSTANCE_ROLLED, instance=self.name, ready_after=self.ready_after, back_after=self.back_after
        )


class _Rollout(FaultRun):
    """One rollout under way; times are seconds on the run's clock."""

    def __init__(self, fault: Fault, parts: Parts, ending: Stop, watch: Watch) -> None:
        super().__init__(fault, parts, ending)
        self._judges = watch
        self._acts = parts.faults
        self._asked = fault.asked
        self._all: list[_Instance] = []
        self._touched: list[_Instance] = []
        """Those that are not as they were."""
        self._looked = -math.inf
        """When somebody looked last at whether the instances run."""
        self._ready: float | None = None
        """When the last one was ready on the other version."""
        self._seen_before: dict[str, int] = {}
        """What the judges had seen by then."""
        self._complete = False
        """Whether every instance was watched on the other version for as long as asked."""
        self._against: Message = ""
        """What speaks against the other version."""
        self._cut: Message = ""
        """Why it did not come to its end."""
        self._refused: Message = ""
        """Why it could not be done."""
        self._left_on: list[Message] = []
        """What could not be undone."""

    async def _through(self, prober: Prober, within: float) -> None:
        if self._judges.broken is not None:
            self._not_done(fact(Code.BROKEN_BEFORE, why=self._broken()))
            return
        await super()._through(prober, within)

    async def _do_and_undo(self) -> Moments | None:
        begun = self._begin()
        undoing = undone = begun
        try:
            await self._forward()
            undoing = self._clock.now()
            if self._stays:
                await self._settle()
            else:
                await self._back()
        finally:
            # After a cancellation or a defect: nobody waits for what is put back.
            await to_its_end(self._put_back())
            undone = self._clock.now()
            if not (self._stays or self._left_on or self._refused):
                self._parts.emit(FaultUndone(at=self._at(undone), fault=self._fault.id))
                self.result = replace(self.result, undone=self._at(undone))
        self._notes += [one.note for one in self._all if one.note]
        self.result = replace(self.result, notes=tuple(self._notes))
        self._take_measures(begun, undoing, undone)
        if self._ended_otherwise():
            return None
        if self._stays and self._ready is not None:
            undoing, undone = begun, self._ready
        return Moments(begun=begun, done=self._ready or undoing, undoing=undoing, undone=undone)

    @property
    def _stays(self) -> bool:
        well = self._complete and not (self._against or self._cut or self._refused)
        return self._asked.stays and well

    # Forward.

    async def _forward(self) -> None:
        """Instance after instance, until something speaks against the other version or its time is over."""
        try:
            for one in await self._find():
                self._touched.append(one)
                await to_its_end(self._acts.act(one.fault, one.name))
                if not (await self._becomes_ready(one) and await self._goes_well(self._asked.hold)):
                    return
            self._complete = True
            await self._goes_well(self._asked.lasting)
        except ObservationError as error:
            self._refused = error.message
            return
        if not (self._against or self._cut) and (unseen := self._unseen()):
            self._cut = unseen

    async def _find(self) -> list[_Instance]:
        """Every instance. Errors: ObservationError."""
        for target in self._asked.targets:
            of_entry = replace(self._asked, target=target, further=())
            names = await self._acts.instances(of_entry)
            self._all += [_Instance(fault=of_entry, name=name) for name in names]
        return self._all

    async def _becomes_ready(self, one: _Instance) -> bool:
        took, why = await self._wait_for(one, self._is_over)
        if why:
            self._against = fact(Code.INSTANCE_NOT_READY, instance=one.name, why=why)
        if took is None:
            return False
        one.ready_after, self._ready = took, self._clock.now()
        self._seen_before = dict(self._judges.seen)
        return True

    async def _wait_for(
        self, one: _Instance, is_over: Callable[[], Awaitable[bool]]
    ) -> tuple[float | None, Message]:
        """Wait until an instance is ready, or nobody waits any more.

        Shape: the seconds that it took, None where it is not ready; and why it never will be.
        Errors: ObservationError where nobody can tell.
        """
        began = self._clock.now()
        asking = asyncio.create_task(self._acts.ready(one.fault, one.name))
        try:
            while not asking.done():
                if await is_over():
                    return None, ""
                await asyncio.wait([asking], timeout=LOOK)
            asking.result()
        except TargetError as error:
            return None, error.message
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return self._clock.now() - began, ""

    async def _goes_well(self, seconds: float | None) -> bool:
        """Whether nothing happens for some seconds; None: until the check has ended."""
        end = math.inf if seconds is None else self._clock.now() + seconds
        while not await self._is_over():
            left = end - self._clock.now()
            if left <= 0:
                return True
            await self._clock.sleep(min(left, LOOK))
        return False

    async def _is_over(self) -> bool:
        """Whether it does not go on: something speaks against the other version, or the check has ended."""
        if self._judges.broken is not None:
            self._against = self._broken()
        elif trouble := await self._trouble():
            self._against = trouble
        elif self._ending.reason:
            # What stays is watched until then.
            if self._ending.interrupted or not (self._complete and self._asked.stays):
                ended = fact(Code.CHECK_HAD_ENDED, check=self._asked.check)
                self._cut = self._ending.interruption or ended
        else:
            return False
        return True

    async def _trouble(self) -> Message:
        """Which instance ended after it was ready, and how."""
        if self._clock.now() - self._looked < LIVES:
            return ""
        self._looked = self._clock.now()
        for one in self._touched:
            why = "" if one.ready_after is None else await self._acts.trouble(one.fault, one.name)
            if why:
                return fact(Code.INSTANCE_ENDED, instance=one.name, why=why)
        return ""

    def _broken(self) -> Message:
        assert self._judges.broken is not None
        criterion, decision = self._judges.broken
        return fact(Code.BROKEN, criterion=str(criterion.criterion), n=decision.n, right=decision.right)

    def _unseen(self) -> Message:
        """Which criterion judged nothing of the other version alone; empty where each did."""
        for one in self._judges.criteria:
            if self._judges.seen.get(one.id, 0) <= self._seen_before.get(one.id, 0):
                return fact(Code.ROLLOUT_UNSEEN, criterion=str(one.criterion))
        return "" if self._judges.criteria else fact(Code.ROLLOUT_UNJUDGED)

    # And back.

    async def _settle(self) -> None:
        """Let every instance stay on the other version."""
        while self._touched:
            await to_its_end(self._let_stay(self._touched.pop()))

    async def _let_stay(self, one: _Instance) -> None:
        try:
            await self._acts.settle(one.fault, one.name)
        except ObservationError as error:
            self._notes.append(error.message)

    async def _back(self) -> None:
        """Put back what was there, the last instance first, each ready before the next."""
        while self._touched:
            await to_its_end(self._put_back_last())
            if not self._left_on:
                await self._ready_again(self._all[len(self._touched)])

    async def _put_back(self) -> None:
        while self._touched:
            await self._put_back_last()

    async def _put_back_last(self) -> None:
        one = self._touched.pop()
        try:
            note = await self._acts.undo(one.fault, one.name)
        except Exception as error:
            why = error.message if isinstance(error, PhasegateError) else f"{type(error).__name__}: {error}"
            self._left_on.append(fact(Code.OF_PART, part=one.name, why=why))
        else:
            self._notes += [note] if note else []

    async def _ready_again(self, one: _Instance) -> None:
        """Wait until it is, unless the run is stopped."""
        try:
            one.back_after, why = await self._wait_for(one, self._is_interrupted)
        except ObservationError as error:
            self._left_on.append(fact(Code.OF_PART, part=one.name, why=error.message))
            return
        if why:
            why = fact(Code.INSTANCE_NOT_BACK, instance=one.name, why=why)
            self._not_back = joined(self._not_back, why) if self._not_back else why

    async def _is_interrupted(self) -> bool:
        return self._ending.interrupted

    # What came of it.

    def _take_measures(self, begun: float, undoing: float, undone: float) -> None:
        whole = self._complete and not self._against
        measures: dict[str, Measure] = {
            "rolled_out": Share(passed=int(whole), total=1, sample=False),
            "rollout_time": _time((self._ready if whole else undoing) or begun, begun, unended=not whole),
        }
        if not self._stays:
            measures["rollback_time"] = _time(undone, undoing, unended=bool(self._not_back))
        self._extra = measures
        if whole:
            self._well = FaultStatus.ROLLED_OUT, ""
        else:
            on_new, of = self._on_new, len(self._all)
            at = undoing - begun
            why = fact(Code.ROLLED_BACK_AS, at=at, on_new=on_new, instances=of, why=self._against)
            self._well = FaultStatus.ROLLED_BACK, why

    @property
    def _on_new(self) -> int:
        """How many instances were ready on the other version."""
        return sum(one.ready_after is not None for one in self._all)

    def _ended_otherwise(self) -> bool:
        """Whether it ended so that there is nothing to see of it; then that is told."""
        if self._left_on:
            undone = fact(Code.NOT_UNDONE, why=joined(*self._left_on))
            why = joined(self._well[1], undone) if self._against else undone
            measures = {"rolled_out": self._extra["rolled_out"]} if self._against else {}
            self._finish(replace(self.result, status=FaultStatus.NOT_UNDONE, reason=why, measures=measures))
        elif self._refused:
            self._not_done(fact(Code.NOT_DONE, why=self._refused))
        elif self._cut and not self._against:
            on_new, of = self._on_new, len(self._all)
            self._end_early(fact(Code.ROLLOUT_CUT, on_new=on_new, instances=of, why=self._cut))
        else:
            return False
        return True


def _time(end: float, begin: float, *, unended: bool) -> Number:
    return Number(value=end - begin, dimension=Dimension.TIME, unended=unended)
