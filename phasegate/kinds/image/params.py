"""What a plan may ask of an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictInt, WithJsonSchema, model_validator

from phasegate.base.fields import Duration, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.kinds.base import CheckParams


class Aspect(StrEnum):
    """What is looked at of an image; each is a case."""

    USER = "user"
    HEALTHCHECK = "healthcheck"
    PORTS = "ports"
    SECRETS = "secrets"
    TAG = "tag"
    BASE = "base"
    LABELS = "labels"
    FILES = "files"
    ARCHITECTURE = "architecture"
    STOP = "stop"


ASKED = {
    Aspect.PORTS: "ports",
    Aspect.BASE: "base",
    Aspect.LABELS: "labels",
    Aspect.ARCHITECTURE: "architecture",
    Aspect.STOP: "stops_within",
}
"""Aspects that are looked at only where a parameter says what is right."""


def _as_mapping(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value)
    return value


Labels = Annotated[
    Mapping[str, Text | None],
    BeforeValidator(_as_mapping),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}]}),
]


class ImageParams(CheckParams):
    image: str | None = None
    """A name with a tag, a digest or an id: `shop/web:1.4`. Exactly one of `image` and `service`."""
    service: str | None = None
    """The image that a service of the target really runs."""
    ignore: Annotated[tuple[Aspect, ...], Demand.LET_THROUGH] = ()
    """Aspects that are not looked at; the record says so."""
    fail_on: Literal["error", "warning"] = "error"
    """The least severity of a finding that fails its case."""
    ports: (
        Annotated[tuple[Annotated[StrictInt, Field(ge=1, le=65535)] | str, ...], Demand.LET_THROUGH] | None
    ) = None
    """The ports that it may expose: `[8080, 53/udp]`."""
    base: str | None = None
    """The image it must be built on: its layers come first, or its name is in the label
    org.opencontainers.image.base.name."""
    labels: Annotated[Labels, Demand.MUST_BE] = Field(default_factory=dict)
    """Labels that it must have: a list of names, or names with values."""
    architecture: Annotated[Texts, Demand.LET_THROUGH] = ()
    """The architectures that it may be for: `amd64`, or `linux/arm64`."""
    allow_files: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Paths, as globs, that may be writable by everybody, setuid or setgid: `/usr/bin/su`, `/var/spool/*`."""
    stops_within: Annotated[Duration, Field(gt=0), Demand.LESS] | None = None
    """The longest from its stop signal to its end, when it is started without network."""
    stop_after: Duration = 1.0
    """With `stops_within`: how long it runs before it is asked to stop."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse("image", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Location, str]]:
        if (self.image is None) == (self.service is None):
            yield (), "name exactly one of image and service"
        for number, port in enumerate(self.ports or ()):
            name, _, protocol = str(port).partition("/")
            if not name.isdecimal() or protocol not in ("", "tcp", "udp", "sctp"):
                yield ("ports", number), f"{port!r} is not a port; write 8080, or 53/udp"
        for number, aspect in enumerate(self.ignore):
            asked = ASKED.get(aspect, "")
            if asked and asked in self.model_fields_set:
                yield ("ignore", number), f"{aspect} is ignored, and {asked} asks for it; leave one out"
        if "stop_after" in self.model_fields_set and self.stops_within is None:
            yield ("stop_after",), "stop_after goes with stops_within"
        if not self.aspects:
            yield ("ignore",), "everything is ignored, so nothing is looked at"

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """What is looked at."""
        return tuple(
            aspect
            for aspect in Aspect
            if aspect not in self.ignore and (aspect not in ASKED or self._says(ASKED[aspect]))
        )

    def _says(self, name: str) -> bool:
        """Whether a parameter says what is right; that no port is to be exposed is said by an empty list."""
        value = getattr(self, name)
        return value is not None and (name == "ports" or bool(value))

    @property
    def allowed_ports(self) -> frozenset[str]:
        return frozenset(f"{port}" if "/" in f"{port}" else f"{port}/tcp" for port in self.ports or ())
