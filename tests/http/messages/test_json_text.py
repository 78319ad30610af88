"""JSON is read strictly, and numbers keep all their digits."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.scalars import json_text
from phasegate.http.expectations.json_schema import BodySchema
from phasegate.http.messages.json_text import DEPTH, JsonError, read_json
from phasegate.render.sentences import sentence

TREE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(4_301, 6_000).map(lambda size: Decimal("7" * size))
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just(Decimal("1E+400"))
    | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(TREE)
def test_what_is_written_reads_as_it_was_and_is_text_that_can_be_sent(tree: Any) -> None:
    text = json_text(tree)
    text.encode()
    assert read_json(text) == tree


@given(TREE.filter(lambda tree: "Decimal" not in repr(tree)))
def test_ordinary_documents_read_as_everywhere(tree: Any) -> None:
    assert read_json(json.dumps(tree)) == tree


@given(st.text(max_size=30) | st.text('[]{}",:0123456789eE.+-ntfalsru\\ ', max_size=30))
def test_any_text_is_a_document_or_an_error_of_its_own(text: str) -> None:
    with contextlib.suppress(JsonError):
        assert read_json(json_text(read_json(text))) == read_json(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "NaN is not JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', 'an object has the member "c" twice'),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "nested more than 250 deep"),
        ("[" * 100_000, "nested more than 250 deep"),
        ("1e999999999", "1e999999999 is a number that cannot be represented"),
        ("-1e99999999999999999999", "-1e99999999999999999999 is a number that cannot be represented"),
        ("1e-999999999", "1e-999999999 is a number that cannot be represented"),
        ("", "expecting value at character 0"),
        ("[1,]", "at character"),
        ("01", "extra data at character 1"),
        ("[%s, " % ("9" * 5_000), "expecting value at character 5,003"),
        ("[%s, NaN]" % ("9" * 5_000), "NaN is not JSON"),
        ("[" * 300 + "9" * 5_000 + "]" * 300, "nested more than 250 deep"),
    ],
)
def test_what_is_not_json_says_why(text: str, why: str) -> None:
    with pytest.raises(JsonError) as error:
        read_json(text)
    assert why in sentence(error.value.message)


def test_documents_at_the_bounds_are_read() -> None:
    assert read_json("[" * DEPTH + "]" * DEPTH)
    assert read_json("0e999999999") == 0.0
    assert read_json("1e-400") > 0
    assert read_json("1e-400") < 1e-300
    assert read_json("9" * 4_000_000) > 10**400


@given(
    st.integers(1, 400),
    st.sampled_from([2, 3, 7, 0.5, 0.25, 0.01]),
    st.sampled_from(["", ".5", "e300", "e-3"]),
)
def test_schema_divides_numbers_of_any_size_exactly(digits: int, factor: float, rest: str) -> None:
    text = "9" * digits + rest
    remainder = Decimal(text) % Decimal(repr(factor)) if digits < 15 and rest != "e300" else None
    failures = BodySchema.compile({"multipleOf": factor}).check(read_json(text))
    assert all("is not a multiple of" in sentence(failure) for failure in failures)
    assert remainder is None or bool(failures) is bool(remainder)
