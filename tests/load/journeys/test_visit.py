"""Which journey comes next, with which values and cookies."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.load.journeys.journey import Journey, JourneyRequest, Journeys
from phasegate.load.journeys.judge import AnswerCheck
from phasegate.load.journeys.visit import Itinerary, turns
from phasegate.render.sentences import sentence
from phasegate.world import HttpReply

ONE = JourneyRequest(part="a", method="GET", head=("GET / HTTP/1.1\r\n",), url="/")


def mix(*weights: int) -> tuple[Journey, ...]:
    return tuple(Journey(weight=weight, part=f"j{n}", requests=(ONE,)) for n, weight in enumerate(weights))


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.text(max_size=5), st.integers(1, 4))
def test_every_round_holds_each_journey_as_often_as_its_weight(
    weights: list[int], seed: str, rounds: int
) -> None:
    taken = Counter(islice(turns(mix(*weights), seed), sum(weights) * rounds))
    assert taken == {index: weight * rounds for index, weight in enumerate(weights)}


def test_seed_decides_the_order() -> None:
    first, again, other = (list(islice(turns(mix(5, 5), seed), 100)) for seed in ("1", "1", "2"))
    assert first == again != other


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 50))
def test_workers_share_rows_in_sequence(rows: int, workers: int, each: int) -> None:
    journeys = Journeys(mix=mix(1), origin="http://h", rows=tuple({"n": n} for n in range(rows)))
    seen: Counter[int] = Counter()
    for worker in range(workers):
        itinerary = Itinerary(journeys, worker=worker, workers=workers)
        seen.update(itinerary.next().values["n"] for _ in range(each))
    assert max(seen.values()) - min(seen.values() if len(seen) == rows else [0]) <= 1


def test_journeys_survive_json() -> None:
    request = JourneyRequest(
        part="a/b",
        method="POST",
        head=("POST /", ("url", "x"), " HTTP/1.1\r\n"),
        body=(("json", "y"), "\udcff"),
        url="/${x}",
        limit=1.5,
        follow=True,
        expect={"status": 200},
        captures={"z": {"json": "$.z"}},
    )
    journeys = Journeys(
        mix=(Journey(weight=2, part="a", requests=(request,)),),
        origin="http://h:1",
        declared=("http://h:1/x", "https://g"),
        rows=({"x": 1},),
        order="random",
        seed=7,
    )
    assert Journeys.from_json(json.loads(json.dumps(journeys.to_json()))) == journeys
    assert journeys.parts == ("a", "a/b")


@pytest.mark.parametrize(
    ("expect", "body", "failure"),
    [
        ({"json": {"$.a": 1}}, b'{"a": 1}', ""),
        ({"json": {"$.a": 1}}, b'{"a": 2}', "expected $.a to equal 1, got 2"),
        ({"json": {"$.a": "${x}"}}, b'{"a": [1]}', ""),
        ({"json": {"$.a": "${x}"}}, b'{"a": [2]}', "expected $.a to equal [1], got [2]"),
        ({"json": {"$.a": {"length": "${n}"}}}, b'{"a": [2]}', ""),
        ({"json": {"$.a": 1}}, b'{"a": NaN}', "expected a JSON body"),
        ({"json": {"$.a": 1}}, b"\xff", "expected a body that can be read: the body is not valid utf-8"),
        ({"json": {"$..a": [1]}}, b'{"b": {"a": 1}}', ""),
        ({"body": "x${n}"}, b"x1", ""),
        ({"body": {"contains": "x"}}, b"yz", 'expected body to contain "x"'),
        ({"headers": {"x-id": "${n}"}}, b"", ""),
        ({"status": 404}, b"", "expected status 404, got 200"),
    ],
)
def test_answers_are_judged_as_a_suite_does(expect: dict[str, Any], body: bytes, failure: str) -> None:
    judge = AnswerCheck(expect, {})
    values = {"x": [1], "n": 1}
    reply = HttpReply(status=200, headers=(("X-Id", "1"),), body=body, elapsed=0.1, url="/")
    failures = () if judge.holds(200, body, values) else judge.failures(reply, values)
    assert [sentence(one).startswith(failure) for one in failures] == ([True] if failure else [])


def test_regular_expressions_need_no_second_look() -> None:
    judge = AnswerCheck({"status": 200, "json": {"$.a": {"matches": "^x$"}}}, {})
    assert judge.holds(200, b'{"a": "x"}', {})


def test_captures_are_taken_from_good_answers_only() -> None:
    captures = {"a": {"json": "$.a"}, "id": {"header": "x-id"}, "word": {"regex": "w(.)"}}
    values: dict[str, Any] = {}
    none: dict[str, Any] = {}
    judge, quick = (
        AnswerCheck({"status": 200}, captures),
        AnswerCheck({"status": 200}, {"b": {"json": "$.b"}}),
    )
    reply = HttpReply(status=200, headers=(("X-Id", "7"),), body=b'{"a": "w1"}', elapsed=0.1, url="/")
    assert not judge.holds(200, reply.body, values)
    assert judge.failures(reply, values) == ()
    assert values == {"a": "w1", "id": "7", "word": "1"}
    assert not quick.holds(200, reply.body, none)
    assert sentence(quick.failures(reply, none)[0]).startswith("cannot capture b: there is no $.b")
    assert none == {}
