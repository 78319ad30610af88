"""The folder of a run: made fresh, never shared by two runs, found again by the link `latest`."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from phasegate.errors import UsageError
from phasegate.record.journal import EVENTS, RESULT

DEFAULT = Path("reports")
LATEST = "latest"


def make_folder(wanted: Path | None, phase: str, started: datetime) -> Path:
    """Make the output folder and give it absolute; without a wish, `reports/<phase>-<time>`.

    Errors: UsageError when it holds a run already, is no folder or cannot be made.
    """
    folder = (wanted or DEFAULT / f"{phase}-{started:%Y%m%dT%H%M%SZ}").absolute()
    if any((folder / name).exists() for name in (EVENTS, RESULT)):
        raise UsageError(
            f"the output folder {wanted or folder} holds a run already",
            help="name another with -o; a record is never written over",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the output folder {wanted or folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write into the output folder {wanted or folder}: permission denied")
    if wanted is None:
        _link(folder)
    return folder


def _link(folder: Path) -> None:
    """Point `latest` at the run; a file system without links goes without."""
    link = folder.parent / LATEST
    temporary = folder.parent / f".{LATEST}.{os.getpid()}"
    if link.exists() and not link.is_symlink():
        return
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
