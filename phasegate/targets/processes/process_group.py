"""One program and everything it starts: read without blocking, ended as a group, reaped."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, fact
from phasegate.base.interpreter import own_environment
from phasegate.targets.processes import reaper
from phasegate.targets.processes.lifeline import dies_with_us
from phasegate.targets.processes.members import MARK, members
from phasegate.targets.processes.output import LINE, BoundedOutput, LineSplitter
from phasegate.world import Completed

if TYPE_CHECKING:
    import psutil

DRAIN = 0.5
"""Seconds to wait for the end of output once the group is gone: a daemon may have kept the pipe."""
POLL = 0.02
ERROR_LINE = 1 << 20
"""Bytes after which a line of a spoken-to program's standard error is handed on in pieces."""
_PLACES = (0, 1)
_STARTS = 40
"""Guards that are started at most: where none can live, no more are tried."""
_STREAMS = {1: "stdout", 2: "stderr"}


class ProcessGroup(asyncio.SubprocessProtocol):
    """A program started as the leader of a session and process group of its own.

    `on_line(stream, line)` sees each line; with `line_limit` standard input is open, standard output is read
    by `read_line` instead of being kept, and lines of standard error may be `ERROR_LINE` bytes long.
    """

    def __init__(
        self,
        *,
        keep: int,
        on_line: Callable[[str, str], None] | None = None,
        line_limit: int | None = None,
    ) -> None:
        self.pid = 0
        self._kept = {fd: BoundedOutput(keep) for fd in _STREAMS}
        self._lines: dict[int, LineSplitter] = {}
        if on_line is not None:
            longest = ERROR_LINE if line_limit else LINE
            self._lines = {
                fd: LineSplitter(_naming(name, on_line), longest=longest) for fd, name in _STREAMS.items()
            }
        self._reader = asyncio.StreamReader(limit=line_limit) if line_limit else None
        self._exited = asyncio.Event()
        self._ended = asyncio.Event()
        """It exited, or `on_line` failed."""
        self._open_pipes = set(_STREAMS)
        self._drained = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._failure: Exception | None = None
        self._started = time.perf_counter()
        self._finished: float | None = None
        self._strays: list[psutil.Process] = []
        self._over = False
        self._abandoned = False
        """Its owner was cancelled twice: nobody waits for the end any more."""
        self._transport: asyncio.SubprocessTransport | None = None

    async def start(
        self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], grace: float
    ) -> None:
        """Start the program; a cancellation meanwhile ends it again.

        Errors: OSError and ValueError of the system's exec.
        """
        GUARD.expect(environment)
        starting = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                *argv,
                stdin=subprocess.PIPE if self._reader else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=environment,
                start_new_session=True,
                **dies_with_us(),
            )
        )
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            if starting.exception() is None:
                await self.end(grace)
            raise

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by isinstance: uvloop's transport has no base class in common with asyncio's.
        self._transport = transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = transport.get_pid()
        GUARD.watch(self.pid)
        if self._reader is not None:
            output = transport.get_pipe_transport(1)
            assert output is not None
            self._reader.set_transport(output)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1 and self._reader is not None:
            self._reader.feed_data(data)
            return
        self._kept[fd].feed(data)
        if fd in self._lines and self._failure is None:
            try:
                self._lines[fd].feed(data)
            except Exception as error:
                # Raised again from `ended_within`: here it would only reach the loop's log.
                self._failure = error
                self._ended.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 0:
            self._writable.set()
            return
        if fd == 1 and self._reader is not None:
            self._reader.feed_eof()
        self._open_pipes.discard(fd)
        if not self._open_pipes:
            self._drained.set()

    def process_exited(self) -> None:
        self._finished = time.perf_counter()
        self._exited.set()
        self._ended.set()
        if self._abandoned and self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # What its owner calls.

    @property
    def running(self) -> bool:
        return self._finished is None

    async def write(self, data: bytes) -> None:
        """Write to standard input, waiting while the program does not read; no effect when it is gone."""
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if pipe is not None and not pipe.is_closing() and self.running:
            cast("asyncio.WriteTransport", pipe).write(data)
            await self._writable.wait()

    async def read_line(self) -> str | None:
        """The next line of standard output without its end; None at the end.

        Errors: ObservationError when a line is longer than the limit.
        """
        if self._reader is None:
            return None
        try:
            line = await self._reader.readline()
        except ValueError as error:
            message = fact(Code.LINE_TOO_LONG, process=str(self.pid), why=str(error))
            raise ObservationError(message) from error
        return line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace") if line else None

    async def ended_within(self, limit: float | None) -> bool:
        """Wait for the program to end; False when it had not after `limit` seconds.

        Errors: whatever `on_line` raised.
        """
        try:
            async with asyncio.timeout(limit):
                await self._ended.wait()
        except TimeoutError:
            return False
        if self._failure is not None:
            raise self._failure
        return True

    async def drained(self) -> None:
        """Wait until what an ended program had written is read."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                await self._drained.wait()

    def signal(self, number: int) -> bool:
        """Signal the whole group; False when nothing was left of it."""
        if self._over:
            return False
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM when only zombies are left
            return False
        return True

    async def end(self, grace: float) -> None:
        """End what is left: SIGTERM, after `grace` seconds SIGKILL; returns when all of it is gone.

        Cancelling this sends SIGKILL at once.
        """
        if self._over:
            return
        try:
            if self.running:
                self._strays = _descendants(self.pid)
            await self._end_gently(grace)
        except asyncio.CancelledError:
            self._abandoned = True
            raise
        finally:
            self._signal_all(signal.SIGKILL)
            for stray in self._strays:
                _kill(stray)
            self._over = not self.running
            GUARD.forget(self.pid)
        await self._reap()

    async def _end_gently(self, grace: float) -> None:
        # Nothing can be signalled where nothing is left: the usual end of a program costs no more than that.
        if not self._signal_all(signal.SIGTERM):
            return
        self._signal_all(signal.SIGCONT)  # one that is stopped sees SIGTERM only when it goes on
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._exited.wait()
                while members(self.pid):  # noqa: ASYNC110  nothing announces the end of orphans
                    await asyncio.sleep(POLL)

    def _signal_all(self, number: int) -> bool:
        """Signal the group, and those that left it for another group of the session (jobs of a shell)."""
        if not self.signal(number):
            return False
        for pid in members(self.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self.pid:
                    os.kill(pid, number)
        return True

    async def _reap(self) -> None:
        await self._exited.wait()
        self._over = True
        await self.drained()
        if self._failure is None:
            for lines in self._lines.values():
                lines.close()
        if self._reader is not None:
            self._reader.feed_eof()
        if self._transport is not None:
            self._transport.close()

    def completed(self, *, timed_out: bool = False, stopped: bool = False) -> Completed:
        code = self._transport.get_returncode() if self._transport is not None else None
        finished = self._finished if self._finished is not None else time.perf_counter()
        return Completed(
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            stdout=self._kept[1].content(),
            stderr=self._kept[2].content(),
            stdout_left_out=self._kept[1].left_out,
            stderr_left_out=self._kept[2].left_out,
            duration=finished - self._started,
            timed_out=timed_out,
            stopped=stopped,
        )


def _naming(name: str, on_line: Callable[[str, str], None]) -> Callable[[str], None]:
    return lambda line: on_line(name, line)


def _descendants(pid: int) -> list[psutil.Process]:
    """Children of children, those in groups of their own too; psutil remembers when each started, so that a
    process number given out anew is not mistaken for it."""
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _kill(process: psutil.Process) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        process.kill()


class _Reaper:
    """The guard processes of this phasegate, started with the first thing that they are to guard.

    The second does what the first was kept from. Where one is ended, another takes its place and is told all
    that is still due.
    """

    def __init__(self) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        """By their place: first or second."""
        self._starts = 0
        self._lock = threading.RLock()
        self._due: dict[tuple[str, str], str] = {}
        """Lines that a guard must know, by what takes them back."""
        self._closed = False

    @property
    def is_there(self) -> bool:
        """Whether somebody is left to end what was started."""
        return any(map(self._is_alive, _PLACES))

    def record(self, folder: str) -> None:
        """Clear the evidence of a run of what was never redacted. Nothing writes there before a program is
        started, and so nothing is started for this."""
        if folder == folder.strip() and folder.isprintable():  # it goes on a line
            with self._lock:
                self._due["&", folder] = f"&{folder}\n"
                self._tell(self._due["&", folder])

    def forget_record(self, folder: str) -> None:
        self._take_back("&", folder, "v")

    def expect(self, environment: Mapping[str, str]) -> None:
        """Be there before a program starts, and know the mark it will carry."""
        mark = environment.get(MARK, "")
        if mark:
            self._add("=", f"{MARK}={mark}")
        else:
            self._be_there()

    def watch(self, group: int) -> None:
        self._add("+", str(group))

    def forget(self, group: int) -> None:
        self._take_back("+", str(group), "-")

    def project(self, engine: str, label: str, folder: str, *, keep: bool) -> None:
        """Remove a folder, and, unless they are kept, the containers, networks and volumes with a label."""
        self._add(">", folder)
        if not keep:
            self.containers(engine, label)

    def containers(self, engine: str, label: str) -> None:
        """Remove the containers with a label, and networks and volumes that carry it."""
        self._add("@", f"{engine} {label}")

    def forget_containers(self, engine: str, label: str) -> None:
        self._take_back("@", f"{engine} {label}", "~")

    def promise(self, key: str, engine: str, calls: Sequence[tuple[str, str, object]]) -> None:
        """Put back what is done to an engine: calls of its API by method, path and body, in their order, when
        all is removed that is to be removed."""
        self._add("!", json.dumps({"key": key, "engine": engine, "calls": calls}), key)

    def keep_promise(self, key: str) -> None:
        """It was put back, so nothing is due any more."""
        self._take_back("!", key, "?")

    def forget_project(self, engine: str, label: str, folder: str) -> None:
        self._take_back(">", folder, "<")
        self.forget_containers(engine, label)

    def _add(self, sign: str, word: str, key: str | None = None) -> None:
        with self._lock:
            self._be_there()
            due = (sign, word if key is None else key)
            if due not in self._due or sign == "!":
                self._due[due] = f"{sign}{word}\n"
                self._tell(self._due[due])

    def _take_back(self, sign: str, key: str, by: str) -> None:
        with self._lock:
            if self._due.pop((sign, key), None) is not None:
                self._tell(f"{by}{key}\n")

    def _be_there(self) -> None:
        with self._lock:
            for place in _PLACES:
                if not self._closed and not self._is_alive(place):
                    self._start(place)

    def _is_alive(self, place: int) -> bool:
        process = self._processes.get(place)
        return process is not None and process.poll() is None

    def _start(self, place: int) -> None:
        if self._starts > _STARTS:
            return
        if not self._starts:
            atexit.register(self._close)
        self._starts += 1
        with contextlib.suppress(OSError):
            process = self._processes[place] = subprocess.Popen(
                [sys.executable, "-I", "-S", reaper.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=own_environment(os.environ),
                start_new_session=True,
                bufsize=0,
            )
            _write(process, "".join(self._due.values()))
            if 0 in self._processes and 1 in self._processes:
                _write(self._processes[1], f"^{self._processes[0].pid}\n")
            with contextlib.suppress(RuntimeError):  # no thread is to be had
                threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Put another in the place of a guard that was ended."""
        process.wait()
        self._be_there()

    def _tell(self, line: str) -> None:
        for process in self._processes.values():
            _write(process, line)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
        for process in self._processes.values():
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(reaper.GRACE + 1)


def _write(process: subprocess.Popen[bytes], lines: str) -> None:
    if lines and process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.write(lines.encode())


GUARD = _Reaper()
