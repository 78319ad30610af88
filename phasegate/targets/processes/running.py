"""One process of the target while it runs: its output, its readiness, its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from phasegate.base.errors import ObservationError, PhasegateError, TargetError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.line_search import LineSearch
from phasegate.base.patterns import SlowPatternError, compile_pattern, time_limit
from phasegate.http.addresses import Address
from phasegate.model.result import TargetRecord
from phasegate.targets.processes.entries import ProcessEntry
from phasegate.targets.processes.local import LocalProcesses, StartError
from phasegate.targets.processes.members import members
from phasegate.targets.processes.output import goes_on
from phasegate.targets.processes.process_group import ProcessGroup
from phasegate.targets.processes.readiness import Watched, probe_for, wait_until_ready
from phasegate.world import Command

TAIL = 20
"""Lines of a log that are shown when something went wrong."""
_LINE = 0.1
"""Seconds of processor time for the pattern of `ready`, in one line: everything waits meanwhile."""
_SHOWN = 100
"""Characters of a line that a message shows."""
_DRAIN = 0.1
"""Seconds for the last output of a process that has just ended."""


class Log(Protocol):
    """Where output is kept; `phasegate.record.evidence.EvidenceLog` is the real one."""

    path: str
    """Below the run's folder."""

    @property
    def place(self) -> Path:
        """Absolute."""

    def write(self, data: bytes) -> None: ...

    def tail(self, lines: int) -> tuple[str, ...]: ...

    def close(self) -> None: ...


class Output:
    """Lines of a program on their way to its log, in batches; never raises into the program's reader."""

    def __init__(self, log: Log, on_problem: Callable[[PhasegateError], None]) -> None:
        self.log = log
        self._on_problem = on_problem
        self._waiting: list[str] = []

    def line(self, text: str) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(text if goes_on(text) else f"{text}\n")

    def flush(self) -> None:
        if self._waiting:
            data = "".join(self._waiting).encode("utf-8", "replace")
            self._waiting.clear()
            self._guard(partial(self.log.write, data))

    def tail(self) -> tuple[str, ...]:
        self.flush()
        try:
            return self.log.tail(TAIL)
        except PhasegateError as problem:
            self._on_problem(problem)
            return ()

    def close(self) -> None:
        self.flush()
        self._guard(self.log.close)

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PhasegateError as problem:
            self._on_problem(problem)


