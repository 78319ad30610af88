"""`result.json` holds what it is given, and stands on few lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.codec import result_from_json
from phasegate.render.json import WIDTH, layout, render
from tests.samples import all_runs

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
numbers = st.lists(st.none() | st.integers() | st.lists(st.integers(), max_size=3), max_size=80)
values = st.recursive(
    scalars | numbers,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=40,
)


@given(values)
def test_every_value_is_read_back_as_it_was(value: Any) -> None:
    assert json.loads(layout(value)) == value


@given(values)
def test_a_line_is_long_only_for_one_text_or_for_numbers(value: Any) -> None:
    for line in layout(value).split("\n"):
        if len(line) > WIDTH and line.strip().startswith(("[", "{")):
            assert not set(line) & set('"{')


def test_histograms_and_timelines_stand_on_one_line_each() -> None:
    counts = [[index, index * 7] for index in range(500)]
    assert layout({"counts": counts, "points": [[0.5, None]] * 90}).count("\n") == 3


@pytest.mark.parametrize("name", all_runs())
def test_a_result_is_read_back_as_it_was(name: str) -> None:
    run = all_runs()[name]
    assert render(result_from_json(render(run))) == render(run)
