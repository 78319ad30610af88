"""The result of a run: what `result.json` holds and every report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, fact
from phasegate.model.approval import Approval, Signatures
from phasegate.model.criterion import Level, PlanCriterion, subject_text
from phasegate.model.dataclass_json import Transient
from phasegate.model.fact_json import JsonCauses, JsonFact, JsonMessage
from phasegate.model.faults import RUN_ENDED_BEFORE, FaultResult
from phasegate.model.judgement import CriterionVerdict, Decision, Judgement
from phasegate.model.measure_json import JsonMeasure
from phasegate.model.measures import Chart
from phasegate.model.observation import Case, JsonAbsent, Series

SCHEMA = "phasegate.result/2"
SOON = 14
"""Days before its end from which a waiver is warned of."""


class Verdict(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class WaiverState(StrEnum):
    USED = "used"
    """A criterion is waived, or has nothing left to judge, through it."""
    NOT_ENOUGH = "not_enough"
    """It covers what failed, and the criterion does not hold without that either."""
    UNUSED = "unused"
    """Nothing needed it."""
    TOO_WIDE = "too_wide"
    """A pattern of it matches more than it may, so it covers nothing."""
    EXPIRED = "expired"


class CheckStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"
    ERRORED = "errored"
    NOT_RUN = "not_run"


class AttemptStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"
    ERRORED = "errored"


_BROKEN = frozenset({AttemptStatus.ERRORED, AttemptStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class WaivedCriterion:
    """What waivers made of a criterion."""

    verdict: CriterionVerdict
    by: tuple[str, ...]
    """Ids of the waivers."""
    cases: tuple[str, ...] = ()
    """Ids of the cases that they cover, where it was judged again without those."""
    rest: Judgement | None = None
    """How it is judged without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """One criterion: what was asked, and how it was judged."""

    asked: PlanCriterion
    judged: Judgement
    waived: WaivedCriterion | None = None
    """None where no waiver changed it."""
    remark: JsonFact | None = None
    """What else a reader must know of the figure."""

    @property
    def id(self) -> str:
        return self.asked.id

    @property
    def level(self) -> Level:
        return self.asked.level

    @property
    def subject(self) -> str:
        """The check or fault, `step/<id>`, `target/<id>` or `run` it speaks of."""
        asked = self.asked.criterion
        return subject_text(asked.subject_kind, asked.subject, "")

    @property
    def part(self) -> str:
        return self.asked.criterion.part

    @property
    def measure(self) -> str:
        return self.asked.criterion.measure

    @property
    def verdict(self) -> CriterionVerdict:
        return self.judged.verdict if self.waived is None else self.waived.verdict

    @property
    def reason(self) -> Fact:
        """Why this verdict."""
        why, waived = self.judged.reason, self.waived
        if waived is not None:
            rest = None if waived.rest is None else waived.rest.reason
            why = fact(
                Code.WAIVED if waived.verdict is CriterionVerdict.WAIVED else Code.NOTHING_LEFT,
                of=why,
                by=waived.by,
                cases=waived.cases,
                rest=rest,
            )
        return why if self.remark is None else fact(Code.JOINED, parts=(why, self.remark))

    @property
    def is_evidence(self) -> bool:
        """Whether it shows that something passed: by all that was seen, or by what no waiver covers."""
        if self.verdict is CriterionVerdict.WAIVED and (self.waived is None or self.waived.rest is None):
            return False
        return self.asked.proves and self.verdict in (CriterionVerdict.MET, CriterionVerdict.WAIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    number: int
    status: AttemptStatus
    started: datetime
    duration: float
    """Seconds."""
    error: JsonMessage = ""
    """Why it was errored."""
    reason: JsonMessage = ""
    """Why it failed or is unproven: the first criterion that closed it."""
    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, JsonMeasure]] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    evidence: tuple[str, ...] = ()
    notes: tuple[JsonMessage, ...] = ()
    causes: JsonCauses = field(default_factory=dict)
    timeline: tuple[Series, ...] = ()
    timeline_from: datetime | None = None
    """When the seconds of the timeline begin; None: with the attempt."""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """Criteria that were decided before the sample was complete, by id."""
    absent: JsonAbsent = field(default_factory=dict)
    """Why a measure is not there, by part (empty for the whole) and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRecord:
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    id: str
    kind: str
    step: str | None
    """None for checks under `gate`."""
    title: str = ""
    summary: JsonMessage = ""
    """What it observes in a few words: `GET /health, 100 probes`."""
    status: CheckStatus = CheckStatus.NOT_RUN
    reason: JsonMessage = RUN_ENDED_BEFORE
    """Why it did not run, failed or was errored; empty when it passed."""
    help: JsonMessage = ""
    """What would make it run, such as the command that installs a missing tool."""
    blocking: bool = True
    flaky: bool = False
    started: datetime | None = None
    duration: float | None = None
    """Seconds over all attempts, waits included."""
    attempts: tuple[AttemptResult, ...] = ()
    source: str = ""
    sha256: str = ""
    """Of kind, parameters and the files they name; the same in two runs that did the same."""
    during: str = ""
    """`run`, or the check that it goes beside; empty where it runs by itself."""
    allow_skipped: int = 0
    """Skipped cases that its plan leaves out of the census."""
    until_decided: bool = False
    """Whether its sample could end because of what was seen, so that its bounds had to hold all along."""
    chances: int = 1
    """Attempts that it has to meet its criteria."""
    charts: Mapping[str, Chart] = field(default_factory=dict)
    """How its measures are drawn over time, by name."""
    package: ToolRecord | None = None
    """The package that its kind comes from; None for phasegate's own."""
    is_load: bool = False
    """Whether it puts the target under load, so that what the target used meanwhile is drawn with it."""

    @property
    def last(self) -> AttemptResult | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def flaky_itself(self) -> bool:
        """Passed only when tried again, and its cases do not tell: one was errored, or no case is flaky."""
        before = {attempt.status for attempt in self.attempts[:-1]}
        if self.status is not CheckStatus.PASSED or not before & _BROKEN:
            return False
        return AttemptStatus.ERRORED in before or not any(case.flaky for case in self.attempts[-1].cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step with its people-facing content and its checks."""

    id: str
    title: str = ""
    purpose: str = ""
    work: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    owner: str = ""
    priority: str = ""
    estimate: str = ""
    tags: tuple[str, ...] = ()
    status: CheckStatus = CheckStatus.NOT_RUN
    reason: JsonMessage = ""
    started: datetime | None = None
    duration: float | None = None
    checks: tuple[CheckResult, ...] = ()
    faults: tuple[FaultResult, ...] = ()
    """What was done to the target on purpose during its checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    path: str
    sha256: str
    files: tuple[EvidenceFile, ...] = ()
    """Every further file the plan names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """The policy that the plan was held against."""

    name: str
    path: str
    sha256: str
    distinct_approver: bool = False
    """Whether the owner of the plan may not approve the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """One entry of the target as it was in this run."""

    id: str
    kind: str
    """`process`, `external` or `container`."""
    url: str = ""
    command: tuple[str, ...] = ()
    ready_after: float | None = None
    """Seconds until ready; None when it never was, or is external."""
    exit_code: int | None = None
    """Set when it ended before it was taken down."""
    log: str = ""
    """Path of its log below the run's folder."""
    error: JsonMessage = ""
    log_tail: tuple[str, ...] = ()
    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    """What a process used while it was up; see `phasegate.model.resources`."""
    timeline: tuple[Series, ...] = ()
    """The same over time, from `sampled_from` on."""
    sampled_from: datetime | None = None
    """When the first sample was taken; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What `--step`, `--check`, `--case` and `--tag` narrowed the run to."""

    steps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    criteria_selected: int = 0
    criteria_total: int = 0

    @property
    def narrowed(self) -> bool:
        return bool(self.steps or self.checks or self.cases or self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The plan's content that is for people only."""

    goal: str = ""
    owner: str = ""
    approver: str = ""
    due: str = ""
    risks: tuple[Mapping[str, Any], ...] = ()
    """`title`, `impact`, `likelihood`, `measures`."""
    schedule: tuple[Any, ...] = ()
    next: tuple[Any, ...] = ()
    known: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRecord:
    """An earlier run that passed, and what it measured where criteria are held against it."""

    path: str
    """Its folder."""
    run: str
    file: str
    """The file that stands for its record: `result.json`, or `events.jsonl` where that is all there is."""
    sha256: str
    """Of that file."""
    started: datetime | None = None
    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    """By id of the criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverResult:
    """A waiver of the plan, and what became of it in this run."""

    id: str
    covers: tuple[str, ...]
    """As written: criterion ids, `check/case`, patterns."""
    owner: str
    approver: str
    reason: str
    ticket: str
    expires: date
    """Its last day, UTC."""
    days_left: int
    """On the day of the run: 0 on its last day, negative after it."""
    state: WaiverState = WaiverState.UNUSED
    criteria: tuple[str, ...] = ()
    """Criteria that it covers by id and that needed it."""
    cases: tuple[str, ...] = ()
    """`check/case` of every case that it covers and that did not pass."""
    message: JsonMessage = ""
    """Why it covers nothing, or what of it; empty when there is nothing to say."""
    source: str = ""
    """`file:line` in the waivers file."""

    @property
    def ends_soon(self) -> bool:
        return 0 <= self.days_left <= SOON


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    run: str
    phase: str
    title: str
    verdict: Verdict
    exit_code: int
    reason: JsonMessage
    """Why this verdict."""
    plan: PlanRecord
    tool: ToolRecord
    started: datetime
    schema: str = SCHEMA
    finished: datetime | None = None
    """None when the record ends without an end, after a crash."""
    clock_moved: float = 0.0
    """Seconds by which the calendar clock moved during the run. Times of the record do not follow it: they
    count on from `started`."""
    suspended: float = 0.0
    """Seconds of that in which the machine was suspended."""
    interrupted: JsonMessage = ""
    """What ended the run early: a signal, a limit, a full disk."""
    seed: int = 0
    confidence: float = 0.95
    command: tuple[str, ...] = ()
    """The command line, to run it again."""
    environment: Mapping[str, JsonMessage] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    people: People = People()
    target: tuple[TargetRecord, ...] = ()
    selection: Selection = Selection()
    warnings: tuple[JsonMessage, ...] = ()
    criteria: tuple[CriterionResult, ...] = ()
    steps: tuple[StepResult, ...] = ()
    gate_checks: tuple[CheckResult, ...] = ()
    evidence: tuple[EvidenceFile, ...] = ()
    baselines: tuple[BaselineRecord, ...] = ()
    env: str = ""
    """The environment that was chosen; empty for the plan as it is."""
    policy: PolicyRecord | None = None
    waivers: tuple[WaiverResult, ...] = ()
    unwaived: Verdict | None = None
    """The verdict without waivers; set when any of them changed something."""
    approvals: tuple[Approval, ...] = ()
    """Who must approve; none of it changes the verdict."""
    signatures: Annotated[Signatures | None, Transient()] = None
    """What people decided since, for reports; not part of `result.json`, which they sign."""

    @property
    def ended(self) -> datetime | None:
        """When it ended by the calendar clock that people decide by since."""
        return None if self.finished is None else self.finished + timedelta(seconds=self.clock_moved)

    @property
    def duration(self) -> float | None:
        """Seconds; None without an end, or with one before the start, as an older version could write it."""
        if self.finished is None or self.finished < self.started:
            return None
        return (self.finished - self.started).total_seconds()

    def checks(self) -> tuple[CheckResult, ...]:
        """All checks: those of the steps in order, then those of the gate."""
        return tuple(check for step in self.steps for check in step.checks) + self.gate_checks

    def faults(self) -> tuple[FaultResult, ...]:
        """What was done to the target on purpose, step by step."""
        return tuple(fault for step in self.steps for fault in step.faults)
