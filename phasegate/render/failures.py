"""What failed, grouped by cause; what passed only when tried again; what was never tested."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message
from phasegate.model.measures import Number
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.model.result import CheckResult, CheckStatus, RunResult
from phasegate.render import badges
from phasegate.render.badges import Badge
from phasegate.render.hostile import anchor, first_line
from phasegate.render.rerun import rerun_command
from phasegate.render.sentences import sentence
from phasegate.render.waivers import WaivedCases, find_waived_cases

MOST_CAUSES = 60
MOST_SHOWN = 8
"""Failures of one cause shown in full; the others are named."""
MOST_NAMED = 40
MOST_FINDINGS = 10
"""Findings of one check that stand beside the verdict."""
MOST_MISSING = 25
"""Skipped or lost cases of one check that are named."""
_ROW = re.compile(r"\s?\[[^\[\]]*\]$")
"""The row of data or the parameters behind the name of a case."""
FEWEST_ALIKE = 3
"""Failures that must have a cause in common for it to stand beside the verdict."""
FEWEST_SPACES = 2
"""In a text of the target's that says more than a name does."""
_QUOTED = re.compile(r'"([^"\\\n]+)"')
_RAISED = re.compile(r"(?:Error|Exception): ([^\n]+)")
_VARYING = re.compile(r"[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|\d+(?:\.\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt at a check or a case."""

    number: int
    badge: Badge
    message: str
    duration: float | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed case, or a check that failed or was errored without one. What is said of it is made when it
    is asked for, as of many only the first are shown."""

    run: RunResult
    check: CheckResult
    case: Case | None
    waivers: tuple[str, ...] = ()
    """Ids of those that cover it."""

    @property
    def badge(self) -> Badge:
        if self.case is None:
            return badges.CHECK[self.check.status]
        return badges.of_case(self.case, waived=bool(self.waivers))

    @property
    def name(self) -> str:
        if self.case is None:
            return self.check.asked.title
        return "" if self.case.id.endswith(self.case.name) else self.case.name

    @cached_property
    def message(self) -> str:
        if self.case is not None:
            return sentence(self.case.message)
        last = self.check.last
        return sentence(self.check.reason or (last.why if last else ""))

    @property
    def tries(self) -> tuple[Try, ...]:
        """Empty when there was only one."""
        if self.case is not None:
            return _tries_of_case(self.case) if self.case.earlier else ()
        return _tries_of_check(self.check) if len(self.check.attempts) > 1 else ()

    @property
    def evidence(self) -> tuple[str, ...]:
        return self.check.seen.evidence if self.case is None else self.case.evidence

    @cached_property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """What went wrong how often, most frequent first."""
        return causes_in_words(self.check.seen.causes) if self.case is None else ()

    @property
    def rerun(self) -> str:
        return rerun_command(self.run, self.check, self.case)

    @property
    def anchor(self) -> str:
        if self.case is None:
            return anchor("failure", self.check.id)
        return anchor("case", self.check.id, self.case.id)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted of the attempt, such as why a load was aborted."""
        last = self.check.last if self.case is None else None
        return tuple(map(sentence, last.observation.notes)) if last else ()

    @cached_property
    def rule(self) -> str:
        """The rule that it is a finding of; empty for any other failure."""
        return "" if self.case is None else rule_of(self.case)

    @property
    def place(self) -> str:
        if self.case is None or not self.case.file:
            return ""
        return f"{self.case.file}:{self.case.line}" if self.case.line else self.case.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Failures whose messages begin the same but for numbers and ids."""

    text: str
    failures: tuple[Failure, ...]
    anchor: str

    @property
    def waived(self) -> bool:
        """Whether waivers cover all of it."""
        return all(failure.waivers for failure in self.failures)

    @property
    def finding(self) -> bool:
        """Whether it is a rule, and its failures are what that found."""
        return bool(self.failures[0].rule)

    @property
    def full(self) -> tuple[Failure, ...]:
        return self.failures[:MOST_SHOWN]

    @property
    def named(self) -> tuple[Failure, ...]:
        return self.failures[MOST_SHOWN : MOST_SHOWN + MOST_NAMED]

    @property
    def hidden(self) -> int:
        return max(0, len(self.failures) - MOST_SHOWN - MOST_NAMED)

    @property
    def names(self) -> tuple[str, ...]:
        """What failed, such as endpoints; each once, whatever its rows of data or parameters."""
        written = (item.name or (item.case.id if item.case else "") for item in self.failures)
        return tuple(dict.fromkeys(_ROW.sub("", name) for name in written))

    @property
    def checks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(failure.check.id for failure in self.failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a check found in files, as far as it fails and nobody waived it."""

    check: CheckResult
    rules: tuple[tuple[str, int], ...]
    """How often each rule found something, most often first."""
    first: tuple[Failure, ...]
    """The first ones, by file and line."""

    @property
    def total(self) -> int:
        return sum(times for _, times in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """A case, or a check whose cases do not show it, that passed only when tried again."""

    check: CheckResult
    name: str
    """The case; empty when it is the whole check."""
    attempts: int
    failed: tuple[Try, ...]
    """Those that did not pass, each with its number and why."""
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Cases of a check that were collected and have no verdict."""

    check: CheckResult
    badge: Badge
    cases: tuple[Case, ...]

    @property
    def named(self) -> tuple[Case, ...]:
        return self.cases[:MOST_MISSING]

    @property
    def hidden(self) -> int:
        return max(0, len(self.cases) - MOST_MISSING)


def causes_of(run: RunResult) -> tuple[Cause, ...]:
    """Causes of blocking checks first, in the order of the plan; of one check, the most frequent first.

    What broke early is mostly why the rest did. What is waived comes last.
    """
    order = {check.id: place for place, check in enumerate(run.checks())}
    groups: dict[str, list[Failure]] = {}
    waived = find_waived_cases(run)
    for check in run.checks():
        for failure in _failures_of(run, check, waived):
            groups.setdefault(_alike(failure), []).append(failure)
    causes = [
        Cause(
            text=failures[0].rule or first_line(failures[0].message) or "no message was given",
            failures=tuple(failures),
            anchor=anchor("cause", key),
        )
        for key, failures in groups.items()
    ]
    return tuple(
        sorted(
            causes,
            key=lambda cause: (
                cause.waived,
                not _closes(cause),
                order[cause.failures[0].check.id],
                -len(cause.failures),
            ),
        )
    )


def rule_of(case: Case) -> str:
    """The rule that a case is a finding of; empty for any other case."""
    message = case.message
    found = isinstance(message, Fact) and message.code in (Code.FINDING, Code.TOOL_FINDING)
    return message.rule or "" if found and isinstance(message, Fact) else ""


def findings_of(run: RunResult) -> tuple[Findings, ...]:
    """For each check that found something in files."""
    waived = find_waived_cases(run)
    found = []
    for check in run.checks():
        failed = [
            (case, rule)
            for case in check.seen.cases
            if case.status is CaseStatus.FAILED and (rule := rule_of(case)) and not waived.of(check, case)
        ]
        if failed:
            rules = Counter(rule for _, rule in failed)
            by_times = sorted(rules.items(), key=lambda item: (-item[1], item[0]))
            first = tuple(Failure(run=run, check=check, case=case) for case, _ in failed[:MOST_FINDINGS])
            found.append(Findings(check=check, rules=tuple(by_times), first=first))
    return tuple(found)


def main_cause(run: RunResult) -> str:
    """What most failures have in common, with its counts: `14 x api, 28 x e2e: not configured correctly`.

    What a target or a test says of itself counts before the words of phasegate. Empty where there are few
    failures, or no such thing.
    """
    waived = find_waived_cases(run)
    failures = [
        failure
        for check in run.checks()
        if check.blocking
        for failure in _failures_of(run, check, waived, findings=False)
        if not failure.waivers
    ]
    firsts = {first_line(failure.message) for failure in failures}
    found: dict[str, Counter[str]] = {}
    named: Counter[str] = Counter()
    for failure in failures:
        for text, times in _causes_named(failure).items():
            found.setdefault(text, Counter())[failure.check.id] += times
            named[text] += 1
    if not found:
        return ""
    text = max(found, key=lambda text: (len(found[text]), named[text], text not in firsts))
    counts = found[text]
    if sum(counts.values()) < FEWEST_ALIKE:
        return ""
    return f"{', '.join(f'{times:,} x {id}' for id, times in counts.items())}: {text}"


def _causes_named(failure: Failure) -> dict[str, int]:
    """Each thing that a failure says of its cause, with how often it happened."""
    if failure.causes:
        return dict(failure.causes)
    own = _own_words(failure.case.message) if failure.case is not None else ()
    telling = [text for text in own if text.count(" ") >= FEWEST_SPACES]
    return {first_line(text): 1 for text in (*telling, failure.message) if text}


def _own_words(message: Message) -> Iterator[str]:
    """What a test said when it failed, or a target in its answer; never what was expected of it."""
    if isinstance(message, str):
        yield from _RAISED.findall(message)
        return
    for one in message.walk():
        if one.code is Code.ANSWER:
            yield from _QUOTED.findall(one.text)
        elif one.code is Code.MISMATCH and isinstance(one.actual, str):
            yield one.actual


def _alike(failure: Failure) -> str:
    """What failures of one cause have in common: how they begin, and what went wrong most often."""
    if failure.rule:
        return f"{failure.check.id} {failure.rule}"
    most = failure.causes[0][0] if failure.causes else ""
    return "\n".join(filter(None, (_VARYING.sub("#", first_line(failure.message)), most)))


def flaky_of(run: RunResult) -> tuple[Flaky, ...]:
    return tuple(item for check in run.checks() for item in _flaky_in(check))


def not_run_alike(run: RunResult) -> tuple[tuple[CheckResult, ...], ...]:
    """The checks that were not run; those with the same reason and the same way out together, for a target
    that does not come up is one reason for all."""
    alike: dict[tuple[str, str], list[CheckResult]] = {}
    for check in run.checks():
        if check.status is CheckStatus.NOT_RUN:
            alike.setdefault((sentence(check.reason), sentence(check.help)), []).append(check)
    return tuple(map(tuple, alike.values()))


def missing_of(run: RunResult) -> tuple[Missing, ...]:
    found = []
    for check in run.checks():
        for status in (CaseStatus.LOST, CaseStatus.SKIPPED):
            cases = tuple(case for case in check.seen.cases if case.status is status)
            if cases:
                found.append(Missing(check=check, badge=badges.CASE[status], cases=cases))
    return tuple(found)


def deselected_checks(run: RunResult) -> tuple[tuple[CheckResult, int], ...]:
    """Checks whose suite left cases out before running, with how many."""
    found = []
    for check in run.checks():
        measure = check.seen.measures.get("deselected")
        if isinstance(measure, Number) and measure.value:
            found.append((check, int(measure.value)))
    return tuple(found)


def _closes(cause: Cause) -> bool:
    return any(
        failure.check.blocking and failure.check.status in (CheckStatus.FAILED, CheckStatus.ERRORED)
        for failure in cause.failures
    )


def _failures_of(
    run: RunResult, check: CheckResult, waived: WaivedCases, *, findings: bool = True
) -> Iterator[Failure]:
    """`findings`: whether with those of rules."""
    failed = [case for case in check.seen.cases if case.status is CaseStatus.FAILED]
    for case in failed if findings else [case for case in failed if not rule_of(case)]:
        yield Failure(run=run, check=check, case=case, waivers=waived.of(check, case))
    errored = check.status is CheckStatus.ERRORED
    if errored or (check.status is CheckStatus.FAILED and not failed):
        yield Failure(run=run, check=check, case=None)


def causes_in_words(causes: Mapping[Message, int]) -> tuple[tuple[str, int], ...]:
    """The most frequent first."""
    told = ((sentence(cause), times) for cause, times in causes.items())
    return tuple(sorted(told, key=lambda item: (-item[1], item[0])))


def _flaky_in(check: CheckResult) -> Iterator[Flaky]:
    if check.flaky_itself:
        yield _flaky(check, "", _tries_of_check(check), anchor("flaky", check.id))
    for case in check.seen.cases:
        if case.earlier and case.flaky:
            yield _flaky(check, case.id, _tries_of_case(case), anchor("flaky", check.id, case.id))


def _flaky(check: CheckResult, name: str, tries: tuple[Try, ...], anchor: str) -> Flaky:
    failed = tuple(one for one in tries if one.badge != badges.CASE[CaseStatus.PASSED])
    return Flaky(check=check, name=name, attempts=len(tries), failed=failed, anchor=anchor)


def _tries_of_check(check: CheckResult) -> tuple[Try, ...]:
    return tuple(
        Try(
            number=attempt.number,
            badge=badges.ATTEMPT[attempt.status],
            message=sentence(attempt.why),
            duration=attempt.duration,
        )
        for attempt in check.attempts
    )


def _tries_of_case(case: Case) -> tuple[Try, ...]:
    """Earlier ones and the one that decided, numbered in their order."""
    last = CaseAttempt(status=case.status, message=case.message, duration=case.duration)
    return tuple(
        Try(
            number=number, badge=badges.CASE[one.status], message=sentence(one.message), duration=one.duration
        )
        for number, one in enumerate((*case.earlier, last), start=1)
    )
