"""Ends of services that are meant to be: what a fault does is no death."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phasegate.target.containers.listening import Happened


@dataclass(slots=True)
class _Span:
    """A time in which a service is expected to end, by the clock of this machine."""

    service: str
    began: float
    ended: float | None = None
    """None while it goes on."""


class Expected:
    """The spans in which services are expected to end."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    @contextmanager
    def during(self, service: str) -> Iterator[None]:
        span = _Span(service, began=time.time())
        self._spans.append(span)
        try:
            yield
        finally:
            span.ended = time.time()

    def holds(self, happened: Happened) -> bool:
        """Whether it was meant to happen; what happened in a span may be heard of when that is over."""
        return any(
            span.service == happened.service
            and (span.ended is None or span.began <= happened.at <= span.ended)
            for span in self._spans
        )
