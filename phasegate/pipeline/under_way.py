"""One run under way; the one place where the real parts are wired together."""

from __future__ import annotations

import asyncio
import os
import random
import secrets as tokens
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from phasegate import __version__
from phasegate.base.errors import ExitCode, PhasegateError, RecordError, TargetError, in_words, is_of_machine
from phasegate.base.facts import Code, Message, fact, joined
from phasegate.gate.judging import judge_run
from phasegate.gate.settling import settle
from phasegate.gate.verdict import decide
from phasegate.gate.waivers import Applied, decide_with_waivers, in_doubt, warnings_of
from phasegate.http.client import Network
from phasegate.model.events import (
    ClockMoved,
    CriterionJudged,
    Event,
    FaultEnded,
    Interrupted,
    RunFinished,
    RunStarted,
    TargetChanged,
    TargetSampled,
    WaiverApplied,
)
from phasegate.model.faults import FaultStatus
from phasegate.model.fold import CUT_SHORT, Folder
from phasegate.model.result import (
    BaselineRecord,
    EvidenceFile,
    RunResult,
    Selection,
    TargetRecord,
    ToolRecord,
    Verdict,
    WaiverState,
)
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.signals import Signals
from phasegate.pipeline.ticking import ticking
from phasegate.plan.asked.plan import Plan
from phasegate.plan.loader import LoadedPlan
from phasegate.record.evidence import EvidenceStore
from phasegate.record.journal import Journal
from phasegate.record.provenance import provenance
from phasegate.record.redaction import Redactor
from phasegate.render.terminal.live import View
from phasegate.runner.attempt import defect
from phasegate.runner.check import CheckOutcome
from phasegate.runner.clock import RunClock
from phasegate.runner.preflight import find_broken, find_lacking, find_missing
from phasegate.runner.schedule import Orders, Schedule, leave_out
from phasegate.runner.selection import select_criteria
from phasegate.runner.skeleton import skeleton
from phasegate.runner.waiving import waive
from phasegate.runner.world import Parts, Stop
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.deployment import Site
from phasegate.targets.processes.local import LocalProcesses
from phasegate.targets.processes.members import MARK, kill_marked, new_mark
from phasegate.targets.processes.process_group import GUARD
from phasegate.targets.processes.resources import Resources, Sampler
from phasegate.targets.stack import TargetStack

ORDERLY_END = 3.0
"""Seconds a kind gets after the first Ctrl-C to hand in what it has seen."""
AT_ONCE = 1_000
"""Events of one moment that are written together."""


