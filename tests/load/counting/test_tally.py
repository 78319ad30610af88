"""Counts and histograms survive seconds, workers and JSON unchanged; memory stays bounded."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.facts import Code, Message, fact
from phasegate.load.counting.recorder import Meter, Recorder
from phasegate.load.counting.tally import (
    CAUSES,
    EXAMPLES,
    Example,
    LoadTally,
    PartTally,
    Report,
    merge_causes,
)
from phasegate.load.counting.timeline import BINS, LoadTimeline, series, silent_seconds
from phasegate.model.histogram import Histogram

BAD = fact(Code.OF_PART, part="read", why=fact(Code.NO_LOCATION, status=302))
durations = st.lists(st.integers(0, 3_600_000_000_000), max_size=60)


@given(durations, st.lists(st.integers(0, 60), max_size=4))
def test_seconds_merged_equal_one_histogram_of_all(values: list[int], places: list[int]) -> None:
    meter, merged = Meter(), Histogram()
    edges = [0, *sorted(min(place, len(values)) for place in places), len(values)]
    for start, end in pairwise(edges):
        for value in values[start:end]:
            meter.add(value)
        merged = merged.merge(meter.take())
    assert merged == Histogram.of_nanoseconds(values)


@given(durations, durations, st.integers(0, 5))
def test_tally_survives_json_and_merging_in_any_order(one: list[int], two: list[int], dropped: int) -> None:
    first = LoadTally(
        latency=Histogram.of_nanoseconds(one), service=Histogram.of_nanoseconds(one), causes={BAD: 2}
    )
    second = LoadTally(
        latency=Histogram.of_nanoseconds(two),
        service=Histogram.of_nanoseconds([value // 2 for value in two]),
        causes={BAD: 1, "b": 3},
        dropped=dropped,
        parts={"read": PartTally(latency=Histogram.of_nanoseconds(two), failed=dropped, dropped=1)},
    )
    for tally in (first, second):
        assert LoadTally.from_json(json.loads(json.dumps(tally.to_json()))) == tally
    assert first.merge(second) == second.merge(first)
    assert first.merge(second).latency == Histogram.of_nanoseconds(one + two)
    assert first.merge(second).failed == 6
    assert second.merge(second).parts["read"].failed == 2 * dropped


def test_report_survives_json_and_merges() -> None:
    first = Report(
        window=2.0, sent=5, first=0.5, last=1.0, examples=(Example(cause=BAD, at=0.7, request="GET"),)
    )
    assert Report.from_json(json.loads(json.dumps(first.to_json()))) == first
    merged = first.merge(Report(window=1.0, sent=2, first=0.1, last=0.2)).merge(Report())
    assert (merged.window, merged.sent, merged.span) == (2.0, 7, 0.9)


def test_different_causes_are_bounded_and_none_is_lost() -> None:
    recorder, merged = Recorder(open=False), LoadTally()
    for number in range(1_000):
        cause = fact(Code.MISMATCH, what="status", expected=("2xx",), actual=number)
        recorder.failed(cause, number + 1, b"x" * 100_000, wrong=bool(number % 2))
        if number % 100 == 0:
            merged = merged.merge(recorder.take())
    merged = merged.merge(recorder.take())
    assert (merged.failed, sum(merged.wrong.values())) == (1_000, 500)
    assert len(merged.causes) <= CAUSES + 1
    assert len(recorder.examples) == EXAMPLES
    assert all(len(example.answer) < 5_000 for example in recorder.examples)
    many: dict[Message, int] = {str(number): 1 for number in range(CAUSES)}
    assert sum(merge_causes(many, {"another": 7}).values()) == CAUSES + 7


def test_runs_of_failures_are_episodes() -> None:
    recorder = Recorder(open=True)
    for now, good in enumerate([True, False, False, True, False, True, True, False], 1):
        if good:
            recorder.good(now, now, now)
        else:
            recorder.failed("x", now)
    assert recorder.episodes == 3
    assert (recorder.first_ns, recorder.last_ns) == (1, 8)


def _second(good: int, failed: int = 0) -> LoadTally:
    causes: dict[Message, int] = {"x": failed} if failed else {}
    return LoadTally(latency=Histogram.of_nanoseconds([1_000_000] * good), causes=causes)


def test_timeline_merges_workers_second_by_second() -> None:
    timeline = LoadTimeline(workers=2, seconds=5)
    for until in (1.0, 2.0, 3.0):
        timeline.add(0, until, _second(10, failed=1))
        timeline.add(1, until, _second(30))
    timeline.add(0, 3.004, _second(2))
    timeline.add(1, 3.002, _second(0))
    bins = timeline.bins()
    assert [(one.start, one.good, one.failed) for one in bins] == [(0.0, 40, 1), (1.0, 40, 1), (2.0, 42, 1)]
    lines = {line.name: line for line in series(bins)}
    assert list(lines) == ["rate", "errors", "latency p50", "latency p95", "latency p99"]
    assert lines["rate"].points[0] == (0.0, 41.0)
    assert lines["latency p95"].points[1][1] is not None


def test_timeline_of_hours_stays_small() -> None:
    seconds = 10_000
    timeline = LoadTimeline(workers=1, seconds=seconds)
    for second in range(1, seconds + 1):
        timeline.add(0, float(second), _second(1))
    bins = timeline.bins()
    assert len(bins) <= BINS
    assert sum(one.good for one in bins) == seconds


def test_last_report_just_after_a_second_belongs_to_it() -> None:
    timeline = LoadTimeline(workers=1, seconds=5)
    timeline.add(0, 1.0, _second(10))
    timeline.add(0, 2.0004, _second(10))
    assert [(one.start, one.good) for one in timeline.bins()] == [(0.0, 10), (1.0, 10)]
    assert series(timeline.bins())[0].points[1][1] == 10 / 1.0004


def test_seconds_without_a_good_answer_are_counted() -> None:
    timeline = LoadTimeline(workers=1, seconds=5)
    for until, good in ((1.0, 5), (2.0, 0), (3.0, 0), (4.0, 1)):
        timeline.add(0, until, _second(good, failed=1))
    assert silent_seconds(timeline.bins(), 4.0) == 2.0


def test_empty_timeline_has_no_lines() -> None:
    assert series(LoadTimeline(workers=1, seconds=1).bins()) == ()


def test_a_wrong_answer_stands_though_its_worker_was_held_up_and_a_lost_one_does_not() -> None:
    part = PartTally(failed=5, dropped=1, wrong=2)
    causes: dict[Message, int] = {BAD: 2, "timeout": 3}
    whole = LoadTally(causes=causes, wrong={BAD: 2}, parts={"read": part})
    stands, held = LoadTally.from_json(json.loads(json.dumps(whole.to_json()))).sifted()
    assert (dict(stands.causes), dict(held.causes)) == ({BAD: 2}, {"timeout": 3})
    assert (stands.parts["read"].failed, held.parts["read"].failed, held.parts["read"].dropped) == (2, 3, 1)
    assert stands.requests + held.requests == whole.requests
