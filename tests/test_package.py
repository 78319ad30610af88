"""What the package is made of: the files of wheel and sdist, built as for a release."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from phasegate import __version__

ROOT = Path(__file__).parent.parent
NAME = f"phasegate-{__version__}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """The names of the files in the wheel and in the sdist, without the sdist's own folder."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t", "wheel", "-t", "sdist"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    with zipfile.ZipFile(folder / f"{NAME}-py3-none-any.whl") as wheel:
        in_wheel = [name for name in wheel.namelist() if not name.endswith("/")]
    with tarfile.open(folder / f"{NAME}.tar.gz") as sdist:
        in_sdist = [name.removeprefix(f"{NAME}/") for name in sdist.getnames()]
    assert Counter(in_wheel).most_common(1)[0][1] == 1
    return set(in_wheel), set(in_sdist)


def top(names: set[str]) -> set[str]:
    return {PurePosixPath(name).parts[0] for name in names}


def sources() -> set[str]:
    files = (path.relative_to(ROOT) for path in (ROOT / "phasegate").rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_has_the_package_whole_and_nothing_else(built: tuple[set[str], set[str]]) -> None:
    in_wheel, _ = built
    assert top(in_wheel) == {"phasegate", f"{NAME}.dist-info"}
    assert {name for name in in_wheel if name.startswith("phasegate/")} == sources()


def test_the_wheel_has_its_licence_and_its_command(built: tuple[set[str], set[str]]) -> None:
    in_wheel, _ = built
    own = {name.partition("/")[2] for name in in_wheel if name.startswith(f"{NAME}.dist-info/")}
    assert own == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_sdist_has_what_users_read_and_try_and_no_tests(built: tuple[set[str], set[str]]) -> None:
    _, in_sdist = built
    assert top(in_sdist) == {
        *("phasegate", "checks", "docs", "plans", "schemas"),
        *("CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"),
    }
    assert {name for name in in_sdist if name.startswith("phasegate/")} == sources()


def test_the_changelog_begins_with_this_version() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    newest = next(line for line in lines if line.startswith("## "))
    assert newest.split()[1] == __version__