class UnderWay:
    """One run under way: the record, the stop signal and the real parts."""

    def __init__(
        self,
        loaded: LoadedPlan,
        request: RunRequest,
        chosen: frozenset[str],
        selection: Selection,
        baselines: tuple[BaselineRecord, ...],
        folder: Path,
        clock: RunClock,
        view: View | None,
    ) -> None:
        self._plan = loaded.plan
        self._request = request
        self._chosen = chosen
        self._selected = select_criteria(loaded.plan, chosen, cases=bool(request.cases))
        self._selection = selection
        self._view = view
        self._clock = clock
        self._stop = Stop()
        self._seed = request.seed if request.seed is not None else random.SystemRandom().randrange(2**31)
        self._redactor = Redactor(secret.value for secret in loaded.plan.secrets if secret.value)
        self._store = EvidenceStore(folder, self._redactor)
        self._journal = Journal(folder, self._redactor)
        GUARD.record(str(folder))
        self._mark = new_mark()
        self._environment = {**os.environ, MARK: self._mark}
        self._processes = LocalProcesses(self._environment)
        self._containers = TargetContainers(self._environment)
        self._stack: TargetStack | None = None
        self._signal: ExitCode | None = None
        self._target_error: Message = ""
        self._target_help: Message = ""
        self._lacking: list[Message] = []
        """Why a PASS could not be trusted: a limit, a target that died, a record that is not whole."""
        self._outcomes: dict[str, CheckOutcome] = {}
        self._defect: Message = ""
        self._stage = "what the checks need is looked for"
        """What goes on beside checks, steps and target, for who asks."""
        self._grace = 0.0
        """Seconds that work under way gets to end in order; nothing but checks has anything to hand in."""
        self._observed = asyncio.Event()
        """Set when all checks have ended; what is left is to take the target down, which bounds itself."""
        self._skeleton = skeleton(
            loaded,
            run=f"{clock.started:%Y%m%dT%H%M%SZ}-{tokens.token_hex(3)}",
            tool=ToolRecord(name="phasegate", version=__version__),
            started=clock.started,
            seed=self._seed,
            command=request.command,
            environment=provenance(loaded.plan.root, os.environ, _packages(loaded.plan)),
            selection=selection,
            baselines=baselines,
        )
        self._state = Folder(self._skeleton)

    async def to_the_end(self, signals: Signals) -> RunResult:
        """Every stage in order; whatever happens, the record gets its end."""
        asyncio.get_running_loop().set_exception_handler(self._note_escape)
        self._emit(RunStarted(at=self._clock.utc(), skeleton=self._skeleton))
        async with ticking(self._view):
            with signals.told(self._on_signal, self._tell_stage, self._at_once):
                await self._all_stages()
        return settle(self._state.result())

    async def _all_stages(self) -> None:
        await self._observe()
        self._stage = "criteria are judged"
        # One moment for all that follows, so that the duration judged is the one in the record.
        ended = self._clock.utc()
        judged = self._judge(ended)
        self._emit_all(CriterionJudged(at=ended, criterion=criterion) for criterion in judged.criteria)
        self._emit_all(WaiverApplied(at=ended, waiver=waiver) for waiver in judged.waivers)
        # It may have to look through whatever programs left; Ctrl-C is heard meanwhile.
        self._stage = "evidence is listed"
        self._end(judged, ended, await self._list_evidence())

    async def _list_evidence(self) -> tuple[EvidenceFile, ...]:
        try:
            return await asyncio.to_thread(self._inventory)
        except RuntimeError:  # no thread is to be had
            return self._inventory()

    def _note_escape(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What was raised where nobody waits for it, and so may be missing from the evidence."""
        error = context.get("exception")
        if not isinstance(error, Exception) or isinstance(error, OSError | EOFError):
            loop.default_exception_handler(context)
        elif is_of_machine(error):
            self._lacking.append(fact(Code.CANNOT_GO_ON, observing=True, why=in_words(error)))
        else:
            self._defect = self._defect or self._note_defect(error)

    def lost(self) -> Message:
        """Why the events of this run are not in its folder; empty when they are."""
        return self._journal.lost()

    def _judge(self, ended: datetime) -> Applied:
        """Every criterion on what was observed, waivers applied to those that decide."""
        run = replace(settle(self._state.result()), finished=ended)
        return waive(self._plan, judge_run(run), run, self._selected)

    def not_whole(self, trouble: Message) -> RunResult:
        """The result of a run that would pass, but for what could not be written of it."""
        reason = fact(Code.RECORD_NOT_WHOLE, why=trouble)
        verdict, code = Verdict.INCONCLUSIVE, int(ExitCode.INCONCLUSIVE)
        so_far = settle(self._state.result())
        self._emit(
            RunFinished(
                at=self._clock.utc(),
                verdict=verdict,
                exit_code=code,
                reason=reason,
                evidence=so_far.evidence,
                unwaived=so_far.unwaived,
            )
        )
        return settle(self._state.result())

    @property
    def kept(self) -> str:
        """How a person takes down the stack that was left up; empty when none was."""
        return self._stack.kept if self._stack is not None else ""

    def close(self) -> None:
        GUARD.forget_record(str(self._store.run_folder))
        self._journal.close()
        self._containers.close()

    async def _observe(self) -> None:
        """Bring the target up, run what is selected, take the target down; ended early when told to stop."""
        work = asyncio.create_task(self._with_target())
        waits = [asyncio.create_task(event.wait()) for event in (self._stop, self._observed)]
        await asyncio.wait({work, *waits}, return_when=asyncio.FIRST_COMPLETED)
        if self._stop.reason:
            # Kinds hear of it through their progress and hand in what they have; who does not is cancelled.
            await asyncio.wait({work, waits[1]}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
            if not self._observed.is_set():
                work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            pass
        except TargetError as error:
            self._target_error = error.message
            self._target_help = error.help or ""
        except PhasegateError as error:
            self._lacking.append(error.message)
        except Exception as error:
            if is_of_machine(error):
                self._lacking.append(fact(Code.CANNOT_GO_ON, why=in_words(error)))
            else:
                self._defect = self._note_defect(error)
        for wait in waits:
            wait.cancel()
        reasons: tuple[Message, ...] = (
            self._stop.reason or "",
            self._target_error,
            *self._lacking,
            self._defect,
        )
        reason = next((one for one in reasons if one), CUT_SHORT)
        help = self._target_help if reason == self._target_error else ""
        leave_out(self._plan.checks(), self._outcomes, reason, self._emit, self._clock, help=help)

    async def _with_target(self) -> None:
        chosen = [check for check in self._plan.checks() if check.id in self._chosen]
        missing = await find_missing(
            chosen, processes=self._processes, environment=self._environment, root=self._plan.root
        )
        if len(missing) == len(chosen):
            # Nothing can be observed, so nothing is brought up for it.
            for check in chosen:
                lacking = missing[check.id]
                leave_out([check], self._outcomes, lacking.reason, self._emit, self._clock, help=lacking.help)
            return
        if self._plan.limit is not None:
            reason = fact(Code.RUN_LIMIT_REACHED, limit=float(self._plan.limit))
            asyncio.get_running_loop().call_later(self._plan.limit, self._stop_run, reason)
        stack = TargetStack(
            self._plan.target.without_lacking(),
            Site(
                processes=self._processes,
                containers=self._containers,
                sampler=Sampler(self._target_sampled, self._clock.utc),
                logs=self._store.log,
                on_change=self._target_changed,
                on_problem=lambda problem: self._lacking.append(problem.message),
                mark=self._mark,
                run=self._skeleton.run,
                keep_file=self._store.keep_of_target,
                keep=self._request.keep_target,
                goes_on=any(check.kind.sees_broken for check in chosen if check.id not in missing),
                exit_codes=self._plan.target.exit_codes,
            ),
        )
        self._stack = stack
        self._stage = "the target comes up"
        async with stack as target:
            self._stage = "checks run"
            parts = Parts(
                clock=self._clock,
                http=Network(target),
                faults=stack,
                processes=self._processes,
                target=target,
                containers=self._containers,
                evidence=self._store,
                root=self._plan.root,
                environment=self._environment,
                seed=self._seed,
                emit=self._emit,
                emit_all=self._emit_all,
                keep_secret=self._redactor.add,
                baselines=self._skeleton.baselines,
            )
            if stack.broken_by is not None:
                self._target_error = stack.broken_by.message
                self._target_help = stack.broken_by.help or ""
                missing |= find_broken(chosen, self._plan.target, stack.out)
            await self._containers.remember()
            missing |= await find_lacking(
                [check for check in chosen if check.id not in missing], self._containers.lacking
            )
            orders = Orders(
                selected=self._chosen,
                missing=missing,
                cases=self._request.cases,
                jobs=self._request.jobs,
                fail_fast=self._request.fail_fast,
            )
            self._grace = ORDERLY_END
            try:
                await Schedule(self._plan, orders, parts, self._stop, self._outcomes).run()
            finally:
                self._stage = "the target is taken down"
                self._observed.set()

    def _target_changed(self, state: str, record: TargetRecord) -> None:
        if state == "died":
            self._lacking.append(fact(Code.TARGET_DIED, entry=record.id, why=record.error))
        self._emit(TargetChanged(at=self._clock.utc(), state=state, target=record))

    def _target_sampled(self, used: Resources) -> None:
        self._emit(
            TargetSampled(
                at=self._clock.utc(),
                target=used.entry,
                since=used.since,
                measures=used.measures,
                timeline=used.timeline,
            )
        )

    def _emit(self, event: Event) -> None:
        self._emit_all((event,))

    def _emit_all(self, events: Iterable[Event]) -> None:
        """Take events in order, which are of one moment: nothing was done between them."""
        coming = iter(events)
        while batch := tuple(islice(coming, AT_ONCE)):
            started = isinstance(batch[0], RunStarted)
            if not started and (move := self._clock.move()) is not None:
                self._write((ClockMoved(at=batch[0].at, by=move.by, suspended=move.suspended),))
            self._write(batch)

    def _write(self, events: Sequence[Event]) -> None:
        """Append events to the record, and tell who listens."""
        redacted, lines = self._journal.redact(events)
        broken: Message = ""
        try:
            self._journal.append(lines)
        except RecordError as error:
            broken = error.message
        for event in redacted:
            self._take(event)
        if broken:
            self._lacking.append(broken)
            self._stop_run(broken)

    def _take(self, event: Event) -> None:
        """An event as it was written: free of secrets, which the skeleton of the plan may hold."""
        if isinstance(event, FaultEnded) and event.fault.status is FaultStatus.NOT_UNDONE:
            self._lacking.append(fact(Code.OF_FAULT, fault=event.fault.id, why=event.fault.reason))
        if isinstance(event, RunStarted):
            self._state = Folder(event.skeleton)
        else:
            self._state.add(event)
        if self._view is not None:
            self._view(event)

    def _stop_run(self, reason: Message) -> None:
        """Begin the orderly end. A reason that comes later than another changes nothing."""
        if not self._stop.reason:
            self._stop.now(reason)
            self._emit(Interrupted(at=self._clock.utc(), because=reason))

    def _on_signal(self, code: ExitCode, reason: Message) -> None:
        self._signal = code
        self._stop_run(reason)

    def _tell_stage(self) -> None:
        if self._view is not None:
            self._view.tell(self._stage)

    def _at_once(self) -> None:
        if not GUARD.is_there:
            kill_marked(self._mark)
        if self._view is not None:
            self._view.close()

    def _note_defect(self, error: Exception) -> Message:
        with suppress(PhasegateError):
            trace = "".join(traceback.format_exception(error))
            self._store.folder("run", 1).write("defect.txt", trace)
        return defect(error)

    def _inventory(self) -> tuple[EvidenceFile, ...]:
        try:
            return self._store.inventory()
        except RecordError as error:
            self._store.problems.append(error.message)
            return ()

    def _end(self, judged: Applied, ended: datetime, inventory: tuple[EvidenceFile, ...]) -> None:
        """Decide the gate and close the record."""
        run = settle(self._state.result())
        self._lacking += in_doubt(judged.waivers, WaiverState.USED, run)
        interrupted = joined(*dict.fromkeys((self._stop.reason, *self._lacking)), *self._store.problems)
        defects: list[Message] = [self._defect, *(item.defect for item in self._outcomes.values())]
        decision, unwaived = decide_with_waivers(
            [criterion for criterion in judged.criteria if criterion.id in self._selected],
            judged.waivers,
            partial(
                decide,
                selection=self._selection,
                interrupted=interrupted,
                signal=self._signal,
                target_error=self._target_error,
                defect=next((one for one in defects if one), ""),
            ),
        )
        self._emit(
            RunFinished(
                at=ended,
                verdict=decision.verdict,
                exit_code=int(decision.exit_code),
                reason=decision.reason,
                evidence=inventory,
                unwaived=unwaived,
                environment={f"image of {name}": image for name, image in self._containers.ran().items()},
                warnings=(
                    *warnings_of(judged.waivers),
                    *in_doubt(judged.waivers, WaiverState.EXPIRED, run),
                    *(self._stack.troubles if self._stack else ()),
                    *self._store.notes,
                ),
            )
        )


def _packages(plan: Plan) -> dict[str, ToolRecord]:
    """Where kinds come from that are not phasegate's own, by kind."""
    return {check.kind.name: check.kind.package for check in plan.checks() if check.kind.package is not None}
