"""Runs phasegate as people do: a plan in a folder, a command line, an exit code, what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasegate.gate.verdict import GateDecision, decide
from phasegate.model.codec import result_to_json
from phasegate.record.journal import read_events
from tests import warm
from tests.judged import in_words, settled
from tests.own_words import own_words

LONGEST = 900.0
"""Seconds any run of these tests may take before it counts as hanging, on a machine of any load."""
_SHADOWS = ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "VIRTUAL_ENV")
_PLAIN_PYTEST = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Plugins that none of the suites here needs take longer than they do."""
ENDS = '{"event":"RunFinished"'


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def data(self) -> dict[str, Any]:
        """`result.json` as it is."""
        return json.loads((self.folder / "result.json").read_text(encoding="utf-8"))

    @property
    def result(self) -> dict[str, Any]:
        """The same in the words of a report."""
        return in_words(self.data)

    @property
    def last(self) -> str:
        """The line people see last."""
        return self.err.strip().splitlines()[-1]

    def check(self, id: str) -> dict[str, Any]:
        checks = [check for step in self.result["steps"] for check in step["checks"]]
        return next(check for check in [*checks, *self.result["gate_checks"]] if check["id"] == id)

    def criterion(self, id: str) -> dict[str, Any]:
        return next(item for item in self.result["criteria"] if item["id"] == id)

    def statuses(self) -> dict[str, str]:
        return {
            check["id"]: check["status"]
            for group in (*(step["checks"] for step in self.result["steps"]), self.result["gate_checks"])
            for check in group
        }

    def alone(self, id: str) -> GateDecision:
        """What the gate would say if it had the criteria of one check only."""
        return decide([item for item in settled(read_events(self.folder)).criteria if item.subject == id])

    def errors(self) -> dict[int, str]:
        """What is said to be wrong with a plan, by its lines."""
        found = re.findall(r"^error: (.+)\n +--> .+:(\d+):\d+$", self.err, re.MULTILINE)
        return {int(line): "\n".join(said for said, where in found if where == line) for _, line in found}

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def is_whole(self) -> Ran:
        """Every file is there, the result is the fold of the events and says what the exit code said."""
        lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
        assert lines[-1].startswith(ENDS), lines[-1][:200]
        assert json.loads(json.dumps(result_to_json(settled(read_events(self.folder))))) == self.data
        for name in ("report.html", "junit.xml"):
            assert (self.folder / name).stat().st_size > 0
        assert self.result["exit_code"] == self.code
        assert self.last.startswith(self.result["verdict"])
        assert "Traceback" not in self.err
        return self


@dataclass
class Desk:
    """A folder with plans, and the means to run them."""

    path: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    """In the environment of all that is started, so that what is left over is found. Its name is one of
    Python's, for no other reaches the processes that are phasegate's own."""
    runs: int = 0

    def write(self, name: str, text: str) -> Path:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text), encoding="utf-8")
        return place

    def plan(self, body: str, name: str = "plan.yaml") -> Path:
        """A plan with the given target, steps and gate."""
        return self.write(name, "phasegate: 1\nphase: try\ntitle: Try it\n" + textwrap.dedent(body))

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        plan: str = "plan.yaml",
        within: float = LONGEST,
    ) -> Ran:
        """`phasegate run PLAN -o OUT` with further arguments."""
        folder = self.fresh()
        ran = self.phasegate(
            "run", plan, "-o", str(folder), *arguments, env=env, folder=folder, within=within
        )
        found = own_words(folder)
        assert not found, found
        return ran

    def fresh(self) -> Path:
        self.runs += 1
        return self.path / f"out-{self.runs}"

    def phasegate(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        within: float = LONGEST,
    ) -> Ran:
        """Any command line. Nothing it started may be left."""
        around = self.environment(env)
        if warm.allows(env or {}):
            done = warm.run(arguments, cwd=self.path, env=around, timeout=within)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "phasegate", *arguments],
                cwd=self.path,
                env=around,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=within,
                check=False,
            )
        assert self.left() == []
        return Ran(done.returncode, done.stdout, done.stderr, folder or self.path)

    @contextlib.contextmanager
    def running(
        self, *arguments: str, plan: str = "plan.yaml", env: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """A run under way."""
        folder = self.fresh()
        with subprocess.Popen(
            [sys.executable, "-m", "phasegate", "run", plan, "-o", str(folder), *arguments],
            cwd=self.path,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as process:
            try:
                yield Running(self, process, folder)
            finally:
                if process.poll() is None:
                    process.kill()

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _SHADOWS and not name.startswith("PYTEST_")
        }
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, kept.get("PYTHONPATH"))))
        own = {"PYTHONPATH": path, "PYTHON_DESK_MARK": self.mark, **_PLAIN_PYTEST}
        return {**kept, **own, **(more or {})}

    def left(self, within: float = 60.0) -> list[str]:
        """The command lines of processes that are still there after a while."""
        deadline = time.monotonic() + within
        while found := list(self._marked()):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return found

    def _marked(self) -> Iterator[str]:
        mark = f"PYTHON_DESK_MARK={self.mark}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended, or is somebody else's
                if mark in (process / "environ").read_bytes():
                    yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()


@dataclass
class Running:
    desk: Desk
    process: subprocess.Popen[str]
    folder: Path

    def until(self, text: str, within: float = LONGEST) -> str:
        """Wait until the record has a line with a text; that line."""
        events = self.folder / "events.jsonl"
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if events.exists():
                for line in events.read_text(encoding="utf-8").splitlines():
                    if text in line:
                        return line
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.02)
        raise AssertionError(f"{text!r} did not come up in {events}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, within: float = LONGEST) -> Ran:
        out, err = self.process.communicate(timeout=within)
        assert self.desk.left() == []
        return Ran(self.process.returncode, out, err, self.folder)
