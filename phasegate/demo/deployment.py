"""The files of the deployment with a fault: `python -m phasegate.demo.deployment --into DIR --fault NAME`.

Copies the folder `deploy`, and edits the copy as the fault has it. A fault of the service changes no file.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from phasegate.demo.faults import FAULTS, OF_FILES, Edit

DEPLOY = Path(__file__).parent / "deploy"
_MARK = ".copied-by-phasegate-demo"


class EditError(Exception):
    """A fault would change nothing, or something else than it is meant to."""


def copy(source: Path, target: Path, fault: str) -> None:
    """Copy a deployment, in the place of an earlier copy, with the edit of a fault.

    Errors: EditError where the text that it changes is not there once, or `target` holds something else;
    OSError.
    """
    if target.exists() and any(target.iterdir()) and not (target / _MARK).exists():
        raise EditError(f"{target} is no earlier copy; name a folder that is empty or not there")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / _MARK).touch()
    if fault in OF_FILES:
        apply(OF_FILES[fault], target)


def apply(edit: Edit, folder: Path) -> None:
    """Errors: EditError, OSError."""
    path = folder / edit.file
    text = path.read_text(encoding="utf-8")
    if text.count(edit.old) != 1:
        raise EditError(f"{path}: expected {edit.old.strip()!r} once, found it {text.count(edit.old)} times")
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """0 after a copy, 1 where a file is not as it should be, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m phasegate.demo.deployment", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--from", dest="source", type=Path, default=DEPLOY, help="the folder that is copied")
    parser.add_argument("--into", type=Path, required=True, help="an earlier copy is replaced")
    parser.add_argument("--fault", choices=FAULTS, default="", help="one of files; others change none")
    options = parser.parse_args(argv)
    try:
        copy(options.source, options.into, options.fault)
    except (EditError, OSError) as error:
        sys.stderr.write(f"deployment: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
