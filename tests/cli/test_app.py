"""The command line as a whole: its help made ahead, and what a command may import."""

from __future__ import annotations

import subprocess
import sys

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
    script = "import sys; from phasegate.__main__ import main; main(); print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


HEAVY = {"pydantic", "rich", "typer", "jinja2", "asyncio", "yaml", "docker", "phasegate.model.result"}


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(flag: str) -> None:
    assert imported(flag) & HEAVY == set()


def test_help_of_a_command_imports_that_command_alone() -> None:
    modules = imported("validate", "--help")
    assert {name for name in modules if name.startswith("phasegate.cli.")} <= {
        *("phasegate.cli.app", "phasegate.cli.console", "phasegate.cli.options", "phasegate.cli.problems"),
        "phasegate.cli.validate",
    }
    assert not modules & {"jinja2", "docker", "phasegate.model.result", "phasegate.plan.loader"}
