"""JSONPath: the fast way for plain paths, and the engine for the rest, give the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath import JSONPathEnvironment

from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.matcher import ABSENT
from tests.telling import raises

DOCUMENT = {
    "status": "ok",
    "a": {"b": [{"c": 1}, {"c": 2}]},
    "nothing": None,
    "odd key": 5,
    "items": [{"id": 1, "on": True}, {"id": 2, "on": False}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.status", "ok"),
        ("$.a.b[1].c", 2),
        ("$.a.b[2].c", ABSENT),
        ("$.status.x", ABSENT),
        ("$.nothing", None),
        ("$['odd key']", 5),
        ("$.a.b[-1].c", 2),
        ("$.items[*].id", [1, 2]),
        ("$.items[?@.on == true].id", [1]),
        ("$..c", [1, 2]),
        ("$.items[*].missing", []),
        ("$[0]", ABSENT),
    ],
)
def test_paths_select_what_rfc_9535_says(path: str, value: Any) -> None:
    assert JsonPath.compile(path).value(DOCUMENT) == value


@pytest.mark.parametrize("path", ["status", "$.", "$.a b", "$.a | $.b", "$[?@.a ~ 1]", "", "$" + ".a" * 600])
def test_what_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        JsonPath.compile(path)


def test_plain_paths_do_without_the_engine() -> None:
    assert JsonPath.compile("$.a.b[1].c").engine is None
    assert JsonPath.compile("$.a[*]").engine is not None


@pytest.mark.parametrize("text", ['{"a": [1]}', "{", "[1]", "no JSON"])
def test_nothing_is_inside_a_text_whatever_it_looks_like(text: str) -> None:
    assert JsonPath.compile("$").value(text) == text
    assert JsonPath.compile("$.a[*]").value(text) == []
    assert JsonPath.compile("$['a']").value(text) is ABSENT


def test_a_document_nested_too_deeply_for_a_search_is_said_and_no_crash() -> None:
    deep: Any = None
    for _ in range(5_000):
        deep = {"a": deep}
    with raises(ValueError, match="cannot be evaluated"):
        JsonPath.compile("$..b").value(deep)


NAMES = st.sampled_from(["a", "b", "_c", "x1"])
STEPS = st.lists(NAMES | st.integers(0, 3), max_size=4)
DOCUMENTS = st.recursive(
    st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, STEPS)
def test_the_fast_way_agrees_with_the_engine(document: Any, steps: list[str | int]) -> None:
    path = "$" + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in steps)
    compiled = JsonPath.compile(path)
    assert compiled.steps is not None
    found = JSONPathEnvironment(strict=True).compile(path).findall(document)
    value = compiled.value(document)
    assert ([] if value is ABSENT else [value]) == found
