"""Histograms of a Prometheus: what its buckets say of a window, and nothing that they do not say."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from phasegate.base.errors import MessageError
from phasegate.base.units import Dimension
from phasegate.gate.criterion import parse_criterion
from phasegate.gate.judge import judge
from phasegate.kinds.answers import unit_of
from phasegate.kinds.prometheus.histograms import HistogramSeries, read_classic, read_native, together
from phasegate.kinds.prometheus.params import PrometheusParams
from phasegate.model.judgement import CriterionVerdict
from phasegate.model.measures import Buckets
from tests.answering import Asked, Reply, answering
from tests.kinds.prometheus.real import exporter, prometheus, until
from tests.kinds.prometheus.test_kind import answer, ask
from tests.telling import raises

MET, NOT_MET, UNPROVEN = CriterionVerdict.MET, CriterionVerdict.NOT_MET, CriterionVerdict.UNPROVEN
NAME = "request_seconds"
LABELS = {"job": "api", "instance": "a:1"}


def classic(edges: str, *rows: tuple[float, Sequence[float]], **labels: str) -> list[Any]:
    """Series of buckets up to each edge; a row is a moment and what lies up to each edge then."""
    return [
        ({**LABELS, **labels, "le": edge}, [(at, counts[number]) for at, counts in rows])
        for number, edge in enumerate(edges.split())
    ]


def window(found: list[HistogramSeries], since: float = 0, scraped: dict[Any, float] | None = None) -> Any:
    return together(found, scraped or {}, since=since, scale=unit_of("s"))


def sizes(seen: Buckets) -> list[tuple[float | None, int]]:
    """The upper edge and the count of each bucket."""
    return [(high, count) for _, high, count in seen.counts]


def test_what_was_counted_between_the_first_and_the_last_sample_is_taken() -> None:
    series = list(read_classic(classic("0.1 0.5 +Inf", (0, [5, 7, 7]), (15, [9, 12, 12]), (30, [9, 14, 15]))))
    seen = window(series)
    assert sizes(seen) == [(0.1, 4), (0.5, 3), (None, 1)]
    assert seen.counts[0][0] == 0
    assert seen.counts[1][0] == math.nextafter(0.1, 1)
    assert (seen.n, seen.span) == (8, 30)
    assert seen.blocks == ((4, 1, 0), (0, 2, 1))


def test_what_a_scrape_brought_is_of_the_piece_of_time_before_it() -> None:
    rows = [(float(at), [at, 2 * at]) for at in range(201)]
    seen = window(list(read_classic(classic("0.1 +Inf", *rows))), scraped={("api", "a:1"): 0.0})
    assert len(seen.blocks) == 64
    assert {sum(block) for block in seen.blocks} == {6, 8}
    assert sum(map(sum, seen.blocks)) == seen.n == 400


def test_a_target_that_was_started_again_counts_from_nothing() -> None:
    series = list(read_classic(classic("0.1 +Inf", (0, [5, 9]), (15, [1, 2]), (30, [3, 4]))))
    assert sizes(window(series)) == [(0.1, 3), (None, 1)]


def test_a_series_that_began_in_the_window_counts_from_nothing_where_its_target_was_scraped_before() -> None:
    series = list(read_classic(classic("0.1 +Inf", (15, [5, 9]), (30, [6, 10]))))
    assert window(series, scraped={("api", "a:1"): 15.0}).n == 1
    assert window(series, scraped={("api", "a:1"): 0.0}).n == 10


def test_series_of_several_targets_are_counted_together_whatever_their_buckets() -> None:
    one = classic("0.1 +Inf", (0, [0, 0]), (30, [4, 4]))
    two = classic("0.2 +Inf", (0, [0, 0]), (30, [3, 5]), instance="b:1")
    seen = window(list(read_classic([*one, *two])))
    assert sorted(seen.counts, key=str) == sorted(
        [(0.0, 0.1, 4), (0.0, 0.2, 3), (math.nextafter(0.2, 1), None, 2)], key=str
    )
    assert seen.quantile(0.5) == (0.0, 0.2)


@pytest.mark.parametrize(
    ("series", "why"),
    [
        (classic("0.1 0.5", (0, [5, 7]), (15, [5, 7])), "buckets are missing"),
        (classic("0.1 much +Inf", (0, [5, 7, 7])), "buckets are missing"),
        (classic("0.1 +Inf", (0, [5, 7]))[:1] + classic("+Inf", (1, [7])), "buckets are missing"),
        (classic("0.1 +Inf", (0, [5, 4]), (15, [5, 5])), "does not fit together"),
        (classic("0.1 +Inf", (0, [5, math.nan]), (15, [5, 5])), "does not fit together"),
        (classic("0.1 +Inf", (0, [0, 0]), (15, [0.5, 1])), "does not fit together"),
        (classic("0.1 +Inf", (0, [0, 0]), (15, [1e18, 1e18])), "does not fit together"),
        (classic("0.1 0.5 +Inf", (0, [5, 9, 9]), (15, [2, 20, 20])), "buckets changed in the window"),
    ],
)
def test_buckets_that_do_not_add_up_say_nothing(series: list[Any], why: str) -> None:
    with raises(MessageError, match=why):
        window(list(read_classic(series)))


def test_a_window_whose_beginning_nobody_saw_is_no_data() -> None:
    series = list(read_classic(classic("+Inf", *((float(at), [at]) for at in range(200, 300, 10)))))
    with raises(MessageError, match="its first samples are 3m 20s after the window began"):
        window(series, since=0)
    assert window(series, since=180).n == 90


def native(at: float, *buckets: list[Any], count: str | None = None) -> tuple[float, Any]:
    total = count or str(sum(int(bucket[3]) for bucket in buckets))
    return at, {"count": total, "sum": "1", "buckets": list(buckets)}


def test_native_histograms_say_which_edges_are_theirs() -> None:
    first = native(0, [0, "0.5", "1", "2"])
    last = native(30, [3, "-0.1", "0.1", "1"], [0, "0.5", "1", "4"], [1, "-2", "-1", "3"])
    seen = window(list(read_native([(LABELS, [first, last])])))
    assert seen.counts == (
        (-2.0, math.nextafter(-1, -2), 3),
        (-0.1, 0.1, 1),
        (math.nextafter(0.5, 1), 1.0, 2),
    )


@pytest.mark.parametrize(
    "last",
    [
        native(30, [0, "0.25", "1", "9"]),  # a coarser schema
        native(30, [0, "0.5", "1", "9"], count="10"),
        native(30, [7, "0.5", "1", "9"]),
        native(30, [0, "1", "0.5", "9"]),
        (30, {"count": "1", "buckets": [[0, "0.5"]]}),
        (30, {"count": "1", "buckets": [None]}),
        (30, None),
    ],
)
def test_native_histograms_that_do_not_add_up_say_nothing(last: tuple[float, Any]) -> None:
    with raises(MessageError, match="the histogram instance=a:1, job=api"):
        window(list(read_native([(LABELS, [native(0, [0, "0.5", "1", "2"]), last])])))


@pytest.mark.parametrize(
    ("histogram", "why"),
    [
        ({"series": "a_bucket"}, "leave out the end: a"),
        ({"series": "a_sum{job='x'}"}, "leave out the end: a"),
        ({"series": "rate(a[5m])"}, "write a name and labels"),
        ({"series": "a{job=x}"}, "not PromQL"),
        ({"series": "a", "unit": "parsecs"}, "parsecs"),
    ],
)
def test_a_histogram_is_named_by_its_series(histogram: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        PrometheusParams.model_validate({"url": "/", "histograms": {"latency": histogram}})
    both = {"queries": {"a": {"query": "up"}}, "histograms": {"a": {"series": "a"}}}
    with pytest.raises(ValidationError, match="a query is named 'a' too"):
        PrometheusParams.model_validate({"url": "/", **both})


# Beside servers


def serving(found: list[Any], *, up: list[Any] = (), ago: float = 1.0) -> Callable[[Asked], Reply]:  # type: ignore[assignment]
    """A server with buckets of which the last sample was taken a time ago."""
    now = time.time()
    newest = max((at for _, points in found for at, _ in points), default=0.0)

    def matrix(series: list[Any]) -> Reply:
        shift = now - ago - newest
        result = [
            {"metric": labels, "values": [[at + shift, str(value)] for at, value in points]}
            for labels, points in series
        ]
        return answer({"resultType": "matrix", "result": result})

    def reply(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query)["query"][0]
        if query == "time()":
            return answer({"resultType": "scalar", "result": [now, str(now)]})
        return matrix(up if query.startswith("up{") else found if "_bucket" in query else [])

    return reply


ROWS = ((0.0, [0, 0, 0]), (15.0, [90, 99, 100]), (30.0, [180, 198, 200]))
LATENCY = {"latency": {"series": NAME, "over": "30s"}}


@pytest.mark.parametrize(
    ("criterion", "verdict"),
    [
        ("c.latency.p90 <= 100ms", MET),
        ("c.latency.p95 <= 500ms", MET),
        ("c.latency.p95 <= 300ms", UNPROVEN),
        ("c.latency.p95 <= 100ms", NOT_MET),
        ("c.latency.p99.9 <= 10s", UNPROVEN),
    ],
)
async def test_a_quantile_is_judged_by_the_edges_of_its_bucket(
    tmp_path: Path, criterion: str, verdict: CriterionVerdict
) -> None:
    with answering(serving(classic("0.1 0.5 +Inf", *ROWS))) as url:
        seen = await ask(url, tmp_path, histograms=LATENCY)
    assert judge(parse_criterion(criterion), seen.measures["latency"], confidence=None).verdict is verdict
    assert seen.absent == {}


async def test_labels_are_parts_and_what_is_wrong_with_one_is_of_that_part(tmp_path: Path) -> None:
    good = classic("0.1 0.5 +Inf", *ROWS, handler="list")
    bad = classic("0.1 0.5 +Inf", (0.0, [0, 0, 0]), (30.0, [1.5, 2, 2]), handler="get")
    with answering(serving([*good, *bad])) as url:
        seen = await ask(url, tmp_path, histograms={"latency": {**LATENCY["latency"], "by": "handler"}})
    assert list(seen.parts) == ["list"]
    assert "does not fit together" in str(seen.absent["get", "latency"])
    assert "write the criterion for one of these parts" in str(seen.absent["", "latency"])


@pytest.mark.parametrize(
    ("found", "ago", "why"),
    [
        ([], 1.0, "request_seconds"),
        (classic("0.1 0.5 +Inf", *ROWS), 500.0, "the newest sample of request_seconds is 8m 20s old"),
        (classic("0.1 0.5", *((at, row[:2]) for at, row in ROWS)), 1.0, "buckets are missing"),
    ],
)
async def test_no_fresh_histogram_is_no_data(tmp_path: Path, found: list[Any], ago: float, why: str) -> None:
    with answering(serving(found, ago=ago)) as url:
        seen = await ask(url, tmp_path, histograms=LATENCY)
    assert "latency" not in seen.measures
    assert why in str(seen.absent["", "latency"])


@pytest.mark.slow
async def test_a_classic_histogram_of_a_real_server(tmp_path: Path) -> None:
    def counted(*up_to: int) -> dict[str, float]:
        edges = zip(("0.1", "0.5", "+Inf"), up_to, strict=True)
        return {f'{NAME}_bucket{{handler="list",le="{edge}"}}': count for edge, count in edges}

    with exporter() as exported:
        exported.values = counted(5, 5, 5)
        with prometheus(tmp_path / "prometheus", exported) as url:
            until(url, f"{NAME}_bucket")
            histograms = {"latency": {"series": f'{NAME}{{job="api"}}', "over": "1m"}}
            # The server has just begun, and its first samples are the beginning of what it can say.
            seen = await ask(url, tmp_path, histograms=histograms)
            assert "after the window began" in str(seen.absent["", "latency"])
            histograms["latency"]["over"] = "10s"
            until(url, f"count_over_time({NAME}_bucket[10s]) >= 9")
            began = {name.replace("list", "get"): 1.0 for name in counted(0, 0, 0)}
            exported.values = {**counted(905, 1_005, 1_005), **began}
            until(url, f'{NAME}_bucket{{le="+Inf",handler="get"}}')
            seen = await ask(url, tmp_path, histograms=histograms)
    measure = seen.measures["latency"]
    assert isinstance(measure, Buckets), seen.absent
    assert (measure.dimension, measure.n) == (Dimension.TIME, 1_001)
    verdicts = {
        text: judge(parse_criterion(f"c.latency.{text}"), measure, confidence=0.95).verdict
        for text in ("p50 <= 100ms", "p95 <= 500ms", "p95 <= 300ms", "p95 <= 100ms")
    }
    assert list(verdicts.values()) == [MET, MET, UNPROVEN, NOT_MET]


@pytest.mark.slow
async def test_a_native_histogram_of_a_real_server(tmp_path: Path) -> None:
    with exporter() as exported:
        exported.native = {NAME: [0.05]}
        with prometheus(tmp_path / "prometheus", exported, "", "--enable-feature=native-histograms") as url:
            until(url, f"histogram_count({NAME})")
            until(url, "count_over_time(up{job='api'}[10s]) >= 9")
            exported.native = {NAME: [0.05, *[0.02] * 900, *[0.3] * 100]}
            until(url, f"histogram_count({NAME}) == 1001")
            seen = await ask(url, tmp_path, histograms={"latency": {"series": NAME, "over": "10s"}})
    measure = seen.measures["latency"]
    assert isinstance(measure, Buckets), seen.absent
    assert measure.n == 1_000
    low, high = measure.quantile(0.95) or (0, 0)
    assert 0.27 < low < 0.3 <= high < 0.33
    assert judge(parse_criterion("c.latency.p50 < 25ms"), measure, confidence=0.95).verdict is MET
    assert judge(parse_criterion("c.latency.p95 < 300ms"), measure, confidence=0.95).verdict is UNPROVEN
    assert judge(parse_criterion("c.latency.p95 < 200ms"), measure, confidence=0.95).verdict is NOT_MET
