"""Cases of one attempt beside those of the attempt before."""

from __future__ import annotations

from phasegate.model.cases import (
    after,
    as_attempt,
    case_measures,
    case_measures_by_part,
    select_cases,
    with_earlier,
)
from phasegate.model.measures import Number, Share
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.render.sentences import sentence

PASSED, FAILED, SKIPPED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.SKIPPED, CaseStatus.LOST


def case(id: str, status: CaseStatus = PASSED, **fields: object) -> Case:
    return Case(id=id, name=f"name of {id}", status=status, **fields)  # type: ignore[arg-type]


def test_cases_are_selected_by_id_name_or_part_and_all_of_them_without_a_word() -> None:
    one, two, three = case("1"), case("2"), case("3", part="group")
    assert select_cases([one, two, three], ("1", "name of 2", "group", "4")) == (one, two, three)
    assert select_cases([one, two, three], ("group",)) == (three,)
    assert select_cases([one, two], ("nothing of the kind",)) == ()
    assert select_cases([one, two], ()) == (one, two)


def test_tries_stand_in_their_order_those_of_this_attempt_last() -> None:
    first = CaseAttempt(status=FAILED, message="first", duration=1.0)
    retried = CaseAttempt(status=FAILED, message="third", duration=3.0)
    before = case("1", FAILED, message="second", duration=2.0, earlier=(first,))
    now = after(case("1", earlier=(retried,)), {"1": before})
    assert [one.message for one in now.earlier] == ["first", "second", "third"]
    assert now.earlier[1] == as_attempt(before) == CaseAttempt(status=FAILED, message="second", duration=2.0)
    assert now.flaky
    assert after(case("2"), {"1": before}) == case("2")


def test_a_case_that_is_there_no_more_is_lost_with_what_it_had_been() -> None:
    gone = case("gone", PASSED, duration=2.0, evidence=("gone.txt",))
    stays, lost = with_earlier([case("stays")], [case("stays", FAILED, message="no"), gone])
    assert [one.status for one in stays.earlier] == [FAILED]
    assert lost.status is LOST
    assert sentence(lost.message) == "was there in the attempt before, but not in this one"
    assert (lost.duration, lost.evidence, lost.earlier) == (None, (), (as_attempt(gone),))


def test_no_case_is_counted_that_was_not_there_and_what_has_no_result_stays_in_the_total() -> None:
    measures = case_measures([case("1"), case("2", FAILED), case("3", SKIPPED), case("4", LOST)])
    numbers = {name: one.value for name, one in measures.items() if isinstance(one, Number)}
    assert numbers == {"passed": 1, "failed": 1, "skipped": 1, "total": 4}
    assert measures["pass_rate"] == Share(passed=1, total=4, sample=False, skipped=2, missing=("3", "4"))


def test_every_part_and_tag_has_the_measures_of_its_own_cases() -> None:
    parts = case_measures_by_part(
        [case("1", part="a/b"), case("2", FAILED, part="a", tags=("slow",)), case("3")]
    )
    rates = {part: measures["pass_rate"] for part, measures in parts.items()}
    assert {part: (one.passed, one.total) for part, one in rates.items() if isinstance(one, Share)} == {
        "a": (1, 2),
        "a/b": (1, 1),
        "slow": (0, 1),
    }
