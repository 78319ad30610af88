"""`kind: prometheus` beside a real server, and beside servers that answer wrongly."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.prometheus.kind import PrometheusKind
from phasegate.kinds.prometheus.params import PrometheusParams
from phasegate.kinds.promql import selectors
from phasegate.model.measures import Gauge, Number
from phasegate.model.observation import CaseStatus, Observation
from tests.answering import Asked, Reply, answering
from tests.kinds.prometheus.real import Exporter, exporter, prometheus, until
from tests.telling import in_english, raises
from tests.worlds import TestWorld, world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST


async def ask(url: str, folder: Path, **params: Any) -> Observation:
    async with world_at(url, folder) as world:
        return await ask_in(world, url, **params)


async def ask_in(world: TestWorld, url: str, **params: Any) -> Observation:
    written = PrometheusParams.model_validate({"url": url, **params})
    return in_english(await PrometheusKind().observe(written, world))


def statuses(seen: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in seen.cases}


@pytest.fixture(scope="module")
def exported() -> Iterator[Exporter]:
    with exporter() as one:
        one.values = {
            "errors_now": 1,
            'latency_seconds{service="web"}': 0.25,
            'latency_seconds{service="api"}': 0.5,
        }
        yield one


@pytest.fixture(scope="module")
def server(exported: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), exported) as url:
        until(url, "errors_now")
        until(url, 'ALERTS{alertname="Watchdog"}')
        yield url


@pytest.mark.slow
async def test_values_are_numbers_in_their_unit(server: str, tmp_path: Path) -> None:
    queries = {
        "slow": {"query": "max(latency_seconds)", "unit": "s"},
        "share": {"query": "errors_now / 4", "unit": "share"},
        "percent": {"query": "errors_now * 50", "unit": "%"},
    }
    seen = await ask(server, tmp_path, queries=queries)
    values = {name: measure.value for name, measure in seen.measures.items() if isinstance(measure, Number)}
    assert (values["slow"], values["share"], values["percent"]) == (0.5, 0.25, 0.5)
    age = values["sample_age"]
    assert age is not None
    assert 0 <= age < 120


@pytest.mark.slow
async def test_labels_are_parts(server: str, tmp_path: Path) -> None:
    query = {"query": "latency_seconds", "by": "service", "unit": "s"}
    seen = await ask(server, tmp_path, queries={"latency": query})
    values = {part: measures["latency"] for part, measures in seen.parts.items()}
    assert {part: one.value for part, one in values.items() if isinstance(one, Number)} == {
        "web": 0.25,
        "api": 0.5,
    }


@pytest.mark.slow
async def test_a_window_is_a_gauge(server: str, tmp_path: Path) -> None:
    until(server, "count_over_time(errors_now[5s]) >= 4")
    seen = await ask(server, tmp_path, queries={"errors": {"query": "errors_now", "over": "3s"}})
    gauge = seen.measures["errors"]
    assert isinstance(gauge, Gauge)
    assert (gauge.minimum, gauge.maximum, gauge.samples) == (1, 1, 4)


@pytest.mark.slow
async def test_a_window_in_which_there_was_nothing_is_no_data(server: str, tmp_path: Path) -> None:
    seen = await ask(server, tmp_path, queries={"errors": {"query": "errors_now", "over": "1d"}})
    assert "moments of the window" in str(seen.absent["", "errors"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"query": "no_such_metric"}, "no data: nothing answers no_such_metric"),
        ({"query": "latency_seconds"}, "the answer has 2 series"),
        ({"query": "errors_now / (errors_now - 1) * 0"}, "no data: the value is nan"),
        ({"query": "errors_now > 100"}, "no data: nothing answers errors_now > 100"),
        (
            {"query": "no_such_metric", "absent": 0, "fresh": "nothing_either"},
            "no data: nothing answers nothing_either",
        ),
        ({"query": "errors_now", "by": "nothing"}, "it has a value for each label nothing"),
    ],
)
async def test_no_answer_is_no_data(server: str, tmp_path: Path, query: dict[str, Any], why: str) -> None:
    seen = await ask(server, tmp_path, queries={"value": query})
    assert "value" not in seen.measures
    assert why in str(seen.absent["", "value"])


@pytest.mark.slow
async def test_no_answer_is_zero_where_a_series_is_fresh(server: str, tmp_path: Path) -> None:
    query = {"query": "errors_now > 100", "absent": 0, "fresh": "errors_now"}
    seen = await ask(server, tmp_path, queries={"value": query})
    assert seen.measures["value"] == Number(value=0, reported=True)


@pytest.mark.slow
async def test_a_stale_series_is_no_data(server: str, tmp_path: Path) -> None:
    seen = await ask(server, tmp_path, queries={"value": {"query": "errors_now"}}, max_age="1ms")
    assert "the newest sample of errors_now" in str(seen.absent["", "value"])


@pytest.mark.slow
async def test_targets_are_up_down_or_unknown(server: str, tmp_path: Path) -> None:
    seen = await ask(server, tmp_path, targets=["api", "gone", "nobody"])
    assert statuses(seen) == {"target/api": PASSED, "target/gone": FAILED, "target/nobody": LOST}


@pytest.mark.slow
async def test_alerts_that_fire_are_counted_by_name(server: str, exported: Exporter, tmp_path: Path) -> None:
    quiet = await ask(server, tmp_path, alerts={"ignore": ["Watchdog"], "rules": ["HighErrors"]})
    assert quiet.measures["alerts_firing"] == Number(value=0)
    everything = await ask(server, tmp_path, alerts={})
    assert everything.measures["alerts_firing"] == Number(value=1, counted=("Watchdog",))
    missing = await ask(server, tmp_path, alerts={"ignore": ["Watchdog"], "rules": ["Nothing"]})
    assert "no alerting rule 'Nothing' is loaded" in str(missing.absent["", "alerts_firing"])
    silent = await ask(server, tmp_path, alerts={"firing": ["HighErrors", "Unknown"]})
    assert statuses(silent) == {"alert/HighErrors": FAILED, "alert/Unknown": LOST}
    exported.values["errors_now"] = 9
    try:
        await asyncio.to_thread(until, server, 'ALERTS{alertname="HighErrors",alertstate="firing"}')
        seen = await ask(server, tmp_path, alerts={"ignore": ["Watchdog"], "firing": ["HighErrors"]})
        assert statuses(seen) == {"alert/HighErrors": PASSED}
        assert seen.measures["alerts_firing"] == Number(value=0)
        counted = await ask(server, tmp_path, alerts={"ignore": ["Watchdog"]})
        assert counted.measures["alerts_firing"] == Number(value=1, counted=("HighErrors",))
    finally:
        exported.values["errors_now"] = 1


@pytest.mark.slow
async def test_beside_another_check_it_asks_for_the_time_that_it_went_on(server: str, tmp_path: Path) -> None:
    async with world_at(server, tmp_path, accompanies=True, stop_after=2.5) as world:
        seen = await ask_in(world, server, queries={"errors": {"query": "errors_now", "over": "run"}})
    gauge = seen.measures["errors"]
    assert isinstance(gauge, Gauge)
    assert gauge.samples >= 2


@pytest.mark.slow
async def test_a_server_without_rules_says_nothing_of_alerts(exported: Exporter, tmp_path: Path) -> None:
    with prometheus(tmp_path / "bare", exported, rules="groups: []\n") as url:
        seen = await ask(url, tmp_path, alerts={})
    assert "no alerting rule is loaded" in str(seen.absent["", "alerts_firing"])


def answer(data: Any, **more: Any) -> Reply:
    return Reply(body=json.dumps({"status": "success", "data": data, **more}).encode())


NOW = answer({"resultType": "scalar", "result": [1000.0, "1000"]})


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=503, body=b"<html>down</html>"), "answered with status 503"),
        (Reply(body=b"<html>hello</html>"), "is not JSON"),
        (Reply(body=b'{"status": "error", "error": "bad query"}'), "refused the query: bad query"),
        (answer({"resultType": "vector", "result": []}, warnings=["one shard is down"]), "one shard is down"),
        (answer({"resultType": "vector", "result": []}), "does not answer"),
        (Reply(body=b"[]"), "refused"),
        (Reply(body=b'{"a":' * 5000), "is not JSON"),
    ],
)
async def test_what_is_no_prometheus_is_an_error(tmp_path: Path, reply: Reply, why: str) -> None:
    with answering(lambda asked: reply) as url, raises(ObservationError, match=why):
        await ask(url, tmp_path, targets=["api"])


async def test_a_server_that_is_down_is_an_error(tmp_path: Path) -> None:
    with raises(ObservationError, match="refused"):
        await ask("http://127.0.0.1:9", tmp_path, targets=["api"])


async def test_a_million_series_are_refused(tmp_path: Path) -> None:
    many = [{"metric": {"i": f"{number}"}, "value": [1000.0, "1"]} for number in range(10_001)]
    replies = iter([NOW, answer({"resultType": "vector", "result": many})])
    with (
        answering(lambda asked: next(replies)) as url,
        raises(ObservationError, match="10,001 series; at most 10,000"),
    ):
        await ask(url, tmp_path, targets=["api"])


def test_series_that_a_query_asks_for() -> None:
    query = 'sum(rate(a{x="1"}[1m] offset 5m)) / on(y) (b @ 10 + -c) > max_over_time(d[5m:1m])'
    assert selectors(query) == ('a{x="1"}', "b", "c", "d")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "ask something"),
        ({"queries": {"up.x": {"query": "up"}}}, "is not a name for a measure"),
        ({"queries": {"sample_age": {"query": "up"}}}, "is not a name for a measure"),
        ({"queries": {"a": {"query": "rate(up)"}}}, "not PromQL"),
        ({"queries": {"a": {"query": "vector(1)"}}}, "it asks for no series"),
        ({"queries": {"a": {"query": "up", "absent": 0}}}, "go together"),
        ({"queries": {"a": {"query": "up", "unit": "parsecs"}}}, "parsecs"),
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PrometheusParams.model_validate({"url": "/", **params})


def as_asked(answers: Mapping[str, Any], rest: Any) -> Callable[[Asked], Reply]:
    """Answers by the beginning of what is asked for; all others get the same."""

    def reply(asked: Asked) -> Reply:
        query = parse_qs(urlsplit(asked.path).query).get("query", [""])[0]
        if query == "time()":
            return answer({"resultType": "scalar", "result": [time.time(), str(time.time())]})
        result = next((one for start, one in answers.items() if query.startswith(start)), rest)
        return answer({"resultType": "vector", "result": result})

    return reply


FRESH = {"time() - timestamp": [{"metric": {}, "value": [1, "1"]}]}


@pytest.mark.parametrize(
    "result",
    [
        [{"metric": {}, "value": ["x", "1"]}],
        [{"metric": {}, "value": [1, 10**400]}],
        [{"metric": {}, "value": [1, True]}],
        [{"metric": {"service": [1]}, "value": 5}],
        [5, 7],
    ],
)
async def test_an_answer_of_no_form_is_no_data(tmp_path: Path, result: Any) -> None:
    queries = {"one": {"query": "a"}, "each": {"query": "a", "by": "service"}}
    windows = {name: {**query, "over": "1m"} for name, query in queries.items()}
    with answering(as_asked(FRESH, result)) as url:
        for asked in (queries, windows):
            seen = await ask(url, tmp_path, queries=asked)
            assert set(seen.measures) == {"sample_age"}


async def test_the_time_of_a_server_has_a_form(tmp_path: Path) -> None:
    time_only = answer({"resultType": "scalar", "result": [1]})
    with answering(lambda asked: time_only) as url, raises(ObservationError, match=r"time\(\)"):
        await ask(url, tmp_path, queries={"a": {"query": "a"}})


async def test_a_partial_answer_of_victoriametrics_is_an_error(tmp_path: Path) -> None:
    partial = answer({"resultType": "scalar", "result": [1, "1"]}, isPartial=True)
    with answering(lambda asked: partial) as url, raises(ObservationError, match="isPartial"):
        await ask(url, tmp_path, queries={"a": {"query": "a"}})


def series(value: float, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1, str(value)]}


async def test_a_part_whose_samples_are_stale_is_no_data(tmp_path: Path) -> None:
    ages = [series(1, service="web"), series(250, service="api")]
    values = [series(7, service="web"), series(8, service="api")]
    with answering(as_asked({"time() - timestamp": ages}, values)) as url:
        seen = await ask(url, tmp_path, queries={"n": {"query": "a", "by": "service"}})
    assert list(seen.parts) == ["web"]
    assert "the newest sample of a is" in str(seen.absent["api", "n"])


@pytest.mark.parametrize("gap", [0, 20, 100])
async def test_samples_that_are_missing_inside_the_window_are_a_gap(tmp_path: Path, gap: int) -> None:
    now = time.time()

    def reply(asked: Asked) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        if query["query"] == "time()":
            return answer({"resultType": "scalar", "result": [now, str(now)]})
        if "query_range" not in asked.path:
            return answer({"resultType": "vector", "result": [series(1.0)]})
        start, step = float(query["start"]), float(query["step"])
        ages = [
            gap if "timestamp(" in query["query"] and 10 <= number < 10 + gap else 1 for number in range(301)
        ]
        values = [[start + number * step, str(age)] for number, age in enumerate(ages)]
        return answer({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})

    with answering(reply) as url:
        seen = await ask(url, tmp_path, queries={"x": {"query": "x", "over": "300s"}}, max_age="30s")
    if gap > 30:
        assert seen.absent["", "x"] == "no data: x has a value at 201 of 301 moments of the window"
    else:
        assert isinstance(seen.measures["x"], Gauge)


async def test_what_absent_allows_must_not_be_stale_itself(tmp_path: Path) -> None:
    answers = {"time() - timestamp(up)": [series(1)], "time() - timestamp(a)": [series(250)]}
    query = {"query": "a", "absent": 0, "fresh": "up"}
    with answering(as_asked(answers, [series(0)])) as url:
        seen = await ask(url, tmp_path, queries={"n": query})
    assert "n" not in seen.measures
    assert "the newest sample of a is" in str(seen.absent["", "n"])


async def test_each_target_of_an_instance_has_its_own_age(tmp_path: Path) -> None:
    def up(value: float, path: str) -> dict[str, Any]:
        return series(value, job="api", instance="x", path=path)

    answers = {"time() - timestamp(up)": [up(250, "/a"), up(1, "/b")]}
    with answering(as_asked(answers, [up(1, "/a"), up(1, "/b")])) as url:
        seen = await ask(url, tmp_path, targets=["api"])
    assert statuses(seen) == {"target/api": LOST}


@pytest.mark.parametrize("state", ["firing", "inactive"])
@pytest.mark.parametrize("wrong", [{"health": "err"}, {"lastEvaluation": "2020-01-01T00:00:00Z"}])
async def test_an_expected_alert_of_a_rule_that_is_not_evaluated_is_not_verified(
    tmp_path: Path, state: str, wrong: dict[str, str]
) -> None:
    evaluated = datetime.now(UTC).isoformat()
    rule = {"type": "alerting", "name": "A", "state": state, "health": "ok", "lastEvaluation": evaluated}

    def reply(asked: Asked) -> Reply:
        if "/rules" in asked.path:
            return answer({"groups": [{"interval": 1, "rules": [{**rule, **wrong}]}]})
        return answer({"resultType": "scalar", "result": [time.time(), str(time.time())]})

    with answering(reply) as url:
        seen = await ask(url, tmp_path, alerts={"firing": ["A"]})
    assert statuses(seen) == {"alert/A": LOST}
