"""`--report FORMAT[=PATH]`: which reports are rendered, and where they go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phasegate.errors import UsageError
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
    """The reports to write: those that every run writes, and those that flags ask for.

    Errors: UsageError for an unknown format or a missing path.
    """
    asked = [_parse(flag) for flag in flags]
    moved = {output.format for output in asked if output.named}
    standard = [_standard(name) for name in ALWAYS if name not in moved]
    kept = {output.format for output in standard}
    return (*standard, *(output for output in asked if output.named or output.format not in kept))


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
    return Output(format=name, path=None if path == "-" else Path(path), named=True)


def _standard(name: str) -> Output:
    return Output(format=name, path=Path(FORMATS[name].file))
