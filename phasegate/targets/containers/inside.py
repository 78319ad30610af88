"""Programs inside a container of the target."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.model.containers import Container, ContainerState
from phasegate.targets.containers.engine.bridge import Bridge, close_stream
from phasegate.targets.containers.engine.client import Engine, EngineError
from phasegate.targets.processes.members import GRACE, MARK, end_marked, new_mark
from phasegate.targets.processes.output import BoundedOutput, LineSplitter
from phasegate.world import Command, Completed, Running

HERE = Path()
"""As the folder of a command: the one that the container itself starts in."""
_POLL = 0.05
_KILL_WAIT = 2.0
_LAST_WORDS = 1.0
"""Seconds for the rest of the output of a program that was ended."""
_SIGNAL = """
for p in /proc/[0-9]*; do
  if grep -q "$1" "$p/environ" 2>/dev/null; then kill -"$2" "${p#/proc/}"; fi
done
"""
"""Signals whatever carries a mark; for a shell inside the container."""
_STREAMS = ("stdout", "stderr")


class Reach(Protocol):
    """Where containers are found."""

    async def engine(self) -> Engine: ...

    async def all(self) -> tuple[Container, ...]: ...


class Inside:
    """See `phasegate.world.Processes`. A command's folder is one of the container, `HERE` for its own; its
    environment is added to the container's.

    A program that has to be ended early is found by a mark in its environment: from this machine, where it is
    the engine's own and phasegate is root, else by a shell in the container.
    """

    def __init__(self, reach: Reach, service: str, *, grace: float = GRACE) -> None:
        self._reach = reach
        self._service = service
        self._grace = grace

    async def run(self, command: Command, *, on_line: Callable[[str, str], None] | None = None) -> Completed:
        """Run to the end.

        Errors: what `on_line` raises, after the program was ended; never an exception for what the program
        or the engine does.
        """
        try:
            engine = await self._reach.engine()
            container = await running_of(self._reach, self._service)
            program = _Program(engine, container, command, on_line, self._grace)
            return await program.run()
        except ObservationError as error:
            return Completed(exit_code=None, error=error.message)

    def open(
        self, command: Command, *, on_error_line: Callable[[str], None] | None = None
    ) -> AbstractAsyncContextManager[Running]:
        raise ObservationError(fact(Code.NOT_SPOKEN_TO_INSIDE))


async def running_of(reach: Reach, service: str) -> Container:
    """The first running container of a service. Errors: ObservationError."""
    containers = await reach.all()
    for one in containers:
        if one.service == service and one.state is ContainerState.RUNNING:
            return one
    services = sorted({one.service for one in containers})
    if service in services:
        raise ObservationError(fact(Code.SERVICE_NOT_RUNNING, service=service))
    raise ObservationError(
        fact(Code.NO_SERVICE, service=service), help=fact(Code.SERVICES_ARE, names=tuple(services))
    )


class _Program:
    """One run of one program."""

    def __init__(
        self,
        engine: Engine,
        container: Container,
        command: Command,
        on_line: Callable[[str, str], None] | None,
        grace: float,
    ) -> None:
        self._engine = engine
        self._container = container
        self._command = command
        self._grace = grace
        self._mark = new_mark()
        self._id = ""
        self._kept = [BoundedOutput(command.keep) for _ in _STREAMS]
        self._lines = [LineSplitter(_with_name(name, on_line)) for name in _STREAMS if on_line is not None]
        self._failure: Exception | None = None
        self._stop = asyncio.Event()

    async def run(self) -> Completed:
        command, api = self._command, self._engine.api
        self._id = (
            await self._engine.call(
                api.exec_create,
                self._container.id,
                list(command.argv),
                environment={**command.env, MARK: self._mark},
                workdir=None if command.cwd == HERE else str(command.cwd),
            )
        )["Id"]
        started = time.perf_counter()
        stream = await self._open()
        bridge = Bridge(lambda: stream, self._take, name=f"exec-{self._container.service}").start()
        timed_out = False
        try:
            timed_out = not await self._has_ended(bridge, command.limit)
        finally:
            if not bridge.ended.is_set():
                await self._end()
                await _within(bridge.ended, _LAST_WORDS)
                bridge.close()
            close_stream(stream)
        duration = time.perf_counter() - started
        if self._failure is None:
            for lines in self._lines:
                lines.close()
        if self._failure is not None:
            raise self._failure
        return await self._complete(bridge, duration, timed_out)

    async def _open(self) -> Any:
        """Start it; cancelled meanwhile, it is ended all the same."""
        start = self._engine.call(self._engine.api.exec_start, self._id, stream=True, demux=True)
        starting = asyncio.create_task(start)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(ObservationError):
                close_stream(await starting)
                await self._end()
            raise

    async def _has_ended(self, bridge: Bridge[Any], limit: float | None) -> bool:
        """Whether it ended by itself in time."""
        waits = [asyncio.create_task(event.wait()) for event in (bridge.ended, self._stop)]
        try:
            await asyncio.wait(waits, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bridge.ended.is_set() or self._stop.is_set()

    def _take(self, pieces: tuple[bytes | None, bytes | None]) -> None:
        for number, data in enumerate(pieces):
            if not data:
                continue
            self._kept[number].feed(data)
            if self._lines and self._failure is None:
                try:
                    self._lines[number].feed(data)
                except Exception as error:
                    # Raised again from `run`: here it would only reach the loop's log.
                    self._failure = error
                    self._stop.set()

    async def _complete(self, bridge: Bridge[Any], duration: float, timed_out: bool) -> Completed:
        told = await self._inspect()
        stdout, stderr = (kept.content() for kept in self._kept)
        error: Message = ""
        if told["Running"]:
            broke_off = fact(Code.OUTPUT_BROKE_OFF, why=str(bridge.error))
            error = fact(Code.NOT_TO_BE_ENDED) if timed_out else broke_off
        elif not told["Pid"]:
            error = _why_not_started(self._command.argv[0], self._container, stdout)
        return Completed(
            exit_code=None if error else told["ExitCode"],
            stdout=stdout,
            stderr=stderr,
            stdout_left_out=self._kept[0].left_out,
            stderr_left_out=self._kept[1].left_out,
            duration=duration,
            timed_out=timed_out,
            error=error,
        )

    async def _inspect(self) -> dict[str, Any]:
        told: dict[str, Any] = await self._engine.call(self._engine.api.exec_inspect, self._id)
        return told

    async def _end(self) -> None:
        """SIGTERM to it and all that it started, after some time SIGKILL."""
        await end_marked(self._mark, self._grace)
        try:
            for number, seconds in (("TERM", self._grace), ("KILL", _KILL_WAIT)):
                if not (await self._inspect())["Running"]:
                    return
                await self._signal(number)
                await self._await_end(seconds)
        except EngineError:
            return  # it has gone, and nothing can be ended without it

    async def _await_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (await self._inspect())["Running"] and time.monotonic() < deadline:  # noqa: ASYNC110  in there
            await asyncio.sleep(_POLL)

    async def _signal(self, number: str) -> None:
        api = self._engine.api
        argv = ["sh", "-c", _SIGNAL, "sh", f"{MARK}={self._mark}", number]
        made = await self._engine.call(api.exec_create, self._container.id, argv)
        await self._engine.call(api.exec_start, made["Id"], detach=True)


def _with_name(name: str, on_line: Callable[[str, str], None]) -> Callable[[str], None]:
    return lambda line: on_line(name, line)


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _why_not_started(program: str, container: Container, said: bytes) -> Fact:
    """The engine's words, which are where the output would be."""
    which = {"program": program, "service": container.service}
    words = " ".join(said.decode(errors="replace").split())
    if "executable file not found" in words or "no such file or directory" in words:
        return fact(Code.NO_PROGRAM, **which)
    if "permission denied" in words:
        return fact(Code.NOT_EXECUTABLE, **which)
    reason = re.sub(
        r"^OCI runtime exec failed: (exec failed: )?(unable to start container process: )?", "", words
    )
    return fact(Code.CANNOT_START, **which, why=reason[:300] or fact(Code.ENGINE_DOES_NOT_SAY))
