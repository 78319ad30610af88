"""JUnit XML in two dialects: rich for GitLab and GitHub actions, strict for Jenkins' junit-10.xsd.

A suite per check, named like the class of its cases: `<phase>.<step>.<check>`; and `<phase>.gate` with a case
per criterion, so that every CI that reads JUnit shows `steady.latency.p95` as a result with a name.

    passed                          nothing
    failed, criterion not met       failure, with rerunFailure for earlier tries
    passed when tried again         flakyFailure
    skipped; waived; only warns     skipped
    unproven, errored, lost,
    not run                         error, its type says which

Sources: jenkinsci/xunit-plugin junit-10.xsd; jenkinsci/junit-plugin (only the *Failure forms are read);
GitLab (of cases with one name the first is kept, so names are made unique).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from phasegate.base.dataclass import dataclass
from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import AttemptStatus, CheckResult, CheckStatus, CriterionResult, RunResult
from phasegate.render.hostile import first_line, xml_text
from phasegate.render.rerun import rerun_command
from phasegate.render.sentences import bound, margin, observed, required, sentence
from phasegate.render.sentences import message as because
from phasegate.render.standing import standing
from phasegate.render.waivers import WaivedCases, find_waived_cases, is_waived
from phasegate.render.words import headline

LONGEST_NAME = 500
LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A testcase to be: `outcome` is failure, error or skipped, empty when it passed."""

    name: str
    outcome: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    duration: float | None = None
    earlier: tuple[str, ...] = ()
    """Messages of tries that did not pass, before the one that decided."""
    file: str | None = None
    line: int | None = None
    properties: tuple[tuple[str, str], ...] = ()
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    name: str
    entries: Iterable[_Entry]
    started: datetime | None = None
    duration: float | None = None
    properties: tuple[tuple[str, str], ...] = ()


def render(run: RunResult) -> str:
    """The rich dialect."""
    return _document(run, rich=True)


def render_strict(run: RunResult) -> str:
    """The dialect that validates against junit-10.xsd."""
    return _document(run, rich=False)


