"""The summary at the end of a run, for people at a terminal; the most important line comes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phasegate.base.units import count, format_seconds
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import CheckResult, CheckStatus, CriterionResult, RunResult
from phasegate.render.failures import (
    Findings,
    causes_in_words,
    findings_of,
    flaky_of,
    main_cause,
    not_run_alike,
)
from phasegate.render.faults import WORDS, fault_text, headline
from phasegate.render.rerun import rerun_command
from phasegate.render.sentences import bound, observed, required, sentence
from phasegate.render.sentences import message as because
from phasegate.render.standing import standing
from phasegate.render.waivers import find_waived_cases
from phasegate.render.words import (
    STYLES,
    VERDICT_STYLE,
    criterion_words,
    full_expression,
    one_line,
    visible,
)

MOST_FAILURES = 5
"""Failed cases of a check that are shown in full; the report has all of them."""
MOST_TRIES = 5
"""Attempts at one check or case that did not pass and are shown."""
MOST_NAMES = 5
"""Checks that were not run for one reason and are named."""
MOST_REASONS = 5
"""Messages of cases of a check that were skipped or have no result, each with the cases it stands at."""
WIDE = 100
"""Columns from which the criteria are a table; below, each takes two lines."""
INDENT = 12


def summary(
    run: RunResult,
    *,
    width: int,
    files: Mapping[str, str] | None = None,
    quiet: bool = False,
    wrap: bool = True,
) -> RenderableType:
    """Everything a person needs after a run; `quiet` leaves the last line only.

    `files` are reports that were written, by name. Without `wrap` each statement is one line.
    """
    parts: list[RenderableType] = []
    if not quiet:
        failures = _failures(run, wrap)
        before = (_target(run), _faults(run), failures, _flaky(run), _not_tested(run), _warnings(run))
        for section in before:
            if section:
                parts += [*section, Text("")]
        parts += [_criteria(run, width, wrap), Text("")]
        if stands := list(_standing(run, wrap)):
            parts += [*stands, Text("")]
    if files and not quiet:
        parts.append(_to_copy("   ".join(f"{name}  {path}" for name, path in files.items())))
    parts.append(verdict_line(run))
    return Group(*parts)


def _standing(run: RunResult, wrap: bool) -> Iterator[RenderableType]:
    lines = standing(run)
    longest = max((len(item.label) for item in lines), default=0)
    for item in lines:
        label = Text(f"{item.label:<{longest}}  ", style=STYLES.get(item.tone, ""))
        text = Text(one_line(item.text, 400))
        if not wrap:
            yield label.append(text.plain, style="default")
            continue
        beside = Table.grid()
        beside.add_column(no_wrap=True, min_width=longest + 2)
        beside.add_column(overflow="fold")
        beside.add_row(label, text)
        yield beside


def _indent(line: Text, indent: int, wrap: bool) -> RenderableType:
    """A statement whose further lines begin where its first does."""
    return Padding(line, (0, 0, 0, indent)) if wrap else Text(" " * indent).append_text(line)


def verdict_line(run: RunResult) -> Text:
    line = Text()
    line.append(run.verdict.value, style=VERDICT_STYLE[run.verdict])
    line.append(f"  {one_line(run.phase)}: {one_line(run.reason, 400)}")
    if cause := main_cause(run):
        line.append(f"; {one_line(cause, 300)}")
    if run.duration is not None:
        line.append(f" ({format_seconds(run.duration)})", style="dim")
    return line


def _target(run: RunResult) -> list[RenderableType]:
    """Entries that did not come up or did not stay up, with the end of their log."""
    lines: list[RenderableType] = []
    for entry in run.target:
        if not entry.error:
            continue
        head = Text(f"  ! {one_line(entry.id)}", style="bold red")
        head.append(f"  {one_line(entry.error, 300)}", style="default")
        lines.append(head)
        lines += [_to_copy(f"      {line}") for line in entry.log_tail]
        if entry.log:
            lines.append(_to_copy(f"      log  {entry.log}"))
    return [Text("Target", style="bold"), *lines] if lines else []


def _faults(run: RunResult) -> list[RenderableType]:
    """What was done to the target on purpose, and what came of each."""
    lines: list[RenderableType] = []
    for fault in run.faults():
        symbol, word, style = WORDS[fault.status]
        line = Text("  ")
        line.append(f"{symbol} {word}", style=style)
        line.append(f"  {fault.id}", style="bold")
        line.append(f"  {one_line(fault_text(fault.asked), 120)}")
        if shown := headline(fault):
            line.append(f"  {shown}", style="dim")
        lines.append(line)
        if fault.reason:
            lines.append(Text(f"      {one_line(fault.reason, 300)}"))
        lines += [Text(f"      {one_line(note, 300)}", style="dim") for note in fault.notes]
    return [Text("Faults", style="bold"), *lines] if lines else []


def _failures(run: RunResult, wrap: bool) -> list[RenderableType]:
    found = {one.check.id: one for one in findings_of(run)}
    lines = [line for check in run.checks() for line in _failures_of(run, check, found.get(check.id), wrap)]
    return [Text("Failures", style="bold"), *lines] if lines else []


def _failures_of(
    run: RunResult, check: CheckResult, found: Findings | None, wrap: bool
) -> Iterator[RenderableType]:
    if check.status not in (CheckStatus.FAILED, CheckStatus.ERRORED) or check.last is None:
        return
    head = Text()
    head.append("✗ " if check.status is CheckStatus.FAILED else "! ", style="bold red")
    head.append(check.id, style="bold")
    head.append(f" ({check.asked.kind})  {one_line(check.reason)}")
    yield _indent(head, 2, wrap)
    for note in check.seen.notes:
        yield _indent(Text(one_line(note, 300)), 6, wrap)
    if found is not None:
        yield from _findings(run, found, wrap)
        return
    failed = [case for case in check.seen.cases if case.status is CaseStatus.FAILED]
    waived = find_waived_cases(run)
    for case in failed[:MOST_FAILURES]:
        yield from _case_lines(run, check, case, waived.of(check, case), wrap)
    if len(failed) > MOST_FAILURES:
        yield Text(f"      and {count(len(failed) - MOST_FAILURES, 'more failed case')}", style="dim")
    if not failed or len(failed) > MOST_FAILURES:  # otherwise the cases have said it
        for cause, times in causes_in_words(check.seen.causes)[:5]:
            yield _indent(Text(f"{times:,} x {one_line(cause)}"), 6, wrap)
    if not failed:
        if check.seen.evidence:
            yield _to_copy(f"      evidence  {check.seen.evidence[0]}")
        yield _to_copy(f"      rerun     {rerun_command(run, check)}")


def _findings(run: RunResult, found: Findings, wrap: bool) -> Iterator[RenderableType]:
    """How often each rule found something, and the first places."""
    rules = ", ".join(f"{times:,} x {one_line(rule)}" for rule, times in found.rules)
    yield _indent(Text(rules), 6, wrap)
    for failure in found.first:
        line = Text()
        line.append(one_line(failure.place or (failure.case.id if failure.case else "")), style="red")
        line.append(f"  {one_line(failure.message, 300)}")
        yield _indent(line, 6, wrap)
    more = found.total - len(found.first)
    if more:
        yield Text(f"      and {count(more, 'more finding')}", style="dim")
    yield _to_copy(f"      rerun     {rerun_command(run, found.check)}")


def _case_lines(
    run: RunResult, check: CheckResult, case: Case, waivers: tuple[str, ...], wrap: bool
) -> Iterator[RenderableType]:
    place = f"  {one_line(case.file)}:{case.line}" if case.file and case.line else ""
    head = Text()
    head.append(one_line(case.id), style="red")
    head.append(place, style="dim")
    if waivers:
        head.append(f"  waived by {', '.join(waivers)}", style="cyan")
    yield _indent(head, 6, wrap)
    for line in visible(sentence(case.message)).splitlines()[:4]:
        yield _indent(Text(line[:300]), 8, wrap)
    if case.evidence:
        yield _to_copy(f"        evidence  {case.evidence[0]}")
    yield _to_copy(f"        rerun     {rerun_command(run, check, case)}")


def _to_copy(line: str) -> Text:
    """A path or a command on one line, however long, so that it can be copied."""
    return Text(visible(line).replace("\n", " "), style="dim", no_wrap=True, overflow="ignore")


def _flaky(run: RunResult) -> list[RenderableType]:
    """What passed only when tried again: which attempts did not, and why."""
    lines: list[RenderableType] = []
    for item in flaky_of(run):
        name = f"{item.check.id}  {one_line(item.name)}" if item.name else item.check.id
        lines.append(Text(f"  {name}  passed on attempt {item.attempts}"))
        for one in item.failed[:MOST_TRIES]:
            why = one_line(one.message) or "no message was given"
            lines.append(Text(f"      attempt {one.number} {one.badge.word}: {why}", style="dim"))
        if len(item.failed) > MOST_TRIES:
            lines.append(Text(f"      and {len(item.failed) - MOST_TRIES:,} more", style="dim"))
    return [Text("Flaky (passed, but not at once)", style="bold yellow"), *lines] if lines else []


def _not_tested(run: RunResult) -> list[RenderableType]:
    lines: list[RenderableType] = list(_not_run(run))
    for check in run.checks():
        skipped = [case for case in check.seen.cases if case.status is CaseStatus.SKIPPED]
        lost = [case for case in check.seen.cases if case.status is CaseStatus.LOST]
        for group, word in ((skipped, "skipped"), (lost, "without a result")):
            lines += _untested_lines(check, group, word)
    return [Text("Not tested", style="bold yellow"), *lines] if lines else []


def _not_run(run: RunResult) -> Iterator[Text]:
    for checks in not_run_alike(run):
        named = ", ".join(f"{check.id} ({check.asked.kind})" for check in checks[:MOST_NAMES])
        more = f" and {len(checks) - MOST_NAMES:,} more" if len(checks) > MOST_NAMES else ""
        yield Text(f"  {named}{more}  {one_line(checks[0].reason)}")
        if checks[0].help:
            yield Text(f"      {one_line(checks[0].help)}", style="dim")


def _untested_lines(check: CheckResult, cases: list[Case], word: str) -> Iterator[Text]:
    """Cases with the same message share a line."""
    alike: dict[str, list[Case]] = {}
    for case in cases:
        alike.setdefault(one_line(case.message), []).append(case)
    for message, those in list(alike.items())[:MOST_REASONS]:
        more = f" and {len(those) - 1:,} more" if len(those) > 1 else ""
        yield Text(f"  {check.id}  {one_line(those[0].id)}{more}  {word}: {message}")
    rest = sum(len(those) for those in list(alike.values())[MOST_REASONS:])
    if rest:
        yield Text(f"  {check.id}  and {rest:,} more {word}")


def _warnings(run: RunResult) -> list[RenderableType]:
    lines: list[RenderableType] = [Text(f"  {one_line(warning, 400)}") for warning in run.warnings]
    return [Text("Warnings", style="bold yellow"), *lines] if lines else []


_ORDER = {
    CriterionVerdict.NOT_MET: 0,
    CriterionVerdict.UNPROVEN: 1,
    CriterionVerdict.WAIVED: 2,
    CriterionVerdict.MET: 3,
}


def _criteria(run: RunResult, width: int, wrap: bool) -> RenderableType:
    ordered = sorted(run.criteria, key=lambda criterion: _ORDER[criterion.verdict])
    made = _criteria_columns(ordered, width, wrap) if width >= WIDE else _criteria_lines(ordered, wrap)
    return Group(*made)


def _criteria_columns(criteria: list[CriterionResult], width: int, wrap: bool) -> Iterator[RenderableType]:
    """One line each, with what needs explaining below it over the whole width."""
    cells = [
        (
            one_line(required(criterion), 30),
            one_line(observed(criterion), 30),
            one_line(bound(criterion), 20),
            "" if criterion.judged.n is None else f"{criterion.judged.n:,}",
        )
        for criterion in criteria
    ]
    heads = ("required", "observed", "bound", "n")
    sizes = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    room = width - INDENT - sum(sizes) - 2 * len(sizes)
    names = [one_line(full_expression(criterion), room) for criterion in criteria]
    longest = max(map(cell_len, (*names, "Criterion")))
    yield _columns(Text("", style="bold"), "Criterion", heads, longest, sizes, style="bold")
    above: CriterionResult | None = None
    for criterion, name, row in zip(criteria, names, cells, strict=True):
        symbol, word, style = criterion_words(criterion)
        yield _columns(Text(f"{symbol} {word}", style=style), name, row, longest, sizes)
        for text in _criterion_lines(criterion, above):
            yield _indent(Text(one_line(text, 400), style="dim"), INDENT, wrap)
        above = criterion


def _columns(
    first: Text, name: str, cells: tuple[str, ...], longest: int, sizes: list[int], style: str = ""
) -> Text:
    line = first.copy()
    line.append(" " * max(1, INDENT - cell_len(first.plain)))
    line.append(name, style=style)
    line.append(" " * (longest - cell_len(name)))
    for cell, size in zip(cells, sizes, strict=True):
        line.append(" " * (2 + size - cell_len(cell)))
        line.append(cell, style=style)
    return line


def _criterion_lines(criterion: CriterionResult, above: CriterionResult | None) -> list[str]:
    """What stands below a criterion: nothing when it is met; what the one above it said is not said again."""
    if criterion.verdict is CriterionVerdict.MET:
        return []
    start, end = f"observed {observed(criterion)}", f"needs {required(criterion)}"
    why = because(criterion)
    if why.startswith(start) and why.endswith(end):
        why = ""
    if why and above is not None and because(above) == why:
        why = "as above"
    return [text for text in (criterion.asked.title, why, _only_warns(criterion)) if text]


def _only_warns(criterion: CriterionResult) -> str:
    return "warns only" if criterion.level is Level.WARN else ""


def _criteria_lines(criteria: list[CriterionResult], wrap: bool) -> Iterator[RenderableType]:
    """Two lines each, with what needs explaining below them, for a terminal of little width."""
    yield Text("Criteria", style="bold")
    above: CriterionResult | None = None
    for criterion in criteria:
        symbol, word, style = criterion_words(criterion)
        line = Text()
        line.append(f"{symbol} {word}", style=style)
        line.append(f"  {one_line(full_expression(criterion), 90)}")
        yield line
        shows = f", {bound(criterion)}" if bound(criterion) else ""
        seen = [f"observed {one_line(observed(criterion), 60)}{shows}"] if criterion.judged.observed else []
        for text in (*seen, *_criterion_lines(criterion, above)):
            yield _indent(Text(one_line(text, 400), style="dim"), 4, wrap)
        above = criterion
