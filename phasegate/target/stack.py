"""The target of a run: every entry brought up in order, and taken down whatever happens."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from phasegate.errors import ObservationError, PhasegateError, TargetError
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.model.result import TargetRecord
from phasegate.plan.entries import PlanCommand, ProcessEntry, ServiceEntry, Target, named_entries
from phasegate.target.acts import TargetActs
from phasegate.target.containers.acts import ContainerActs
from phasegate.target.containers.attach import Attached
from phasegate.target.containers.engine import EngineError
from phasegate.target.containers.project import Project
from phasegate.target.containers.reach import TargetContainers
from phasegate.target.members import GRACE, MARK, end_marked, kill_marked, new_mark
from phasegate.target.ports import Ports
from phasegate.target.processes import LocalProcesses
from phasegate.target.resources import Resources, Sampler
from phasegate.target.running import Log, Output, RunningProcess
from phasegate.units import format_seconds
from phasegate.world import Command, Completed, Processes


class Stack:
    """`async with Stack(...) as target:` brings the target up, gives its addresses and takes it down.

    Containers come first, so that processes can refer to them: the stack that Compose brings up, then the one
    that is up already. Processes start in the order of the plan, each when the one before it is ready; then
    the plan's setup commands run. At the end the teardown commands run, the processes are ended in reverse,
    and so is whatever still carries `mark`, wherever it has moved to; last goes the stack of Compose. A
    program gets the mark by its environment: give `LocalProcesses` the same, so that what checks start is
    found too.
    """

    def __init__(
        self,
        target: Target,
        *,
        processes: LocalProcesses,
        logs: Callable[[str], Log],
        on_change: Callable[[str, TargetRecord], None],
        on_problem: Callable[[PhasegateError], None],
        on_sampled: Callable[[Resources], None] = lambda _: None,
        mark: str = "",
        grace: float = GRACE,
        containers: TargetContainers | None = None,
        run: str = "",
        keep_file: Callable[[str, str], str] = lambda name, _: name,
        keep: bool = False,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        goes_on: bool = False,
    ) -> None:
        """`logs` opens the log of an entry, or of `setup` and `teardown`; `on_problem` hears of what does
        not end the run at once: a log that cannot be written, a teardown command that failed. `on_sampled`
        hears now and then what the processes use, for the last time before the teardown commands run.
        `containers` is asked where the target has some; `run` names the project of Compose, whose
        configuration `keep_file` takes into the record, and which `keep` leaves up. `goes_on`: where a
        service in containers does not come up, what does not need it is used without it. `utc` is the time
        of the run, by which samples are dated."""
        self._target = target
        self._processes = processes
        self._logs = logs
        self._on_change = on_change
        self._on_problem = on_problem
        self._mark = mark or new_mark()
        self._containers = containers if containers is not None else TargetContainers({})
        self._run_id = run or new_mark()
        self._keep_file = keep_file
        self._keep = keep
        self._goes_on = goes_on
        self.out: dict[str, str] = {}
        """Entries that did not come up, and why; the setup commands have not run then."""
        self.broken_by: TargetError | None = None
        """What is wrong with them."""
        self._project: Project | None = None
        self._attached: Attached | None = None
        self._grace = grace
        self._ports = Ports()
        self._sampler = Sampler(on_sampled, utc)
        self._running: list[RunningProcess] = []
        self._addresses: list[Address] = []
        self._touched = False
        """Whether there is something to tear down."""

    async def __aenter__(self) -> TargetAddresses:
        """Errors: TargetError when an entry does not come up or a setup command fails; nothing is left."""
        # Teardown always runs, also where nothing but services that are there already is used.
        self._touched = bool(self._target.teardown)
        try:
            self._addresses = [
                Address(
                    id=entry.id,
                    url=entry.url.rstrip("/"),
                    headers=entry.headers,
                    tls=entry.tls.as_mapping(),
                )
                for entry in self._target.external
            ]
            await self._bring_containers_up()
            for stack in self._stacks():
                self.out |= stack.services.out
                self.broken_by = self.broken_by or stack.services.broken_by
            for entry in self._target.processes:
                needed = named_entries((entry.command, entry.env, entry.headers, entry.ready.url or ""))
                if lacking := needed & set(self.out):
                    self.out[entry.id] = f"it needs {', '.join(sorted(lacking))}"
                else:
                    await self._start(entry)
            if not self.out:
                await self._set_up()
        except BaseException:
            await self._take_down()
            raise
        return self.addresses()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._take_down()

    def acts(self) -> TargetActs:
        """What is done to it on purpose."""
        return TargetActs(
            lambda entry: next((one for one in self._running if one.record.id == entry), None),
            ContainerActs(self._containers),
            grace=self._grace,
            on_process=self._sample,
            expected=self.expected,
        )

    def _sample(self, process: RunningProcess) -> None:
        """Look at what it uses from now on, whoever leads its group by now."""
        if process.leader is not None:
            self._sampler.watch(process.record.id, process.leader)

    def addresses(self) -> TargetAddresses:
        """What has an address by now."""
        return TargetAddresses(self._addresses, self._target.default)

    def records(self) -> tuple[TargetRecord, ...]:
        """Every service and every process that was started, as it stands."""
        services = (record for stack in self._stacks() for record in stack.services.records)
        return (*services, *(process.record for process in self._running))

    @property
    def kept(self) -> str:
        """How a person takes down the stack that was left up; empty when none was."""
        return self._project.kept if self._project is not None else ""

    @property
    def troubles(self) -> tuple[str, ...]:
        """What happened to services in containers that did not die of it."""
        return tuple(text for stack in self._stacks() for text in stack.services.troubles)

    @contextmanager
    def expected(self, service: str) -> Iterator[None]:
        """While inside, ends of the containers of a service are meant to be, and are no deaths."""
        with ExitStack() as stack:
            for one in self._stacks():
                stack.enter_context(one.services.expected(service))
            yield

    def _stacks(self) -> tuple[Project | Attached, ...]:
        return tuple(one for one in (self._project, self._attached) if one is not None)

    async def _bring_containers_up(self) -> None:
        """Errors: TargetError."""
        compose, attached = self._target.compose, self._target.containers
        for entry in self._target.services:
            _refuse_without_secrets(entry)
        try:
            if compose is not None:
                self._touched = True
                self._project = Project(
                    compose,
                    run=self._run_id,
                    engine=await self._containers.engine(),
                    processes=self._processes,
                    ports=self._ports,
                    logs=self._logs,
                    keep_file=self._keep_file,
                    on_change=self._on_change,
                    on_problem=self._on_problem,
                    keep=self._keep,
                    exit_codes=self._target.exit_codes,
                    goes_on=self._goes_on,
                )
                self._containers.keeps(self._project.services.log_of)
                await self._project.up(self._containers.are)
                self._addresses += self._project.services.addresses
            if attached is not None:
                self._touched = True
                self._attached = Attached(
                    attached,
                    engine=await self._containers.engine(),
                    logs=self._logs,
                    on_change=self._on_change,
                    on_problem=self._on_problem,
                    exit_codes=self._target.exit_codes,
                    goes_on=self._goes_on,
                )
                self._containers.keeps(self._attached.services.log_of)
                self._containers.are(*attached.labels, services=[entry.id for entry in attached.entries])
                await self._attached.up()
                self._addresses += self._attached.services.addresses
        except EngineError as error:
            raise TargetError(error.message, help=error.help) from None

    async def _start(self, entry: ProcessEntry) -> None:
        _refuse_without_secrets(entry)
        port = self._ports.take()
        url = f"{'https' if entry.tls.as_mapping() else 'http'}://127.0.0.1:{port}"
        own = {"self.url": url, "self.port": str(port)}
        try:
            bound = entry.bind({**self.addresses().values(), **own})
            address = Address(id=entry.id, url=url, headers=bound.headers, tls=bound.tls.as_mapping())
            asked = self._asked(entry, address, own)
        except ObservationError as error:
            raise TargetError(f"target {entry.id!r}: {error.message}") from None
        process = RunningProcess(
            bound,
            url=url,
            port=port,
            asked=asked,
            output=Output(self._logs(entry.id), self._on_problem),
            on_change=self._on_change,
        )
        self._running.append(process)
        self._touched = True
        await process.start(self._processes, {MARK: self._mark})
        self._sample(process)
        self._addresses.append(address)

    def _asked(self, entry: ProcessEntry, address: Address, own: Mapping[str, str]) -> Address:
        """What is asked whether a process is ready: a path of its own, or a URL of any entry, with that
        entry's headers and certificates. Errors: ObservationError."""
        around = TargetAddresses((*self._addresses, address), default=entry.id)
        there = around.destination(entry.ready.url or "/", own)
        return Address(
            id=there.entry,
            url=there.url,
            headers=around.headers(there.entry),
            tls=around.tls(there.entry),
        )

    async def _set_up(self) -> None:
        if not self._target.setup:
            return
        self._touched = True
        output = Output(self._logs("setup"), self._on_problem)
        try:
            for command in self._target.setup:
                trouble = await self._run(command, output)
                if trouble:
                    shown = "".join(f"\n    {line}" for line in output.tail())
                    raise TargetError(
                        f"target.setup: {trouble}",
                        help=f"{output.log.path} ends with{shown}" if shown else None,
                    )
        finally:
            output.close()

    async def _take_down(self) -> None:
        """Nothing is left when this returns. Cancelled, it sends SIGKILL to all, and waits only for that."""
        if not self._touched:
            return
        self._touched = False
        try:
            await self._sampler.close()
            await self._tear_down()
        finally:
            async with AsyncExitStack() as last:
                for stack in self._stacks():
                    last.push_async_callback(stack.close)
                await self._end_all()

    async def _tear_down(self) -> None:
        if not self._target.teardown:
            return
        output = Output(self._logs("teardown"), self._on_problem)
        try:
            for command in self._target.teardown:
                trouble = await self._run(command, output)
                if trouble:
                    self._on_problem(TargetError(f"target.teardown: {trouble}"))
        finally:
            output.close()

    async def _end_all(self) -> None:
        waiting = list(self._running)
        grace = self._grace
        try:
            while waiting:
                await waiting[-1].end(grace)
                waiting.pop()
            await end_marked(self._mark, grace)
        except asyncio.CancelledError:
            for process in waiting:
                process.kill()
            kill_marked(self._mark)
            for process in waiting:
                await process.end(0)
            raise

    async def _run(self, command: PlanCommand, output: Output) -> str:
        """Run one command into a log; what went wrong, or an empty text."""
        addresses = self.addresses()
        try:
            bound = command.bind(addresses.values())
        except ObservationError as error:
            return error.message
        output.line(f"$ {_shown(bound)}")
        # Addresses on this machine mean nothing inside a container, and nothing there carries the mark.
        outside = {} if bound.inside else {**addresses.environment(), MARK: self._mark}
        runs: Processes = self._containers.inside(bound.inside) if bound.inside else self._processes
        done = await runs.run(
            Command(
                argv=bound.argv,
                cwd=Path() if bound.inside else bound.cwd,
                env={**outside, **bound.env},
                limit=bound.limit,
                keep=0,
            ),
            on_line=lambda _stream, text: output.line(text),
        )
        trouble = _trouble(bound, done)
        if trouble:
            output.line(f"[phasegate: {trouble}]")
        return trouble


def _refuse_without_secrets(entry: ProcessEntry | ServiceEntry) -> None:
    if entry.missing_secrets:
        names = ", ".join(entry.missing_secrets)
        raise TargetError(
            f"target {entry.id!r} needs a secret that is not set: {names}",
            help="set it as an environment variable",
        )


def _trouble(command: PlanCommand, done: Completed) -> str:
    shown = _shown(command)
    if done.error:
        return done.error
    if done.timed_out:
        return f"{shown} took longer than {format_seconds(command.limit)}"
    if done.signal is not None:
        return f"{shown} was ended by signal {done.signal}"
    return f"{shown} ended with exit code {done.exit_code}" if done.exit_code else ""


def _shown(command: PlanCommand) -> str:
    """A command on one line of bounded length; a script in an argument may be long."""
    line = " ".join(shlex.join(command.argv).split())
    return line if len(line) <= 100 else f"{line[:99]}…"
