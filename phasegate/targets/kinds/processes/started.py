"""The programs of a run from their start to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from phasegate.base.errors import ObservationError, TargetError
from phasegate.base.facts import Code, Message, fact
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.model.faults import Act, PlanFault
from phasegate.plan.asked.entries import entries_in
from phasegate.targets.deployment import Deployment, Site
from phasegate.targets.processes.entries import ProcessEntry, Programs
from phasegate.targets.processes.members import MARK, kill_marked
from phasegate.targets.processes.running import Output, RunningProcess


class Started(Deployment):
    """The programs of a run, in the order of the plan, each started when the one before it is ready."""

    def __init__(self, group: Programs, site: Site) -> None:
        super().__init__()
        self._group = group
        self._site = site
        self._running: list[RunningProcess] = []
        self._others: tuple[Address, ...] = ()
        """Of what was up before."""
        self._out: dict[str, Message] = {}

    @property
    def out(self) -> Mapping[str, Message]:
        return self._out

    async def up(self, others: Sequence[Address], out: Mapping[str, Message]) -> None:
        self._others = (*others,)
        for entry in self._group.entries:
            needed = entries_in((entry.command, entry.env, entry.headers, entry.ready.url or ""))
            if lacking := needed & {*out, *self._out}:
                self._out[entry.id] = fact(Code.NEEDS, names=tuple(sorted(lacking)))
            else:
                await self._start(entry, (*others, *self._addresses))

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        process, grace = self._process(fault), self._site.grace
        match fault.act:
            case Act.STOP:
                await process.halt(grace)
            case Act.KILL:
                await process.crash()
            case Act.RESTART:
                await process.halt(grace)
                await process.go_on()
            case Act.PAUSE:
                process.pause()
            case Act.REPLACE | Act.ROLLOUT:
                version = self._version(fault)
                await process.replace(version, self._site.processes, {MARK: self._site.mark}, grace)
            case Act.CUT:
                raise ObservationError(fact(Code.NO_SUCH_ACT, act=fault.act.value))
        self._sample(process)

    async def undo(self, fault: PlanFault, instance: str = "") -> Message:
        process = self._process(fault)
        await process.go_on(self._site.grace)
        self._sample(process)
        return ""

    async def settle(self, fault: PlanFault, instance: str) -> None:
        self._process(fault).settle()

    async def ready(self, fault: PlanFault, instance: str) -> None:
        await self._process(fault).ready_again(fault.within)

    async def trouble(self, fault: PlanFault, instance: str) -> Message:
        return self._process(fault).trouble

    async def close(self) -> None:
        """End them in reverse. Cancelled, it sends SIGKILL to all, and waits only for that."""
        waiting = list(self._running)
        try:
            while waiting:
                await waiting[-1].end(self._site.grace)
                waiting.pop()
        except asyncio.CancelledError:
            for process in waiting:
                process.kill()
            kill_marked(self._site.mark)
            for process in waiting:
                await process.end(0)
            raise

    def _process(self, fault: PlanFault) -> RunningProcess:
        for process in self._running:
            if process.record.id == fault.target:
                return process
        raise ObservationError(fact(Code.DOES_NOT_RUN, entry=fault.target, why=fact(Code.NEVER_STARTED)))

    def _version(self, fault: PlanFault) -> ProcessEntry:
        """The program of another version. Errors: ObservationError for an address that is not known."""
        entry = next(entry for entry in self._group.entries if entry.id == fault.target)
        command, env = fault.command or entry.command, {**entry.env, **fault.env}
        known = TargetAddresses((*self._others, *self._addresses)).values()
        own = _own(next(one.url for one in self._addresses if one.id == entry.id))
        return replace(entry, command=command, env=env).bind({**known, **own})

    def _sample(self, process: RunningProcess) -> None:
        """Look at what it uses from now on, whoever leads its group by now."""
        if process.leader is not None:
            self._site.sampler.watch(process.record.id, process.leader)

    async def _start(self, entry: ProcessEntry, others: Sequence[Address]) -> None:
        site = self._site
        port = site.ports.take()
        url = f"{'https' if entry.tls.as_mapping() else 'http'}://127.0.0.1:{port}"
        own = _own(url)
        try:
            given = entry.bind({**TargetAddresses(others).values(), **own})
            address = Address(id=entry.id, url=url, headers=given.headers, tls=given.tls.as_mapping())
            asked = _asked(entry, (*others, address), own)
        except ObservationError as error:
            raise TargetError(fact(Code.OF_ENTRY, entry=entry.id, why=error.message)) from None
        process = RunningProcess(
            given,
            url=url,
            port=port,
            asked=asked,
            output=Output(site.logs(entry.id), site.on_problem),
            on_change=site.on_change,
        )
        self._running.append(process)
        await process.start(site.processes, {MARK: site.mark})
        self._sample(process)
        self._addresses.append(address)


def _own(url: str) -> dict[str, str]:
    """What a program knows of its own place."""
    return {"self.url": url, "self.port": url.rpartition(":")[2]}


def _asked(entry: ProcessEntry, known: Sequence[Address], own: Mapping[str, str]) -> Address:
    """What is asked whether a process is ready: a path of its own, or a URL of any entry, with that entry's
    headers and certificates. Errors: ObservationError."""
    around = TargetAddresses(known, default=entry.id)
    there = around.destination(entry.ready.url or "/", own)
    return Address(
        id=there.entry, url=there.url, headers=around.headers(there.entry), tls=around.tls(there.entry)
    )
