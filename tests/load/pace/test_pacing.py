"""When requests are due: exact counts, exact moments, nothing lost between workers."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.load.pace.pacing import Profile, share_of

levels = st.floats(0.0, 100_000.0, allow_nan=False).map(lambda value: round(value, 3))
spans = st.floats(0.001, 600.0, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Ramps, jumps, plateaus and pauses, with at least one request."""
    moment = draw(spans)
    points = [(0.0, draw(levels) + 1.0), (moment, draw(levels))]
    for _ in range(draw(st.integers(0, 4))):
        moment += draw(st.one_of(st.just(0.0), spans))
        points.append((moment, draw(levels)))
    return Profile(tuple(points))


def test_constant_rate_is_evenly_spaced() -> None:
    profile = Profile.ramped(200.0, 10.0)
    assert profile.total == 2_000
    assert [profile.due(k) for k in (0, 1, 2, 1_999)] == pytest.approx([0.0, 0.005, 0.010, 9.995])


def test_ramp_sends_half_of_what_the_full_rate_would() -> None:
    profile = Profile.ramped(100.0, 10.0, ramp=4.0)
    assert profile.total == 200 + 600
    assert profile.due(200) == pytest.approx(4.0)
    assert profile.due(50) == pytest.approx(2.0), "a quarter of the ramp's requests are due after half of it"
    assert profile.due(201) - profile.due(200) == pytest.approx(0.01)


def test_ramp_as_long_as_the_load_never_holds_a_level() -> None:
    assert Profile.ramped(100.0, 10.0, ramp=10.0).total == 500


@pytest.mark.parametrize(
    ("rate", "duration", "total"),
    [(0.1, 30.0, 3), (1 / 3, 9.0, 3), (0.1, 1.0, 1), (1000.0, 0.1, 100), (3.3, 1.0, 4)],
)
def test_rounding_never_adds_a_request(rate: float, duration: float, total: int) -> None:
    assert Profile.ramped(rate, duration).total == total


def test_fall_to_zero_and_rise_again_leaves_a_pause() -> None:
    profile = Profile(((0.0, 10.0), (1.0, 10.0), (1.0, 0.0), (3.0, 0.0), (3.0, 10.0), (4.0, 10.0)))
    assert profile.total == 20
    assert profile.due(9) == pytest.approx(0.9)
    assert profile.due(10) == pytest.approx(3.0)


@pytest.mark.parametrize(
    "points", [((0.0, 1.0),), ((1.0, 1.0), (2.0, 1.0)), ((0.0, 1.0), (2.0, 1.0), (1.0, 1.0))]
)
def test_points_out_of_order_are_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="points"):
        Profile(points)


@given(profiles(), st.data())
def test_due_moments_rise_and_the_area_at_each_is_its_number(profile: Profile, data: st.DataObject) -> None:
    request = data.draw(st.integers(0, profile.total - 1))
    moment = profile.due(request)
    assert 0 <= moment <= profile.duration
    assert moment <= profile.due(request + 1)
    assert _area(profile, moment) == pytest.approx(request, rel=1e-6, abs=1e-4)


@given(profiles(), st.floats(0, 1))
def test_due_by_counts_exactly_the_requests_whose_moment_has_come(profile: Profile, share: float) -> None:
    moment = profile.duration * share
    count = profile.due_by(moment)
    assert count == 0 or profile.due(count - 1) <= moment or count == profile.total
    assert count == profile.total or profile.due(count) > moment


@given(profiles())
def test_nothing_is_due_before_the_start_and_all_is_at_the_end(profile: Profile) -> None:
    assert profile.due_by(-1.0) == 0
    assert profile.due_by(profile.duration) == profile.total


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_workers_together_have_everything_once(total: int, workers: int) -> None:
    shares = [share_of(total, worker, workers) for worker in range(workers)]
    assert sum(shares) == total
    assert shares == [len(range(worker, total, workers)) for worker in range(workers)]


@given(st.integers(1, 500), spans, spans)
def test_ramp_opens_connections_one_after_the_other(connections: int, duration: float, ramp: float) -> None:
    profile = Profile.ramped(float(connections), ramp + duration, ramp)
    spans = [profile.spans(number) for number in range(connections)]
    assert all(len(one) == 1 and 0 <= one[0][0] < ramp and one[0][1] == profile.duration for one in spans)
    assert spans == sorted(spans)
    assert profile.spans(connections) == ()


