"""A stack that Compose brings up for this run, and that is gone when the run is over."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.http.addresses import Address
from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.reading.compose_file import coming_up
from phasegate.targets.containers.engine.client import Engine, EngineError
from phasegate.targets.containers.engine.facts import PROJECT
from phasegate.targets.containers.removal import remove, stop, there
from phasegate.targets.deployment import Site
from phasegate.targets.processes.process_group import GUARD
from phasegate.targets.processes.running import Output
from phasegate.targets.stacks.claim import Claim
from phasegate.targets.stacks.compose import (
    Compose,
    dump_config,
    failed_build,
    find_compose,
    free_config,
    network_home,
    of_compose,
    ports_to_await,
    redact_config,
    resolve_file,
    tcp_ports,
    trouble_of,
    with_containers,
    with_profiles_named,
)
from phasegate.targets.stacks.deployed import InContainers
from phasegate.world import Command, Completed

FILE = "compose.yaml"
OUTPUT = "compose.output"
"""The log of what Compose itself prints; no service has a name like that in a plan."""
BUILD_LIMIT = 3600.0
"""Seconds that images get to be built; what is waited for begins after that."""
STARTS_OTHERS = 15.0
"""Seconds that Compose gets to start the other services when one has broken."""
TRIES = 3
"""Times that ports are chosen: another program may take one before the engine does."""
_PORT_TAKEN = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)


class Project(InContainers):
    """One stack, from up to down."""

    def __init__(self, group: ComposeStack, site: Site, engine: Engine) -> None:
        self.name = group.project or f"phasegate-{site.run}".lower()
        self.label = f"{PROJECT}={self.name}"
        super().__init__(group, site, engine, [self.label])
        self._kept = ""
        self._stack = group
        self._engine = engine
        self._claim: Claim | None = None
        self._folder: Path | None = None
        self._compose: Compose | None = None
        self._output: Output | None = None
        self._images: list[str] = []
        """Tags that only this run has made."""
        self._promise = f"images {self.name}"
        self._kept_file = ""
        self._touched = False
        """Whether anything of it may be on the engine."""
        self._gone = False
        """Whether all of it was seen to be removed; what was not is tried again when phasegate has ended."""
        self._env = {
            **group.env,
            "DOCKER_HOST": engine.host,
            "DOCKER_CONTEXT": "",
            "COMPOSE_PROFILES": "",
        }

    @property
    def kept(self) -> str:
        return self._kept

    async def up(self, others: Sequence[Address], out: Mapping[str, Message]) -> None:
        """Errors: TargetError when it does not come up; the caller closes it all the same. EngineError."""
        self._compose = await find_compose(self._site.processes)
        config = await resolve_file(self._compose, self._stack, self.name, self._site.processes, self._env)
        self._stack = with_profiles_named(config, self._stack)
        names = coming_up(config["services"], self._stack.services, self._stack.profiles)
        if self._stack.project:
            self._claim = Claim.take(self._engine.host, self.name)
        await self._refuse_what_is_there()
        self._output = Output(self._site.logs(OUTPUT), self._site.on_problem)
        self._folder = Path(tempfile.mkdtemp(prefix="phasegate-"))
        self._touched = True
        # Nothing of others can have the label by now.
        self._site.containers.are(self.label, services=with_containers(config, names))
        GUARD.project(self._engine.host, self.label, str(self._folder), keep=self._site.keep)
        await self.services.listen()
        self.services.serve(ports_to_await(config, self._stack, names))
        await self._build(config, names)
        for number in range(TRIES):
            done = await self._start(config, names)
            if done is None:
                return
            if number + 1 < TRIES and _PORT_TAKEN.search(done.stderr.decode(errors="replace")):
                await remove(self._engine, self.label)
                continue
            raise await self._not_up(config, names, done)

    async def close(self) -> None:
        """Take it down, whatever state it is in, or leave it up where that was asked for.

        Cancelled, it ends at once what it would have given time to stop, and goes on when all is removed.
        """
        try:
            await self._close()
        finally:
            if self._claim is not None:
                self._claim.release()

    async def _close(self) -> None:
        self.services.down()
        if not self._touched:
            await self.services.close()
            return
        if self._site.keep:
            await self._leave_up()
            return
        down = asyncio.create_task(self._down())
        try:
            await asyncio.shield(down)
        except asyncio.CancelledError:
            down.cancel()
            await asyncio.wait([down])
            with suppress(EngineError):
                await self._remove(self._engine)
            raise
        finally:
            self._forget()

    async def _refuse_what_is_there(self) -> None:
        found = await there(self._engine, self.label)
        if not found:
            return
        what = joined(*(fact(Code.THINGS, kind=group, names=names[:5]) for group, names in found.items()))
        assert self._compose is not None
        down = self._compose.down(self.name, str(self._stack.file))
        help = fact(Code.TAKE_DOWN_FIRST, command=down, label=self.label)
        raise of_compose(fact(Code.PROJECT_THERE, project=self.name, what=what), help)

    async def _build(self, config: Mapping[str, Any], names: Iterable[str]) -> None:
        """Images are made before the clock of `within` starts."""
        build = [name for name in names if "build" in config["services"][name]]
        if not build:
            return
        file = self._write_config(config, {})
        for name in build:
            image = f"{self.name}-{name}".lower()
            if "image" not in config["services"][name] and not await self._has_image(image):
                self._images.append(image)
        if not self._site.keep:
            removals = [("DELETE", f"/images/{image}", None) for image in self._images]
            GUARD.promise(self._promise, self._engine.host, removals)
        done = await self._compose_run(file, "build", "--force-rm", *build, limit=BUILD_LIMIT)
        if done.exit_code != 0:
            raise of_compose(failed_build(done, build), self._tail())

    async def _start(self, config: Mapping[str, Any], names: tuple[str, ...]) -> Completed | None:
        """Bring it up and wait; how Compose ended when it could not. Errors: TargetError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._stack.within
        file = self._write_config(config, await self._to_publish(config, names))
        services = names if self._stack.services else ()
        starting = asyncio.create_task(
            self._compose_run(file, "up", "--detach", "--no-build", *services, limit=self._stack.within)
        )
        breaking = asyncio.create_task(self.services.broken())
        try:
            await asyncio.wait({starting, breaking}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done() and self._site.goes_on:
                # What hangs on what is broken is waited for in vain, but Compose may start the others yet.
                await asyncio.wait({starting}, timeout=STARTS_OTHERS)
            elif not starting.done():
                await breaking
            done = await starting if starting.done() else None
        finally:
            for task in (starting, breaking):
                task.cancel()
            await asyncio.wait([starting, breaking])
        of = with_containers(config, names)
        if done is None or (done.exit_code != 0 and await self._goes_on_without_some(done)):
            left = max(deadline - loop.time(), 0)
            await self.services.ready(self._stack.within, left=left, of=of, final=True)
            return None
        if done.timed_out:
            # Names who is not ready, and why.
            await self.services.ready(self._stack.within, left=0, of=of)
            return None
        if done.exit_code != 0:
            return done
        left = max(deadline - loop.time(), 0)
        await self.services.ready(self._stack.within, left=left, of=of)
        return None

    async def _goes_on_without_some(self, done: Completed) -> bool:
        """Whether Compose stopped at a service that broke, and the others are used without it."""
        if (
            not self._site.goes_on
            or done.timed_out
            or _PORT_TAKEN.search(done.stderr.decode(errors="replace"))
        ):
            return False
        return await self.services.trouble(await self.services.found()) is not None

    async def _to_publish(self, config: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[int]]:
        """The ports that are published beside those of the file, by service: the one that the plan names, and
        what the file or an image that is here exposes. The address of a container itself changes when it is
        started again."""
        found: dict[str, list[int]] = {}
        for name in names:
            service = config["services"][name]
            if network_home(config["services"], name) != name:
                continue  # what its image exposes may be another's there
            image = service.get("image") or f"{self.name}-{name}".lower()
            with suppress(EngineError):
                ports = (await self._engine.image(image)).exposed
                found[name] = [port.number for port in ports if port.protocol == "tcp"]
            found[name] = [*tcp_ports(service.get("expose")), *found.get(name, ())]
        for entry in self._stack.entries:
            if entry.port is not None:
                found.setdefault(entry.id, []).append(entry.port)
        return found

    def _write_config(self, config: Mapping[str, Any], ports: Mapping[str, Iterable[int]]) -> Path:
        """The file that Compose reads, which may hold secrets, in a folder that nobody else reads."""
        assert self._folder is not None
        found = free_config(config, project=self.name, ports=ports, take=self._site.ports.take)
        self._kept_file = self._site.keep_file(FILE, redact_config(found))
        file = self._folder / FILE
        file.write_text(dump_config(found), encoding="utf-8")
        return file

    async def _compose_run(self, file: Path, *arguments: str, limit: float) -> Completed:
        assert self._compose is not None
        assert self._output is not None
        output = self._output
        output.line(f"$ {' '.join(self._compose.argv)} {' '.join(arguments)}")
        return await self._site.processes.run(
            Command(
                argv=self._compose.command(self._stack, self.name, *arguments, file=file),
                cwd=self._stack.file.parent,
                env=self._env,
                limit=limit,
            ),
            on_line=lambda _stream, text: output.line(text),
        )

    async def _not_up(self, config: Mapping[str, Any], names: Iterable[str], done: Completed) -> TargetError:
        """Why Compose could not bring it up, as far as the engine knows better than its words."""
        words = trouble_of(done)
        for name in names:
            image = config["services"][name].get("image")
            if image and "build" not in config["services"][name] and not await self._has_image(image):
                why = fact(Code.IMAGE_NOT_PULLED, image=image, why=words)
                help = fact(Code.BUILD_OR_PULL, image=image)
                return TargetError(fact(Code.OF_ENTRY, entry=name, why=why), help=help)
        if isinstance(words, str) and _PORT_TAKEN.search(words):
            return of_compose(words, fact(Code.FREE_THE_PORT))
        trouble = await self.services.trouble(await self.services.found())
        return trouble or of_compose(words, self._tail())

    async def _has_image(self, image: str) -> bool:
        try:
            await self._engine.image(image)
        except EngineError:
            return False
        return True

    def _tail(self) -> Fact | None:
        assert self._output is not None
        tail = self._output.tail()
        return fact(Code.LOG_ENDS, path=self._output.log.path, tail=tail) if tail else None

    async def _down(self) -> None:
        engine = self._engine
        again: Engine | None = None
        try:
            if self.services.lost:
                # It may be back by now, and what it ran with it.
                engine = again = await Engine.connect({"DOCKER_HOST": self._engine.host})
            else:
                await stop(engine, self.label)
            await self.services.close()
            self.services.stopped()
            await self._remove(engine)
        except EngineError as error:
            self._site.on_problem(self._not_removed(error.message))
        finally:
            await self.services.close(within=0)
            if again is not None:
                again.close()

    async def _remove(self, engine: Engine) -> None:
        troubles = await remove(engine, self.label, images=self._images)
        self._gone = not troubles
        if troubles:
            self._site.on_problem(self._not_removed(joined(*troubles)))

    def _not_removed(self, why: Message) -> TargetError:
        down = self._compose.down(self.name, self._kept_file) if self._compose else ""
        return TargetError(fact(Code.STACK_NOT_REMOVED, project=self.name, command=down, why=why))

    async def _leave_up(self) -> None:
        assert self._compose is not None
        if await there(self._engine, self.label):
            self._kept = self._compose.down(self.name, self._kept_file)
        self._gone = True
        await self.services.close(within=0)
        self._forget()

    def _forget(self) -> None:
        if self._output is not None:
            self._output.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder is not None and self._gone:
            GUARD.keep_promise(self._promise)
            GUARD.forget_project(self._engine.host, self.label, str(self._folder))
