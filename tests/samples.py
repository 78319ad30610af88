"""Results of runs for tests of whatever reads one: as the shipped plan would give them, and hostile."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from phasegate.base.errors import Position
from phasegate.base.facts import Code, Message, fact, lines
from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judging import judge_run, unjudged
from phasegate.gate.verdict import decide
from phasegate.kinds import KINDS
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.faults import Act, FaultResult, FaultStatus, PlanFault
from phasegate.model.histogram import Histogram
from phasegate.model.lines import Line, Risk
from phasegate.model.measures import Chart, Distribution, Gauge, Number, Share, charts_of
from phasegate.model.observation import (
    Case,
    CaseAttempt,
    CaseStatus,
    Observation,
    Series,
    census,
    census_by_part,
)
from phasegate.model.result import (
    AttemptResult,
    AttemptStatus,
    CheckResult,
    CheckStatus,
    CriterionResult,
    EvidenceFile,
    People,
    PlanCheck,
    PlanRecord,
    PlanStep,
    RunResult,
    Selection,
    StepResult,
    TargetRecord,
    ToolRecord,
    Verdict,
)

AT = Position(file="plans/phase4.yaml", line=64)
START = datetime(2025, 7, 16, 9, 31, 12, tzinfo=UTC)
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"
    "\x00\x07\x1b[31mred\x1b[0m\u202egnp.exe\u2066\ufffe {{ 7*7 }} ]]> --> javascript:alert(3) "
)
"""Everything that has ever broken out of a report, in one text."""
FAULT = lines(
    fact(Code.MISMATCH, what="status", expected=("2xx",), actual=500),
    fact(
        Code.ANSWER,
        text='{"error": {"code": "APPLICATION_DATA", '
        '"message": "Requested application data is not configured correctly"}}',
    ),
)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@functools.cache
def latencies(n: int, typical: float, *, failed: int = 0, span: float | None = 10.0) -> Distribution:
    """Durations that look like a service's: most near `typical` seconds, few far above."""
    values = [typical * (0.7 + 0.6 * ((i * 7919) % 1000) / 1000 + 3.0 * (i % 97 == 0)) for i in range(n)]
    return Distribution(good=Histogram.of_seconds(values), failed=failed, span=span)


@functools.cache
def passing_run() -> RunResult:
    """PASS: every criterion met, one flaky case, one criterion of level warn not met, a load chart."""
    checks = _application_checks(faulty=False)
    steps = (
        _application_step(checks, CheckStatus.PASSED),
        replace(_e2e_step((_node(), _steady()), CheckStatus.PASSED), faults=_faults()[:1]),
    )
    return judged(
        replace(
            _run(),
            finished=after(48.213),
            criteria=(*_application_criteria(), *_e2e_criteria(), *_gate_criteria()),
            steps=steps,
            gate_checks=(_uptime(),),
        )
    )


@functools.cache
def failing_run() -> RunResult:
    """FAIL: the API answers 500 where it should not, a load check misses its limit, health stays green."""
    good = passing_run()
    checks = _application_checks(faulty=True)
    steps = (
        _application_step(checks, CheckStatus.FAILED),
        replace(
            _e2e_step((_node(), _overloaded()), CheckStatus.FAILED),
            faults=(*_faults(), _never_back(), _not_undone()),
        ),
    )
    return judged(
        replace(
            good,
            steps=steps,
            variables={"version": "0.2.0", "fault": "app-data"},
            command=("phasegate", "run", "plans/phase4.yaml", "--set", "fault=app-data"),
        )
    )


