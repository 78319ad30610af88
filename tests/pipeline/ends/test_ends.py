"""Runs that do not come to their end by themselves: signals, limits, dead targets, a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.bench import Desk, Running

pytestmark = pytest.mark.paced

SERVER = """
    import http.server, sys

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("listening", flush=True)
    server.serve_forever()
"""
TARGET = """
target:
  processes:
    app:
      command: [python, server.py, "${self.port}"]
      ready: {log: listening, within: 20s}
"""
LONG = (
    TARGET
    + """
  setup: [[python, -c, "print('set up')"]]
  teardown: [[python, -c, "open('target-down', 'w')"]]
steps:
  - id: first
    setup: [[python, -c, "open('step-up', 'w')"]]
    teardown: [[python, -c, "import time; time.sleep(0.3); open('step-down', 'w')"]]
    checks:
      - {id: quick, kind: health, url: /}
      - {id: endless, kind: command, command: [python, -c, "import time; time.sleep(100)"]}
      - {id: never, kind: health, url: /}
  - id: second
    setup: [[python, -c, "open('second-up', 'w')"]]
    checks: [{id: later, kind: health, url: /}]
gate:
  checks: [{id: beside, kind: health, url: /, during: run, every: 20ms}]
"""
)


@pytest.fixture
def busy(desk: Desk) -> Iterator[Running]:
    """A run in the middle of its second check."""
    desk.write("server.py", SERVER)
    desk.plan(LONG)
    with desk.running() as run:
        run.until('"check":"endless","number":1')
        yield run


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "stopped by Ctrl-C"),
        (signal.SIGTERM, 143, "stopped by SIGTERM"),
        (signal.SIGHUP, 143, "stopped by SIGHUP"),
    ],
)
def test_the_first_signal_ends_a_run_in_order(
    busy: Running, number: signal.Signals, code: int, reason: str
) -> None:
    busy.signal(number)
    ran = busy.end()
    assert ran.code == code
    result = ran.is_whole().result
    assert result["interrupted"] == reason
    assert result["reason"].startswith(reason)
    assert ran.statuses() == {
        "quick": "passed",
        "endless": "errored",
        "never": "not_run",
        "later": "not_run",
        "beside": "errored",
    }
    assert ran.check("never")["reason"] == reason
    assert ran.criterion("quick.success_rate")["verdict"] == "met"
    assert ran.criterion("beside.success_rate")["verdict"] == "unproven"
    left = {path.name for path in busy.desk.path.iterdir()}
    assert {"step-up", "step-down", "target-down"} <= left
    assert "second-up" not in left


def test_the_second_signal_ends_a_run_at_once_and_leaves_no_process(busy: Running) -> None:
    busy.signal(signal.SIGINT)
    busy.until('"Interrupted"')
    busy.signal(signal.SIGINT)
    ran = busy.end()
    assert ran.code == 130
    again = busy.desk.phasegate("report", str(ran.folder), "-q")
    assert again.code == 3
    assert "stopped by Ctrl-C" in again.last


def test_a_killed_run_leaves_a_readable_record_and_no_process(busy: Running) -> None:
    busy.signal(signal.SIGKILL)
    ran = busy.end()
    assert ran.code == -signal.SIGKILL
    again = busy.desk.phasegate("report", str(ran.folder))
    assert again.code == 3
    assert "the record ends before the run did" in again.last
    assert ran.check("endless")["status"] == "errored"


def test_a_signal_while_the_target_comes_up_ends_the_run_at_once(desk: Desk) -> None:
    desk.plan(
        """
        target:
          processes:
            app:
              command: [python, -c, "import time; time.sleep(100)"]
              ready: {tcp: true, within: 60s}
        steps: [{id: only, checks: [{id: up, kind: health, url: /}]}]
        """
    )
    with desk.running() as run:
        run.until('"starting"')
        run.signal(signal.SIGINT)
        ran = run.end()
    assert ran.code == 130
    assert ran.is_whole().statuses() == {"up": "not_run"}


def test_teardown_is_not_cut_off_by_a_signal(desk: Desk) -> None:
    desk.plan(
        """
        steps:
          - id: only
            teardown: [[python, -c, "import time; time.sleep(3.6); open('down', 'w')"]]
            checks: [{id: brief, kind: command, command: [python, -c, ""]}]
        """
    )
    with desk.running() as run:
        run.until('"CheckFinished"')
        run.signal(signal.SIGINT)
        assert run.end().code == 130
    assert (desk.path / "down").exists()


def test_a_run_that_reaches_its_limit_is_inconclusive(desk: Desk) -> None:
    desk.plan(
        """
        gate: {limit: 1s}
        steps:
          - id: only
            checks: [{id: slow, kind: command, command: [python, -c, "import time; time.sleep(100)"]}]
        """
    )
    ran = desk.run()
    assert ran.code == 3
    assert "the run reached its limit of 1 s" in ran.is_whole().last


def test_a_target_that_is_killed_half_way_leaves_a_whole_record_that_names_it(desk: Desk) -> None:
    desk.write("server.py", SERVER)
    desk.plan(
        TARGET
        + """
