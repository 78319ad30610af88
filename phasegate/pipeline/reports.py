"""The reports of a run: written beside its record, and rendered again from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path

from phasegate.base.ci_commands import disarm
from phasegate.base.dataclass import dataclass
from phasegate.base.errors import RecordError
from phasegate.base.facts import Message
from phasegate.base.units import count
from phasegate.gate.approval import signatures
from phasegate.model.result import RunResult
from phasegate.record.journal import RESULT, is_being_written, write_report
from phasegate.record.reading import read_record, refuse_impossible
from phasegate.record.signoff import SIGN_OFFS, read_sign_offs
from phasegate.render import FORMATS
from phasegate.render.outputs import Output, parse_rendering
from phasegate.render.words import one_line
from phasegate.targets.processes.reaper import clear_evidence

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
    troubles: tuple[Message, ...] = ()
    """What could not be written."""
    sha256: str = ""
    """Of `result.json` in the record, as it was written; empty where it was not."""
    kept: str = ""
    """How a person takes down the stack that was left up."""


def render_again(folder: Path, reports: tuple[str, ...]) -> Done:
    """Render a record again from its events, and what people decided since from its sign-offs.

    Where the run was killed, what programs left in its folder on their own is removed: it may hold secrets.
    Errors: UsageError when there is no record.
    """
    outputs = parse_rendering(reports)
    with refuse_impossible(folder):
        return _render_all(folder, outputs)


def _render_all(folder: Path, outputs: tuple[Output, ...]) -> Done:
    record = read_record(folder)
    # What was signed stays as it is, byte by byte, also where another version would write it otherwise.
    signed = FORMATS["json"].render(record.run).encode() if record.changed else record.data
    signs = read_sign_offs(folder)
    digest = hashlib.sha256(signed).hexdigest()
    result = replace(record.run, signatures=signatures(record.run, signs.sign_offs, digest))
    done = write_reports(result, folder.absolute(), outputs, signed=signed)
    broken = tuple(f"{place} is not a sign-off" for place in signs.broken)
    cut = (f"the last line of {folder / SIGN_OFFS} was cut off and is left out",) if signs.cut else ()
    cleared = _clear_evidence(folder) if record.run.finished is None else ()
    return replace(done, troubles=(*done.troubles, *broken, *cut, *cleared))


def _clear_evidence(folder: Path) -> tuple[str, ...]:
    if is_being_written(folder):
        return ()
    return tuple(
        f"{count(files, 'file')} in {one_line(check)} removed: the run was killed before they were redacted"
        for check, files in sorted(clear_evidence(folder).items())
    )


def write_reports(
    result: RunResult, folder: Path, outputs: tuple[Output, ...], *, signed: bytes | None = None
) -> Done:
    """Write the reports; one that cannot be written does not keep the others back.

    `signed` is what `result.json` of the record holds, where it does not come from the result anew.
    """
    to_stdout: list[str] = []
    files: dict[str, str] = {}
    troubles: list[Message] = []
    sha256 = ""
    for output in outputs:
        text = FORMATS[output.format].render(result)
        if output.path is None:
            to_stdout.append(text)
            continue
        path = place(output, folder)
        try:
            kept = signed if path == folder / RESULT else None
            if path.exists() and not path.is_file():  # as /dev/stdout
                text = disarm(text)
            data = text.encode("utf-8", "backslashreplace") if kept is None else kept
            write_report(path, data, named=output.named)
            if path == folder / RESULT:
                sha256 = hashlib.sha256(data).hexdigest()
        except RecordError as error:
            troubles.append(error.message)
        else:
            files.setdefault(FILES_SHOWN.get(output.format, ""), _short_path(path))
    shown = {name: files[name] for name in FILES_SHOWN.values() if name in files}
    return Done(
        result=result,
        files=shown,
        to_stdout=tuple(to_stdout),
        troubles=tuple(troubles),
        sha256=sha256,
    )


def place(output: Output, folder: Path) -> Path:
    assert output.path is not None
    return output.path.absolute() if output.named else folder / output.path


def _short_path(path: Path) -> str:
    """A path as people would type it: relative where it is below the current folder."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
