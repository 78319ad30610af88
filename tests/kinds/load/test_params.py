"""What a plan may say of a load of our own engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.kinds.load.params import LoadParams

UP = {"duration": "2s", "rate": "100/s"}
CLOSED = {"duration": "2s", "connections": 8}


def params(**written: Any) -> LoadParams:
    return LoadParams.model_validate({"url": "/health", **written})


def test_data_go_with_neither_a_body_from_a_file_nor_a_unix_socket(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": 1}\n')
    with pytest.raises(ValidationError) as caught:
        params(**UP, data={"jsonl": rows}, unix="/run/app.sock", body={"file": rows})
    assert [error["loc"] for error in caught.value.errors()] == [("body",), ("unix",)]


def test_upload_from_a_file_is_not_sent_after_redirects(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"x")
    with pytest.raises(ValidationError, match="sent to one address only"):
        params(**UP, body={"file": tmp_path / "upload"}, follow=True)


@pytest.mark.parametrize(
    ("written", "where", "message"),
    [
        ({}, (), "choose a model: rate: 200/s"),
        ({"stages": []}, ("stages",), "an empty list has no stage"),
        ({"stages": [{"duration": "1s"}]}, ("stages", 0), "either rate: 200/s"),
        ({"stages": [UP, {"duration": "1s", "connections": 2}]}, ("stages", 1, "connections"), "one model"),
        ({"stages": [{**UP, "duration": "0s"}]}, ("stages",), "of 0 s together send nothing"),
        ({"stages": [{**UP, "rate": "0/s"}]}, ("stages",), "never leave 0 send nothing"),
        ({"stages": [UP], "rate": "5/s"}, ("rate",), "leave rate or stages out"),
        ({"stages": [UP], "duration": "5s"}, ("duration",), "leave duration or stages out"),
        ({"stages": [UP], "ramp": "5s"}, ("ramp",), "leave ramp or stages out"),
        ({"stages": [CLOSED], "connections": 5}, ("connections",), "leave connections or stages out"),
        ({"stages": [CLOSED], "workers": 9}, ("workers",), "9 workers cannot share 8 connections"),
        ({"rate": "1/s", "abort_on": {"for": "5s"}}, ("abort_on",), "no condition; write one like"),
        (
            {"rate": "1/s", "abort_on": {"success_rate": "> 50%"}},
            ("abort_on", "success_rate"),
            "does not say what damage is; write it like '< 50%'",
        ),
        (
            {"rate": "1/s", "abort_on": {"latency.p95": "> 50"}},
            ("abort_on", "latency.p95"),
            "'50' is not a time",
        ),
        ({"rate": 200}, ("rate",), "200 has no unit"),
        ({"rate": "0/s"}, ("rate",), "sends nothing"),
        ({"rate": "5/s", "duration": "0s"}, ("duration",), "sends nothing"),
        ({"rate": "5/s", "timeout": "0s"}, ("timeout",), "no request succeed"),
        ({"rate": "5/s", "duration": "1s", "ramp": "2s"}, ("ramp",), "longer than the duration"),
        ({"connections": 2, "workers": 3}, ("workers",), "3 workers cannot share 2 connections"),
        ({"connections": 0}, ("connections",), "greater than or equal to 1"),
        ({"connections": 1, "body": "x", "json": {}}, ("json",), "keep one"),
        ({"connections": 1, "headers": {"a b": "c"}}, ("headers",), "'a b' is not a header name"),
        ({"connections": 1, "headers": {"a": "c\r\nd: e"}}, ("headers",), "contains a line break"),
        ({"connections": 1, "vus": 4}, ("vus",), "Extra inputs are not permitted"),
        ({"connections": 1, "expect": {"status": 99}}, ("expect", "status"), "not an HTTP status"),
    ],
)
def test_what_cannot_work_is_a_plan_error_at_its_place(
    written: dict[str, Any], where: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        params(**written)
    assert [(error["loc"], message in error["msg"]) for error in caught.value.errors()] == [(where, True)]


def test_several_mistakes_are_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        params(rate="0/s", duration="1s", ramp="2s")
    assert caught.value.error_count() == 2


@pytest.mark.parametrize(
    ("written", "where", "words"),
    [
        ({"streams": 4}, "streams", "add protocol: http/2"),
        (
            {"protocol": "http/2", "headers": {"Connection": "close"}},
            "headers",
            "HTTP/2 has no header 'Connection'",
        ),
        ({"protocol": "http/2", "mix": [{"url": "/a"}], "url": None}, "protocol", "HTTP/2 goes with one url"),
        ({"protocol": "http/3"}, "protocol", "'http/1.1' or 'http/2'"),
    ],
)
def test_what_does_not_go_with_http2_is_a_plan_error(written: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        params(**UP, **written)
    assert [
        error["msg"] for error in caught.value.errors() if error["loc"] == (where,) and words in error["msg"]
    ]
