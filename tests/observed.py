"""Measures of an observation, by name and of the type that a test expects."""

from __future__ import annotations

from phasegate.model.measures import Distribution, Number, Share
from phasegate.model.observation import Observation


def share(observation: Observation, name: str) -> Share:
    assert name in observation.measures, observation.absent
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
