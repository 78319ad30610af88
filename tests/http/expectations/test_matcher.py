"""The operators of `expect` on single values."""

from __future__ import annotations

import json
import operator
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.http.expectations.matcher import ABSENT, OPERATORS, SUBJECT_LIMIT, Matcher, excerpt, same
from phasegate.http.messages.json_text import read_json
from phasegate.render.sentences import sentence


def mismatch(matcher: Matcher, value: Any) -> str:
    return sentence(matcher.check(value) or "")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("written", "holds", "fails"),
    [
        ("ok", ["ok"], ["OK", "", None, 1, ["ok"]]),
        (1, [1, 1.0], [True, "1", 2]),
        (True, [True], [1, "true"]),
        (None, [None], [0, "", False, "null"]),
        ([1, 2], [[1, 2]], [[2, 1], [1], "12"]),
        ({"eq": {"a": 1}}, [{"a": 1.0}], [{"a": True}, {}, {"a": 1, "b": 2}]),
        ({"ne": "x"}, ["y", None], ["x"]),
        ({"lt": 5}, [4, 4.9], [5, "4", True, None]),
        ({"lte": 5, "gt": 1}, [5, 2], [1, 6]),
        ({"gte": "2025-01-01"}, ["2025-07-18", "2025-01-01"], ["2024-12-31", 2025]),
        ({"matches": "^a+$"}, ["aaa"], ["b", 1, None]),
        ({"not_matches": "error"}, ["fine"], ["an error", 1, None]),
        ({"contains": "b"}, ["abc", ["b"], {"b": 0}], ["ac", ["abc"], {"a": "b"}, 1]),
        ({"contains": 1}, [[0, 1.0]], [[True], "1"]),
        ({"length": 2}, ["ab", [0, 0], {"a": 1, "b": 2}], ["a", [], 2, None]),
        ({"length": {"gte": 1, "lt": 3}}, ["a", [1, 2]], ["", [1, 2, 3]]),
        ({"type": "integer"}, [1, 2.0], [1.5, True, "1"]),
        ({"type": "null"}, [None], [0, ""]),
        ({"exists": True}, [None, 0, ""], []),
        ({"exists": False}, [], [None, 0]),
        ({"one_of": [1, "a"]}, [1, "a"], [True, "b"]),
    ],
)
def test_operators_hold_where_they_should_and_nowhere_else(
    written: Any, holds: list[Any], fails: list[Any]
) -> None:
    matcher = Matcher.compile(written)
    for value in holds:
        assert matcher.check(value) is None, value
    for value in fails:
        assert matcher.check(value) is not None, value


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "exists"])
def test_what_is_not_there_fails_every_operator_but_exists_false(name: str) -> None:
    operand = {
        "length": 0,
        "type": "null",
        "one_of": [None],
        "matches": "x",
        "not_matches": "x",
        "contains": "",
    }
    matcher = Matcher.compile({name: operand.get(name, "x")})
    assert "got nothing" in mismatch(matcher, ABSENT)
    assert mismatch(Matcher.compile({"exists": True}), ABSENT) == "to exist, got nothing"
    assert Matcher.compile({"exists": False}).check(ABSENT) is None


def test_failures_say_expected_and_actual() -> None:
    assert mismatch(Matcher.compile("ok"), "down") == 'to equal "ok", got "down"'
    assert mismatch(Matcher.compile({"gte": 1, "lt": 5}), 7) == "to be less than 5, got 7"
    assert mismatch(Matcher.compile({"length": {"gt": 2}}), [1]) == "to have a length more than 2, got [1]"
    assert mismatch(Matcher.compile({"length": 2}), [1]) == "to have a length of 2, got [1]"


def test_long_values_are_cut_in_messages() -> None:
    message = mismatch(Matcher.compile("ok"), "x" * 1_000_000)
    assert len(message) < 300
    assert "1,000,000 characters" in message