@functools.cache
def inconclusive_run() -> RunResult:
    """INCONCLUSIVE: narrowed, a missing tool, too few samples, skipped, lost and deselected cases."""
    good = passing_run()
    suite_cases = (
        *_cases("test_python.py", 4),
        Case(
            id="test_python.py::test_gpu",
            name="test_gpu",
            part="test_python.py",
            status=CaseStatus.SKIPPED,
            message="no GPU on this machine",
        ),
        Case(
            id="test_python.py::test_crash", name="test_crash", part="test_python.py", status=CaseStatus.LOST
        ),
    )
    python = _check(
        "python",
        "e2e",
        "e2e",
        title="Functions in Python",
        summary="pytest checks/e2e/test_python.py",
        status=CheckStatus.UNPROVEN,
        reason="python.pass_rate: 2 of 6 cases have no verdict",
        attempt=_attempt(
            AttemptStatus.UNPROVEN,
            cases=suite_cases,
            measures={"pass_rate": census(suite_cases), "deselected": Number(value=3)},
            notes=("3 tests were deselected by -m 'not slow'",),
        ),
    )
    node = CheckResult(
        asked=PlanCheck(
            id="nodejs",
            kind="e2e",
            step="e2e",
            title="Functions in Node.js",
            summary="pytest checks/e2e/test_nodejs.py",
            source="plans/phase4.yaml:118",
        ),
        status=CheckStatus.NOT_RUN,
        reason="node is missing",
        help="apt install nodejs",
    )
    sampled = replace(
        _uptime(),
        status=CheckStatus.UNPROVEN,
        reason="uptime.success_rate is unproven",
        attempts=(
            _attempt(
                AttemptStatus.UNPROVEN,
                measures={
                    "success_rate": Share(passed=3, total=3, sample=True, span=0.2, episodes=0),
                    "latency": latencies(3, 0.002),
                },
            ),
        ),
    )
    return judged(
        replace(
            good,
            criteria=(*_application_criteria(), _e2e_criteria()[0], *_gate_criteria()),
            steps=(
                _application_step(_application_checks(faulty=False), CheckStatus.PASSED),
                _e2e_step((node, python), CheckStatus.UNPROVEN),
            ),
            gate_checks=(sampled,),
            selection=Selection(
                steps=("application",), checks=("python",), criteria_selected=6, criteria_total=9
            ),
            warnings=("plans/phase4.yaml:141: uptime.success_rate >= 99.9% can never be met with 3 probes",),
            command=("phasegate", "run", "plans/phase4.yaml", "--step", "application", "--check", "python"),
        )
    )


@functools.cache
def crashed_run() -> RunResult:
    """A record without an end: one check was under way, the rest never began, the target had died."""
    checks = _application_checks(faulty=False)
    begun = replace(
        checks[1],
        status=CheckStatus.ERRORED,
        reason="the record ends before the run did",
        attempts=(
            _attempt(
                AttemptStatus.ERRORED,
                error="the record ends before the run did",
                cases=_cases("initialize", 2),
            ),
        ),
    )
    waiting = CheckResult(
        asked=PlanCheck(
            id="steady", kind="load", step="e2e", title="A steady load", summary="GET /health at 200/s"
        ),
    )
    return replace(
        _run(),
        verdict=Verdict.INCONCLUSIVE,
        exit_code=3,
        reason="the record ends before the run did",
        interrupted="the record ends before the run did",
        criteria=_application_criteria(),
        steps=(
            _application_step((checks[0], begun), CheckStatus.NOT_RUN),
            _e2e_step((waiting,), CheckStatus.NOT_RUN),
        ),
        target=(
            replace(
                _run().target[0],
                exit_code=-9,
                error="ended by itself with signal 9 (killed)",
                log_tail=("INFO:     started", "ERROR:    out of memory"),
            ),
        ),
    )


