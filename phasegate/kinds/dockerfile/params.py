"""What a plan may ask of Dockerfiles and Compose files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from phasegate.base.fields import Text, Texts
from phasegate.base.marks import Demand
from phasegate.inspection.finding import Rule
from phasegate.inspection.rules import COMMON
from phasegate.kinds.dockerfile import compose_rules, dockerfile_rules
from phasegate.kinds.inspection import InspectionParams


class DockerfileParams(InspectionParams):
    target: Text | None = None
    """The stage that is built and held to the rules of the final one; the last one unless a file has one of
    this name."""
    non_root: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Images, as globs, that are known to have a user other than root: `registry.example/base/*`."""
    variables: Annotated[Mapping[str, Text], Demand.LET_THROUGH] = Field(default_factory=dict)
    """Values that builds and Compose are given for variables without one: `{BASE: "debian:12"}`."""
    tools: Annotated[tuple[Literal["hadolint"], ...], Demand.MUST_BE] = ()
    """Tools that look as well: `[hadolint]`. A file that one cannot read, or a tool that is not there, makes
    the check inconclusive."""
    use_repository_config: Annotated[bool, Demand.LET_THROUGH] = False
    """Whether hadolint obeys what the repository says of it, comments in Dockerfiles included."""

    rules: ClassVar[tuple[Rule, ...]] = (*COMMON, *dockerfile_rules.rule.rules, *compose_rules.rule.rules)
