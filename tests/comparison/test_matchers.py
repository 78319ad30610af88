from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.comparison.matchers import direction, implies
from phasegate.http.expectations.matcher import Matcher

NUMBERS = st.integers(-3, 3)
OPERATORS = st.dictionaries(
    st.sampled_from(["lt", "lte", "gt", "gte", "eq", "ne"]), NUMBERS, min_size=1, max_size=3
) | st.builds(lambda values: {"one_of": values}, st.lists(NUMBERS, min_size=1, max_size=3))


@given(OPERATORS, OPERATORS, st.integers(-9, 9) | st.floats(-4, 4))
def test_what_satisfies_one_satisfies_what_it_is_said_to_imply(
    one: dict[str, Any], other: dict[str, Any], value: float
) -> None:
    if implies(one, other) and Matcher.compile(one).check(value) is None:
        assert Matcher.compile(other).check(value) is None


TEXTS = st.sampled_from(["", "a", "ab", "b", "3", "3.0", "30", "true"])
OF_TEXT = st.dictionaries(st.sampled_from(["eq", "ne", "contains", "matches", "gte"]), TEXTS, min_size=1).map(
    lambda found: {key: value for key, value in found.items() if key not in ("contains", "matches") or value}
) | st.builds(lambda number: {"gte": number}, NUMBERS)


@given(OF_TEXT.filter(bool), OF_TEXT.filter(bool), TEXTS)
def test_the_same_holds_for_texts(one: dict[str, Any], other: dict[str, Any], value: str) -> None:
    if implies(one, other, text=True) and Matcher.compile(one, text=True).check(value) is None:
        assert Matcher.compile(other, text=True).check(value) is None


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("ok", "ok", None),
        ("ok", {"eq": "ok"}, None),
        (3, {"gte": 3, "lt": 4}, "weaker"),
        ({"gte": 3, "lt": 4}, 3, "stronger"),
        ({"gte": 3, "lt": 4}, {"gte": 3}, "weaker"),
        ({"gt": 3}, {"gte": 3}, "weaker"),
        ({"lt": 3}, {"gte": 3}, "changed"),
        ("ok", "fine", "changed"),
        ("ok", {"exists": True}, "weaker"),
        ({"type": "string"}, {"exists": True}, "weaker"),
        ({"type": "integer"}, {"type": "number"}, "weaker"),
        ({"length": 3}, {"length": {"gte": 1}}, "weaker"),
        ({"length": {"gt": 2}}, {"length": {"gt": 1}}, "weaker"),
        ({"one_of": [1, 2]}, {"one_of": [1, 2, 3]}, "weaker"),
        ({"matches": "a+"}, {"matches": "a*b"}, "changed"),
        ({"exists": False}, {"exists": True}, "changed"),
        ("${id}", {"matches": "x"}, "changed"),
        ({"gte": "b"}, {"gte": "a"}, "changed"),
    ],
)
def test_two_matchers_have_an_order_where_one_implies_the_other(
    before: Any, after: Any, wanted: str | None
) -> None:
    assert direction(before, after) == wanted