@functools.cache
def hostile_run(bad: str = HOSTILE) -> RunResult:
    """Hostile text in every field that a target, a test suite or a careless author can fill."""
    case = Case(
        id=bad + "[row]",
        name=bad,
        status=CaseStatus.FAILED,
        part=bad,
        tags=(bad,),
        duration=1e-05,
        message=bad * 50,
        file=bad,
        line=3,
        evidence=(
            "javascript:alert(1)",
            "../../etc/passwd",
            "//evil.example/x",
            "evidence/" + bad,
            "evidence/a.svg",
        ),
        earlier=(CaseAttempt(status=CaseStatus.FAILED, message=bad),),
    )
    twin = replace(case, status=CaseStatus.PASSED)
    gone = replace(case, status=CaseStatus.LOST, id=bad + "lost")
    attempt = replace(
        _attempt(AttemptStatus.FAILED, cases=(case, twin, gone), evidence=(bad,), notes=(bad,)),
        observation=replace(
            _attempt(
                AttemptStatus.FAILED, cases=(case, twin, gone), evidence=(bad,), notes=(bad,)
            ).observation,
            measures={
                bad: Share(passed=1, total=2, sample=False, missing=(bad,)),
                "latency": latencies(20, 0.01, failed=3),
            },
            parts={bad: {bad: Number(value=math.inf)}},
            causes={bad: 3},
            timeline=(
                Series(name=bad, unit="s", points=((0.0, 0.1), (1.0, math.inf), (2.0, None), (3.0, 0.2))),
            ),
        ),
        reason=bad,
    )
    check = _check(
        "hostile",
        "api",
        "application",
        title=bad,
        summary=bad,
        status=CheckStatus.FAILED,
        reason=bad,
        attempt=attempt,
    )
    load = _check(
        "flood",
        "load",
        "application",
        status=CheckStatus.FAILED,
        reason=bad,
        attempt=replace(attempt, observation=replace(attempt.observation, cases=())),
    )
    chart = {"latency": Chart(title="Latency over time", series=(bad,))}
    check, load = (replace(one, asked=replace(one.asked, charts=chart)) for one in (check, load))
    step = StepResult(
        asked=PlanStep(
            id="application",
            title=bad,
            purpose=bad,
            work=(Line(text=bad, by=(bad,)),),
            outcomes=(Line(text=bad, heading=True), Line(text=bad, level=1, more={bad: [bad]})),
            owner=bad,
            priority=bad,
            estimate=bad,
            tags=(bad,),
        ),
        status=CheckStatus.FAILED,
        reason=bad,
        checks=(check, replace(load, asked=replace(load.asked, source=bad), help=bad)),
        faults=(
            replace(
                _never_back(),
                asked=replace(
                    _never_back().asked,
                    title=bad,
                    check="flood",
                    target=bad,
                    image=bad,
                    probe=bad,
                    source=bad,
                ),
                reason=bad,
                causes={bad: 3},
                notes=(bad,),
                evidence=(bad,),
            ),
        ),
    )
    good = failing_run().criteria[1]
    criterion = replace(
        good,
        asked=replace(
            good.asked,
            id=bad,
            criterion=replace(good.asked.criterion, text=bad, part=bad),
            title=bad,
            why=bad,
            ref=bad,
            at=Position(file=bad, line=1),
        ),
        judged=replace(
            good.judged,
            required=fact(Code.REQUIRED, op="==", threshold=bad),
            observed=fact(Code.OF_KIND, passed=1, total=2, kind=bad),
            reason=fact(Code.DISTRUSTED, why=bad),
        ),
    )
    return replace(
        _run(),
        run=bad,
        phase=bad,
        title=bad,
        verdict=Verdict.FAIL,
        exit_code=1,
        reason=bad,
        plan=PlanRecord(path=bad, sha256=SHA, files=(EvidenceFile(path=bad, sha256=SHA, bytes=1),)),
        finished=after(1),
        interrupted=bad,
        command=("phasegate", bad),
        environment={bad: bad, "ci": "javascript:alert(1)"},
        variables={bad: {bad: [bad]}},
        people=People(
            goal=bad,
            owner=bad,
            approver=bad,
            due=bad,
            created=bad,
            updated=bad,
            done=(Line(text=bad),),
            risks=(Risk(title=bad, impact=bad, likelihood=bad, measures=(Line(text=bad),)),),
            schedule=(Line(text=bad), Line(more={bad: bad, "when": bad})),
            after=(Line(text=bad),),
            next=(Line(text=bad),),
            known=(Line(text=bad),),
        ),
        target=(
            TargetRecord(
                id="web",
                kind="process",
                url="javascript:alert(1)",
                command=(bad,),
                log=bad,
                error=bad,
                log_tail=(bad,),
                measures={bad: Gauge(samples=2, minimum=-1e30, maximum=1e30, mean=-1.0)},
                timeline=tuple(
                    Series(name=name, unit=bad, points=((0.0, math.inf), (0.5, None), (1.0, 2.0**60)))
                    for name in ("cpu", "memory", bad)
                ),
                sampled_from=START,
            ),
        ),
        selection=Selection(cases=(bad,), criteria_selected=1, criteria_total=1),
        warnings=(bad,),
        criteria=(
            criterion,
            replace(criterion, asked=replace(criterion.asked, id="warns", level=Level.WARN)),
        ),
        steps=(step,),
        evidence=(EvidenceFile(path="javascript:alert(1)", sha256=SHA, bytes=1),),
    )


