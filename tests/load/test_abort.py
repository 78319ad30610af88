"""When a load is ended because it only does damage: pure, second by second."""

from __future__ import annotations

from typing import Any

from phasegate.base.facts import Message
from phasegate.load.abort import AbortOn, AbortRule
from phasegate.load.counting.tally import LoadTally
from phasegate.model.histogram import Histogram
from phasegate.render.sentences import sentence


def guard(written: dict[str, Any], *, workers: int = 1) -> AbortRule:
    return AbortRule(AbortOn.model_validate(written), workers=workers)


def second(good: int, failed: int = 0, *, took: float = 0.001, dropped: int = 0) -> LoadTally:
    causes: dict[Message, int] = {"x": failed} if failed else {}
    return LoadTally(latency=Histogram.of_seconds([took] * good), causes=causes, dropped=dropped)


def test_condition_must_hold_over_the_whole_span() -> None:
    one = guard({"success_rate": "< 50%", "for": "3s"})
    for at, good in enumerate((0, 0), 1):
        one.add(0, float(at), second(good, failed=10))
        assert one.reason() is None, "not yet so long"
    one.add(0, 3.0, second(0, failed=10))
    assert (
        sentence(one.reason() or "") == "success_rate was 0% over 3 s, and abort_on says success_rate < 50%"
    )


def test_only_the_last_seconds_count() -> None:
    one = guard({"success_rate": "< 50%", "for": "2s"})
    for at in range(1, 100):
        one.add(0, float(at), second(1_000))
        assert one.reason() is None
    one.add(0, 100.0, second(0, failed=999))
    assert one.reason() is None, "999 of 1,999 failed"
    one.add(0, 101.0, second(0, failed=1))
    assert one.reason() is not None


def test_nothing_seen_is_no_damage() -> None:
    one = guard({"success_rate": "< 50%", "latency.p95": "> 1ms", "for": "1s"})
    for at in (1.0, 2.0, 3.0):
        one.add(0, at, LoadTally())
        assert one.reason() is None


def test_second_counts_when_every_worker_has_told_it() -> None:
    one = guard({"success_rate": "< 50%", "for": "1s"}, workers=2)
    one.add(0, 1.0, second(0, failed=10))
    one.add(0, 2.0, second(0, failed=10))
    assert one.reason() is None
    one.add(1, 1.0, second(100))
    assert one.reason() is None, "100 of 110 were good"
    one.add(1, 2.0, second(0, failed=1))
    assert one.reason() is not None


def test_failed_and_dropped_requests_rank_above_every_latency() -> None:
    slow = guard({"latency.p95": "> 2s", "for": "1s"})
    slow.add(0, 1.0, second(100, took=3.0))
    assert sentence(slow.reason() or "").startswith("latency.p95 was 3")
    for worse in (second(90, failed=10), second(90, dropped=10)):
        one = guard({"latency.p95": "> 2s", "for": "1s"})
        one.add(0, 1.0, worse)
        assert sentence(one.reason() or "").startswith("latency.p95 was failed over 1 s")
