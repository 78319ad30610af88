"""One program run to its end or its limit: own process group, low priority, bounded in time and output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PRIORITY = 10
"""Niceness of scripts and compilers, so that they do not slow down answers."""
OUTPUT_BLOCKS = 8192
"""The largest file a script may write, its own output included, in blocks of 512 or 1024 bytes."""
KEPT_OUTPUT = 4096
"""Bytes of output kept for error messages."""

# CPU seconds and file sizes are limited by the shell, so that they hold even when this service is killed.
_LIMITED = 'ulimit -t "$1" && ulimit -f "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended; `exit_code` is minus the signal number when one ended it."""

    exit_code: int
    output: str
    """The end of what it wrote to standard output and error."""
    seconds: float

    @property
    def manner(self) -> str:
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        return f"ended by signal {-self.exit_code}, {signal.strsignal(-self.exit_code)}"


async def execute(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limit: float,
    blocks: int | str = OUTPUT_BLOCKS,
) -> Ended:
    """Run a command in `folder`; its standard input ends when this service does.

    Errors: TimeoutError after `limit` seconds. Whatever happens, nothing of its process group is left.
    """
    log = folder / "output.log"
    cpu_limit = str(int(limit) * 2 + 2)
    started = time.monotonic()
    lifeline, held = os.pipe()
    process = None
    try:
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _LIMITED, "sh", cpu_limit, str(blocks), *command),
                cwd=folder,
                env=dict(environment),
                stdin=lifeline,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, process.pid, PRIORITY)
        async with asyncio.timeout(limit):
            exit_code = await process.wait()
    finally:
        os.close(lifeline)
        os.close(held)
        if process is not None:
            await _end_group(process)
    return Ended(exit_code=exit_code, output=_tail(log), seconds=time.monotonic() - started)


async def _end_group(process: asyncio.subprocess.Process) -> None:
    # Also after a normal end: the script may have left children behind.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _tail(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - KEPT_OUTPUT))
        return stream.read().decode("utf-8", "replace").strip()
