"""A project of Compose, claimed by one run of this machine at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, fact


class Claim:
    """Held from `take` to `release`, or to the end of the process, however that comes: the kernel lets go."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def take(cls, host: str, project: str) -> Self:
        """Claim a project on an engine. Errors: TargetError when another run has it."""
        digest = hashlib.sha256(f"{host}\n{project}".encode()).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"phasegate-project-{digest}.lock"
        try:
            file = _open(place)
        except OSError as error:
            message = fact(Code.NOT_CLAIMED, project=project, path=str(place), why=error.strerror)
            raise TargetError(
                fact(Code.OF_PART, part="target.compose", why=message), help=fact(Code.REMOVE_THAT_FILE)
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(file, 20, 0).decode(errors="replace").strip()
            os.close(file)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                message = fact(Code.NOT_LOCKED, path=str(place), why=error.strerror)
                raise TargetError(fact(Code.OF_PART, part="target.compose", why=message)) from None
            message = fact(Code.PROJECT_IN_USE, project=project, process=who)
            raise TargetError(
                fact(Code.OF_PART, part="target.compose", why=message), help=fact(Code.WAIT_FOR_PROJECT)
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        return cls(file)

    def release(self) -> None:
        """May be called twice. The file stays: whoever waits to open it must find the same one."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _open(place: Path) -> int:
    """The file, whoever made it: in a folder that all share, the kernel may refuse to make it anew."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(place, flags)
    except FileNotFoundError:
        file = os.open(place, flags | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):  # somebody else made it meanwhile
            os.fchmod(file, 0o666)
        return file
