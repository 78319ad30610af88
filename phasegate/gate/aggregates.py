"""The measures of `step/<id>` and `run`, and how criteria on them are judged.

All of it comes from how the checks ended. A check that was not run or was errored could have had any number
of cases, so whatever would be met without it is unproven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import StrEnum

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact
from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.flaky import flaky_share
from phasegate.gate.judge import judge
from phasegate.gate.judgement import judged, no_data
from phasegate.model.aggregates import CHECKS, FLAKY_RATE
from phasegate.model.criterion import Criterion, Operator, SubjectKind
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.measures import NAMED, Measure, Number, Share
from phasegate.model.observation import CaseStatus
from phasegate.model.result import CheckResult, CheckStatus, RunResult

OBSERVED = (CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.UNPROVEN)
"""A check that ended like this was observed to its end."""


class ItemOutcome(StrEnum):
    """How an item ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


_OF_CASE = {
    CaseStatus.PASSED: ItemOutcome.PASSED,
    CaseStatus.FAILED: ItemOutcome.FAILED,
    CaseStatus.SKIPPED: ItemOutcome.SKIPPED,
    CaseStatus.LOST: ItemOutcome.SKIPPED,
}
_OF_CHECK = {
    CheckStatus.PASSED: ItemOutcome.PASSED,
    CheckStatus.FAILED: ItemOutcome.FAILED,
    CheckStatus.ERRORED: ItemOutcome.ERRORED,
    CheckStatus.UNPROVEN: ItemOutcome.SKIPPED,
    CheckStatus.NOT_RUN: ItemOutcome.SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """What the checks of one subject come to."""

    measures: Mapping[str, Measure] = field(default_factory=dict)
    """By the names of `phasegate.model.aggregates`; one that nothing was seen of is left out."""
    unseen: tuple[Fact, ...] = ()
    """Checks that were not observed to their end, with what is known of why."""
    flaky: tuple[str, ...] = ()
    """Items that passed, but not at once; at most `NAMED` of them."""
    allowed: int = 0
    """Skipped cases that the checks they belong to leave out."""


def aggregate(checks: Iterable[CheckResult], *, duration: float | None = None) -> Aggregate:
    """Everything that can be said of some checks taken together; `duration` is theirs, in seconds."""
    everything = tuple(checks)
    if not everything:
        return Aggregate()
    items = [(item, check) for check in everything for item in _items(check)]
    counts = Counter(outcome for (_, outcome), _ in items)
    missing = [name for (name, outcome), _ in items if outcome in (ItemOutcome.SKIPPED, ItemOutcome.ERRORED)]
    numbers: dict[str, Measure] = {outcome.value: Number(value=counts[outcome]) for outcome in ItemOutcome}
    share, flaky = flaky_share(everything)
    return Aggregate(
        measures={
            "pass_rate": Share(
                passed=counts[ItemOutcome.PASSED],
                total=len(items),
                sample=False,
                skipped=len(missing),
                missing=tuple(missing[:NAMED]),
            ),
            **numbers,
            "total": Number(value=len(items)),
            "duration": Number(value=duration, dimension=Dimension.TIME),
            **({FLAKY_RATE: share} if share.total else {}),
        },
        unseen=tuple(_why_unseen(check) for check in everything if not _is_observed(check)),
        flaky=flaky[:NAMED],
        allowed=sum(min(check.asked.allow_skipped, _cases_without_result(check)) for check in everything),
    )


def _cases_without_result(check: CheckResult) -> int:
    """Cases only: a check that is itself unproven was never allowed to be."""
    cases = check.seen.cases
    return sum(_OF_CASE[case.status] is ItemOutcome.SKIPPED for case in cases)


def _items(check: CheckResult) -> Iterator[tuple[str, ItemOutcome]]:
    """Name and outcome of every item of a check; see `phasegate.model.aggregates` for what is one."""
    cases = check.seen.cases
    outcomes = {_OF_CASE[case.status] for case in cases}
    for case in cases:
        yield f"{check.id}: {case.id}", _OF_CASE[case.status]
    if not _is_observed(check):
        ended = check.status in (CheckStatus.ERRORED, CheckStatus.NOT_RUN)
        yield check.id, _OF_CHECK[check.status] if ended else ItemOutcome.SKIPPED
    elif not cases or (check.status is not CheckStatus.PASSED and _OF_CHECK[check.status] not in outcomes):
        yield check.id, _OF_CHECK[check.status]


def _is_observed(check: CheckResult) -> bool:
    """Whether a check came to its end, and its attempts and cases are all there to show it."""
    last = check.last
    if check.status not in OBSERVED or last is None or last.status.value != check.status.value:
        return False
    numbers = [attempt.number for attempt in check.attempts]
    share = last.observation.measures.get("pass_rate")
    if isinstance(share, Share) and not share.sample and len(last.observation.cases) < max(1, share.total):
        return False
    return numbers == list(range(1, len(numbers) + 1))


def _why_unseen(check: CheckResult) -> Fact:
    match check.status:
        case CheckStatus.NOT_RUN:
            return fact(Code.CHECK_NOT_RUN, check=check.id, why=check.reason)
        case CheckStatus.ERRORED:
            return fact(Code.CHECK_ERRORED, check=check.id, why=check.reason)
        case _:
            return fact(Code.CHECK_NOT_WHOLE, check=check.id, status=check.status.value)


class Aggregates:
    """The aggregates of one run, each counted once however many criteria speak of it."""

    def __init__(self, run: RunResult) -> None:
        """`run` with `finished` set, as far as its duration is to be judged."""
        self._run = run
        self._known: dict[tuple[SubjectKind, str, tuple[str, ...]], Aggregate] = {}

    def judge(self, criterion: Criterion, *, without: tuple[str, ...] = ()) -> Judgement:
        """Judge a criterion on a step, the run, or how flaky a check was; `without` names checks left out."""
        if criterion.subject_kind is SubjectKind.KIND:
            return _judge_required(criterion, self._run)
        key = (criterion.subject_kind, criterion.subject, without)
        if key not in self._known:
            self._known[key] = _of_subject(self._run, criterion, without)
        return judge_aggregate(criterion, self._known[key])


def _of_subject(run: RunResult, criterion: Criterion, without: tuple[str, ...]) -> Aggregate:
    duration: float | None = None
    checks: tuple[CheckResult, ...] = ()
    match criterion.subject_kind:
        case SubjectKind.RUN:
            checks = run.checks()
            duration = run.duration
        case SubjectKind.STEP:
            step = next((step for step in run.steps if step.id == criterion.subject), None)
            if step is not None:
                checks, duration = step.checks, step.duration
        case SubjectKind.CHECK:
            checks = tuple(check for check in run.checks() if check.id == criterion.subject)
        case _:
            pass
    return aggregate((check for check in checks if check.id not in without), duration=duration)


def judge_aggregate(criterion: Criterion, whole: Aggregate) -> Judgement:
    """Judge a criterion on what checks come to; never met where one of them was not observed to its end."""
    found = judge(
        criterion,
        whole.measures.get(criterion.measure),
        confidence=None,
        allow_skipped=whole.allowed if criterion.measure == "pass_rate" else 0,
        absent="" if criterion.measure in whole.measures else _nothing(whole),
    )
    if criterion.measure == FLAKY_RATE and whole.flaky and found.n:
        found = replace(found, reason=fact(Code.FLAKY, of=found.reason, names=whole.flaky))
    if not whole.unseen or criterion.measure not in whole.measures:
        return found
    if found.verdict is CriterionVerdict.NOT_MET and not _could_rise(criterion, whole):
        return found
    reason = fact(Code.NOT_ALL_SEEN, of=found.reason, unseen=whole.unseen)
    return replace(found, verdict=CriterionVerdict.UNPROVEN, reason=reason)


def _could_rise(criterion: Criterion, whole: Aggregate) -> bool:
    """Whether a count that violates a demand might not, had the checks that are missing added to it."""
    measure, threshold = whole.measures[criterion.measure], criterion.quantity.value
    if not isinstance(measure, Number) or measure.value is None:
        return False
    return criterion.op.wants_more or (criterion.op is Operator.EQ and measure.value < threshold)


def _nothing(whole: Aggregate) -> Fact:
    return fact(Code.NOTHING_PASSED, unseen=whole.unseen) if whole.measures else fact(Code.NO_CHECK)


def required_kind(kind: str) -> Criterion:
    """The demand that a check of a kind has run."""
    return replace(
        parse_criterion(f"run.{CHECKS} >= 1"),
        subject_kind=SubjectKind.KIND,
        part=kind,
        id=f"require:{kind}",
        text=f"run.{CHECKS}[{kind}] >= 1",
    )


def _judge_required(criterion: Criterion, run: RunResult) -> Judgement:
    """Met once a blocking check of the kind was observed to its end, whatever it found; else unproven."""
    kind = criterion.part
    checks = [check for check in run.checks() if check.asked.kind == kind and check.blocking]
    if not checks:
        return no_data(criterion, fact(Code.NO_BLOCKING_KIND, kind=kind), n=0)
    seen = [check.id for check in checks if _is_observed(check)]
    if not seen:
        unseen = tuple(_why_unseen(check) for check in checks)
        return no_data(criterion, fact(Code.NO_KIND_SEEN, kind=kind, unseen=unseen), n=0)
    return judged(
        criterion,
        verdict=CriterionVerdict.MET,
        observed=fact(Code.OF_KIND, passed=len(seen), total=len(checks), kind=kind),
        n=len(checks),
        reason=fact(Code.REQUIRED_KIND, checks=tuple(seen)),
    )
