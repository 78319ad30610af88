"""A small API with a contract, which a test has it break."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phasegate.kinds.openapi.kind import OpenApiKind, OpenApiParams
from phasegate.model.observation import Observation
from phasegate.targets.processes.local import LocalProcesses
from tests.answering import Asked, Reply
from tests.telling import in_english
from tests.worlds import StaticAddresses, world_at

JSON = "application/json"


def answer(schema: Any, media: str = JSON) -> dict[str, Any]:
    return {"description": "", "content": {media: {"schema": schema}}}


ORDER = {"$ref": "#/components/schemas/Order"}
PROBLEM = answer({"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}})
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/orders": {
            "get": {
                "tags": ["orders"],
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 10}}
                ],
                "responses": {"200": answer({"type": "array", "items": ORDER}), "4XX": PROBLEM},
            },
            "post": {
                "tags": ["orders"],
                "requestBody": {"required": True, "content": {JSON: {"schema": ORDER}}},
                "responses": {"201": answer(ORDER), "default": PROBLEM},
            },
        },
        "/orders/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {"responses": {"200": answer(ORDER), "404": PROBLEM}},
        },
    },
    "components": {
        "parameters": {
            "id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "example": 7}}
        },
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "note", "secret"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "integer", "format": "int64", "minimum": 0, "exclusiveMinimum": True},
                    "note": {"type": "string", "nullable": True, "example": "wrap it"},
                    "secret": {"type": "string", "writeOnly": True, "default": "x"},
                    "parent": ORDER,
                },
            }
        },
    },
}
DOCUMENT["components"]["schemas"]["Order"]["properties"]["id"]["example"] = 3
LEFT_OUT = {"leave_out": {"POST /orders": "not here"}}


def reply_json(document: Any, status: int = 200, media: str = JSON) -> Reply:
    return Reply(status=status, body=json.dumps(document).encode(), headers={"Content-Type": media})


def good(asked: Asked) -> Reply:
    """The shop as its contract has it."""
    path = asked.path.partition("?")[0]
    if path == "/openapi.json":
        return reply_json(DOCUMENT)
    if path == "/orders" and asked.method == "POST":
        return reply_json({"id": json.loads(asked.body)["id"], "note": None}, 201)
    if path == "/orders":
        return reply_json([{"id": 1, "note": None, "parent": {"id": 2, "note": "a"}}])
    if path.startswith("/orders/") and path[8:].isdigit() and 0 < int(path[8:]) < 1000:
        return reply_json({"id": int(path[8:]), "note": "b"})
    return reply_json({"detail": "no such thing"}, 404)


def broken(path: str, reply: Reply) -> Callable[[Asked], Reply]:
    """The shop, with another answer to GET of one path."""
    return lambda asked: (
        reply if (asked.method, asked.path.partition("?")[0]) == ("GET", path) else good(asked)
    )


async def observe(
    url: str,
    folder: Path,
    document: Any = "/openapi.json",
    headers: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    **params: Any,
) -> Observation:
    """What the kind sees; a document that is a tree is written into a file first."""
    if not isinstance(document, str):
        (folder / "openapi.json").write_text(json.dumps(document))
        document = "openapi.json"
    target = StaticAddresses({"app": url}, headers)
    around = dict(os.environ) if environment is None else environment
    processes = LocalProcesses(around, grace=1.0)
    async with world_at(url, folder, target=target, processes=processes, environment=around) as world:
        written = OpenApiParams.model_validate({"document": document, **params})
        return in_english(await OpenApiKind().observe(written, world))
