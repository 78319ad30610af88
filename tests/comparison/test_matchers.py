from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.comparison.matchers import direction, implies
from phasegate.http.expectations.matcher import Matcher

NUMBERS = (-1, 0, 1)
BETWEEN = (-2, -1, -0.5, 0, 0.5, 1, 2)
"""A value in each place that matchers of `NUMBERS` can tell from the others."""
OPERATORS = ("lt", "lte", "gt", "gte", "eq", "ne")
TEXTS = ("", "a", "ab", "b", "3", "3.0", "30", "true")

Operators = dict[str, Any]


def written(operators: Iterable[str], values: Sequence[Any], most: int) -> list[Operators]:
    """Each way to write up to so many operators."""
    return [
        dict(zip(names, chosen, strict=True))
        for number in range(1, most + 1)
        for names in itertools.combinations(operators, number)
        for chosen in itertools.product(values, repeat=number)
    ]


def satisfied(matchers: Sequence[Operators], values: Sequence[Any], *, text: bool) -> list[set[Any]]:
    compiled = [Matcher.compile(one, text=text) for one in matchers]
    return [{value for value in values if matcher.check(value) is None} for matcher in compiled]


def test_what_satisfies_one_satisfies_what_it_is_said_to_imply() -> None:
    lists = [list(some) for size in (1, 2) for some in itertools.combinations(NUMBERS, size)]
    matchers = [*written(OPERATORS, NUMBERS, most=2), *written(["one_of"], lists, most=1)]
    values = satisfied(matchers, BETWEEN, text=False)
    implied = 0
    for one, values_of_one in zip(matchers, values, strict=True):
        for other, values_of_other in zip(matchers, values, strict=True):
            if implies(one, other):
                implied += 1
                assert values_of_one <= values_of_other, (one, other)
    assert implied > 10 * len(matchers)


def test_the_same_holds_for_texts() -> None:
    every = written(["eq", "ne", "contains", "matches", "gte"], TEXTS, most=2)
    matchers = [one for one in every if one.get("contains") != "" and one.get("matches") != ""]
    matchers += written(["gte"], NUMBERS, most=1)
    others = [one for one in matchers if len(one) == 1]
    implied = 0
    ends = satisfied(others, TEXTS, text=True)
    for one, values_of_one in zip(matchers, satisfied(matchers, TEXTS, text=True), strict=True):
        for other, values_of_other in zip(others, ends, strict=True):
            if implies(one, other, text=True):
                implied += 1
                assert values_of_one <= values_of_other, (one, other)
    assert implied > len(matchers)


@given(st.dictionaries(st.sampled_from(OPERATORS), st.integers(-3, 3), min_size=2), st.data())
def test_more_operators_ask_as_much(one: Operators, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(one)), min_size=1, unique=True))
    assert implies(one, {name: one[name] for name in names})


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
