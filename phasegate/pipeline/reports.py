"""The reports of a run: written beside its record, and rendered again from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from phasegate.errors import UsageError
from phasegate.model.fold import fold
from phasegate.model.result import RunResult
from phasegate.record.journal import RecordError, read_events, write_whole
from phasegate.render import FORMATS
from phasegate.render.outputs import Output, parse_rendering

FILES_SHOWN = {"html": "report", "json": "result"}
"""Reports that the summary names, by format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the command line prints after a run."""

    result: RunResult
    files: Mapping[str, str] = field(default_factory=dict)
    """Where the reports of `FILES_SHOWN` were written, as people would type it."""
    to_stdout: tuple[str, ...] = ()
    """Reports that were asked for on standard output."""
    troubles: tuple[str, ...] = ()
    """What could not be written."""


def render_again(folder: Path, reports: tuple[str, ...]) -> Done:
    """Render a record again from its events. Errors: UsageError when there is none."""
    outputs = parse_rendering(reports)
    try:
        result = fold(read_events(folder))
    except KeyError as error:
        raise UsageError(f"{folder}: the record speaks of {error}, which its run does not have") from None
    return write_reports(result, folder.absolute(), outputs)


def write_reports(result: RunResult, folder: Path, outputs: tuple[Output, ...]) -> Done:
    """Write the reports; one that cannot be written does not keep the others back."""
    to_stdout: list[str] = []
    files: dict[str, str] = {}
    troubles: list[str] = []
    for output in outputs:
        text = FORMATS[output.format].render(result)
        if output.path is None:
            to_stdout.append(text)
            continue
        path = place(output, folder)
        try:
            write_whole(path, text.encode("utf-8", "backslashreplace"))
        except RecordError as error:
            troubles.append(error.message)
        else:
            files.setdefault(FILES_SHOWN.get(output.format, ""), _shown(path))
    shown = {name: files[name] for name in FILES_SHOWN.values() if name in files}
    return Done(result=result, files=shown, to_stdout=tuple(to_stdout), troubles=tuple(troubles))


def place(output: Output, folder: Path) -> Path:
    assert output.path is not None
    return output.path.absolute() if output.named else folder / output.path


def _shown(path: Path) -> str:
    """A path as people would type it: relative where it is below the current folder."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
