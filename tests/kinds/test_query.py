"""`kind: query`: numbers in JSON that a server answers, and what is no data."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.query import QueryKind, QueryParams
from phasegate.model.measures import Buckets, Gauge, Number
from phasegate.model.observation import Observation
from tests.answering import Asked, Reply, answering
from tests.telling import in_english, raises
from tests.worlds import world_at


async def ask(url: str, folder: Path, **params: Any) -> Observation:
    async with world_at(url, folder) as world:
        written = QueryParams.model_validate({"url": f"{url}/", **params})
        return in_english(await QueryKind().observe(written, world))


async def seen_in(data: Any, folder: Path, **params: Any) -> Observation:
    with answering(lambda asked: Reply(body=json.dumps(data).encode())) as url:
        return await ask(url, folder, **params)


@pytest.mark.parametrize(
    ("data", "unit", "value"),
    [({"a": 12}, "", 12), ({"a": "1.5"}, "%", 0.015), ({"a": 250.5}, "ms", 0.2505), ({"a": "0"}, "", 0)],
)
async def test_a_number_in_its_unit(tmp_path: Path, data: Any, unit: str, value: float) -> None:
    seen = await seen_in(data, tmp_path, values={"errors": {"json": "$.a", "unit": unit}})
    measure = seen.measures["errors"]
    assert isinstance(measure, Number)
    assert measure.value == pytest.approx(value)
    assert measure.reported


async def test_a_path_that_selects_many_is_a_gauge(tmp_path: Path) -> None:
    points = {"points": [[1, 5], [2, 7], [3, 6]]}
    seen = await seen_in(points, tmp_path, values={"errors": {"json": "$.points[*][1]"}})
    gauge = seen.measures["errors"]
    assert isinstance(gauge, Gauge)
    assert (gauge.samples, gauge.minimum, gauge.maximum, gauge.mean) == (3, 5, 7, 6)


@pytest.mark.parametrize(
    ("data", "path", "why"),
    [
        ({}, "$.a", "no data: nothing answers $.a"),
        ({"a": []}, "$.a[*]", "no data: nothing answers $.a[*]"),
        ({"a": None}, "$.a", "no data: the value is null"),
        ({"a": True}, "$.a", "no data: the value is True"),
        ({"a": "many"}, "$.a", "no data: the value is many"),
        ({"a": "NaN"}, "$.a", "no data: the value is NaN"),
        ({"a": [1, None]}, "$.a[*]", "no data: the value is null"),
        ({"a": {"b": 1}}, "$.a", "no data: the value is"),
    ],
)
async def test_what_is_no_number_is_no_data(tmp_path: Path, data: Any, path: str, why: str) -> None:
    seen = await seen_in(data, tmp_path, values={"errors": {"json": path}})
    assert seen.measures == {}
    assert why in str(seen.absent["", "errors"])


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "text"])
async def test_data_has_an_age(tmp_path: Path, form: str) -> None:
    def at(age: float) -> Any:
        moment = time.time() - age
        if form == "text":
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        return moment if form == "seconds" else int(moment * 1000)

    params = {"values": {"errors": {"json": "$.v"}}, "at": "$.points[*].at"}
    fresh = await seen_in({"v": 1, "points": [{"at": at(9999)}, {"at": at(3)}]}, tmp_path, **params)
    assert "errors" in fresh.measures
    stale = await seen_in({"v": 1, "points": [{"at": at(9999)}]}, tmp_path, **params)
    assert "the newest sample of $.points[*].at" in str(stale.absent["", "errors"])
    assert "age" in stale.measures


@pytest.mark.parametrize("data", [{"v": 1}, {"v": 1, "at": "yesterday"}, {"v": 1, "at": 1e300}])
async def test_data_without_a_time_is_no_data(tmp_path: Path, data: Any) -> None:
    seen = await seen_in(data, tmp_path, values={"errors": {"json": "$.v"}}, at="$.at")
    assert "is not a time in the answer" in str(seen.absent["", "errors"])


async def test_a_body_and_headers_are_sent(tmp_path: Path) -> None:
    came: list[Asked] = []

    def reply(asked: Asked) -> Reply:
        came.append(asked)
        return Reply(body=b'{"a": 1}')

    with answering(reply) as url:
        values = {"errors": {"json": "$.a"}}
        await ask(url, tmp_path, values=values, method="POST", body={"q": 1}, headers={"X-Key": "k"})
    (asked,) = came
    assert (asked.method, json.loads(asked.body)) == ("POST", {"q": 1})
    assert asked.headers["X-Key"] == "k"
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=401, body=b"no"), "answered with status 401: no"),
        (Reply(body=b"<html>"), "is not JSON: <html>"),
        (Reply(status=302, headers={"Location": "/login"}), "status 302"),
    ],
)
async def test_what_is_no_answer_is_an_error(tmp_path: Path, reply: Reply, why: str) -> None:
    with answering(lambda asked: reply) as url, raises(ObservationError, match=why):
        await ask(url, tmp_path, values={"errors": {"json": "$.a"}})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"values": {}}, "name at least one number"),
        ({"values": {"age": {"json": "$.a"}}}, "is not a name for a measure"),
        ({"values": {"a": {"json": "a.b"}}}, "is not a JSONPath"),
        ({"values": {"a": {"json": "$.a", "unit": "x"}}}, "1x"),
        ({"values": {"a": {"json": "$.a"}}, "body": {}}, "a body goes with method: POST"),
        ({"values": {"a": {"json": "$.a"}}, "max_age": "1m"}, "max_age goes with at"),
        ({"values": {"a": {"json": "$.a"}}, "at": "x"}, "is not a JSONPath"),
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QueryParams.model_validate({"url": "/", **params})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "at"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(_JSON)
def test_no_answer_is_a_defect(data: Any) -> None:
    from phasegate.kinds.query import ValueWritten, _time, _value

    for path in ("$.a", "$.a[*]", "$..at"):
        found = _value(ValueWritten.model_validate({"json": path}), data)
        assert not isinstance(found, Number) or found.value is not None
    _time(data)


async def test_a_number_that_no_float_holds_is_no_data(tmp_path: Path) -> None:
    seen = await seen_in({"a": 10**400}, tmp_path, values={"errors": {"json": "$.a"}})
    assert "the value is 1000" in str(seen.absent["", "errors"])


async def test_a_time_to_come_is_no_age(tmp_path: Path) -> None:
    data = {"a": 0, "t": time.time() + 3600}
    seen = await seen_in(data, tmp_path, values={"errors": {"json": "$.a"}}, at="$.t")
    assert "errors" not in seen.measures
    assert "is not a time in the answer" in str(seen.absent["", "errors"])


BUCKETS = {"edges": "$.buckets[*].to", "counts": "$.buckets[*].n", "unit": "ms"}


def counted(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"buckets": [{**({} if to == "none" else {"to": to}), "n": n} for to, n in pairs]}


@pytest.mark.parametrize("last", ["+Inf", None, "none"])
@pytest.mark.parametrize(
    ("counts", "cumulative"),
    [((900, 90, 10), False), ((900, 990, 1_000), True), (("900", 90.0, "10"), False)],
)
async def test_counts_between_edges_are_a_distribution(
    tmp_path: Path, last: Any, counts: tuple[Any, ...], cumulative: bool
) -> None:
    data = counted(*zip((100, 250, last), counts, strict=True))
    seen = await seen_in(data, tmp_path, histograms={"latency": {**BUCKETS, "cumulative": cumulative}})
    measure = seen.measures["latency"]
    assert isinstance(measure, Buckets)
    assert measure.counts == ((0.0, 0.1, 900), (0.1, 0.25, 90), (0.25, None, 10))
    assert measure.quantile(0.95) == (0.1, 0.25)


@pytest.mark.parametrize(
    ("pairs", "cumulative"),
    [
        (((100, 9), (50, 1)), False),
        (((100, 9), (100, 1)), False),
        (((100, 9), (None, 1), (250, 1)), False),
        (((100, 9), ("much", 1)), False),
        (((100, 9), (250, -1)), False),
        (((100, 9), (250, 10**18)), False),
        (((100, 1e308), (250, 1e308)), False),
        (((100, 9), (250, 1.5)), False),
        (((100, 9), (250, None)), False),
        (((100, 9), (250, 8)), True),
        (((100, 9), ("none", 1), ("none", 1)), False),
    ],
)
async def test_counts_that_do_not_add_up_are_no_data(
    tmp_path: Path, pairs: tuple[tuple[Any, Any], ...], cumulative: bool
) -> None:
    asked = {"latency": {**BUCKETS, "cumulative": cumulative}}
    seen = await seen_in(counted(*pairs), tmp_path, histograms=asked)
    assert seen.measures == {}
    assert "does not fit together" in str(seen.absent["", "latency"])
    nothing = await seen_in({"buckets": []}, tmp_path, histograms=asked)
    assert "nothing answers $.buckets[*].n" in str(nothing.absent["", "latency"])


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({}, "name at least one number, or a histogram"),
        ({"histograms": {"age": BUCKETS}}, "is not a name"),
        ({"histograms": {"a": BUCKETS}, "values": {"a": {"json": "$.a"}}}, "a value is named 'a' too"),
        ({"histograms": {"a": {**BUCKETS, "counts": "$.a"}}}, "selects one value"),
        ({"histograms": {"a": {**BUCKETS, "unit": "parsecs"}}}, "parsecs"),
    ],
)
def test_a_histogram_is_two_lists(params: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        QueryParams.model_validate({"url": "/", **params})
