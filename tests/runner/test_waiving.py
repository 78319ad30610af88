"""What waivers make of judged criteria, on censuses of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phasegate.gate.judging import judge_run
from phasegate.gate.verdict import decide
from phasegate.gate.waivers import Applied, decide_with_waivers, without_waivers
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Number
from phasegate.model.observation import Case, CaseStatus, Observation, census, census_by_part, count_failed
from phasegate.model.result import Verdict, WaiverState
from phasegate.model.waiver import CasePattern, Waiver
from phasegate.plan.asked.plan import Plan
from phasegate.render.sentences import message, sentence
from phasegate.runner.waiving import waive
from tests.examples import examples
from tests.judged import result, share, told
from tests.runner.scripted import Scripted, check, plan, record, step

PASSED, FAILED, SKIPPED, LOST = CaseStatus
MET, NOT_MET, UNPROVEN, WAIVED = CriterionVerdict
RANK = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}
Statuses = Sequence[CaseStatus]


def suite(statuses: Statuses, parts: Sequence[str] = ()) -> Observation:
    """Cases `c0`, `c1` and so on."""
    cases = tuple(
        Case(id=f"c{number}", name=f"c{number}", status=status, part=parts[number] if parts else "")
        for number, status in enumerate(statuses)
    )
    return Observation(
        measures={"pass_rate": census(cases), "failed": Number(value=statuses.count(FAILED))},
        parts={part: {"pass_rate": share} for part, share in census_by_part(cases).items()},
        cases=cases,
    )


def waiver(
    id: str = "w",
    *,
    criteria: Sequence[str] = (),
    cases: Sequence[str] = (),
    patterns: Sequence[CasePattern] = (),
    days: int = 30,
) -> Waiver:
    return Waiver(
        id=id,
        criteria=tuple(criteria),
        cases=tuple(("a", case) for case in cases),
        patterns=tuple(patterns),
        owner="platform team",
        approver="release manager",
        reason="mended next week",
        ticket="T-1",
        expires=date(2026, 4, 9),
        days_left=days,
    )


def asked(*criteria: str, waivers: Sequence[Waiver] = ()) -> Plan:
    checks = [check(id) for id in sorted({text[0] for text in criteria})]
    return replace(plan(step("first", *checks), criteria=criteria), waivers=tuple(waivers))


def applied(plan: Plan, **seen: Observation) -> Applied:
    run = record(plan, seen)
    return waive(plan, judge_run(run), run, {criterion.id for criterion in plan.criteria})


def verdict(plan: Plan, **seen: Observation) -> Verdict:
    done = applied(plan, **seen)
    return decide_with_waivers(done.criteria, done.waivers, decide)[0].verdict


ALL = "a.pass_rate == 100%"


def test_a_criterion_that_holds_needs_no_waiver() -> None:
    done = applied(asked(ALL, waivers=[waiver(criteria=["a.pass_rate"], cases=["c0"])]), a=suite([PASSED]))
    assert done.criteria[0].verdict is MET
    assert (done.waivers[0].state, sentence(done.waivers[0].message)) == (
        WaiverState.UNUSED,
        "nothing needed it",
    )


def test_cases_are_left_out_of_the_parts_they_belong_to() -> None:
    plan = asked("a/x.pass_rate == 100%", "a/y.pass_rate == 100%", waivers=[waiver(cases=["c1"])])
    seen = suite([PASSED, FAILED, PASSED, FAILED], parts=["x", "x/deep", "y", "y"])
    assert [item.verdict for item in applied(plan, a=seen).criteria] == [WAIVED, NOT_MET]


def test_cases_come_before_the_criterion_as_the_narrower_cover() -> None:
    wide, narrow = waiver("wide", criteria=["a.pass_rate"]), waiver("narrow", cases=["c1"])
    done = applied(asked(ALL, waivers=[wide, narrow]), a=suite([PASSED, FAILED]))
    assert done.criteria[0].waived is not None
    assert done.criteria[0].waived.by == ("narrow",)
    assert [item.state for item in done.waivers] == [WaiverState.UNUSED, WaiverState.USED]


def test_numbers_are_never_changed() -> None:
    plan = asked("a.failed == 0", waivers=[waiver(cases=["c1"])])
    assert applied(plan, a=suite([PASSED, FAILED])).criteria[0].verdict is NOT_MET


@pytest.mark.parametrize(
    ("criterion", "says"),
    [
        ("a.failed == 0", True),
        ("run.failed == 0", True),
        ("step/first.pass_rate == 100%", True),
        ("run.total >= 9", False),
        ("b.failed == 0", False),
        ("a.pass_rate == 100%", False),
    ],
)
def test_figures_that_count_waived_cases_say_what_would_reach_them(criterion: str, says: bool) -> None:
    plan = asked(criterion, ALL, "b.pass_rate == 100%", waivers=[waiver(cases=["c1"])])
    seen = {"a": suite([PASSED, FAILED, FAILED]), "b": suite([PASSED, FAILED])}
    one = next(one for one in plan.criteria if one.expression == criterion)
    judged = result(criterion, NOT_MET, observed=share(0, 2), id=one.id)
    (item,) = waive(plan, [judged], record(plan, seen), {one.id}).criteria
    assert item.verdict is NOT_MET
    assert (f"only a waiver of {item.id} itself covers it" in message(item)) is says


def test_a_measure_that_is_not_the_census_of_the_cases_is_left_alone() -> None:
    seen = replace(suite([PASSED, FAILED]), measures={"pass_rate": census([])})
    seen = replace(seen, measures={"pass_rate": replace(census(seen.cases), total=3)})
    assert applied(asked(ALL, waivers=[waiver(cases=["c1"])]), a=seen).criteria[0].verdict is NOT_MET


def test_a_census_with_nothing_left_is_unproven() -> None:
    done = applied(asked(ALL, waivers=[waiver(cases=["c0", "c1"])]), a=suite([FAILED, FAILED]))
    assert (done.criteria[0].verdict, done.criteria[0].judged.verdict) == (UNPROVEN, NOT_MET)
    assert "no case is left that shows anything" in message(done.criteria[0])


class Inspecting(Scripted):
    """Has findings in place of a pass rate."""

    def counts(self, measure: str, case: str) -> bool:
        return measure == "findings_error"


def found(*statuses: CaseStatus) -> tuple[Observation, Plan]:
    """What was found, and a plan that waives the first case."""
    seen = suite(statuses)
    seen = replace(seen, measures={"findings_error": count_failed(seen.cases)})
    criteria = ["a.findings_error == 0"]
    planned = plan(step("first", check("a", kind=Inspecting())), criteria=criteria)
    return seen, replace(planned, waivers=(waiver(cases=["c0"]),))


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([FAILED, PASSED], WAIVED),
        ([FAILED, FAILED], NOT_MET),
        ([FAILED, LOST], NOT_MET),
        ([LOST, PASSED], WAIVED),
        ([LOST, LOST], UNPROVEN),
        ([FAILED], NOT_MET),
    ],
)
def test_a_number_of_failed_cases_is_counted_again_without_those_waived(
    statuses: list[CaseStatus], verdict: CriterionVerdict
) -> None:
    seen, planned = found(*statuses)
    assert applied(planned, a=seen).criteria[0].verdict is verdict


def test_what_was_not_selected_is_not_waived() -> None:
    plan = asked(ALL, waivers=[waiver(criteria=["a.pass_rate"])])
    run = record(plan, {})
    criteria = judge_run(run)
    assert waive(plan, criteria, run, frozenset()).criteria == criteria


@pytest.mark.parametrize(
    ("glob", "matched"),
    [("c*", ["c", "c1", "ca"]), ("c?", ["c1", "ca"]), ("t[1]", ["t[1]"]), ("t[*", ["t[1]"]), ("C*", [])],
)
def test_a_pattern_is_stars_and_question_marks_and_all_else_is_plain(glob: str, matched: list[str]) -> None:
    pattern = CasePattern(check="a", glob=glob, most=9)
    assert [id for id in ("c", "c1", "ca", "t[1]", "t1") if pattern.matches(id)] == matched


def test_passed_cases_count_for_the_width_of_a_pattern() -> None:
    def state(most: int) -> WaiverState:
        pattern = CasePattern(check="a", glob="*", most=most)
        return (
            applied(asked(ALL, waivers=[waiver(patterns=[pattern])]), a=suite([PASSED, FAILED]))
            .waivers[0]
            .state
        )

    assert (state(2), state(1)) == (WaiverState.USED, WaiverState.TOO_WIDE)


def test_a_pattern_that_is_too_wide_takes_its_whole_waiver_with_it() -> None:
    wide = waiver(cases=["c1"], patterns=[CasePattern(check="a", glob="*", most=1)])
    assert applied(asked(ALL, waivers=[wide]), a=suite([PASSED, FAILED])).criteria[0].verdict is NOT_MET


statuses = st.lists(st.sampled_from([PASSED, FAILED, SKIPPED, LOST]), max_size=6)
mostly_passed = st.lists(st.sampled_from([*[PASSED] * 6, FAILED, SKIPPED, LOST]), min_size=2, max_size=6)
thresholds = st.sampled_from(["== 100%", ">= 50%", ">= 75%", "> 0%"])
names = st.sampled_from([f"c{number}" for number in range(8)])
waivers = st.lists(
    st.builds(
        waiver,
        criteria=st.lists(st.sampled_from(["a.pass_rate", "b.pass_rate"]), max_size=1),
        cases=st.lists(names, max_size=4, unique=True),
        patterns=st.lists(
            st.builds(
                CasePattern,
                check=st.just("a"),
                glob=st.sampled_from(["*", "c?", "c1*"]),
                most=st.integers(1, 6),
            ),
            max_size=1,
        ),
        days=st.integers(-2, 2),
    ),
    max_size=3,
).map(lambda found: [replace(item, id=f"w{number}") for number, item in enumerate(found)])
plans = st.builds(
    lambda first, second, waivers: asked(f"a.pass_rate {first}", f"b.pass_rate {second}", waivers=waivers),
    thresholds,
    thresholds,
    waivers,
)


@settings(max_examples=examples(20))
@given(plans, statuses, statuses)
def test_a_waiver_never_makes_anything_met_and_taking_it_away_gives_the_real_verdict(
    plan: Plan, a: Statuses, b: Statuses
) -> None:
    seen = {"a": suite(a), "b": suite(b)}
    real = judge_run(record(plan, seen))
    done = applied(plan, **seen)
    for before, after in zip(real, done.criteria, strict=True):
        assert without_waivers(after).verdict is before.verdict
        assert after.verdict in (before.verdict, WAIVED, UNPROVEN)
        assert (after.verdict is MET) is (before.verdict is MET)
        assert after.judged == before.judged
    with_waivers, unwaived = decide_with_waivers(done.criteria, done.waivers, decide)
    without = decide(real).verdict
    assert (unwaived or with_waivers.verdict) is without
    assert RANK[with_waivers.verdict] >= RANK[without]


@settings(max_examples=examples(20))
@given(plans, statuses, statuses)
def test_a_failing_case_more_never_improves_the_verdict(plan: Plan, a: Statuses, b: Statuses) -> None:
    before = verdict(plan, a=suite(a), b=suite(b))
    after = verdict(plan, a=suite([*a, FAILED]), b=suite(b))
    assert RANK[after] <= RANK[before]


@settings(max_examples=examples(20))
@given(plans, mostly_passed, mostly_passed, st.sampled_from([SKIPPED, LOST]))
def test_a_case_more_without_a_result_turns_nothing_into_a_pass(
    plan: Plan, a: Statuses, b: Statuses, more: CaseStatus
) -> None:
    assume(verdict(plan, a=suite([*a, more]), b=suite(b)) is Verdict.PASS)
    assert verdict(plan, a=suite(a), b=suite(b)) is Verdict.PASS


@settings(max_examples=examples(20))
@given(plans, st.lists(st.sampled_from([FAILED, SKIPPED, LOST]), max_size=4))
def test_without_a_case_that_passed_there_is_no_pass(plan: Plan, a: Statuses) -> None:
    assert verdict(plan, a=suite(a), b=suite(a)) is not Verdict.PASS


@settings(max_examples=examples(20))
@given(plans, st.lists(st.sampled_from([FAILED, SKIPPED, LOST]), max_size=4))
def test_waivers_of_all_criteria_leave_nothing_proven(plan: Plan, a: Statuses) -> None:
    everything = replace(plan, waivers=(waiver(criteria=["a.pass_rate", "b.pass_rate"]),))
    done = applied(everything, a=suite(a), b=suite(a))
    assert {item.verdict for item in done.criteria} == {WAIVED}
    assert verdict(everything, a=suite(a), b=suite(a)) is Verdict.INCONCLUSIVE


@settings(max_examples=examples(20))
@given(plans, statuses, statuses)
def test_expired_waivers_change_nothing(plan: Plan, a: Statuses, b: Statuses) -> None:
    ended = replace(plan, waivers=tuple(replace(item, days_left=-1) for item in plan.waivers))
    seen = {"a": suite(a), "b": suite(b)}
    assert applied(ended, **seen).criteria == judge_run(record(plan, seen))


@settings(max_examples=examples(20))
@given(st.integers(1, 5), st.lists(st.sampled_from([FAILED, SKIPPED, LOST]), min_size=1, max_size=4))
def test_a_suite_with_waived_cases_and_their_exit_code_passes_by_its_other_cases(
    passed: int, waived: Statuses
) -> None:
    """`b` stands for the exit code, and is waived as a criterion."""
    cases = [f"c{passed + number}" for number in range(len(waived))]
    one = waiver(criteria=["b.pass_rate"], cases=cases)
    plan = asked(ALL, "b.pass_rate == 100%", waivers=[one])
    whole = suite([*[PASSED] * passed, *waived])
    assert verdict(plan, a=whole, b=suite([FAILED])) is Verdict.PASS
    waived_one = applied(plan, a=whole, b=suite([FAILED])).criteria[0].waived
    assert waived_one is not None
    assert waived_one.rest is not None
    assert told(waived_one.rest).observed == f"100% ({passed} of {passed})"
    assert verdict(plan, a=suite([*[PASSED] * passed, *waived, FAILED]), b=suite([FAILED])) is Verdict.FAIL


@settings(max_examples=examples(20))
@given(st.lists(st.sampled_from([FAILED, SKIPPED, LOST]), min_size=1, max_size=4), st.booleans())
def test_a_suite_whose_cases_are_all_waived_shows_nothing(waived: Statuses, as_cases: bool) -> None:
    cases = [f"c{number}" for number in range(len(waived))]
    criteria = ["b.pass_rate"] if as_cases else ["a.pass_rate", "b.pass_rate"]
    plan = asked(ALL, "b.pass_rate == 100%", waivers=[waiver(criteria=criteria, cases=cases)])
    assert verdict(plan, a=suite(waived), b=suite([FAILED])) is Verdict.INCONCLUSIVE
