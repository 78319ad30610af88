"""The HTML report as data, section by section; the templates only lay it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.units import count, format_seconds, format_value
from phasegate.model.faults import LEFT_ON
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.lines import Risk
from phasegate.model.measure_json import QUANTILES
from phasegate.model.measures import Distribution, Gauge, Measure
from phasegate.model.result import CheckResult, CheckStatus, RunResult, Selection, StepResult, Verdict
from phasegate.render import badges
from phasegate.render.approvals import Signer, sign_off_rows, signers
from phasegate.render.badges import Badge
from phasegate.render.failures import (
    Cause,
    Findings,
    Flaky,
    Missing,
    causes_of,
    deselected_checks,
    findings_of,
    flaky_of,
    main_cause,
    missing_of,
    not_run_alike,
)
from phasegate.render.faults import FaultRow, fault_rows, fault_text
from phasegate.render.hostile import anchor
from phasegate.render.html.cases import CaseTable, case_table
from phasegate.render.html.charts import TimelineChart, timelines_of
from phasegate.render.html.criteria import CriteriaGroup, CriteriaTally, CriterionRow, criteria_groups, tally
from phasegate.render.html.folding import fold_rows
from phasegate.render.lines import LineList, LineRow, LineRows, plain
from phasegate.render.sentences import sentence
from phasegate.render.standing import StandingLine, standing
from phasegate.render.waivers import WaiverRow, is_waived, waiver_rows, with_waivers
from phasegate.render.words import describe, headline

MOST_PARTS = 60
"""Parts of one check whose measures are listed."""
MOST_EVIDENCE = 300
"""Evidence files that are listed with their hash; `result.json` has all."""

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartMeasures:
    part: str
    measures: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    check: CheckResult
    badge: Badge
    anchor: str
    headline: str
    measures: Facts
    parts: tuple[PartMeasures, ...]
    hidden_parts: int
    notes: tuple[str, ...]
    waived: bool = False
    """Whether waivers cover all that it did not pass for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSection:
    """A step, or the checks that go with the whole run (then `step` is None)."""

    step: StepResult | None
    heading: str
    badge: Badge | None
    anchor: str
    facts: Facts
    checks: tuple[CheckRow, ...]
    """Those in the page."""
    folded: tuple[CheckRow, ...] = ()
    """Those that are folded away."""
    faults: tuple[FaultRow, ...] = ()
    lists: tuple[LineList, ...] = ()
    """Its work and outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRow:
    risk: Risk
    measures: tuple[LineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedRow:
    """One thing that a process of the target used."""

    entry: str
    measure: str
    figures: tuple[str, ...]
    """Least, mean and greatest."""
    samples: int
    interval: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    run: RunResult
    badge: Badge
    alerts: tuple[str, ...]
    """What a reader must know before the verdict: cut short, crashed, narrowed."""
    standing: tuple[StandingLine, ...]
    facts: Facts
    tally: CriteriaTally
    tallies: tuple[tuple[str, str, str], ...]
    """(figure, what it counts, tone) under the verdict."""
    groups: tuple[CriteriaGroup, ...]
    not_met: tuple[CriterionRow, ...]
    """Blocking ones only, like `unproven`."""
    unproven: tuple[CriterionRow, ...]
    anything_ran: bool
    causes: tuple[Cause, ...]
    findings: tuple[Findings, ...]
    main_cause: str
    failures: int
    not_run: tuple[CheckRow, ...]
    not_run_alike: tuple[tuple[CheckRow, ...], ...]
    """The same, those with one reason together."""
    missing: tuple[Missing, ...]
    deselected: tuple[tuple[CheckResult, int], ...]
    narrowed: str
    steps: tuple[StepSection, ...]
    flaky: tuple[Flaky, ...]
    timelines: tuple[TimelineChart, ...]
    cases: CaseTable
    risks: tuple[RiskRow, ...]
    lists: tuple[LineList, ...]
    """Lists of the written plan that belong to no step."""
    used: tuple[UsedRow, ...]
    environment: Facts
    hidden_evidence: int
    waivers: tuple[WaiverRow, ...]
    with_waivers: str
    """What is read behind the verdict: ` with 2 waivers`, or nothing."""
    signers: tuple[Signer, ...]
    sign_offs: tuple[tuple[str, str, str, str, str, str], ...]
    """Every decision: date, name, role, decision, reason, what it counts for."""


def page_of(run: RunResult) -> Page:
    groups = criteria_groups(run)
    open_rows = [row for group in groups for row in group.rows if row.open]
    causes = causes_of(run)
    checks = {check.id: check_row(check, waived=is_waived(run, check)) for check in run.checks()}
    cases = case_table(run)
    flaky = flaky_of(run)
    lines = LineRows(run)
    return Page(
        run=run,
        badge=badges.VERDICT[run.verdict],
        alerts=_alerts(run),
        standing=standing(run),
        facts=_facts(run),
        tally=tally(run),
        tallies=_tallies(run, cases, flaky),
        groups=groups,
        not_met=tuple(row for row in open_rows if row.criterion.verdict is CriterionVerdict.NOT_MET),
        unproven=tuple(row for row in open_rows if row.criterion.verdict is CriterionVerdict.UNPROVEN),
        anything_ran=any(check.attempts for check in run.checks()),
        causes=causes,
        findings=findings_of(run),
        main_cause=main_cause(run),
        failures=sum(len(cause.failures) for cause in causes),
        not_run=tuple(row for row in checks.values() if row.check.status is CheckStatus.NOT_RUN),
        not_run_alike=tuple(tuple(checks[one.id] for one in alike) for alike in not_run_alike(run)),
        missing=missing_of(run),
        deselected=deselected_checks(run),
        narrowed=_narrowing_text(run.selection),
        steps=_steps(run, checks, lines),
        flaky=flaky,
        timelines=timelines_of(run),
        cases=cases,
        risks=tuple(RiskRow(risk=risk, measures=lines.of(risk.measures)) for risk in run.people.risks),
        lists=tuple(lines.of_phase()),
        used=_usage_rows(run),
        environment=_environment(run),
        hidden_evidence=max(0, len(run.evidence) - MOST_EVIDENCE),
        waivers=waiver_rows(run),
        with_waivers=with_waivers(run),
        signers=tuple(signers(run)),
        sign_offs=sign_off_rows(run),
    )


def check_row(check: CheckResult, *, waived: bool = False) -> CheckRow:
    parts = check.seen.parts
    return CheckRow(
        check=check,
        badge=badges.CHECK[check.status],
        anchor=anchor("check", check.id),
        headline=headline(check.seen),
        measures=_measures(check.seen.measures),
        parts=tuple(
            PartMeasures(part=name, measures=_measures(parts[name])) for name in list(parts)[:MOST_PARTS]
        ),
        hidden_parts=max(0, len(parts) - MOST_PARTS),
        notes=tuple(map(sentence, check.seen.notes)),
        waived=waived,
    )


def moment(at: datetime | None) -> str:
    """`16 Jul 2025 09:31:12 UTC`."""
    return at.astimezone(UTC).strftime("%d %b %Y %H:%M:%S UTC").lstrip("0") if at else ""


def _measures(measures: Mapping[str, Measure]) -> Facts:
    return tuple((name, _measure_text(measure)) for name, measure in measures.items())


def _measure_text(measure: Measure) -> str:
    if not isinstance(measure, Distribution):
        reported = getattr(measure, "reported", False)
        return f"{describe(measure)}{' (reported by another tool)' if reported else ''}"
    if not measure.n:
        return "no data"
    pieces = []
    for name, share in tuple(QUANTILES.items())[:4]:
        edges = measure.quantile(share)
        failed = edges is None or edges[1] == float("inf")
        pieces.append(f"{name} {'failed' if failed or edges is None else format_seconds(edges[1])}")
    unmeasured = (
        f", {measure.unmeasured:,} below the clock's resolution left out" if measure.unmeasured else ""
    )
    unused = f", {count(measure.unused, 'moment')} unused" if measure.unused else ""
    return f"{', '.join(pieces)} (n {measure.n:,}, {measure.failed:,} failed{unmeasured}{unused})"


def _alerts(run: RunResult) -> tuple[str, ...]:
    alerts = []
    if run.finished is None:
        alerts.append(
            "phasegate was stopped before the run had ended"
            f" ({sentence(run.interrupted) or 'killed or crashed'}). Below is what had been seen by then."
        )
    elif run.interrupted:
        alerts.append(
            f"This run was ended early: {sentence(run.interrupted)}. Below is what had been seen by then."
        )
    for fault in run.faults():
        if fault.status in LEFT_ON:
            alerts.append(
                f"Fault {fault.id} ({fault_text(fault.asked)}) may still be on: {sentence(fault.reason)}."
            )
    if narrowed := _narrowing_text(run.selection):
        alerts.append(f"This run was narrowed: {narrowed}.")
    return tuple(alerts)


def _narrowing_text(selection: Selection) -> str:
    if not selection.narrowed:
        return ""
    flags = [
        f"--{name} {value}"
        for name, values in (
            ("step", selection.steps),
            ("check", selection.checks),
            ("case", selection.cases),
            ("tag", selection.tags),
        )
        for value in values
    ]
    total = count(selection.criteria_total, "criterion", "criteria")
    return f"{selection.criteria_selected} of {total} selected by {' '.join(flags)}"


def _facts(run: RunResult) -> Facts:
    environment = run.environment
    who = " on ".join(
        sentence(text) for text in (environment.get("user", ""), environment.get("host", "")) if text
    )
    taken = "no end recorded" if run.duration is None else format_seconds(run.duration)
    facts = (
        ("Phase", run.phase),
        ("Plan", run.plan.path),
        ("Target", ", ".join(f"{entry.id} {entry.url}".strip() for entry in run.target) or "none declared"),
        ("Started", moment(run.started)),
        ("Took", taken),
        ("Run by", who),
        ("Commit", environment.get("commit", "")),
        ("CI job", environment.get("ci", "")),
        ("Run", run.run),
        ("Tool", f"{run.tool.name} {run.tool.version}, exit code {run.exit_code}"),
    )
    return tuple((label, sentence(text)) for label, text in facts if text)


def _tallies(run: RunResult, cases: CaseTable, flaky: tuple[Flaky, ...]) -> tuple[tuple[str, str, str], ...]:
    """Green only where everything is proven; a figure of 0 is left out unless it is the point."""
    counted = tally(run)
    checks = run.checks()
    passed = sum(check.status is CheckStatus.PASSED for check in checks)
    not_run = sum(check.status is CheckStatus.NOT_RUN for check in checks)
    good = run.verdict is Verdict.PASS and counted.met == counted.blocking
    criteria = "blocking criterion" if counted.blocking == 1 else "blocking criteria"
    figures = [
        (f"{counted.met} of {counted.blocking}", f"{criteria} met", "pass" if good else "text"),
        (str(counted.not_met), "not met", "fail"),
        (str(counted.unproven), "unproven", "warn"),
        (str(counted.waived), "waived", "waived"),
        (str(counted.warnings), "warning" if counted.warnings == 1 else "warnings", "warn"),
        (f"{passed} of {len(checks)}", "check passed" if len(checks) == 1 else "checks passed", "text"),
        (str(not_run), "checks not run" if not_run != 1 else "check not run", "warn"),
        (f"{len(cases.rows):,}", "case" if len(cases.rows) == 1 else "cases", "text"),
        (str(len(flaky)), "flaky", "warn"),
    ]
    return tuple(figure for figure in figures if figure[0] != "0")


def _steps(run: RunResult, checks: Mapping[str, CheckRow], lines: LineRows) -> tuple[StepSection, ...]:
    sections = [
        StepSection(
            step=step,
            heading=f"{number}. {step.asked.title or step.id}",
            badge=badges.CHECK[step.status],
            anchor=anchor("step", step.id),
            facts=_step_facts(step),
            checks=tuple(checks[check.id] for check in step.checks),
            faults=fault_rows(step.faults),
            lists=tuple(lines.of_step(step)),
        )
        for number, step in enumerate(run.steps, start=1)
    ]
    if run.gate_checks:
        sections.append(
            StepSection(
                step=None,
                heading="Gate: checks beside the whole run",
                badge=None,
                anchor="step-of-the-gate",
                facts=(),
                checks=tuple(checks[check.id] for check in run.gate_checks),
            )
        )
    parts = fold_rows(
        [section.checks for section in sections], lambda row: int(row.check.status is CheckStatus.PASSED)
    )
    return tuple(
        replace(section, checks=shown, folded=folded)
        for section, (shown, folded) in zip(sections, parts, strict=True)
    )


def _step_facts(step: StepResult) -> Facts:
    facts = (
        ("Id", step.id),
        ("Priority", step.asked.priority),
        ("Owner", step.asked.owner),
        ("Estimate", step.asked.estimate),
        ("Took", "" if step.duration is None else format_seconds(step.duration)),
        ("Tags", ", ".join(step.asked.tags)),
    )
    return tuple((label, sentence(text)) for label, text in facts if text)


def _usage_rows(run: RunResult) -> tuple[UsedRow, ...]:
    return tuple(
        UsedRow(
            entry=entry.id,
            measure=name,
            figures=tuple(
                "-" if value is None else format_value(value, gauge.dimension)
                for value in (gauge.minimum, gauge.mean, gauge.maximum)
            ),
            samples=gauge.samples,
            interval=gauge.interval,
        )
        for entry in run.target
        for name, gauge in entry.measures.items()
        if isinstance(gauge, Gauge)
    )


def _environment(run: RunResult) -> Facts:
    bounds = (
        f"{run.confidence * 100:g}%" if run.confidence else "none: observed values were compared as they are"
    )
    return (
        ("Command", shlex.join(run.command)),
        ("Seed", str(run.seed)),
        ("Confidence of bounds", bounds),
        *((name, sentence(text)) for name, text in run.environment.items()),
        *((f"variable {name}", plain(value)) for name, value in run.variables.items()),
        ("Result format", run.schema),
    )
