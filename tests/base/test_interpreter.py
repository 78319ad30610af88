"""Which Python runs what is the user's."""

from __future__ import annotations

import sys
from pathlib import Path

from phasegate.base.interpreter import interpreter, own_environment


def test_interpreter_is_that_of_the_active_environment_then_of_a_dot_venv_then_ours(tmp_path: Path) -> None:
    path = tmp_path / "checks"
    for folder in (path, tmp_path / "active/bin", tmp_path / "tools/bin", tmp_path / ".venv/bin"):
        folder.mkdir(parents=True)
    assert interpreter(None, path, {}) == sys.executable
    (tmp_path / ".venv/bin/python").touch()
    assert interpreter(None, path, {}) == str(tmp_path / ".venv/bin/python")
    active = {"VIRTUAL_ENV": str(tmp_path / "active")}
    assert interpreter(None, path, active) == str(tmp_path / ".venv/bin/python")
    (tmp_path / "active/bin/python").touch()
    assert interpreter(None, path, active) == str(tmp_path / "active/bin/python")
    (tmp_path / "tools/bin/python").touch()
    assert interpreter("tools/bin/python", path, active).endswith("tools/bin/python")
    assert interpreter("python", path, active) == sys.executable
    assert interpreter("python0", path, {"PATH": "/nowhere"}) == "python0"


def test_own_processes_get_nothing_that_may_be_a_secret() -> None:
    around = {"PATH": "/bin", "LC_ALL": "C", "PYTHONPATH": "/lib", "AWS_SECRET_ACCESS_KEY": "x", "DB": "y"}
    assert own_environment(around) == {"PATH": "/bin", "LC_ALL": "C", "PYTHONPATH": "/lib"}
