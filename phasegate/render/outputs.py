"""`--report FORMAT[=PATH]`: which reports are rendered, and where they go."""

from __future__ import annotations

import os
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.base.files import is_folder, is_there
from phasegate.render import FORMATS

ALWAYS = ("json", "html", "junit")
"""Formats that every run writes into its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One report to write."""

    format: str
    path: Path | None
    """Relative to the current folder when the flag named it, else a file name in the run's folder;
    None for standard output."""
    named: bool = False
    """Whether the flag named the path."""


def parse_outputs(flags: tuple[str, ...]) -> tuple[Output, ...]:
    """The reports of a run: those that every run writes, and those that flags ask for.

    Errors: UsageError for an unknown format, and for a path that is missing or where nothing can be written.
    """
    return tuple(dict.fromkeys((*map(_standard, ALWAYS), *map(_parse, flags))))


def parse_rendering(flags: tuple[str, ...]) -> tuple[Output, ...]:
    """The reports to render again: those that flags ask for, without flags those that every run writes.

    Errors: as `parse_outputs`.
    """
    return tuple(dict.fromkeys(map(_parse, flags or ALWAYS)))


def _parse(flag: str) -> Output:
    name, separator, path = flag.partition("=")
    if name not in FORMATS:
        raise UsageError(f"unknown report format {name!r}", help=f"formats are {', '.join(FORMATS)}")
    if not separator:
        return _standard(name)
    if not path:
        raise UsageError(
            f"--report {flag!r} has no path", help=f"write --report {name} or --report {name}=PATH"
        )
    if path == "-":
        return Output(format=name, path=None, named=True)
    place = Path(path)
    if is_folder(place) or not os.access(place if is_there(place) else place.parent, os.W_OK):
        raise UsageError(
            f"--report {flag!r}: cannot write {path}", help="name a file in a folder that is there"
        )
    return Output(format=name, path=place, named=True)


def _standard(name: str) -> Output:
    return Output(format=name, path=Path(FORMATS[name].file))
