"""The folder of a run: made fresh, never shared by two runs, found again by the link `latest`."""

from __future__ import annotations

import itertools
import os
import secrets
from datetime import datetime
from pathlib import Path

from phasegate.base.errors import UsageError
from phasegate.record.evidence import EVIDENCE
from phasegate.record.journal import EVENTS, RESULT

DEFAULT = Path("reports")
LATEST = "latest"
_OURS = (EVENTS, RESULT, EVIDENCE)
"""What is there after a run; at its end everything in `evidence` counts as evidence of this run."""


def make_folder(wanted: Path | None, phase: str, started: datetime) -> Path:
    """Make the output folder and give it absolute; without a wish, `reports/<phase>-<time>`.

    Errors: UsageError when it holds a run already, is not a folder or cannot be made.
    """
    if wanted is None:
        folder = _make_default(f"{phase}-{started:%Y%m%dT%H%M%SZ}")
        _link(folder)
        return folder
    folder = wanted.absolute()
    try:
        taken = next((name for name in _OURS if os.path.lexists(folder / name)), None)
        if taken is None:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(wanted, error) from error
    if taken is not None:
        raise UsageError(
            f"the output folder {wanted} holds a run already: {taken} is there",
            help="name another with -o; a record is never written over",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into the output folder {wanted}: permission denied")
    return folder


def _make_default(name: str) -> Path:
    """A folder below `reports` that was not there; runs of the same second are numbered."""
    for number in itertools.count(1):
        folder = (DEFAULT / (name if number == 1 else f"{name}-{number}")).absolute()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            if not folder.parent.is_dir():
                raise UsageError(f"{DEFAULT} is not a folder", help="name an output folder with -o") from None
            continue
        except OSError as error:
            raise _unusable(folder, error) from error
        return folder
    raise AssertionError("numbers do not end")


def _unusable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot make the output folder {folder}: {(error.strerror or str(error)).lower()}",
        help="name another with -o",
    )


def _link(folder: Path) -> None:
    """Point `latest` at the run; a file system without links goes without."""
    link = folder.parent / LATEST
    temporary = folder.parent / f".{secrets.token_hex(12)}.part"
    if link.exists() and not link.is_symlink():
        return
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
