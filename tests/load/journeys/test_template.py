"""Requests with values put in: what is filled piece by piece is what the whole would have become."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.base.scalars import as_text, read_json
from phasegate.base.substitution import fill
from phasegate.load.journeys.journey import Journeys, UnfitError
from phasegate.load.journeys.template import PLAIN, Template, join_texts, json_pieces, text_pieces, url_pieces
from tests.telling import raises

values = st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none())
texts = st.lists(st.sampled_from(["a", "${x}", "${y}", "$$", "$", "{", '"', "é", "\\", " "]), max_size=8).map(
    "".join
)


@settings(deadline=None)
@given(texts, values, values)
def test_text_is_filled_as_everywhere_else(text: str, x: Any, y: Any) -> None:
    pieces = join_texts(text_pieces(text, PLAIN))
    known = {"x": x, "y": y}
    assert Template(pieces).fill(known).decode("utf-8", "surrogatepass") == as_text(fill(text, known))


trees = st.recursive(
    st.one_of(texts, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(trees, values, values)
def test_json_is_filled_as_everywhere_else(tree: Any, x: Any, y: Any) -> None:
    known = {"x": x, "y": y}
    filled = Template(join_texts(json_pieces(tree))).fill(known)
    expected = fill(tree, known)
    if "$" not in json.dumps(list(_keys(tree))):
        assert json.loads(filled) == expected


def _keys(tree: Any) -> Any:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _keys(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _keys(value)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_value_leaves_the_request_line(value: str) -> None:
    filled = Template(join_texts(url_pieces("/a/${x}?b=${x}"))).fill({"x": value})
    assert not {b" ", b"\r", b"\n", b"#"} & {filled[place : place + 1] for place in range(len(filled))}


def test_text_without_names_is_made_once() -> None:
    assert Template(join_texts(url_pieces("/a b?c=$$1#there"))).static == b"/a%20b?c=$1"
    assert Template(join_texts(url_pieces("/${x}"))).static is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/next?page=2", b"/next?page=2"),
        ("http://h:80/a#b", b"/a"),
        ("http://h", b"/"),
        ("https://h/", None),
        ("a", None),
    ],
)
def test_whole_url_must_be_on_the_target(value: str, expected: bytes | None) -> None:
    template = Template(join_texts(url_pieces("${next}")), origin="http://h:80")
    if expected is None:
        with pytest.raises(UnfitError):
            template.fill({"next": value})
    else:
        assert template.fill({"next": value}) == expected


def test_bytes_that_are_no_text_survive() -> None:
    body = bytes(range(256))
    assert Template((body.decode("utf-8", "surrogateescape"),)).static == body


_JSON_NUMBER = r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,10})?([eE][-+]?[0-9]{1,2})?"


@given(st.from_regex(_JSON_NUMBER, fullmatch=True))
def test_a_number_of_a_row_reaches_a_worker_as_it_is_written(text: str) -> None:
    journeys = Journeys(mix=(), origin="", rows=(read_json(f'{{"it": {text}, "b": "x"}}'),))
    (row,) = Journeys.from_json(json.loads(json.dumps(journeys.to_json()))).rows
    assert (as_text(row["it"]), row["it"]) == (text, json.loads(text))
    assert Template([("line", "it")]).fill(row) == text.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_json_lacks_does_not_fit_into_a_body(value: float) -> None:
    template = Template(join_texts(json_pieces({"a": "${it}"})))
    with raises(UnfitError, match="not a JSON number"):
        template.fill({"it": value})
