"""`target.containers`: containers that are up already, and stay up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phasegate.plan.addressable import Addressable
from phasegate.plan.container_models import AttachedWritten
from phasegate.plan.context import Context
from phasegate.plan.ids import Ids
from phasegate.plan.named import Files
from phasegate.plan.services import AttachedStack
from phasegate.plan.stacks import OfServices, read_attached, with_attached_services
from phasegate.target.deployment import Deployment, Site


class ContainersKind(OfServices[AttachedStack, Site, Deployment]):
    group = AttachedStack
    Written = AttachedWritten

    def addressable(
        self, known: Addressable, plan: Mapping[str, Any], written: Any, files: Files
    ) -> Addressable:
        return with_attached_services(known, plan, written)

    def read(self, context: Context, target: Mapping[str, Any], ids: Ids) -> AttachedStack | None:
        return read_attached(context, target.get(self.key))

    async def deploy(self, group: AttachedStack, site: Site) -> Deployment:
        from phasegate.target.containers.attach import Attached

        return Attached(group, site, await site.containers.engine())
