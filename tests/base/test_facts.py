"""Facts: what they keep, how they are written and read, and that nobody takes one for a text."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from copy import copy, deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.dataclass_json import reader, write_tree
from phasegate.base.facts import Code, Fact, Figure, decode, encode, fact, joined
from phasegate.base.units import Dimension
from phasegate.model.fact_json import JsonFact, JsonFigure, JsonMessage

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
figures = st.builds(Figure, st.floats(allow_nan=False), st.sampled_from(Dimension), st.none() | numbers)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda name: name != "code")
plain = texts | st.integers() | numbers | st.booleans() | figures


def _facts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Fact]:
    return st.builds(Fact, st.sampled_from(Code), st.dictionaries(names, inner, max_size=4))


values = st.recursive(
    plain, lambda inner: _facts(inner) | st.lists(inner, max_size=3).map(tuple), max_leaves=12
)
facts = _facts(values)


@given(facts)
def test_what_was_encoded_is_decoded_as_it_was(said: Fact) -> None:
    assert decode(encode(said)) == said
    assert decode(json.loads(json.dumps(encode(said)))) == said


@given(values)
def test_a_value_of_a_fact_is_decoded_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value


@given(facts)
def test_a_record_holds_a_fact_as_it_was(said: Fact) -> None:
    for type_ in (JsonFact, JsonMessage):
        assert reader(type_)(encode(said)) == said


@given(facts)
def test_a_fact_written_to_a_file_is_read_as_it_was(said: Fact) -> None:
    assert reader(JsonFact)(json.loads(write_tree(encode(said)))) == said


@given(figures)
def test_a_figure_written_to_a_file_is_read_as_it_was(shown: Figure) -> None:
    assert reader(JsonFigure)(json.loads(write_tree(encode(shown)))) == shown


@given(texts)
def test_a_text_of_others_is_no_fact_whatever_it_says(text: str) -> None:
    assert reader(JsonMessage)(encode(text)) == text
    assert decode(encode(text)) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_figure_without_an_end_is_written_as_text_that_every_reader_of_json_takes(value: float) -> None:
    written = encode(Figure(value, Dimension.TIME))
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert decode(written) == Figure(value, Dimension.TIME)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "neither a fact nor a figure"),
        ({"code": "no such code"}, "not a valid Code"),
        ({"code": None}, "not a valid Code"),
        ({"value": 1.0}, "neither a fact nor a figure"),
        ({"value": 1.0, "dimension": "no such dimension"}, "not a valid Dimension"),
        ({"value": "soon", "dimension": "time"}, "could not convert"),
        ({"value": 1.0, "dimension": "time", "more": 1}, "neither a fact nor a figure"),
        ({"dimension": "time"}, "neither a fact nor a figure"),
        ({"code": "value", "value": {"some": "thing"}}, "neither a fact nor a figure"),
    ],
)
def test_what_no_run_writes_is_refused(data: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(data)


@pytest.mark.parametrize("data", ["a text", 1, None, [], {"value": 1.0, "dimension": "time"}])
def test_a_fact_is_asked_for_and_nothing_else_is_taken(data: Any) -> None:
    with pytest.raises(ValueError, match="not a fact"):
        reader(JsonFact)(data)


@pytest.mark.parametrize("data", ["a text", 1, None, {"code": "no_case"}])
def test_a_figure_is_asked_for_and_nothing_else_is_taken(data: Any) -> None:
    with pytest.raises(ValueError, match="not a figure"):
        reader(JsonFigure)(data)


def test_a_program_prints_a_fact_that_is_taken_for_a_text_as_json() -> None:
    script = "from phasegate.base.facts import Code, fact; print(f'{fact(Code.OF_PART, part=1, why=2)}')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"code": "of_part", "part": 1, "why": 2}


@given(facts)
def test_nobody_takes_a_fact_for_a_text(said: Fact) -> None:
    with pytest.raises(TypeError, match="makes a text of it"):
        str(said)
    with pytest.raises(TypeError, match="makes a text of it"):
        f"{said}"
    with pytest.raises(TypeError):
        " ".join([said])  # type: ignore[list-item]
    assert repr(said)


@pytest.mark.parametrize("nothing", [None, False, "", ()])
def test_a_value_that_says_nothing_is_left_out(nothing: object) -> None:
    said = fact(Code.SHARE, value=nothing, passed=0, total=1)
    assert said.values == {"passed": 0, "total": 1}
    assert said.value is None


@pytest.mark.parametrize("something", [0, 0.0, True, "0", (0,), Figure(0.0, Dimension.COUNT)])
def test_a_value_of_nought_is_a_value(something: object) -> None:
    assert fact(Code.VALUE, value=something).value is something


def test_a_value_goes_by_its_name() -> None:
    said = fact(Code.REQUIRED, op="<", threshold="5")
    assert (said.op, said.threshold, said.over) == ("<", "5", None)
    with pytest.raises(AttributeError):
        _ = said.__no_such_thing__


@given(facts)
def test_a_fact_can_be_copied_and_looked_up(said: Fact) -> None:
    assert copy(said) == deepcopy(said) == said
    assert {said: 1}[decode(encode(said))] == 1


def test_a_value_is_taken_out_of_a_fact_and_of_its_parts() -> None:
    inner = fact(Code.COMPARED, observed="x", span=5.0)
    said = fact(Code.UNUSED, of=inner, span=1.0, unused=3)
    assert said.without("span") == fact(Code.UNUSED, of=fact(Code.COMPARED, observed="x"), unused=3)


def test_every_fact_of_a_fact_is_walked_over() -> None:
    parts = (fact(Code.NO_CHECK), "text", fact(Code.DISTRUSTED, why=fact(Code.NO_CASE)))
    said = fact(Code.JOINED, parts=parts, value=Figure(1.0, Dimension.COUNT))
    assert [one.code for one in said.walk()] == [Code.JOINED, Code.NO_CHECK, Code.DISTRUSTED, Code.NO_CASE]


def test_texts_one_after_the_other() -> None:
    one = fact(Code.NO_CHECK)
    assert joined("", None, one) is one
    assert joined("a", "", one) == fact(Code.JOINED, parts=("a", one))
