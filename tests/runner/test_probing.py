"""The prober of a fault in simulated time: what it sees, and what it says it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phasegate.model.faults import Act
from phasegate.plan.written.faults import ProbeParams
from phasegate.runner.probing import Prober
from phasegate.runner.recovery import Moments, Probed, recovery
from phasegate.world import Cause, HttpFailure, HttpReply, HttpRequest
from tests.examples import examples
from tests.virtual_time import SimulatedClock, run_simulated
from tests.worlds import StaticAddresses

Span = tuple[float, float]
"""From, until; seconds."""


class Service:
    """Refuses while it is down; answers at once otherwise."""

    room = True

    def __init__(self, down: Span) -> None:
        self._down = down

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        await asyncio.sleep(0.001)
        if self._down[0] <= asyncio.get_running_loop().time() < self._down[1]:
            return HttpFailure(cause=Cause.REFUSED, message="refused", elapsed=0.001)
        return HttpReply(status=200, headers=(), body=b"", elapsed=0.001, url=request.url)


@dataclass(frozen=True)
class Seen:
    """What a prober knew after some time; seconds from its start."""

    probes: tuple[Probed, ...]
    unused: tuple[float, ...]
    missed: tuple[float, ...]


def probed(service: Service, *, until: float, stalls: Sequence[Span] = ()) -> Seen:
    asked = ProbeParams.model_validate({"url": "http://shop/", "every": "50ms", "timeout": "1s"})

    async def main() -> Seen:
        prober = Prober(asked, StaticAddresses(), service, SimulatedClock())
        asking = asyncio.create_task(prober.run())
        await asyncio.sleep(until)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return Seen(probes=prober.seen(), unused=prober.unused(), missed=prober.missed())

    return run_simulated(main(), stalls=[(begin, end - begin) for begin, end in stalls])


def test_a_probe_is_sent_at_each_moment() -> None:
    seen = probed(Service((9.0, 9.0)), until=2.01)
    assert [probe.sent for probe in seen.probes] == pytest.approx(
        [number * 0.05 for number in range(41)], abs=1e-4
    )
    assert seen.unused == seen.missed == ()


def test_a_short_delay_makes_probes_late_and_leaves_no_moment_unused() -> None:
    seen = probed(Service((9.0, 9.0)), until=5.0, stalls=[(1.02, 1.7)])
    assert seen.unused == ()
    assert 0 < len(seen.missed) < 80
    assert len(seen.probes) in range(98, 102)


def test_moments_that_a_long_delay_leaves_unused_are_known() -> None:
    seen = probed(Service((9.0, 9.0)), until=8.0, stalls=[(1.02, 4.0)])
    assert seen.unused == pytest.approx([1.05 + number * 0.05 for number in range(len(seen.unused))])
    assert len(seen.unused) in range(38, 42)


def test_places_that_are_taken_leave_moments_unused() -> None:
    service = Service((9.0, 9.0))
    service.room = False
    seen = probed(service, until=3.0)
    assert seen.probes == ()
    assert len(seen.unused) in range(38, 42)


@settings(max_examples=examples(30))
@given(
    begin=st.integers(20, 40),
    lasting=st.integers(0, 30),
    stall=st.integers(10, 50),
    length=st.integers(1, 40),
)
def test_a_time_is_never_longer_than_it_was_for_the_delays_of_phasegate(
    begin: int, lasting: int, stall: int, length: int
) -> None:
    """What was observed is the most that it was, but for late probes; what it was at the least is no more."""
    down = begin * 0.1 + 0.013, (begin + lasting) * 0.1 + 0.013
    moments = Moments(begun=down[0], done=down[0], undoing=down[1], undone=down[1])
    exact = recovery(Act.STOP, probed(Service(down), until=10.0).probes, moments, 10.0)
    span = stall * 0.1 + 0.007, (stall + length) * 0.1 + 0.007
    watched = probed(Service(down), until=10.0, stalls=[span])
    assume(watched.missed)
    found = recovery(Act.STOP, watched.probes, moments, 10.0, watched.missed)
    assert found.may_have_recovered
    for name in ("recovery_time", "outage"):
        real, seen = exact.measures[name].value, found.measures[name]
        assert real is not None
        assert seen.value is not None
        assert (seen.value if seen.least is None else seen.least) <= real + 0.06
        assert real <= seen.value + 0.06
