"""`kind: openapi`: a server that holds its contract, and one that breaks it in each way."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.openapi.kind import OpenApiKind, OpenApiParams
from phasegate.model.measures import Share
from phasegate.model.observation import CaseStatus, Observation
from tests.answering import Asked, Reply, answering
from tests.kinds.openapi.shop import DOCUMENT, LEFT_OUT, answer, broken, good, observe, reply_json
from tests.telling import raises
from tests.worlds import world_at

PASSED, FAILED = CaseStatus.PASSED, CaseStatus.FAILED
SKIPPED, LOST = CaseStatus.SKIPPED, CaseStatus.LOST


def statuses(seen: Observation) -> dict[str, CaseStatus]:
    return {case.id: case.status for case in seen.cases}


def message(seen: Observation, id: str) -> str:
    return str(next(case.message for case in seen.cases if case.id == id))


def share(seen: Observation, name: str) -> tuple[int, int, int]:
    """Passed, missing and all."""
    found = seen.measures[name]
    assert isinstance(found, Share)
    return found.passed, found.skipped, found.total


async def test_a_server_that_holds_its_contract_is_covered_whole(tmp_path: Path) -> None:
    with answering(good) as url:
        seen = await observe(url, tmp_path, operations=["POST /orders"])
    assert statuses(seen) == {"GET /orders": PASSED, "POST /orders": PASSED, "GET /orders/{id}": PASSED}
    assert share(seen, "operations_covered") == (3, 0, 3)
    assert share(seen, "pass_rate") == (3, 0, 3)
    assert share(seen, "status_codes_covered") == (3, 3, 6)
    assert share(seen, "parameters_covered") == (2, 0, 2)


async def test_a_method_that_may_change_something_is_asked_only_where_the_plan_lists_it(
    tmp_path: Path,
) -> None:
    methods = []

    def record(asked: Asked) -> Reply:
        methods.append(asked.method)
        return good(asked)

    with answering(record) as url:
        seen = await observe(url, tmp_path)
    assert set(methods) == {"GET"}
    assert statuses(seen)["POST /orders"] is SKIPPED
    assert share(seen, "operations_covered") == (2, 1, 3)


async def test_what_the_plan_leaves_out_is_not_counted_and_named_in_a_note(tmp_path: Path) -> None:
    with answering(good) as url:
        seen = await observe(url, tmp_path, **LEFT_OUT)
    assert share(seen, "operations_covered") == (2, 0, 2)
    assert seen.notes == ("the plan leaves out POST /orders: not here",)


BREAKS: list[tuple[Reply, str]] = [
    (reply_json({}, 418), "status 418 is not documented; 200, 404 is"),
    (Reply(body=b"<p>hi", headers={"Content-Type": "text/html"}), "type text/html is not documented"),
    (Reply(body=b"{}", headers={}), "the type of nothing is not documented"),
    (Reply(body=b"{"), "JSON"),
    (reply_json({"id": 1}), "'note' is a required property"),
    (reply_json({"id": 0, "note": ""}), "0 is less than or equal to the minimum of 0"),
    (reply_json({"id": 1, "note": "", "parent": {"id": 1, "note": 5}}), "$.parent.note"),
    (reply_json({"id": 1, "note": "", "more": 1}), "'more' was unexpected"),
    (reply_json({"error": "x"}, 404), "'detail' is a required property"),
]


@pytest.mark.parametrize(("reply", "why"), BREAKS)
async def test_an_answer_that_is_not_as_documented_fails(tmp_path: Path, reply: Reply, why: str) -> None:
    with answering(broken("/orders/7", reply)) as url:
        seen = await observe(url, tmp_path, **LEFT_OUT)
    assert statuses(seen) == {"GET /orders": PASSED, "GET /orders/{id}": FAILED}
    assert why in message(seen, "GET /orders/{id}")
    assert len(seen.evidence) == 1


async def test_a_documented_error_is_checked_but_the_operation_counts_as_not_tried(tmp_path: Path) -> None:
    with answering(good) as url:
        seen = await observe(url, tmp_path, values={"id": 5000}, **LEFT_OUT)
    assert statuses(seen)["GET /orders/{id}"] is LOST
    assert "status 404 is documented, but is an error" in message(seen, "GET /orders/{id}")
    assert share(seen, "operations_covered") == (1, 1, 2)


async def test_an_operation_without_a_value_for_a_parameter_is_lost_and_says_which(tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["components"]["parameters"]["id"]["schema"]["example"]
    with answering(good) as url:
        seen = await observe(url, tmp_path, document, **LEFT_OUT)
        given = await observe(url, tmp_path, document, values={"GET /orders/{id}": {"id": 7}}, **LEFT_OUT)
    assert statuses(seen)["GET /orders/{id}"] is LOST
    assert "no value for path id" in message(seen, "GET /orders/{id}")
    assert set(statuses(given).values()) == {PASSED}


async def test_a_body_of_the_plan_wins_over_the_example(tmp_path: Path) -> None:
    bodies = []

    def record(asked: Asked) -> Reply:
        if asked.method == "POST":
            bodies.append(asked.body)
        return good(asked)

    own = {"POST /orders": {"body": {"id": 12}}}
    with answering(record) as url:
        await observe(url, tmp_path, operations=["POST /orders"])
        await observe(url, tmp_path, operations=["POST /orders"], values=own)
    assert bodies == [b'{"id": 3, "note": "wrap it", "secret": "x"}', b'{"id": 12}']


async def test_parameters_are_sent_as_the_document_has_them(tmp_path: Path) -> None:
    asked: list[Asked] = []
    parameters = [
        {"name": "tag", "in": "query", "example": ["a b", "c"]},
        {"name": "ids", "in": "query", "explode": False, "example": [1, 2]},
        {"name": "filter", "in": "query", "content": {"application/json": {"example": {"a": 1}}}},
        {"name": "X-Shop", "in": "header", "example": True},
        {"name": "session", "in": "cookie", "examples": {"one": {"value": "s"}}},
        {"name": "name", "in": "path", "required": True, "schema": {"enum": ["x/y"]}},
        {"name": "Authorization", "in": "header", "required": True},
    ]
    operation = {"parameters": parameters, "responses": {"default": {"description": ""}}}
    document = {"openapi": "3.1.0", "servers": [{"url": "/v1"}], "paths": {"/a/{name}": {"get": operation}}}

    def record(one: Asked) -> Reply:
        asked.append(one)
        return Reply()

    with answering(record) as url:
        seen = await observe(url, tmp_path, document)
    assert set(statuses(seen).values()) == {PASSED}
    assert asked[0].path == "/v1/a/x%2Fy?tag=a%20b&tag=c&ids=1%2C2&filter=%7B%22a%22%3A%201%7D"
    assert asked[0].headers["X-Shop"] == "true"
    assert asked[0].headers["Cookie"] == "session=s"
    assert share(seen, "parameters_covered") == (6, 0, 6)


@pytest.mark.parametrize(
    ("place", "example"), [("query", "\ud800"), ("header", "a\nb"), ("path", ""), ("query", {"a": 1})]
)
async def test_a_value_that_cannot_be_sent_loses_its_operation(
    tmp_path: Path, place: str, example: Any
) -> None:
    parameter = {"name": "x", "in": place, "required": True, "example": example}
    paths = {
        "/{x}" if place == "path" else "/": {"get": {"parameters": [parameter], "responses": {"200": {}}}}
    }
    with answering(lambda asked: Reply()) as url:
        seen = await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    assert set(statuses(seen).values()) == {LOST}


async def test_json_is_asked_for_where_an_answer_may_have_it(tmp_path: Path) -> None:
    accepted = []

    def record(asked: Asked) -> Reply:
        accepted.append(asked.headers["Accept"])
        return Reply(body=b"a", headers={"Content-Type": "text/csv"})

    problem = {"content": {"application/problem+json": {}, "text/html": {}}}
    for media in ({"application/xml": {}, "application/json": {}}, {"text/csv": {}}, {"text/*": {}}):
        responses = {"200": {"content": media}, "4XX": problem}
        paths = {"/": {"get": {"responses": responses}}}
        with answering(record) as url:
            await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    assert accepted == [
        "application/json, application/problem+json",
        "text/csv, application/problem+json",
        "text/*, application/problem+json",
    ]


async def test_a_type_may_be_documented_as_a_range_and_json_may_have_any_schema(tmp_path: Path) -> None:
    media = {"application/*": {}, "text/plain": {}}
    paths = {"/": {"get": {"responses": {"2XX": {"content": media}}}}}
    with answering(lambda asked: Reply(body=b"[1]")) as url:
        seen = await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    assert statuses(seen) == {"GET /": PASSED}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/nothing"},
        {"$ref": "other.json#/a"},
        {"type": "no such type"},
        {"required": [["a"]]},
        {"properties": 3},
        {"pattern": "("},
        7,
        None,
    ],
)
async def test_a_schema_that_cannot_be_used_is_not_verified(tmp_path: Path, schema: Any) -> None:
    paths = {"/": {"get": {"responses": {"200": answer(schema)}}}}
    with answering(lambda asked: Reply(body=b"[1]")) as url:
        seen = await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    assert statuses(seen) == {"GET /": LOST}


async def test_a_schema_that_allows_nothing_fails_everything(tmp_path: Path) -> None:
    paths = {"/": {"get": {"responses": {"200": answer(False)}}}}
    with answering(lambda asked: Reply(body=b"[1]")) as url:
        seen = await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    assert statuses(seen) == {"GET /": FAILED}


async def test_a_reference_that_leads_nowhere_loses_its_operation_alone(tmp_path: Path) -> None:
    ok = {"responses": {"200": {"description": ""}}}
    paths = {
        "/": {"get": ok},
        "/a": {"get": {"parameters": [{"$ref": "#/x/y"}], **ok}},
        "/b": {"$ref": "#/paths/~1b"},
        "/c": {"$ref": "#/paths/~1"},
        "/d": {"get": {"servers": [{"url": "http://127.0.0.2"}], **ok}},
    }
    with answering(lambda asked: Reply()) as url:
        seen = await observe(url, tmp_path, {"openapi": "3.1.0", "paths": paths})
    found = statuses(seen)
    assert (found.pop("GET /"), found.pop("GET /c")) == (PASSED, PASSED)
    assert found == {"GET /a": LOST, "ANY /b": LOST, "GET /d": LOST}
    assert message(seen, "GET /a") == "reference '#/x/y' leads nowhere"
    assert message(seen, "ANY /b") == "reference '#/paths/~1b' leads in a circle"


DOCUMENTS: list[tuple[str, str]] = [
    ("{", "can be read"),
    ("a: [", "can be read"),
    ("a: 1\na: 2\n", "duplicate key"),
    ("openapi: 3.1.0\nx: .nan", "nan is not a JSON number"),
    ("[]", "names no such version"),
    ("swagger: '2.0'\npaths: {/: {get: {}}}", "its version is 2.0"),
    ("openapi: 4.0.0\npaths: {/: {get: {}}}", "its version is 4.0.0"),
    ("openapi: 3.0.3\npaths: {}", "no operation"),
    ("openapi: 3.1.0\npaths: {/: {summary: x}, x-y: {get: {}}}", "no operation"),
    ("<html>", "names no such version"),
]


@pytest.mark.parametrize(("text", "why"), DOCUMENTS)
async def test_what_is_no_document_is_an_error_and_never_passes(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "api.yaml").write_text(text)
    with answering(good) as url, raises(ObservationError, match=why):
        await observe(url, tmp_path, "api.yaml")


async def test_yaml_is_read_as_json_is(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\npaths:\n  /orders:\n    get:\n      responses:\n        200: {description: ok}\n"
    )
    with answering(good) as url:
        seen = await observe(url, tmp_path, "api.yaml")
    assert statuses(seen) == {"GET /orders": PASSED}


async def test_a_document_or_base_outside_of_the_target_is_not_asked_for(tmp_path: Path) -> None:
    with answering(good) as url:
        with raises(ObservationError, match="not part of the target"):
            await observe(url, tmp_path, "http://127.0.0.2:1/openapi.json")
        with raises(ObservationError, match="not part of the target"):
            await observe(url, tmp_path, base="http://127.0.0.2:1/")


async def test_a_document_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with answering(good) as url:
        with raises(ObservationError, match="status 404"):
            await observe(url, tmp_path, "/swagger.json")
        with raises(ObservationError, match=r"no\.json"):
            await observe(url, tmp_path, "no.json")


async def test_an_operation_that_the_document_does_not_have_is_an_error(tmp_path: Path) -> None:
    with (
        answering(good) as url,
        raises(ObservationError, match="no operation POST /order,? or GET /x|POST /order"),
    ):
        await observe(url, tmp_path, operations=["POST /order"], leave_out={"GET /x": "why"})


async def test_a_server_that_is_down_fails_each_operation(tmp_path: Path) -> None:
    with answering(good) as url:
        pass
    seen = await observe(url, tmp_path, DOCUMENT, **LEFT_OUT)
    assert set(statuses(seen).values()) == {FAILED}
    assert share(seen, "operations_covered") == (0, 0, 2)


async def test_a_plan_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="listed under operations, too"):
        OpenApiParams(document="a", operations=("POST /a",), leave_out={"POST /a": "x"})
    with pytest.raises(ValidationError, match="say why"):
        OpenApiParams(document="a", leave_out={"POST /a": " "})
    with pytest.raises(ValidationError, match="name a file"):
        OpenApiParams(document="")


def test_requests_go_to_the_target_alone_so_that_a_protected_entry_needs_a_word() -> None:
    kind = OpenApiKind()
    assert kind.targets(OpenApiParams(document="api.yaml")) == ("/",)
    assert kind.targets(OpenApiParams(document="/o.json", base="/v1")) == ("/v1", "/o.json")


async def test_what_is_told_to_stop_loses_the_rest(tmp_path: Path) -> None:
    with answering(good) as url:
        async with world_at(url, tmp_path, stop_because="everything else has ended") as world:
            params = OpenApiParams.model_validate(
                {"document": "/openapi.json", "generate": {"examples": 1}, **LEFT_OUT}
            )
            seen = await OpenApiKind().observe(params, world)
    rest = {"GET /orders/{id}", "generated/GET /orders", "generated/GET /orders/{id}"}
    assert statuses(seen) == {"GET /orders": PASSED, **dict.fromkeys(rest, LOST)}


async def test_one_case_is_asked_alone_by_its_name_or_tag(tmp_path: Path) -> None:
    with answering(good) as url:
        for names, found in ((("GET /orders/{id}",), {"GET /orders/{id}"}), (("orders",), {"GET /orders"})):
            async with world_at(url, tmp_path, cases=names) as world:
                params = OpenApiParams.model_validate({"document": "/openapi.json", **LEFT_OUT})
                assert set(statuses(await OpenApiKind().observe(params, world))) == found
        async with world_at(url, tmp_path, cases=("GET /nothing",)) as world:
            with raises(ObservationError, match="GET /nothing"):
                await OpenApiKind().observe(params, world)
