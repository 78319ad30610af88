"""A case passed only where nothing in it says otherwise."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phasegate.model.observation import Case, CaseStatus
from phasegate.results.cases import DETAILS, MESSAGE, NAME
from phasegate.results.junit.outcome import read_case
from tests.telling import in_english

PASSED, FAILED, SKIPPED, LOST = CaseStatus
KEYS = st.sampled_from(["status", "result", "outcome", "state", "Result", "test-status", "verdict"])
RIGHT = ("passed", "PASSED", " ok ", "Success", "run", "completed", "Succeeded", "executed", "")


def case(children: str = "", **attributes: str) -> Case:
    element = Element("testcase", {"name": "a", **attributes})
    for tag in children.split():
        SubElement(element, tag, message="why")
    return in_english(read_case(element, ()).item.case)


@given(KEYS, st.sampled_from(RIGHT))
def test_word_that_means_passed_is_a_pass(key: str, word: str) -> None:
    assert case(**{key: word}).status is PASSED


@given(KEYS, st.text(min_size=1))
def test_word_that_nobody_knows_is_no_pass(key: str, word: str) -> None:
    assume("".join(word.split()).strip("_-").lower() not in {each.strip().lower() for each in RIGHT})
    assume(
        word.strip(" _-").lower()
        not in {"pass", "passing", "successful", "ran", "complete", "finished", "fixed"}
    )
    assert case(**{key: word}).status is not PASSED


@pytest.mark.parametrize(
    "word",
    [
        *("untested", "pending", "undefined", "blocked", "not executed", "Not Run", "not_run", "disabled"),
        *("NotRun", "inconclusive", "Inconclusive", "todo", "cancelled", "suppressed", "ignored", "skipped"),
    ],
)
def test_word_for_not_run_is_a_skipped_case_that_says_which(word: str) -> None:
    seen = case(status=word)
    assert (seen.status, seen.message) == (SKIPPED, f"not run: its status is {word!r}")
    assert case(status="run", result=word).status is SKIPPED


@pytest.mark.parametrize("word", ["failed", "FAILURE", "timed out", "Aborted", "panicked", "error", "xfail"])
def test_word_for_failed_is_a_failed_case_whatever_else_stands_there(word: str) -> None:
    for other in ("passed", "untested", "unheard"):
        assert case(status=other, result=word).status is FAILED
    assert case("skipped", result=word).status is FAILED


NO = st.sampled_from(["false", "False", "NO", "0", " false "])
YES = st.sampled_from(["true", "True", "yes", "1", "2", "because"])


@pytest.mark.parametrize(
    ("flags", "values", "others", "status"),
    [
        (("success", "Passed", "ok"), NO, YES, FAILED),
        (("executed", "run", "Ran"), NO, YES, SKIPPED),
        (("failed", "isError", "errors", "timed-out"), YES, NO, FAILED),
        (("skipped", "Ignored", "disabled", "not_run"), YES, NO, SKIPPED),
    ],
)
@given(data=st.data())
def test_flag_that_says_it_did_not_pass_is_believed(
    flags: tuple[str, ...],
    values: st.SearchStrategy[str],
    others: st.SearchStrategy[str],
    status: CaseStatus,
    data: st.DataObject,
) -> None:
    flag = data.draw(st.sampled_from(flags))
    assert case(**{flag: data.draw(values)}).status is status
    assert case(**{flag: data.draw(others)}).status is PASSED


def test_word_beyond_all_lists_is_lost_and_said() -> None:
    seen = case(result="mauve")
    assert (seen.status, seen.message) == (
        LOST,
        "no result: its result is 'mauve', which is not a word for passed",
    )


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9.-]{0,20}", fullmatch=True))
def test_child_that_nobody_knows_is_no_pass(tag: str) -> None:
    assume(tag not in {"system-out", "system-err", "properties", "property", "attachments", "attachment"})
    assume(tag not in {"flakyFailure", "flakyError"})
    assert case(tag).status is not PASSED
    assert case(f"system-out {tag}", status="passed").status is not PASSED


def test_warning_of_phpunit_is_a_case_without_a_result() -> None:
    seen = case("warning")
    assert (seen.status, seen.message) == (LOST, "no result: it has <warning>: why")


@pytest.mark.parametrize("broken", ["failure", "error", "rerunFailure", "rerunError"])
def test_failure_beside_a_skip_is_a_failure(broken: str) -> None:
    assert case(f"skipped {broken}").status is FAILED
    assert case(f"{broken} skipped", status="skipped").status is FAILED


def test_names_messages_and_details_are_bounded_and_on_one_line() -> None:
    element = Element("testcase", {"name": "a\nb" + "x" * 10_000, "classname": "c" * 10_000})
    failure = SubElement(element, "failure", message="m" * 10_000)
    failure.text = "t" * 10 * DETAILS
    written = read_case(element, ()).item
    assert written.case.name.startswith("a bx")
    assert (len(written.case.name), len(written.case.part)) == (NAME, NAME)
    assert len(written.case.message) == MESSAGE
    assert len(written.details) < 2 * DETAILS


def test_stack_trace_of_surefire_is_part_of_the_details() -> None:
    element = Element("testcase", {"name": "a"})
    SubElement(SubElement(element, "rerunFailure", type="E"), "stackTrace").text = "java.lang.E: no\nat x"
    written = read_case(element, ()).item
    assert written.case.message == "java.lang.E: no"
    assert "at x" in written.details
