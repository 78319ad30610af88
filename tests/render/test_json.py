"""`result.json` holds what it is given, and stands on few lines."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.facts import Code, fact
from phasegate.model.codec import result_from_json, result_to_json
from phasegate.render.json import WIDTH, layout, render
from tests.samples import all_runs

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
numbers = st.lists(st.none() | st.integers() | st.lists(st.integers(), max_size=3), max_size=80)
small = st.recursive(
    scalars | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
# Leaves, as a repetition of repetitions would have a million items.
repetitions = st.builds(lambda value, count: [value] * count, small, st.integers(WIDTH - 1, WIDTH + 1))
values = st.recursive(
    scalars | numbers | repetitions,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=40,
)


@given(values)
def test_every_value_is_read_back_as_it_was(value: Any) -> None:
    assert json.loads(layout(value)) == value


@given(values, st.integers(min_value=0, max_value=WIDTH))
def test_what_fits_stands_on_one_line_and_all_else_on_one_for_each_item(value: Any, depth: int) -> None:
    assert layout(value, " " * depth) == _layout_by_items(value, " " * depth)


def _layout_by_items(value: Any, indent: str) -> str:
    """The same, by looking at what each item came to."""
    if not isinstance(value, dict | list) or not value or _is_row(value):
        return json.dumps(value, ensure_ascii=False)
    inner = f"{indent}  "
    items = [_layout_by_items(item, inner) for item in (value if isinstance(value, list) else value.values())]
    if isinstance(value, dict):
        keys = (json.dumps(key, ensure_ascii=False) for key in value)
        items = [f"{key}: {item}" for key, item in zip(keys, items, strict=True)]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    line = f"{begin}{', '.join(items)}{end}"
    if len(line) < WIDTH - len(indent) and "\n" not in line:
        return line
    between = f",\n{inner}"
    return f"{begin}\n{inner}{between.join(items)}\n{indent}{end}"


def _is_row(value: Any) -> bool:
    numbers = (int, float, type(None))
    return isinstance(value, list) and all(isinstance(item, numbers) or _is_row(item) for item in value)


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


@pytest.mark.parametrize("name", all_runs())
def test_a_result_stands_as_its_json_laid_out(name: str) -> None:
    run = all_runs()[name]
    assert render(run) == f"{layout(result_to_json(run))}\n"


@pytest.mark.parametrize("number", [1e-05, -1.5e-07, 3, 1e22, -0.0, math.inf, math.nan])
def test_numbers_stand_as_they_are_read_again(number: float) -> None:
    run = next(iter(all_runs().values()))
    run = replace(
        run,
        suspended=number,
        variables={"deep": {"number": number, "more": [number, None] * 60, "at": run.started}},
        environment={"fact": fact(Code.STOOD_STILL, elapsed=number), "text": "\u2028\n"},
    )
    assert render(run) == f"{layout(result_to_json(run))}\n"
