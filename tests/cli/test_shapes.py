from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from phasegate.base.fields import Closed, Duration, Rate, Text
from phasegate.cli.shapes import shape
from phasegate.kinds import KINDS


class Inner(Closed):
    a: int = 1


class Every(Closed):
    name: str
    count: int = 3
    share: float = 0.5
    on: bool = False
    pause: Duration = 0.1
    pace: Rate | None = None
    either: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    mixed: int | tuple[str, ...] | None = None
    by_name: dict[str, int] = {}  # noqa: RUF012  pydantic copies it
    said: Text = ""
    whatever: Annotated[Any, "nothing is known of it"] = None


WHOLE = Every.model_json_schema()
SHAPES = {name: shape(one, WHOLE["$defs"]) for name, one in WHOLE["properties"].items()}


def test_every_shape_is_said_in_words() -> None:
    assert SHAPES == {
        "name": "text", "count": "whole number", "share": "number", "on": "true | false", "pause": "time",
        "pace": "rate", "either": "a | b", "names": "list of text", "inner": "mapping",
        "several": "list of mappings", "mixed": "whole number | list of text", "by_name": "mapping",
        "said": "text", "whatever": "anything",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_every_kind_has_a_shape(kind: str) -> None:
    for one in (KINDS[kind], *KINDS[kind].variants.values()):
        whole = one.Params.model_json_schema(by_alias=True)
        for schema in whole["properties"].values():
            words = shape(schema, whole.get("$defs", {}))
            assert words
            assert len(words) < 90
