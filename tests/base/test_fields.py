from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from phasegate.base.fields import (
    Closed,
    Duration,
    Rate,
    Ratio,
    Size,
    Text,
    add_docs,
    default_text,
    field_docs,
)
from phasegate.base.units import parse_as
from phasegate.kinds import KINDS


class Inner(Closed):
    a: int = 1


class Every(Closed):
    name: str
    """What it is called"""
    count: int = 3
    """How many."""
    share: Ratio = 0.5
    on: bool = False
    pause: Duration = 0.1
    """Between two
    of them."""
    long: Duration = 600.0
    large: Size = 4 << 20
    pace: Rate | None = None
    either: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    several: tuple[str, ...] = ("a", "b")
    inner: Inner = Inner()
    by_name: dict[str, int] = {}  # noqa: RUF012  pydantic copies it
    text: Text = ""


class More(Every):
    count: int = 4
    """How many more."""


@dataclass
class Record:
    seconds: float
    """How long it took."""
    other: int


def test_defaults_are_as_they_would_be_written_and_empty_ones_are_left_out() -> None:
    defaults = {name: default_text(field) for name, field in Every.model_fields.items()}
    assert {name: text for name, text in defaults.items() if text} == {
        "count": "3", "share": "50%", "on": "false", "pause": "100ms", "long": "10m", "large": "4MiB",
        "either": "a", "several": "a, b",
    }  # fmt: skip


def test_every_default_of_a_kind_with_a_unit_can_be_written_like_that() -> None:
    for kind in KINDS.values():
        for variant in (kind, *kind.variants.values()):
            for field in variant.Params.model_fields.values():
                dimensions = [mark for mark in field.metadata if type(mark).__name__ == "Dimension"]
                if dimensions and default_text(field):
                    assert parse_as(default_text(field), dimensions[0]).value == field.default


def test_what_is_said_below_a_field_is_read_from_the_source_and_inherited() -> None:
    assert field_docs(More) == {
        "name": "What it is called", "count": "How many more.", "pause": "Between two\nof them."
    }  # fmt: skip
    assert field_docs(Record) == {"seconds": "How long it took."}


def test_a_class_without_a_source_has_no_docs() -> None:
    bare: type[Any] = type("Bare", (Closed,), {"__module__": "no_such_module"})
    assert field_docs(bare) == {}


def test_a_property_is_described_by_its_field_its_type_and_its_default() -> None:
    schema = More.model_json_schema()
    add_docs(schema, More)
    described = {key: one["description"] for key, one in schema["properties"].items() if "description" in one}
    assert described["name"] == "What it is called."
    assert described["count"] == "How many more. Default: 4."
    assert described["pause"] == "Between two of them. A time, such as 100ms, 5s, 2m or 1h. Default: 100ms."
