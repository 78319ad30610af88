from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.cli.app import run_command_line

Said = tuple[int, str, str]
CommandLine = Callable[..., Said]
"""Arguments in; exit code, standard output and standard error out."""


@pytest.fixture
def phasegate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it for its workers

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["phasegate", *arguments])
        code = run_command_line(arguments)
        return code, *capfd.readouterr()

    return run
