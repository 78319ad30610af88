"""Tests of moments, on a machine that stands still now and then.

A test marked `paced` claims what happens by when. Where it failed while nothing ran here for a while, or a
process that it started says so of itself (`tell`), its claim was not tried, and it is tried again. Which
were, and how long the machine stood still, is printed at the end of the run.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import pytest

TRIES = 6
TICK = 0.01
"""Seconds between two looks at the time."""
LEAST = 0.1
"""Seconds that a look must come late by for the machine to have stood still."""

_TRIED = pytest.StashKey[int]()
_PROPERTY = "held up"


class Watch:
    """The longest time, in seconds, in which a thread that only looks at the time did not come to it."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.elsewhere = 0.0
        """The longest that another process was held up."""
        self._done = threading.Event()

    @contextmanager
    def looking(self) -> Generator[None]:
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        _watches.add(self)
        try:
            yield
        finally:
            _watches.discard(self)
            self._done.set()
            thread.join()

    @property
    def still(self) -> float:
        """Seconds that the machine stood still; 0 where it did not."""
        return max(self.longest if self.longest >= LEAST else 0.0, self.elsewhere)

    def _look(self) -> None:
        last = perf_counter()
        while not self._done.wait(TICK):
            now = perf_counter()
            self.longest = max(self.longest, now - last - TICK)
            last = now


def tell(seconds: float) -> None:
    """Say that a process of the test was held up, so long that what the test claims may not hold."""
    for watch in _watches:
        watch.elsewhere = max(watch.elsewhere, seconds)


_watches: set[Watch] = set()
"""Of the test that runs, and of those that it runs itself."""


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    if pyfuncitem.get_closest_marker("paced") is None:
        return (yield)
    watch = Watch()
    tried = pyfuncitem.stash[_TRIED] = pyfuncitem.stash.get(_TRIED, 0) + 1
    try:
        with watch.looking():
            return (yield)
    except AssertionError:
        if not watch.still or tried == TRIES:
            raise
        pyfuncitem.user_properties.append((_PROPERTY, watch.still))
    return pyfuncitem.ihook.pytest_pyfunc_call(pyfuncitem=pyfuncitem)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    again = [
        f"{report.nodeid}: the machine stood still for {seconds * 1000:.0f} ms"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, seconds in report.user_properties
        if name == _PROPERTY
    ]
    if again:
        terminalreporter.section("tried again")
        for line in again:
            terminalreporter.write_line(line)
