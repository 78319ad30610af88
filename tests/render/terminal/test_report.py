from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from phasegate.gate.judging import unjudged
from phasegate.model.judgement import CriterionVerdict, Judgement
from phasegate.model.observation import Case, CaseStatus
from phasegate.model.result import CheckStatus, CriterionResult, RunResult
from phasegate.render.terminal.report import MOST_FAILURES, MOST_NAMES, summary
from phasegate.render.words import full_expression, one_line
from tests.judged import asked, no_data
from tests.samples import all_runs, crashed_run, failing_run, hostile_run, inconclusive_run, passing_run

RUNS = all_runs()


def shown(run: RunResult, *, width: int = 120, quiet: bool = False, wrap: bool = True) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False, emoji=False, highlight=False, color_system=None)
    files = {"report": "out/report.html"}
    report = summary(run, width=width, files=files, quiet=quiet, wrap=wrap)
    console.print(report, soft_wrap=not wrap, crop=False)
    return file.getvalue()


@pytest.mark.parametrize("name", RUNS)
def test_the_last_line_is_the_verdict_with_its_reason(name: str) -> None:
    last = shown(RUNS[name], wrap=False).splitlines()[-1]
    assert last.startswith(f"{RUNS[name].verdict.value}  {one_line(RUNS[name].phase)}: ")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [120, 60])
def test_every_criterion_is_there_at_any_width(name: str, width: int) -> None:
    text = "".join(shown(RUNS[name], width=width).split())
    for criterion in RUNS[name].criteria:
        expression = criterion.asked.expression
        if expression.isprintable() and len(expression) < 50:
            assert "".join(full_expression(criterion).split()) in text


@pytest.mark.parametrize("name", sorted(RUNS.keys() - {"hostile"}))
def test_nothing_but_commands_and_paths_is_wider_than_the_terminal(name: str) -> None:
    for line in shown(RUNS[name], width=100).splitlines():
        copied = ("rerun ", "evidence ", "report ", "log ")
        assert len(line) <= 100 or line.strip().startswith(copied) or "evidence/" in line


def test_quiet_says_the_verdict_only() -> None:
    assert shown(failing_run(), quiet=True, wrap=False).count("\n") == 1


def test_failures_come_with_evidence_and_the_command_that_runs_them_again() -> None:
    text = shown(failing_run(), wrap=False)
    assert "Failures" in text
    assert "rerun     phasegate run " in text
    assert "--set fault=app-data" in text
    assert "out/report.html" in text


def with_last(run: RunResult, **changes: Any) -> RunResult:
    """The run with another last attempt of its first failed check that has failed cases."""
    step = run.steps[0]
    check = next(one for one in step.checks if one.status is CheckStatus.FAILED and one.seen.cases)
    assert check.last is not None
    last = replace(check.last, observation=replace(check.seen, **changes))
    changed = replace(check, attempts=(*check.attempts[:-1], last))
    checks = tuple(changed if one is check else one for one in step.checks)
    return replace(run, steps=(replace(step, checks=checks), *run.steps[1:]))


def test_what_is_noted_of_a_failed_check_is_said() -> None:
    note = "aborted after 1.18 s of 11 s: success_rate was 0% over 1 s, and abort_on says success_rate < 50%"
    assert note in shown(with_last(failing_run(), notes=(note,)), wrap=False)


@pytest.mark.parametrize(("more", "said"), [(0, False), (MOST_FAILURES, True)])
def test_causes_are_left_out_where_the_failed_cases_say_them(more: int, said: bool) -> None:
    case = Case(id="f/a", name="a", status=CaseStatus.FAILED, message="got 500")
    cases = tuple(replace(case, id=f"f/{number}") for number in range(1 + more))
    run = with_last(failing_run(), cases=cases, causes={"got 500": len(cases)})
    text = shown(run, wrap=False)
    assert "        got 500\n" in text
    assert (f"      {len(cases)} x got 500\n" in text) is said


@pytest.mark.parametrize("width", [50, 80, 140])
def test_lines_that_wrap_keep_their_indentation(width: int) -> None:
    text = shown(with_last(failing_run(), notes=("word " * 60,)), width=width)
    assert text.count("word") == 60
    assert all(line.startswith("      word") for line in text.splitlines() if "word" in line)


def test_a_criterion_that_is_open_has_its_title_at_any_width() -> None:
    run = failing_run()
    titles = [item.asked.title for item in run.criteria if item.verdict is CriterionVerdict.NOT_MET]
    assert titles
    text = shown(run, width=60, wrap=False)
    assert all(one_line(title) in text for title in titles)


def test_what_was_not_tested_is_said_with_its_reason() -> None:
    text = shown(inconclusive_run(), wrap=False)
    assert "Not tested" in text
    for check in inconclusive_run().checks():
        if check.status.value == "not_run":
            assert check.reason in text


def test_checks_that_were_not_run_for_one_reason_share_a_line() -> None:
    run = passing_run()
    checks = [
        replace(check, status=CheckStatus.NOT_RUN, attempts=(), reason="it is down", help="start it")
        for check in run.checks() * 2
    ]
    assert len(checks) > MOST_NAMES
    steps = (replace(run.steps[0], checks=tuple(checks)),)
    text = shown(replace(run, steps=steps, gate_checks=()), wrap=False)
    named = ", ".join(f"{check.id} ({check.asked.kind})" for check in checks[:MOST_NAMES])
    assert f"  {named} and {len(checks) - MOST_NAMES} more  it is down\n      start it\n" in text
    assert text.count("it is down") == 1


def test_cases_without_a_result_for_one_reason_share_a_line() -> None:
    cases = [
        Case(id=f"f/{number}", name="", status=CaseStatus.LOST, message="counted, but not written")
        for number in range(63)
    ]
    cases.append(Case(id="f/other", name="", status=CaseStatus.LOST, message="it hung"))
    text = shown(with_last(failing_run(), cases=tuple(cases)), wrap=False)
    assert "  f/0 and 62 more  without a result: counted, but not written\n" in text
    assert "  f/other  without a result: it hung\n" in text


@pytest.mark.parametrize("width", [60, 120])
def test_criteria_that_are_open_for_one_reason_say_it_once(width: int) -> None:
    run = passing_run()
    down = Judgement(required=run.criteria[0].judged.required, reason=no_data("it is down"))
    criteria = [CriterionResult(asked=replace(item.asked, title=""), judged=down) for item in run.criteria]
    text = shown(replace(run, criteria=tuple(criteria)), width=width, wrap=False)
    assert text.count("no data: it is down") == 1
    assert text.count("as above") == len(criteria) - 1


def test_a_passing_run_has_no_failures_and_names_what_was_flaky() -> None:
    text = shown(passing_run())
    assert "Failures" not in text
    assert "Flaky" in text


def test_a_record_without_an_end_is_shown() -> None:
    assert "INCONCLUSIVE" in shown(crashed_run())


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\u202e", "\u2066", "\x00", "\r"])
def test_hostile_characters_do_not_reach_a_terminal(character: str) -> None:
    assert character not in shown(hostile_run())


def test_a_criterion_that_leaves_its_subject_out_gets_it_also_where_the_words_begin_alike() -> None:
    some = unjudged(asked("exit_code == 0", inside="e"))
    assert full_expression(some) == "e.exit_code == 0"
    part = unjudged(asked("exit_code == 0", inside="e", part="x"))
    assert full_expression(part) == "e/x.exit_code == 0"
    assert full_expression(unjudged(asked("e/x.exit_code == 0"))) == "e/x.exit_code == 0"
