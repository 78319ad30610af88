"""Ends what a run started when phasegate dies without having the chance to do it (SIGKILL, out of memory).

Run as a program of its own, with nothing but the standard library, in a session of its own. Its input is a
pipe that only phasegate holds open; the end of it means that phasegate is gone, whatever the way. The lines
are `+<group>` and `-<group>` for process groups, and `=<assignment>` for an environment variable that all
have which the run starts: on Linux it finds those who left their group, and those started in the last
moment.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_POLL = 0.05
_PROC = Path("/proc")


def main() -> None:
    groups: set[int] = set()
    marks: set[bytes] = set()
    for line in sys.stdin:
        word = line[1:].strip()
        match line[0]:
            case "+":
                groups.add(int(word))
            case "-":
                groups.discard(int(word))
            case "=":
                marks.add(word.encode())
    deadline = time.monotonic() + GRACE
    left = _send(groups, marks, signal.SIGTERM)
    _send(groups, marks, signal.SIGCONT)  # one that is stopped sees SIGTERM only when it goes on
    while left and time.monotonic() < deadline:
        time.sleep(_POLL)
        left = _send(groups, marks, 0)
    _send(groups, marks, signal.SIGKILL)


def _send(groups: set[int], marks: set[bytes], number: int) -> bool:
    """Whether there was anybody to send to."""
    found = False
    reached = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM when only zombies are left
            continue
        reached.add(group)
        found = True
    for pid in _marked(marks):
        try:
            if os.getpgid(pid) not in reached:
                os.kill(pid, number)
                found = True
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _marked(marks: set[bytes]) -> Iterator[int]:
    """Processes with one of the marks; zombies have no environment."""
    if not marks or sys.platform != "linux":
        return
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if not marks.isdisjoint(environment):
                yield int(folder.name)


if __name__ == "__main__":
    main()
