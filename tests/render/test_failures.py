"""Failures are grouped by cause; what was not tested and what was flaky is named."""

from __future__ import annotations

import shlex
from dataclasses import replace

from phasegate.base.facts import Code, Message, fact, lines
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import AttemptStatus, CheckResult, CheckStatus, PlanCheck, RunResult
from phasegate.render.failures import (
    MOST_NAMED,
    MOST_SHOWN,
    causes_of,
    deselected_checks,
    findings_of,
    flaky_of,
    main_cause,
    missing_of,
)
from phasegate.render.html import document
from phasegate.render.rerun import rerun_command
from tests.samples import (
    crashed_run,
    failing_run,
    inconclusive_run,
    passing_run,
    run_with_cases,
)


def with_cases(*cases: Case, status: CheckStatus = CheckStatus.FAILED, blocking: bool = True) -> RunResult:
    run = run_with_cases(1)
    (check,) = run.checks()
    assert check.last is not None
    changed = replace(
        check,
        status=status,
        blocking=blocking,
        attempts=(replace(check.last, observation=replace(check.last.observation, cases=cases)),),
    )
    return replace(run, steps=(replace(run.steps[0], checks=(changed,)),))


def failed(id: str, message: Message) -> Case:
    return Case(id=id, name=id, status=CaseStatus.FAILED, message=message)


def test_messages_that_differ_in_numbers_and_ids_are_one_cause() -> None:
    run = with_cases(
        failed("a", "session 1f0c9a2b-6d5e4f3a not found after 12 ms\nbody: x"),
        failed("b", "session 2a0c9a2b-7d5e4f3b not found after 9.5 ms\nbody: y"),
        failed("c", "connection refused"),
    )
    assert [len(cause.failures) for cause in causes_of(run)] == [2, 1]


def test_checks_that_failed_alike_for_other_reasons_are_other_causes() -> None:
    run = with_cases()
    (check,) = run.checks()
    reason = "success_rate >= 99%: observed 0% (0 of 35), needs >= 99%"

    def loaded(id: str, cause: str) -> CheckResult:
        seen = replace(check.seen, causes={cause: 35}, notes=("aborted after 1 s",))
        last = replace(check.attempts[-1], observation=seen)
        return replace(check, asked=replace(check.asked, id=id), reason=reason, attempts=(last,))

    again = [loaded(id, "got 500") for id in ("c", "d")]
    checks = (loaded("a", "got 500"), loaded("b", "too many redirects"), *again)
    run = replace(run, steps=(replace(run.steps[0], checks=checks),))
    assert [cause.checks for cause in causes_of(run)] == [("a", "c", "d"), ("b",)]
    assert {failure.notes for cause in causes_of(run) for failure in cause.full} == {("aborted after 1 s",)}
    assert "a and 2 more checks</a>" in document.render(run)
    assert document.render(run).count("aborted after 1 s") >= 6  # on the first screen, and at each failure


def test_causes_that_close_the_gate_come_before_frequent_ones_that_do_not() -> None:
    noisy = with_cases(failed("a", "noise"), failed("b", "noise"), blocking=False)
    closing = with_cases(failed("c", "the cause")).checks()[0]
    run = replace(noisy, gate_checks=(replace(closing, asked=replace(closing.asked, id="closing")),))
    assert [cause.text for cause in causes_of(run)] == ["the cause", "noise"]


def test_cause_names_each_endpoint_once() -> None:
    cause = causes_of(failing_run())[0]
    assert cause.names == ("POST /api/v1/initialize", "POST /api/v1/list")
    assert cause.checks == ("functions",)


def test_failed_check_without_cases_is_a_failure_itself_with_its_causes_and_attempts() -> None:
    failure = next(
        failure
        for cause in causes_of(failing_run())
        for failure in cause.failures
        if failure.check.id == "steady"
    )
    assert failure.case is None
    assert failure.causes[0] == ("no answer within 30 s", 122)
    assert [attempt.number for attempt in failure.tries] == [1, 2]


def test_all_tries_of_a_case_are_kept_and_the_last_is_the_deciding_one() -> None:
    failure = causes_of(failing_run())[0].failures[0]
    assert [attempt.badge.word for attempt in failure.tries] == ["failed", "failed"]
    assert failure.tries[-1].duration == 0.004


def test_case_that_failed_in_a_check_that_still_passed_is_shown() -> None:
    assert causes_of(with_cases(failed("a", "tolerated"), status=CheckStatus.PASSED))


def test_check_under_way_when_the_record_ended_is_among_the_failures() -> None:
    (cause,) = causes_of(crashed_run())
    assert cause.text == "the record ends before the run did"


def test_frequent_cause_is_shown_named_and_counted() -> None:
    cause = causes_of(with_cases(*(failed(f"case {i}", "same") for i in range(100))))[0]
    assert (len(cause.full), len(cause.named), cause.hidden) == (
        MOST_SHOWN,
        MOST_NAMED,
        100 - MOST_SHOWN - MOST_NAMED,
    )


def test_command_runs_just_that_again_whatever_its_name_is() -> None:
    run = passing_run()
    check = CheckResult(
        asked=PlanCheck(id="api", kind="api", step=None),
    )
    nasty = failed("flow/it's $(rm -rf ~)[x y]", "")
    words = shlex.split(rerun_command(run, check, nasty))
    assert words == ["phasegate", "run", "plans/phase4.yaml", "--check", "api", "--case", nasty.id]


def test_command_keeps_what_the_run_was_told_to_change() -> None:
    check = CheckResult(
        asked=PlanCheck(id="api", kind="api", step=None),
    )
    command = (
        "phasegate",
        "run",
        "p.yaml",
        "--set",
        "fault=app data",
        "--vars=v.yaml",
        "--check",
        "other",
        "-x",
    )
    words = shlex.split(rerun_command(replace(passing_run(), command=command), check))
    assert words == [
        "phasegate",
        "run",
        "plans/phase4.yaml",
        "--set",
        "fault=app data",
        "--vars=v.yaml",
        "--check",
        "api",
    ]