def run_with_cases(n: int, *, failed_every: int = 50) -> RunResult:
    """A run whose one suite has `n` cases, every `failed_every`th of them failed."""
    cases = tuple(
        Case(
            id=f"suite_{i % 40:02}.py::TestArea{i % 7}::test_behaviour_number_{i:05}[{i % 3}]",
            name=f"test_behaviour_number_{i:05}",
            part=f"suite_{i % 40:02}.py",
            status=CaseStatus.FAILED if i % failed_every == 0 else CaseStatus.PASSED,
            duration=0.001 + (i % 900) / 10_000,
            message=f"AssertionError: expected 200, got 50{i % 4}\n" + "  detail of the response\n" * 80
            if i % failed_every == 0
            else "",
        )
        for i in range(n)
    )
    check = _check(
        "suite",
        "e2e",
        "application",
        status=CheckStatus.FAILED,
        reason="suite.pass_rate is not met",
        attempt=_attempt(AttemptStatus.FAILED, cases=cases, measures={"pass_rate": census(cases)}),
    )
    return replace(
        _run(),
        verdict=Verdict.FAIL,
        exit_code=1,
        reason="1 of 1 blocking criteria not met",
        finished=after(300),
        steps=(_application_step((check,), CheckStatus.FAILED),),
    )


def all_runs() -> dict[str, RunResult]:
    return {
        "pass": passing_run(),
        "fail": failing_run(),
        "inconclusive": inconclusive_run(),
        "crashed": crashed_run(),
        "hostile": hostile_run(),
    }


def _run() -> RunResult:
    return RunResult(
        run="phase4-20250716T093112Z",
        phase="phase4",
        title="Integration test, performance test, production readiness",
        verdict=Verdict.INCONCLUSIVE,
        exit_code=3,
        reason="the run has not ended",
        plan=PlanRecord(
            path="plans/phase4.yaml",
            sha256=SHA,
            files=(
                EvidenceFile(path="checks/api/functions.yaml", sha256=SHA[::-1], bytes=2_411),
                EvidenceFile(path="checks/e2e/test_nodejs.py", sha256=SHA[1:] + "0", bytes=1_804),
            ),
        ),
        tool=ToolRecord(name="phasegate", version="0.1.0"),
        started=START,
        seed=7,
        command=("phasegate", "run", "plans/phase4.yaml"),
        environment={
            "host": "ci-runner-3",
            "system": "Linux 6.1 (x86_64)",
            "cpus": "2",
            "python": "3.11.9",
            "commit": "1f0c9a2b6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a",
        },
        variables={"version": "0.2.0", "fault": ""},
        people=People(
            goal="Phase 4 is entirely complete and the production deployment can be prepared",
            owner="platform team",
            approver="release manager",
            created="2025-07-15",
            updated="2025-07-16",
            due="2025-07-18",
            done=(
                Line(text="Health checks succeed to 100%", by=("alive.success_rate",)),
                Line(text="The Rust version conflict is solved"),
            ),
            risks=(
                Risk(
                    title="Application settings are complex",
                    impact="high",
                    likelihood="medium",
                    measures=(
                        Line(text="Adjust the settings step by step"),
                        Line(text="Prepare the way back for every change"),
                    ),
                ),
                Risk(
                    title="Dependencies of the E2E environment",
                    impact="medium",
                    likelihood="medium",
                    measures=(Line(text="Pin the versions of dependencies"),),
                ),
            ),
            schedule=(
                Line(
                    more={
                        "when": "Day 1, morning",
                        "what": "Step 1: analyse and adjust the application settings",
                    }
                ),
                Line(
                    more={
                        "when": "Day 2, afternoon",
                        "what": "Step 2: complete E2E run and performance test",
                    }
                ),
            ),
            known=(Line(text="Two of the unit tests fail on purpose because WebAssembly is disabled"),),
            after=(
                Line(text="Technical results", heading=True),
                Line(text="The services work together", level=1, by=("nodejs.pass_rate",)),
            ),
            next=(
                Line(text="Deploy to production in stages"),
                Line(text="Start monitoring in operation"),
            ),
        ),
        target=(
            TargetRecord(
                id="controller",
                kind="process",
                url="http://127.0.0.1:18080",
                command=("python", "-m", "phasegate.demo.controller", "--port", "18080"),
                ready_after=0.412,
                log="evidence/target/controller.log",
                **_used(),
            ),
        ),
        evidence=(
            EvidenceFile(path="evidence/target/controller.log", sha256=SHA, bytes=18_211),
            EvidenceFile(path="evidence/steady/timeline.json", sha256=SHA[::-1], bytes=4_096),
        ),
    )


