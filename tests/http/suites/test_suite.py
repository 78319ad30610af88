"""Suite files: what is accepted, and what is said about the rest."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.errors import Position
from phasegate.base.fields import Located
from phasegate.http.suites.rows import rows_in_file
from phasegate.http.suites.suite import Suite

OK = {"status": 200}


def suite(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"suite": 1, "flows": [{"id": "f", "requests": list(requests)}], **more}


def request(**settings: Any) -> dict[str, Any]:
    return {"id": "r", "url": "/x", "expect": OK} | settings


def problems(written: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as error:
        Suite.model_validate(written)
    return [(one["loc"], one["msg"]) for one in error.value.errors()]


def test_a_full_suite_is_accepted() -> None:
    written = suite(
        request(
            id="create",
            title="a session can be opened",
            method="post",
            url="/sessions/${token}",
            headers={"X-Count": 3, "X-On": True},
            query={"page": [1, 2]},
            json={"name": "${token}"},
            capture={
                "id": "$.id",
                "place": {"header": "Location"},
                "n": {"regex": r"n=(\d+)", "secret": True},
            },
            retry={"attempts": 3, "wait": "10ms"},
            timeout="2s",
            follow=True,
        ),
        request(
            id="poll", url="/s/${id}", until={"json": {"$.state": "done"}, "within": "5s", "every": "1s"}
        ),
        request(id="rows", url="/r/${each}", each={"a": 1, "b": 2}, form={"x": "${n}"}),
        request(id="lines", url="/${col}", each=[{"col": "x"}, {"col": "y"}], body="text"),
        base="http://127.0.0.1:1/api",
        headers={"Accept": "application/json"},
        setup=[request(id="login", capture={"token": {"json": "$.token", "secret": True}})],
        teardown=[request(id="logout", headers={"Authorization": "Bearer ${token}"})],
    )
    loaded = Suite.model_validate(written)
    first = loaded.flows[0].requests[0]
    assert first.method == "POST"
    assert first.headers == {"X-Count": "3", "X-On": "true"}
    assert [row.label for row in loaded.flows[0].requests[2].rows() or ()] == ["a", "b"]
    assert [row.label for row in loaded.flows[0].requests[3].rows() or ()] == ["1", "2"]


@pytest.mark.parametrize("missing", [{}, {"expect": {}}, {"expect": {"status": None}}])
def test_a_request_that_expects_nothing_is_an_error(missing: dict[str, Any]) -> None:
    [(place, message)] = problems(suite({"id": "r", "url": "/x"} | missing))
    assert place == ("flows", 0, "requests", 0)
    assert "request 'r' asserts nothing" in message


def test_until_is_an_assertion() -> None:
    Suite.model_validate(suite({"id": "r", "url": "/x", "until": {"status": 200}}))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (request(url="x"), "neither a path"),
        (request(json={}, body="x"), "one body"),
        (request(method="GET /"), "String should match"),
        (request(id="Bad Id"), "String should match"),
        (request(until={}), "nothing to wait for"),
        (request(until=OK, retry={}), "not both"),
        (request(each=[1], capture={"a": "$.a"}), "last row only"),
        (request(capture={"a": {}}), "exactly one of json, header and regex"),
        (request(capture={"a": "a.b"}), "not a JSONPath"),
        (request(capture={"a": {"regex": "("}}), "not a regular expression"),
        (request(capture={"a.b": "$.a"}), "cannot be the name of a capture"),
        (request(multipart={"a": {"content": "x", "file": "y"}}), "either content or file"),
        (request(timeout=5), "has no unit"),
        (request(retry={"attempts": 0}), "greater than or equal to 1"),
        (request(expct=OK), "Extra inputs are not permitted"),
        (request(url="/${nobody}"), "uses ${nobody}, which nothing before it captures"),
        (request(url="/${later}", capture={"later": "$.x"}), "uses ${later}"),
        (request(each={"csv": "a", "jsonl": "b"}), "either csv or jsonl"),
    ],
)
def test_mistakes_are_said_in_clear_words(wrong: dict[str, Any], says: str) -> None:
    assert any(says in message for _, message in problems(suite(wrong)))


def test_mistakes_between_requests_come_at_once_with_their_places() -> None:
    flows = [
        {"id": "a", "requests": [request(capture={"x": "$.x"}), request()]},
        {"id": "a", "requests": [request(url="/${x}")]},
        {"id": "setup", "tags": ["b"], "requests": [request()]},
        {"id": "b", "requests": [request(body="${y}")]},
    ]
    found = problems({"suite": 1, "flows": flows})
    assert {place for place, _ in found} == {
        ("flows", 0, "requests", 1, "id"),
        ("flows", 1, "id"),
        ("flows", 1, "requests", 0),
        ("flows", 2, "id"),
        ("flows", 3, "id"),
        ("flows", 3, "requests", 0),
    }


def test_a_mistake_within_a_request_hides_none_between_requests() -> None:
    found = problems(suite(request(id="a", expct=1, url="/${nobody}"), request(id="a", expect={})))
    assert {place[3:] for place, _ in found} == {(0, "expct"), (0,), (1,), (1, "id")}


@pytest.mark.parametrize(
    "junk",
    [[], 5, "x", None, {"flows": 5}, {"flows": [5]}, {"flows": [{"requests": {"a": 1}}]}, {"setup": [[]]}],
)
def test_junk_is_refused_without_a_crash(junk: Any) -> None:
    assert problems(junk)


def test_captures_of_one_flow_are_not_seen_by_another_but_those_of_setup_are() -> None:
    flows = [
        {"id": "a", "requests": [request(capture={"mine": "$.x"})]},
        {"id": "b", "requests": [request(url="/${mine}/${common}")]},
    ]
    setup = [request(capture={"common": "$.x"})]
    [(place, message)] = problems({"suite": 1, "flows": flows, "setup": setup})
    assert place == ("flows", 1, "requests", 0)
    assert "captured so far: ${common}" in message


def test_target_addresses_and_literal_dollars_are_no_captures() -> None:
    Suite.model_validate(suite(request(url="/${target.app.port}", body="$$ $${x} 5$")))


def test_a_suite_without_requests_loads_and_is_found_out_when_it_runs() -> None:
    assert Suite.model_validate({"suite": 1}).flows == ()


def test_rows_come_from_csv_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("﻿name,size\na,1\nb,2\n")
    (tmp_path / "rows.jsonl").write_text('{"name": "a", "size": 1}\n\n{"name": "b", "size": [2]}\n')
    for key in ("csv", "jsonl"):
        each = {key: str(tmp_path / f"rows.{key}")}
        loaded = Suite.model_validate(suite(request(url="/${name}/${size}", each=each)))
        rows = loaded.flows[0].requests[0].rows() or ()
        assert [row.values["name"] for row in rows] == ["a", "b"]
        assert [row.label for row in rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"a,b\n1\n", "x.csv:2"),
        ("x.csv", b"a,b\n1,2,3\n", "x.csv:2"),
        ("x.csv", b"\xff\xfe", "not UTF-8"),
        ("x.jsonl", b'{"a": 1}\n{"a"\n', "x.jsonl:2"),
        ("x.csv", b"a,b,a\n1,2,3\n", "x.csv:1: there are several columns 'a'"),
        ("x.csv", b"\xef\xbb\xbfa,b, a\n1,2,3\n", "x.csv:1: there are several columns 'a'"),
        ("x.csv", b"a,,b,\n1,2,3,4\n", "x.csv:1: there are several columns ''"),
        ("x.csv", b"a,each\n1,2\n", "x.csv:1: a column cannot be called 'each'"),
        ("x.jsonl", b'{"a": 1}\n\n{"a": 1, "b": 2, "a": 3}\n', "x.jsonl:3: not a line of JSON: 'a' is there"),
        ("x.jsonl", b'{"a": {"b": 1, "b": 1}}\n', "x.jsonl:1"),
        ("x.jsonl", b'{"a": 1, "a ": 2}\n', "x.jsonl:1: there are several columns 'a'"),
        ("x.jsonl", b'{"each": 1}\n', "x.jsonl:1: a column cannot be called 'each'"),
        ("x.jsonl", b'{"a": NaN}\n', "x.jsonl:1: not a line of JSON: NaN is not JSON"),
        ("x.jsonl", b'{"a": 1}\n{"a": 1e400}\n', "x.jsonl:2: not a line of JSON: 1e400 is beyond"),
    ],
)
def test_a_broken_file_of_rows_is_a_plan_error(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert any(says in text for _, text in problems(suite(request(each={path.suffix[1:]: str(path)}))))


_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)


@given(st.lists(_NAMES, min_size=1, max_size=5, unique=True), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_column_that_is_there_twice_is_refused_whatever_its_name(
    tmp_path: Path, names: list[str], data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(names))
    spelling = data.draw(st.sampled_from([again, f" {again}", f"{again} "]))
    names.insert(data.draw(st.integers(0, len(names))), spelling)
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, ["x"] * len(names)])
    members = ", ".join(f"{json.dumps(name)}: 1" for name in names)
    (tmp_path / "rows.jsonl").write_text(f"{{{members}}}\n", encoding="utf-8")
    for kind in ("csv", "jsonl"):
        with pytest.raises(ValueError, match=rf"rows\.{kind}:1: "):
            rows_in_file(tmp_path / f"rows.{kind}", json_lines=kind == "jsonl")


@pytest.mark.parametrize("name", ["rows.ndjson", "rows.JSONL", "rows.txt"])
def test_json_lines_are_read_as_such_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"a": 1}\n')
    (row,) = rows_in_file(tmp_path / name, json_lines=True)
    assert row.values["a"] == 1


@pytest.mark.parametrize("each", [[{"each": 1}], {"one": {"each": 1}}])
def test_a_column_cannot_take_the_place_of_the_row(each: Any) -> None:
    assert any("cannot be called 'each'" in text for _, text in problems(suite(request(each=each))))


def test_a_column_cannot_take_the_place_of_a_capture() -> None:
    first = request(capture={"token": "$.token"})
    second = request(id="two", url="/${token}", each=[{"token": 1}])
    ((place, text),) = problems(suite(first, second))
    assert place[-1] == "each"
    assert text.startswith("the column 'token' would take the place of the value that is captured")


def test_a_request_knows_where_it_was_written() -> None:
    at = Position(file="suite.yaml", line=12)
    loaded = Suite.model_validate(suite(Located(request().items(), at=at)))
    assert loaded.flows[0].requests[0].at == at


def test_the_schema_for_editors_uses_the_written_names() -> None:
    properties = Suite.model_json_schema()["$defs"]["Request"]["properties"]
    assert {"json", "expect", "each"} <= properties.keys()
    assert "json_" not in properties
