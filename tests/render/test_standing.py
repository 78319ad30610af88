"""What stands beside the verdict: the same lines in every format, none where there is nothing to say."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from phasegate.model.judgement import Decided, Decision
from phasegate.model.measures import Share
from phasegate.model.result import BaselineRecord, PolicyRecord, RunResult
from phasegate.render import junit
from phasegate.render.html import document
from phasegate.render.standing import standing
from phasegate.render.terminal.report import summary
from tests.judged import with_judged
from tests.samples import crashed_run, failing_run, passing_run, without_lines


def test_flaky_passes_are_said_beside_the_verdict() -> None:
    (line,) = standing(without_lines(passing_run()))
    assert line.label == "Flaky"
    assert line.text.startswith("1 pass only when tried again: ")
    assert line.anchor == "flaky"


def test_a_run_with_nothing_to_say_says_nothing() -> None:
    run = without_lines(crashed_run())
    assert standing(run) == ()
    assert '<dl class="standing">' not in document.render(run)


def test_samples_that_are_worth_less_are_said_beside_the_verdict() -> None:
    run = passing_run()
    first = with_judged(run.criteria[0], n=4_000, effective_n=412)
    line = next(
        line
        for line in standing(replace(run, criteria=(first, *run.criteria[1:])))
        if line.label == "Not independent"
    )
    assert line.text == f"what fell short came together in time; {first.id}: 4,000 are worth 412"


def test_what_was_decided_early_is_said_beside_the_verdict() -> None:
    run = passing_run()
    decision = Decision(outcome=Decided.MET, n=3_787, right=3_787, at=1.25)
    first = with_judged(run.criteria[0], decided=decision)
    line = next(
        line
        for line in standing(replace(run, criteria=(first, *run.criteria[1:])))
        if line.label == "Decided early"
    )
    assert line.text == f"1 criterion before the sample was complete: {first.id} after 3,787 in 1.25 s"


def test_every_format_shows_the_lines() -> None:
    run = failing_run()
    lines = standing(run)
    assert lines
    for line in lines:
        assert line.text in document.render(run)
        assert line.text in junit.render(run)


def test_every_report_begins_with_how_many_lines_of_the_plan_are_judged() -> None:
    first, *_ = standing(passing_run())
    assert (first.label, first.text) == ("Written plan", "5 of 15 lines judged, 5 hold")
    first, *_ = standing(failing_run())
    assert first.text == "5 of 15 lines judged, 2 hold, 3 open"
    assert first.tone == "fail"
    first, *_ = standing(crashed_run())
    assert first.text == "0 of 15 lines judged, 5 not verified"


def test_baselines_are_said_beside_the_verdict_and_listed_with_their_hashes() -> None:
    run = passing_run()
    first = with_judged(run.criteria[0], baseline="reports/b")
    baselines = tuple(
        BaselineRecord(path=f"reports/{name}", run=f"run-{name}", file="result.json", sha256=name * 64)
        for name in "abc"
    )
    run = replace(run, criteria=(first, *run.criteria[1:]), baselines=baselines)
    line = next(line for line in standing(run) if line.label == "Baseline")
    assert line.text == (
        "1 criterion held against the median of 3 runs: "
        "reports/a (run run-a), reports/b (run run-b), reports/c (run run-c)"
    )
    page = document.render(run)
    assert f'id="{line.anchor}"' in page
    assert all(one.sha256 in page for one in baselines)
    assert line.text in junit.render(run)
    alone = replace(run, baselines=baselines[1:2])
    line = next(line for line in standing(alone) if line.label == "Baseline")
    assert line.text == "1 criterion held against reports/b (run run-b)"


def test_environment_and_policy_are_said_first_in_every_format() -> None:
    policy = PolicyRecord(name="Floors of the bank", path="policies/org.yaml", sha256="0123456789abcdef" * 4)
    run = replace(without_lines(crashed_run()), env="staging", policy=policy)
    assert [(line.label, line.text) for line in standing(run)] == [
        ("Environment", "staging"),
        ("Policy", "Floors of the bank (policies/org.yaml, sha256 0123456789ab)"),
    ]
    with io.StringIO() as stream:
        Console(file=stream, width=200).print(summary(run, width=200))
        said = stream.getvalue()
    for text in (document.render(run), junit.render(run), said):
        assert "staging" in text
        assert "Floors of the bank (policies/org.yaml, sha256 0123456789ab)" in text
    assert '<property name="phasegate.environment" value="staging" />' in junit.render(run)


def test_what_phasegate_missed_of_a_schedule_is_said_beside_the_verdict() -> None:
    run = passing_run()
    share = Share(passed=3_158, total=3_158, sample=True, unused=412)
    for measure, words in (
        (share, "412 of 3,570 scheduled requests were not sent in time: phasegate was late"),
        (
            replace(share, unused=0, replaced=412),
            (
                "412 of 3,570 scheduled requests were not sent in time: phasegate was late; "
                "later ones took their place"
            ),
        ),
    ):
        changed = with_measure(run, measure)
        (line,) = [line for line in standing(changed) if line.label == "Late"]
        assert line.text == f"{changed.checks()[0].id}: {words}"
        assert line.text in document.render(changed)
        assert line.text in junit.render(changed)


def with_measure(run: RunResult, measure: Share) -> RunResult:
    first, *others = run.steps[0].checks
    assert first.last is not None
    attempt = replace(
        first.last, observation=replace(first.last.observation, measures={"success_rate": measure})
    )
    checks = (replace(first, attempts=(attempt,)), *others)
    return replace(run, steps=(replace(run.steps[0], checks=checks), *run.steps[1:]))
