"""Generated cases, by Schemathesis itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegate.model.observation import CaseStatus, Observation
from tests.answering import Asked, Reply, answering
from tests.kinds.openapi.shop import LEFT_OUT, good, observe, reply_json

pytestmark = pytest.mark.slow
FEW = {"examples": 15, "seed": 7}


def generated(seen: Observation) -> dict[str, tuple[CaseStatus, str]]:
    return {case.id: (case.status, str(case.message)) for case in seen.cases if case.part == "generated"}


def fragile(asked: Asked) -> Reply:
    """Breaks on numbers that no example has."""
    number = asked.path.removeprefix("/orders/")
    return reply_json({}, 500) if number.isdigit() and int(number) > 1000 else good(asked)


async def test_what_only_generated_values_break_fails_with_a_command_that_shows_it(tmp_path: Path) -> None:
    with answering(fragile) as url:
        headers = {"X-Shop-Key": "hush-hush"}
        seen = await observe(url, tmp_path, headers=headers, generate={"examples": 50, "seed": 7}, **LEFT_OUT)
    found = generated(seen)
    assert found["generated/GET /orders"] == (CaseStatus.PASSED, "50 generated cases held, of seed 7")
    status, message = found["generated/GET /orders/{id}"]
    assert status is CaseStatus.FAILED
    assert "Server error" in message
    assert f"{url}/orders/" in message
    assert "curl -i -X GET" in message
    assert "hush-hush" not in message


async def test_one_seed_makes_the_same_requests_of_safe_methods_with_the_headers_of_the_entry(
    tmp_path: Path,
) -> None:
    runs: list[list[tuple[str, str]]] = []
    keys = set()
    (tmp_path / "schemathesis.toml").write_text("[phases]\nenabled = false\n")

    def record(asked: Asked) -> Reply:
        runs[-1].append((asked.method, asked.path))
        keys.add(asked.headers.get("X-Shop-Key"))
        return good(asked)

    with answering(record) as url:
        for _ in range(2):
            runs.append([])
            await observe(url, tmp_path, headers={"X-Shop-Key": "k-${HOME}"}, generate=FEW)
    assert runs[0] == runs[1]
    assert len(runs[0]) > 20
    assert {method for method, _ in runs[0]} == {"GET"}
    assert keys == {"k-${HOME}"}


async def test_a_method_that_the_plan_lists_is_generated_too(tmp_path: Path) -> None:
    bodies = []

    def record(asked: Asked) -> Reply:
        if asked.method == "POST":
            bodies.append(asked.body)
            return reply_json({"detail": "no"}, 400)
        return good(asked)

    with answering(record) as url:
        seen = await observe(url, tmp_path, operations=["POST /orders"], generate=FEW)
    assert generated(seen)["generated/POST /orders"][0] is CaseStatus.PASSED
    assert len(bodies) > 10


async def test_a_program_that_is_not_installed_verifies_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasegate.inspection.tool.sys.executable", str(tmp_path / "python"))
    with answering(good) as url:
        seen = await observe(url, tmp_path, environment={"PATH": str(tmp_path)}, generate=FEW, **LEFT_OUT)
    for status, message in generated(seen).values():
        assert status is CaseStatus.LOST
        assert message == "not verified: schemathesis is not installed; pip install 'phasegate[openapi]'"
    assert len(generated(seen)) == 2


@pytest.mark.parametrize("limit", ["10ms"])
async def test_what_takes_too_long_verifies_nothing(tmp_path: Path, limit: str) -> None:
    with answering(good) as url:
        seen = await observe(url, tmp_path, generate={**FEW, "limit": limit}, **LEFT_OUT)
    assert {status for status, _ in generated(seen).values()} == {CaseStatus.LOST}


async def test_nothing_outside_of_the_target_is_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def elsewhere(one: Asked) -> Reply:
        asked.append(one.path)
        return reply_json(7)

    def moving(one: Asked) -> Reply:
        there = {"Location": f"{other}/moved"}
        return Reply(status=302, headers=there) if one.path.startswith("/moving") else good(one)

    with answering(elsewhere) as other, answering(moving) as url:
        answers = {"200": {"description": ""}, "302": {"description": ""}}
        examples = {"one": {"externalValue": f"{other}/value"}}
        outside = {"name": "q", "in": "query", "schema": {"type": "string"}, "examples": examples}
        document: dict[str, Any] = {
            "openapi": "3.0.3",
            "info": {"title": "x", "version": "1"},
            "servers": [{"url": f"{other}/"}],
            "paths": {
                "/orders": {"get": {"parameters": [outside], "responses": answers}},
                "/moving": {"get": {"responses": answers}},
                "/theirs": {"servers": [{"url": other}], "get": {"responses": answers}},
            },
        }
        seen = await observe(url, tmp_path, document, generate=FEW)
        document["components"] = {"schemas": {"A": {"$ref": f"{other}/schema.json"}}}
        referring = await observe(url, tmp_path, document, generate=FEW)
    assert asked == []
    found = generated(seen)
    assert found["generated/GET /orders"][0] is CaseStatus.PASSED
    assert found["generated/GET /moving"][0] is CaseStatus.PASSED
    assert "generated/GET /theirs" not in found
    assert {status for status, _ in generated(referring).values()} == {CaseStatus.LOST}


async def test_a_document_that_it_cannot_use_verifies_nothing(tmp_path: Path) -> None:
    document = {"openapi": "3.0.3", "paths": {"/orders": {"get": {"parameters": 3}}}}
    with answering(good) as url:
        seen = await observe(url, tmp_path, document, generate=FEW)
    assert {status for status, _ in generated(seen).values()} == {CaseStatus.LOST}
