"""Formats in which scanners report; pure. Without the data that a scanner needs, nothing is proven.

Each reader takes what the file holds and the root of the plan. Errors: ObservationError for what is not of
its format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.scalars import read_json
from phasegate.inspection.finding import Finding, Looked, Severity
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
from phasegate.inspection.sarif import read_sarif, relative_path
from phasegate.model.observation import CaseStatus
from phasegate.results.junit import parse_junit

Reader = Callable[[bytes, str, Path], tuple[ToolReport, ...]]
"""From the content of a report, what messages call it, and the root of the plan."""


def read_report(content: bytes, name: str, root: Path, format: str | None) -> tuple[ToolReport, ...]:
    """What a scanner wrote; without a format, its content tells. Errors: ObservationError."""
    if format == "junit" or (format is None and content.lstrip()[:1] == b"<"):
        return (_junit(content, name),)
    data = _json(content, name)
    chosen = format or _format_of(data)
    if chosen is None:
        raise ObservationError(fact(Code.FORMAT_UNKNOWN, path=name, names=tuple(FORMATS)))
    return _READERS[chosen](data, root)


def _json(content: bytes, name: str) -> Any:
    try:
        return read_json(content)
    except (ValueError, RecursionError) as error:
        why = "it is empty" if not content.strip() else excerpt(str(error))
        raise ObservationError(fact(Code.NO_REPORT, path=name, why=why)) from None


def _format_of(data: Any) -> str | None:
    return next(
        (name for name, is_it in _SIGNS.items() if isinstance(data, is_it[0]) and is_it[1](data)), None
    )


def _sarif(data: Any, root: Path) -> tuple[ToolReport, ...]:
    return read_sarif(data, root)


def _junit(content: bytes, name: str) -> ToolReport:
    """Each case that failed is a finding; one without a result was not looked at."""
    read = parse_junit(content, name)
    cases = [item.case for item in read.cases]
    lost = {case.id: case.message for case in cases if case.status in (CaseStatus.SKIPPED, CaseStatus.LOST)}
    problems = {f"{name}~{number}": problem for number, problem in enumerate(read.problems)}
    return ToolReport(
        name=name,
        findings=tuple(
            Finding(
                rule="junit.failure",
                severity=Severity.ERROR,
                place=case.id,
                details=(case.message,),
                family="junit",
            )
            for case in cases
            if case.status is CaseStatus.FAILED
        ),
        looked=Looked(n=len(cases), of="case", family="junit", tool=name),
        unproven={**lost, **problems},
        notes=read.notes,
    )


def _vulnerability(
    tool: str, id: str, package: str, version: str, severity: Severity, text: str, file: str = ""
) -> Finding:
    return Finding(
        rule=f"{tool}.{id}",
        severity=severity,
        file=file,
        place=f"{package}@{version}" if version else package,
        text=excerpt(f"{package} {version}: {text}" if version else f"{package}: {text}"),
        tool=tool,
        family=tool,
    )


def _pip_audit(data: Any, root: Path) -> tuple[ToolReport, ...]:
    """A dependency that was skipped has not been looked up: pip-audit exits 0 all the same."""
    dependencies = items_of(data, "dependencies")
    findings, unproven = [], {}
    for one in dependencies:
        name, version = text_of(one, "name"), text_of(one, "version")
        if why := text_of(one, "skip_reason"):
            unproven[f"pip-audit/{name}"] = fact(Code.NOT_LOOKED_UP, name=name, text=excerpt(why))
        for vulnerability in items_of(one, "vulns"):
            fixed = ", ".join(map(str, items_of(vulnerability, "fix_versions")))
            text = f"fixed in {fixed}" if fixed else text_of(vulnerability, "description") or "no fix"
            id = text_of(vulnerability, "id") or "unknown"
            findings.append(_vulnerability("pip-audit", id, name, version, Severity.ERROR, text))
    if not dependencies:
        unproven["pip-audit"] = fact(Code.NO_DEPENDENCIES, tool="pip-audit")
    looked = Looked(n=len(dependencies), of="package", family="pip-audit", tool="pip-audit")
    return (ToolReport(name="pip-audit", findings=tuple(findings), looked=looked, unproven=unproven),)


def _npm_audit(data: Any, root: Path) -> tuple[ToolReport, ...]:
    """Where the registry gives no advisories, npm writes what it answered in place of the report."""
    total = get(data, "metadata", "dependencies", "total")
    vulnerable = get(data, "vulnerabilities")
    unproven: dict[str, Message] = {}
    if not isinstance(vulnerable, Mapping) or not isinstance(total, int):
        text = text_of(data, "message") or text_of(get(data, "error"), "summary")
        unproven["npm-audit"] = fact(Code.NOT_LOOKED_UP, name="npm audit", text=excerpt(text))
        vulnerable = {}
    elif not total:
        unproven["npm-audit"] = fact(Code.NO_DEPENDENCIES, tool="npm audit")
    findings = tuple(_npm_findings(vulnerable))
    looked = Looked(
        n=total if isinstance(total, int) else 0, of="package", family="npm-audit", tool="npm audit"
    )
    return (ToolReport(name="npm-audit", findings=findings, looked=looked, unproven=unproven),)


def _npm_findings(vulnerable: Mapping[str, Any]) -> Iterator[Finding]:
    for name, one in vulnerable.items():
        advisories = [via for via in items_of(one, "via") if isinstance(via, Mapping)]
        for via in advisories:
            id = text_of(via, "url").rpartition("/")[2] or f"{via.get('source', 'unknown')}"
            severity = severity_of_word(text_of(via, "severity") or text_of(one, "severity"))
            range = text_of(via, "range")
            yield _vulnerability(
                "npm-audit", id, name, range, severity, text_of(via, "title") or "vulnerable"
            )


_TRIVY = {
    "Vulnerabilities": ("VulnerabilityID", "Title"),
    "Misconfigurations": ("ID", "Message"),
    "Secrets": ("RuleID", "Title"),
    "Licenses": ("Name", "Name"),
}


def _trivy(data: Any, root: Path) -> tuple[ToolReport, ...]:
    results = get(data, "Results")
    unproven: dict[str, Message] = {}
    if not results:
        unproven["trivy"] = fact(Code.SARIF_WITHOUT_RESULTS, tool="trivy")
    findings = tuple(
        finding for result in items_of(data, "Results") for finding in _trivy_findings(result, root)
    )
    files = tuple(relative_path(text_of(result, "Target"), root) for result in items_of(data, "Results"))
    report = ToolReport(
        name="trivy",
        version=text_of(get(data, "Trivy"), "Version"),
        findings=findings,
        files=files if results else None,
        unproven=unproven,
        ended=moment_of(text_of(data, "CreatedAt")),
    )
    return (report,)


def _trivy_findings(result: Any, root: Path) -> Iterator[Finding]:
    file = relative_path(text_of(result, "Target"), root)
    for key, (id, title) in _TRIVY.items():
        for one in items_of(result, key):
            if text_of(one, "Status") in ("PASS", "EXCEPTION"):
                continue
            line = get(one, "CauseMetadata", "StartLine") or get(one, "StartLine")
            package, version = text_of(one, "PkgName"), text_of(one, "InstalledVersion")
            fixed = text_of(one, "FixedVersion")
            text = text_of(one, title) or text_of(one, "Title")
            yield Finding(
                rule=f"trivy.{text_of(one, id) or 'unknown'}",
                severity=severity_of_word(text_of(one, "Severity")),
                file=file,
                line=line_of(line),
                place=f"{package}@{version}" if package else "",
                text=excerpt(" ".join(filter(None, (package, version, text, fixed and f"fixed in {fixed}")))),
                tool="trivy",
                family="trivy",
            )


_ANSWERED = frozenset({"not_affected", "false_positive", "resolved", "resolved_with_pedigree"})
"""States of a vulnerability by which it is none of the product. Source: CycloneDX 1.6."""


def _cyclonedx(data: Any, root: Path) -> tuple[ToolReport, ...]:
    tools = get(data, "metadata", "tools")
    named = [*items_of(tools, "components"), *(tools if isinstance(tools, list) else [])]
    name = next(filter(None, (text_of(one, "name") for one in named)), "") or "cyclonedx"
    unproven: dict[str, Message] = {}
    if not isinstance(get(data, "vulnerabilities"), list):
        unproven[name] = fact(Code.SBOM_ONLY, tool=name)
    findings, answered = [], 0
    for one in items_of(data, "vulnerabilities"):
        if text_of(get(one, "analysis"), "state") in _ANSWERED:
            answered += 1
            continue
        package = ", ".join(filter(None, (text_of(place, "ref") for place in items_of(one, "affects"))))
        text = text_of(one, "description") or text_of(one, "detail") or "vulnerable"
        id = text_of(one, "id") or "unknown"
        findings.append(_vulnerability(name, id, package or "the product", "", _rated(one), text))
    return (
        ToolReport(
            name=name,
            version=next(filter(None, (text_of(one, "version") for one in named)), ""),
            findings=tuple(findings),
            unproven=unproven,
            notes=(fact(Code.SUPPRESSED, n=answered, tool=name),) if answered else (),
            ended=moment_of(text_of(get(data, "metadata"), "timestamp")),
        ),
    )


def _rated(vulnerability: Any) -> Severity:
    """The worst of its ratings; without one it is an error."""
    found = []
    for rating in items_of(vulnerability, "ratings"):
        score = number_of(get(rating, "score"))
        word = text_of(rating, "severity")
        found.append(
            severity_of_word(word) if word and word != "unknown" else severity_of_score(score or 10.0)
        )
    return min(found, key=list(Severity).index, default=Severity.ERROR)


def _bandit(data: Any, root: Path) -> tuple[ToolReport, ...]:
    """`errors` are files that it could not parse, and so did not look at."""
    metrics = get(data, "metrics")
    files = tuple(
        relative_path(name, root)
        for name in (metrics if isinstance(metrics, Mapping) else ())
        if name != "_totals"
    )
    unproven: dict[str, Message] = {}
    for error in items_of(data, "errors"):
        name = relative_path(text_of(error, "filename"), root)
        text = excerpt(text_of(error, "reason"))
        unproven[f"bandit/{name}"] = fact(Code.TOOL_UNSUCCESSFUL, tool="bandit", file=name, text=text)
    if not files:
        unproven["bandit"] = fact(Code.NOTHING_SCANNED, tool="bandit")
    elif not isinstance(get(data, "results"), list):
        unproven["bandit"] = fact(Code.SARIF_WITHOUT_RESULTS, tool="bandit")
    findings = tuple(
        Finding(
            rule=f"bandit.{text_of(one, 'test_id')}",
            severity=severity_of_word(text_of(one, "issue_severity")),
            file=relative_path(text_of(one, "filename"), root),
            line=line_of(get(one, "line_number")),
            text=excerpt(text_of(one, "issue_text")),
            tool="bandit",
            family="bandit",
        )
        for one in items_of(data, "results")
        if isinstance(one, Mapping)
    )
    return (ToolReport(name="bandit", findings=findings, files=files, unproven=unproven),)


def _semgrep(data: Any, root: Path) -> tuple[ToolReport, ...]:
    scanned = items_of(get(data, "paths"), "scanned")
    files = tuple(relative_path(name, root) for name in scanned if isinstance(name, str))
    unproven: dict[str, Message] = {}
    for number, error in enumerate(items_of(data, "errors")):
        if text_of(error, "level") in ("error", "warn", ""):
            name = relative_path(text_of(error, "path"), root) if text_of(error, "path") else f"{number}"
            text = excerpt(text_of(error, "message") or json.dumps(error)[:200])
            unproven[f"semgrep/{name}"] = fact(Code.TOOL_UNSUCCESSFUL, tool="semgrep", file=name, text=text)
    if not files:
        unproven["semgrep"] = fact(Code.NOTHING_SCANNED, tool="semgrep")
    elif not isinstance(get(data, "results"), list):
        unproven["semgrep"] = fact(Code.SARIF_WITHOUT_RESULTS, tool="semgrep")
    findings = tuple(
        Finding(
            rule=f"semgrep.{text_of(one, 'check_id') or 'unknown'}",
            severity=severity_of_word(text_of(get(one, "extra"), "severity")),
            file=relative_path(text_of(one, "path"), root),
            line=line_of(get(one, "start", "line")),
            text=excerpt(text_of(get(one, "extra"), "message")),
            tool="semgrep",
            family="semgrep",
        )
        for one in items_of(data, "results")
    )
    version = text_of(data, "version")
    return (ToolReport(name="semgrep", version=version, findings=findings, files=files, unproven=unproven),)


def _gitleaks(data: Any, root: Path) -> tuple[ToolReport, ...]:
    """Its own JSON is a list of what it found; the secret itself is never read."""
    if not isinstance(data, list):
        raise ObservationError(fact(Code.NO_REPORT, path="gitleaks", why="it is not a list"))
    findings = tuple(
        Finding(
            rule=f"gitleaks.{text_of(one, 'RuleID') or 'unknown'}",
            severity=Severity.ERROR,
            file=relative_path(text_of(one, "File"), root),
            line=line_of(get(one, "StartLine")),
            place=text_of(one, "Commit")[:12],
            text=excerpt(text_of(one, "Description")),
            tool="gitleaks",
            family="gitleaks",
        )
        for one in data
    )
    return (ToolReport(name="gitleaks", findings=findings),)


_READERS: Mapping[str, Callable[[Any, Path], tuple[ToolReport, ...]]] = {
    "sarif": _sarif,
    "pip-audit": _pip_audit,
    "npm-audit": _npm_audit,
    "trivy": _trivy,
    "cyclonedx": _cyclonedx,
    "bandit": _bandit,
    "semgrep": _semgrep,
    "gitleaks": _gitleaks,
}
FORMATS = ("junit", *_READERS)
_SIGNS: Mapping[str, tuple[type, Callable[[Any], bool]]] = {
    "sarif": (dict, lambda data: "runs" in data),
    "cyclonedx": (dict, lambda data: data.get("bomFormat") == "CycloneDX"),
    "trivy": (dict, lambda data: "SchemaVersion" in data and "ArtifactName" in data),
    "npm-audit": (
        dict,
        lambda data: "auditReportVersion" in data or "advisories" in str(data.get("uri", "")),
    ),
    "pip-audit": (dict, lambda data: "dependencies" in data and "fixes" in data),
    "bandit": (dict, lambda data: "metrics" in data and "generated_at" in data),
    "semgrep": (dict, lambda data: "paths" in data and "results" in data),
    "gitleaks": (
        list,
        lambda data: bool(data) and all("RuleID" in one for one in data if isinstance(one, dict)),
    ),
}
"""What tells a format by its content; an empty list could be of any tool."""
