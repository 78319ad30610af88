"""Ends of services that are meant to be: what a fault does is not a death."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phasegate.targets.containers.engine.listening import Happened


@dataclass(slots=True)
class _Span:
    """A time in which a service is expected to end, by the calendar clock of this machine, which may be set
    meanwhile."""

    service: str
    began: float
    ended: float | None = None
    """None while it goes on."""
    lasted: float = 0.0
    """Seconds."""

    def holds(self, at: float) -> bool:
        """Whether a moment is in it, by the clock as it stood at either end."""
        if self.ended is None:
            return True
        return 0 <= at - self.began <= self.lasted or 0 <= self.ended - at <= self.lasted


class Expected:
    """The spans in which services are expected to end."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    @contextmanager
    def during(self, service: str) -> Iterator[None]:
        span, began = _Span(service, began=time.time()), time.perf_counter()
        self._spans.append(span)
        try:
            yield
        finally:
            span.lasted, span.ended = time.perf_counter() - began, time.time()

    def holds(self, happened: Happened) -> bool:
        """Whether it was meant to happen; what happened in a span may be heard of when that is over."""
        return any(span.service == happened.service and span.holds(happened.at) for span in self._spans)
