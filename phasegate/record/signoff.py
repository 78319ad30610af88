"""`signoffs.jsonl`: what people decided on a run, one line for each decision, never rewritten."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import UsageError
from phasegate.base.files import about, read_regular
from phasegate.model.approval import SIGN_OFF_SCHEMA, SignOff
from phasegate.model.dataclass_json import reader, to_text
from phasegate.record.journal import cannot_write

SIGN_OFFS = "signoffs.jsonl"
LARGEST = 64 << 20
"""Bytes of decisions that are read."""
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Through no link: a decision goes into the record and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffFile:
    """What `signoffs.jsonl` holds; nothing where there is none."""

    sign_offs: tuple[SignOff, ...] = ()
    """In the order of the file, which is that of the decisions."""
    broken: tuple[str, ...] = ()
    """Lines that are no sign-off, by `file:line`."""
    cut: bool = False
    """Whether the last line was cut off in writing; it tells nothing and is left out."""


def read_sign_offs(folder: Path) -> SignOffFile:
    """Errors: RecordError when the file is there and cannot be read."""
    path = folder / SIGN_OFFS
    try:
        data = read_regular(path, LARGEST)
    except FileNotFoundError:
        return SignOffFile()
    except (OSError, ValueError) as error:
        raise UsageError(about(str(path), error), help="put the file back as it was") from error
    return _parse(data, path)


def append_sign_off(folder: Path, sign_off: SignOff) -> None:
    """Add one line and see it on the disk; a line that was cut off before is taken away first.

    Errors: UsageError when a line in the middle is no sign-off; RecordError. Nothing is written then.
    """
    path = folder / SIGN_OFFS
    line = f"{to_text(_writable(sign_off))}\n".encode()
    try:
        with os.fdopen(os.open(path, _APPEND, 0o644), "r+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is no file")
            fcntl.flock(file, fcntl.LOCK_EX)  # two people may sign at the same time
            data = file.read()
            found = _parse(data, path)
            if found.broken:
                raise UsageError(
                    f"{found.broken[0]} is no sign-off", help="put the file back as it was, then sign"
                )
            whole = data.rfind(b"\n") + 1
            if found.cut:
                file.truncate(whole)
            elif whole < len(data):
                line = b"\n" + line
            _append(file.fileno(), line, back_to=whole if found.cut else len(data))
    except OSError as error:
        raise cannot_write(path, error) from error


def _append(descriptor: int, line: bytes, *, back_to: int) -> None:
    """All of the line or nothing of it."""
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, back_to)
        raise


def _parse(data: bytes, path: Path) -> SignOffFile:
    lines = data.split(b"\n")
    sign_offs: list[SignOff] = []
    broken: list[str] = []
    cut = False
    for number, line in enumerate(lines, start=1):
        last = number == len(lines)
        if last and not line:
            break
        try:
            sign_offs.append(_sign_off(line))
        except (ValueError, RecursionError, OverflowError):
            if last:  # without its end; whoever wrote it was never told that it is signed
                cut = True
            else:
                broken.append(f"{path}:{number}")
    return SignOffFile(sign_offs=tuple(sign_offs), broken=tuple(broken), cut=cut)


def _sign_off(line: bytes) -> SignOff:
    """Errors: ValueError."""
    found: SignOff = reader(SignOff)(json.loads(line))
    if found.schema != SIGN_OFF_SCHEMA:
        raise ValueError(f"schema {found.schema!r}")
    if found.at.tzinfo is None:
        raise ValueError("a time without a zone")
    return found


def _writable(sign_off: SignOff) -> SignOff:
    """What the command line hands over may hold bytes that are no text."""

    def clean(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    return replace(sign_off, by=clean(sign_off.by), role=clean(sign_off.role), reason=clean(sign_off.reason))
