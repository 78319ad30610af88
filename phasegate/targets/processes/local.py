"""Programs on this machine: each in a process group of its own, none outlives what it was started for.

When a program has ended, what is left of its group is ended too. A child that took itself out of the group on
purpose (a daemon with a session of its own, such as `pg_ctl start` makes) is left alone then, and is ended
only when the program itself has to be ended early. When phasegate is killed, a guard process ends the groups.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.files import is_folder, is_there
from phasegate.base.interpreter import own_environment
from phasegate.targets.processes.members import MARK
from phasegate.targets.processes.process_group import ProcessGroup
from phasegate.world import Command, Completed, Running

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
LINE_LIMIT = 16 << 20
"""Bytes a line-spoken process may write without ending the line."""


class StartError(Exception):
    """Why a program cannot be started, in one line."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message


class LocalProcesses:
    """See `phasegate.world.Processes`.

    A command's environment is `environment` plus its own. `python` is phasegate's interpreter, whose folder
    leads PATH, unless the command brings a PATH of its own; that is used as it is.
    """

    def __init__(self, environment: Mapping[str, str], *, grace: float = GRACE) -> None:
        self._environment = dict(environment)
        self._grace = grace

    async def run(self, command: Command, *, on_line: Callable[[str, str], None] | None = None) -> Completed:
        """Run to the end.

        Errors: what `on_line` raises, after the program was ended; never an exception for what it does.
        Cancellation ends the process group before it goes on.
        """
        try:
            group = await self.start(command, on_line=on_line)
        except StartError as error:
            return Completed(exit_code=None, error=error.message)
        timed_out = False
        try:
            timed_out = not await group.ended_within(command.limit)
        finally:
            await group.end(self._grace)
        return group.completed(timed_out=timed_out)

    def open(
        self, command: Command, *, on_error_line: Callable[[str], None] | None = None
    ) -> AbstractAsyncContextManager[Running]:
        """A process spoken to by lines; its standard error is kept for `wait`."""
        return self._open(command, on_error_line)

    @asynccontextmanager
    async def _open(
        self, command: Command, on_error_line: Callable[[str], None] | None
    ) -> AsyncIterator[Running]:
        on_line = None if on_error_line is None else lambda _stream, line: on_error_line(line)
        try:
            group = await self.start(command, on_line=on_line, spoken=True)
        except StartError as error:
            yield _NotStarted(error.message)
            return
        spoken = _Spoken(group)
        try:
            with spoken.limited(command.limit, self._grace):
                yield spoken
        finally:
            await group.end(self._grace)

    async def start(
        self, command: Command, *, on_line: Callable[[str, str], None] | None = None, spoken: bool = False
    ) -> ProcessGroup:
        """Start a program that the caller ends with `ProcessGroup.end`.

        Errors: StartError.
        """
        environment = self._environment_of(command)
        argv = _startable(command, environment.get("PATH", os.defpath))
        group = ProcessGroup(keep=command.keep, on_line=on_line, line_limit=LINE_LIMIT if spoken else None)
        try:
            await group.start(argv, cwd=command.cwd, environment=environment, grace=self._grace)
        except OSError as error:
            raise StartError(_why(argv[0], error)) from error
        except ValueError as error:  # a null byte in an argument or a variable
            raise StartError(fact(Code.CANNOT_START, program=argv[0], why=str(error))) from error
        return group

    def _environment_of(self, command: Command) -> dict[str, str]:
        around = self._environment
        if command.own:
            around = own_environment(around) | {MARK: around.get(MARK, "")}
        environment = {**around, **command.env}
        if "PATH" not in command.env:
            ours = str(Path(sys.executable).parent)
            environment["PATH"] = os.pathsep.join([ours, environment.get("PATH", os.defpath)])
        return environment


def _startable(command: Command, path: str) -> tuple[str, ...]:
    """The command with its program looked up.

    Errors: StartError.
    """
    if not command.argv or not command.argv[0]:
        raise StartError(fact(Code.EMPTY_COMMAND))
    program, *arguments = command.argv
    if not is_folder(command.cwd):
        why = fact(Code.NO_FOLDER, path=str(command.cwd))
        raise StartError(fact(Code.CANNOT_START, program=program, why=why))
    return (_program(program, command.cwd, path), *arguments)


def _program(name: str, cwd: Path, path: str) -> str:
    if name == "python":
        return sys.executable
    if "/" not in name:
        found = shutil.which(name, path=path)
        if found is None:
            raise StartError(fact(Code.NO_PROGRAM, program=name))
        # An entry of PATH may be relative; the program starts in another folder than ours.
        return str(Path(found).absolute())
    file = cwd / name
    if not is_there(file):
        raise StartError(fact(Code.NO_SUCH_FILE, path=str(file)))
    if file.is_dir():
        raise StartError(fact(Code.PROGRAM_IS_FOLDER, path=str(file)))
    if not os.access(file, os.X_OK):
        raise StartError(fact(Code.NOT_EXECUTABLE, program=str(file)))
    return str(file)


def _why(program: str, error: OSError) -> Fact:
    reason: Message = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError):
        reason = fact(Code.NO_INTERPRETER)
    elif reason == "exec format error":
        reason = fact(Code.NO_PROGRAM_OF_SYSTEM)
    return fact(Code.CANNOT_START, program=program, why=reason)


class _Spoken:
    """See `phasegate.world.Running`."""

    def __init__(self, group: ProcessGroup) -> None:
        self._group = group
        self._interrupted = False
        self._timed_out = False
        self.pid = group.pid

    @contextmanager
    def limited(self, limit: float | None, grace: float) -> Iterator[None]:
        """End the process after `limit` seconds, however its owner is waiting for it."""
        if limit is None:
            yield
            return
        loop = asyncio.get_running_loop()
        alarms = [
            loop.call_later(limit, self._time_out, signal.SIGTERM),
            loop.call_later(limit + grace, self._time_out, signal.SIGKILL),
        ]
        try:
            yield
        finally:
            for alarm in alarms:
                alarm.cancel()

    def _time_out(self, number: signal.Signals) -> None:
        self._timed_out = self._group.signal(number) or self._timed_out

    async def write_line(self, line: str) -> None:
        """Write to a process that is gone has no effect; `read_line` and `wait` tell."""
        await self._group.write(line.encode() + b"\n")

    async def read_line(self) -> str | None:
        return await self._group.read_line()

    async def wait(self) -> Completed:
        """Standard output is not a part of the answer: it is for `read_line`."""
        await self._group.ended_within(None)
        await self._group.drained()
        return self._group.completed(timed_out=self._timed_out, stopped=self._interrupted)

    def interrupt(self) -> None:
        self._interrupted = self._group.signal(signal.SIGTERM) or self._interrupted


class _NotStarted:
    pid = 0

    def __init__(self, error: Message) -> None:
        self._completed = Completed(exit_code=None, error=error)

    async def write_line(self, line: str) -> None:
        pass

    async def read_line(self) -> str | None:
        return None

    async def wait(self) -> Completed:
        return self._completed

    def interrupt(self) -> None:
        pass
