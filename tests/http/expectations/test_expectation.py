"""`expect` as written, compiled and checked against replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.http.expectations.expectation import Expect, Expectation, is_of_answer
from phasegate.http.messages.header_lines import header_text
from phasegate.render.sentences import sentence
from phasegate.world import HttpReply


def reply(
    body: Any = b"", *, status: int = 200, elapsed: float = 0.01, headers: tuple[tuple[str, str], ...] = ()
) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status=status, headers=headers, body=content, elapsed=elapsed, url="http://x/")


def check(written: dict[str, Any], answer: HttpReply) -> tuple[str, ...]:
    return tuple(map(sentence, Expect.model_validate(written).compile().check(answer)))


def messages(written: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as error:
        Expect.model_validate(written)
    return [one["msg"] for one in error.value.errors()]


def test_without_expectations_2xx_is_success_and_nothing_else() -> None:
    assert Expectation().check(reply(status=204)) == ()
    assert [*map(sentence, Expectation().check(reply(status=302)))] == ["expected status 2xx, got 302"]
    assert not Expect().asserts


@pytest.mark.parametrize(
    ("written", "good", "bad"),
    [
        (200, [200], [201, 500]),
        ("2xx", [200, 299], [300]),
        ([200, "4xx"], [200, 404], [201, 500]),
        ("404", [404], [200]),
    ],
)
def test_status_is_a_number_a_class_or_a_list(written: Any, good: list[int], bad: list[int]) -> None:
    for status in good:
        assert check({"status": written}, reply(status=status)) == ()
    for status in bad:
        assert len(check({"status": written}, reply(status=status))) == 1


def test_a_body_that_looks_right_under_an_error_status_is_no_success() -> None:
    failures = check({"json": {"$.status": "ok"}}, reply({"status": "ok"}, status=500))
    assert failures == ("expected status 2xx, got 500",)


def test_every_failed_expectation_is_named() -> None:
    written = {
        "status": 200,
        "headers": {"X-Id": 42, "Content-Type": {"contains": "json"}},
        "json": {"$.status": "ok", "$.items": {"length": 2}},
        "latency": "< 5ms",
    }
    answer = reply({"status": "down"}, status=500, headers=(("x-id", "41"),), elapsed=0.02)
    assert check(written, answer) == (
        "expected status 200, got 500",
        'expected header X-Id to equal "42", got "41"',
        'expected header Content-Type to contain "json", got nothing',
        'expected $.status to equal "ok", got "down"',
        "expected $.items to have a length of 2, got nothing",
        "expected latency less than 5ms, got 20 ms",
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"NaN", b'{"a": Infinity}', b"[" * 200_000, b"\xff\xfe\x00", b"1" * 5_000]
)
def test_hostile_bodies_are_not_json_and_no_crash(body: bytes) -> None:
    failures = check({"json": {"$.a": 1}}, reply(body))
    assert len(failures) == 1
    assert len(failures[0]) < 400


def test_body_is_text_in_its_charset() -> None:
    latin = reply("grüß".encode("latin-1"), headers=(("Content-Type", "text/plain; charset=ISO-8859-1"),))
    assert check({"body": "grüß"}, latin) == ()


def test_body_that_is_no_text_in_its_charset_passes_nothing_and_is_named() -> None:
    for wanted in ({"matches": "^gr"}, {"not_matches": "x"}, {"ne": ""}):
        assert check({"body": wanted}, reply(b"gr\xff")) == (
            "expected a body that can be read: the body is not valid utf-8 at byte 2",
        )


@pytest.mark.parametrize(
    ("written", "met"),
    [
        ("< 500ms", True),
        ("<= 0.1s", True),
        ({"lt": "50ms"}, False),
        ({"gte": "50ms", "lt": "1s"}, True),
        ("> 1s", False),
    ],
)
def test_latency_compares_times(written: Any, met: bool) -> None:
    assert (check({"latency": written}, reply(elapsed=0.1)) == ()) is met


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"status": 20}, "not an HTTP status"),
        ({"status": "6xx"}, "not an HTTP status"),
        ({"status": []}, "allows nothing"),
        ({"json": {"status": "ok"}}, "begins with $"),
        ({"json": {"$.a": {"is": 1}}}, "unknown operator 'is'"),
        ({"json": {"$.a[*]": 1}}, "selects a list"),
        ({"latency": "500ms"}, "write it like < 500ms"),
        ({"latency": "< 500"}, "is not a time"),
        ({"latency": {"lt": 5}}, "no unit"),
        ({"latency": "< 5 parsecs"}, "unknown unit"),
        ({"schema": {"type": "strin"}}, "not a JSON Schema"),
        ({"schema": {"$ref": "https://example.org/x.json"}}, "leads outside"),
        ({"schema": {"format": "iri"}}, "cannot be checked"),
    ],
)
def test_what_can_never_work_is_refused_when_it_is_read(written: dict[str, Any], says: str) -> None:
    assert any(says in message for message in messages(written)), messages(written)


def test_all_problems_come_at_once_each_at_its_place() -> None:
    with pytest.raises(ValidationError) as error:
        Expect.model_validate({"status": "20", "json": {"a": 1, "$.b": {"x": 1}}})
    assert [one["loc"] for one in error.value.errors()] == [("status",), ("json", "a"), ("json", "$.b")]


def test_templates_wait_for_their_values() -> None:
    written = Expect.model_validate(
        {"status": "${code}", "json": {"$.id": "${id}", "$.a": {"gt": "${least}"}}}
    )
    compiled = written.filled({"code": 201, "id": 7, "least": 3}).compile()
    assert compiled.check(reply({"id": 7, "a": 4}, status=201)) == ()
    assert len(compiled.check(reply({"id": "7", "a": 3}, status=200))) == 3


def test_a_doubled_dollar_is_one_dollar_in_the_end() -> None:
    written = Expect.model_validate({"body": "5$$"})
    assert written.templated
    assert written.filled({}).compile().check(reply(b"5$")) == ()


SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "next": {"$ref": "#/$defs/node"},
    },
    "$defs": {
        "node": {"type": "object", "properties": {"$ref": {"type": "string"}, "format": {"enum": ["x"]}}}
    },
}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"id": 1, "at": "2025-07-18T10:00:00Z", "next": {"$ref": "a", "format": "x"}}, None),
        ({}, "$: 'id' is a required property"),
        ({"id": "1"}, "$.id: '1' is not of type 'integer'"),
        ({"id": 1, "at": "yesterday"}, "$.at: 'yesterday' is not a 'date-time'"),
        ({"id": 1, "next": {"format": "y"}}, "$.next.format"),
    ],
)
def test_bodies_are_held_against_a_schema(body: Any, says: str | None) -> None:
    failures = check({"schema": SCHEMA}, reply(body))
    if says is None:
        assert failures == ()
    else:
        assert says in failures[0]


def test_a_schema_may_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    assert check({"schema": str(path)}, reply({"id": 1})) == ()
    assert len(check({"schema": str(path)}, reply({}))) == 1
    path.write_text("{")
    assert "is not JSON" in messages({"schema": str(path)})[0]


def test_a_body_with_a_thousand_violations_gives_a_few_lines() -> None:
    failures = check({"schema": {"items": {"type": "string"}}}, reply(list(range(1000))))
    assert 1 <= len(failures) <= 3


@pytest.mark.parametrize(
    "written",
    [
        {"status": ["1xx", "2xx", "3xx", "4xx", "5xx"]},
        {"json": {}},
        {"headers": {}},
        {"schema": {}},
        {"schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "anything"}},
        {"body": {"matches": ".*"}},
        {"body": {"exists": True}},
        {"body": {"contains": ""}},
        {"latency": "> 0s"},
    ],
)
def test_expectation_that_cannot_fail_is_refused(written: dict[str, Any]) -> None:
    (message,) = messages(written)
    assert "nothing" in message


def test_path_that_selects_nothing_does_not_exist() -> None:
    assert check({"json": {"$..id": {"exists": True}}}, reply({"items": []})) != ()
    assert check({"json": {"$..id": {"exists": True}}}, reply({"id": None})) == ()


CHARSETS = {
    "utf-8": "grüße 停止",
    "shift_jis": "エラー 停止",
    "EUC-JP": "エラー 停止",
    "gbk": "错误",
    "utf-16": "grüße",
    "ISO-8859-2": "wróg",
    "big5": "錯誤",
    "euc-kr": "오류",
}
BROKEN = {name: b"\xff" for name in CHARSETS if name not in ("utf-16", "ISO-8859-2")} | {"utf-16": b"\x00"}


@given(st.sampled_from(sorted(CHARSETS)), st.sampled_from(["{}", '"{}"', "'{}'"]), st.booleans())
def test_body_is_read_by_the_charset_it_declares(name: str, quotes: str, upper: bool) -> None:
    text = CHARSETS[name]
    kind = f"text/plain; Charset={quotes.format(name.upper() if upper else name)}"
    answer = reply(text.encode(name), headers=(("content-type", kind),))
    assert check({"body": text}, answer) == ()
    assert len(check({"body": {"not_matches": text}}, answer)) == 1


@given(st.sampled_from(sorted(BROKEN)), st.integers(0, 5))
def test_nothing_passes_on_bytes_that_are_no_text(name: str, before: int) -> None:
    body = ("x" * before).encode(name) + BROKEN[name]
    answer = reply(body, headers=(("content-type", f"text/plain; charset={name}"),))
    for wanted in (
        {"not_matches": "ERROR"},
        {"ne": "ERROR"},
        {"matches": "^x*."},
        {"length": {"lte": 9}},
    ):
        (failure,) = check({"body": wanted}, answer)
        assert f"the body is not valid {name.lower()} at byte " in failure


@given(st.text(max_size=60))
def test_any_content_type_is_a_charset_or_a_failure_by_name(kind: str) -> None:
    answer = reply(b"plain", headers=(("Content-Type", f"text/plain; charset={kind}"),))
    for failure in check({"body": "plain"}, answer):
        assert failure.startswith(("expected a body that can be read: ", "expected body to equal")), failure


@given(st.binary(max_size=60))
def test_header_value_of_any_bytes_is_text(value: bytes) -> None:
    text = header_text(value)
    assert text.encode("utf-8") == value or text.encode("latin-1") == value
    assert check({"headers": {"x": {"eq": text}}}, reply(headers=(("X", text),))) == ()


@pytest.mark.parametrize(
    ("expect", "of_answer"),
    [({"status": 201}, True), ({"latency": "< 1ms"}, False), ({"status": 201, "latency": "< 1ms"}, True)],
)
def test_a_failure_is_of_the_answer_or_of_its_time_alone(expect: dict[str, Any], of_answer: bool) -> None:
    reply = HttpReply(status=200, headers=(), body=b"", elapsed=1.0, url="http://a.test/")
    failures = Expect.model_validate(expect).compile().check(reply)
    assert failures
    assert is_of_answer(failures) is of_answer
