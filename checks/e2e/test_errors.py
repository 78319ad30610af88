"""Whatever is asked wrongly is refused in one shape, and hurts nobody else."""

from __future__ import annotations

import time

import pytest
from controller_client import ControllerClient

pytestmark = pytest.mark.error_cases

SCRIPT = "def run(context, params):\n    return params\n"


@pytest.mark.parametrize("title", ["", "calculator", "cobol-ledger"], ids=["none", "no-language", "cobol"])
def test_title_without_a_known_language_is_refused(controller: ControllerClient, title: str) -> None:
    assert controller.initialize(title, SCRIPT).error == (400, "invalid_request")


def test_function_that_is_not_in_the_catalogue_is_not_found(controller: ControllerClient) -> None:
    assert controller.initialize("python-nothing", SCRIPT).error == (404, "function_not_found")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no-script"),
        pytest.param({"script_content": ""}, id="empty-script"),
        pytest.param({"script_content": 7}, id="script-is-a-number"),
        pytest.param({"script_content": SCRIPT, "context": "text"}, id="context-is-a-text"),
        pytest.param({"script_content": SCRIPT, "ttl_seconds": -1}, id="negative-lifetime"),
        pytest.param({"script_content": SCRIPT, "surprise": True}, id="unknown-field"),
        pytest.param(["not", "an", "object"], id="list"),
    ],
)
def test_malformed_initialize_is_refused(controller: ControllerClient, body: object) -> None:
    answer = controller.post("/api/v1/initialize", body, {"Language-Title": "python-text"})
    assert answer.error == (400, "invalid_request")


def test_unknown_session_is_not_found(controller: ControllerClient) -> None:
    assert controller.get("/api/v1/sessions/unknown").error == (404, "session_not_found")
    assert controller.post("/api/v1/execute/unknown", {"params": {}}).error == (404, "session_not_found")


def test_expired_session_is_told_apart_from_an_unknown_one(controller: ControllerClient) -> None:
    session = controller.open("python-text", SCRIPT, ttl_seconds=0.3)
    time.sleep(0.5)
    assert session.state().error == (404, "session_expired")
    assert session.execute({"a": 1}).error == (404, "session_expired")


def test_failing_script_does_not_close_its_session(controller: ControllerClient) -> None:
    session = controller.open("python-text", "def run(context, params):\n    return params['must']\n")
    assert session.execute({}).error == (500, "script_error")
    assert session.execute({"must": "work"}).result == "work"
    assert session.state().json["status"] == "active"


def test_service_stays_healthy_after_a_runaway_script(controller: ControllerClient) -> None:
    session = controller.open("python-text", "def run(context, params):\n    while True: pass\n")
    assert session.execute(timeout_seconds=0.4).error == (504, "script_timeout")
    assert controller.get("/health").json["status"] == "ok"