def criterion(expression: str, step: str | None = None, **asked: Any) -> CriterionResult:
    """A criterion before anything was judged."""
    parsed = parse_criterion(expression)
    return unjudged(PlanCriterion(id=parsed.id, criterion=parsed, step=step, at=AT, **asked))


def judged(run: RunResult) -> RunResult:
    """A run with its criteria judged on what its checks saw, and its verdict on them."""
    criteria = judge_run(run)
    decision = decide(criteria, selection=run.selection)
    return replace(
        run,
        criteria=criteria,
        verdict=decision.verdict,
        exit_code=int(decision.exit_code),
        reason=decision.reason,
    )


def _application_criteria() -> tuple[CriterionResult, ...]:
    return (
        criterion(
            "alive.success_rate == 100%",
            "application",
            title="/health works and names version 0.2.0",
            ref="current situation, API endpoints, line 1",
        ),
        criterion(
            "functions/initialize.pass_rate == 100%",
            "application",
            title="/api/v1/initialize works",
            ref="step 1, success criterion 1",
        ),
        criterion(
            "functions/list.pass_rate == 100%",
            "application",
            title="/api/v1/functions works",
            ref="step 1, success criterion 2",
        ),
        criterion(
            "step/application.pass_rate == 100%",
            "application",
            title="The API integration suite succeeds to 100%",
            ref="step 1, success criterion 3",
        ),
    )


def _e2e_criteria() -> tuple[CriterionResult, ...]:
    return (
        criterion(
            "nodejs.pass_rate == 100%",
            "e2e",
            title="The Node.js runtime works",
            ref="step 2, criterion 2",
        ),
        criterion(
            "steady.latency.p95 < 100ms",
            "e2e",
            title="Performance stays excellent: less than 0.1 s",
            ref="quality indicators, response time",
        ),
        criterion(
            "steady.success_rate >= 95%",
            "e2e",
            title="At least 95% of requests succeed under load",
        ),
        criterion(
            "steady.throughput >= 300/s",
            "e2e",
            title="Throughput at full load",
            why="The written plan sets no threshold; 300/s is what this team looks at",
            level=Level.WARN,
        ),
        criterion("steady.achieved_rate >= 95%", "e2e", default=True),
    )


def _gate_criteria() -> tuple[CriterionResult, ...]:
    return (
        criterion(
            "uptime.success_rate >= 99.9%",
            title="At least 99.9% of requests during the run succeed",
            ref="quality indicators, availability",
            why="Quality target of the phase; 5,000 probes carry it even when one of them fails",
        ),
    )


def _cases(
    part: str, n: int, status: CaseStatus = CaseStatus.PASSED, message: Message = ""
) -> tuple[Case, ...]:
    return tuple(
        Case(
            id=f"{part}/request-{i}" if "." not in part else f"{part}::test_{i}",
            name=f"POST /api/v1/{part}" if "." not in part else f"test_{i}",
            part=part,
            status=status,
            duration=0.004 * i,
            message=message,
            evidence=(f"evidence/functions/{part}-request-{i}.txt",) if message else (),
        )
        for i in range(1, n + 1)
    )


