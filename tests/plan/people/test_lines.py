from __future__ import annotations

import pytest

from phasegate.base.errors import PlanError
from phasegate.model.lines import Line
from phasegate.render.sentences import sentence
from tests.plan.conftest import HEAD, Load, plan_of, refused

STEP = "steps: [{id: one, %s checks: [{id: a, kind: probe, url: /health}]}]\n"


def test_lines_may_name_the_criteria_that_judge_them(load_text: Load) -> None:
    plan = plan_of(
        load_text,
        """\
done: {text: Alive, by: a.success_rate}
known: [{text: Slow, ticket: T-1}]
risks: [{title: Load, measures: {text: Measure it, by: [a.latency.p95]}}]
after: [{heading: Technical, lines: [Whole, {text: Fast, by: [a.latency.p95]}]}]
outcomes: Ready
created: 2026-01-02
updated: 2026-01-03
"""
        + STEP % "work: [{text: Look, lines: [Twice]}], criteria: [a.latency.p95 < 1s],",
    )
    people = plan.people
    assert people.done == (Line(text="Alive", by=("a.success_rate",)),)
    assert people.known == (Line(text="Slow", more={"ticket": "T-1"}),)
    assert people.risks[0].measures == (Line(text="Measure it", by=("a.latency.p95",)),)
    assert people.after == (
        Line(text="Technical", heading=True),
        Line(text="Whole", level=1),
        Line(text="Fast", by=("a.latency.p95",), level=1),
    )
    assert people.outcomes == (Line(text="Ready"),)
    assert (people.created, people.updated) == ("2026-01-02", "2026-01-03")
    assert plan.steps[0].asked.work == (Line(text="Look"), Line(text="Twice", level=1))


def test_every_link_that_leads_nowhere_is_reported_at_its_place(load_text: Load) -> None:
    text = "next:\n  - {text: Go on, by: [a.succes_rate]}\n" + STEP % "work: [{text: Look, by: [b.x]}],"
    with pytest.raises(PlanError) as raised:
        load_text(HEAD + text)
    problems = raised.value.problems
    assert [sentence(problem.message) for problem in problems] == [
        "the line 'Go on' names 'a.succes_rate', which is not the id of a criterion",
        "the line 'Look' names 'b.x', which is not the id of a criterion",
    ]
    assert "a.success_rate" in str(problems[0].help)
    assert ":6:" in str(problems[0].at)


def test_a_line_that_says_nothing_and_a_heading_with_criteria_are_refused(load_text: Load) -> None:
    text = 'done: ["", {heading: A, by: [a.success_rate], lines: [b]}, {text: a, because: b}]\n' + STEP % ""
    messages = " ".join(refused(load_text, HEAD + text))
    assert "the line is empty" in messages
    assert "a heading has 'lines' below it" in messages
    assert "'because'" in messages


def test_owner_and_approver_in_one_and_a_missed_day_are_warned_of(load_text: Load) -> None:
    loaded = load_text(HEAD + "owner: Ann B\napprover: ann  b\ndue: 2025-07-18\n" + STEP % "")
    first, second = (sentence(warning.message) for warning in loaded.warnings)
    assert "Ann B owns the phase and approves it" in first
    assert "the phase was due on 2025-07-18" in second
    assert not load_text(HEAD + "owner: Ann\napprover: Bo\ndue: some day\n" + STEP % "").warnings