def test_flaky_case_tells_which_attempt_failed_and_why() -> None:
    (item,) = flaky_of(passing_run())
    assert (item.name, item.attempts) == ("formats/error-body", 2)
    (bad,) = item.failed
    assert (bad.number, bad.badge.word) == (1, "failed")
    assert bad.message == "connection reset by peer after 0 bytes"


def test_flaky_check_tells_which_of_its_attempts_did_not_pass_and_why() -> None:
    steady = failing_run().steps[1].checks[1]
    first = steady.attempts[0]
    attempts = (
        first,
        replace(
            first,
            observation=replace(first.observation, error="a worker ended early"),
            number=2,
            status=AttemptStatus.ERRORED,
        ),
        replace(first, number=3, status=AttemptStatus.PASSED, reason=""),
    )
    check = replace(steady, status=CheckStatus.PASSED, flaky=True, attempts=attempts)
    (item,) = flaky_of(replace(failing_run(), steps=(), gate_checks=(check,)))
    assert (item.name, item.attempts) == ("", 3)
    assert [(one.number, one.badge.word, one.message) for one in item.failed] == [
        (1, "failed", "steady.latency.p95 is not met"),
        (2, "errored", "a worker ended early"),
    ]


def test_skipped_and_lost_cases_and_deselection_are_told_apart() -> None:
    run = inconclusive_run()
    assert [(group.badge.word, len(group.cases)) for group in missing_of(run)] == [
        ("no result", 1),
        ("skipped", 1),
    ]
    assert [(check.id, number) for check, number in deselected_checks(run)] == [("python", 3)]


def test_what_most_failures_have_in_common_stands_beside_the_verdict_with_its_counts() -> None:
    says = "Requested application data is not configured correctly"
    wrong = fact(Code.MISMATCH, what="status", expected=("200",), actual=500)
    answer = fact(Code.ANSWER, text=f'{{"error": "{says}"}}')
    api = [failed(f"a{n}", lines(wrong, answer)) for n in range(14)]
    e2e = with_cases(*(failed(f"e{n}", f"AssertionError: {says}") for n in range(28))).checks()[0]
    run = with_cases(*api, failed("b", "connection refused"))
    run = replace(run, gate_checks=(replace(e2e, asked=replace(e2e.asked, id="e2e")),))
    assert main_cause(run) == f"14 x {run.checks()[0].id}, 28 x e2e: {says}"
    assert f"e2e: {says}</p>" in document.render(run)


def test_few_failures_and_failures_that_do_not_block_have_no_main_cause() -> None:
    assert main_cause(with_cases(failed("a", "the cause"), failed("b", "the cause"))) == ""
    noisy = [failed(f"{n}", "noise") for n in range(9)]
    assert main_cause(with_cases(*noisy, blocking=False)) == ""
    assert main_cause(with_cases(*noisy)).endswith(": noise")


def test_what_happened_most_in_a_check_without_cases_is_counted_as_often_as_it_happened() -> None:
    run = with_cases()
    (check,) = run.checks()
    assert check.last is not None
    last = replace(
        check.last,
        observation=replace(check.last.observation, causes={"got 500": 35, "connection refused": 2}),
    )
    run = replace(run, steps=(replace(run.steps[0], checks=(replace(check, attempts=(last,)),)),))
    assert main_cause(run) == f"35 x {check.id}: got 500"


def test_what_was_expected_is_never_taken_for_what_the_target_said() -> None:
    wanted = "the user is signed in"
    of_json = fact(
        Code.MISMATCH, what="json", path="$.a", op="eq", expected=wanted, actual="no such user here"
    )
    assert main_cause(with_cases(*(failed(f"{n}", of_json) for n in range(3)))).endswith(
        ": no such user here"
    )
    of_test = f'assert "{wanted}" == "no"'
    assert main_cause(with_cases(*(failed(f"{n}", of_test) for n in range(3)))).endswith(f": {of_test}")


def finding(rule: str, number: int) -> Case:
    message = fact(Code.TOOL_FINDING, rule=rule, text=f"thing {number} is wrong", tool="lint 1.0")
    case = failed(f"{rule}/web.yaml#{number}", message)
    return replace(case, file="web.yaml", line=number)


def test_findings_are_counted_by_rule_and_the_first_ten_stand_by_file_and_line() -> None:
    cases = [finding("lint.A" if number % 3 else "lint.B", number) for number in range(1, 13)]
    run = with_cases(*cases, failed("other", "it broke"))
    (found,) = findings_of(run)
    assert found.rules == (("lint.A", 8), ("lint.B", 4))
    assert found.total == 12
    assert [one.place for one in found.first] == [f"web.yaml:{number}" for number in range(1, 11)]
    page = document.render(run)
    assert "12 findings in" in page
    assert page.count("web.yaml:10") >= 1


def test_findings_of_one_rule_are_one_cause_and_no_main_cause() -> None:
    run = with_cases(*(finding("lint.A", number) for number in range(4)), finding("lint.B", 1))
    assert [(cause.text, len(cause.failures)) for cause in causes_of(run)] == [("lint.A", 4), ("lint.B", 1)]
    assert main_cause(run) == ""


def test_a_finding_of_phasegate_says_what_is_wrong_and_what_would_be_right() -> None:
    case = failed("file-readable/a", fact(Code.FINDING, rule="file-readable", details=("it is gone",)))
    (cause,) = causes_of(with_cases(case))
    assert (cause.text, cause.failures[0].message) == ("file-readable", "it is gone")
