"""The time of a run beside a calendar clock that jumps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.model.events import CLOCK_STEP
from phasegate.runner.clock import Move, RunClock
from phasegate.world import sure_wall

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Machine:
    """Clocks that go on by themselves, are set, and sleep."""

    def __init__(self) -> None:
        self.passed = self.ahead = self.slept = 0.0

    def clock(self) -> RunClock:
        return RunClock(
            monotonic=lambda: self.passed,
            wall=lambda: START + timedelta(seconds=self.passed + self.ahead),
            suspended=lambda: self.slept,
        )

    def suspend(self, seconds: float) -> None:
        self.slept += seconds
        self.ahead += seconds


jumps = st.floats(-1e7, 1e7).filter(lambda seconds: abs(seconds) > CLOCK_STEP + 1e-3)
lasting = st.floats(0, 1e5)


@given(st.lists(st.tuples(lasting, jumps), min_size=1, max_size=6))
def test_the_time_of_a_run_counts_on_whatever_the_calendar_does(steps: Sequence[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    seen, moved = [clock.utc()], 0.0
    for passes, jump in steps:
        machine.passed += passes
        machine.ahead += jump
        seen.append(clock.utc())
        move = clock.move()
        assert move is not None
        moved += move.by
    assert seen == sorted(seen)
    assert (seen[-1] - seen[0]).total_seconds() == pytest.approx(machine.passed, abs=1e-5)
    assert moved == pytest.approx(machine.ahead, abs=1e-4)
    assert clock.move() is None


def test_a_suspended_machine_is_told_from_a_clock_that_was_set() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.suspend(3600)
    assert clock.move() == Move(by=3600, suspended=3600)
    machine.ahead -= 60
    assert clock.move() == Move(by=-60, suspended=0)


@pytest.mark.parametrize("ahead", [-0.4, 0.0, 0.4])
def test_a_clock_that_is_led_gently_has_not_moved(ahead: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.ahead = ahead
    assert clock.move() is None
    assert sure_wall(clock) == clock.wall()


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_nothing_has_a_sure_age_once_the_clock_was_set(ahead: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.ahead = ahead
    assert sure_wall(clock) is None
