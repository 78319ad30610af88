"""The E2E suite in checks/e2e against the controller, started as a user would by hand."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.conftest import Controller, running

SUITE = Path(__file__).parents[2] / "checks" / "e2e"
VARIABLE = "PHASEGATE_TARGET_CONTROLLER_URL"
runtimes_missing = any(shutil.which(program) is None for program in ("node", "rustc"))


def run_suite(*arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the suite needs none of the plugins of these tests
    if url:
        environment[VARIABLE] = url
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=SUITE, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.skipif(runtimes_missing, reason="node or rustc is not on PATH")
def test_every_test_passes_on_a_healthy_controller(controller: Controller) -> None:
    ended = run_suite(url=controller.url)
    assert ended.returncode == 0, ended.stdout
    assert " skipped" not in ended.stdout


def test_incident_is_found_by_every_module_that_does_not_expect_refusal() -> None:
    with running("--fault", "app-data") as controller:
        ended = run_suite("test_python.py", "test_caching.py", url=controller.url)
    assert ended.returncode == 1
    assert " passed" not in ended.stdout
    assert "not configured correctly" in ended.stdout


def test_missing_address_fails_and_names_the_variable() -> None:
    ended = run_suite("test_python.py")
    assert ended.returncode == 1
    assert f"{VARIABLE} is not set" in ended.stdout
    assert " passed" not in ended.stdout


def test_suite_imports_nothing_but_the_standard_library_and_pytest() -> None:
    own = {path.stem for path in SUITE.glob("*.py")}
    for path in SUITE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names | own | {"pytest"}, f"{path.name} imports {name}"
