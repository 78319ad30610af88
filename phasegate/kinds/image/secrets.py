"""Secrets that an image carries in its environment and its history; pure."""

from __future__ import annotations

from dataclasses import field

from phasegate.base.dataclass import dataclass
from phasegate.base.secret_shapes import secrets_in_command, secrets_in_variable
from phasegate.model.containers import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One that was found; its value goes into no record."""

    where: str
    """`environment`, or `history`."""
    what: str
    """Its name, or what its shape is."""
    value: str = field(repr=False)


def secrets_of(image: Image) -> tuple[Secret, ...]:
    """Each secret once, under the first place that it was found in."""
    found: dict[str, Secret] = {}
    for line in image.environment:
        name, _, value = line.partition("=")
        for one in secrets_in_variable(name, value):
            found.setdefault(one.value, Secret(where="environment", what=one.what, value=one.value))
    for step in image.history:
        for one in secrets_in_command(step.created_by):
            found.setdefault(one.value, Secret(where="history", what=one.what, value=one.value))
    return tuple(found.values())
