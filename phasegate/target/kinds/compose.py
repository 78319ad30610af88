"""`target.compose`: a stack that Compose brings up for the run, and takes down with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.plan.addressable import Addressable
from phasegate.plan.container_models import ComposeWritten
from phasegate.plan.context import Context
from phasegate.plan.ids import Ids
from phasegate.plan.named import Files
from phasegate.plan.services import ComposeStack
from phasegate.plan.stacks import OfServices, read_compose, with_services_of_compose
from phasegate.target.deployment import Deployment, Site


class ComposeKind(OfServices[ComposeStack, Site, Deployment]):
    group = ComposeStack
    Written = ComposeWritten

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        return with_services_of_compose(known, plan, written, files)

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> ComposeStack | None:
        return read_compose(context, target.get(self.key), target.get("default"))

    async def deploy(self, group: ComposeStack, site: Site) -> Deployment:
        from phasegate.target.containers.project import Project

        return Project(group, site, await site.containers.engine())