steps:
  - id: only
    checks:
      - id: watch
        kind: health
        url: /
        probes: 60
        every: 50ms
        criteria: [success_rate >= 1%, latency.p95 < 5s]
      - {id: after, kind: health, url: /}
"""
    )
    with desk.running() as run:
        run.until('"check":"watch"')
        listening = [line for line in desk.left(within=0) if "server.py" in line]
        assert len(listening) == 1
        for process in _marked(desk):
            if "server.py" in " ".join(process.cmdline()):
                process.kill()
        ran = run.end()
    assert ran.code == 1
    result = ran.is_whole().result
    assert "target app died during the run: it was ended by SIGKILL" in result["reason"]
    assert result["target"][0]["exit_code"] == -9
    assert ran.criterion("watch.latency.p95")["verdict"] == "not_met"
    assert ran.statuses()["after"] == "failed"
    assert any("refused" in cause for cause, _ in ran.check("after")["attempts"][0]["causes"])
    assert "died" in ran.err


def test_a_target_that_dies_keeps_a_run_from_passing(desk: Desk) -> None:
    desk.write(
        "server.py",
        SERVER.replace("print(", "open('pid', 'w').write(str(__import__('os').getpid()))\n    print("),
    )
    desk.write("kill.py", "import os, time\nos.kill(int(open('pid').read()), 15)\ntime.sleep(0.5)\n")
    desk.plan(
        TARGET
        + """
steps:
  - id: only
    checks:
      - {id: up, kind: health, url: /}
      - {id: kill, kind: command, command: [python, kill.py]}
"""
    )
    ran = desk.run()
    assert ran.code == 3
    assert set(ran.is_whole().statuses().values()) == {"passed"}
    assert "target app died during the run" in ran.last


def _marked(desk: Desk) -> list[object]:
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("PYTHON_DESK_MARK") == desk.mark:
                found.append(process)
    return found


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_during_a_run_makes_it_inconclusive_and_readable(
    desk: Desk, tiny_disk: Path
) -> None:
    desk.plan(
        """
        steps:
          - id: only
            checks:
              - {id: chatty, kind: command, command: [python, -c, "print('x' * 1_000_000)"]}
              - {id: after, kind: command, command: [python, -c, ""]}
        """
    )
    ran = desk.phasegate("run", "plan.yaml", "-o", str(tiny_disk / "out"), folder=tiny_disk / "out")
    assert ran.code == 3
    assert "Traceback" not in ran.err
    assert "no space left" in ran.last.lower()
    assert ran.statuses() == {"chatty": "errored", "after": "not_run"}
    again = desk.phasegate("report", str(ran.folder), "--report", "json=-", "-q")
    assert again.code == 3
    assert json.loads(again.out)["verdict"] == "INCONCLUSIVE"


def test_a_disk_without_room_for_the_reports_takes_back_the_pass(desk: Desk, tiny_disk: Path) -> None:
    desk.plan("steps: [{id: only, checks: [{id: fine, kind: command, command: [python, -c, '']}]}]")
    # Room for the events and nothing else.
    (tiny_disk / "ballast").write_bytes(bytes((256 - 16) * 1024))
    ran = desk.phasegate("run", "plan.yaml", "-o", str(tiny_disk / "out"), folder=tiny_disk / "out")
    assert ran.code == 3
    assert "Traceback" not in ran.err
    assert "no space left" in ran.err
    found = ran.folder / "result.json"
    assert not found.exists() or json.loads(found.read_text())["verdict"] == "INCONCLUSIVE"
    again = desk.phasegate("report", str(ran.folder), "--report", "json=-", "-q")
    assert again.code == 3
    assert json.loads(again.out)["verdict"] == "INCONCLUSIVE"


def test_a_full_disk_begins_no_run(desk: Desk, tiny_disk: Path) -> None:
    desk.write("note.py", "open('ran', 'w')")
    desk.plan("steps: [{id: only, checks: [{id: fine, kind: command, command: [python, note.py]}]}]")
    with contextlib.suppress(OSError):
        (tiny_disk / "ballast").write_bytes(bytes(256 * 1024))
    ran = desk.phasegate("run", "plan.yaml", "-o", str(tiny_disk / "out"), folder=tiny_disk / "out")
    assert ran.code in (2, 3)
    assert "Traceback" not in ran.err
    assert "no space left" in ran.err
    assert not (desk.path / "ran").exists()
