"""Facts in the words of a report, for tests that claim what a reader is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import pytest

from phasegate.base.errors import message_of
from phasegate.base.facts import Fact
from phasegate.render.sentences import sentence

T = TypeVar("T")


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


@contextmanager
def refused(error: type[Exception], match: str) -> Iterator[None]:
    """As `pytest.raises`, for an error whose message may be a fact."""
    with pytest.raises(error) as caught:
        yield
    assert re.search(match, sentence(message_of(caught.value)))
