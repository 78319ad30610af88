"""Which Python runs what is the user's, their tests and their Locust file; what ours is given to run."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from phasegate.base.files import is_there

_OURS = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|HOME|PYTHON\w+|LD_LIBRARY_PATH|DYLD_\w+|SSL_CERT_(?:FILE|DIR)|VIRTUAL_ENV"
)


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process of phasegate's own gets of an environment: what Python needs, so no secret."""
    return {name: value for name, value in environment.items() if _OURS.fullmatch(name)}


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
