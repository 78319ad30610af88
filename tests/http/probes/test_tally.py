"""Counting probes."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from phasegate.http.probes.tally import CAUSES, MOST_POINTS, OTHER, ProbeTally, ProbeTimeline

OUTCOMES = st.lists(st.sampled_from(["good", "failed", "unseen"]), max_size=60)


def tally_of(outcomes: list[str]) -> ProbeTally:
    tally = ProbeTally()
    for number, outcome in enumerate(outcomes):
        if outcome == "good":
            tally.passed(number, number * 0.1, 0.005)
        elif outcome == "failed":
            tally.failure(number, number * 0.1, "down")
    return tally


@given(OUTCOMES)
def test_shares_and_episodes_are_those_of_the_probes_that_were_seen(outcomes: list[str]) -> None:
    share = tally_of(outcomes).success_rate()
    seen = [outcome for outcome in outcomes if outcome != "unseen"]
    assert (share.passed, share.total) == (seen.count("good"), len(seen))
    assert share.episodes == sum(key == "failed" for key, _ in groupby(seen))


@given(OUTCOMES)
def test_failed_probes_rank_above_every_value(outcomes: list[str]) -> None:
    latency = tally_of(outcomes).latency()
    assert latency.failed == outcomes.count("failed")
    if latency.failed:
        assert latency.quantile(1.0) == (float("inf"), float("inf"))


def test_the_order_of_arrival_does_not_matter() -> None:
    first, second = ProbeTally(), ProbeTally()
    first.failure(0, 0.0, "x")
    first.passed(1, 1.0, 0.1)
    second.passed(1, 1.0, 0.1)
    second.failure(0, 0.0, "x")
    assert first.success_rate() == second.success_rate()
    assert first.success_rate().span == 1.0


def test_a_duration_of_zero_is_unmeasured() -> None:
    tally = ProbeTally()
    tally.passed(0, 0.0, 0.0)
    assert tally.success_rate().passed == 1
    assert (tally.latency().n, tally.latency().unmeasured) == (0, 1)


def test_causes_are_bounded() -> None:
    tally = ProbeTally()
    for number in range(100):
        tally.failure(number, 0.0, f"cause {number}")
    assert len(tally.causes) == CAUSES + 1
    assert tally.causes[OTHER] == 100 - CAUSES


@given(st.lists(st.floats(0, 100_000), max_size=50))
def test_a_timeline_keeps_its_failures_and_its_bound_however_long_it_gets(moments: list[float]) -> None:
    timeline = ProbeTimeline()
    for at in moments:
        timeline.add(at, None)
    latency, failures = timeline.series()
    assert len(failures.points) <= MOST_POINTS
    width = failures.points[1][0] if len(failures.points) > 1 else 1.0
    assert round(sum((value or 0.0) * width for _, value in failures.points)) == len(moments)
    assert all(value is None for _, value in latency.points)
