"""Who reads what: people standard error, programs standard output; a view only on a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.bench import Desk

pytestmark = pytest.mark.paced

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PLAN = """
    steps:
      - id: only
        title: Ünïcode 日本語
        checks:
          - {id: fine, kind: command, command: [python, -c, ""]}
          - {id: broken, kind: command, command: [python, -c, "raise SystemExit(1)"], title: "[red]x[/]"}
"""


@pytest.fixture
def wordy(desk: Desk) -> Desk:
    desk.plan(PLAN)
    return desk


def moves(text: str) -> list[str]:
    """Escape sequences that are not colour."""
    return [found for found in ESCAPE.findall(text) if not found.endswith("m")]


def test_json_puts_the_result_on_standard_output_and_nothing_else(wordy: Desk) -> None:
    ran = wordy.run("--json", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ran.code == 1
    assert json.loads(ran.out) == ran.data
    assert "Criterion" in ran.err


def test_a_report_on_standard_output_is_a_further_one(wordy: Desk) -> None:
    ran = wordy.run(
        "--report",
        "json=-",
        "--json",
        "-q",
        "--report",
        "junit-strict=strict.xml",
        "--report",
        "html=/dev/null",
    )
    assert json.loads(ran.out) == ran.is_whole().data
    assert (wordy.path / "strict.xml").read_text().startswith("<?xml")
    assert not Path("/dev/null").is_file()


def test_quiet_says_the_verdict_only(wordy: Desk) -> None:
    ran = wordy.run("-q")
    assert ran.err.splitlines() == [ran.last]
    assert ran.last.startswith("FAIL  try: 1 of 2 blocking criteria not met")


def test_the_summary_agrees_with_the_result(wordy: Desk) -> None:
    ran = wordy.run()
    for criterion in ran.result["criteria"]:
        line = next(line for line in ran.err.splitlines() if line.find(f"{criterion['id']} == 0") > 0)
        assert line.split("  ")[0].split(" ", 1)[1] == criterion["verdict"].replace("_", " ")
        assert criterion["observed"] in line
    assert ran.result["reason"] in ran.last
    assert f"{ran.folder.name}/report.html" in ran.err


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [
        ((), {}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_nothing_moves_in_a_pipe_whatever_is_asked_of_colour(
    wordy: Desk, arguments: tuple[str, ...], env: dict[str, str], coloured: bool
) -> None:
    ran = wordy.run(*arguments, env=env)
    assert moves(ran.err) == []
    assert ("\x1b[" in ran.err) is coloured
    assert ("\x1b[1;31m" in ran.err) is coloured
    assert "\r" not in ran.err
    assert "step only" in ESCAPE.sub("", ran.err)


def test_a_reader_that_goes_away_does_not_end_a_run(wordy: Desk) -> None:
    folder = wordy.fresh()
    line = f"'{sys.executable}' -m phasegate run plan.yaml -o {folder} --json 2>&1 | head -c 1 >/dev/null; "
    bash = ["bash", "-c", line + 'exit "${PIPESTATUS[0]}"']
    done = subprocess.run(
        bash, cwd=wordy.path, env=wordy.environment(), check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert json.loads((folder / "result.json").read_text())["verdict"] == "FAIL"


def test_output_that_cannot_be_written_keeps_a_run_from_passing(desk: Desk) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    desk.plan("steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, '']}]}]")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "phasegate", "run", "plan.yaml", "-o", "out", "--json"],
            cwd=desk.path,
            env=desk.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "cannot write standard output: no space left on device" in done.stderr


LIVE = """
    steps:
      - id: only
        parallel: true
        checks:
          - {id: a, kind: command, command: [python, -c, "import time; time.sleep(1.0)"]}
          - id: b-with-a-long-identifier-that-goes-on
            kind: command
            command: [python, -c, "import time; print('x' * 500); time.sleep(1.5); exit(3)"]
          - {id: c, kind: command, command: [python, -c, "import time; time.sleep(2.0)"]}
      - id: later
        checks: [{id: d, kind: command, command: [python, -c, ""]}]
"""


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, which gives a terminal, is not installed")
def test_on_a_terminal_finished_lines_scroll_above_and_nothing_of_the_view_is_left(desk: Desk) -> None:
    desk.plan(LIVE)
    shapes = [(width, color) for width in (120, 60) for color in ("always", "never")]
    screens = Screens(desk)
    try:
        for width, color in shapes:
            screens.open(width, color)
        seen = screens.until_done(shapes)
    finally:
        screens.close()
    for (width, color), (during, after) in seen.items():
        assert any("ctrl-c to stop" in screen for screen in during), (width, color)
        for screen in during:
            assert screen.count("ctrl-c to stop") <= 1
            assert all(len(line) <= width for line in screen.splitlines())
        assert "ctrl-c to stop" not in after
        flat = after.replace("\n", "")
        for id in ("a", "c", "d"):
            assert len(re.findall(rf"✓ pass +{id} \(command\)", flat)) == 1
        assert len(re.findall(r"✗ FAIL *b-with-a-long-identifier-that-goes-on \(", flat)) == 1
        assert "CODE 1" in after


class Screens:
    """Terminals of tmux, one session each, on a server of our own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._socket = str(desk.path / "tmux")

    def open(self, width: int, color: str) -> None:
        out = self._desk.fresh()
        command = (
            f"'{sys.executable}' -m phasegate run plan.yaml -o {out} --color {color}; echo CODE $?; sleep 60"
        )
        size = ["-x", str(width), "-y", "24"]
        self._tmux("new-session", "-d", "-s", f"s{width}{color}", *size, command)

    def until_done(self, shapes: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[list[str], str]]:
        """What each showed on the way, and everything it shows at the end."""
        during: dict[tuple[int, str], list[str]] = {shape: [] for shape in shapes}
        after: dict[tuple[int, str], str] = {}
        deadline = time.monotonic() + 40
        while len(after) < len(shapes) and time.monotonic() < deadline:
            for shape in shapes:
                name = f"s{shape[0]}{shape[1]}"
                screen = self._tmux("capture-pane", "-p", "-t", name)
                if "CODE" in screen:
                    after[shape] = self._tmux("capture-pane", "-p", "-S", "-500", "-t", name)
                else:
                    during[shape].append(screen)
            time.sleep(0.2)
        return {shape: (during[shape], after[shape]) for shape in shapes}

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        environment = {**self._desk.environment(), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        done = subprocess.run(
            ["tmux", "-S", self._socket, "-f", os.devnull, *arguments],
            cwd=self._desk.path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
