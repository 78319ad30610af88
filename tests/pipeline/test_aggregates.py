"""Steps, the run, floors, budgets and required kinds through the command line, row by row of the docs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from phasegate.base.errors import PlanError
from phasegate.base.units import parse_quantity
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.render.sentences import sentence
from tests.pipeline.bench import Desk, Ran
from tests.rules import Rule, rules

LATE = """\
import pathlib, sys
mark = pathlib.Path(sys.argv[1])
seen = mark.exists()
mark.touch()
print("now it answers" if seen else "it did not answer")
sys.exit(0 if seen else 1)
"""
SUITE = """\
import pathlib, sys
first, second = sys.argv[1], sys.argv[-1]
mark = pathlib.Path("tried")
words = second if mark.exists() else first
mark.touch()
cases = []
for number, word in enumerate(words.split(",")):
    bad, slow = "<failure message='bad'/>", "<flakyFailure message='slow'/>"
    inner = {"p": "", "f": bad, "s": "<skipped/>", "l": slow}[word]
    cases.append(f"<testcase name='c{number}'>{inner}</testcase>")
pathlib.Path("r.xml").write_text(f"<testsuite name='all'>{''.join(cases)}</testsuite>")
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write("late.py", LATE)
    desk.write("suite.py", SUITE)
    return desk


def good(id: str) -> str:
    return f"{{id: {id}, kind: command, command: ['true']}}"


def late(id: str, rest: str = "") -> str:
    """Passes on its second attempt."""
    retry = "retry: {attempts: 2, on: [error, fail]}"
    return (
        f"{{id: {id}, kind: command, command: [python, late.py, mark-{id}], {retry}{rest and f', {rest}'}}}"
    )


def broken(id: str) -> str:
    """Errored: there are no results to observe."""
    return f"{{id: {id}, kind: command, command: ['true'], results: none.xml}}"


def suite(id: str, *words: str, rest: str = "") -> str:
    """Cases that pass, fail, are skipped or pass late, by letter; the second word is for a second try."""
    arguments = ", ".join(f"'{','.join(letters)}'" for letters in words)
    command = f"command: [python, suite.py, {arguments}], results: r.xml"
    return f"{{id: {id}, kind: command, {command}{rest and f', {rest}'}}}"


def plan(*checks: str, criteria: str = "[]", head: str = "", step: str = "", gate: str = "{}") -> str:
    lines = "".join(f"      - {check}\n" for check in checks)
    return (
        f"{head}\nsteps:\n  - id: one\n    {step or 'title: One'}\n    checks:\n{lines}"
        f"    criteria: {criteria}\ngate: {gate}\n"
    )


def run(desk: Desk, text: str, **narrowed: tuple[str, ...]) -> Ran:
    """What the command line does, in this process: starting another one for each row would take longer."""
    plan, folder = desk.plan(text), desk.fresh()
    command = ("phasegate", "run", str(plan))
    try:
        done = execute(RunRequest(plan=plan, output=folder, command=command, **narrowed), None)
    except PlanError as error:
        return Ran(int(error.exit_code), "", "", folder)
    return Ran(done.result.exit_code, "", sentence(done.result.reason), folder)


Scenario = Callable[[Desk], Ran]
AGGREGATES: dict[str, Scenario] = {
    "all items of a step together reach the share asked for": lambda desk: run(
        desk, plan(good("a"), suite("b", "pppf", rest="criteria: [pass_rate >= 50%]"), criteria=SHARE)
    ),
    "they do not, though every check reaches its own": lambda desk: run(
        desk, plan(good("a"), suite("b", "pf", rest="criteria: [pass_rate >= 50%]"), criteria=SHARE)
    ),
    "they do, and one more check of the step was errored": lambda desk: unproven(
        run(desk, plan(good("a"), broken("b"), criteria="[step/one.pass_rate >= 10%]")), "step/one.pass_rate"
    ),
    "no check may be errored, and one was": lambda desk: run(
        desk, plan(good("a"), broken("b"), gate="{criteria: [run.errored == 0]}")
    ),
    "the run took no longer than it may": lambda desk: run(
        desk, plan(good("a"), gate="{criteria: [run.duration < 1h]}")
    ),
    "the run took longer than it may": lambda desk: run(
        desk, plan(good("a"), gate="{criteria: [run.duration < 1us]}")
    ),
}
SHARE = "[step/one.pass_rate >= 80%]"
FLOOR = "criteria: [total >= {}]"
FLOORS: dict[str, Scenario] = {
    "as many cases passed as the floor asks for": lambda desk: run(
        desk, plan(suite("s", "p" * 66, rest=FLOOR.format(66)))
    ),
    "all of 3 cases passed, and the floor is 66": lambda desk: run(
        desk, plan(suite("s", "ppp", rest=FLOOR.format(66)))
    ),
    "the floor is reached with skipped cases": lambda desk: run(
        desk, plan(suite("s", "pps", rest=FLOOR.format(3)))
    ),
    "a case that was there is gone when the suite is tried again": lambda desk: total(
        run(
            desk,
            plan(
                suite("s", "ppf", "pp", rest=f"{FLOOR.format(3)}, retry: {{attempts: 2, on: [error, fail]}}")
            ),
        ),
        3,
    ),
    "only one case was selected": lambda desk: total(
        run(desk, plan(suite("s", "ppp", rest=FLOOR.format(3))), cases=("c1",)), 1
    ),
}
FLAKY: dict[str, Scenario] = {
    "everything passed at once": lambda desk: run(desk, plan(good("a"), head="flaky: 0%")),
    "as much passed only when tried again as the budget allows": lambda desk: run(
        desk, plan(suite("s", "plpp"), head="flaky: {max: 25%}")
    ),
    "more did, and the policy is fail": lambda desk: run(
        desk, plan(suite("s", "llpp"), head="flaky: {max: 25%, policy: fail}")
    ),
    "more did, and the policy is warn": lambda desk: run(
        desk, plan(suite("s", "llpp"), head="flaky: {max: 25%, policy: warn}")
    ),
    "more did than the step's own budget allows, and less than the plan's": lambda desk: run(
        desk, plan(late("a"), good("b"), head="flaky: 80%", step="flaky: 10%")
    ),
    "more did in a check that has a wider budget of its own": lambda desk: run(
        desk, plan(suite("s", "lppp", rest="flaky: 30%"), good("b"), head="flaky: 10%")
    ),
    "a check that the budget counts was errored": lambda desk: unproven(
        run(desk, plan(good("a"), broken("b"), head="flaky: 10%")), "flaky:run"
    ),
}
REQUIRE: dict[str, Scenario] = {
    "a check of the kind was observed to its end": lambda desk: run(
        desk, plan(good("a"), gate="{require: [command]}")
    ),
    "one was observed, and it failed": lambda desk: met(
        run(desk, plan("{id: a, kind: command, command: ['false']}", gate="{require: [command]}")),
        "require:command",
    ),
    "the only check of the kind was errored": lambda desk: unproven(
        run(desk, plan(broken("a"), gate="{require: [command]}")), "require:command"
    ),
    "the only check of the kind was not selected": lambda desk: unproven(
        run(
            desk,
            plan(
                good("a"),
                "{id: h, kind: health, url: 'http://127.0.0.1:9/'}",
                gate="{require: [health]}",
            ),
            checks=("a",),
        ),
        "require:health",
    ),
    "the plan has no check of the kind": lambda desk: run(desk, plan(good("a"), gate="{require: [load]}")),
}


