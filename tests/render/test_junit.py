"""JUnit XML: counts are right, names are unique, the strict dialect has only what Jenkins' schema allows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from defusedxml import ElementTree

from phasegate.model.criterion import Level
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.model.result import CheckStatus, RunResult, WaivedCriterion
from phasegate.render.junit import render, render_strict
from tests.conftest import HoldAgainst
from tests.judged import with_asked
from tests.render.test_failures import with_cases
from tests.samples import all_runs, crashed_run, failing_run, hostile_run, inconclusive_run, passing_run

Render = Callable[[RunResult], str]
RUNS = all_runs()
BOTH = pytest.mark.parametrize("dialect", [render, render_strict], ids=["rich", "strict"])
ANY = pytest.mark.parametrize("name", RUNS)
# After jenkinsci/xunit-plugin, junit-10.xsd: allowed attributes and children of each element.
STRICT: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "classname", "time"},
        {"skipped", "error", "failure", "flakyFailure", "rerunFailure", "system-out", "system-err"},
    ),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
    "flakyFailure": ({"message", "type"}, {"stackTrace", "system-out", "system-err"}),
    "rerunFailure": ({"message", "type"}, {"stackTrace", "system-out", "system-err"}),
    "stackTrace": (set(), set()),
    "system-out": (set(), set()),
}
REQUIRED = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name"},
    "property": {"name", "value"},
    "flakyFailure": {"type"},
    "rerunFailure": {"type"},
}


def parsed(text: str):  # type: ignore[no-untyped-def]
    return ElementTree.fromstring(text.encode())


def outcomes(text: str) -> dict[str, str]:
    """Case as `class name` to what it shows: passed, or tag and type of its first child that counts."""
    shown = {}
    for case in parsed(text).iter("testcase"):
        child = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        word = "passed" if child is None else f"{child.tag} {child.get('type')}"
        shown[f"{case.get('classname')} {case.get('name')}"] = word
    return shown


@BOTH
@ANY
def test_counts_are_those_of_the_elements(dialect: Render, name: str) -> None:
    root = parsed(dialect(RUNS[name]))
    totals: Counter[str] = Counter()
    for suite in root:
        cases = suite.findall("testcase")
        counted = {
            "tests": len(cases),
            **{f"{tag}s": sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error")},
        }
        assert {key: int(suite.get(key)) for key in counted} == counted
        assert int(suite.get("skipped")) == sum(case.find("skipped") is not None for case in cases)
        totals.update(counted)
    assert {key: int(root.get(key)) for key in totals} == totals


@BOTH
@ANY
def test_suite_name_is_the_class_and_names_are_unique_in_it(dialect: Render, name: str) -> None:
    for suite in parsed(dialect(RUNS[name])):
        cases = suite.findall("testcase")
        assert {case.get("classname") for case in cases} == {suite.get("name")}
        names = [case.get("name") for case in cases]
        assert len(set(names)) == len(names) > 0
        assert suite.find("testsuite") is None


@ANY
def test_strict_dialect_has_only_what_the_schema_of_jenkins_allows(name: str) -> None:
    for element in parsed(render_strict(RUNS[name])).iter():
        attributes, children = STRICT[element.tag]
        assert set(element.attrib) <= attributes
        assert set(element.attrib) >= REQUIRED.get(element.tag, set())
        assert {child.tag for child in element} <= children
        for key in ("time",):
            assert re.fullmatch(r"\d+\.\d{3}", element.get(key, "0.000"))
        if "timestamp" in element.attrib:
            assert datetime.fromisoformat(element.get("timestamp")).tzinfo


def test_every_check_is_a_suite_and_every_criterion_a_case_of_the_gate() -> None:
    run = failing_run()
    root = parsed(render(run))
    names = [suite.get("name") for suite in root]
    assert names == [
        "phase4.application.alive",
        "phase4.application.functions",
        "phase4.e2e.nodejs",
        "phase4.e2e.steady",
        "phase4.gate.uptime",
        "phase4.gate",
    ]
    gate = [case.get("name") for case in root[-1] if case.tag == "testcase"]
    assert gate == [criterion.id for criterion in run.criteria]


def test_criteria_show_their_verdict() -> None:
    shown = outcomes(render(failing_run()))
    assert shown["phase4.gate alive.success_rate"] == "passed"
    assert shown["phase4.gate functions/initialize.pass_rate"] == "failure phasegate.NotMet"
    assert shown["phase4.gate steady.throughput"] == "skipped phasegate.Warning"
    assert outcomes(render(inconclusive_run()))["phase4.gate nodejs.pass_rate"] == "error phasegate.Unproven"


def test_waived_criterion_is_skipped_not_passed() -> None:
    run = passing_run()
    by = WaivedCriterion(verdict=CriterionVerdict.WAIVED, by=("w",))
    waived = replace(run.criteria[0], waived=by)
    shown = outcomes(render(replace(run, criteria=(waived,))))
    assert shown["phase4.gate alive.success_rate"] == "skipped phasegate.Waived"


def test_unproven_criterion_that_only_warns_is_skipped() -> None:
    run = inconclusive_run()
    warns = with_asked(run.criteria[-1], level=Level.WARN)
    shown = outcomes(render(replace(run, criteria=(warns,))))
    assert shown["phase4.gate uptime.success_rate"] == "skipped phasegate.Warning"


def test_cases_show_what_became_of_them() -> None:
    shown = outcomes(render(inconclusive_run()))
    assert shown["phase4.e2e.python test_python.py::test_1"] == "passed"
    assert shown["phase4.e2e.python test_python.py::test_gpu"] == "skipped phasegate.Skipped"
    assert shown["phase4.e2e.python test_python.py::test_crash"] == "error phasegate.Lost"


def test_check_without_cases_is_one_case() -> None:
    good, bad, open_ = (outcomes(render(run)) for run in (passing_run(), failing_run(), inconclusive_run()))
    assert good["phase4.e2e.steady steady"] == "passed"
    assert bad["phase4.e2e.steady steady"] == "failure phasegate.Failed"
    assert open_["phase4.e2e.nodejs nodejs"] == "error phasegate.NotRun"
    assert open_["phase4.gate.uptime uptime"] == "error phasegate.Unproven"


def test_what_is_noted_of_a_check_is_in_the_text_of_its_failure() -> None:
    run = failing_run()
    steady = run.steps[1].checks[1]
    assert steady.last is not None
    noted = replace(
        steady,
        attempts=(
            replace(
                steady.last,
                observation=replace(steady.last.observation, notes=("aborted after 1.18 s of 11 s",)),
            ),
        ),
    )
    assert "\naborted after 1.18 s of 11 s\n" in render(replace(run, steps=(), gate_checks=(noted,)))


def test_check_that_does_not_block_never_turns_a_build_red() -> None:
    run = failing_run()
    steady = replace(run.steps[1].checks[1], blocking=False)
    shown = outcomes(render(replace(run, steps=(), gate_checks=(steady,))))
    assert shown["phase4.e2e.steady steady"] == "skipped phasegate.Warning"


def test_errored_check_shows_its_error_beside_the_cases_it_had() -> None:
    shown = outcomes(render(crashed_run()))
    assert shown["phase4.application.functions initialize/request-1"] == "passed"
    assert shown["phase4.application.functions functions"] == "error phasegate.Errored"
    assert shown["phase4.gate run"] == "error phasegate.Interrupted"


def test_pass_on_retry_is_flaky_and_failure_after_retry_keeps_its_tries() -> None:
    past = (CaseAttempt(status=CaseStatus.FAILED, message="reset by peer"),)
    run = with_cases(
        Case(id="flaky", name="flaky", status=CaseStatus.PASSED, earlier=past),
        Case(id="broken", name="broken", status=CaseStatus.FAILED, message="500", earlier=past),
    )
    cases = {
        case.get("name"): [child.tag for child in case]
        for case in parsed(render_strict(run)).iter("testcase")
    }
    assert cases["flaky"] == ["flakyFailure"]
    assert cases["broken"] == ["failure", "rerunFailure"]


def test_check_that_passed_on_its_second_attempt_is_flaky() -> None:
    run = failing_run()
    steady = replace(run.steps[1].checks[1], status=CheckStatus.PASSED, flaky=True)
    case = next(parsed(render(replace(run, steps=(), gate_checks=(steady,)))).iter("testcase"))
    assert [child.tag for child in case if child.tag != "system-out"] == ["flakyFailure"]


def test_rich_dialect_names_file_line_and_tags() -> None:
    run = with_cases(
        Case(id="a", name="a", status=CaseStatus.PASSED, file="test_a.py", line=7, tags=("slow",))
    )
    case = next(parsed(render(run)).iter("testcase"))
    assert (case.get("file"), case.get("line")) == ("test_a.py", "7")
    assert [item.get("value") for item in case.iter("property")] == ["slow"]


def test_cases_with_one_name_are_told_apart() -> None:
    run = with_cases(*(Case(id="same", name="same", status=CaseStatus.PASSED) for _ in range(3)))
    suite = parsed(render(run))[0]
    assert [case.get("name") for case in suite.iter("testcase")] == ["same", "same #2", "same #3"]


def test_very_short_duration_has_no_exponent() -> None:
    run = with_cases(Case(id="a", name="a", status=CaseStatus.PASSED, duration=1e-05))
    assert 'time="0.000"' in render_strict(run)


@BOTH
def test_hostile_text_stays_text(dialect: Render) -> None:
    text = dialect(hostile_run())
    assert "<script" not in text
    assert "\\x00" in text
    assert "\\u202e" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ufffe]", text)
    parsed(text)


@BOTH
def test_huge_message_is_cut(dialect: Render) -> None:
    run = with_cases(Case(id="a", name="a", status=CaseStatus.FAILED, message="x" * 5_000_000))
    assert len(dialect(run)) < 100_000


@pytest.mark.parametrize("name", ["fail", "inconclusive", "crashed", "hostile"])
def test_whole_file(name: str, golden: HoldAgainst) -> None:
    golden(f"junit-{name}.xml", render(RUNS[name]))


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_whole_strict_file(name: str, golden: HoldAgainst) -> None:
    golden(f"junit-strict-{name}.xml", render_strict(RUNS[name]))


def test_run_without_checks_still_has_its_gate() -> None:
    empty: RunResult = replace(passing_run(), steps=(), gate_checks=())
    assert [suite.get("name") for suite in parsed(render(empty))] == ["phase4.gate"]
