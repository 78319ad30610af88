"""What is wrong in files: rules, findings, and the cases that they become."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Fact, Message, fact, some, with_texts
from phasegate.base.secret_shapes import without_secrets
from phasegate.model.observation import Case, CaseStatus

MOST = 5_000
"""Findings of one rule that are listed."""
_NUMBERED = re.compile(r"(?<=\[)\d+(?=\])|(?<=/)(?<!stage/)\d+(?=/|$)")
"""The number of an item in a list, which is another one when something is put before it."""
NAMED = 20
"""Files that a note names."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is looked for. Its sentence is in `phasegate.render.rules`, by its id."""

    id: str
    """Unique over all kinds: `memory-limit`."""
    severity: Severity
    about: str
    """One sentence of documentation."""
    source: str
    """Where it comes from: a URL."""
    family: str = ""
    """The part of the check that its cases belong to."""

    def finding(
        self, *details: Message | int, file: str = "", line: int | None = None, place: str = ""
    ) -> Finding:
        return Finding(
            rule=self.id,
            severity=self.severity,
            family=self.family,
            file=file,
            line=line,
            place=place,
            details=details,
        )

    def looked(self, n: int, of: str) -> Looked:
        return Looked(n=n, of=of, family=self.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong in one place."""

    rule: str
    """The id of a rule of phasegate, or `tool.ID` of one of a tool."""
    severity: Severity
    file: str = ""
    """Relative to the plan's root, with forward slashes."""
    line: int | None = None
    place: str = ""
    """Where in the file, in words that stay when lines move: `Deployment/web/main`."""
    details: tuple[Message | int, ...] = ()
    """What belongs in the sentence of its rule."""
    text: str = ""
    """What the tool says, where a tool found it."""
    tool: str = ""
    """The tool and its version."""
    family: str = ""

    @property
    def message(self) -> Fact:
        if self.tool:
            return fact(Code.TOOL_FINDING, rule=self.rule, text=self.text, tool=self.tool)
        return fact(Code.FINDING, rule=self.rule, details=self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a rule, or a tool, looked at without finding anything."""

    n: int
    of: str
    """What was counted, in the singular: `container`."""
    family: str = ""
    tool: str = ""
    """The tool and its version; empty for a rule of phasegate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The severity that a plan gives a rule, and why."""

    to: Severity | None
    """None: the rule is left out."""
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Everything that was seen of a set of files."""

    files: int | None
    """None where nobody says how many were looked at."""
    objects: int | None = None
    """None where files hold no objects to count."""
    findings: tuple[Finding, ...] = ()
    looked: Mapping[str, Looked] = field(default_factory=dict)
    """By rule, whether it found something or not; a rule that had nothing to look at is not there."""
    unproven: Mapping[str, Message] = field(default_factory=dict)
    """What could not be looked at, by a name for its case (a tool, a file), and why."""
    notes: tuple[Message, ...] = ()

    def with_severities(self, changed: Mapping[str, Changed]) -> Inspection:
        """The same, with the severities that a plan asks for."""
        if not changed:
            return self
        severities = {rule: change.to for rule, change in changed.items()}
        kept = (
            replace(one, severity=severity)
            for one in self.findings
            if (severity := severities.get(one.rule, one.severity)) is not None
        )
        left_out = {rule for rule, severity in severities.items() if severity is None}
        notes = tuple(
            fact(Code.SEVERITY_CHANGED, rule=rule, to=change.to or "off", why=change.because)
            for rule, change in changed.items()
        )
        looked = {rule: one for rule, one in self.looked.items() if rule not in left_out}
        return replace(self, findings=tuple(kept), looked=looked, notes=(*self.notes, *notes))

    def shortened(self) -> Inspection:
        """The same with the worst findings of each rule, and a note for each that has more."""
        order = list(Severity)
        counts: Counter[str] = Counter()
        kept = []
        for one in sorted(self.findings, key=lambda one: order.index(one.severity)):
            counts[one.rule] += 1
            kept += [one] if counts[one.rule] <= MOST else []
        if len(kept) == len(self.findings):
            return self
        many = [rule for rule, n in counts.items() if n > MOST]
        more = (fact(Code.FINDINGS_OVER_LIMIT, rule=rule, most=MOST) for rule in many)
        return replace(self, findings=tuple(kept), notes=(*self.notes, *more))

    def cases(self) -> tuple[Case, ...]:
        """Findings by severity, file and line; what could not be looked at; rules that found nothing."""
        found = {finding.rule for finding in self.findings}
        order = {severity: place for place, severity in enumerate(Severity)}
        findings = sorted(
            self.findings, key=lambda one: (order[one.severity], one.file, one.line or 0, one.rule, one.place)
        )
        return (
            *map(_case, findings, _ids(findings)),
            *(_lost(name, why) for name, why in self.unproven.items()),
            *(_passed(rule, one) for rule, one in self.looked.items() if rule not in found and one.n),
        )

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)

    def warnings(self) -> tuple[Message, ...]:
        """A note that names what does not fail; none without."""
        mild = [one for one in self.findings if one.severity is not Severity.ERROR]
        if not mild:
            return ()
        rules = Counter(one.rule for one in mild)
        warned, informed = self.count(Severity.WARNING), self.count(Severity.INFO)
        return (fact(Code.MILD_FINDINGS, n=len(mild), warnings=warned, rest=informed, names=tuple(rules)),)

    def causes(self) -> dict[Message, int]:
        """Errors by rule."""
        errors = Counter(one.rule for one in self.findings if one.severity is Severity.ERROR)
        return {fact(Code.OF_RULE, rule=rule): n for rule, n in errors.most_common()}


def _ids(findings: Sequence[Finding]) -> Iterator[str]:
    """An id for each, which stays when lines move and means nothing else when others come or go.

    Findings that share a place, and those whose place is a number in a list, are told apart by what they say.
    """
    bases = [_base_id(finding) for finding in findings]
    times = Counter(base for base, _ in bases)
    ids: Counter[str] = Counter()
    for finding, (base, numbered) in zip(findings, bases, strict=True):
        id = f"{base}~{_digest(finding)}" if numbered or times[base] > 1 else base
        ids[id] += 1
        yield id if ids[id] == 1 else f"{id}~{ids[id]}"


def _base_id(finding: Finding) -> tuple[str, bool]:
    """Rule, file and place, and whether a number in a list was left out of the place."""
    id = f"{finding.rule}/{finding.file}" if finding.file else finding.rule
    if not finding.place:
        return id, False
    place, n = _NUMBERED.subn("", finding.place)
    return f"{id}#{place}", n > 0


def _digest(finding: Finding) -> str:
    """What tells a finding from others at its place: the texts that it quotes, without numbers of lines."""
    texts: list[str] = [finding.text]

    def collect(text: str) -> str:
        texts.append(text)
        return text

    with_texts(finding.details, collect)
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:6]