def verdict_of(ran: Ran, id: str) -> str:
    verdict: str = ran.criterion(id)["verdict"]
    return verdict


def unproven(ran: Ran, id: str) -> Ran:
    assert verdict_of(ran, id) == "unproven", ran.criterion(id)
    return ran


def met(ran: Ran, id: str) -> Ran:
    assert verdict_of(ran, id) == "met", ran.criterion(id)
    return ran


def total(ran: Ran, cases: int) -> Ran:
    assert ran.criterion("s.total")["observed"] == str(cases)
    return ran


ALL = {"aggregates": AGGREGATES, "floors": FLOORS, "flaky": FLAKY, "require": REQUIRE}


@pytest.mark.parametrize(("table", "rule"), [(name, rule) for name in ALL for rule in rules(name)], ids=str)
def test_runs_end_as_the_tables_of_the_docs_say(desk: Desk, table: str, rule: Rule) -> None:
    ran = ALL[table][rule.situation](desk)
    assert ran.code == rule.exit_code, ran.err
    if rule.verdict == "none":
        assert not ran.folder.exists()
    else:
        assert ran.result["verdict"] == rule.verdict, ran.err


@pytest.mark.parametrize("table", ALL)
def test_tables_of_the_docs_have_every_scenario(table: str) -> None:
    assert {rule.situation for rule in rules(table)} == set(ALL[table])


def test_every_format_says_which_attempt_failed_and_why(desk: Desk) -> None:
    desk.plan(plan(late("a"), suite("s", "lp"), broken("c"), head="flaky: {max: 50%, policy: warn}"))
    ran = desk.run("--report", "html=page.html").is_whole()
    reason = "exit_code == 0: observed 1, needs == 0"
    assert f"attempt 1 failed: {reason}" in ran.err
    assert "attempt 1 failed: slow" in ran.err
    page = (ran.folder / "report.html").read_text(encoding="utf-8")
    flaky = page[page.index('<section id="flaky"') :]
    assert flaky.index("Attempt 1 failed") < flaky.index("exit_code == 0: observed 1") < flaky.index("slow")
    junit = (ran.folder / "junit.xml").read_text(encoding="utf-8")
    assert f'<flakyFailure message="attempt 1: {reason}"' in junit
    assert '<flakyFailure message="attempt 1: slow"' in junit
    first = ran.check("a")["attempts"][0]
    assert (first["number"], first["status"], first["reason"]) == (1, "failed", reason)
    assert ran.check("s")["attempts"][0]["cases"][0]["earlier"][0]["message"] == "slow"
    budget = ran.criterion("flaky:run")
    assert (budget["level"], budget["verdict"]) == ("warn", "not_met")
    for text in (ran.err, page, junit):
        assert "flaky:run" in text or "run.flaky_rate" in text


def test_the_step_is_held_to_its_aggregates_and_the_report_says_so(desk: Desk) -> None:
    ran = run(desk, plan(good("a"), gate="{criteria: [step/one.total >= 2]}"))
    (step,) = ran.result["steps"]
    assert (ran.code, step["status"], step["reason"]) == (1, "failed", "step/one.total is not met")


def test_the_duration_that_was_judged_is_that_of_the_record(desk: Desk) -> None:
    ran = run(desk, plan(good("a"), gate="{criteria: [run.duration < 1h]}"))
    started, finished = (datetime.fromisoformat(ran.result[key]) for key in ("started", "finished"))
    taken = (finished - started).total_seconds()
    seen = parse_quantity(ran.criterion("run.duration")["observed"]).value
    assert seen == pytest.approx(taken, rel=0.01)
