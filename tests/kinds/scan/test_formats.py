"""Reports of scanners in their own formats: what is found, and what is no evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.inspection.finding import Severity
from phasegate.inspection.report import ToolReport
from phasegate.kinds.scan.formats import FORMATS, read_report
from phasegate.kinds.scan.params import ScanParams
from phasegate.render.sentences import sentence
from tests.telling import raises

ROOT = Path("/repo")
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def read(data: Any, format: str | None = None) -> ToolReport:
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    (report,) = read_report(content, "report", ROOT, format)
    return report


def found(report: ToolReport) -> list[tuple[str, Severity]]:
    return [(finding.rule, finding.severity) for finding in report.findings]


def unproven(report: ToolReport) -> dict[str, str]:
    return {name: sentence(why) for name, why in report.unproven.items()}


def test_the_parameter_knows_every_format() -> None:
    written = ScanParams.model_fields["format"].annotation
    assert {name for part in get_args(written) for name in get_args(part)} == set(FORMATS)


PIP_AUDIT = {
    "dependencies": [
        {
            "name": "flask",
            "version": "0.12",
            "vulns": [
                {"id": "PYSEC-2018-66", "fix_versions": ["0.12.3"], "description": "memory"},
                {"id": "GHSA-x", "fix_versions": [], "description": "leak"},
            ],
        },
        {"name": "good", "version": "1.0", "vulns": []},
    ],
    "fixes": [],
}


def test_pip_audit_findings_name_package_version_and_fix() -> None:
    report = read(PIP_AUDIT)
    assert found(report) == [("pip-audit.PYSEC-2018-66", ERROR), ("pip-audit.GHSA-x", ERROR)]
    assert [one.place for one in report.findings] == ["flask@0.12", "flask@0.12"]
    assert [one.text for one in report.findings] == ["flask 0.12: fixed in 0.12.3", "flask 0.12: leak"]


def test_a_dependency_that_pip_audit_skipped_is_not_verified() -> None:
    data = {"dependencies": [{"name": "flask", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}
    assert unproven(read(data)) == {
        "pip-audit/flask": "not verified: no vulnerability data for flask: Dependency not found on PyPI"
    }


def test_no_dependency_at_all_is_no_evidence() -> None:
    assert unproven(read({"dependencies": [], "fixes": []})) == {
        "pip-audit": "not verified: pip-audit found no dependency to look up"
    }


NPM_AUDIT = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {
            "name": "lodash",
            "severity": "critical",
            "via": [
                {
                    "source": 1,
                    "title": "Prototype pollution",
                    "url": "https://github.com/advisories/GHSA-jf85",
                    "severity": "high",
                    "range": "<4.17.19",
                },
                {"source": 2, "title": "Slow", "severity": "moderate"},
            ],
        },
        "user-of-it": {"name": "user-of-it", "severity": "high", "via": ["lodash"]},
    },
    "metadata": {"dependencies": {"total": 12}},
}


def test_npm_audit_counts_advisories_and_not_who_depends_on_them() -> None:
    report = read(NPM_AUDIT)
    assert found(report) == [("npm-audit.GHSA-jf85", ERROR), ("npm-audit.2", WARNING)]
    assert report.findings[0].text == "lodash <4.17.19: Prototype pollution"


def test_npm_without_advisories_is_not_verified() -> None:
    answer = {"message": "405 Method Not Allowed", "uri": "https://x/-/npm/v1/security/advisories/bulk"}
    assert unproven(read(answer)) == {
        "npm-audit": "not verified: no vulnerability data for npm audit: 405 Method Not Allowed"
    }
    none = {"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"dependencies": {"total": 0}}}
    assert "found no dependency" in unproven(read(none))["npm-audit"]
    clean = {"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"dependencies": {"total": 3}}}
    (case,) = read(clean).inspection().cases()
    assert sentence(case.message) == "3 packages looked at by npm audit"


TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": ".",
    "Trivy": {"Version": "0.70.0"},
    "CreatedAt": "2026-01-02T03:04:05.123456789Z",
    "Results": [
        {
            "Target": "go.sum",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-1",
                    "PkgName": "net",
                    "InstalledVersion": "1",
                    "FixedVersion": "2",
                    "Severity": "LOW",
                    "Title": "slow",
                }
            ],
        },
        {
            "Target": "Dockerfile",
            "Misconfigurations": [
                {
                    "ID": "DS002",
                    "Message": "root",
                    "Severity": "HIGH",
                    "Status": "FAIL",
                    "CauseMetadata": {"StartLine": 3},
                },
                {"ID": "DS001", "Message": "tag", "Severity": "MEDIUM", "Status": "PASS"},
            ],
            "Secrets": [{"RuleID": "aws", "Title": "AWS key", "Severity": "CRITICAL", "StartLine": 9}],
        },
    ],
}


def test_trivy_has_vulnerabilities_misconfigurations_and_secrets() -> None:
    report = read(TRIVY)
    assert found(report) == [("trivy.CVE-1", INFO), ("trivy.DS002", ERROR), ("trivy.aws", ERROR)]
    assert [(one.file, one.line) for one in report.findings] == [
        ("go.sum", None),
        ("Dockerfile", 3),
        ("Dockerfile", 9),
    ]
    assert report.findings[0].text == "net 1 slow fixed in 2"
    assert report.version == "0.70.0"
    assert report.files == ("go.sum", "Dockerfile")
    assert report.ended is not None
    assert report.ended.microsecond == 123456


@pytest.mark.parametrize("results", [None, []])
def test_trivy_without_results_scanned_nothing(results: Any) -> None:
    report = read({**TRIVY, "Results": results})
    assert "it scanned nothing" in unproven(report)["trivy"]
    assert report.inspection().looked == {}


def test_a_vex_answers_for_vulnerabilities() -> None:
    states = ("not_affected", "false_positive", "resolved", "exploitable", "in_triage")
    vulnerabilities: list[Any] = [
        {"id": f"CVE-{state}", "analysis": {"state": state}, "affects": [{"ref": "pkg:a"}]}
        for state in states
    ]
    vulnerabilities.append({"id": "CVE-mild", "ratings": [{"severity": "low"}, {"score": 5.0}]})
    report = read({"bomFormat": "CycloneDX", "vulnerabilities": vulnerabilities})
    assert found(report) == [
        ("cyclonedx.CVE-exploitable", ERROR),
        ("cyclonedx.CVE-in_triage", ERROR),
        ("cyclonedx.CVE-mild", WARNING),
    ]
    assert [sentence(note) for note in report.notes] == [
        "3 findings suppressed where cyclonedx found them, and not counted"
    ]


def test_a_list_of_components_is_no_scan() -> None:
    report = read({"bomFormat": "CycloneDX", "components": [], "metadata": {"tools": [{"name": "syft"}]}})
    assert unproven(report) == {
        "syft": "not verified: the report of syft lists components and no vulnerabilities"
    }


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("bandit", {"metrics": {"a.py": {}}, "generated_at": "2026-01-31T00:00:00Z"}),
        ("semgrep", {"paths": {"scanned": ["a.py"]}, "results": None}),
    ],
)
def test_a_report_without_a_list_of_results_is_not_verified(format: str, data: Any) -> None:
    assert list(unproven(read(data, format))) == [format]


def test_a_file_that_bandit_could_not_parse_is_not_verified() -> None:
    data = {
        "errors": [{"filename": "src/bad.py", "reason": "syntax error"}],
        "generated_at": "2026-01-01T00:00:00Z",
        "metrics": {"_totals": {}, "src/a.py": {}, "src/bad.py": {}},
        "results": [
            {
                "filename": "src/a.py",
                "line_number": 3,
                "test_id": "B602",
                "issue_severity": "HIGH",
                "issue_text": "shell",
                "code": "secret = 'x'",
            }
        ],
    }
    report = read(data)
    assert found(report) == [("bandit.B602", ERROR)]
    assert unproven(report) == {
        "bandit/src/bad.py": "not verified: bandit could not look at src/bad.py: syntax error"
    }
    assert "secret" not in repr(report)
    assert "looked at nothing" in unproven(read({**data, "errors": [], "metrics": {}}))["bandit"]


def test_semgrep_errors_and_no_files_are_not_verified() -> None:
    data = {
        "version": "1.9",
        "errors": [{"level": "warn", "path": "a.py", "message": "Syntax error"}],
        "paths": {"scanned": ["a.py", "b.py"]},
        "results": [
            {
                "check_id": "rules.no-md5",
                "path": "b.py",
                "start": {"line": 2},
                "extra": {"severity": "WARNING", "message": "MD5 is broken"},
            }
        ],
    }
    report = read(data)
    assert found(report) == [("semgrep.rules.no-md5", WARNING)]
    assert "Syntax error" in unproven(report)["semgrep/a.py"]
    none = read({"version": "1.9", "errors": [], "paths": {"scanned": []}, "results": []})
    assert "looked at nothing" in unproven(none)["semgrep"]


def test_gitleaks_never_shows_the_secret() -> None:
    leak = {
        "RuleID": "aws-access-token",
        "Description": "AWS",
        "File": "a.env",
        "StartLine": 1,
        "Secret": "hunter2",
        "Match": "key=hunter2",
        "Commit": "0123456789abcdef",
    }
    report = read([leak])
    assert found(report) == [("gitleaks.aws-access-token", ERROR)]
    assert report.findings[0].place == "0123456789ab"
    assert "hunter2" not in repr(report)


def test_junit_failures_are_findings_and_skipped_cases_are_not_verified() -> None:
    report = read(
        b"<testsuite name='kubeconform'><testcase name='good' classname='a'/>"
        b"<testcase name='bad' classname='a'><failure message='wrong type'/></testcase>"
        b"<testcase name='skipped' classname='a'><skipped/></testcase></testsuite>"
    )
    assert found(report) == [("junit.failure", ERROR)]
    assert "wrong type" in sentence(report.findings[0].message)
    assert len(report.unproven) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"not json", "is not a report"),
        (b"{}", "has none of the formats"),
        (b"[]", "has none of the formats"),
        (b"<html></html>", "html"),
        (b"[" * 100_000, "is not a report"),
        (b"\xff\xfe", "is not a report"),
        (b'{"a": 1, "a": 2}', "is not a report"),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, why: str) -> None:
    with raises(ObservationError, match=why):
        read(content)


def test_an_empty_list_of_gitleaks_is_a_report_where_the_format_is_known() -> None:
    assert read([], "gitleaks").findings == ()


_KEYS = [
    *("dependencies", "fixes", "name", "version", "vulns", "skip_reason", "id", "fix_versions"),
    *("vulnerabilities", "via", "metadata", "total", "Results", "Target", "Vulnerabilities", "Severity"),
    *("analysis", "state", "affects", "ratings", "score", "severity", "tools", "components", "errors"),
    *("metrics", "results", "paths", "scanned", "extra", "start", "line", "filename", "path", "message"),
]
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(["", "a", "error", "x.py"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(st.sampled_from(sorted(set(FORMATS) - {"junit", "sarif"})), _TREES)
def test_no_shape_of_a_report_is_a_defect(format: str, data: Any) -> None:
    if format == "gitleaks":
        data = [data]
    for case in read(data, format).inspection().cases():
        assert isinstance(sentence(case.message), str)
