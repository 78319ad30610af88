"""Journeys: units of a load that are more than one request sent again and again, as workers are told them.

A journey is one or more requests over one connection, each built on what the ones before it captured. A mix
of journeys keeps its proportions exactly: of every `sum of weights` units that a worker begins, each journey
has as many as its weight, in an order that the seed decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from phasegate.base.errors import MessageError
from phasegate.load.message import AS_WRITTEN, WorkerMessage

Piece: TypeAlias = str | tuple[str, str]
"""Text, in which bytes that are not UTF-8 are lone surrogates; or (how, name) of a value: see `template`."""
Order = Literal["sequence", "random"]


class UnfitError(MessageError):
    """A value that cannot stand where it is wanted; the message never shows the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyRequest(WorkerMessage):
    """One request of a journey, and what its answer must be."""

    part: str
    """What its measures are kept under; empty for none."""
    method: str
    head: tuple[Piece, ...]
    """Request line and headers without the length of the body, each with its line end."""
    body: tuple[Piece, ...] | None = None
    url: str
    """For people."""
    limit: float | None = None
    """Seconds for its answer, where that is less than the timeout of the load."""
    follow: bool = False
    """Whether it goes on to where a redirect leads."""
    entry_headers: tuple[tuple[str, str], ...] = ()
    """Those of its entry, where redirects are followed: they stay on its host, however that is spelled."""
    own_cookies: bool = False
    """It has a `Cookie` header, which takes the place of the journey's cookies."""
    expect: Mapping[str, Any] = field(default_factory=dict)
    """As a suite has it, in template form."""
    captures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey(WorkerMessage):
    weight: int = 1
    part: str = ""
    """What its measures as a whole are kept under, in a mix."""
    requests: tuple[JourneyRequest, ...]
    """At least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journeys(WorkerMessage):
    """All that the users of a load do."""

    mix: tuple[Journey, ...]
    origin: str
    """`http://host:port`: where all of it goes."""
    entry: str = ""
    """The entry whose certificates its connections are opened with; workers are told the certificates."""
    declared: tuple[str, ...] = ()
    """The addresses of the target's entries, so that a redirect can be told from one that leaves it."""
    rows: tuple[Mapping[str, Any], ...] = field(default=(), metadata=AS_WRITTEN)
    """Values by name; each journey gets one row."""
    order: Order = "sequence"
    """In sequence, workers share the rows, and begin anew when all were used."""
    seed: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Names under which measures are kept."""
        names: dict[str, None] = {}
        for journey in self.mix:
            names.update(dict.fromkeys((journey.part, *(request.part for request in journey.requests))))
        return tuple(name for name in names if name)
