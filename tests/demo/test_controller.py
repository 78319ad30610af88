"""The controller as a process: flags, start, shutdown and what it leaves behind."""

from __future__ import annotations

import signal
import socket
import tempfile
from pathlib import Path

import pytest

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
