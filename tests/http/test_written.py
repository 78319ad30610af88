"""What is written of a request stays as it is written, wherever it goes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base import yaml
from phasegate.http.expectations.expectation import Expect
from phasegate.http.suites.build_request import ComposeError, compose
from phasegate.http.suites.suite import Request, Suite
from phasegate.kinds.command.params import CommandParams
from phasegate.load.journeys.build_request import requests_of
from phasegate.load.journeys.template import Template
from phasegate.world import Destination, HttpReply, HttpRequest
from tests.base.test_scalars import NUMBERS
from tests.telling import raises
from tests.worlds import StaticAddresses

SCALARS = (
    "1.10",
    "01234",
    "+4912",
    "0x1F",
    "0o17",
    "1e3",
    "1E3",
    "1_000",
    "12:30",
    ".5",
    "5.",
    "1.0",
    "-0",
    "007",
    "1e400",
    ".inf",
    "-.INF",
    ".nan",
    "=",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "true",
    "false",
    "yes",
    "Off",
    "9" * 30,
    "9" * 5_000,
)


def suite(request: str) -> Suite:
    tree = yaml.parse(
        f"suite: 1\nflows: [{{id: f, requests: [{{id: r, url: /x, expect: {{status: 200}}, {request}}}]}}]",
        "s",
    ).tree
    return Suite.model_validate(tree)


def made(request: Request, values: Mapping[str, Any]) -> HttpRequest:
    base = Destination(url="http://h")
    return compose(
        request, target=StaticAddresses(), base=base, common={}, values=values, sources={}, timeout=1.0
    )


def sent(request: str) -> list[HttpRequest]:
    (one,) = suite(request).flows[0].requests
    return [made(one, {} if row is None else row.values) for row in one.rows() or (None,)]


def sent_under_load(request: str) -> list[bytes]:
    (one,) = suite(request).flows[0].requests
    made = requests_of(one, base="http://h", common={}, shared=lambda _: (), known={}, timeout=1.0, part="")
    return [Template(each.head).fill({}) + b"\r\n" + Template(each.body or ()).fill({}) for each in made]


def headers(request: HttpRequest) -> str:
    return dict(request.headers)["X-It"]


def query(request: HttpRequest) -> str:
    return parse_qs(urlsplit(request.url).query)["it"][-1]


def form(request: HttpRequest) -> str:
    return parse_qs((request.body or b"").decode())["it"][-1]


def body(request: HttpRequest) -> str:
    return (request.body or b"").decode()


def part(request: HttpRequest) -> str:
    return body(request).split("\r\n\r\n")[1].split("\r\n")[0]


PLACES: dict[str, tuple[str, Callable[[HttpRequest], str]]] = {
    "header": ("headers: {{X-It: {0}}}", headers),
    "query": ("query: {{it: {0}}}", query),
    "list of a query": ("query: {{it: [a, {0}]}}", query),
    "form": ("method: POST, form: {{it: {0}}}", form),
    "list of a form": ("method: POST, form: {{it: [a, {0}]}}", form),
    "multipart": ("method: POST, multipart: {{it: {0}}}", part),
    "multipart content": ("method: POST, multipart: {{it: {{content: {0}}}}}", part),
    "body": ("method: POST, body: {0}", body),
    "entry of each": ("each: [{0}], headers: {{X-It: '${{each}}'}}", headers),
    "named entry of each": ("each: {{a: {0}}}, query: {{it: '${{each}}'}}", query),
    "column of each": ("each: [{{it: {0}}}], method: POST, form: {{it: '${{it}}'}}", form),
    "column in a longer text": ("each: [{{it: {0}}}], method: POST, body: '<${{it}}>'", body),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_arrive_as_written_wherever_text_is_asked_for(place: str, scalar: str) -> None:
    template, read = PLACES[place]
    (request,) = sent(template.format(scalar))
    assert read(request) == (f"<{scalar}>" if "longer" in place else scalar)


@pytest.mark.parametrize("place", [name for name in PLACES if "multipart" not in name])
@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_arrive_as_written_under_load_too(place: str, scalar: str) -> None:
    template, _ = PLACES[place]
    assert sent_under_load(template.format(scalar)) == sent_under_load(template.format(json.dumps(scalar)))


@given(NUMBERS, st.sampled_from(sorted(PLACES)))
def test_any_number_arrives_as_it_is_written(scalar: str, place: str) -> None:
    template, read = PLACES[place]
    (request,) = sent(template.format(scalar))
    assert read(request).strip("<>") == scalar


@given(NUMBERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_number_in_a_data_file_arrives_as_it_is_written(tmp_path: Path, scalar: str) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([["it"], [scalar]])
    (tmp_path / "rows.csv").write_text(table.getvalue())
    files = [("csv", tmp_path / "rows.csv")]
    if scalar.isdigit() and (scalar == "0" or scalar[0] != "0"):
        (tmp_path / "rows.jsonl").write_text(f'{{"it": {scalar}.10}}')
        files.append(("jsonl", tmp_path / "rows.jsonl"))
    for kind, file in files:
        (request,) = sent(f"each: {{{kind}: '{file}'}}, headers: {{X-It: '${{it}}'}}")
        assert headers(request) == (scalar if kind == "csv" else f"{scalar}.10")


@pytest.mark.parametrize("place", ["header", "query", "list of a query", "form", "list of a form"])
@pytest.mark.parametrize("scalar", ["null", "~", "Null"])
def test_null_where_text_is_asked_for_is_refused(place: str, scalar: str) -> None:
    template, _ = PLACES[place]
    with pytest.raises(ValidationError, match="write the text in quotes"):
        sent(template.format(scalar))


REPLY = HttpReply(status=200, headers=(("X-It", "1.10"),), body=b"1.10", elapsed=0.1, url="http://h/x")


@pytest.mark.parametrize("operators", ["{0}", "{{eq: {0}}}", "{{contains: {0}}}", "{{one_of: [a, {0}]}}"])
@pytest.mark.parametrize("name", ["headers: {{X-It: {0}}}", "body: {0}"])
@pytest.mark.parametrize(("scalar", "holds"), [("1.10", True), ("1.1", False), ("01.10", False)])
def test_expected_text_is_what_is_written(name: str, operators: str, scalar: str, holds: bool) -> None:
    if "contains" in operators and scalar == "1.1":
        holds = True
    written = yaml.parse(f"{{{name.format(operators.format(scalar))}}}", "e").tree
    assert (Expect.model_validate(written).compile().check(REPLY) == ()) is holds


@pytest.mark.parametrize("scalar", ["3.10", "0x1F", "+49", "1e3"])
def test_arguments_variables_and_output_of_a_command_are_what_is_written(scalar: str) -> None:
    text = f"{{command: [run, {scalar}], env: {{IT: {scalar}}}, expect: {{output: {scalar}}}}}"
    params = CommandParams.model_validate(yaml.parse(text, "p").tree)
    assert params.command == ("run", scalar)
    assert params.env == {"IT": scalar}
    assert params.expect is not None
    assert params.expect.matchers()["output"].check(scalar) is None
    assert params.expect.matchers()["output"].check("3.1") is not None


@pytest.mark.parametrize("key", ["headers: {X-A: 1, x-a: 2}", "expect: {headers: {ETag: a, etag: b}}"])
def test_two_spellings_of_one_header_are_refused_at_the_second(key: str) -> None:
    request = f"{{id: r, url: /x, {key if 'expect' in key else key + ', expect: {status: 200}'}}}"
    with pytest.raises(ValidationError) as raised:
        Suite.model_validate(yaml.parse(f"suite: 1\nflows: [{{id: f, requests: [{request}]}}]", "s").tree)
    (error,) = raised.value.errors()
    assert "are one header" in error["msg"]
    assert error["loc"][-1] in ("x-a", "etag")


@pytest.mark.parametrize("scalar", [".inf", "-.Inf", ".nan", "1e400", "!!float .nan"])
@pytest.mark.parametrize("document", ["{0}", "{{a: [1, {0}]}}"])
def test_what_json_lacks_is_refused_where_json_is_sent_or_expected(scalar: str, document: str) -> None:
    written = document.format(scalar)
    for request in (f"method: POST, json: {written}", f"until: {{json: {{$.a: {{eq: {written}}}}}}}"):
        with pytest.raises(ValidationError, match="not a JSON number"):
            sent(request)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_lacks_is_not_sent_when_it_comes_by_a_value(value: float) -> None:
    (one,) = suite("method: POST, json: {a: '${env.it}'}").flows[0].requests
    with raises(ComposeError, match="not a JSON number"):
        made(one, {"env.it": value})


def test_json_keeps_numbers_and_their_digits() -> None:
    (request,) = sent(
        f"method: POST, json: {{a: 1.10, b: 01234, c: +4912, d: 0x1F, e: .5, f: {'9' * 5_000}}}"
    )
    assert body(request) == f'{{"a": 1.10, "b": 1234, "c": 4912, "d": 31, "e": 0.5, "f": {"9" * 5_000}}}'
    assert sent_under_load("method: POST, json: {a: 1.10, b: 01234}")[0].endswith(b'{"a": 1.10, "b": 1234}')