class RunningProcess:
    """One entry under `target.processes`, from its start to its end; `record` says how it stands."""

    def __init__(
        self,
        entry: ProcessEntry,
        *,
        url: str,
        port: int,
        asked: Address,
        output: Output,
        on_change: Callable[[str, TargetRecord], None],
    ) -> None:
        """`asked`: the URL that is asked whether it is ready, with what goes with such a request."""
        self.record = replace(entry.record(), url=url, log=output.log.path)
        self._entry = entry
        self._port = port
        self._asked = asked
        self._output = output
        self._on_change = on_change
        self._search = LineSearch(compile_pattern(entry.ready.log)) if entry.ready.log is not None else None
        self._matched = False
        self._too_slow: str | None = None
        """The beginning of a line that takes the pattern that it has to log too long."""
        self._cut = False
        """Whether the line that came last goes on in the next."""
        self._group: ProcessGroup | None = None
        self._watch: asyncio.Task[None] | None = None
        self._begin: Callable[[], Awaitable[ProcessGroup]] | None = None
        """Starts its program, the same way each time."""
        self._own: Callable[[], Awaitable[ProcessGroup]] | None = None
        """Starts its own program, while another version runs in its place."""
        self._halted = self._paused = False
        """Whether it is ended or paused on purpose."""

    async def start(self, processes: LocalProcesses, env: Mapping[str, str]) -> None:
        """Start it and wait until it is ready; from then on its end is watched.

        Errors: TargetError with why it did not come up, its log's tail as help; the caller ends it.
        """
        self._tell_change("starting")
        self._begin = self._starting(processes, self._entry, env)
        try:
            self._group = await self._begin()
            after = await self._ready(self._group, self._entry.ready.within)
        except (StartError, TargetError) as error:
            raise await self._failure(error.message) from None
        self.record = replace(self.record, ready_after=after)
        self._tell_change("ready")
        self._watch = asyncio.create_task(self._notice_its_end(self._group))

    async def end(self, grace: float) -> None:
        """End it with everything it has started; cancelled, it sends SIGKILL at once."""
        self._stop_watch()
        if self._group is None:
            self._output.close()
            return
        try:
            await self._group.end(grace)
        finally:
            self._output.flush()
        if self._group.completed().signal == signal.SIGKILL and self._lives:
            self._output.line(f"[phasegate: it had not ended {grace:g} s after SIGTERM, and was killed]")
        self._output.close()
        if self._lives:
            self._tell_change("stopped")

    async def halt(self, grace: float) -> None:
        """End it on purpose, so that nobody is told that it died: SIGTERM, and SIGKILL after `grace`.

        Errors: ObservationError when it does not run.
        """
        group = self._living()
        self._stop_watch()
        self._halted = True
        await group.end(grace)
        self._output.flush()

    async def crash(self) -> None:
        """End it on purpose by SIGKILL. Errors: ObservationError when it does not run."""
        self._living()
        self.kill()
        await self.halt(0)

    def pause(self) -> None:
        """Errors: ObservationError when it does not run."""
        self._living().signal(signal.SIGSTOP)
        self._paused = True

    async def replace(
        self, version: ProcessEntry, processes: LocalProcesses, env: Mapping[str, str], grace: float
    ) -> None:
        """End it on purpose, and run another version at the same address, whose end nobody watches.

        Errors: ObservationError when it does not run, or the other version cannot be started.
        """
        await self.halt(grace)
        self._own = self._own or self._begin
        self._begin = self._starting(processes, version, env)
        await self._start_again()

    def settle(self) -> None:
        """Stay on the other version: its end is watched from now on."""
        self._own, self._halted = None, False
        if self._group is not None:
            self._watch = asyncio.create_task(self._notice_its_end(self._group))

    async def go_on(self, grace: float = 0) -> None:
        """Let it run as before: from its pause, or anew at the same address; its end is watched again.
        Another version that runs in its place is ended before.

        Errors: ObservationError when it cannot be started, or has ended in its pause.
        """
        if self._paused:
            self._paused = False
            self._living().signal(signal.SIGCONT)
        if not self._halted or self._begin is None:
            return
        if self._own is not None:
            if self._group is not None:
                await self._group.end(grace)
            self._begin, self._own = self._own, None
        self._watch = asyncio.create_task(self._notice_its_end(await self._start_again()))
        self._halted = False

    async def ready_again(self, within: float) -> None:
        """Wait until what runs by now is ready.

        Errors: TargetError, why it is not in time, or never will be; ObservationError where nothing was
        started.
        """
        await self._ready(self._group or self._living(), within)

    @property
    def trouble(self) -> Message:
        """Why what runs by now has ended; empty while it runs."""
        return _how_it_ended(self._group) if self._group is not None and not self._group.running else ""

    def _starting(
        self, processes: LocalProcesses, entry: ProcessEntry, env: Mapping[str, str]
    ) -> Callable[[], Awaitable[ProcessGroup]]:
        command = Command(argv=entry.command, cwd=entry.cwd, env={**entry.env, **env}, keep=0)
        return partial(processes.start, command, on_line=self._on_line)

    async def _start_again(self) -> ProcessGroup:
        assert self._begin is not None
        self._matched = False  # what an earlier start printed says nothing of this one
        try:
            self._group = await self._begin()
        except StartError as error:
            raise ObservationError(error.message) from None
        return self._group

    def _living(self) -> ProcessGroup:
        if self._group is None or not self._group.running:
            how = self.record.error or fact(Code.HAS_ENDED)
            raise ObservationError(fact(Code.DOES_NOT_RUN, entry=self._entry.id, why=how))
        return self._group

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    @property
    def leader(self) -> int | None:
        """The id of the process that leads its group and session; None before it was started."""
        return None if self._group is None else self._group.pid

    @property
    def _lives(self) -> bool:
        """Whether it neither failed nor died before it was ended."""
        return self._group is not None and not self.record.error

    def kill(self) -> None:
        """SIGKILL to its group, without waiting."""
        if self._group is not None:
            self._group.signal(signal.SIGKILL)

    async def _ready(self, group: ProcessGroup, within: float) -> float:
        entry = self._entry
        watched = Watched(
            host="127.0.0.1",
            port=self._port,
            members=lambda: members(group.pid),
            has_logged=self._has_logged,
            headers=self._asked.headers,
            tls=self._asked.tls,
        )
        probe = probe_for(entry.ready, self._asked.url, watched)
        asking = asyncio.create_task(wait_until_ready(probe, within))
        ending = asyncio.create_task(group.ended_within(None))
        try:
            await asyncio.wait({asking, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                daemon = group.completed().exit_code == 0
                raise TargetError(fact(Code.BEFORE_READY, why=_how_it_ended(group), daemon=daemon))
            return await asking
        finally:
            for task in (asking, ending):
                task.cancel()
            await asyncio.gather(asking, ending, return_exceptions=True)

    async def _failure(self, reason: Message) -> TargetError:
        exit_code = None
        if self._group is not None and not self._group.running:
            exit_code = _exit_code(self._group)
            await asyncio.sleep(_DRAIN)
        tail = self._output.tail()
        self.record = replace(self.record, error=reason, exit_code=exit_code, log_tail=tail)
        self._tell_change("failed")
        help = None if self._group is None else fact(Code.LOG_ENDS, tail=tail)
        return TargetError(fact(Code.OF_ENTRY, entry=self._entry.id, why=reason), help=help)

    async def _notice_its_end(self, group: ProcessGroup) -> None:
        await group.ended_within(None)
        how = _how_it_ended(group)
        await asyncio.sleep(_DRAIN)
        self.record = replace(
            self.record, error=how, exit_code=_exit_code(group), log_tail=self._output.tail()
        )
        self._tell_change("died")

    def _on_line(self, _stream: str, text: str) -> None:
        self._output.line(text)
        if self._search is not None and not self._matched:
            begins, self._cut = not self._cut, goes_on(text)
            try:
                with time_limit(_LINE):
                    self._matched = self._search.finds(text, begins=begins, ends=not self._cut)
            except SlowPatternError:
                self._search, self._too_slow = None, text[:_SHOWN]

    def _has_logged(self) -> bool:
        if self._too_slow is not None:
            pattern = self._entry.ready.log
            raise TargetError(fact(Code.READY_UNKNOWN, pattern=pattern, limit=_LINE, line=self._too_slow))
        return self._matched

    def _tell_change(self, state: str) -> None:
        self._on_change(state, self.record)


def _exit_code(group: ProcessGroup) -> int | None:
    """Negative for a signal, as `subprocess` has it."""
    done = group.completed()
    return done.exit_code if done.signal is None else -done.signal


def _how_it_ended(group: ProcessGroup) -> Fact:
    done = group.completed()
    if done.signal is None:
        return fact(Code.PROGRAM_ENDED, exit_code=done.exit_code)
    try:
        return fact(Code.PROGRAM_ENDED_BY, signal=signal.Signals(done.signal).name)
    except ValueError:
        return fact(Code.PROGRAM_ENDED_BY, signal=done.signal)
