"""All steps and checks of a plan in their order, side by side where the plan allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PhasegateError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.gate.judgement import judged
from phasegate.gate.judging import judge_fault
from phasegate.gate.verdict import step_status
from phasegate.gate.waivers import apply
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.events import CheckFinished, Event, StepFinished, StepStarted
from phasegate.model.faults import Act, FaultResult, FaultStatus
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.result import CheckStatus, CriterionResult
from phasegate.plan.asked.entries import PlanCommand
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.judges import judges_of
from phasegate.plan.asked.plan import Check, Plan, Step
from phasegate.runner.check import CheckOutcome, reason_of_end, run_check
from phasegate.runner.deciding import Watch
from phasegate.runner.faults import run_fault, to_its_end
from phasegate.runner.preflight import Missing
from phasegate.runner.rollouts import run_rollout
from phasegate.runner.selection import of_whole
from phasegate.runner.turns import Turns
from phasegate.runner.world import Parts, Stop
from phasegate.world import Clock, Command

ENDED = fact(Code.COMPANIONS_ENDED)
FAILED_FAST = fact(Code.CHECK_FAILED_FAST)
FAULT_FAILED_FAST = fact(Code.FAULT_FAILED_FAST)
NOT_SELECTED = fact(Code.NOT_SELECTED)
HOLDS = (CheckStatus.PASSED, CheckStatus.UNPROVEN)
"""A step with these holds: nothing was not met, errored or left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What of the plan is to be run, and how."""

    selected: frozenset[str]
    """Ids of checks."""
    missing: Mapping[str, Missing] = field(default_factory=dict)
    cases: tuple[str, ...] = ()
    jobs: int = 4
    fail_fast: bool = False


class Schedule:
    """Runs the checks of a plan once, noting in `outcomes` how each of them ended."""

    def __init__(
        self, plan: Plan, orders: Orders, parts: Parts, stop: Stop, outcomes: dict[str, CheckOutcome]
    ) -> None:
        self._plan = plan
        self._orders = orders
        self._parts = parts
        self._stop = stop
        self._turns = Turns(orders.jobs)
        self._ended = {step.id: asyncio.Event() for step in plan.steps}
        self._failed_fast: Message = ""
        """Why nothing further is begun, once something failed that ends the run."""
        self._criteria: dict[str, list[PlanCriterion]] = {}
        for criterion in plan.criteria:
            if criterion.check is not None and not (orders.cases and of_whole(criterion)):
                self._criteria.setdefault(criterion.check, []).append(criterion)
        self._blocking = {criterion.check for criterion in plan.criteria if criterion.level is Level.BLOCK}
        self._companions: dict[str, list[Check]] = {}
        for check in plan.checks():
            if check.asked.during:
                self._companions.setdefault(check.asked.during, []).append(check)
        self._faults: dict[str, list[Fault]] = {}
        for fault in plan.faults():
            self._faults.setdefault(fault.asked.check, []).append(fault)
        self._watches = {
            fault.id: Watch(criteria=self._judges(fault))
            for fault in plan.faults()
            if fault.asked.act is Act.ROLLOUT
        }
        """Who judges each rollout, by fault."""
        self._faulted: dict[str, FaultResult] = {}
        self._broken_steps: set[str] = set()
        """Steps whose setup failed."""
        self._outcomes = outcomes

    async def run(self) -> None:
        """Run everything that is selected and can run.

        Errors: PhasegateError where the record cannot be kept; CancelledError to give up.
        """
        beside_all = self._companions.get("run", [])
        afterwards = [check for check in self._plan.gate_checks if not check.asked.during]
        ending = Stop(self._stop)
        try:
            async with asyncio.TaskGroup() as group:
                for check in beside_all:
                    group.create_task(self._accompany(check, ending))
                async with asyncio.TaskGroup() as inner:
                    for step in self._plan.steps:
                        inner.create_task(self._step(step))
                for check in afterwards:
                    await self._check(check)
                ending.now(ENDED)
        except BaseExceptionGroup as group_error:
            raise _first(group_error) from None

    async def _step(self, step: Step) -> None:
        for other in step.follows:
            await self._ended[other].wait()
        at = self._parts.clock.utc
        try:
            left_out = [self._why_not(check) for check in step.checks]
            reason: Message | None = None if all(left_out) else self._not_held(step)
            if reason or all(left_out):
                for check, why in zip(step.checks, left_out, strict=True):
                    self._leave_out(check, why or reason or "")
            else:
                self._parts.emit(StepStarted(at=at(), step=step.id))
                reason = await self._checks_of(step)
            status, held_back = self._step_status(step)
            self._parts.emit(StepFinished(at=at(), step=step.id, status=status, reason=reason or held_back))
        finally:
            self._ended[step.id].set()

    async def _checks_of(self, step: Step) -> Message:
        """Run the checks between setup and teardown; what went wrong with those two, if anything."""
        trouble = await self._commands(step, step.setup, "setup")
        try:
            if trouble:
                self._broken_steps.add(step.id)
                for check in step.checks:
                    self._leave_out(check, trouble)
            elif step.parallel:
                async with asyncio.TaskGroup() as group:
                    for check in _in_order(step.checks):
                        group.create_task(self._check(check))
            else:
                for check in _in_order(step.checks):
                    await self._check(check)
        finally:
            teardown = self._commands(step, step.teardown, "teardown", go_on=True)
            undone = await to_its_end(teardown)
        return trouble or undone

    async def _check(self, check: Check) -> None:
        reason = self._why_not(check)
        companions = self._companions.get(check.id, [])
        if reason:
            self._leave_out(check, reason)
            for other in companions:
                self._leave_out(other, fact(Code.COMPANION_NOT_RUN, check=check.id))
            return
        async with self._turns.turn(exclusive=check.exclusive):
            # The world may have changed while this check waited for its turn.
            reason = self._why_not(check)
            if reason:
                self._leave_out(check, reason)
                return
            ending = Stop(self._stop)
            async with asyncio.TaskGroup() as group:
                for other in companions:
                    group.create_task(self._accompany(other, ending))
                for fault in self._faults.get(check.id, ()):
                    group.create_task(self._fault(fault, ending))
                await self._observe(check, Stop(self._stop))
                ending.now(ENDED)

    async def _fault(self, fault: Fault, ending: Stop) -> None:
        watch = self._watches.get(fault.id)
        if watch is None:
            result = await run_fault(fault, self._parts, ending)
        else:
            result = await run_rollout(fault, self._parts, ending, watch)
        self._faulted[fault.id] = result
        failed = result.status in (FaultStatus.NOT_DONE, FaultStatus.NOT_UNDONE)
        if self._orders.fail_fast and (failed or any(self._unmet_criteria([fault]))):
            self._failed_fast = FAULT_FAILED_FAST

    async def _accompany(self, check: Check, ending: Stop) -> None:
        reason = self._why_not(check)
        if reason:
            self._leave_out(check, reason)
            return
        await self._observe(check, ending, accompanies=True)

    async def _observe(self, check: Check, stop: Stop, *, accompanies: bool = False) -> None:
        try:
            outcome = await run_check(
                check,
                self._criteria.get(check.id, ()),
                self._parts,
                stop=stop,
                cases=self._orders.cases,
                accompanies=accompanies,
                waivers=self._plan.waivers,
                watches=[
                    watch
                    for watch in self._watches.values()
                    if any(one.check == check.id for one in watch.criteria)
                ],
            )
        except (asyncio.CancelledError, PhasegateError) as error:
            self._outcomes[check.id] = CheckOutcome(
                status=CheckStatus.ERRORED, reason=reason_of_end(error, stop)
            )
            raise
        self._outcomes[check.id] = outcome
        stops = outcome.status in (CheckStatus.FAILED, CheckStatus.ERRORED) and not outcome.waived
        if self._orders.fail_fast and stops and check.id in self._blocking:
            self._failed_fast = FAILED_FAST

    def _why_not(self, check: Check) -> Message:
        """Why a check is not to be run; empty when it is."""
        if check.id not in self._orders.selected:
            return NOT_SELECTED
        if self._stop.reason:
            return self._stop.reason
        if check.id in self._orders.missing:
            return self._orders.missing[check.id].reason
        return self._failed_fast

    def _leave_out(self, check: Check, reason: Message) -> None:
        missing = self._orders.missing.get(check.id)
        help = missing.help if missing and missing.reason == reason else ""
        leave_out([check], self._outcomes, reason, self._parts.emit, self._parts.clock, help=help)

    def _not_held(self, step: Step) -> Fact | None:
        """Which needed step did not hold; those that were not selected are not asked."""
        for id in step.needs:
            needed = next(other for other in self._plan.steps if other.id == id)
            if not any(check.id in self._orders.selected for check in needed.checks):
                continue
            if id in self._broken_steps:
                return fact(Code.STEP_NOT_HELD, step=id, why=fact(Code.SETUP_FAILED))
            for check in needed.checks:
                outcome = self._outcomes.get(check.id)
                holds = outcome is None or outcome.waived or outcome.status in HOLDS
                if outcome and check.id in self._blocking and not holds:
                    why = fact(Code.OF_CHECK, check=check.id, why=outcome.reason)
                    return fact(Code.STEP_NOT_HELD, step=id, why=why)
            for item in self._unmet_criteria(needed.faults):
                why = fact(Code.CRITERION_IS, criterion=item.id, verdict=item.verdict.value)
                return fact(Code.STEP_NOT_HELD, step=id, why=why)
        return None

    def _judges(self, fault: Fault) -> tuple[PlanCriterion, ...]:
        """The criteria that judge a rollout, less those that a waiver covers as a whole."""
        judges = judges_of(fault, self._plan.checks(), self._plan.criteria)
        unmet = [
            CriterionResult(asked=one, judged=judged(one.criterion, verdict=CriterionVerdict.NOT_MET))
            for one in judges
        ]
        left = apply(self._plan.waivers, unmet, {}, lambda _item, _cases: None).criteria
        return tuple(item.asked for item in left if item.verdict is CriterionVerdict.NOT_MET)

    def _unmet_criteria(self, faults: Iterable[Fault]) -> Iterator[CriterionResult]:
        """The blocking criteria on what came of faults that are not met by now, waivers applied."""
        done = {fault.id: self._faulted[fault.id] for fault in faults if fault.id in self._faulted}
        found = [
            CriterionResult(asked=one, judged=judge_fault(one, done[one.fault]))
            for one in self._plan.criteria
            if one.fault in done
        ]
        for item in apply(self._plan.waivers, found, {}, lambda _item, _cases: None).criteria:
            if item.verdict is CriterionVerdict.NOT_MET and item.level is Level.BLOCK:
                yield item

    def _step_status(self, step: Step) -> tuple[CheckStatus, Message]:
        """The status of a step by its checks that block, and the check that keeps it from passing."""
        asked = [check for check in step.checks if check.id in self._blocking] or step.checks
        outcomes = [self._outcomes[check.id] for check in asked if check.id in self._outcomes]
        status = step_status(outcome.status for outcome in outcomes)
        for check in asked:
            outcome = self._outcomes.get(check.id)
            if outcome and outcome.status is not CheckStatus.PASSED and outcome.status is status:
                return status, fact(Code.OF_CHECK, check=check.id, why=outcome.reason)
        return status, ""

    async def _commands(
        self, step: Step, commands: Sequence[PlanCommand], when: str, *, go_on: bool = False
    ) -> Message:
        """Run the commands of `setup` or `teardown` in order, keeping what they print; stops at the first
        that fails unless `go_on`. Shape: the first trouble, empty when all went well."""
        trouble: Message = ""
        parts = self._parts
        for number, command in enumerate(commands, start=1):
            bound = command.bind(parts.target.values())
            runs = parts.containers.inside(bound.inside) if bound.inside else parts.processes
            cwd = Path() if bound.inside else bound.cwd
            done = await runs.run(Command(argv=bound.argv, cwd=cwd, env=bound.env, limit=bound.limit))
            folder = parts.evidence.folder(f"{when}-of-step-{step.id}", number)
            if done.stdout or done.stderr:
                folder.write("output.txt", done.stdout + done.stderr)
            if done.exit_code == 0:
                continue
            why = done.error or (fact(Code.LIMIT_REACHED) if done.timed_out else done.ending)
            trouble = trouble or fact(
                Code.STEP_COMMAND_FAILED,
                when=when,
                step=step.id,
                program=bound.argv[0],
                why=why,
                line=done.last_words,
            )
            if not go_on:
                break
        return trouble


def leave_out(
    checks: Iterable[Check],
    outcomes: dict[str, CheckOutcome],
    reason: Message,
    emit: Callable[[Event], None],
    clock: Clock,
    *,
    help: Message = "",
) -> None:
    """Note and tell that checks are not run; those that have ended already stay as they are."""
    for check in checks:
        if check.id in outcomes:
            continue
        outcomes[check.id] = CheckOutcome(status=CheckStatus.NOT_RUN, reason=reason, help=help)
        emit(
            CheckFinished(
                at=clock.utc(), check=check.id, status=CheckStatus.NOT_RUN, reason=reason, help=help
            )
        )


def _in_order(checks: Iterable[Check]) -> list[Check]:
    """The checks that run by themselves; those with `during` are started beside theirs."""
    return [check for check in checks if not check.asked.during]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    return group