def _case(finding: Finding, id: str) -> Case:
    failed = finding.severity is Severity.ERROR
    message = with_texts(finding.message, _hidden)
    if not failed:
        message = fact(Code.OF_SEVERITY, severity=finding.severity.value, why=message)
    return Case(
        id=id,
        name=id,
        part=finding.family,
        tags=(finding.rule,),
        status=CaseStatus.FAILED if failed else CaseStatus.PASSED,
        message=message,
        file=finding.file or None,
        line=finding.line,
    )


def _hidden(text: str) -> str:
    return without_secrets(text, put="***")


def _lost(name: str, why: Message) -> Case:
    return Case(id=name, name=name, part=name, status=CaseStatus.LOST, message=with_texts(why, _hidden))


def _passed(rule: str, looked: Looked) -> Case:
    message = fact(Code.LOOKED_AT, n=looked.n, of=looked.of, tool=looked.tool)
    return Case(
        id=rule, name=rule, part=looked.family, tags=(rule,), status=CaseStatus.PASSED, message=message
    )


def merge(inspections: Iterable[Inspection], *, files: int | None, objects: int | None) -> Inspection:
    """What several looked at of the same files, as one."""
    parts = tuple(inspections)
    return Inspection(
        files=files,
        objects=objects,
        findings=tuple(finding for part in parts for finding in part.findings),
        looked={rule: looked for part in parts for rule, looked in part.looked.items()},
        unproven={name: why for part in parts for name, why in part.unproven.items()},
        notes=tuple(note for part in parts for note in part.notes),
    )


def some_files(code: Code, names: Sequence[str], **values: Any) -> Fact:
    """A note that names the first of several files."""
    return fact(code, files=some(names, NAMED), **values)
