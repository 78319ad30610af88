"""The shipped plans of builds, each with its tool: two tests of 108 fail on purpose, and nothing else may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import indent

import pytest

from phasegate.model.result import RunResult, Verdict
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.render.sentences import sentence
from tests.docs.pages import DOCS, blocks
from tests.toolchains import why_no_cargo

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TODAY = date(2027, 1, 15)
"""A day on which the shipped waivers are in force."""
FETCHING = 400
"""Seconds for packages to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How the project of a tool is changed: a file, what stands in it, and what is to stand there."""

    needs: tuple[str, ...] = ()
    third: tuple[str, str, str]
    """A third test that fails."""
    broken: tuple[str, str, str]
    """What does not compile."""
    few: tuple[str, str]
    """In the plan: a command that runs a few of the tests."""


BUILDS: Mapping[str, Build] = {
    "cargo": Build(
        needs=("cargo",),
        third=("checks/builds/cargo/src/tests.rs", 'size(""), Ok(DEFAULT)', 'size(""), Ok(21)'),
        broken=("checks/builds/cargo/src/tests.rs", 'size(""), Ok(DEFAULT)', 'size(""), "twenty"'),
        few=("--no-fail-fast]", "--no-fail-fast, language]"),
    ),
    "go": Build(
        needs=("go",),
        third=("checks/builds/go/paging_test.go", "size != Default", "size == Default"),
        broken=("checks/builds/go/paging_test.go", "size != Default", 'size != "twenty"'),
        few=("-count=1,", "-count=1, -run, IsALanguage,"),
    ),
    "jest": Build(
        needs=("node", "npm"),
        third=("checks/builds/jest/paging.test.js", "toBe(DEFAULT)", "toBe(21)"),
        broken=("checks/builds/jest/paging.js", "const DEFAULT = 20", "const DEFAULT = = 20"),
        few=("--ci,", "--ci, --testNamePattern=WebAssembly,"),
    ),
    "maven": Build(
        needs=("mvn", "javac"),
        third=("checks/builds/maven/src/test/java/shop/PagingTest.java", "Paging.DEFAULT,", "21,"),
        broken=("checks/builds/maven/src/test/java/shop/PagingTest.java", "Paging.DEFAULT,", "Paging.NONE,"),
        few=("failure.ignore=true,", "failure.ignore=true, '-Dtest=PagingTest#*WebAssembly*+webAssembly*',"),
    ),
    "pytest": Build(
        third=(
            "checks/unit/test_paging.py",
            "language=None, page=1, per_page=20",
            "language=None, page=2, per_page=20",
        ),
        broken=("checks/unit/test_paging.py", "NUMBERS = [", "NUMBERS = = ["),
        few=("checks/unit, -c", "checks/unit, -k, webassembly, -c"),
    ),
}


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path | None]:
    """The packages that a project needs: fetched once, or the test is skipped."""
    known: dict[str, str | Path | None] = {}

    def fetch(tool: str) -> Path | None:
        if tool not in known:
            known[tool] = _fetch(tool, tmp_path_factory.mktemp(tool))
        found = known[tool]
        if isinstance(found, str):
            pytest.skip(found)
        return found

    return fetch


def _fetch(tool: str, folder: Path) -> str | Path | None:
    """A folder with packages, None where nothing is needed, or why there are none."""
    if missing := [one for one in BUILDS[tool].needs if shutil.which(one) is None]:
        return f"{missing[0]} is not on PATH"
    if tool == "cargo" and (why := why_no_cargo()):
        return why
    commands = {
        "jest": ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"],
        "maven": ["mvn", "--batch-mode", "--quiet", "-Dmaven.test.failure.ignore=true", "test"],
    }
    if tool not in commands:
        return None
    project = folder / "project"
    shutil.copytree(
        ROOT / "checks/builds" / tool, project, ignore=shutil.ignore_patterns("node_modules", "target")
    )
    try:
        done = subprocess.run(
            commands[tool], cwd=project, capture_output=True, text=True, timeout=FETCHING, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the packages of {tool} did not come in {FETCHING} s"
    if done.returncode:
        return f"the packages of {tool} cannot be had: {(done.stderr or done.stdout).strip()[-200:]}"
    return project


@pytest.fixture(scope="module", autouse=True)
def _behind_other_tests() -> Iterator[None]:
    """Compilers take both processors for minutes, and tests beside them claim what happens by when."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, min(19, before + 10))
    yield
    with suppress(PermissionError):  # only root may go back
        os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(params=BUILDS)
def tool(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def root(tool: str, tmp_path: Path, fetched: Callable[[str], Path | None]) -> Path:
    """A copy of what the repository ships, with the packages that the tool needs."""
    packages = fetched(tool)
    left_out = shutil.ignore_patterns("node_modules", "target", "__pycache__")
    for folder in ("plans", "checks/builds", "checks/unit", "phasegate/demo"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    if packages is not None and (packages / "node_modules").is_dir():
        (tmp_path / "checks/builds/jest/node_modules").symlink_to(packages / "node_modules")
    return tmp_path


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1, f"{file} has {before!r} {text.count(before)} times"
    file.write_text(text.replace(before, after))


def run(root: Path, tool: str) -> RunResult:
    plan = root / f"plans/builds/{tool}.yaml"
    command = ("phasegate", "run", str(plan))
    return execute(RunRequest(plan=plan, output=root / "out", command=command, today=TODAY), None).result


def test_two_tests_that_fail_on_purpose_are_waived_by_name(root: Path, tool: str) -> None:
    result = run(root, tool)
    assert result.verdict is Verdict.PASS, sentence(result.reason)
    assert "waived; with 2 waivers, FAIL without" in sentence(result.reason)
    (unit,) = (check for check in result.checks() if check.id == "unit")
    assert len(unit.seen.cases) >= 108


def test_a_third_test_that_fails_is_not_covered(root: Path, tool: str) -> None:
    file, before, after = BUILDS[tool].third
    change(root / file, before, after)
    result = run(root, tool)
    assert result.exit_code == 1
    assert "unit.pass_rate was 97.2% (105 of 108)" in sentence(result.reason)


def test_a_few_of_the_tests_are_not_enough(root: Path, tool: str) -> None:
    change(root / f"plans/builds/{tool}.yaml", *BUILDS[tool].few)
    result = run(root, tool)
    assert result.verdict is not Verdict.PASS, sentence(result.reason)


def test_the_documents_show_what_is_shipped() -> None:
    shown = [block.text for block in blocks(DOCS / "builds.md") if block.language == "yaml"]
    for tool in BUILDS:
        shipped = (ROOT / f"plans/builds/{tool}.yaml").read_text()
        assert sum(text in shipped or indent(text, " " * 6) in shipped for text in shown) == 1, tool


def test_what_does_not_compile_is_told_by_name(root: Path, tool: str) -> None:
    file, before, after = BUILDS[tool].broken
    change(root / file, before, after)
    result = run(root, tool)
    assert result.exit_code == 1
    assert "compile.exit_code was" in sentence(result.reason)
