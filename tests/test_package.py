"""What the package is made of: the files of wheel and sdist, built as for a release."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from phasegate import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
NAME = f"phasegate-{__version__}"


@dataclass(frozen=True, kw_only=True)
class Built:
    wheel: set[str]
    sdist: set[str]
    """Names of files, without the sdist's own folder."""
    metadata: Message


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t", "wheel", "-t", "sdist"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    with zipfile.ZipFile(folder / f"{NAME}-py3-none-any.whl") as wheel:
        in_wheel = [name for name in wheel.namelist() if not name.endswith("/")]
        metadata = message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))
    with tarfile.open(folder / f"{NAME}.tar.gz") as sdist:
        in_sdist = [name.removeprefix(f"{NAME}/") for name in sdist.getnames()]
    assert len(in_wheel) == len(set(in_wheel))
    return Built(wheel=set(in_wheel), sdist=set(in_sdist), metadata=metadata)


def top(names: set[str]) -> set[str]:
    return {PurePosixPath(name).parts[0] for name in names}


def sources() -> set[str]:
    files = (path.relative_to(ROOT) for path in (ROOT / "phasegate").rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_has_the_package_whole_and_nothing_else(built: Built) -> None:
    assert top(built.wheel) == {"phasegate", f"{NAME}.dist-info"}
    assert {name for name in built.wheel if name.startswith("phasegate/")} == sources()


def test_the_wheel_has_its_licence_and_its_command(built: Built) -> None:
    own = {name.partition("/")[2] for name in built.wheel if name.startswith(f"{NAME}.dist-info/")}
    assert own == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_has_what_users_read_and_try_and_no_tests(built: Built) -> None:
    assert top(built.sdist) == {
        *("phasegate", "checks", "docs", "plans", "schemas"),
        *("CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"),
    }
    assert {name for name in built.sdist if name.startswith("phasegate/")} == sources()


def test_the_changelog_begins_with_this_version() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    newest = next(line for line in lines if line.startswith("## "))
    assert newest.split()[1] == __version__


@pytest.mark.parametrize(
    ("system", "interpreter", "asked"),
    [
        ("linux", "CPython", True),
        ("darwin", "CPython", True),
        ("win32", "CPython", False),
        ("linux", "PyPy", False),
    ],
)
def test_uvloop_is_asked_for_only_where_it_has_wheels(
    built: Built, system: str, interpreter: str, asked: bool
) -> None:
    there = {"sys_platform": system, "platform_python_implementation": interpreter, "extra": ""}
    requirements = map(Requirement, built.metadata.get_all("Requires-Dist", []))
    needed = {one.name for one in requirements if one.marker is None or one.marker.evaluate(there)}
    assert ("uvloop" in needed) is asked
    assert {"pydantic", "httptools"} <= needed
    assert not needed & {"docker", "k6", "mypy"}
