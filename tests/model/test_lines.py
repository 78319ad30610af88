from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.judgement import CriterionVerdict
from phasegate.model.lines import Line, LineStatus, items, judge_lines, worst
from phasegate.model.result import Selection
from tests.samples import passing_run

VERDICTS = {
    "met": CriterionVerdict.MET,
    "waived": CriterionVerdict.WAIVED,
    "unproven": CriterionVerdict.UNPROVEN,
    "not-met": CriterionVerdict.NOT_MET,
}


def statuses(*lines: Line) -> list[LineStatus]:
    return [one.status for one in judge_lines(lines, VERDICTS)]


@pytest.mark.parametrize(
    ("by", "status"),
    [
        ((), LineStatus.NOT_JUDGED),
        (("met",), LineStatus.HOLDS),
        (("met", "waived"), LineStatus.WAIVED),
        (("met", "unproven", "waived"), LineStatus.NOT_VERIFIED),
        (("met", "left-out-of-the-run"), LineStatus.NOT_VERIFIED),
        (("unproven", "not-met", "met"), LineStatus.OPEN),
    ],
)
def test_a_line_is_as_the_worst_of_its_criteria(by: tuple[str, ...], status: LineStatus) -> None:
    assert statuses(Line(text="It works", by=by)) == [status]


def test_an_item_without_criteria_is_as_the_worst_of_those_below_it() -> None:
    below = (Line(text="b", by=("met",), level=1), Line(text="c", by=("waived",), level=1))
    assert statuses(Line(text="a"), *below)[0] is LineStatus.WAIVED
    assert statuses(Line(text="a"), *below, Line(text="d", level=1))[0] is LineStatus.NOT_JUDGED
    assert statuses(Line(text="a", by=("met",)), Line(text="d", level=1))[0] is LineStatus.HOLDS


def test_an_item_without_criteria_is_no_better_than_what_stands_deep_below_it() -> None:
    lines = (
        Line(text="a"),
        Line(text="b", level=1, by=("met",)),
        Line(text="c", level=2, by=("not-met",)),
        Line(text="d", level=1, by=("met",)),
    )
    assert statuses(*lines) == [LineStatus.OPEN, LineStatus.HOLDS, LineStatus.OPEN, LineStatus.HOLDS]


def test_an_item_takes_nothing_of_its_neighbours() -> None:
    lines = (
        Line(text="a"),
        Line(text="b", level=1),
        Line(text="c", level=2, by=("not-met",)),
        Line(text="d", level=1, by=("met",)),
        Line(text="e"),
        Line(text="f", level=1, by=("met",)),
    )
    assert statuses(*lines) == [
        LineStatus.OPEN,
        LineStatus.OPEN,
        LineStatus.OPEN,
        LineStatus.HOLDS,
        LineStatus.HOLDS,
        LineStatus.HOLDS,
    ]


def test_a_heading_is_not_a_line() -> None:
    lines = (Line(text="Results", heading=True), Line(text="a", level=1, by=("met",)))
    assert [one.line.text for one in items(judge_lines(lines, VERDICTS))] == ["a"]


def test_no_line_holds_by_some_cases_of_a_check() -> None:
    run = passing_run()
    held = [one.status for one in run.lines()]
    some = replace(run, selection=Selection(cases=("one",)))
    assert LineStatus.HOLDS in held
    assert [one.status for one in some.lines()] == [
        LineStatus.NOT_VERIFIED if status is LineStatus.HOLDS else status for status in held
    ]


LINES = st.lists(
    st.builds(
        Line,
        text=st.just("x"),
        by=st.lists(st.sampled_from([*VERDICTS, "elsewhere"]), max_size=2).map(tuple),
        level=st.integers(0, 3),
    ),
    max_size=12,
)


@given(LINES)
def test_no_line_is_better_than_its_criteria_or_what_is_below_it(lines: list[Line]) -> None:
    judged = judge_lines(lines, VERDICTS)
    assert [one.line for one in judged] == lines
    for index, one in enumerate(judged):
        if one.line.by:
            own = (judge_lines((Line(text="y", by=(id,)),), VERDICTS)[0].status for id in one.line.by)
            assert one.status is worst(own)
            continue
        below = []
        for other in judged[index + 1 :]:
            if other.line.level <= one.line.level:
                break
            below.append(other.status)
        assert one.status is worst(below)
