"""The commands of a page, run one after the other in a folder with the files that the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import DOCS, Block, blocks, name_of, pages
from tests.holdups import tell

TUTORIAL = DOCS / "first-gate.md"
"""Its files are there for the commands of every page."""
ENGINE_PAGES = tuple(
    DOCS / name
    for name in ("targets.md", *(f"kinds/{kind}.md" for kind in ("containers", "image", "resources")))
)
"""Their commands need a container engine."""
SHOWN_ELSEWHERE = ("docs/kinds/your-own.md",)
"""Pages that a test of their own follows command by command: `tests.kinds.test_foreign`."""


def pages_with_commands() -> list[Path]:
    return [
        page
        for page in pages()
        if name_of(page) not in SHOWN_ELSEWHERE and any(block.language == "console" for block in blocks(page))
    ]


def write_files(page: Path, folder: Path) -> None:
    """The files that a page shows, beside those of the tutorial."""
    for block in (*blocks(TUTORIAL), *blocks(page)):
        if block.title:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")


def follow(page: Path, folder: Path) -> None:
    """Run the commands of a page and hold their output against what the page shows."""
    fresh = Path(tempfile.mkdtemp(dir=folder))
    write_files(page, fresh)
    code = 0
    for block in blocks(page):
        if block.language == "console":
            for command, shown in commands_of(block):
                code, output = run(command, fresh, code)
                assert_shown(shown, output, f"{block}: {command}")


def commands_of(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Commands with the lines shown below each."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, [line.strip() for line in lines if line.strip()]


def run(command: str, folder: Path, before: int) -> tuple[int, str]:
    """The exit code of a command and all that it printed; `before`: the exit code that `$?` stands for."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"(exit {before})\n{command}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "110"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    return done.returncode, done.stdout


def assert_shown(shown: list[str], output: str, where: str) -> None:
    """Every line is there, in this order; the time before lines of a run is left out."""
    if "phasegate was late" in output:
        tell(1.0)
    rest = [re.sub(r"^\[\d\d:\d\d\] ", "", line.strip()) for line in output.splitlines()]
    for line in shown:
        if line == "…":
            continue
        pattern = re.compile(".*".join(_loose(piece) for piece in line.split("…")))
        while rest and pattern.fullmatch(rest[0]) is None:
            rest.pop(0)
        assert rest, f"{where} does not print {line!r}, but\n{output}"
        rest.pop(0)


def _loose(piece: str) -> str:
    """Words as they are, whatever blanks are between them."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", piece)))