@given(profiles(), st.integers(0, 100), st.floats(0, 1))
def test_connection_is_open_while_the_level_is_above_its_number(
    profile: Profile, connection: int, share: float
) -> None:
    moment, level = profile.duration * share, profile.level_at(profile.duration * share)
    inside = [start <= moment < end for start, end in profile.spans(connection)]
    if abs(level - connection) > 1e-3 * profile.peak and moment < profile.duration:
        assert any(inside) == (level > connection)
    assert all(first[1] < second[0] for first, second in pairwise(profile.spans(connection)))


stages = st.lists(st.tuples(st.one_of(st.just(0.0), spans), levels), min_size=1, max_size=6)


@given(stages.filter(lambda some: sum(seconds for seconds, _ in some) > 0))
def test_stages_run_in_straight_lines_from_the_level_before(some: list[tuple[float, float]]) -> None:
    profile, moment, before, area = Profile.staged(some), 0.0, 0.0, 0.0
    for seconds, level in some:
        if seconds:
            halfway = profile.level_at(moment + seconds / 2)
            assert halfway == pytest.approx((before + level) / 2, rel=1e-6, abs=1e-6)
        moment, area, before = moment + seconds, area + (before + level) / 2 * seconds, level
    assert profile.duration == pytest.approx(moment)
    assert profile.area == pytest.approx(area)
    assert abs(profile.total - area) <= 1 + 1e-6 * area


def test_stages_ramp_hold_spike_and_fall() -> None:
    profile = Profile.staged(
        [(2.0, 100.0), (3.0, 100.0), (0.0, 500.0), (1.0, 500.0), (0.0, 100.0), (2.0, 0.0)]
    )
    assert profile.duration == 8.0
    assert profile.total == 100 + 300 + 500 + 100
    assert [profile.level_at(moment) for moment in (1.0, 4.0, 5.5, 7.0)] == [50.0, 100.0, 500.0, 50.0]
    assert profile.due(100) == pytest.approx(2.0)
    assert profile.due(400) == pytest.approx(5.0)
    assert profile.spans(200) == ((5.0, 6.0),)
    assert profile.spans(50) == ((1.0, 7.0),)


def test_stage_of_no_length_at_the_start_begins_at_its_level() -> None:
    assert Profile.staged([(0.0, 50.0), (2.0, 50.0)]) == Profile.ramped(50.0, 2.0)


def test_pause_closes_connections_and_opens_them_again() -> None:
    profile = Profile.staged([(0.0, 4.0), (1.0, 4.0), (0.0, 1.0), (1.0, 1.0), (0.0, 4.0), (1.0, 4.0)])
    assert profile.spans(0) == ((0.0, 3.0),)
    assert profile.spans(3) == ((0.0, 1.0), (2.0, 3.0))


thousandths = st.integers(0, 50_000)
short_stages = st.lists(st.tuples(st.integers(0, 2_000), thousandths), min_size=1, max_size=5).filter(
    lambda some: sum(seconds for seconds, _ in some) > 0
)
"""Thousandths of a second and of a level: a few hundred requests, whose number can be worked out exactly."""


def staged(some: list[tuple[int, int]]) -> Profile:
    return Profile.staged((seconds / 1_000, level / 1_000) for seconds, level in some)


@given(short_stages)
def test_number_of_requests_is_that_of_exact_arithmetic(some: list[tuple[int, int]]) -> None:
    area, before = Fraction(0), 0
    for seconds, level in some:
        area += Fraction((before + level) * seconds, 2 * 1_000 * 1_000)
        before = level
    assert staged(some).total == math.ceil(area)


@given(short_stages)
def test_counting_and_scheduling_undo_each_other_at_every_request(some: list[tuple[int, int]]) -> None:
    profile = staged(some)
    dues = [profile.due(request) for request in range(profile.total)]
    assert dues == sorted(dues)
    assert all(0 <= moment <= profile.duration for moment in dues)
    for moment in dues:
        assert profile.due_by(moment) == bisect_right(dues, moment)
        if moment > 0:
            assert profile.due_by(math.nextafter(moment, 0.0)) == bisect_left(dues, moment)


def _area(profile: Profile, until: float) -> float:
    """The area below the profile by the trapezoid rule over its points: exact, and written differently."""
    parts = []
    for (start, low), (end, high) in pairwise(profile.points):
        if end <= start or until <= start:
            continue
        stop = min(until, end)
        top = low + (high - low) * (stop - start) / (end - start)
        parts.append((low + top) / 2 * (stop - start))
    return math.fsum(parts)
