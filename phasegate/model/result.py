"""The result of a run: what `result.json` holds and every report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from phasegate.base.dataclass import dataclass
from phasegate.base.dataclass_json import Transient
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.approval import Approval, Signatures
from phasegate.model.criterion import Level, PlanCriterion, subject_text
from phasegate.model.fact_json import JsonFact, JsonMessage
from phasegate.model.faults import RUN_ENDED_BEFORE, FaultResult
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.lines import JudgedLine, Line, Risk, items, judge_lines
from phasegate.model.measure_json import JsonMeasure
from phasegate.model.measures import Chart
from phasegate.model.observation import Observation, Series
from phasegate.model.waiver import Waiver

SCHEMA = "phasegate.result/2"


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
    """The verdict with the waivers: `waived`, or `not_met` where they are not enough."""
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
    """What was asked."""
    judged: Judgement
    """How it was judged, waivers left out."""
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
    """Which attempt it is, from 1."""
    status: AttemptStatus
    """What the attempt came to."""
    started: datetime
    """When it began, UTC."""
    duration: float
    """Seconds."""
    reason: JsonMessage = ""
    """Why it failed or is unproven: the first criterion that closed it."""
    observation: Observation
    """What it saw."""

    @property
    def why(self) -> Message:
        """Why it did not pass."""
        return self.observation.error or self.reason

    @property
    def zero(self) -> datetime:
        """When the seconds of its timeline begin."""
        return self.observation.timeline_from or self.started


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRecord:
    name: str
    """The name of the program or package."""
    version: str
    """Its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCheck:
    """What the plan says of a check that its result is read with."""

    id: str
    """The id of the check."""
    kind: str
    """The kind of the check."""
    step: str | None = None
    """None for checks under `gate`."""
    title: str = ""
    """What reports call it."""
    summary: JsonMessage = ""
    """What it observes in a few words: `GET /health, 100 probes`."""
    source: str = ""
    """`file:line` in the plan."""
    sha256: str = ""
    """Of kind, parameters and the files they name, without secrets and addresses; the same in two runs that
    did the same."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """A check and what came of it."""

    asked: PlanCheck
    """What the plan says of it."""
    status: CheckStatus = CheckStatus.NOT_RUN
    """What the check came to."""
    reason: JsonMessage = RUN_ENDED_BEFORE
    """Why it did not run, failed or was errored; empty when it passed."""
    help: JsonMessage = ""
    """What would make it run, such as the command that installs a missing tool."""
    blocking: bool = True
    """Whether it must hold: a blocking criterion rests on it."""
    flaky: bool = False
    """Whether it passed only when something was tried again."""
    started: datetime | None = None
    """When its first attempt began, UTC; None where it did not run."""
    duration: float | None = None
    """Seconds over all attempts, waits included."""
    attempts: tuple[AttemptResult, ...] = ()
    """Its attempts in order; the last one decides."""

    @property
    def id(self) -> str:
        return self.asked.id

    @property
    def last(self) -> AttemptResult | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def seen(self) -> Observation:
        """What its last attempt saw; nothing without one."""
        return self.attempts[-1].observation if self.attempts else Observation()

    @property
    def flaky_itself(self) -> bool:
        """Passed only when tried again, and its cases do not tell: one was errored, or no case is flaky."""
        before = {attempt.status for attempt in self.attempts[:-1]}
        if self.status is not CheckStatus.PASSED or not before & _BROKEN:
            return False
        return AttemptStatus.ERRORED in before or not any(case.flaky for case in self.seen.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """What the plan says of a step for people."""

    id: str
    """The id of the step."""
    title: str = ""
    """What reports call it."""
    purpose: str = ""
    """What the step is for."""
    work: tuple[Line, ...] = ()
    """What is done in it."""
    outcomes: tuple[Line, ...] = ()
    """What there is when it is done."""
    owner: str = ""
    """Who answers for it."""
    priority: str = ""
    """How much it matters; empty where the plan does not say."""
    estimate: str = ""
    """How long it was thought to take, as written."""
    tags: tuple[str, ...] = ()
    """Words to choose steps by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step and what came of it."""

    asked: PlanStep
    """What the plan says of it."""
    status: CheckStatus = CheckStatus.NOT_RUN
    """What its checks came to together."""
    reason: JsonMessage = ""
    """Why it did not run; empty when it did."""
    started: datetime | None = None
    """When it began, UTC; None where it did not run."""
    duration: float | None = None
    """Seconds, setup and teardown included."""
    checks: tuple[CheckResult, ...] = ()
    """Its checks in the order of the plan."""
    faults: tuple[FaultResult, ...] = ()
    """What was done to the target on purpose during its checks."""

    @property
    def id(self) -> str:
        return self.asked.id


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFile:
    path: str
    """The path of the file; that of evidence is below the run's folder."""
    sha256: str
    """The SHA-256 of its content, in hex."""
    bytes: int
    """Its size in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    path: str
    """The path of the plan, as it was named."""
    sha256: str
    """The SHA-256 of the plan, in hex."""
    files: tuple[EvidenceFile, ...] = ()
    """Every further file the plan names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """The policy that the plan was held against."""

    name: str
    """Its title, or the name of its file."""
    path: str
    """The path of the policy, as it was named."""
    sha256: str
    """The SHA-256 of the policy, in hex."""
    distinct_approver: bool = False
    """Whether the owner of the plan may not approve the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """One entry of the target as it was in this run."""

    id: str
    """The id of the entry."""
    kind: str
    """`process`, `external` or `container`."""
    url: str = ""
    """Its address."""
    command: tuple[str, ...] = ()
    """The program and its arguments; empty where nothing was started."""
    ready_after: float | None = None
    """Seconds until ready; None when it never was, or is external."""
    exit_code: int | None = None
    """Set when it ended before it was taken down."""
    log: str = ""
    """Path of its log below the run's folder."""
    error: JsonMessage = ""
    """Why it did not come up, or ended; empty where neither."""
    log_tail: tuple[str, ...] = ()
    """The last lines of its log, where something went wrong with it."""
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
    """Values of `--step`."""
    checks: tuple[str, ...] = ()
    """Values of `--check`."""
    cases: tuple[str, ...] = ()
    """Values of `--case`."""
    tags: tuple[str, ...] = ()
    """Values of `--tag`."""
    criteria_selected: int = 0
    """How many criteria were judged."""
    criteria_total: int = 0
    """How many criteria the plan has."""

    @property
    def narrowed(self) -> bool:
        return bool(self.steps or self.checks or self.cases or self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What the plan says of the phase for people, and the lines of it that belong to no step."""

    goal: str = ""
    """What is reached when the phase may end."""
    owner: str = ""
    """Who answers for the phase."""
    approver: str = ""
    """Who decides on it."""
    created: str = ""
    """When the plan was written, as written."""
    updated: str = ""
    """When the plan was last changed, as written."""
    due: str = ""
    """When it is to end, as written."""
    done: tuple[Line, ...] = ()
    """What the plan claims to be done."""
    known: tuple[Line, ...] = ()
    """What is known and let be."""
    risks: tuple[Risk, ...] = ()
    """What may go wrong."""
    schedule: tuple[Line, ...] = ()
    """When what happens."""
    outcomes: tuple[Line, ...] = ()
    """What there is when the phase is done."""
    after: tuple[Line, ...] = ()
    """The state after the phase."""
    next: tuple[Line, ...] = ()
    """What comes after the phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRecord:
    """An earlier run that passed, and what it measured where criteria are held against it."""

    path: str
    """Its folder."""
    run: str
    """The id of that run."""
    file: str
    """The file that stands for its record: `result.json`, or `events.jsonl` where that is all there is."""
    sha256: str
    """Of that file."""
    started: datetime | None = None
    """When that run began, UTC."""
    measures: Mapping[str, JsonMeasure] = field(default_factory=dict)
    """By id of the criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverResult:
    """A waiver of the plan, and what became of it in this run."""

    asked: Waiver
    """What the plan says of it."""
    state: WaiverState = WaiverState.UNUSED
    """What it was good for in this run."""
    criteria: tuple[str, ...] = ()
    """Criteria that it covers by id and that needed it."""
    cases: tuple[str, ...] = ()
    """`check/case` of every case that it covers and that did not pass."""
    message: JsonMessage = ""
    """Why it covers nothing, or what of it; empty when there is nothing to say."""

    @property
    def id(self) -> str:
        return self.asked.id


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    run: str
    """The id of the run: the phase and the time at which it began."""
    phase: str
    """The id of the phase."""
    title: str
    """The title of the plan."""
    verdict: Verdict
    """PASS, FAIL or INCONCLUSIVE."""
    exit_code: int
    """The exit code of the run."""
    reason: JsonMessage
    """Why this verdict."""
    plan: PlanRecord
    """The plan, with every file that it names."""
    tool: ToolRecord
    """The phasegate that ran."""
    started: datetime
    """When the run began, UTC."""
    schema: str = SCHEMA
    """The format of this document."""
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
    """The seed of all that was random."""
    confidence: float = 0.95
    """The plan's confidence for bounds, as a share: 0.95."""
    command: tuple[str, ...] = ()
    """The command line, to run it again."""
    environment: Mapping[str, JsonMessage] = field(default_factory=dict)
    """The machine, its programs and the images that ran, by name."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The values of the plan's variables, by name."""
    people: People = People()
    """What the plan says for people, and its lines."""
    target: tuple[TargetRecord, ...] = ()
    """The entries of the target."""
    selection: Selection = Selection()
    """What the run was narrowed to."""
    warnings: tuple[JsonMessage, ...] = ()
    """What a reader must know beside the verdict."""
    criteria: tuple[CriterionResult, ...] = ()
    """Every criterion, with its judgement."""
    steps: tuple[StepResult, ...] = ()
    """The steps in the order of the plan, with their checks."""
    gate_checks: tuple[CheckResult, ...] = ()
    """The checks that went on during the whole run."""
    evidence: tuple[EvidenceFile, ...] = ()
    """Every file that was kept as evidence."""
    baselines: tuple[BaselineRecord, ...] = ()
    """The earlier runs that criteria were held against."""
    env: str = ""
    """The environment that was chosen; empty for the plan as it is."""
    policy: PolicyRecord | None = None
    """The policy that the plan was held against; None without one."""
    waivers: tuple[WaiverResult, ...] = ()
    """The waivers of the plan, and what became of each."""
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

    def verdicts(self) -> Mapping[str, CriterionVerdict]:
        """How every criterion was judged, by id, for the lines of the plan.

        What is met by the cases that `--case` left is unproven: nobody saw the others.
        """
        found = {one.id: one.verdict for one in self.criteria}
        if not self.selection.cases:
            return found
        met, unproven = CriterionVerdict.MET, CriterionVerdict.UNPROVEN
        return {id: unproven if verdict is met else verdict for id, verdict in found.items()}

    def lines(self) -> tuple[JudgedLine, ...]:
        """Every line of the plan, headings left out: step by step, then those of the phase."""
        people, verdicts = self.people, self.verdicts()
        lists = (
            *(lines for step in self.steps for lines in (step.asked.work, step.asked.outcomes)),
            people.done,
            people.known,
            *(risk.measures for risk in people.risks),
            people.schedule,
            people.outcomes,
            people.after,
            people.next,
        )
        return tuple(line for lines in lists for line in items(judge_lines(lines, verdicts)))
