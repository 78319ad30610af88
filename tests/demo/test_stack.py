"""The demo in several processes: the controller asks a runtime and a database, and says which one is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.demo.conftest import Controller, running

ADD = "run = lambda context, params: context['k'] + params['a']"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    controller: Controller
    runtime: Controller
    database: Controller


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with ExitStack() as stack:
        file = str(tmp_path / "sessions.sqlite3")
        database = stack.enter_context(running("--database", file, module="phasegate.demo.sessions.server"))
        runtime = stack.enter_context(running("--language", "python", module="phasegate.demo.runtime"))
        controller = stack.enter_context(
            running("--store", database.url, "--runtime", f"python={runtime.url}")
        )
        yield Parts(controller=controller, runtime=runtime, database=database)


def test_sessions_and_scripts_work_through_the_other_processes(parts: Parts) -> None:
    request_id = parts.controller.open("python-calculator", ADD, context={"k": 40})
    first, second = (parts.controller.execute(request_id, {"a": 2}).json for _ in range(2))
    assert (first["result"], first["cached"]) == (42, False)
    assert (second["result"], second["cached"]) == (42, True)
    session = parts.controller.get(f"/api/v1/sessions/{request_id}").json
    assert (session["status"], session["executions"]) == ("active", 2)
    assert parts.controller.get("/api/v1/functions?per_page=5").json["pages"] == 3
    assert parts.controller.get("/api/v1/schema").json["consistent"] is True


def test_a_runtime_that_is_gone_is_named_and_the_rest_goes_on(parts: Parts) -> None:
    request_id = parts.controller.open("python-calculator", ADD, context={"k": 1})
    parts.runtime.process.kill()
    parts.runtime.process.wait()
    answer = parts.controller.execute(request_id, {"a": 1})
    assert (answer.status, answer.code) == (503, "runtime_unavailable")
    assert parts.controller.get(f"/api/v1/sessions/{request_id}").status == 200


def test_a_database_that_is_gone_is_named_while_health_stays_green(parts: Parts) -> None:
    parts.database.process.kill()
    parts.database.process.wait()
    answer = parts.controller.initialize("python-calculator", ADD)
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert parts.controller.get("/health").status == 200


def test_a_language_that_the_stack_has_no_runtime_for_is_named(parts: Parts) -> None:
    request_id = parts.controller.open("rust-calculator", "fn run() {}")
    answer = parts.controller.execute(request_id)
    assert (answer.status, answer.code) == (500, "runtime_missing")


def test_the_health_of_a_runtime_fails_where_its_program_is_missing(tmp_path: Path) -> None:
    flags = ("--language", "nodejs")
    with (
        running(*flags, module="phasegate.demo.runtime", environment={"PATH": str(tmp_path)}) as runtime,
        pytest.raises(HTTPError) as refused,
    ):
        urlopen(f"{runtime.url}/health", timeout=20)
    with refused.value as answer:
        assert answer.code == 500
        assert json.load(answer)["error"]["code"] == "runtime_missing"


def test_the_database_refuses_what_is_not_a_method_or_does_not_fit(parts: Parts) -> None:
    assert parts.database.send("POST", "/close", []).status == 404
    answer = parts.database.send("POST", "/session", [1, 2])
    assert (answer.status, answer.code) == (400, "invalid_request")
