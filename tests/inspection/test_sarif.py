"""SARIF as tools really write it: what counts, where it stands, and what proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.inspection.finding import Severity
from phasegate.inspection.report import ToolReport
from phasegate.inspection.sarif import read_sarif
from phasegate.render.sentences import sentence
from tests.telling import raises

ROOT = Path("/repo")
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def read(*results: Any, **run: Any) -> ToolReport:
    driver = {"name": "tool", "version": "1.2", **run.pop("driver", {})}
    data = {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]}
    (report,) = read_sarif(data, ROOT)
    return report


def result(**more: Any) -> dict[str, Any]:
    return {"ruleId": "R1", "message": {"text": "it is wrong"}, "level": "error", **more}


def at(uri: str, **more: Any) -> list[Any]:
    return [{"physicalLocation": {"artifactLocation": {"uri": uri, **more}, "region": {"startLine": 7}}}]


def severities(report: ToolReport) -> list[Severity]:
    return [finding.severity for finding in report.findings]


def test_a_result_is_a_finding_with_rule_file_line_and_text() -> None:
    (found,) = read(result(locations=at("src/a.py"))).findings
    assert (found.rule, found.file, found.line) == ("tool.R1", "src/a.py", 7)
    assert sentence(found.message) == "it is wrong (tool.R1, tool 1.2)"


@pytest.mark.parametrize("results", [{}, "none", 0])
def test_results_that_are_no_list_prove_nothing(results: Any) -> None:
    data = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "tool"}}, "results": results}]}
    assert list(read_sarif(data, ROOT)[0].unproven) == ["tool"]


def test_a_run_that_is_none_is_not_passed_over() -> None:
    with raises(ObservationError, match="run"):
        read_sarif({"version": "2.1.0", "runs": [None, {"results": []}]}, ROOT)


def test_a_report_of_no_file_proves_nothing_beside_others() -> None:
    assert list(read(artifacts=[]).inspection().unproven) == ["tool"]
    assert read(result(), artifacts=[]).inspection().unproven == {}


@pytest.mark.parametrize(
    "text", ["Possible hardcoded password: 'S3CR3T'", 'the token "S3CR3T" is in it', "PASSWORD=S3CR3T"]
)
def test_a_message_does_not_show_the_secret_that_was_found(text: str) -> None:
    (found,) = read(result(message={"text": text})).findings
    assert "S3CR3T" not in sentence(found.message)
    assert "***" in sentence(found.message)


@pytest.mark.parametrize(
    ("level", "severity"),
    [("error", ERROR), ("warning", WARNING), ("note", INFO), ("none", INFO), ("fatal-by-mistake", ERROR)],
)
def test_levels(level: str, severity: Severity) -> None:
    assert severities(read(result(level=level))) == [severity]


def test_a_missing_level_is_that_of_the_rule_else_a_warning() -> None:
    rules = [{"id": "R1", "defaultConfiguration": {"level": "error"}}, {"id": "R2"}]
    one = {"ruleId": "R1", "message": {"text": "x"}}
    other = {"ruleId": "R2", "message": {"text": "x"}}
    assert severities(read(one, other, driver={"rules": rules})) == [ERROR, WARNING]
    by_index = {"ruleIndex": 0, "message": {"text": "x"}}
    assert severities(read(by_index, driver={"rules": rules})) == [ERROR]
    extension = {"rule": {"index": 0, "toolComponent": {"index": 0}}, "message": {"text": "x"}}
    data = {"driver": {"name": "tool"}, "extensions": [{"name": "pack", "rules": rules}]}
    (report,) = read_sarif({"version": "2.1.0", "runs": [{"tool": data, "results": [extension]}]}, ROOT)
    assert [finding.rule for finding in report.findings] == ["tool.R1"]
    assert severities(report) == [ERROR]


@pytest.mark.parametrize("name", ["gitleaks", "Betterleaks"])
def test_a_secret_without_a_level_is_an_error(name: str) -> None:
    assert severities(read({"ruleId": "key", "message": {"text": "x"}}, driver={"name": name})) == [ERROR]


@pytest.mark.parametrize(
    ("score", "severity"), [("9.8", ERROR), ("7.0", ERROR), ("4.0", WARNING), ("3.9", INFO)]
)
def test_a_security_severity_is_above_the_level(score: str, severity: Severity) -> None:
    rules = [{"id": "R1", "properties": {"security-severity": score}}]
    assert severities(read(result(level="note"), driver={"rules": rules})) == [severity]


def test_kinds_that_are_no_failures() -> None:
    kinds = ("pass", "notApplicable", "informational", "review", "fail")
    assert severities(read(*(result(kind=kind) for kind in kinds))) == [INFO, INFO, ERROR]


def test_an_open_result_is_not_verified() -> None:
    assert list(read(result(kind="open")).unproven) == ["tool/R1"]


def test_accepted_suppressions_are_counted_and_not_findings() -> None:
    report = read(
        result(suppressions=[{"kind": "inSource"}]),
        result(suppressions=[{"kind": "external", "status": "underReview"}]),
        result(suppressions=[]),
    )
    assert len(report.findings) == 2
    assert [sentence(note) for note in report.notes] == [
        "1 finding suppressed where tool found them, and not counted"
    ]


def test_what_is_gone_since_the_baseline_is_no_finding() -> None:
    assert read(result(baselineState="absent"), result(baselineState="unchanged")).findings != ()
    assert len(read(result(baselineState="absent")).findings) == 0


@pytest.mark.parametrize(
    ("location", "bases", "path"),
    [
        ({"uri": "src/a%20b.py"}, {}, "src/a b.py"),
        ({"uri": "file:///repo/src/a.py"}, {}, "src/a.py"),
        ({"uri": "/repo/src/a.py"}, {}, "src/a.py"),
        ({"uri": "file:///elsewhere/a.py"}, {}, "/elsewhere/a.py"),
        ({"uri": "a.py", "uriBaseId": "ROOTPATH"}, {"ROOTPATH": {"uri": "file:///repo/"}}, "a.py"),
        ({"uri": "a.py", "uriBaseId": "%SRCROOT%"}, {}, "a.py"),
        (
            {"uri": "a.py", "uriBaseId": "SRC"},
            {"SRC": {"uri": "src/", "uriBaseId": "ROOT"}, "ROOT": {"uri": "file:///repo/"}},
            "src/a.py",
        ),
        ({"uri": "a.py", "uriBaseId": "A"}, {"A": {"uri": "x/", "uriBaseId": "A"}}, "x/" * 20 + "a.py"),
    ],
)
def test_paths(location: dict[str, str], bases: dict[str, Any], path: str) -> None:
    where = [{"physicalLocation": {"artifactLocation": location}}]
    (found,) = read(result(locations=where), originalUriBaseIds=bases).findings
    assert found.file == path


def test_a_file_may_be_named_by_its_place_among_the_artifacts() -> None:
    where = [{"physicalLocation": {"artifactLocation": {"index": 1}}}]
    artifacts = [{"location": {"uri": "a.py"}}, {"location": {"uri": "b.py"}}]
    report = read(result(locations=where), artifacts=artifacts)
    assert report.findings[0].file == "b.py"
    assert report.files == ("a.py", "b.py")


def test_a_result_without_a_place_is_a_finding_all_the_same() -> None:
    logical = [{"logicalLocations": [{"fullyQualifiedName": "pkg.f"}]}]
    bare, named = read(result(), result(locations=logical)).findings
    assert (bare.file, bare.line, bare.place) == ("", None, "")
    assert named.place == "pkg.f"


def test_messages_with_arguments_and_from_the_rule() -> None:
    rules = [
        {"id": "R1", "messageStrings": {"m": {"text": "{0} is {1}"}}, "shortDescription": {"text": "short"}}
    ]
    by_id = result(message={"id": "m", "arguments": ["a", "b"]})
    found = read(by_id, result(message={}), driver={"rules": rules}).findings
    assert [one.text for one in found] == ["a is b", "short"]


def test_a_snippet_is_never_read() -> None:
    where = at("a.env")
    where[0]["physicalLocation"]["region"]["snippet"] = {"text": "hunter2"}
    assert "hunter2" not in repr(read(result(locations=where)))


@pytest.mark.parametrize(
    ("run", "name", "text"),
    [
        ({"results": None}, "tool", "the report of tool has no results, not even an empty list"),
        (
            {"invocations": [{"executionSuccessful": False, "exitCodeDescription": "out of memory"}]},
            "tool",
            "tool could not look at everything: out of memory",
        ),
        (
            {
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolConfigurationNotifications": [
                            {"level": "error", "message": {"text": "syntax error"}, "locations": at("bad.py")}
                        ],
                    }
                ]
            },
            "tool/bad.py",
            "tool could not look at bad.py: syntax error",
        ),
        ({"externalPropertyFileReferences": {"results": [{}]}}, "tool", "keeps results in other files"),
    ],
)
def test_a_run_that_did_not_look_at_everything_is_not_verified(run: Any, name: str, text: str) -> None:
    report = read(**run)
    assert text in sentence(report.unproven[name])
    assert report.inspection().looked == {}


def test_a_run_without_findings_says_what_it_looked_at() -> None:
    silent = read(artifacts=[{"location": {"uri": "a.py"}}]).inspection()
    assert [sentence(case.message) for case in silent.cases()] == ["1 file looked at by tool 1.2"]


def test_when_and_for_which_commit() -> None:
    report = read(
        invocations=[{"executionSuccessful": True, "endTimeUtc": "2026-01-02T03:04:05.1234567Z"}],
        versionControlProvenance=[{"revisionId": "abc123"}],
    )
    assert report.ended is not None
    assert report.ended.isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert report.revision == "abc123"


@pytest.mark.parametrize("data", [{}, [], None, {"version": "2.0.0", "runs": []}, {"version": 2.1}])
def test_what_is_not_sarif_is_refused(data: Any) -> None:
    with raises(ObservationError, match="not SARIF 2.1"):
        read_sarif(data, ROOT)


def test_no_run_is_no_evidence() -> None:
    with raises(ObservationError, match="no run"):
        read_sarif({"version": "2.1.0", "runs": []}, ROOT)


_KEYS = [
    *("runs", "tool", "driver", "rules", "results", "locations", "physicalLocation", "artifactLocation"),
    *("region", "startLine", "level", "kind", "rule", "ruleIndex", "message", "text", "arguments"),
    *("suppressions", "invocations", "artifacts", "location", "uri", "uriBaseId", "properties", "index"),
    *("originalUriBaseIds", "extensions", "toolComponent", "security-severity", "executionSuccessful"),
]
_SCALARS = st.none() | st.booleans() | st.integers(-2, 5) | st.floats()
_TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.floats()
    | st.sampled_from(["", "R1", "error", "a.py"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(st.lists(st.dictionaries(st.sampled_from(_KEYS), _TREES, max_size=8), min_size=1, max_size=2))
def test_no_shape_of_a_run_is_a_defect(runs: list[Any]) -> None:
    for report in read_sarif({"version": "2.1.0", "runs": runs}, ROOT):
        for case in report.inspection().cases():
            assert sentence(case.message)
