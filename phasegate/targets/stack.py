"""The target of a run: every group brought up in order, and taken down whatever happens."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from phasegate.base.errors import ObservationError, TargetError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.units import format_seconds
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.model.faults import PlanFault
from phasegate.plan.asked.entries import PlanCommand, Target
from phasegate.plan.targets.kind import target_kinds
from phasegate.targets.deployment import Deployment, Site
from phasegate.targets.processes.members import MARK, end_marked, kill_marked
from phasegate.targets.processes.running import Output
from phasegate.world import Command, Completed, Processes


class TargetStack:
    """`async with Stack(...) as target:` brings the target up, gives its addresses and takes it down.

    Groups that are given addresses of others come up last; then the plan's setup commands run. At the end the
    teardown commands run, those groups are taken down in reverse, then whatever still carries the mark of the
    site, wherever it has moved to; last go the other groups.
    """

    def __init__(self, target: Target, site: Site) -> None:
        self._target = target
        self._site = site
        self._deployments: dict[str, Deployment] = {}
        """By the key of their group, in the order in which they come up."""
        self._touched = False
        """Whether there is something to tear down."""

    async def __aenter__(self) -> TargetAddresses:
        """Errors: TargetError when an entry does not come up or a setup command fails; nothing is left."""
        # Teardown always runs, also where nothing but services that are there already is used.
        self._touched = bool(self._target.teardown)
        try:
            await self._bring_up()
            if not self.out:
                await self._run_setup()
        except ObservationError as error:
            await self._take_down()
            raise TargetError(error.message, help=error.help) from None
        except BaseException:
            await self._take_down()
            raise
        return self.addresses()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._take_down()

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        """See `phasegate.runner.world.Faults`."""
        await self._acted_on(fault).act(fault, instance)

    async def undo(self, fault: PlanFault, instance: str = "") -> Message:
        return await self._acted_on(fault).undo(fault, instance)

    async def instances(self, fault: PlanFault) -> tuple[str, ...]:
        return await self._acted_on(fault).instances(fault.target)

    async def settle(self, fault: PlanFault, instance: str) -> None:
        await self._acted_on(fault).settle(fault, instance)

    async def ready(self, fault: PlanFault, instance: str) -> None:
        await self._acted_on(fault).ready(fault, instance)

    async def trouble(self, fault: PlanFault, instance: str) -> Message:
        return await self._acted_on(fault).trouble(fault, instance)

    def addresses(self) -> TargetAddresses:
        """What has an address by now."""
        return TargetAddresses(self._addresses, self._target.default)

    @property
    def out(self) -> dict[str, Message]:
        """Entries that did not come up, and why; the setup commands have not run then."""
        return {id: why for one in self._deployments.values() for id, why in one.out.items()}

    @property
    def broken_by(self) -> TargetError | None:
        """What is wrong with them."""
        return next((one.broken_by for one in self._deployments.values() if one.broken_by), None)

    @property
    def kept(self) -> str:
        """How a person takes down what was left up; empty when nothing was."""
        return next((one.kept for one in self._deployments.values() if one.kept), "")

    @property
    def troubles(self) -> tuple[Message, ...]:
        """What happened to entries that did not die of it."""
        return tuple(trouble for one in self._deployments.values() for trouble in one.troubles)

    @property
    def _addresses(self) -> tuple[Address, ...]:
        return tuple(address for one in self._deployments.values() for address in one.addresses)

    def _acted_on(self, fault: PlanFault) -> Deployment:
        """Errors: ObservationError."""
        group = self._target.group_of(fault.target)
        if group is None or group.key not in self._deployments:
            raise ObservationError(fact(Code.ENTRY_NOT_UP, entry=fault.target))
        return self._deployments[group.key]

    async def _bring_up(self) -> None:
        """Errors: TargetError, ObservationError."""
        for entry in self._target:
            if entry.missing_secrets:
                raise TargetError(
                    fact(Code.SECRETS_NOT_SET, entry=entry.id, names=entry.missing_secrets),
                    help=fact(Code.SET_IN_ENVIRONMENT),
                )
        for group in sorted(self._target.groups, key=lambda group: group.uses_others):
            others, out = self._addresses, self.out
            self._touched = self._touched or not group.located
            deployment: Deployment = await target_kinds()[group.key].deploy(group, self._site)
            self._deployments[group.key] = deployment
            await deployment.up(others, out)

    async def _run_setup(self) -> None:
        if not self._target.setup:
            return
        self._touched = True
        output = Output(self._site.logs("setup"), self._site.on_problem)
        try:
            for command in self._target.setup:
                trouble = await self._run(command, output)
                if trouble:
                    tail = output.tail()
                    raise TargetError(
                        fact(Code.OF_PART, part="target.setup", why=trouble),
                        help=fact(Code.LOG_ENDS, path=output.log.path, tail=tail) if tail else None,
                    )
        finally:
            output.close()

    async def _take_down(self) -> None:
        """Nothing is left when this returns. Cancelled, it sends SIGKILL to all, and waits only for that."""
        if not self._touched:
            return
        self._touched = False
        try:
            await self._site.sampler.close()
            await self._tear_down()
        finally:
            async with AsyncExitStack() as last:
                users = [group.key for group in self._target.groups if group.uses_others]
                for key, deployment in self._deployments.items():
                    if key not in users:
                        last.push_async_callback(deployment.close)
                await self._end_all([self._deployments[key] for key in users if key in self._deployments])

    async def _end_all(self, deployments: Iterable[Deployment]) -> None:
        """End some deployments in reverse, and whatever was started besides."""
        try:
            async with AsyncExitStack() as last:
                for deployment in deployments:
                    last.push_async_callback(deployment.close)
            await end_marked(self._site.mark, self._site.grace)
        except asyncio.CancelledError:
            kill_marked(self._site.mark)
            raise

    async def _tear_down(self) -> None:
        if not self._target.teardown:
            return
        output = Output(self._site.logs("teardown"), self._site.on_problem)
        try:
            for command in self._target.teardown:
                trouble = await self._run(command, output)
                if trouble:
                    trouble = fact(Code.OF_PART, part="target.teardown", why=trouble)
                    self._site.on_problem(TargetError(trouble))
        finally:
            output.close()

    async def _run(self, command: PlanCommand, output: Output) -> Message:
        """Run one command into a log; what went wrong, or an empty text."""
        addresses = self.addresses()
        try:
            bound = command.bind(addresses.values())
        except ObservationError as error:
            return error.message
        output.line(f"$ {_command_line(bound)}")
        # Addresses on this machine mean nothing inside a container, and nothing there carries the mark.
        outside = {} if bound.inside else {**addresses.environment(), MARK: self._site.mark}
        inside = self._site.containers.inside
        runs: Processes = inside(bound.inside) if bound.inside else self._site.processes
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
            output.line(f"[phasegate: {_end_text(bound, done)}]")
        return trouble


def _trouble(command: PlanCommand, done: Completed) -> Message:
    shown = _command_line(command)
    if done.error:
        return done.error
    if done.timed_out:
        return fact(Code.TOOK_LONGER, command=shown, limit=float(command.limit))
    if done.signal is not None:
        return fact(Code.PROGRAM_ENDED_BY, command=shown, signal=done.signal)
    return fact(Code.PROGRAM_ENDED, command=shown, exit_code=done.exit_code) if done.exit_code else ""


def _end_text(command: PlanCommand, done: Completed) -> str:
    """How a command ended, for its log."""
    if done.error:
        return "it could not be started"
    if done.timed_out:
        return f"it took longer than {format_seconds(command.limit)}"
    return f"signal {done.signal}" if done.signal is not None else f"exit code {done.exit_code}"


def _command_line(command: PlanCommand) -> str:
    """A command on one line of bounded length; a script in an argument may be long."""
    line = " ".join(shlex.join(command.argv).split())
    return line if len(line) <= 100 else f"{line[:99]}…"
