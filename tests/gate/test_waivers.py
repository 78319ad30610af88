"""Waivers by themselves: their days, their words, and what the gate says beside its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from phasegate.base.facts import Code, fact
from phasegate.gate.verdict import decide
from phasegate.gate.waivers import apply, decide_with_waivers, record, warnings_of
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.observation import Case
from phasegate.model.result import CriterionResult, Verdict, WaiverState
from phasegate.model.waiver import CasePattern, Waiver
from phasegate.render.sentences import message, sentence
from tests.judged import result

MET, NOT_MET, UNPROVEN, WAIVED = CriterionVerdict
LAST = date(2026, 3, 31)


def waiver(days: int = 30, **covers: tuple[object, ...]) -> Waiver:
    return Waiver(
        id="w",
        owner="platform team",
        approver="release manager",
        reason="mended next week",
        ticket="T-1",
        expires=LAST,
        days_left=days,
        **covers,  # type: ignore[arg-type]
    )


def criterion(id: str, verdict: CriterionVerdict) -> CriterionResult:
    return result(f"{id} >= 1", verdict, reason=fact(Code.DISTRUSTED, why="as seen"))


def never(item: CriterionResult, left_out: Sequence[Case]) -> None:
    raise AssertionError(f"{item.id} has no cases")


@pytest.mark.parametrize(
    ("days", "expired", "soon", "words"),
    [
        (-1, True, False, "expired on 2026-03-31"),
        (0, False, True, "expires today, on 2026-03-31"),
        (1, False, True, "expires tomorrow, on 2026-03-31"),
        (14, False, True, "expires on 2026-03-31, in 14 days"),
        (15, False, False, "expires on 2026-03-31, in 15 days"),
    ],
)
def test_a_waiver_covers_until_the_end_of_its_last_day(
    days: int, expired: bool, soon: bool, words: str
) -> None:
    one = waiver(days)
    assert (one.expired, one.ends_soon, sentence(one.term)) == (expired, soon, words)
    assert (LAST - timedelta(days=days) > LAST) is expired


def test_what_it_covers_is_said_as_it_was_written() -> None:
    one = waiver(
        criteria=("a.pass_rate",),
        cases=(("a", "x/y"),),
        patterns=(CasePattern(check="a", glob="gpu*", most=3),),
    )
    assert one.covers == ("a.pass_rate", "a/x/y", "a/gpu* (at most 3)")


@pytest.mark.parametrize("real", [NOT_MET, UNPROVEN])
def test_a_criterion_covered_by_its_id_is_waived_and_keeps_its_real_verdict(real: CriterionVerdict) -> None:
    done = apply([waiver(criteria=("a.x",))], [criterion("a.x", real), criterion("a.y", MET)], {}, never)
    first, second = done.criteria
    assert (first.verdict, first.judged.verdict, message(first)) == (WAIVED, real, "waived by w: as seen")
    assert second == criterion("a.y", MET)
    assert (done.waivers[0].state, done.waivers[0].criteria) == (WaiverState.USED, ("a.x",))


def test_an_expired_waiver_says_so_and_covers_nothing() -> None:
    done = apply([waiver(-3, criteria=("a.x",))], [criterion("a.x", NOT_MET)], {}, never)
    assert done.criteria[0].verdict is NOT_MET
    assert done.waivers == (record(waiver(-3, criteria=("a.x",))),)
    assert sentence(done.waivers[0].message) == "expired on 2026-03-31, so it covers nothing"
    assert warnings_of(done.waivers) == ()  # said before the run


def test_the_gate_says_its_verdict_without_waivers_only_where_one_was_needed() -> None:
    one = waiver(criteria=("a.x",))
    needed = apply([one], [criterion("a.x", NOT_MET), criterion("a.y", MET)], {}, never)
    decision, unwaived = decide_with_waivers(needed.criteria, needed.waivers, decide)
    assert (decision.verdict, unwaived) == (Verdict.PASS, Verdict.FAIL)
    assert sentence(decision.reason) == "1 of 2 blocking criteria met, 1 waived; with 1 waiver, FAIL without"
    idle = apply([one], [criterion("a.x", MET)], {}, never)
    assert decide_with_waivers(idle.criteria, idle.waivers, decide) == (decide(idle.criteria), None)
