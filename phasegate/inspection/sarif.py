"""SARIF 2.1, in the dialects in which tools write it.

Source: OASIS Static Analysis Results Interchange Format, version 2.1.0. A level that is missing is that of
the rule, else `warning`; results that are absent are not results without findings; paths start at the root
unless a base says otherwise. Snippets are never read: they hold what was found, such as secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.inspection.finding import Finding, Severity
from phasegate.inspection.report import (
    ToolReport,
    excerpt,
    get,
    items_of,
    line_of,
    moment_of,
    number_of,
    severity_of_score,
    severity_of_word,
    text_of,
)

_ALWAYS_ERRORS = frozenset({"gitleaks", "betterleaks", "trufflehog"})
"""Tools without levels whose every result is a secret."""
_NOT_FAILED = {"pass": None, "notApplicable": None, "informational": Severity.INFO, "review": Severity.INFO}
"""By the kind of a result: its severity, or None where it is no finding."""
_DEEPEST = 20
"""Bases of a path, each on the one before."""


def read_sarif(data: Any, root: Path) -> tuple[ToolReport, ...]:
    """One report for each run. Errors: ObservationError for what is not SARIF 2.1, or holds no run."""
    version = text_of(data, "version")
    if not version.startswith("2.1"):
        raise ObservationError(fact(Code.NOT_SARIF, version=version))
    runs = items_of(data, "runs")
    if not runs or not all(isinstance(run, Mapping) for run in runs):
        raise ObservationError(fact(Code.SARIF_WITHOUT_RUNS))
    return tuple(_Run(run, root).report() for run in runs)


@dataclass
class _Run:
    data: Mapping[str, Any]
    root: Path
    suppressed: int = 0
    unproven: dict[str, Message] = field(default_factory=dict)

    def report(self) -> ToolReport:
        findings = tuple(self._findings())
        self._look_at_invocations()
        if not isinstance(self.data.get("results"), list):
            self.unproven[self.name] = fact(Code.SARIF_WITHOUT_RESULTS, tool=self.name)
        if get(self.data, "externalPropertyFileReferences", "results"):
            self.unproven[self.name] = fact(Code.SARIF_ELSEWHERE, tool=self.name)
        notes = (fact(Code.SUPPRESSED, n=self.suppressed, tool=self.name),) if self.suppressed else ()
        artifacts = self.data.get("artifacts")
        return ToolReport(
            name=self.name,
            version=self.version,
            findings=findings,
            files=tuple(self._artifacts(artifacts)) if isinstance(artifacts, list) else None,
            unproven=self.unproven,
            notes=notes,
            ended=self._ended(),
            revision=next(filter(None, (text_of(one, "revisionId") for one in self._provenance())), ""),
        )

    @property
    def driver(self) -> Any:
        return get(self.data, "tool", "driver")

    @property
    def name(self) -> str:
        return text_of(self.driver, "name") or "scanner"

    @property
    def version(self) -> str:
        return text_of(self.driver, "semanticVersion") or text_of(self.driver, "version")

    def _provenance(self) -> list[Any]:
        return items_of(self.data, "versionControlProvenance")

    def _findings(self) -> Iterator[Finding]:
        for result in items_of(self.data, "results"):
            severity = self._severity(result)
            if severity is None or text_of(result, "baselineState") == "absent":
                continue
            if _is_suppressed(result):
                self.suppressed += 1
                continue
            yield self._finding(result, severity)

    def _finding(self, result: Any, severity: Severity) -> Finding:
        rule_id, rule = self._rule(result)
        location = next(iter(items_of(result, "locations")), None)
        physical = get(location, "physicalLocation")
        line = get(physical, "region", "startLine")
        logical = next(iter(items_of(location, "logicalLocations")), None)
        tool = f"{self.name} {self.version}".rstrip()
        return Finding(
            rule=f"{self.name}.{rule_id or 'unknown'}",
            severity=severity,
            file=self._path(get(physical, "artifactLocation")),
            line=line_of(line),
            place=text_of(logical, "fullyQualifiedName") or text_of(logical, "name"),
            text=_message(result, rule) or rule_id,
            tool=tool,
            family=self.name,
        )

    def _rule(self, result: Any) -> tuple[str, Any]:
        """The id of the rule, and what is known of it."""
        extensions = items_of(get(self.data, "tool"), "extensions")
        component = _at(extensions, get(result, "rule", "toolComponent", "index"))
        index = get(result, "ruleIndex")
        rules = items_of(component or self.driver, "rules")
        id = text_of(result, "ruleId") or text_of(get(result, "rule"), "id")
        rule = _at(rules, get(result, "rule", "index") if index is None else index)
        if rule is None and id:
            known = (one for place in (self.driver, *extensions) for one in items_of(place, "rules"))
            ids = (id, id.partition("/")[0])
            rule = next((one for one in known if text_of(one, "id") in ids), None)
        return id or text_of(rule, "id"), rule

    def _severity(self, result: Any) -> Severity | None:
        kind = text_of(result, "kind") or "fail"
        id, rule = self._rule(result)
        if kind == "open":
            self.unproven[f"{self.name}/{id}"] = fact(Code.SARIF_OPEN, tool=self.name)
            return None
        if kind in _NOT_FAILED:
            return _NOT_FAILED[kind]
        for place in (result, rule):
            score = number_of(get(place, "properties", "security-severity"))
            if score is not None:
                return severity_of_score(score)
        level = text_of(result, "level") or text_of(get(rule, "defaultConfiguration"), "level")
        if not level:
            return Severity.ERROR if self.name.lower() in _ALWAYS_ERRORS else Severity.WARNING
        return severity_of_word(level)

    def _look_at_invocations(self) -> None:
        for invocation in items_of(self.data, "invocations"):
            if get(invocation, "executionSuccessful") is False:
                why = text_of(invocation, "exitCodeDescription")
                self.unproven[self.name] = fact(Code.TOOL_UNSUCCESSFUL, tool=self.name, text=excerpt(why))
            for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
                for notification in items_of(invocation, key):
                    if text_of(notification, "level") == "error":
                        self._not_looked_at(notification)

    def _not_looked_at(self, notification: Any) -> None:
        location = next(iter(items_of(notification, "locations")), None)
        file = self._path(get(location, "physicalLocation", "artifactLocation"))
        text = excerpt(_message(notification, None))
        name = f"{self.name}/{file}" if file else self.name
        self.unproven[name] = fact(Code.TOOL_UNSUCCESSFUL, tool=self.name, file=file, text=text)

    def _ended(self) -> datetime | None:
        times = [
            text_of(one, "endTimeUtc") or text_of(one, "startTimeUtc")
            for one in items_of(self.data, "invocations")
        ]
        return min(filter(None, map(moment_of, times)), default=None)

    def _artifacts(self, artifacts: list[Any]) -> Iterator[str]:
        for artifact in artifacts:
            path = self._path(get(artifact, "location"))
            if path:
                yield path

    def _path(self, location: Any) -> str:
        """Where a file is: relative to the root where it is below it, else as it is named."""
        uri = text_of(location, "uri")
        if not uri:
            artifact = _at(items_of(self.data, "artifacts"), get(location, "index"))
            location = get(artifact, "location")
            uri = text_of(location, "uri")
        return (
            relative_path(self._base(text_of(location, "uriBaseId"), _DEEPEST) + uri, self.root)
            if uri
            else ""
        )

    def _base(self, name: str, left: int) -> str:
        base = get(self.data, "originalUriBaseIds", name) if name and left else None
        uri = text_of(base, "uri")
        return self._base(text_of(base, "uriBaseId"), left - 1) + uri if uri else ""


def relative_path(uri: str, root: Path) -> str:
    """A path or `file:` URI as people name a file of the root."""
    path = unquote(urlsplit(uri).path if uri.startswith("file:") else uri)
    place = Path(path)
    for base in (root, root.resolve()):
        if place.is_relative_to(base):
            return place.relative_to(base).as_posix()
    return place.as_posix()


def _is_suppressed(result: Any) -> bool:
    """Whether every suppression of a result was accepted. Source: SARIF 2.1.0, 3.27.23."""
    states = [text_of(one, "status") or "accepted" for one in items_of(result, "suppressions")]
    return bool(states) and all(state == "accepted" for state in states)


def _message(result: Any, rule: Any) -> str:
    message = get(result, "message")
    text = text_of(message, "text") or text_of(message, "markdown")
    if not text:
        text = text_of(get(rule, "messageStrings", text_of(message, "id")), "text")
    for number, argument in enumerate(items_of(message, "arguments")):
        text = text.replace(f"{{{number}}}", f"{argument}")
    return excerpt(text or text_of(get(rule, "shortDescription"), "text"))


def _at(items: list[Any], index: Any) -> Any:
    """An item by its index; None where there is none."""
    known = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(items)
    return items[index] if known else None
