"""A stack in containers as a deployment: what both kinds, brought up here or up already, have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from phasegate.base.errors import TargetError
from phasegate.base.facts import Message
from phasegate.http.addresses import Address
from phasegate.model.faults import PlanFault
from phasegate.plan.asked.entries import Group
from phasegate.plan.asked.services import ServiceEntry
from phasegate.targets.containers.acts import ContainerActs
from phasegate.targets.containers.engine.client import Engine
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

    async def act(self, fault: PlanFault) -> None:
        self._expected[fault.id] = expected = ExitStack()
        expected.enter_context(self.services.expected(fault.target))
        await self._acts.act(fault.id, fault.act, fault.target, fault.image)

    async def undo(self, fault: PlanFault) -> Message:
        try:
            return await self._acts.undo(fault.id, fault.act)
        finally:
            if expected := self._expected.pop(fault.id, None):
                asyncio.get_running_loop().call_later(NEWS, expected.close)