def _attempt(status: AttemptStatus, *, duration: float = 1.25, **seen: Any) -> AttemptResult:
    return AttemptResult(
        number=1, status=status, started=after(1), duration=duration, observation=Observation(**seen)
    )


def charts_of_kind(name: str) -> dict[str, Chart]:
    """What the measures of a kind's example say of charts; none of a kind that needs a file for it."""
    kind = KINDS[name]
    if name not in ("health", "load", "resources"):
        return {}
    return charts_of(kind.measures(kind.Params.model_validate(dict(kind.example))))


def _check(
    id: str,
    kind: str,
    step: str | None,
    *,
    status: CheckStatus = CheckStatus.PASSED,
    reason: str = "",
    title: str = "",
    summary: str = "",
    attempt: AttemptResult,
) -> CheckResult:
    return CheckResult(
        asked=PlanCheck(
            id=id,
            kind=kind,
            step=step,
            title=title,
            summary=summary,
            source="plans/phase4.yaml:48",
            charts=charts_of_kind(kind),
            is_load=kind == "load",
        ),
        status=status,
        reason=reason,
        started=attempt.started,
        duration=attempt.duration,
        attempts=(attempt,),
    )


def _application_checks(*, faulty: bool) -> tuple[CheckResult, ...]:
    alive = _check(
        "alive",
        "health",
        "application",
        title="/health answers ok with the released version",
        summary="GET /health, 100 probes",
        attempt=_attempt(
            AttemptStatus.PASSED,
            measures={
                "success_rate": Share(passed=100, total=100, sample=True, span=0.31, episodes=0),
                "latency": latencies(100, 0.002, span=0.31),
            },
        ),
    )
    flaky = Case(
        id="formats/error-body",
        name="GET /api/v1/sessions/none",
        part="formats",
        status=CaseStatus.PASSED,
        duration=0.006,
        earlier=(
            CaseAttempt(
                status=CaseStatus.FAILED, message="connection reset by peer after 0 bytes", duration=0.002
            ),
        ),
    )
    broken = CaseStatus.FAILED if faulty else CaseStatus.PASSED
    cases = (
        *_cases("initialize", 3, broken, FAULT if faulty else ""),
        *_cases("list", 2, broken, FAULT if faulty else ""),
        flaky,
    )
    if faulty:
        retried = CaseAttempt(status=CaseStatus.FAILED, message=FAULT, duration=0.011)
        cases = (replace(cases[0], earlier=(retried,)), *cases[1:])
    functions = _check(
        "functions",
        "api",
        "application",
        title="Initialization and the function catalogue",
        summary="checks/api/functions.yaml, 3 flows",
        status=CheckStatus.FAILED if faulty else CheckStatus.PASSED,
        reason="functions/initialize.pass_rate is not met: 0 of 3 cases passed" if faulty else "",
        attempt=_attempt(
            AttemptStatus.FAILED if faulty else AttemptStatus.PASSED,
            cases=cases,
            measures={"pass_rate": census(cases), "latency": latencies(6, 0.004), "total": Number(value=6)},
            parts={part: {"pass_rate": share} for part, share in census_by_part(cases).items()},
        ),
    )
    return alive, functions


def _application_step(checks: tuple[CheckResult, ...], status: CheckStatus) -> StepResult:
    return StepResult(
        asked=PlanStep(
            id="application",
            title="Application data is configured",
            purpose="The API integration tests can run in full",
            work=(
                Line(
                    text="Solve the configuration of /api/v1/initialize",
                    by=("functions/initialize.pass_rate",),
                ),
                Line(text="Check session management"),
            ),
            outcomes=(
                Line(text="API integration tests succeed to 100%", by=("step/application.pass_rate",)),
                Line(text="Every endpoint is confirmed to work", by=("step/application.pass_rate",)),
            ),
            owner="platform team",
            priority="critical",
            estimate="2h..3h",
        ),
        status=status,
        started=after(1),
        duration=4.2,
        checks=checks,
    )


