"""What a plan may ask of manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, field_validator

from phasegate.base.fields import ID_PATTERN, Closed, Text, Texts
from phasegate.base.marks import Demand, Members
from phasegate.base.problems import Location
from phasegate.inspection.finding import Rule
from phasegate.inspection.rules import COMMON
from phasegate.kinds.inspection import InspectionParams
from phasegate.kinds.kubernetes.expressions import expression_problems
from phasegate.kinds.kubernetes.facts import versions
from phasegate.kinds.kubernetes.rules import POLICIES
from phasegate.kinds.kubernetes.schema import RULES as SCHEMA_RULES

Family = Literal[
    "resources",
    "probes",
    "baseline",
    "restricted",
    "hardening",
    "images",
    "secrets",
    "references",
    "availability",
]
"""Policies that can be left out together."""


class Chart(Closed):
    """A Helm chart, as it is installed."""

    chart: Text
    """The folder of the chart, from the plan's root."""
    values: Texts = ()
    """Files of values, the last one wins."""
    release: Text = "release"
    """The name of the release."""
    namespace: Text = "default"
    """The namespace that it goes to."""


class OwnRule(Closed):
    """A policy of the plan."""

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    """Its name; no rule of phasegate has it."""
    cel: Text
    """An expression in CEL that is true of an `object` that is right."""
    message: Text
    """What is wrong where it is not true."""
    severity: Literal["error", "warning", "info"] = "error"
    """How bad that is."""
    kinds: Texts = ()
    """The kinds of objects that it is about; all without."""


class KubernetesParams(InspectionParams):
    files: Annotated[Texts, Demand.MUST_BE] = ()
    """Manifests, as paths and globs from the plan's root: `k8s/**/*.yaml`. Where none matches, nothing
    passed."""
    version: Text | None = None
    """The version of Kubernetes that they are for: `1.36`; the newest that is known without."""
    policy: Literal["baseline", "restricted"] = "restricted"
    """The level of the Pod Security Standards that pods are held to."""
    ignore: Annotated[tuple[Family, ...], Demand.LET_THROUGH] = ()
    """Families of rules that are left out; the record says so."""
    external: Annotated[Texts, Demand.LET_THROUGH] = ()
    """What is in the cluster without being in the files: `Secret/tls`, `ConfigMap/shared`."""
    crds: Texts = ()
    """More files with CustomResourceDefinitions, as globs; those in `files` count anyhow."""
    variables: Mapping[str, Text] = Field(default_factory=dict)
    """What `${NAME}` stands for in the files: `{TAG: v1.4}`; another `${...}` stays as it is."""
    kustomize: Annotated[Texts, Demand.MUST_BE] = ()
    """Folders that Kustomize builds, by `kustomize` or `kubectl`, whichever is there."""
    helm: Annotated[tuple[Chart, ...], Members(name=lambda one: one.chart, size=lambda one: one.chart)] = ()
    """Charts that `helm template` renders: `[{chart: charts/shop, values: prod.yaml}]`."""
    own: Annotated[tuple[OwnRule, ...], Members(name=lambda one: one.id, size=lambda one: one.severity)] = (
        Field(default=(), alias="rules")
    )
    """Policies of the plan in CEL:
    `[{id: team, cel: 'has(object.metadata.labels.team)', message: nobody owns it}]`."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *COMMON,
        *SCHEMA_RULES,
        *(policy.rule for policy in POLICIES),
    )

    @field_validator("version")
    @classmethod
    def _is_version(cls, value: str | None) -> str | None:
        minor = None if value is None else ".".join(value.removeprefix("v").split(".")[:2])
        if minor is not None and minor not in versions():
            raise ValueError(
                f"{value} is not known; write a version from {versions()[0]} to {versions()[-1]}"
            )
        return minor

    def problems(self) -> Iterator[tuple[Location, str]]:
        if not self.sources:
            yield ("files",), "name at least one file or glob, or what kustomize or helm makes"
        for number, one in enumerate(self.external):
            if one.count("/") != 1:
                yield ("external", number), f"{one!r} names no object; write its kind and name: Secret/tls"
        taken = {rule.id for rule in self.rules}
        for number, own in enumerate(self.own):
            if own.id in taken:
                yield ("rules", number, "id"), f"another rule has the id {own.id}"
            taken.add(own.id)
            yield from ((("rules", number, "cel"), problem) for problem in expression_problems(own.cel))
        yield from (problem for problem in super().problems() if problem[0] != ("files",))

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that manifests come from."""
        return (*self.files, *self.kustomize, *(one.chart for one in self.helm))

    @property
    def families(self) -> frozenset[str]:
        """Families that are looked at."""
        left_out = {*self.ignore, *(["restricted"] if self.policy == "baseline" else [])}
        return frozenset(get_args(Family)) - left_out
