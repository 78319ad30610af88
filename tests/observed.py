"""Measures of an observation, by name and of the type that a test expects; what it says in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Message
from phasegate.model.measures import Distribution, Number, Share
from phasegate.model.observation import Observation
from phasegate.render.sentences import sentence


def share(observation: Observation, name: str) -> Share:
    measure = observation.measures[name]
    assert isinstance(measure, Share)
    return measure


def distribution(observation: Observation, name: str) -> Distribution:
    measure = observation.measures[name]
    assert isinstance(measure, Distribution)
    return measure


def number(observation: Observation, name: str) -> float | None:
    measure = observation.measures[name]
    assert isinstance(measure, Number)
    return measure.value


def in_words(causes: Mapping[Message, int]) -> dict[str, int]:
    """Causes as people read them."""
    return {sentence(cause): count for cause, count in causes.items()}


@contextmanager
def saying(match: str, error: type[Exception] = ObservationError) -> Iterator[None]:
    """Expects an error that says something to people."""
    with pytest.raises(error) as caught:
        yield
    assert re.search(match, sentence(message_of(caught.value)))
