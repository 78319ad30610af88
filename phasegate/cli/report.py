"""`phasegate report`: render a record again, from its events alone if need be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phasegate.cli.console import Color, make_console
from phasegate.cli.options import ColorOption
from phasegate.cli.run import show


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run wrote.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FORMAT[=PATH]",
            help="What to render; PATH - is stdout; default: every report a run writes.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the verdict.")] = False,
    color: ColorOption = Color.AUTO,
) -> int:
    """Render the reports of a record again.

    The exit code is that of the run.
    """
    from phasegate.pipeline.reports import render_again

    done = render_again(folder, tuple(formats or ()))
    return show(done, make_console(color), quiet=quiet)
