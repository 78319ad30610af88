"""OpenAPI documents: whatever is in one, it is read or refused, and no schema is a defect."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.base.errors import ObservationError
from phasegate.kinds.openapi.document import Contract, UnresolvedError, contract_of, read_contract
from phasegate.kinds.openapi.exchange import asking, judge
from phasegate.kinds.openapi.schemas import Schemas
from phasegate.world import Destination, HttpReply

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["#/paths", "object", "\ud800"])
)
_WORDS = st.sampled_from(
    (
        *(
            "$ref",
            "paths",
            "get",
            "post",
            "/",
            "/a/{id}",
            "parameters",
            "name",
            "in",
            "path",
            "query",
            "schema",
        ),
        *("schema", "responses", "200", "default", "content", "application/json", "requestBody", "examples"),
        *(
            "example",
            "value",
            "type",
            "properties",
            "required",
            "items",
            "allOf",
            "nullable",
            "enum",
            "servers",
            "url",
        ),
    )
)
TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "parameters": st.lists(
            st.fixed_dictionaries(
                {"name": st.just("id"), "in": st.sampled_from(["path", "query", "header"])},
                optional={"schema": TREES, "example": TREES, "style": _SCALARS, "content": TREES},
            )
            | TREES,
            max_size=3,
        ),
        "requestBody": st.fixed_dictionaries({"content": st.fixed_dictionaries({"application/json": TREES})})
        | TREES,
        "responses": st.dictionaries(
            st.sampled_from(["200", "2XX", "default"]),
            st.fixed_dictionaries({"content": st.fixed_dictionaries({"application/json": TREES})}) | TREES,
        )
        | TREES,
        "tags": TREES,
    },
)


@given(TREES, st.booleans())
def test_any_tree_is_a_document_or_refused(tree: Any, versioned: bool) -> None:
    if versioned and isinstance(tree, dict):
        tree = {**tree, "openapi": "3.0.0"}
    try:
        found = read_contract(json.dumps(tree).encode(), "api.json")
    except ObservationError:
        return
    assert found.operations


@given(OPERATIONS, TREES, st.sampled_from(["3.0.1", "3.1.0"]), st.sampled_from([b"{}", b"[1]", b'"a"', b""]))
async def test_any_operation_is_asked_and_judged_without_a_defect(
    operation: Any, servers: Any, version: str, body: bytes
) -> None:
    contract = contract_of(
        {"openapi": version, "servers": servers, "paths": {"/a/{id}": {"get": operation}}}, "api"
    )
    (one,) = contract.operations
    with contextlib.suppress(ValueError):  # a lone surrogate
        asking(one, {}, Destination(url="http://x"), 1.0)
    reply = HttpReply(
        status=200,
        headers=(("Content-Type", "application/json"),),
        body=body,
        elapsed=0.1,
        url="http://x/",
    )
    judged = await judge(one, reply, Schemas(contract))
    assert judged.documented is not None or judged.problems


def _contract(version: str, **schemas: Any) -> Contract:
    tree = {"openapi": version, "paths": {"/": {"get": {}}}, "components": {"schemas": schemas}}
    return contract_of(tree, "api")


def _accepts(schema: Any, document: Any, version: str = "3.0.0", **schemas: Any) -> bool:
    compiled = Schemas(_contract(version, **schemas)).compile(schema)
    assert compiled is not None
    return not compiled.check(document)


@given(TREES, st.sampled_from(["3.0", "3.1"]))
def test_no_schema_is_a_defect(schema: Any, version: str) -> None:
    try:
        compiled = Schemas(_contract(version, A=schema)).compile(schema)
    except (UnresolvedError, ValueError, RecursionError):
        return
    if compiled is not None:
        compiled.check({"id": 1})


def test_null_is_allowed_where_the_schema_says_so() -> None:
    text = {"type": "string", "enum": ["a"]}
    assert not _accepts(text, None)
    assert _accepts({**text, "nullable": True}, None)
    assert _accepts({"type": ["string", "null"]}, None, "3.1.0")
    assert not _accepts({**text, "nullable": True}, None, "3.1.0")


def test_exclusive_bounds_are_switches_in_3_0_and_numbers_in_3_1() -> None:
    assert not _accepts({"maximum": 5, "exclusiveMaximum": True}, 5)
    assert _accepts({"maximum": 5, "exclusiveMaximum": False}, 5)
    assert not _accepts({"exclusiveMaximum": 5}, 5, "3.1.0")


def test_what_stands_beside_a_reference_counts_in_3_1_alone() -> None:
    beside = {"$ref": "#/components/schemas/A", "maximum": 5}
    assert _accepts(beside, 9, A={"type": "integer"})
    assert not _accepts(beside, 9, "3.1.0", A={"type": "integer"})


def test_schemas_that_refer_to_each_other_end() -> None:
    a = {"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}}
    b = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}
    assert _accepts(a, {"b": {"a": {"b": {}}}}, A=a, B=b)
    assert not _accepts(a, {"b": {"a": {"b": 1}}}, A=a, B=b)


def test_a_schema_that_is_broken_breaks_each_that_leads_to_it_and_no_other() -> None:
    a, b = {"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}
    schemas = Schemas(_contract("3.1.0", A={"items": b}, B={"type": "nothing"}, C={"type": "integer"}))
    for _ in range(2):
        for broken in (a, b):
            with pytest.raises(ValueError, match="not a JSON Schema"):
                schemas.compile(broken)
        good = schemas.compile({"$ref": "#/components/schemas/C"})
        assert good is not None
        assert good.check("a")
        assert not good.check(1)


def test_formats_that_are_known_are_checked_and_others_are_notes() -> None:
    assert not _accepts({"type": "string", "format": "date"}, "yesterday")
    assert _accepts({"type": "string", "format": "sku"}, "yesterday")


def test_the_path_of_the_first_server_is_the_base() -> None:
    def base(url: str) -> str:
        server = {"url": url, "variables": {"v": {"default": "v2"}}}
        return contract_of({"openapi": "3.1.0", "servers": [server], "paths": {"/": {"get": {}}}}, "a").base

    assert [base("https://x.example/v1/"), base("v1"), base("/"), base("https://{h}/{v}")] == [
        "/v1",
        "/v1",
        "",
        "/v2",
    ]
