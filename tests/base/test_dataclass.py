"""Frozen classes whose methods are made late: they are as those that Python makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import phasegate
from phasegate.base import dataclass as late

PACKAGE = Path(phasegate.__file__).parent


def _makes(dataclass: Any) -> tuple[Any, ...]:
    @dataclass(frozen=True, slots=True)
    class Point:
        about: ClassVar[str] = "a place"
        x: int
        y: int = field(default=0, repr=False)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Thing:
        """With everything that a field may have."""

        name: str
        points: list[Any] = field(default_factory=list)
        note: str = field(default="", compare=False)
        size: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "size", len(self.points))

    @dataclass(frozen=True)
    class Open:
        x: int

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return 7

    return Point, Thing, Open


OURS, PYTHONS = _makes(late.dataclass), _makes(dataclasses.dataclass)


@late.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    one: int
    other: tuple[int, ...] = ()


@pytest.mark.parametrize(("point", "thing", "open_"), [OURS, PYTHONS], ids=["late", "Python"])
def test_objects_are_made_compared_and_shown_alike(point: Any, thing: Any, open_: Any) -> None:
    assert point(1) == point(1, 0) == point(x=1, y=0) != point(2)
    assert point(1) != (1, 0)
    assert hash(point(1)) == hash(point(1, 0)) == hash((1, 0))
    assert repr(point(1, 2)).endswith("Point(x=1)")
    assert thing(name="a", note="x") == thing(name="a", note="y")
    assert thing(name="a", points=[1, 2]).size == 2
    assert thing(name="a").points is not thing(name="a").points
    assert (repr(open_(1)), hash(open_(1))) == ("own", 7)
    assert [one.name for one in fields(thing)] == ["name", "points", "note", "size"]
    assert asdict(point(1)) == {"x": 1, "y": 0}
    assert replace(point(1), y=5) == point(1, 5)
    assert (point.__match_args__, thing.__match_args__) == (("x", "y"), ())


@pytest.mark.parametrize(("point", "thing", "open_"), [OURS, PYTHONS], ids=["late", "Python"])
def test_wrong_arguments_are_refused_with_the_name_of_the_class(point: Any, thing: Any, open_: Any) -> None:
    with pytest.raises(TypeError, match=r"Thing\.__init__\(\) missing 1 required keyword-only"):
        thing()
    with pytest.raises(TypeError, match=r"Thing\.__init__\(\) takes 1 positional argument"):
        thing("a")
    with pytest.raises(TypeError, match=r"Point\.__init__\(\) got an unexpected"):
        point(1, z=2)


@pytest.mark.parametrize(("point", "thing", "open_"), [OURS, PYTHONS], ids=["late", "Python"])
def test_no_field_can_be_set_or_deleted(point: Any, thing: Any, open_: Any) -> None:
    for made in (point(1), thing(name="a"), open_(1)):
        name = fields(made)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, 5)
        with pytest.raises(FrozenInstanceError):
            delattr(made, name)
    assert not hasattr(point(1), "__dict__")
    assert hasattr(open_(1), "__dict__")


def test_objects_can_be_copied_and_sent_to_other_processes() -> None:
    pair = Pair(one=1, other=(2, 3))
    for again in (copy.copy(pair), copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        assert again == pair
        assert again is not pair


def test_the_signature_is_that_of_the_fields_once_an_object_was_made() -> None:
    Pair(one=1)
    assert list(inspect.signature(Pair).parameters) == ["one", "other"]


def test_classes_that_are_not_frozen_are_left_to_python() -> None:
    @late.dataclass(slots=True)
    class Free:
        x: int

    free = Free(1)
    free.x = 2
    assert free == Free(2)
    with pytest.raises(TypeError):
        hash(free)


EVERY_START = (
    "base",
    "cli",
    "gate",
    "kinds",
    "model",
    "pipeline",
    "plan",
    "record",
    "render",
    "runner",
    "targets",
)
"""Rooms that a run imports much of, whatever its plan asks."""


def test_frozen_classes_of_what_every_run_imports_are_made_late() -> None:
    files = [file for room in EVERY_START for file in (PACKAGE / room).rglob("*.py")]
    pythons = re.compile(r"^from dataclasses import .*\bdataclass\b", re.MULTILINE)
    assert len(files) > 200
    assert [
        str(file)
        for file in files
        if pythons.search(text := file.read_text()) and "@dataclass(frozen=True" in text
    ] == []


def test_subclasses_have_the_fields_of_both() -> None:
    @late.dataclass(frozen=True, slots=True, kw_only=True)
    class Triple(Pair):
        third: int = 3

    assert Triple(one=1) == Triple(one=1, other=(), third=3) != Pair(one=1)
    assert Pair(one=1) != Triple(one=1)


def test_classes_of_both_makings_inherit_from_each_other() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Wide(Pair):
        width: int

    @late.dataclass(frozen=True, slots=True, kw_only=True)
    class Wider(Wide):
        more: int = 1

    assert Wider(one=1, width=2) == Wider(one=1, width=2, more=1)
    with pytest.raises(FrozenInstanceError):
        Wider(one=1, width=2).width = 3  # type: ignore[misc]
    assert copy.copy(Wider(one=1, width=2)).more == 1
