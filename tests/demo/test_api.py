"""Every endpoint of the demo controller, over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.demo.conftest import Controller, running
from tests.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
DOUBLE = "def run(context, params):\n    return params['x'] * context.get('factor', 2)\n"


def test_health_answers_status_and_version(controller: Controller) -> None:
    answer = controller.get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok", "version": "0.2.0"})
    assert answer.headers["content-type"] == "application/json"


def test_test_endpoint_is_green(controller: Controller) -> None:
    answer = controller.get("/test")
    assert (answer.status, answer.json["status"]) == (200, "ok")


def test_initialize_opens_a_session_that_can_be_read(controller: Controller) -> None:
    opened = controller.initialize("python-calculator", DOUBLE, ttl_seconds=60)
    assert opened.status == 200
    assert set(opened.json) == {"request_id", "status", "expires_at"}
    assert opened.json["status"] == "initialized"
    remaining = datetime.fromisoformat(opened.json["expires_at"]) - datetime.now(UTC)
    assert 30 < remaining.total_seconds() <= 60

    session = controller.get(f"/api/v1/sessions/{opened.json['request_id']}")
    assert session.status == 200
    assert session.json["status"] == "active"
    assert session.json["title"] == "python-calculator"
    assert session.json["language"] == "python"
    assert session.json["expires_at"] == opened.json["expires_at"]
    assert session.json["executions"] == 0


def test_execute_passes_context_and_params_and_counts(controller: Controller) -> None:
    request_id = controller.open("python-calculator", DOUBLE, context={"factor": 7})
    answer = controller.execute(request_id, {"x": 6})
    assert answer.json["result"] == 42
    assert answer.json["cached"] is False
    assert answer.json["execution_time"] > 0
    assert controller.get(f"/api/v1/sessions/{request_id}").json["executions"] == 1


def test_same_params_are_answered_from_the_cache_whatever_their_order(controller: Controller) -> None:
    script = "import time\ndef run(context, params):\n    return time.time_ns()\n"
    request_id = controller.open("python-calculator", script)
    first = controller.execute(request_id, {"a": 1, "b": 2}).json
    again = controller.execute(request_id, {"b": 2, "a": 1}).json
    other = controller.execute(request_id, {"a": 1, "b": 3}).json
    assert (first["cached"], again["cached"], other["cached"]) == (False, True, False)
    assert again["result"] == first["result"] != other["result"]
    assert again["execution_time"] == first["execution_time"]


def test_sessions_do_not_share_results(controller: Controller) -> None:
    one, two = (controller.open("python-calculator", DOUBLE) for _ in range(2))
    assert controller.execute(one, {"x": 1}).json["cached"] is False
    assert controller.execute(two, {"x": 1}).json["cached"] is False


def test_failed_executions_are_not_cached(controller: Controller) -> None:
    request_id = controller.open("python-calculator", "def run(context, params):\n    return 1 / 0\n")
    for _ in range(2):
        answer = controller.execute(request_id)
        assert (answer.status, answer.code) == (500, "script_error")
        assert "ZeroDivisionError" in answer.json["error"]["message"]


def test_expired_session_has_a_code_of_its_own(controller: Controller) -> None:
    request_id = controller.open("python-calculator", DOUBLE, ttl_seconds=0.2)
    time.sleep(0.4)
    for answer in (controller.get(f"/api/v1/sessions/{request_id}"), controller.execute(request_id)):
        assert (answer.status, answer.code) == (404, "session_expired")


def test_session_lifetime_can_be_set_for_the_whole_service() -> None:
    with running("--session-ttl", "0.2") as controller:
        request_id = controller.open("python-calculator", DOUBLE)
        time.sleep(0.4)
        assert controller.execute(request_id).code == "session_expired"


def test_unknown_session_is_not_found(controller: Controller) -> None:
    for answer in (controller.get("/api/v1/sessions/nobody"), controller.execute("nobody")):
        assert (answer.status, answer.code) == (404, "session_not_found")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/nope", 404, "not_found"), ("/api/v1/execute/x", 405, "method_not_allowed")],
)
def test_what_is_not_routed_is_answered_in_the_error_shape(
    controller: Controller, path: str, status: int, code: str
) -> None:
    answer = controller.get(path)
    assert (answer.status, answer.code) == (status, code)


def test_functions_are_paged_and_ordered(controller: Controller) -> None:
    everything = controller.get("/api/v1/functions?per_page=100").json
    titles = [function["title"] for function in everything["functions"]]
    assert titles == sorted(titles)
    assert everything["total"] == len(titles)
    paged = [controller.get(f"/api/v1/functions?page={page}&per_page=5").json for page in (1, 2, 3, 4)]
    assert [function["title"] for page in paged for function in page["functions"]] == titles
    assert paged[3]["functions"] == []
    assert paged[0]["pages"] == 3


@pytest.mark.parametrize("language", ["nodejs", "python", "rust"])
def test_functions_can_be_filtered_by_language(controller: Controller, language: str) -> None:
    found = controller.get(f"/api/v1/functions?language={language}").json
    assert found["total"] >= 4
    assert {function["language"] for function in found["functions"]} == {language}


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "per_page=101", "per_page=", "language=cobol", "page=%C2%B2"]
)
def test_bad_paging_is_refused(controller: Controller, query: str) -> None:
    answer = controller.get(f"/api/v1/functions?{query}")
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert query.partition("=")[0] in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("title", "body", "status", "named"),
    [
        ("", {"script_content": "x"}, 400, "Language-Title"),
        ("cobol-ledger", {"script_content": "x"}, 400, "Language-Title"),
        ("python-nope", {"script_content": "x"}, 404, "python-nope"),
        ("python-text", {}, 400, "script_content"),
        ("python-text", {"script_content": " "}, 400, "script_content"),
        ("python-text", {"script_content": "x" * 70_000}, 400, "script_content"),
        ("python-text", {"script_content": "\ud800"}, 400, "script_content"),
        ("python-text", {"script_content": "x", "context": []}, 400, "context"),
        ("python-text", {"script_content": "x", "ttl_seconds": 0}, 400, "ttl_seconds"),
        ("python-text", {"script_content": "x", "ttl_seconds": 1e-9}, 400, "ttl_seconds"),
        ("python-text", {"script_content": "x", "ttl_seconds": True}, 400, "ttl_seconds"),
        ("python-text", {"script_content": "x", "tll_seconds": 1}, 400, "tll_seconds"),
        ("python-text", b'{"script_content": "x", "context": {"a": 1e999}}', 400, "context"),
        ("python-text", b"{", 400, "JSON"),
        ("python-text", b"[" * 200_000, 400, "JSON"),
        ("python-text", b"\xff\xfe\xff", 400, "JSON"),
        ("python-text", [], 400, "object"),
        ("python-text", b'"' + b"x" * 1_100_000 + b'"', 413, "larger"),
    ],
)
def test_bad_initialize_is_refused_by_name(
    controller: Controller, title: str, body: object, status: int, named: str
) -> None:
    headers = {"Language-Title": title} if title else {}
    answer = controller.send("POST", "/api/v1/initialize", body, headers)
    assert answer.status == status
    assert answer.code in {"invalid_request", "function_not_found", "body_too_large"}
    assert named in answer.json["error"]["message"]


@pytest.mark.parametrize("fields", [{"params": 3}, {"timeout_seconds": 99}, {"parms": {}}])
def test_bad_execute_is_refused_by_name(controller: Controller, fields: dict[str, object]) -> None:
    request_id = controller.open("python-text", DOUBLE)
    answer = controller.send("POST", f"/api/v1/execute/{request_id}", fields)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert next(iter(fields)) in answer.json["error"]["message"]


def test_app_data_fault_breaks_initialize_and_functions_only() -> None:
    with running("--fault", "app-data") as controller:
        for answer in (
            controller.initialize("python-calculator", DOUBLE),
            controller.get("/api/v1/functions"),
        ):
            assert (answer.status, answer.code) == (500, "application_data_not_configured")
            message = answer.json["error"]["message"]
            assert message == "Requested application data is not configured correctly"
        assert controller.get("/health").json == {"status": "ok", "version": "0.2.0"}
        assert controller.get("/test").status == 200


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON, context=JSON, ttl=JSON)
def test_no_body_makes_the_service_fail(
    controller: Controller, body: object, context: object, ttl: object
) -> None:
    headers = {"Language-Title": "python-text"}
    for sent in (body, {"script_content": DOUBLE, "context": context, "ttl_seconds": ttl}):
        assert controller.send("POST", "/api/v1/initialize", sent, headers).status in {200, 400}
    request_id = controller.open("python-text", "def run(context, params): return 1")
    answer = controller.send(
        "POST", f"/api/v1/execute/{request_id}", {"params": body, "timeout_seconds": ttl}
    )
    assert answer.status in {200, 400, 504}
