"""One fault from before it to after it: asked all the while, done at its time, undone whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from phasegate.base.errors import ObservationError, PhasegateError, message_of
from phasegate.base.facts import Code, Message, encode, fact, joined
from phasegate.gate.verdict import INTERRUPTED
from phasegate.model.events import FaultEnded, FaultStarted, FaultUndone
from phasegate.model.faults import Act, FaultResult, FaultStatus
from phasegate.model.measures import Measure, Number, Share
from phasegate.plan.asked.faults import Fault
from phasegate.runner.probing import Prober
from phasegate.runner.recovery import Moments, Probed, good_again, recovery
from phasegate.runner.world import Parts, Stop
from phasegate.world import HttpClient

T = TypeVar("T")

LOOK = 0.05
"""Seconds between two looks at whether the check has ended, or all is good again."""


async def run_fault(fault: Fault, parts: Parts, ending: Stop) -> FaultResult:
    """Do a fault during its check, which begins now; `ending` is told when the check has ended.

    Errors: CancelledError, PhasegateError where the record cannot be kept; the fault is undone before.
    """
    under_way = FaultRun(fault, parts, ending)
    await under_way.run()
    return under_way.result


class FaultRun:
    """One fault under way; times are seconds on the run's clock."""

    def __init__(self, fault: Fault, parts: Parts, ending: Stop) -> None:
        self._fault = fault
        self._parts = parts
        self._clock = parts.clock
        self._ending = ending
        self.result = FaultResult(asked=fault.asked)
        self._notes: list[Message] = []
        self._well: tuple[FaultStatus, Message] = FaultStatus.RECOVERED, ""
        """What came of it where all is good again, and why."""
        self._not_back: Message = ""
        """What is not good again, though probes may be answered."""
        self._extra: Mapping[str, Measure] = {}
        """What is measured of it otherwise than by probes."""
        self._told = False
        self._zero = (self._clock.now(), self._clock.utc())

    async def run(self) -> None:
        async with self._parts.http.client() as http:
            await self._run(http)

    async def _run(self, http: HttpClient) -> None:
        began = self._clock.now()
        try:
            asked = self._fault.asking(self._parts.target.values())
            prober = Prober(asked, self._parts.target, http, self._clock)
        except (ObservationError, ValueError) as error:
            self._not_done(fact(Code.PROBE_NOT_SENT, why=message_of(error)))
            return
        asking = asyncio.create_task(prober.run())
        try:
            await self._until(began + self._fault.asked.due)
            if self._ending.reason:
                taken = self._clock.now() - began
                ended = fact(Code.CHECK_HAD_ENDED, check=self._fault.asked.check, at=taken)
                self._not_done(self._ending.interruption or ended)
                return
            await self._through(prober, asked.within)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _through(self, prober: Prober, within: float) -> None:
        """Do it, undo it, watch it; the record learns how it ended also when this is cancelled."""
        on, targets = self._parts.in_fault, self._fault.asked.targets
        if busy := next((one for one in targets if one in on), None):
            # A rollout takes as long as its instances do: undoing one of two would undo the other.
            self._not_done(fact(Code.ENTRY_IN_FAULT, entry=busy, fault=on[busy]))
            return
        try:
            on.update(dict.fromkeys(targets, self._fault.id))
            try:
                moments = await self._do_and_undo()
            finally:
                for one in targets:
                    del on[one]
            if moments is not None:
                await self._watch(prober, moments, within)
                self._tell(prober, moments, within)
        except asyncio.CancelledError:
            self._end_early(self._ending.interruption or INTERRUPTED)
            raise

    async def _do_and_undo(self) -> Moments | None:
        """When what was done; None where it was not done whole or not undone, so nothing is to be watched."""
        acts, fault = self._parts.faults, self._fault.asked
        refused: Message = ""
        begun = done = undoing = self._begin()
        try:
            await to_its_end(acts.act(fault))
            done = self._clock.now()
            await self._until(done + (fault.lasting or 0.0))
        except ObservationError as error:
            refused = error.message
        finally:
            # Also after a refusal, which may have come half-way.
            undoing = self._clock.now()
            undone = await to_its_end(self._undone(refused))
        if undone is None:
            return None
        lacking = done + (fault.lasting or 0.0) - undoing
        if lacking > 0:
            why = self._ending.interruption or fact(Code.CHECK_HAD_ENDED, check=fault.check)
            self._end_early(fact(Code.UNDONE_EARLY, span=lacking, why=why))
            return None
        if fault.act is Act.RESTART:
            undoing, undone = begun, done
        return Moments(begun=begun, done=done, undoing=undoing, undone=undone)

    def _begin(self) -> float:
        """Tell that it is begun. Shape: when."""
        begun = self._clock.now()
        self.result = replace(self.result, started=self._at(begun))
        self._parts.emit(FaultStarted(at=self._at(begun), fault=self._fault.id))
        return begun

    async def _undone(self, refused: Message) -> float | None:
        """Undo it. Shape: when it was undone; None where it was not, or never done, which has been told."""
        trouble = await self._undo()
        undone = self._clock.now()
        if trouble:
            reason = fact(Code.NOT_UNDONE, why=trouble)
            self._finish(replace(self.result, status=FaultStatus.NOT_UNDONE, reason=reason))
        elif refused:
            self._not_done(fact(Code.NOT_DONE, why=refused))
        else:
            self._parts.emit(FaultUndone(at=self._at(undone), fault=self._fault.id))
            self.result = replace(self.result, undone=self._at(undone))
            return undone
        return None

    async def _undo(self) -> Message:
        """Undo it; what went wrong, or an empty text."""
        try:
            note = await self._parts.faults.undo(self._fault.asked)
        except PhasegateError as error:
            return error.message
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        if note:
            self._notes.append(note)
        return ""

    async def _watch(self, prober: Prober, moments: Moments, within: float) -> None:
        """Until all is good again, or the time for it is over, or the run is stopped."""
        while self._clock.now() < moments.undone + within and not self._ending.interrupted:
            if good_again(prober.seen(), since=moments.undoing, settled=moments.undone):
                return
            await self._clock.sleep(LOOK)

    async def _until(self, moment: float) -> None:
        """Until a moment, or until the check has ended."""
        while (left := moment - self._clock.now()) > 0 and not self._ending.reason:
            await self._clock.sleep(min(left, LOOK))

    def _tell(self, prober: Prober, moments: Moments, within: float) -> None:
        seen = prober.seen()
        until = self._clock.now()
        found = recovery(self._fault.asked.act, seen, moments, until, prober.missed())
        measures, unused = {**found.measures, **self._extra}, prober.unused()
        if unused:
            moments_of_all = len(seen) + len(unused)
            self._notes.append(fact(Code.MISSED_MOMENTS, unused=len(unused), moments=moments_of_all))
        lost = measures["lost_requests"]
        if isinstance(lost, Number) and any(
            moments.begun <= at <= (found.recovered or until) for at in unused
        ):
            measures["lost_requests"] = replace(lost, partial=True)
        if not any(probe.good and probe.answered <= moments.begun for probe in seen):
            self._notes.append(fact(Code.NO_GOOD_ANSWER_BEFORE))
        if self._not_back:
            measures["recovered"] = Share(passed=0, total=1, sample=False)
        status, reason = self._well
        result = replace(
            self.result,
            status=status,
            reason=reason,
            probes=len(seen),
            unused=len(unused),
            measures=measures,
            causes=found.causes,
            notes=tuple(self._notes),
            evidence=self._evidence(prober.all(), moments.begun),
            recovered=None if found.recovered is None else self._at(found.recovered),
        )
        if found.recovered is None and self._ending.interrupted:
            self._end_early(fact(Code.BEFORE_RECOVERY, why=self._ending.interruption))
            return
        if found.recovered is None and found.may_have_recovered:
            self._end_early(fact(Code.RECOVERY_UNSEEN))
            return
        not_back = self._not_back
        if found.recovered is None and not not_back:
            last = seen[-1].cause if seen else ""
            not_back = fact(Code.NOT_GOOD_AGAIN, within=float(within), why=last)
        if not_back:
            why = joined(reason, not_back) if reason else not_back
            result = replace(result, status=FaultStatus.NOT_RECOVERED, reason=why)
        self._finish(result)

    def _evidence(self, probes: tuple[Probed, ...], begun: float) -> tuple[str, ...]:
        """Every probe as a line of a table."""
        lines = ["sent_s,answered_s,good,cause"]
        lines += [
            f'{probe.sent - begun:.4f},{probe.answered - begun:.4f},{str(probe.good).lower()},"{cause}"'
            for probe in probes
            for cause in [_cause_text(probe.cause).replace('"', '""')]
        ]
        folder = self._parts.evidence.folder(self._fault.id, 1)
        return (folder.write("probes.csv", "\n".join(lines) + "\n"),)

    def _not_done(self, reason: Message) -> None:
        self._finish(replace(self.result, status=FaultStatus.NOT_DONE, reason=reason))

    def _end_early(self, reason: Message) -> None:
        self._finish(replace(self.result, status=FaultStatus.CUT_SHORT, reason=reason))

    def _finish(self, result: FaultResult) -> None:
        """Tell how it ended; what is told first stands."""
        if not self._told:
            self._told = True
            self.result = result
            self._parts.emit(FaultEnded(at=self._clock.utc(), fault=result))

    def _at(self, moment: float) -> datetime:
        seconds, at = self._zero
        return at + timedelta(seconds=moment - seconds)


def _cause_text(cause: Message) -> str:
    """A cause for a table: what somebody else wrote, or the JSON of a fact."""
    return cause if isinstance(cause, str) else json.dumps(encode(cause), ensure_ascii=False)


async def to_its_end(work: Coroutine[None, None, T]) -> T:
    """What is not cut off when the task that awaits it is cancelled; that waits."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
