"""`signoffs.jsonl`: what people decided on a run, one line for each decision, never rewritten."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from phasegate.base.dataclass import dataclass
from phasegate.base.dataclass_json import reader, to_text
from phasegate.base.errors import UsageError
from phasegate.base.files import about, flags_of, read_regular
from phasegate.model.approval import SIGN_OFF_SCHEMA, SignOff
from phasegate.record.journal import cannot_write

SIGN_OFFS = "signoffs.jsonl"
LARGEST = 64 << 20
"""Bytes of decisions that are read."""
_APPEND = flags_of("O_RDWR", "O_APPEND", "O_CREAT", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")
"""Through no link: a decision goes into the record and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffFile:
    """What `signoffs.jsonl` holds; nothing where there is none."""

    sign_offs: tuple[SignOff, ...] = ()
    """In the order of the file, which is that of the decisions."""
    broken: tuple[str, ...] = ()
    """Lines that are not sign-offs, by `file:line`."""
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

    Errors: UsageError when a line in the middle is not a sign-off; RecordError. Nothing is written then.
    """
    path = folder / SIGN_OFFS
    line = f"{to_text(_writable(sign_off))}\n".encode()
    try:
        with os.fdopen(os.open(path, _APPEND, 0o644), "r+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            with _alone(file.fileno(), path):  # two people may sign at the same time
                data = file.read()
                found = _parse(data, path)
                if found.broken:
                    raise UsageError(
                        f"{found.broken[0]} is not a sign-off", help="put the file back as it was, then sign"
                    )
                whole = data.rfind(b"\n") + 1
                if found.cut:
                    file.truncate(whole)
                elif whole < len(data):
                    line = b"\n" + line
                _append(file.fileno(), line, back_to=whole if found.cut else len(data))
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def _alone(descriptor: int, path: Path) -> Iterator[None]:
    """Nobody else signs meanwhile. Errors: UsageError where somebody does on a system that cannot wait."""
    try:
        import fcntl
    except ImportError:  # Windows
        beside = path.with_name(f"{path.name}.lock")
        try:
            os.close(os.open(beside, flags_of("O_WRONLY", "O_CREAT", "O_EXCL")))
        except FileExistsError:
            raise UsageError(
                f"somebody else signs at this moment, as {beside} shows",
                help="sign again; where nobody else does, remove that file",
            ) from None
        try:
            yield
        finally:
            beside.unlink()
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


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
    """What the command line hands over may hold bytes that are not text."""

    def clean(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    return replace(sign_off, by=clean(sign_off.by), role=clean(sign_off.role), reason=clean(sign_off.reason))
