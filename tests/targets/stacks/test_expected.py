from __future__ import annotations

import time

import pytest

from phasegate.targets.containers.engine.listening import Happened
from phasegate.targets.stacks.expected import Expected


def end(service: str, at: float) -> Happened:
    return Happened(container="1", service=service, at=at, ended=True, exit_code=137)


def test_what_ends_in_a_span_is_meant_to_also_when_it_is_heard_of_later() -> None:
    expected = Expected()
    before = time.time()
    with expected.during("web"):
        within = time.time()
        assert expected.holds(end("web", within))
        assert not expected.holds(end("db", within))
    assert expected.holds(end("web", within))
    assert not expected.holds(end("web", before - 1))
    assert not expected.holds(end("web", time.time() + 1))


@pytest.mark.parametrize("by", [-3600.0, 3600.0])
def test_a_clock_that_is_set_meanwhile_makes_no_span_longer_or_shorter(
    monkeypatch: pytest.MonkeyPatch, by: float
) -> None:
    expected, before = Expected(), time.time()
    real = time.time
    with expected.during("web"):
        within = time.time()
        monkeypatch.setattr("phasegate.targets.stacks.expected.time.time", lambda: real() + by)
        after = time.time()
    assert expected.holds(end("web", within))
    assert expected.holds(end("web", after))
    for moment in (before - 60, after + 60, (within + after) / 2):
        assert not expected.holds(end("web", moment))
