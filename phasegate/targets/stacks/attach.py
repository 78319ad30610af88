"""Containers that are up already, and stay up: found by their labels, waited for, watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phasegate.base.errors import TargetError
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

    async def up(self, others: Sequence[Address], out: Mapping[str, str]) -> None:
        """Wait until each of them is ready.

        Errors: TargetError when there are none, when one of those that the plan names is not among them, or
        when one is not ready in time; EngineError.
        """
        self._site.containers.are(*self._stack.labels, services=[entry.id for entry in self._stack.entries])
        labels = ", ".join(self._stack.labels)
        found = await self.services.found()
        if not found:
            raise TargetError(
                f"target.containers: no container carries {labels}",
                help="bring the stack up before the run, or let target.compose do it",
            )
        services = sorted({one.service for one in found})
        for entry in self._stack.entries:
            if entry.id not in services:
                raise TargetError(
                    f"target {entry.id!r}: no container of this service carries {labels}",
                    help=f"services that do are {', '.join(services)}",
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
