"""The services of a stack while a run uses them: ready or not, their logs, their addresses, their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.http.addresses import Address
from phasegate.model.containers import Container, ContainerState
from phasegate.model.result import TargetRecord
from phasegate.plan.asked.services import ServiceEntry
from phasegate.targets.containers.engine.client import Engine, EngineError
from phasegate.targets.containers.engine.listening import Happened, Listening
from phasegate.targets.deployment import Site
from phasegate.targets.patience import Patience
from phasegate.targets.processes.running import Output
from phasegate.targets.stacks.expected import Expected
from phasegate.targets.stacks.logs import Follower, all_ended
from phasegate.targets.stacks.places import address_of, find_networked, refusing
from phasegate.targets.stacks.standing import ContainerStanding, Way, how_it_ended, is_job, standing

POLL = 0.25
"""Seconds between two looks at containers on their way up."""
SETTLED = 1.0
"""Seconds that a container must have run which nothing says more of than that it runs."""
_LAST_LINES = 5.0
"""Seconds that logs get for their last lines when their containers have ended."""
_NO_CONTAINER = fact(Code.NO_CONTAINER)


class Services:
    """Everything that carries some labels, by service."""

    def __init__(
        self,
        engine: Engine,
        labels: Sequence[str],
        entries: Iterable[ServiceEntry],
        site: Site,
    ) -> None:
        self.engine = engine
        self.broken_by: TargetError | None = None
        """What is wrong with the services that did not come up, where it went on without them."""
        self.out: dict[str, Message] = {}
        """These services, and why."""
        self.labels = tuple(labels)
        self.lost: Message = ""
        """Why the engine does not answer any more; empty while it does."""
        self._exit_codes = site.exit_codes
        self._goes_on = site.goes_on
        self._entries = {entry.id: entry for entry in entries}
        self._site = site
        self._listening = Listening(
            engine, labels, on_event=self._on_event, on_silence=lambda: self._later(self._ask_engine())
        )
        self._asked_ports: Mapping[str, tuple[int, ...]] = {}
        self._records: dict[str, TargetRecord] = {}
        self._outputs: dict[str, Output] = {}
        self._followers: dict[str, Follower] = {}
        self._first_seen: dict[tuple[str, datetime | None], float] = {}
        """When a start of a container was first seen."""
        self._expected = Expected()
        self._up = False
        """Whether an end is a death: from ready until it is taken down."""
        self._news = asyncio.Event()
        self._troubles: Counter[Fact] = Counter()
        """What it came through, and how often."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.addresses: tuple[Address, ...] = ()
        """Of every service that has one, once they are ready."""

    @property
    def troubles(self) -> tuple[Message, ...]:
        """What happened to services that did not die of it."""
        return tuple(
            trouble if times == 1 else fact(Code.SEVERAL_TIMES, of=trouble, times=times)
            for trouble, times in self._troubles.items()
        )

    def log_of(self, service: str) -> Path | None:
        """Where what a service prints is kept, with all of it that has come so far."""
        output = self._outputs.get(service)
        if output is None:
            return None
        output.tail()  # what waits to be written is written
        return output.log.place

    @contextmanager
    def expected(self, service: str) -> Iterator[None]:
        """While inside, ends of a service's containers are meant to be, and are not deaths."""
        with self._expected.during(service):
            yield

    async def listen(self) -> None:
        """Follow logs and ends from now on. Errors: EngineError."""
        await self._listening.begin()

    def serve(self, ports: Mapping[str, tuple[int, ...]]) -> None:
        """The tcp ports, inside, that must accept connections before a service without a healthcheck is
        ready."""
        self._asked_ports = ports

    async def found(self) -> tuple[Container, ...]:
        """The containers as they stand. Errors: EngineError."""
        everything = await self.engine.containers(self.labels)
        return tuple(one for one in everything if not one.one_off)

    async def ready(
        self,
        within: float,
        *,
        left: float | None = None,
        patient: bool = False,
        of: Iterable[str] = (),
        final: bool = False,
    ) -> None:
        """Wait until all are ready; services of `of` must be there. Of `within` seconds there are `left`.
        `final`: what has not been started will not be.

        Where it `goes_on` with those that are ready, the others are `out` afterwards.

        Errors: TargetError naming who is not and why, as soon as waiting makes no sense, which a `patient`
        caller does not think of what is unhealthy; EngineError.
        """
        before = 0.0 if left is None else within - left
        patience = Patience(within - before)
        while True:
            self._news.clear()
            late = patience.left <= 0
            containers = find_networked(await self.found())
            self._begin(containers)
            standings = [(one, await self._standing(one)) for one in containers]
            missing = [name for name in of if name not in {one.service for one in containers}]
            waiting = [(one, how) for one, how in standings if how.way is not Way.READY]
            lost = [
                (one, how) for one, how in waiting if late or _is_lost(one, how, patient=patient, final=final)
            ]
            if lost and not late and not self._goes_on:
                raise await self._failure(lost[:1])
            self._note_ready(standings, before + patience.taken)
            gone = missing if late or final else []
            if len(lost) == len(waiting) and gone == missing:
                if lost or gone:
                    await self._go_on_without(lost, gone, within if late else None)
                break
            await self._wait(min(POLL, max(patience.left, 0.01)), patience)
        self._up = True
        self.addresses = self._locate(one for one in containers if one.service not in self.out)

    async def one_ready(self, name: str, within: float) -> None:
        """Wait until the container of this name is ready.

        Errors: TargetError, why it is not, as soon as waiting makes no sense; EngineError.
        """
        patience = Patience(within)
        while True:
            self._news.clear()
            last = patience.left <= 0
            containers = [one for one in find_networked(await self.found()) if one.name == name]
            self._begin(containers)
            how = ContainerStanding(way=Way.BROKEN, why=_NO_CONTAINER)
            for one in containers:
                how = await self._standing(one)
            if how.way is Way.READY:
                return
            if how.way is Way.BROKEN:
                raise TargetError(how.why)
            if last:
                raise TargetError(fact(Code.NOT_READY, within=within, why=how.why))
            await self._wait(min(POLL, max(patience.left, 0.01)), patience)

    async def trouble_of(self, name: str) -> Message:
        """Why the container of this name does not run; empty while it does. Errors: EngineError."""
        one = next((one for one in await self.found() if one.name == name), None)
        if one is None:
            return _NO_CONTAINER
        if one.state in (ContainerState.RUNNING, ContainerState.PAUSED):
            return ""
        return how_it_ended(one.exit_code, oom_killed=one.oom_killed)

    async def _go_on_without(
        self,
        lost: Sequence[tuple[Container, ContainerStanding]],
        missing: Sequence[str],
        within: float | None,
    ) -> None:
        """Errors: TargetError where it is not to go on."""
        error = await self._failure(lost, missing=missing, within=within)
        if not self._goes_on:
            raise error
        self.broken_by = error
        self.out = {one.service: how.why for one, how in lost} | dict.fromkeys(missing, _NO_CONTAINER)

    async def broken(self) -> None:
        """Return never, but raise when a container breaks on its way up. Errors: TargetError, EngineError."""
        while True:
            self._news.clear()
            containers = await self.found()
            self._begin(containers)
            # What was not started is Compose's concern: it may try again.
            trouble = await self.trouble(
                [one for one in containers if one.state is not ContainerState.CREATED]
            )
            if trouble is not None:
                raise trouble
            await self._wait(2 * POLL)

    async def trouble(self, containers: Sequence[Container]) -> TargetError | None:
        """The first container for which waiting makes no sense, and why."""
        self._begin(containers)  # Compose may have ended before anybody looked
        for one in containers:
            how = standing(one, serves=self._serves(one), right=self._exit_codes.get(one.service))
            if how.way is Way.BROKEN:
                return await self._failure([(one, how)])
        return None

    def down(self) -> None:
        """From now on ends are not deaths."""
        self._up = False

    async def close(self, *, within: float = _LAST_LINES) -> None:
        """Take in the last lines of what has ended, and close every log."""
        self._up = False
        self._listening.close()
        await all_ended(self._followers.values(), within)
        for task in self._tasks:
            task.cancel()
        for output in self._outputs.values():
            output.close()

    def stopped(self) -> None:
        """Tell that those which lived until now were taken down."""
        for id, record in self._records.items():
            if not record.error and record.exit_code is None:
                self._tell_change("stopped", id)

    # On their way up.

    async def _wait(self, seconds: float, patience: Patience | None = None) -> None:
        due = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(due):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            if patience is not None:
                patience.look(due)
        await asyncio.sleep(0.02)  # what comes at once is looked at at once

    def _begin(self, containers: Iterable[Container]) -> None:
        now = asyncio.get_running_loop().time()
        for one in containers:
            self._record(one.service, one.command)
            if one.state is ContainerState.RUNNING:
                self._first_seen.setdefault((one.id, one.started), now)
            if one.state is not ContainerState.CREATED and one.id not in self._followers:
                self._follow(one.id, one.service)

    def _record(self, service: str, command: tuple[str, ...] = ()) -> None:
        if service not in self._records:
            output = Output(self._site.logs(service), self._site.on_problem)
            self._outputs[service] = output
            self._records[service] = TargetRecord(
                id=service, kind="container", command=command, log=output.log.path
            )
            self._tell_change("starting", service)

    def _follow(self, container: str, service: str, *, since: float | None = None) -> None:
        self._followers[container] = Follower(
            self.engine.api,
            container,
            on_line=self._outputs[service].line,
            after=self._followers.get(container),
            since=since,
        )

    def _serves(self, container: Container) -> bool:
        return bool(self._asked_ports.get(container.service))

    async def _standing(self, container: Container) -> ContainerStanding:
        how = standing(
            container, serves=self._serves(container), right=self._exit_codes.get(container.service)
        )
        if how.way is not Way.RUNNING:
            return how
        if not self._serves(container):
            seen = self._first_seen[container.id, container.started]
            settled = asyncio.get_running_loop().time() - seen >= SETTLED
            return ContainerStanding(way=Way.READY if settled else Way.WAITING, why=fact(Code.JUST_STARTED))
        why = await refusing(container, self._asked_ports[container.service])
        return ContainerStanding(way=Way.WAITING if why else Way.READY, why=why)

    def _note_ready(self, standings: Sequence[tuple[Container, ContainerStanding]], after: float) -> None:
        waiting = {one.service for one, how in standings if how.way is not Way.READY}
        for one, _ in standings:
            record = self._records[one.service]
            if one.service in waiting or record.ready_after is not None:
                continue
            address = self._address(one)
            self._records[one.service] = replace(
                record, ready_after=after, exit_code=one.exit_code, url=address.url if address else ""
            )
            self._tell_change("ready", one.service)

    def _locate(self, containers: Iterable[Container]) -> tuple[Address, ...]:
        found: dict[str, Address] = {}
        for one in containers:
            address = self._address(one)
            if address is not None:
                found.setdefault(one.service, address)
        return tuple(found.values())

    def _address(self, container: Container) -> Address | None:
        entry = self._entries.get(container.service, ServiceEntry(id=container.service))
        return address_of(container, entry, self._asked_ports.get(container.service, ()))

    async def _failure(
        self,
        waiting: Sequence[tuple[Container, ContainerStanding]],
        *,
        missing: Sequence[str] = (),
        within: float | None = None,
    ) -> TargetError:
        await asyncio.sleep(0.1)  # the last lines of what has just ended
        tails: dict[str, tuple[str, ...]] = {}
        for one, how in waiting:
            tails[one.service] = tail = self._outputs[one.service].tail()
            record = self._records[one.service]
            if record.error:
                continue  # which has been told
            self._records[one.service] = replace(
                record, error=how.why, exit_code=one.exit_code, log_tail=tail
            )
            self._tell_change("failed", one.service)
        named = [(one.service, how.why) for one, how in waiting]
        named += [(name, _NO_CONTAINER) for name in missing]
        why = joined(*dict.fromkeys(fact(Code.OF_SERVICE, service=name, why=why) for name, why in named))
        if within is not None:
            why = fact(Code.NOT_READY, within=within, why=why)
        return TargetError(fact(Code.OF_TARGET, why=why), help=_tails(tails))

    # While they are up.

    def _on_event(self, happened: Happened) -> None:
        self._news.set()
        if happened.unhealthy:
            if self._up and not self._expected.holds(happened):
                self._troubles[fact(Code.TURNED_UNHEALTHY, service=happened.service)] += 1
        elif not happened.ended:
            if happened.service in self._outputs:
                self._follow(happened.container, happened.service)
        elif self._up and not self._expected.holds(happened):
            self._later(self._note_its_end(happened))

    async def _note_its_end(self, happened: Happened) -> None:
        record = self._records.get(happened.service)
        if record is None or record.error:
            return
        container = next((one for one in await self.found() if one.id == happened.container), None)
        follower = self._followers.get(happened.container)
        if follower is not None:
            try:
                async with asyncio.timeout(1.0):
                    await follower.ended()
            except TimeoutError:
                pass
        right = self._exit_codes.get(happened.service)
        if right is not None and happened.exit_code in right:
            return
        if container is not None and happened.exit_code == 0 and right is None:
            job = is_job(container, serves=self._serves(container))
            if job:
                return  # it has done its work
            if container.state in (ContainerState.RUNNING, ContainerState.RESTARTING):
                self._troubles[fact(Code.STARTED_AGAIN_IN_USE, service=happened.service)] += 1
                return
        how = how_it_ended(happened.exit_code, oom_killed=container is not None and container.oom_killed)
        if container is not None and container.state in (ContainerState.RUNNING, ContainerState.RESTARTING):
            how = fact(Code.AND_STARTED_AGAIN, of=how)
        self._records[happened.service] = replace(
            record,
            error=how,
            exit_code=happened.exit_code,
            log_tail=self._outputs[happened.service].tail(),
        )
        self._tell_change("died", happened.service)

    async def _ask_engine(self) -> None:
        """Whether an engine that tells nothing any more still answers."""
        try:
            await self.engine.call(self.engine.api.ping)
        except EngineError as error:
            self.lost = error.message
            self._site.on_problem(TargetError(error.message, help=error.help))
        else:
            await self._listening.begin()

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(_unless_lost(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell_change(self, state: str, service: str) -> None:
        self._site.on_change(state, self._records[service])


def _is_lost(container: Container, how: ContainerStanding, *, patient: bool, final: bool) -> bool:
    """Whether waiting for it makes no sense."""
    if how.way is Way.BROKEN:
        return not (patient and container.state is ContainerState.RUNNING)
    return final and container.state is ContainerState.CREATED


async def _unless_lost(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except EngineError:
        return  # that it is lost is told by the end of its events


def _tails(tails: Mapping[str, tuple[str, ...]]) -> Message | None:
    parts = tuple(fact(Code.LOG_ENDS, service=service, tail=tail) for service, tail in tails.items())
    return fact(Code.LOGS_END, parts=parts[:3]) if parts else None
