"""Numbers that remember how they were written, and JSON that keeps every digit."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from phasegate.base import yaml
from phasegate.base.scalars import as_text, json_text, read_json

NUMBERS = st.one_of(
    st.from_regex(r"[-+]?[0-9]{1,30}", fullmatch=True),
    st.from_regex(r"[-+]?(\.[0-9]{1,9}|[0-9]{1,9}\.[0-9]{0,9})([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[-+]?[0-9]{1,9}[eE][-+]?[0-9]{1,3}", fullmatch=True),
    st.from_regex(r"0x[0-9a-fA-F]{1,20}|0o[0-7]{1,20}", fullmatch=True),
)


def of_yaml(text: str) -> Any:
    return yaml.parse(f"key: {text}", "p.yaml").tree["key"]


@given(NUMBERS)
def test_a_number_in_yaml_counts_as_one_and_reads_as_it_is_written(text: str) -> None:
    value = of_yaml(text)
    assert isinstance(value, int | float)
    assert as_text(value) == text
    event("another form than Python's" if repr(value) != text else "Python's own form")
    for same in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (as_text(same), same) == (text, value)
    if math.isfinite(value):
        sent = json.loads(json_text(value))
        assert sent == value
        assert type(sent) is type(value) or type(sent) in type(value).__mro__


@given(st.recursive(NUMBERS, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6))
def test_json_with_numbers_reads_back_as_it_was_sent(texts: Any) -> None:
    def values(texts: Any) -> Any:
        return [values(one) for one in texts] if isinstance(texts, list) else of_yaml(texts)

    tree = {"all": values(texts)}
    try:
        sent = json_text(tree)
    except ValueError:
        assume(False)
    assert read_json(sent) == json.loads(sent) == tree
    assert json_text(read_json(sent)) == sent


@pytest.mark.parametrize("digits", [20, 401, 5_000, 60_000])
def test_an_integer_of_any_size_is_sent_digit_by_digit(digits: int) -> None:
    text = "9" * digits
    assert json_text({"id": of_yaml(text)}) == f'{{"id": {text}}}'
    assert json_text({"id": of_yaml(f"+{text}")}) == f'{{"id": {text}}}'
    assert json_text(read_json(f"[{text}]")) == f"[{text}]"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_lacks_is_not_sent(value: float) -> None:
    for tree in (value, [1, value], {"a": {"b": value}}):
        with pytest.raises(ValueError, match="not a JSON number"):
            json_text(tree)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('[{"x": {"b": 1, "c": 2, "b": 1}}]', "'b' is there twice"),
        ("[NaN]", "NaN is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("[1e400]", "1e400 is beyond what a number can be"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 200_000, "at most 100,000"),
        ("{", "line 1"),
    ],
)
def test_json_that_says_two_things_or_no_number_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_json(text)
