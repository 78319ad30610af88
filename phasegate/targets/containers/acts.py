"""What is done to the containers of a service on purpose, and how it is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.model.containers import Container, ContainerState
from phasegate.model.faults import RENEWING, Act
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.engine.replacing import (
    REPLACES,
    Version,
    another,
    as_connected,
    endpoint_config,
)
from phasegate.targets.containers.reach import TargetContainers
from phasegate.targets.processes.process_group import GUARD

GRACE = 10
"""Seconds that an engine gives a container to stop where the container does not say."""
_ENDING = frozenset({Act.STOP, Act.KILL, Act.RESTART, *RENEWING})
_SAME = Version()


@dataclass(slots=True, kw_only=True)
class Touched:
    """One container under a fault, and what it was before."""

    id: str
    before: Mapping[str, Any]
    """As the engine tells it."""
    notes: list[Message] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.before["Name"]).lstrip("/")

    @property
    def grace(self) -> int:
        seconds = self.before["Config"].get("StopTimeout")
        return GRACE if seconds is None else int(seconds)

    @property
    def networks(self) -> dict[str, Mapping[str, Any]]:
        """Its place in each of its networks, by name."""
        return dict(self.before["NetworkSettings"]["Networks"] or {})


class ContainerActs:
    """Acts on running containers of a service, and undoes what was done, each act by its key."""

    def __init__(self, containers: TargetContainers) -> None:
        self._containers = containers
        self._touched: dict[str, list[Touched]] = {}

    async def running(self, service: str) -> list[Container]:
        """Errors: ObservationError when there are none."""
        running = [
            one
            for one in await self._containers.all()
            if one.service == service and one.state is ContainerState.RUNNING
        ]
        if not running:
            raise ObservationError(fact(Code.NO_CONTAINER_RUNS, service=service))
        return running

    async def act(
        self, key: str, act: Act, service: str, version: Version = _SAME, *, instance: str = ""
    ) -> None:
        """To all running containers of a service, or to the one named `instance`.

        Errors: ObservationError, one line, when none of them runs, or the engine refuses; `undo` is due then
        too."""
        running = [one for one in await self.running(service) if instance in ("", one.name)]
        if not running:
            raise ObservationError(fact(Code.NO_CONTAINER_RUNS, service=service))
        engine = await self._containers.engine()
        if version.image:
            await engine.image(version.image)
        touched = self._touched.setdefault(key, [])

        async def touch(container: Container) -> None:
            one = await engine.call(_inspect, engine, act, container)
            touched.append(one)
            _promise(engine, key, act, one)
            await engine.call(_do, engine, act, one, version)

        await _each(running, touch)

    async def settle(self, key: str) -> None:
        """Let what was replaced stay so; what stood there before is removed. Errors: ObservationError."""
        engine = await self._containers.engine()
        for one in self._touched.pop(key, []):
            _keep_promise(engine, key, one)
            # Its volumes stay: the one in its place works on them.
            await engine.call(engine.api.remove_container, one.id)

    async def undo(self, key: str, act: Act) -> Message:
        """Bring all of it back as it was, what was done in part included. Shape: what to know of it.

        Errors: ObservationError when something is not as it was.
        """
        touched = self._touched.pop(key, [])
        if not touched:
            return ""
        engine = await self._containers.engine()

        async def put_back(one: Touched) -> None:
            await engine.call(_undo, engine, act, one)
            _keep_promise(engine, key, one)

        await _each(touched, put_back)
        notes = dict.fromkeys(note for one in touched for note in one.notes)
        return joined(*notes) if notes else ""


async def _each(items: list[Any], work: Callable[[Any], Any]) -> None:
    """Work on all side by side, to the end of each. Errors: that of the first that failed."""
    for outcome in await asyncio.gather(*(work(one) for one in items), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _promise(engine: Engine, key: str, act: Act, one: Touched) -> None:
    """Let it be undone should phasegate die, and once more at its end where it could not be undone."""
    start = ("POST", f"/containers/{one.id}/start", None)
    calls: list[tuple[str, str, object]] = [start]
    match act:
        case Act.PAUSE:
            calls = [("POST", f"/containers/{one.id}/unpause", None)]
        case Act.CUT:
            calls = [
                (
                    "POST",
                    f"/networks/{place['NetworkID']}/connect",
                    {"Container": one.id, "EndpointConfig": endpoint_config(one.before, network)},
                )
                for network, place in one.networks.items()
            ]
        case Act.REPLACE | Act.ROLLOUT:
            GUARD.containers(engine.host, f"{REPLACES}={one.id}")
            calls = [("POST", f"/containers/{one.id}/rename?name={quote(one.name)}", None), start]
    GUARD.promise(f"{key}/{one.id}", engine.host, calls)


def _keep_promise(engine: Engine, key: str, one: Touched) -> None:
    GUARD.keep_promise(f"{key}/{one.id}")
    GUARD.forget_containers(engine.host, f"{REPLACES}={one.id}")


def _inspect(engine: Engine, act: Act, container: Container) -> Touched:
    """Errors: ObservationError when it cannot be acted on so, and come back."""
    one = Touched(id=container.id, before=engine.api.inspect_container(container.id))
    if act in _ENDING and one.before["HostConfig"].get("AutoRemove"):
        raise ObservationError(fact(Code.REMOVED_AT_END, container=one.name))
    if act in RENEWING and (loose := tuple(_loose_ports(one.before))):
        raise ObservationError(fact(Code.PORTS_LOOSE, container=one.name, ports=loose))
    if act is Act.CUT and not _cuttable(one):
        raise ObservationError(fact(Code.NOTHING_TO_CUT, container=one.name))
    return one


def _do(engine: Engine, act: Act, one: Touched, version: Version) -> None:
    api = engine.api
    match act:
        case Act.STOP:
            api.stop(one.id, timeout=one.grace)
        case Act.KILL:
            api.kill(one.id)
        case Act.PAUSE:
            api.pause(one.id)
        case Act.RESTART:
            api.restart(one.id, timeout=one.grace)
        case Act.CUT:
            for place in one.networks.values():
                api.disconnect_container_from_network(one.id, place["NetworkID"], force=True)
        case Act.REPLACE | Act.ROLLOUT:
            _replace(api, one, version)


def _cuttable(one: Touched) -> bool:
    """One in the network of the machine, or of another container, has none that it could be taken off."""
    mode = str(one.before["HostConfig"].get("NetworkMode", ""))
    return bool(one.networks) and mode not in ("host", "none") and not mode.startswith("container:")


def _replace(api: Any, one: Touched, version: Version) -> None:
    """Run another container in its place, under its name; it stays as it is, stopped."""
    wanted = another(one.before, api.inspect_image(one.before["Image"]), version)
    api.stop(one.id, timeout=one.grace)
    api.rename(one.id, f"{one.name}-phasegate-{one.id[:8]}")
    new = api.create_container_from_config(wanted.config, one.name)["Id"]
    for network, place in wanted.further:
        api.connect_container_to_network(new, network, **place)
    api.start(new)


def _undo(engine: Engine, act: Act, one: Touched) -> None:
    import docker.errors

    api = engine.api
    try:
        if act in RENEWING:
            _put_in_place(api, one)
        now = api.inspect_container(one.id)
        state = now["State"]
        if act is Act.PAUSE:
            if state["Paused"]:
                api.unpause(one.id)
            elif not state["Running"]:
                raise ObservationError(fact(Code.ENDED_IN_PAUSE, container=one.name))
        elif act is Act.CUT:
            _connect(api, one, now)
        elif not state["Running"]:
            api.start(one.id)
        elif act in (Act.STOP, Act.KILL):
            one.notes.append(fact(Code.STARTED_BY_ENGINE, container=one.name))
    except docker.errors.NotFound:
        raise ObservationError(fact(Code.REMOVED_MEANWHILE, container=one.name)) from None
    if moved := tuple(_moved_ports(one, api.inspect_container(one.id))):
        raise ObservationError(fact(Code.PORTS_MOVED, container=one.name, ports=moved))


def _put_in_place(api: Any, one: Touched) -> None:
    """Take away what stands in its place, with the volumes that only that one has, and give it its name back.

    Only what carries the mark of this replacing is removed, whoever has the name by now.
    """
    for other in api.containers(all=True, filters={"label": f"{REPLACES}={one.id}"}):
        api.remove_container(other["Id"], force=True, v=True)
    if api.inspect_container(one.id)["Name"].lstrip("/") != one.name:
        api.rename(one.id, one.name)


def _connect(api: Any, one: Touched, now: Mapping[str, Any]) -> None:
    """Back to every network, with the names and the address that it had there."""
    there = now["NetworkSettings"]["Networks"] or {}
    for name, place in one.networks.items():
        if name not in there:
            api.connect_container_to_network(one.id, place["NetworkID"], **as_connected(one.before, name))
    after = api.inspect_container(one.id)["NetworkSettings"]["Networks"] or {}
    for name, place in one.networks.items():
        address = after[name]["IPAddress"]
        if address != place["IPAddress"]:
            values = {"network": name, "address": address, "was": place["IPAddress"]}
            one.notes.append(fact(Code.ADDRESS_MOVED, container=one.name, **values))


def _loose_ports(told: Mapping[str, Any]) -> Iterator[str]:
    """Ports whose place on the host the engine chooses anew at each start, so that another container in its
    stead would be somewhere else."""
    for port, places in (told["HostConfig"].get("PortBindings") or {}).items():
        if any(place.get("HostPort") in ("", "0", None) for place in places or ()):
            yield port


def _moved_ports(one: Touched, now: Mapping[str, Any]) -> Iterator[Fact]:
    """Published ports whose place on the host is another than before: `8080/tcp at 49153, was 49152`."""
    before, after = (told["NetworkSettings"].get("Ports") or {} for told in (one.before, now))
    if not now["State"]["Running"]:
        return
    for port, places in before.items():
        was = {place["HostPort"] for place in places or ()}
        is_now = {place["HostPort"] for place in after.get(port) or ()}
        if was != is_now:
            yield fact(Code.PORT_MOVED, port=port, at="/".join(sorted(is_now)), was="/".join(sorted(was)))