def test_text_is_compared_with_numbers_and_booleans_as_written() -> None:
    assert Matcher.compile(42, text=True).check("42") is None
    assert Matcher.compile(True, text=True).check("true") is None
    assert Matcher.compile({"lt": 100}, text=True).check("42") is None
    assert Matcher.compile({"lt": 100}, text=True).check("many") is not None
    assert Matcher.compile({"one_of": [1, 2]}, text=True).check("2") is None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"foo": 1}, "unknown operator 'foo'"),
        ({"status": "ok", "eq": 1}, "write eq: {...}"),
        ({}, "no operator"),
        ({"matches": "("}, "not a regular expression"),
        ({"matches": "a" * 2000}, "at most 1,000"),
        ({"matches": 5}, "takes a regular expression"),
        ({"length": -1}, "whole number"),
        ({"length": {"matches": "x"}}, "length is compared by"),
        ({"type": "str"}, "types are string"),
        ({"exists": "yes"}, "true or false"),
        ({"one_of": []}, "takes a list"),
        ({"lt": [1]}, "compares with a number or text"),
        ({"exists": False, "eq": 1}, "leaves nothing"),
        ({"matches": ""}, "matches whatever the text is"),
        ({"matches": ".*"}, "matches whatever the text is"),
        ({"matches": "(ok)?"}, "matches whatever the text is"),
        ({"length": {"gte": 0}}, "holds for every length"),
        ({"length": {"lt": 3, "gte": 0}, "matches": "^"}, "matches whatever the text is"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(written: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        Matcher.compile(written)


def test_a_path_for_many_values_takes_no_operators_for_one() -> None:
    with pytest.raises(ValueError, match="selects a list"):
        Matcher.compile("ok", many=True)
    with pytest.raises(ValueError, match="selects a list"):
        Matcher.compile({"gt": 3}, many=True)
    assert Matcher.compile(["ok"], many=True).check(["ok"]) is None
    assert Matcher.compile({"length": {"gte": 1}, "contains": 3}, many=True).check([3]) is None


def test_a_path_for_many_values_exists_when_it_selects_one() -> None:
    assert mismatch(Matcher.compile({"exists": True}, many=True), []) == "to exist, got []"
    assert Matcher.compile({"exists": True}, many=True).check([None]) is None
    assert Matcher.compile({"exists": False}, many=True).check([]) is None
    assert Matcher.compile({"exists": False}, many=True).check([1]) is not None


def test_what_is_always_there_cannot_be_expected_to_exist() -> None:
    with pytest.raises(ValueError, match="there always is one"):
        Matcher.compile({"exists": True}, text=True, always=True)
    with pytest.raises(ValueError, match="every text contains the empty one"):
        Matcher.compile({"contains": ""}, text=True)
    assert Matcher.compile({"contains": ""}).check(["a"]) is not None


def test_long_text_that_is_almost_a_number_is_looked_at_once() -> None:
    assert Matcher.compile({"gt": 5}, text=True).check("1" * 1_000_000 + "x") is not None


def test_text_too_long_to_be_searched_whole_is_not_taken_for_free_of_a_pattern() -> None:
    matcher = Matcher.compile({"not_matches": "error"})
    assert matcher.check("a" * SUBJECT_LIMIT) is None
    assert "at most 1,048,576 characters" in mismatch(matcher, "a" * SUBJECT_LIMIT + "error")


@given(JSON)
def test_every_json_value_is_the_same_as_its_copy(value: Any) -> None:
    assert same(json.loads(json.dumps(value)), value)


@given(JSON, JSON)
def test_equality_is_symmetric_and_true_only_for_equal_json(first: Any, second: Any) -> None:
    assert same(first, second) == same(second, first)
    if same(first, second):
        assert first == second


@given(st.integers(), st.integers(), st.sampled_from(["lt", "lte", "gt", "gte"]))
def test_comparisons_agree_with_arithmetic(actual: int, limit: int, name: str) -> None:
    compare = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}[name]
    assert (Matcher.compile({name: limit}).check(actual) is None) == compare(actual, limit)


@given(JSON)
def test_excerpts_stay_on_one_bounded_line(value: Any) -> None:
    text = sentence(excerpt(value))
    assert len(text) < 260
    assert "\n" not in text


VALUE = st.sampled_from(["*", "a", "b", "no-store", "5", "https://shop.example"])
ASKED = st.one_of(
    st.tuples(st.sampled_from(["ne", "contains", "not_matches"]), VALUE.map(re.escape)),
    st.tuples(st.just("matches"), VALUE.map(lambda value: f"^{re.escape(value)}$")),
    st.tuples(st.sampled_from(["lt", "gte"]), st.integers(4, 6)),
)


@given(st.lists(VALUE, min_size=2, max_size=4), ASKED, st.randoms())
def test_verdict_on_lines_of_a_header_does_not_depend_on_their_order(
    lines: list[str], asked: tuple[str, Any], random: Any
) -> None:
    matcher = Matcher.compile(dict([asked]), text=True)
    shuffled = random.sample(lines, len(lines))
    assert (matcher.check_lines(lines) is None) is (matcher.check_lines(shuffled) is None)


@given(st.lists(VALUE, min_size=1, max_size=4), st.lists(VALUE, max_size=3), st.randoms())
def test_no_line_of_a_header_hides_what_must_not_be_there(
    others: list[str], more: list[str], random: Any
) -> None:
    lines = random.sample([*others, *more, "bad"], len(others) + len(more) + 1)
    for asked in ({"ne": "bad"}, {"not_matches": "^bad$"}):
        assert f"got {len(lines)} lines" in sentence(
            Matcher.compile(asked, text=True).check_lines(lines) or ""
        )
    for asked in ({"contains": "bad"}, {"matches": "^bad$"}):
        assert Matcher.compile(asked, text=True).check_lines(lines) is None


DIGITS = st.integers(1, 6_000).flatmap(lambda size: st.integers(1, 9).map(lambda digit: str(digit) * size))


@given(DIGITS, st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20))
def test_integers_of_any_number_of_digits_compare_as_integers(digits: str, limit: float) -> None:
    value = read_json(digits)
    assert Matcher.compile({"type": "integer"}).check(value) is None
    is_more = Decimal(digits) > Decimal(limit)
    assert (Matcher.compile({"gt": limit}).check(value) is None) is is_more
    assert (Matcher.compile({"gt": limit}, text=True).check(digits) is None) is is_more
    assert Matcher.compile({"ne": value}).check(read_json(digits)) is not None
    assert Matcher.compile("x").check(value) is not None


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused_wherever_it_is_written(number: float, text: bool) -> None:
    written: tuple[Any, ...] = (number, {"ne": number}, {"lt": number}, {"one_of": [1, number]})
    for one in (*written, {"eq": {"a": [number]}}, {"contains": number}, {"length": {"lt": number}}):
        with pytest.raises(ValueError, match="NaN and infinity are not JSON"):
            Matcher.compile(one, text=text)


def test_text_is_a_number_only_where_json_would_say_so() -> None:
    for text in ("5", " 5.0 ", "+5", "5e0", ".5e1"):
        assert Matcher.compile({"lte": 5, "gt": 4}, text=True).check(text) is None, text
    for text in ("inf", "NaN", "5_0", "\u0665", "0x5", ""):
        assert Matcher.compile({"gt": -1}, text=True).check(text) is not None, text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ok\nerror: disk\nok\n" + "x" * 300, '"error: disk" in line 2'),
        ("error" + "x" * 300, '"error' + "x" * 195 + '" in line 1'),
        ("x" * 300 + "error" + "y" * 300, '"' + "x" * 100 + "error" + "y" * 95 + '" in line 1'),
        ("a\nerror", '"a\\nerror"'),
    ],
)
def test_what_must_not_match_is_shown_where_it_does(text: str, shown: str) -> None:
    assert mismatch(Matcher.compile({"not_matches": "error"}), text) == f"not to match 'error', got {shown}"
