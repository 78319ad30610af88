"""`target.compose`: a stack that Compose brings up for the run, and takes down with it."""

from __future__ import annotations

from phasegate.plan.asked.services import ComposeStack
from phasegate.plan.targets.stacks import ComposeReader
from phasegate.targets.deployment import Deployment, Site


class ComposeKind(ComposeReader[Site, Deployment]):
    async def deploy(self, group: ComposeStack, site: Site) -> Deployment:
        from phasegate.targets.stacks.project import Project

        return Project(group, site, await site.containers.engine())
