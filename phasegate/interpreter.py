"""Which Python runs what is the user's: their tests, their Locust file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from phasegate.files import is_there


def interpreter(wanted: str | None, start: Path, environment: Mapping[str, str]) -> str:
    """An absolute path, or what was wanted where there is no such thing.

    Wanted is a name on PATH, or a path looked for from `start` upwards; `python` is our own. Nothing wanted
    is the Python of $VIRTUAL_ENV, then of a .venv found in the same way, then our own.
    """
    if wanted == "python":
        return sys.executable
    if wanted is not None:
        found = _upwards(start, wanted) if "/" in wanted else _on_path(wanted, environment)
        return found or wanted
    active = environment.get("VIRTUAL_ENV")
    if active and is_there(python := Path(active) / "bin" / "python"):
        return str(python.absolute())
    return _upwards(start, ".venv/bin/python") or sys.executable


def _on_path(name: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(name, path=environment.get("PATH"))


def _upwards(start: Path, name: str) -> str | None:
    start = start.absolute()
    places = (folder / name for folder in (start, *start.parents))
    return next((str(place) for place in places if is_there(place)), None)
