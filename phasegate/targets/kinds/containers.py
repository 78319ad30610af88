"""`target.containers`: containers that are up already, and stay up."""

from __future__ import annotations

from phasegate.plan.asked.services import AttachedStack
from phasegate.plan.targets.stacks import AttachedReader
from phasegate.targets.deployment import Deployment, Site


class ContainersKind(AttachedReader[Site, Deployment]):
    async def deploy(self, group: AttachedStack, site: Site) -> Deployment:
        from phasegate.targets.stacks.attach import Attached

        return Attached(group, site, await site.containers.engine())