def _document(run: RunResult, *, rich: bool) -> str:
    totals: Counter[str] = Counter()
    suites = []
    for suite in _suites(run):
        text, outcomes = _suite_element(suite, rich=rich)
        suites.append(text)
        totals.update(outcomes)
    attributes = [("name", _name(run.phase)), *_tally(totals, skipped=rich)]
    if rich:
        attributes.append(("timestamp", _timestamp(run.started)))
    if run.duration is not None:
        attributes.append(("time", _time(run.duration)))
    root = _element(0, "testsuites", attributes, children=suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n'


def _package(check: CheckResult) -> Iterator[tuple[str, str]]:
    if check.asked.package is not None:
        yield "phasegate.package", f"{check.asked.package.name} {check.asked.package.version}"


def _suites(run: RunResult) -> Iterator[_Suite]:
    waived = find_waived_cases(run)
    for check in run.checks():
        yield _Suite(
            name=f"{run.phase}.{check.asked.step or 'gate'}.{check.id}",
            entries=_entries_of_check(run, check, waived),
            started=check.started,
            duration=check.duration,
            properties=(
                ("phasegate.kind", check.asked.kind),
                *_package(check),
                ("phasegate.status", check.status.value),
                ("phasegate.blocking", "true" if check.blocking else "false"),
                ("phasegate.observed", headline(check.seen)),
            ),
        )
    yield _Suite(
        name=f"{run.phase}.gate",
        entries=(*(_entry_of_criterion(item) for item in run.criteria), *_entry_of_run(run)),
        properties=(
            ("phasegate.verdict", run.verdict.value),
            ("phasegate.reason", sentence(run.reason)),
            *((("phasegate.unwaived", run.unwaived.value),) if run.unwaived else ()),
            *((f"phasegate.{line.label.lower().replace(' ', '-')}", line.text) for line in standing(run)),
        ),
    )


def _entries_of_check(run: RunResult, check: CheckResult, waived: WaivedCases) -> Iterator[_Entry]:
    cases = check.seen.cases
    for case in cases:
        yield _entry_of_case(run, check, case, waived.of(check, case))
    if not cases or check.status is CheckStatus.ERRORED or check.flaky_itself:
        yield _entry_of_whole_check(run, check)


_OF_CASE = {
    CaseStatus.PASSED: ("", ""),
    CaseStatus.FAILED: ("failure", "phasegate.Failed"),
    CaseStatus.SKIPPED: ("skipped", "phasegate.Skipped"),
    CaseStatus.LOST: ("error", "phasegate.Lost"),
}


def _entry_of_case(run: RunResult, check: CheckResult, case: Case, waivers: tuple[str, ...]) -> _Entry:
    outcome, type = _OF_CASE[case.status]
    lost = "collected, but no result ever came" if case.status is CaseStatus.LOST else ""
    whole = sentence(case.message)
    message = first_line(whole, LONGEST_MESSAGE) or lost
    if waivers:
        outcome, type = "skipped", "phasegate.Waived"
        message = f"{case.status.value}, waived by {', '.join(waivers)}: {message}"
    return _Entry(
        name=case.id,
        outcome=outcome,
        type=type,
        message=message,
        text=_details(whole, case.evidence, rerun_command(run, check, case)) if outcome else "",
        duration=case.duration,
        earlier=tuple(
            _try(number, sentence(past.message) or past.status.value)
            for number, past in enumerate(case.earlier, start=1)
            if past.status is not CaseStatus.PASSED
        ),
        file=case.file,
        line=case.line,
        properties=(
            *((("phasegate.part", case.part),) if case.part else ()),
            *(("tag", tag) for tag in case.tags),
        ),
    )


def _entry_of_whole_check(run: RunResult, check: CheckResult) -> _Entry:
    """A check that has no cases, that broke off beside them, or whose cases do not show that it is flaky."""
    outcome, type = {
        CheckStatus.PASSED: ("", ""),
        CheckStatus.FAILED: ("failure", "phasegate.Failed"),
        CheckStatus.UNPROVEN: ("error", "phasegate.Unproven"),
        CheckStatus.ERRORED: ("error", "phasegate.Errored"),
        CheckStatus.NOT_RUN: ("error", "phasegate.NotRun"),
    }[check.status]
    reason = sentence(check.reason)
    if outcome and not check.blocking:
        outcome, type, reason = "skipped", "phasegate.Warning", f"does not block: {reason}"
    elif is_waived(run, check):
        outcome, type, reason = "skipped", "phasegate.Waived", f"{check.status.value}, waived: {reason}"
    last = check.last
    details = [sentence(check.reason), sentence(check.help)]
    if last is not None:
        details += map(sentence, check.seen.notes)
        details += [f"{times} x {sentence(cause)}" for cause, times in check.seen.causes.items()]
    return _Entry(
        name=check.id,
        outcome=outcome,
        type=type,
        message=first_line(reason, LONGEST_MESSAGE) or check.status.value,
        text=_details(
            "\n".join(line for line in details if line),
            check.seen.evidence,
            rerun_command(run, check),
        ),
        duration=check.duration,
        earlier=tuple(
            _try(attempt.number, sentence(attempt.why or attempt.status.value))
            for attempt in check.attempts[:-1]
            if attempt.status in (AttemptStatus.FAILED, AttemptStatus.ERRORED)
        ),
        output=headline(check.seen),
    )


def _try(number: int, message: str) -> str:
    return f"attempt {number}: {message}"


def _entry_of_criterion(criterion: CriterionResult) -> _Entry:
    outcome, type = {
        CriterionVerdict.MET: ("", ""),
        CriterionVerdict.NOT_MET: ("failure", "phasegate.NotMet"),
        CriterionVerdict.UNPROVEN: ("error", "phasegate.Unproven"),
        CriterionVerdict.WAIVED: ("skipped", "phasegate.Waived"),
    }[criterion.verdict]
    asked, judgement = criterion.asked, _judgement(criterion)
    message = ""
    if outcome:
        message = f"required {required(criterion)}, observed {observed(criterion)}: {because(criterion)}"
    if outcome in ("failure", "error") and criterion.level is Level.WARN:
        outcome, type, message = "skipped", "phasegate.Warning", f"only warns: {message}"
    return _Entry(
        name=criterion.id,
        outcome=outcome,
        type=type,
        message=first_line(message, LONGEST_MESSAGE),
        text=judgement,
        output="" if outcome else judgement,
        properties=tuple(
            (f"phasegate.{name}", text)
            for name, text in (
                ("expression", asked.expression),
                ("title", asked.title),
                ("ref", asked.ref),
                ("level", criterion.level.value),
            )
            if text
        ),
    )


def _entry_of_run(run: RunResult) -> Iterator[_Entry]:
    """A run that was cut short may have nothing else to show for it."""
    if run.finished is None or run.interrupted:
        yield _Entry(
            name="run",
            outcome="error",
            type="phasegate.Interrupted",
            message=first_line(run.interrupted or run.reason, LONGEST_MESSAGE),
        )


def _judgement(criterion: CriterionResult) -> str:
    asked, judged = criterion.asked, criterion.judged
    facts = (
        ("criterion", asked.expression),
        ("title", asked.title),
        ("required", required(criterion)),
        ("observed", observed(criterion)),
        ("bound", bound(criterion)),
        ("samples", "" if judged.n is None else str(judged.n)),
        ("worth", "" if judged.effective_n is None else str(judged.effective_n)),
        ("margin", margin(criterion)),
        ("because", because(criterion)),
        ("why", asked.why),
        ("ref", asked.ref),
        ("source", asked.source),
    )
    return "\n".join(f"{name}: {text}" for name, text in facts if text)


def _details(message: str, evidence: tuple[str, ...], rerun: str) -> str:
    lines = [message.strip("\n")] if message else []
    lines += [f"evidence: {path}" for path in evidence[:10]]
    return "\n".join([*lines, f"again: {rerun}"])


def _suite_element(suite: _Suite, *, rich: bool) -> tuple[str, Counter[str]]:
    """The suite as text, and how many of its cases came to which outcome."""
    outcomes: Counter[str] = Counter()
    taken: set[str] = set()
    name = _name(suite.name)
    children = [_properties(2, suite.properties)]
    for entry in suite.entries:
        outcomes[entry.outcome] += 1
        children.append(_case_element(entry, name, _unique(_name(entry.name), taken), rich=rich))
    attributes = [("name", name), *_tally(outcomes, skipped=True)]
    if suite.duration is not None:
        attributes.append(("time", _time(suite.duration)))
    if suite.started is not None:
        attributes.append(("timestamp", _timestamp(suite.started)))
    return _element(1, "testsuite", attributes, children=children), outcomes


def _tally(outcomes: Counter[str], *, skipped: bool) -> Iterator[tuple[str, str]]:
    yield "tests", str(outcomes.total())
    yield "failures", str(outcomes["failure"])
    yield "errors", str(outcomes["error"])
    if skipped:
        yield "skipped", str(outcomes["skipped"])


def _case_element(entry: _Entry, suite: str, name: str, *, rich: bool) -> str:
    attributes = [("classname", suite), ("name", name)]
    children = []
    if entry.duration is not None:
        attributes.append(("time", _time(entry.duration)))
    if rich:
        if entry.file:
            attributes.append(("file", _name(entry.file)))
            if entry.line is not None:
                attributes.append(("line", str(entry.line)))
        if entry.properties:
            children.append(_properties(3, entry.properties))
    if entry.outcome:
        about = (("message", xml_text(entry.message, LONGEST_MESSAGE)), ("type", entry.type))
        children.append(_element(3, entry.outcome, about, xml_text(entry.text)))
    if entry.outcome in ("", "failure"):
        tag = "rerunFailure" if entry.outcome else "flakyFailure"
        for message in entry.earlier:
            about = (
                ("message", first_line(xml_text(message), LONGEST_MESSAGE)),
                ("type", "phasegate.Failed"),
            )
            trace = _element(4, "stackTrace", (), xml_text(message))
            children.append(_element(3, tag, about, children=[trace]))
    if entry.output:
        children.append(_element(3, "system-out", (), xml_text(entry.output)))
    return _element(2, "testcase", attributes, children=children)


@lru_cache(maxsize=1_000)
def _properties(depth: int, properties: tuple[tuple[str, str], ...]) -> str:
    """Most cases have those of the case before."""
    children = [
        _element(
            depth + 1,
            "property",
            (("name", _name(name)), ("value", xml_text(value, LONGEST_MESSAGE).replace("\n", " "))),
        )
        for name, value in properties
    ]
    return _element(depth, "properties", (), children=children)


def _element(
    depth: int,
    tag: str,
    attributes: Iterable[tuple[str, str]],
    text: str = "",
    children: Sequence[str] = (),
) -> str:
    """An element at a depth of the document, with text or with children in it, which are elements."""
    indent = "  " * depth
    begin = indent + "<" + tag + "".join([f' {name}="{_escape(value)}"' for name, value in attributes])
    if children:
        return "\n".join((begin + ">", *children, f"{indent}</{tag}>"))
    return f"{begin}>{_escape_text(text)}</{tag}>" if text else f"{begin} />"


def _escape_text(text: str) -> str:
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    return text.replace(">", "&gt;") if ">" in text else text


def _escape(text: str) -> str:
    """For an attribute, in which a line's end would be read as a space."""
    if text.isalnum():
        return text
    text = _escape_text(text)
    if '"' in text:
        text = text.replace('"', "&quot;")
    if not text.isprintable():
        text = text.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#09;")
    return text


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} #{number}"
    taken.add(candidate)
    return candidate


def _name(text: str) -> str:
    """On one line: readers compare names, and attribute line breaks become spaces on the way."""
    return " ".join(xml_text(text, LONGEST_NAME).split())


def _time(seconds: float) -> str:
    """The schema wants a decimal, and `1e-05` is none."""
    return f"{max(0.0, seconds):.3f}"


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
