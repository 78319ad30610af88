"""Whether a process was held up, by the looks at its clock."""

from __future__ import annotations

from time import perf_counter_ns

from phasegate.pulse import HELD_UP_NS, Pulse


def test_a_first_look_is_never_late() -> None:
    pulse = Pulse()
    pulse.look()
    assert pulse.resumed_ns == 0
    pulse.begin()
    pulse.look()
    assert pulse.resumed_ns == 0


def test_a_look_that_was_due_long_ago_shows_a_hold_up_since_then() -> None:
    pulse, due = Pulse(), perf_counter_ns() - 5 * HELD_UP_NS
    pulse.begin(due)
    now = pulse.look()
    assert (pulse.since_ns, pulse.resumed_ns) == (due, now)
    assert pulse.lost_ns == now - due
    assert pulse.until_ns == now + pulse.lost_ns


def test_a_look_that_is_a_little_late_shows_nothing() -> None:
    pulse = Pulse()
    pulse.begin(perf_counter_ns() - HELD_UP_NS // 100)
    pulse.look()
    assert (pulse.resumed_ns, pulse.lost_ns) == (0, 0)
