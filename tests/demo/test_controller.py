"""The controller as a process: flags, start, shutdown and what it leaves behind."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from phasegate.wire.tls_versions import look_at_tls
from tests.demo.conftest import running, start_refused


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port", "0", "--fault", "nope"], "invalid choice: 'nope'"),
        (["--port", "70000"], "70000 is not a port"),
        (["--port", "x"], "x is not a port"),
        ([], "--port"),
        (["--port", "0", "--session-ttl", "0"], "seconds from 0.001"),
        (["--port", "0", "--script-timeout", "nan"], "seconds from 0.001"),
        (["--port", "0", "--tls"], "--tls needs --state"),
    ],
)
def test_wrong_usage_exits_2_and_names_the_flag(flags: list[str], said: str) -> None:
    ended = start_refused(flags)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_taken_port_is_one_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = start_refused(["--port", str(taken.getsockname()[1])])
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_service_with_nothing_left(tmp_path: Path, number: signal.Signals) -> None:
    with running(environment={"TMPDIR": str(tmp_path)}) as controller:
        controller.open("python-calculator", "def run(context, params): return 1")
        assert list(tmp_path.iterdir()), tempfile.gettempdir()
        controller.process.send_signal(number)
        assert controller.process.wait(timeout=20) == 0
    assert list(tmp_path.iterdir()) == []


def test_ready_line_is_the_only_output() -> None:
    with running() as controller:
        controller.get("/health")
        controller.process.terminate()
        assert controller.process.stdout is not None
        assert controller.process.stdout.read() == ""


def test_a_request_is_a_line_of_json_with_the_id_of_its_answer(tmp_path: Path) -> None:
    with running("--state", str(tmp_path), "--log", "--fault", "app-data") as controller:
        answer = controller.send("GET", "/api/v1/functions", headers={"X-Request-Id": "abc"})
        controller.get("/health")
        controller.send("POST", "/api/v1/execute/none", {})
    assert (answer.status, answer.headers["x-request-id"]) == (500, "abc")
    first, second = map(json.loads, (tmp_path / "controller.log").read_text().splitlines())
    assert (first["request_id"], first["path"], first["status"]) == ("abc", "/api/v1/functions", 500)
    assert (first["level"], first["reason"]) == ("error", "application_data_not_configured")
    assert (second["level"], second["status"], len(second["request_id"])) == ("info", 404, 32)


def test_what_a_script_does_wrong_is_a_warning_in_the_log(tmp_path: Path) -> None:
    with running("--state", str(tmp_path), "--log", "--fault", "lost-logs") as controller:
        request_id = controller.open("python-calculator", "def run(context, params): raise ValueError")
        assert controller.execute(request_id).status == 500
    (line,) = map(json.loads, (tmp_path / "controller.log").read_text().splitlines())
    assert (line["level"], line["reason"]) == ("warning", "script_error")


def test_without_a_folder_lines_go_to_standard_output() -> None:
    with running("--log") as controller:
        controller.get("/api/v1/functions")
        controller.process.terminate()
        assert controller.process.stdout is not None
        assert json.loads(controller.process.stdout.readline())["path"] == "/api/v1/functions"


def test_its_certificate_is_trusted_by_strict_clients_and_old_versions_are_refused(tmp_path: Path) -> None:
    with running("--state", str(tmp_path), "--tls") as controller:
        url = urlsplit(controller.url)
        assert url.scheme == "https"
        context = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with urlopen(f"{controller.url}/health", timeout=20, context=context) as answer:
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        seen = look_at_tls("127.0.0.1", url.port or 0, {"ca": str(tmp_path / "certificate.pem")}, 20)
    assert [name for name, taken in seen.versions.items() if taken] == ["TLS 1.2", "TLS 1.3"]
    assert (tmp_path / "certificate.pem").stat().st_mode & 0o077 == 0


def test_the_folder_of_its_state_begins_anew(tmp_path: Path) -> None:
    with running("--state", str(tmp_path), "--fault", "schema-drift") as controller:
        assert controller.get("/api/v1/schema").json["problems"] == ["index sessions_by_expiry is missing"]
    with running("--state", str(tmp_path)) as controller:
        assert controller.get("/api/v1/schema").json["consistent"] is True
    assert (tmp_path / "controller.sqlite3").exists()
