from __future__ import annotations

from pathlib import Path

import pytest

from tests.comparison.plans import changes, plan, said

API = plan("{id: api, kind: api, suite: suite.yaml}")


def suite(*requests: str, rest: str = "") -> str:
    lines = "".join(f"      - {{id: r{number}, url: /x, {one}}}\n" for number, one in enumerate(requests))
    return f"suite: 1\n{rest}flows:\n  - id: f\n    requests:\n{lines}"


OK = "expect: {status: 200}"
CASES = [
    (suite(OK, OK), suite(OK), "weaker: check api request f/r1: GET /x -> removed"),
    (suite(OK), suite(OK, OK), "stronger: check api request f/r1: not there -> GET /x"),
    (suite(OK), suite("expect: {status: 2xx}"), "weaker: check api request f/r0 expect status: 200 -> 2xx"),
    (
        suite("expect: {status: [200, 201]}"),
        suite(OK),
        "stronger: check api request f/r0 expect status: [200, 201] -> 200",
    ),
    (suite(OK), suite("expect: {status: 404}"), "changed: check api request f/r0 expect status: 200 -> 404"),
    (
        suite("expect: {json: {$.a: 1, $.b: 2}}"),
        suite("expect: {json: {$.a: 1}}"),
        "weaker: check api request f/r0 expect json $.b: 2 -> removed",
    ),
    (
        suite("expect: {json: {$.a: 1}}"),
        suite("expect: {json: {$.a: {gte: 1}}}"),
        'weaker: check api request f/r0 expect json $.a: 1 -> {"gte": 1}',
    ),
    (
        suite("expect: {headers: {X-A: b}}"),
        suite("expect: {headers: {x-a: {matches: b}}}"),
        'weaker: check api request f/r0 expect header x-a: b -> {"matches": "b"}',
    ),
    (
        suite("expect: {latency: < 500ms}"),
        suite("expect: {latency: {lt: 1s}}"),
        'weaker: check api request f/r0 expect latency: < 500ms -> {"lt": "1s"}',
    ),
    (
        suite("expect: {body: {contains: hello}, status: 200}"),
        suite(OK),
        'weaker: check api request f/r0 expect body: {"contains": "hello"} -> removed',
    ),
    (
        suite("expect: {schema: {type: object}}"),
        suite("expect: {schema: {type: [object, array]}}"),
        'changed: check api request f/r0 expect schema: {"type": "object"} -> {"type": ["object", "array"]}',
    ),
    (suite(OK), suite(f"{OK}, retry: {{attempts: 3}}"), "weaker: check api request f/r0 attempts: 1 -> 3"),
    (
        suite(OK),
        suite(f"{OK}, until: {{status: 200}}"),
        'weaker: check api request f/r0 until: not there -> {"status": 200}',
    ),
    (
        suite(f"{OK}, until: {{status: 200}}"),
        suite(f"{OK}, until: {{status: 200, within: 2m}}"),
        "weaker: check api request f/r0 until within: 30 s -> 2m 00s",
    ),
    (suite(OK), suite(f"{OK}, follow: true"), "weaker: check api request f/r0 follow: false -> true"),
    (
        suite(f"{OK}, timeout: 1s"),
        suite(f"{OK}, timeout: 2s"),
        "weaker: check api request f/r0 timeout: 1 s -> 2 s",
    ),
    (suite(OK), suite(f"{OK}, method: put"), "changed: check api request f/r0 method: GET -> PUT"),
    (
        suite(f"{OK}, each: [1, 2]"),
        suite(f"{OK}, each: [2]"),
        "weaker: check api request f/r0 each 1: 1 -> removed",
    ),
    (
        suite(f"{OK}, each: {{a: 1, b: 2}}"),
        suite(f"{OK}, each: {{a: 1, b: 3}}"),
        "changed: check api request f/r0 each b: 2 -> 3",
    ),
    (
        suite(OK, rest="setup: [{id: s, url: /s, expect: {status: 201}}]\n"),
        suite(OK),
        "weaker: check api flow (setup): 1 request -> removed",
    ),
    (suite(OK), suite(OK, rest="base: /v2\n"), "changed: check api suite base: / -> /v2"),
]


@pytest.mark.parametrize(("before", "after", "wanted"), CASES, ids=[wanted for _, _, wanted in CASES])
def test_what_became_of_a_suite_is_said_in_a_line(
    before: str, after: str, wanted: str, tmp_path: Path
) -> None:
    assert said(changes(tmp_path, API, API, {"suite.yaml": before}, {"suite.yaml": after})) == [wanted]


def test_a_removed_flow_is_one_line_at_its_place(tmp_path: Path) -> None:
    two = suite(OK) + f"  - id: g\n    requests: [{{id: a, url: /, {OK}}}]\n"
    (gone,) = changes(tmp_path, API, API, {"suite.yaml": two}, {"suite.yaml": suite(OK)})
    assert said((gone,)) == ["weaker: check api flow g: 1 request -> removed"]
    assert gone.source == "suite.yaml:6"


def test_rows_of_a_file_and_journeys_under_load_are_looked_at_too(tmp_path: Path) -> None:
    text = plan("{id: j, kind: load, flow: suite.yaml#f, rate: 1/s}")
    files = {"suite.yaml": suite(OK)}
    looser = {"suite.yaml": suite("expect: {status: 2xx}")}
    assert said(changes(tmp_path, text, text, files, looser)) == [
        "weaker: check j request f/r0 expect status: 200 -> 2xx"
    ]
    rows = {"suite.yaml": suite(f"{OK}, each: {{csv: rows.csv}}")}
    (found,) = changes(tmp_path, API, API, {**rows, "rows.csv": "a\n1\n2\n"}, {**rows, "rows.csv": "a\n1\n"})
    assert (found.direction, found.item) == ("changed", "check api request f/r0 each")


def test_another_order_of_requests_is_looked_at(tmp_path: Path) -> None:
    first, second = (f"{{id: {id}, url: /, {OK}}}" for id in "ab")
    whole = "suite: 1\nflows: [{id: f, requests: [%s, %s]}]\n"
    files = [{"suite.yaml": whole % pair} for pair in ((first, second), (second, first))]
    assert said(changes(tmp_path, API, API, *files)) == ["changed: check api flow f order: a, b -> b, a"]
