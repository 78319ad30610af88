"""What errors and observations say in facts, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import pytest

from phasegate.base.errors import message_of
from phasegate.base.facts import Fact
from phasegate.load.counting.tally import LoadTally
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence

T = TypeVar("T")


@contextmanager
def raises(kind: type[Exception], *, match: str) -> Iterator[pytest.ExceptionInfo[Exception]]:
    """`pytest.raises`, for errors whose message is not text."""
    with pytest.raises(kind) as raised:
        yield raised
    said = sentence(message_of(raised.value))
    assert re.search(match, said), said


def causes_told(seen: Observation | LoadTally) -> dict[str, int]:
    return {sentence(cause): times for cause, times in seen.causes.items()}


def in_english(value: T) -> T:
    """A value with a sentence in place of every fact in it."""
    shown: T = _in_english(value)
    return shown


def _in_english(value: Any) -> Any:
    match value:
        case Fact():
            return sentence(value)
        case Mapping():
            return {_in_english(key): _in_english(one) for key, one in value.items()}
        case tuple() | list():
            return type(value)(_in_english(one) for one in value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            shown = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
            return replace(value, **{name: _in_english(one) for name, one in shown.items()})
        case _:
            return value
