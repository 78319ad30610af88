"""`target.containers`: containers that are up already, and stay up."""

from __future__ import annotations

from phasegate.plan.services import AttachedStack
from phasegate.plan.stacks import AttachedReader
from phasegate.target.deployment import Deployment, Site


class ContainersKind(AttachedReader[Site, Deployment]):
    async def deploy(self, group: AttachedStack, site: Site) -> Deployment:
        from phasegate.target.containers.attach import Attached

        return Attached(group, site, await site.containers.engine())
