"""Containers that are up already, and stay up: found by their labels, waited for, watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, Message, fact
from phasegate.http.addresses import Address
from phasegate.model.containers import Container
from phasegate.plan.asked.services import AttachedStack
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.deployment import Site
from phasegate.targets.stacks.deployed import InContainers


class Attached(InContainers):
    """A stack of somebody else's; nothing of it is ever stopped or removed."""

    def __init__(self, group: AttachedStack, site: Site, engine: Engine) -> None:
        super().__init__(group, site, engine, group.labels)
        self._stack = group

    async def up(self, others: Sequence[Address], out: Mapping[str, Message]) -> None:
        """Wait until each of them is ready.

        Errors: TargetError when there are none, when one of those that the plan names is not among them, or
        when one is not ready in time; EngineError.
        """
        self._site.containers.are(*self._stack.labels, services=[entry.id for entry in self._stack.entries])
        found = await self.services.found()
        if not found:
            message = fact(Code.NO_CONTAINER_CARRIES, labels=self._stack.labels)
            raise TargetError(
                fact(Code.OF_PART, part="target.containers", why=message),
                help=fact(Code.BRING_UP_BEFORE),
            )
        services = sorted({one.service for one in found})
        for entry in self._stack.entries:
            if entry.id not in services:
                message = fact(Code.NO_CONTAINER_CARRIES, service=entry.id, labels=self._stack.labels)
                raise TargetError(
                    fact(Code.OF_ENTRY, entry=entry.id, why=message),
                    help=fact(Code.SERVICES_THAT_DO, names=tuple(services)),
                )
        await self.services.listen()
        named = {entry.id: (entry.port,) for entry in self._stack.entries if entry.port is not None}
        self.services.serve({one.service: _published_ports(one) for one in found} | named)
        await self.services.ready(self._stack.within, patient=True)

    async def close(self) -> None:
        """Look away."""
        await self.services.close(within=0)


def _published_ports(container: Container) -> tuple[int, ...]:
    ports = (one.number for one in container.ports if one.protocol == "tcp" and one.host_port is not None)
    return tuple(dict.fromkeys(ports))
