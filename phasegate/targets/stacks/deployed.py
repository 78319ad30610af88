"""A stack in containers as a deployment: what both kinds, brought up here or up already, have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from phasegate.base.errors import TargetError
from phasegate.base.facts import Message
from phasegate.http.addresses import Address
from phasegate.model.faults import PlanFault
from phasegate.plan.asked.entries import Group, bound, bound_values
from phasegate.plan.asked.services import ServiceEntry
from phasegate.targets.containers.acts import ContainerActs
from phasegate.targets.containers.engine.client import Engine
from phasegate.targets.containers.engine.replacing import Version
from phasegate.targets.deployment import Deployment, Site
from phasegate.targets.stacks.services import Services

NEWS = 1.0
"""Seconds that what a fault has ended may be told of late, and still was meant to end."""


class InContainers(Deployment):
    """Everything that carries some labels."""

    def __init__(self, group: Group[ServiceEntry], site: Site, engine: Engine, labels: Sequence[str]) -> None:
        super().__init__()
        self.services = Services(engine, labels, group.entries, site)
        site.containers.keeps(self.services.log_of)
        self._site = site
        self._acts = ContainerActs(site.containers)
        self._expected: dict[str, ExitStack] = {}
        """By fault."""

    @property
    def addresses(self) -> Sequence[Address]:
        return self.services.addresses

    @property
    def out(self) -> Mapping[str, Message]:
        return self.services.out

    @property
    def broken_by(self) -> TargetError | None:
        return self.services.broken_by

    @property
    def troubles(self) -> Sequence[Message]:
        return self.services.troubles

    async def instances(self, entry: str) -> tuple[str, ...]:
        return tuple(one.name for one in await self._acts.running(entry))

    async def act(self, fault: PlanFault, instance: str = "") -> None:
        key = _key(fault, instance)
        self._expected[key] = expected = ExitStack()
        expected.enter_context(self.services.expected(fault.target))
        version = Version(
            image=fault.image, command=bound(fault.command, {}), env=bound_values(fault.env, {})
        )
        await self._acts.act(key, fault.act, fault.target, version, instance=instance)

    async def undo(self, fault: PlanFault, instance: str = "") -> Message:
        try:
            return await self._acts.undo(_key(fault, instance), fault.act)
        finally:
            self._expect_no_more(_key(fault, instance))

    async def settle(self, fault: PlanFault, instance: str) -> None:
        try:
            await self._acts.settle(_key(fault, instance))
        finally:
            self._expect_no_more(_key(fault, instance))

    async def ready(self, fault: PlanFault, instance: str) -> None:
        await self.services.one_ready(instance, fault.within)

    async def trouble(self, fault: PlanFault, instance: str) -> Message:
        return await self.services.trouble_of(instance)

    def _expect_no_more(self, key: str) -> None:
        if expected := self._expected.pop(key, None):
            asyncio.get_running_loop().call_later(NEWS, expected.close)


def _key(fault: PlanFault, instance: str) -> str:
    return f"{fault.id}/{instance}" if instance else fault.id