def _e2e_step(checks: tuple[CheckResult, ...], status: CheckStatus) -> StepResult:
    return StepResult(
        asked=PlanStep(
            id="e2e",
            title="The E2E test environment is complete",
            purpose="The complete E2E test suite can be run",
            owner="platform team",
            priority="high",
            estimate="3h..4h",
            tags=("nightly",),
        ),
        status=status,
        started=after(6),
        duration=31.0,
        checks=checks,
    )


def _node() -> CheckResult:
    cases = _cases("test_nodejs.py", 5)
    return _check(
        "nodejs",
        "e2e",
        "e2e",
        title="Functions in Node.js",
        summary="pytest checks/e2e/test_nodejs.py",
        attempt=_attempt(AttemptStatus.PASSED, cases=cases, measures={"pass_rate": census(cases)}),
    )


def _wave(second: int, typical: float, swing: float) -> float:
    return typical + swing * math.sin(second * 1.7) * math.cos(second * 0.6)


def _steady() -> CheckResult:
    seconds = [float(second) for second in range(11)]
    return _check(
        "steady",
        "load",
        "e2e",
        title="A steady load",
        summary="GET /health at 200/s for 10 s",
        attempt=_attempt(
            AttemptStatus.PASSED,
            duration=10.2,
            measures={
                "success_rate": Share(passed=2_000, total=2_000, sample=True, span=10.0, episodes=0),
                "latency": latencies(2_000, 0.0024),
                "service_time": latencies(2_000, 0.0022),
                "throughput": Number(value=200.0, dimension=Dimension.RATE),
                "achieved_rate": Number(value=0.998, dimension=Dimension.SHARE),
            },
            evidence=("evidence/steady/timeline.json",),
            timeline=(
                Series(
                    name="latency p50",
                    unit="s",
                    points=tuple((t, _wave(int(t), 0.0022, 0.0002)) for t in seconds),
                ),
                Series(
                    name="latency p95",
                    unit="s",
                    points=tuple((t, _wave(int(t), 0.0031, 0.0005)) for t in seconds),
                ),
                Series(
                    name="latency p99",
                    unit="s",
                    points=tuple((t, _wave(int(t), 0.0052, 0.0011)) for t in seconds),
                ),
                Series(name="rate", unit="/s", points=tuple((t, _wave(int(t), 199, 2)) for t in seconds)),
                Series(name="errors", unit="/s", points=tuple((t, 0.0) for t in seconds)),
            ),
        ),
    )


def _faults() -> tuple[FaultResult, ...]:
    """A crash that was over in a moment, and one that never came to pass."""
    crash = FaultResult(
        asked=PlanFault(
            id="crash",
            title="A runtime crashes under load",
            act=Act.KILL,
            target="controller",
            check="steady",
            due=3.0,
            lasting=1.0,
            probe="GET /health every 50 ms",
            source="plans/phase4.yaml:118",
        ),
        status=FaultStatus.RECOVERED,
        reason="",
        started=after(3.0),
        undone=after(4.1),
        recovered=after(4.6),
        probes=190,
        measures={
            "lost_requests": Number(value=31),
            "outage": Number(value=1.62, dimension=Dimension.TIME),
            "recovery_time": Number(value=1.6, dimension=Dimension.TIME),
            "recovery_after": Number(value=0.5, dimension=Dimension.TIME),
        },
        causes={"127.0.0.1:8080: connection refused": 31},
        evidence=("evidence/crash/1/probes.csv",),
    )
    late = FaultResult(
        asked=PlanFault(
            id="late",
            act=Act.REPLACE,
            target="controller",
            check="rollout",
            due=9.0,
            lasting=1.0,
            image="shop/controller:2",
            probe="GET /health every 100 ms",
        ),
        reason="rollout had ended after 8.2 s, before it",
    )
    return crash, late


def _never_back() -> FaultResult:
    return replace(
        _faults()[0],
        asked=replace(_faults()[0].asked, id="hang", title="", act=Act.PAUSE, due=6.0),
        status=FaultStatus.NOT_RECOVERED,
        reason="not good again within 30 s after it was undone: 127.0.0.1:8080: timeout",
        started=after(6.0),
        undone=after(7.0),
        recovered=None,
        measures={
            "lost_requests": Number(value=620, unended=True),
            "recovery_time": Number(value=31.0, dimension=Dimension.TIME, unended=True),
        },
        notes=("no probe before the fault had a good answer",),
    )


