"""JSON of dataclasses: what is written is read as it was, and what no run writes is refused by its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from phasegate.base.dataclass_json import Form, Transient, UnreadableError, reader, to_text, write_tree


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    metres: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    light_years: int


def _written(value: complex) -> list[float]:
    return [value.real, value.imag]


def _read(value: Any) -> complex:
    return complex(*value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    count: int
    share: float
    sure: bool
    colour: Colour
    at: datetime
    day: date
    place: Near | Far
    anything: Any
    maybe: float | None = None
    text: str | None = None
    colours: tuple[Colour, ...] = ()
    points: tuple[tuple[float, float | None], ...] = ()
    things: Mapping[str, Near] = field(default_factory=dict)
    number: Annotated[complex, Form(_written, _read, {"type": "array"})] = 0j
    secret: Annotated[str, Transient()] = ""


texts = st.text(st.characters(exclude_categories=["Cs"]))
finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
real = finite | st.integers(-(2**53), 2**53)
near = st.builds(Near, metres=real)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
things = st.builds(
    Thing,
    name=texts,
    count=st.integers(),
    share=real,
    sure=st.booleans(),
    colour=st.sampled_from(Colour),
    at=times,
    day=st.dates(),
    place=near | st.builds(Far, light_years=st.integers()),
    anything=trees,
    maybe=st.none() | real,
    text=st.none() | texts,
    colours=st.lists(st.sampled_from(Colour)).map(tuple),
    points=st.lists(st.tuples(real, st.none() | real)).map(tuple),
    things=st.dictionaries(texts, near),
    number=st.complex_numbers(allow_nan=False, allow_infinity=False),
)


@given(things)
def test_an_object_comes_back_as_it_was_and_is_written_the_same_again(thing: Thing) -> None:
    again = reader(Thing)(json.loads(to_text(thing)))
    assert again == thing
    assert to_text(again) == to_text(thing)


@given(things)
def test_what_is_written_is_what_pydantic_writes(thing: Thing) -> None:
    tree = json.loads(to_text(thing))
    assert "secret" not in tree
    whole = TypeAdapter(Thing).dump_json(thing)
    assert tree == {name: value for name, value in json.loads(whole).items() if name != "secret"}


@given(finite | st.floats(1e-12, 1e-3))
def test_numbers_are_written_digit_by_digit_as_pydantic_writes_them(value: float) -> None:
    expected = TypeAdapter(float).dump_json(value).decode()
    assert write_tree(value) == write_tree([value])[1:-1] == expected
    assert to_text(Near(metres=value)) == f'{{"metres":{expected}}}'
    assert json.loads(expected) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_written_as_null(value: float) -> None:
    assert to_text(Near(metres=value)) == '{"metres":null}'
    assert write_tree({"a": [value]}) == '{"a":[null]}'


def test_times_end_with_z_in_utc_and_stand_in_trees_too() -> None:
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert write_tree({"at": at, 1: (date(2026, 11, 30), True, None)}) == (
        '{"at":"2026-11-30T12:00:00Z","1":["2026-11-30",true,null]}'
    )


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="object"):
        write_tree([object()])


THING: dict[str, Any] = json.loads(
    to_text(
        Thing(
            name="n",
            count=1,
            share=0.5,
            sure=True,
            colour=Colour.RED,
            at=datetime(2026, 11, 30, tzinfo=UTC),
            day=date(2026, 11, 30),
            place=Near(metres=1.0),
            anything=None,
        )
    )
)


def test_keys_that_no_field_has_are_left_out_and_whole_numbers_are_numbers() -> None:
    thing = reader(Thing)({**THING, "share": 1, "secret": "s", "unknown": [1]})
    assert (thing.share, type(thing.share), thing.secret) == (1.0, float, "")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": 1}, "^name: not a text"),
        ({"name": "half \ud800"}, "^name: .*surrogates"),
        ({"count": True}, "^count: not a whole number"),
        ({"count": 1.0}, "^count: not a whole number"),
        ({"count": "1"}, "^count: not a whole number"),
        ({"share": "0.5"}, "^share: not a number"),
        ({"share": 10**400}, "^share: OverflowError"),
        ({"sure": 1}, "^sure: not a truth value"),
        ({"colour": "green"}, "^colour: .*'green'"),
        ({"colour": []}, "^colour: "),
        ({"at": 5}, "^at: not a text"),
        ({"at": "soon"}, "^at: ValueError: .*soon"),
        ({"day": "2026-11-31"}, "^day: "),
        ({"place": {"feet": 1}}, "^place: not of any type"),
        ({"place": {"metres": "1"}}, "^place.metres: not a number"),
        ({"colours": {"red": 1}}, "^colours: not a list"),
        ({"colours": ["red", "green"]}, "^colours.1: "),
        ({"points": [[1.0, None], [1.0]]}, "^points.1: not a list of 2"),
        ({"things": [1]}, "^things: not an object"),
        ({"things": {"a": {"metres": 1.0}, "b": {}}}, "^things.b.metres: not there"),
        ({"number": 5}, "^number: TypeError"),
    ],
)
def test_what_no_run_writes_is_refused_with_its_place(change: dict[str, Any], where: str) -> None:
    with pytest.raises(UnreadableError, match=where):
        reader(Thing)({**THING, **change})


@pytest.mark.parametrize("data", [None, [], "a", 5])
def test_an_object_is_asked_for(data: Any) -> None:
    with pytest.raises(UnreadableError, match=r"^not an object"):
        reader(Thing)(data)
