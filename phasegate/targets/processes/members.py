"""Who belongs to this run: the members of a process group or session, and whoever carries the run's mark.

A daemon that leaves its group and its session still has the environment it was started with. Every program of
a run therefore gets a mark there, and at the end of the run those that carry it are ended too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

MARK = "PHASEGATE_MARK"
"""The environment variable that holds the mark of a run."""
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_KILL_WAIT = 2.0
"""Seconds that the system gets to remove what was sent SIGKILL."""
_PROC = Path("/proc")


class Member(NamedTuple):
    """A living process; `group` and `session` are the ids of their leaders."""

    pid: int
    parent: int
    group: int
    session: int


def new_mark() -> str:
    """A mark that no other run has, so that nothing but what this run created is ever ended by it."""
    return secrets.token_hex(12)


def members(leader: int) -> tuple[int, ...]:
    """The living processes of the group and the session that a process leads or led."""
    return tuple(found.pid for found in processes() if leader in (found.group, found.session))


def find_marked(mark: str) -> tuple[int, ...]:
    """The living processes that inherited a mark, wherever they have moved to since."""
    own = os.getpid()
    return tuple(found.pid for found in processes() if found.pid != own and _carries(found.pid, mark))


async def end_marked(mark: str, grace: float = GRACE) -> tuple[int, ...]:
    """End every process that carries a mark: SIGTERM, up to `grace` seconds to leave, SIGKILL.

    Shape: the ids of those that were found. Cancelled, it sends SIGKILL at once.
    """
    loop = asyncio.get_running_loop()
    found = left = find_marked(mark)
    deadline = loop.time() + grace
    try:
        _send(signal.SIGTERM, left)
        _send(signal.SIGCONT, left)  # one that is stopped sees SIGTERM only when it goes on
        while left and loop.time() < deadline + _KILL_WAIT:
            await asyncio.sleep(0.02)
            left = find_marked(mark)
            if loop.time() >= deadline:
                _send(signal.SIGKILL, left)
    except asyncio.CancelledError:
        _send(signal.SIGKILL, left)
        raise
    return found


def kill_marked(mark: str) -> None:
    """SIGKILL to every process that carries a mark, without waiting."""
    _send(signal.SIGKILL, find_marked(mark))


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def processes() -> Iterator[Member]:
    """Every living process that can be seen; zombies are dead."""
    return _linux_processes() if sys.platform == "linux" else _other_processes()


def _linux_processes() -> Iterator[Member]:
    for folder in os.scandir(_PROC):
        if not folder.name.isdigit():
            continue
        try:
            text = read_small(f"{folder.path}/stat")
        except OSError:
            continue
        # The command stands in parentheses and may itself hold spaces and parentheses.
        state, parent, group, session = text[text.rindex(b")") + 2 :].split(None, 4)[:4]
        if state not in (b"Z", b"X"):
            yield Member(int(folder.name), int(parent), int(group), int(session))


def read_small(path: str) -> bytes:
    """A file of /proc of at most a page, in one go: a file object for each of hundreds is felt."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def _other_processes() -> Iterator[Member]:
    import psutil

    for process in psutil.process_iter(["status", "ppid"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        with contextlib.suppress(OSError):
            yield Member(process.pid, process.info["ppid"], os.getpgid(process.pid), os.getsid(process.pid))


def _carries(pid: int, mark: str) -> bool:
    if sys.platform == "linux":
        try:
            return f"{MARK}={mark}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            return False
    import psutil

    try:
        return bool(psutil.Process(pid).environ().get(MARK) == mark)
    except (psutil.Error, OSError):
        return False
