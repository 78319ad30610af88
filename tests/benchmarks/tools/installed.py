"""Tools that Debian does not package: installed once, from npm and Go, in a cache outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks.tools.measure import CannotRunError, find

AUTOCANNON = "9.0.0"
VEGETA = "12.13.0"
PATIENCE = 600
"""Seconds for one installation; a Go program is compiled."""


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "phasegate-benchmarks"


def autocannon() -> list[str]:
    """The beginning of its command. Errors: CannotRunError."""
    node = find("node", "apt-get install nodejs")
    npm = find("npm", "apt-get install npm")

    def install(folder: Path) -> None:
        options = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
        _run([npm, "install", "--prefix", str(folder), *options, f"autocannon@{AUTOCANNON}"])

    folder = _once(f"autocannon-{AUTOCANNON}", install)
    return [node, str(folder / "node_modules" / "autocannon" / "autocannon.js")]


def vegeta() -> str:
    """Its path. Errors: CannotRunError."""
    go = find("go", "apt-get install golang")

    def install(folder: Path) -> None:
        _run([go, "install", f"github.com/tsenart/vegeta/v12@v{VEGETA}"], {"GOBIN": str(folder)})

    return str(_once(f"vegeta-{VEGETA}", install) / "vegeta")


def _once(name: str, install: Callable[[Path], None]) -> Path:
    """The folder of an installation, which is there whole or not at all."""
    folder = cache() / name
    if folder.exists():
        return folder
    print(f"  installing {name} in {cache()}", file=sys.stderr, flush=True)
    cache().mkdir(parents=True, exist_ok=True)
    begun = Path(tempfile.mkdtemp(dir=cache()))
    try:
        install(begun)
        begun.rename(folder)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return folder


def _run(argv: list[str], environment: Mapping[str, str] | None = None) -> None:
    try:
        subprocess.run(
            argv,
            env={**os.environ, **(environment or {})},
            check=True,
            timeout=PATIENCE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stdout.split())[-200:]
        raise CannotRunError(f"{' '.join(argv)!r} ended with {error.returncode}: {said}") from None
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{' '.join(argv)!r} took longer than {PATIENCE} s") from None