def _not_undone() -> FaultResult:
    return replace(
        _faults()[0],
        asked=replace(_faults()[0].asked, id="cut-off", act=Act.CUT, check="rollout"),
        status=FaultStatus.NOT_UNDONE,
        reason="it could not be undone: the container engine stopped answering",
        undone=None,
        recovered=None,
        measures={},
        causes={},
        evidence=(),
    )


@functools.cache
def _used() -> dict[str, Any]:
    """What the controller used: twice a second for a minute."""
    values = {
        "cpu": (Dimension.SHARE, "ratio", [_wave(look, 0.22, 0.06) for look in range(120)]),
        "memory": (Dimension.SIZE, "B", [34.5 * 2**20 + 2.0**14 * look for look in range(120)]),
        "threads": (Dimension.COUNT, "", [2.0] * 120),
        "open_files": (Dimension.COUNT, "", [17.0 + look % 4 for look in range(120)]),
    }
    measures, timeline = {}, []
    for name, (dimension, unit, seen) in values.items():
        gauge = Gauge(dimension=dimension, interval=0.5)
        for look, value in enumerate(seen):
            gauge = gauge.and_then(value, span=look / 2)
        measures[name] = gauge
        points = tuple((look / 2, value) for look, value in enumerate(seen))
        timeline.append(Series(name=name, unit=unit, points=points))
    return {
        "measures": measures,
        "timeline": tuple(timeline),
        "sampled_from": START - timedelta(milliseconds=250),
    }


def _overloaded() -> CheckResult:
    good = _steady()
    assert good.last is not None
    slow = [(float(t), None if t in (6, 7) else 0.06 + 0.011 * t) for t in range(11)]
    attempt = replace(
        good.last,
        observation=replace(
            good.last.observation,
            measures={
                "success_rate": Share(passed=1_840, total=2_000, sample=True, span=10.0, episodes=4),
                "latency": latencies(1_840, 0.09, failed=160),
                "throughput": Number(value=184.0, dimension=Dimension.RATE),
                "achieved_rate": Number(value=0.998, dimension=Dimension.SHARE),
            },
            causes={"no answer within 30 s": 122, "connection refused": 38},
            timeline=(
                Series(name="latency p50", unit="s", points=tuple((t, v and v * 0.55) for t, v in slow)),
                Series(name="latency p95", unit="s", points=tuple(slow)),
                Series(name="latency p99", unit="s", points=tuple((t, v and v * 1.2) for t, v in slow)),
                Series(name="rate", unit="/s", points=tuple((t, 200.0 if v else 20.0) for t, v in slow)),
                Series(name="errors", unit="/s", points=tuple((t, 3.0 if v else 70.0) for t, v in slow)),
            ),
        ),
        status=AttemptStatus.FAILED,
        reason="steady.latency.p95 is not met",
    )
    return replace(
        good,
        status=CheckStatus.FAILED,
        reason="steady.latency.p95 is not met: p95 of 2,000 requests falls among the 160 failed ones",
        attempts=(replace(attempt, number=1), replace(attempt, number=2)),
        duration=20.9,
    )


def _uptime() -> CheckResult:
    points = tuple((t / 2, _wave(t, 0.0021, 0.0007)) for t in range(83))
    return _check(
        "uptime",
        "health",
        None,
        title="Availability during the whole run",
        summary="GET /health every 4 ms beside the run",
        attempt=_attempt(
            AttemptStatus.PASSED,
            duration=41.2,
            measures={
                "success_rate": Share(passed=9_410, total=9_411, sample=True, span=41.0, episodes=1),
                "latency": latencies(9_410, 0.002, failed=1, span=41.0),
            },
            causes={"connection reset by peer": 1},
            timeline=(Series(name="latency p95", unit="s", points=points),),
        ),
    )


def without_lines(run: RunResult) -> RunResult:
    """The run of a plan that has no lines for people."""
    steps = tuple(replace(step, asked=replace(step.asked, work=(), outcomes=())) for step in run.steps)
    return replace(run, steps=steps, people=People())
