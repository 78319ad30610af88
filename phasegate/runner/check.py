"""One check to its end: attempts with retry around them, each judged, the last one decides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import PhasegateError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.gate.judging import closing, judge_attempt
from phasegate.gate.verdict import INTERRUPTED, attempt_status, is_flaky
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
from phasegate.model.waiver import Waiver
from phasegate.plan.asked.plan import Check
from phasegate.plan.written.plan import RetryWritten
from phasegate.runner.attempt import AttemptRequest, observe
from phasegate.runner.deciding import Decider, Watch
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
    watches: Sequence[Watch] = (),
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
            earlier=tried[-1].result.observation.cases if tried else (),
            cases=cases,
            accompanies=accompanies,
            decider=Decider(criteria=criteria) if check.asked.until_decided else None,
            watches=watches,
        )
        tried.append(await _attempt(asked, criteria, waivers, parts))
        return tried[-1]

    try:
        last = await attempt()
        while (
            len(tried) < check.retry.attempts and not stop.reason and _tries_again(last.result, check.retry)
        ):
            wait = _wait(check.retry, len(tried))
            parts.emit(
                RetryScheduled(
                    at=parts.clock.utc(),
                    check=check.id,
                    next_number=len(tried) + 1,
                    wait=wait,
                    because=last.result.why,
                )
            )
            await parts.clock.sleep(wait)
            last = await attempt()
    except (asyncio.CancelledError, PhasegateError) as error:
        _tell(check, tried, CheckStatus.ERRORED, reason_of_end(error, stop), began, parts)
        raise
    status = CheckStatus(last.result.status.value)
    reason = last.result.why
    _tell(check, tried, status, reason, began, parts)
    return CheckOutcome(status=status, reason=reason, observation=last.result.observation, waived=last.waived)


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
            asked=one, judged=judge_attempt(one, asked.check.asked, observation, baselines=parts.baselines)
        )
        for one in criteria
    ]
    status, reason = _stands(judged, observation)
    waived = status is AttemptStatus.FAILED and bool(waivers)
    if waived:
        waived_ones = waive_attempt(waivers, asked.check, judged, observation, parts.baselines)
        waived = _stands(waived_ones, observation)[0] is not AttemptStatus.FAILED
    return _Tried(
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
        reason=reason,
        observation=observation,
    )
    parts.emit(AttemptFinished(at=parts.clock.utc(), check=asked.check.id, attempt=result))
    return result


def _tell(
    check: Check, tried: Sequence[_Tried], status: CheckStatus, reason: Message, began: float, parts: Parts
) -> None:
    statuses = [item.result.status for item in tried]
    cases: tuple[Case, ...] = tried[-1].result.observation.cases if tried else ()
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


def _tries_again(last: AttemptResult, retry: RetryWritten) -> bool:
    return last.status is AttemptStatus.ERRORED or (last.status is AttemptStatus.FAILED and retry.on_fail)


def _wait(retry: RetryWritten, tried: int) -> float:
    """Seconds until the next attempt."""
    longest = LONGEST_WAIT if retry.max_wait is None else retry.max_wait
    return min(retry.wait * retry.backoff ** (tried - 1), longest) + random.uniform(0, retry.jitter)
