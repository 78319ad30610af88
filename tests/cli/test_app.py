"""The command line as a whole: its help made ahead, and what a command may import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phasegate.cli.app import COMMANDS, HELP, make_app, run_command_line


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_made_ahead_is_that_of_the_commands(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = CliRunner().invoke(make_app(*COMMANDS), [flag], prog_name="phasegate", env={"COLUMNS": "100"})
    assert run_command_line([flag]) == 0
    assert capsys.readouterr().out == made.stdout == HELP.read_text(encoding="utf-8")


def imported(*arguments: str) -> set[str]:
    """The modules that a command line imports."""
    script = "import sys; from phasegate.__main__ import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def within(modules: set[str], *names: str) -> set[str]:
    """Those of the modules that are named, or below one that is."""
    return {one for one in modules if any(f"{one}.".startswith(f"{name}.") for name in names)}


LATE = (
    *(
        "backports",
        "brotli",
        "docker",
        "defusedxml",
        "httpx",
        "jsonpath",
        "jsonschema",
        "k6",
        "locust",
        "lxml",
    ),
    *("ngh2", "numpy", "psutil", "pytest", "regex", "requests", "uvloop"),
    *("phasegate.comparison", "phasegate.demo", "phasegate.load", "phasegate.results"),
    *(
        f"phasegate.kinds.{name}"
        for name in ("api", "command", "containers", "e2e", "image", "load", "pipeline", "resources")
    ),
)
"""What no command imports for a plan of one health check: libraries, and rooms of other kinds."""
ONLY_RUN = (
    *("httptools", "jinja2", "tarfile", "xml"),
    *(
        "phasegate.pipeline",
        "phasegate.record",
        "phasegate.render.html",
        "phasegate.runner",
        "phasegate.wire",
    ),
)
HEAVY = (
    *("pydantic", "rich", "asyncio", "yaml", "phasegate.kinds.base", "phasegate.model", "phasegate.plan"),
    *("phasegate.kinds.health", "phasegate.http", "phasegate.render"),
    *LATE,
    *ONLY_RUN,
)


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(flag: str) -> None:
    assert within(imported(flag), "typer", *HEAVY) == set()


def test_kinds_are_listed_without_importing_one() -> None:
    assert within(imported("kinds"), *HEAVY) == set()


PLAN = """
phasegate: 1
phase: one
title: One
target: {external: {app: {url: "http://127.0.0.1:%d"}}}
steps: [{id: s, checks: [{id: up, kind: health, url: /health}]}]
"""


def test_a_plan_is_validated_without_what_runs_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN % 9)
    modules = imported("validate", str(plan))
    assert "phasegate.kinds.health" in modules
    assert within(modules, *LATE, *ONLY_RUN) == set()


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_run_of_one_health_check_imports_nothing_of_other_kinds(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        plan.write_text(PLAN % server.server_port)
        modules = imported("run", str(plan), "-o", str(tmp_path / "out"))
        server.shutdown()
    assert json.loads((tmp_path / "out" / "result.json").read_text())["verdict"] == "PASS"
    assert within(modules, *LATE) == set()


def completion(line: str, shell: str) -> dict[str, str]:
    """The variables by which a shell asks what the last word may become."""
    return {
        "COMP_WORDS" if shell == "bash" else "_TYPER_COMPLETE_ARGS": line,
        "_PHASEGATE_COMPLETE": f"complete_{shell}",
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }


def words_in(answer: str, shell: str) -> list[str]:
    return answer.split() if shell == "bash" else re.findall(r'"([^"]+)":"', answer)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_flags(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def completed(line: str) -> list[str]:
        with monkeypatch.context() as within:
            for name, value in completion(line, shell).items():
                within.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                run_command_line([])
        assert ended.value.code in (0, None)
        return words_in(capsys.readouterr().out, shell)

    assert completed("phasegate va") == ["validate"]
    assert completed("phasegate zz") == []
    assert completed("phasegate ") == list(COMMANDS)
    assert completed("phasegate run --fail") == ["--fail-fast"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_that_completes_gets_its_answer_from_the_program(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phasegate"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **completion("phasegate re", shell)},
    )
    assert words_in(done.stdout, shell) == ["report"]


def test_help_of_a_command_imports_that_command_alone() -> None:
    modules = imported("validate", "--help")
    assert {name for name in modules if name.startswith("phasegate.cli.")} <= {
        *("phasegate.cli.app", "phasegate.cli.console", "phasegate.cli.options", "phasegate.cli.problems"),
        "phasegate.cli.validate",
    }
    assert not modules & {"jinja2", "docker", "phasegate.model.result", "phasegate.plan.loader"}
