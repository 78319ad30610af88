"""Manifests of Kubernetes: would it take them, and is what they describe fit for production?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

from phasegate.base.collection import without_collection
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.inspection.finding import Inspection, Rule, Severity
from phasegate.inspection.tree import Text, Tree, read_texts, walk
from phasegate.kinds.base import CheckParams, Requirement
from phasegate.kinds.inspection import FindingKind
from phasegate.kinds.kubernetes.expressions import compile_expression
from phasegate.kinds.kubernetes.facts import Facts, versions
from phasegate.kinds.kubernetes.findings import inspect_objects
from phasegate.kinds.kubernetes.manifests import read_manifests, render
from phasegate.kinds.kubernetes.objects import Cluster, KubeObject
from phasegate.kinds.kubernetes.params import KubernetesParams, OwnRule
from phasegate.kinds.kubernetes.rules import POLICIES
from phasegate.kinds.kubernetes.rules.policy import Hit, Hits, Policy
from phasegate.kinds.kubernetes.schema import Schemas
from phasegate.world import World

CEL = "https://kubernetes.io/docs/reference/using-api/cel/"


class KubernetesKind(FindingKind[KubernetesParams]):
    name: ClassVar[str] = "kubernetes"
    Params: ClassVar[type[CheckParams]] = KubernetesParams
    example: ClassVar[Mapping[str, Any]] = {
        "files": ["k8s/**/*.yaml"],
        "version": "1.36",
        "external": ["Secret/tls"],
        "lower": {"replicas": {"to": "info", "because": "one is enough until the pilot ends"}},
    }
    objects: ClassVar[str] = "objects"

    def requirements(self, params: KubernetesParams) -> tuple[Requirement, ...]:
        needed = [("jsonschema_rs", "jsonschema-rs", "kubernetes")]
        if params.own:
            needed.append(("cel", "common-expression-language", "policies"))
        return tuple(
            Requirement(
                program="python",
                arguments=("-c", f"import {module}"),
                label=label,
                install=f"pip install 'phasegate[{extra}]'",
            )
            for module, label, extra in needed
        )

    def summary(self, params: KubernetesParams) -> Message:
        return fact(Code.FILES_OF, names=params.sources)

    async def find(self, params: KubernetesParams, world: World) -> Inspection:
        rendered = await render(params, world)
        tree = Tree(root=world.root, names=())
        if params.files:
            tree = await asyncio.to_thread(walk, world.root, params.files, params.exclude)
        seen = await asyncio.to_thread(look_at, params, tree, rendered.texts)
        if not (seen.objects or seen.findings or rendered.unproven):
            raise ObservationError(fact(Code.NO_KUBERNETES_OBJECT, names=params.sources))
        return replace(seen, unproven=rendered.unproven, notes=(*rendered.notes, *seen.notes))


@without_collection()
def look_at(params: KubernetesParams, tree: Tree, rendered: Sequence[Text]) -> Inspection:
    """What is wrong with the manifests of files, and with rendered ones."""
    version = params.version or versions()[-1]
    manifests = read_manifests(chain(read_texts(tree), rendered), params.variables)
    major, _, minor = version.partition(".")
    cluster = Cluster(
        objects=manifests.objects, version=(int(major), int(minor)), external=frozenset(params.external)
    )
    crds = read_manifests(read_texts(walk(tree.root, params.crds)) if params.crds else (), {})
    custom = (one.tree for one in (*crds.objects, *cluster.objects) if one.kind == "CustomResourceDefinition")
    schemas = Schemas(Facts(version), custom)
    seen = inspect_objects(manifests, cluster, schemas, policies_for(params))
    notes = [*tree.notes, *seen.notes, fact(Code.FOR_KUBERNETES, version=version, of=params.policy)]
    if params.ignore:
        notes.append(fact(Code.NOT_LOOKED_AT, names=params.ignore, by="ignore"))
    return replace(
        seen,
        files=len(tree.names) + len(rendered),
        objects=len(cluster.objects),
        findings=(*tree.findings, *crds.findings, *seen.findings),
        notes=tuple(notes),
    )


def policies_for(params: KubernetesParams) -> tuple[Policy, ...]:
    """Those of the families that are looked at, and those of the plan."""
    kept = (policy for policy in POLICIES if policy.rule.family in params.families)
    return (*kept, *map(_own_policy, params.own))


def _own_policy(own: OwnRule) -> Policy:
    why_not = compile_expression(own.cel)

    def find(one: KubeObject, cluster: Cluster) -> Hits:
        if (why := why_not(one.tree)) is not None:
            yield Hit((), (own.message, why))

    severity = Severity(own.severity)
    return Policy(
        rule=Rule(id=own.id, severity=severity, about=own.message, source=CEL, family="rules"),
        of=own.kinds[0] if len(own.kinds) == 1 else "object",
        subjects=lambda cluster: cluster.of(*own.kinds) if own.kinds else cluster.objects,
        find=find,
        tool="CEL",
    )
