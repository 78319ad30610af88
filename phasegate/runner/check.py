"""One check to its end: attempts with retry around them, each judged, the last one decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_exponential, wait_random
from tenacity.wait import WaitBaseT

from phasegate.base.errors import PhasegateError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.gate.judging import closing, judge_attempt
from phasegate.gate.verdict import INTERRUPTED, attempt_status, is_flaky
from phasegate.gate.waivers import Waiver
from phasegate.model.criterion import PlanCriterion
from phasegate.model.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    CheckStarted,
    RetryScheduled,
)
from phasegate.model.observation import Case, Observation
from phasegate.model.result import AttemptResult, AttemptStatus, CheckStatus, CriterionResult
from phasegate.plan.asked.plan import Check, Retry
from phasegate.runner.attempt import AttemptRequest, observe
from phasegate.runner.deciding import Decider
from phasegate.runner.waiving import waive_attempt
from phasegate.runner.world import Parts, Stop

LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """How a check ended; `observation` is the deciding one, None when it was not run."""

    status: CheckStatus
    reason: Message = ""
    help: Message = ""
    observation: Observation | None = None
    waived: bool = False
    """Whether it failed, and waivers cover all that made it fail."""

    @property
    def defect(self) -> Message:
        """What went wrong inside phasegate; empty where nothing did."""
        of_ours = isinstance(self.reason, Fact) and self.reason.code is Code.DEFECT
        return self.reason if self.status is CheckStatus.ERRORED and of_ours else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """One attempt as judged."""

    observation: Observation
    result: AttemptResult
    waived: bool


async def run_check(
    check: Check,
    criteria: Sequence[PlanCriterion],
    parts: Parts,
    *,
    stop: Stop,
    cases: tuple[str, ...] = (),
    accompanies: bool = False,
    waivers: Sequence[Waiver] = (),
) -> CheckOutcome:
    """Observe and judge a check until an attempt settles it, telling everything as events.

    Errors: PhasegateError where the record cannot be kept; CancelledError. The check is told as errored.
    """
    began = parts.clock.now()
    tried: list[_Tried] = []
    parts.emit(CheckStarted(at=parts.clock.utc(), check=check.id))

    async def attempt() -> _Tried:
        asked = AttemptRequest(
            check=check,
            number=len(tried) + 1,
            stop=stop,
            earlier=tried[-1].observation.cases if tried else (),
            cases=cases,
            accompanies=accompanies,
            decider=Decider(criteria=criteria) if check.until_decided else None,
        )
        tried.append(await _attempt(asked, criteria, waivers, parts))
        return tried[-1]

    def again(state: RetryCallState) -> bool:
        broken = state.outcome is not None and state.outcome.failed
        return not broken and not stop.reason and _tries_again(tried[-1].result, check.retry)

    def scheduled(state: RetryCallState) -> None:
        last = tried[-1].result
        parts.emit(
            RetryScheduled(
                at=parts.clock.utc(),
                check=check.id,
                next_number=len(tried) + 1,
                wait=state.next_action.sleep if state.next_action else 0.0,
                because=last.error or last.reason,
            )
        )

    retrying = AsyncRetrying(
        stop=stop_after_attempt(check.retry.attempts),
        wait=_waits(check.retry),
        retry=again,
        sleep=parts.clock.sleep,
        before_sleep=scheduled,
        retry_error_callback=lambda state: tried[-1],
    )
    try:
        await (attempt() if check.retry.attempts == 1 else retrying(attempt))
    except (asyncio.CancelledError, PhasegateError) as error:
        _tell(check, tried, CheckStatus.ERRORED, reason_of_end(error, stop), began, parts)
        raise
    last = tried[-1]
    status = CheckStatus(last.result.status.value)
    reason = last.result.error or last.result.reason
    _tell(check, tried, status, reason, began, parts)
    return CheckOutcome(status=status, reason=reason, observation=last.observation, waived=last.waived)


async def _attempt(
    asked: AttemptRequest, criteria: Sequence[PlanCriterion], waivers: Sequence[Waiver], parts: Parts
) -> _Tried:
    started, began = parts.clock.utc(), parts.clock.now()
    parts.emit(AttemptStarted(at=started, check=asked.check.id, number=asked.number))
    try:
        observation = await observe(asked, parts)
    except (asyncio.CancelledError, PhasegateError) as error:
        observation = Observation(error=reason_of_end(error, asked.stop))
        _finish(asked, observation, AttemptStatus.ERRORED, "", started, began, parts)
        raise
    judged = [
        CriterionResult(
            asked=one, judged=judge_attempt(one, asked.check, observation, baselines=parts.baselines)
        )
        for one in criteria
    ]
    status, reason = _stands(judged, observation)
    waived = status is AttemptStatus.FAILED and bool(waivers)
    if waived:
        waived_ones = waive_attempt(waivers, asked.check, judged, observation, parts.baselines)
        waived = _stands(waived_ones, observation)[0] is not AttemptStatus.FAILED
    return _Tried(
        observation=observation,
        result=_finish(asked, observation, status, reason, started, began, parts),
        waived=waived,
    )


def reason_of_end(error: BaseException, stop: Stop) -> Message:
    """Why a check did not come to its end: the record could not be kept, or the run was stopped."""
    return error.message if isinstance(error, PhasegateError) else stop.reason or INTERRUPTED


def _stands(judged: Sequence[CriterionResult], observation: Observation) -> tuple[AttemptStatus, Message]:
    """The status of an attempt, and why it is not passed."""
    status = attempt_status(((item.level, item.verdict) for item in judged), error=observation.error)
    decisive = closing(judged)
    if observation.error is not None or decisive is None:
        return status, "" if judged else fact(Code.NO_CRITERION)
    return status, fact(Code.DECISIVE, expression=decisive.asked.expression, why=decisive.reason)


def _finish(
    asked: AttemptRequest,
    observation: Observation,
    status: AttemptStatus,
    reason: Message,
    started: datetime,
    began: float,
    parts: Parts,
) -> AttemptResult:
    result = AttemptResult(
        number=asked.number,
        status=status,
        started=started,
        duration=parts.clock.now() - began,
        error=observation.error or "",
        reason=reason,
        measures=observation.measures,
        parts=observation.parts,
        cases=observation.cases,
        evidence=observation.evidence,
        notes=observation.notes,
        causes=observation.causes,
        timeline=observation.timeline,
        timeline_from=observation.timeline_from,
        decisions=observation.decisions,
        absent=observation.absent,
    )
    parts.emit(AttemptFinished(at=parts.clock.utc(), check=asked.check.id, attempt=result))
    return result


def _tell(
    check: Check, tried: Sequence[_Tried], status: CheckStatus, reason: Message, began: float, parts: Parts
) -> None:
    statuses = [item.result.status for item in tried]
    cases: tuple[Case, ...] = tried[-1].observation.cases if tried else ()
    parts.emit(
        CheckFinished(
            at=parts.clock.utc(),
            check=check.id,
            status=status,
            reason=reason,
            flaky=status is CheckStatus.PASSED
            and (is_flaky(statuses) or any(case.flaky for case in cases if case.earlier)),
            duration=parts.clock.now() - began,
        )
    )


def _tries_again(last: AttemptResult, retry: Retry) -> bool:
    return last.status is AttemptStatus.ERRORED or (last.status is AttemptStatus.FAILED and retry.on_fail)


def _waits(retry: Retry) -> WaitBaseT:
    longest = LONGEST_WAIT if retry.max_wait is None else retry.max_wait
    growing = wait_exponential(multiplier=retry.wait, exp_base=retry.backoff, max=longest)
    return growing + wait_random(0, retry.jitter)
