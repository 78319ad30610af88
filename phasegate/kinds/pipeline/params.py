"""What a plan may ask of pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from phasegate.base.fields import Closed, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location
from phasegate.inspection.finding import Rule
from phasegate.kinds.inspection import InspectionParams
from phasegate.kinds.pipeline.rules import RULES
from phasegate.kinds.pipeline.script import Role

MANIFESTS = ("package.json", "pyproject.toml", "Cargo.toml", "go.mod", "Gemfile")


class Rollback(Closed):
    """The way back, as a document."""

    file: Annotated[Text, Field(min_length=1)]
    """The document that tells how to roll back."""
    command: Text | None = None
    """A command that it must hold."""


class PipelineParams(InspectionParams):
    """Parameters of a check of pipelines."""

    deploys: Annotated[Texts, Demand.MUST_BE] = ()
    """Jobs that deploy, as globs of `NAME` or `FILE#NAME`. Without it, names, stages, commands and
    environments tell."""
    tests: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Jobs that test. Without it, names and commands tell."""
    rolls_back: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Jobs that roll back. Without it, names and commands tell."""
    rollback: Rollback | None = None
    """A document that tells how to roll back, where no job does."""
    manifests: Annotated[Texts, Demand.MUST_BE] = MANIFESTS
    """Files, as paths and globs, whose dependencies must be locked."""
    tools: Annotated[tuple[Literal["zizmor", "actionlint", "check-jsonschema"], ...], Demand.MUST_BE] = ()
    """Programs that look as well: `[zizmor, actionlint, check-jsonschema]`. One that is not installed makes
    the check inconclusive."""
    use_repository_config: Annotated[bool, Demand.LET_THROUGH] = False
    """Whether configuration of these programs in the repository counts."""

    rules: ClassVar[tuple[Rule, ...]] = RULES

    def problems(self) -> Iterator[tuple[Location, str]]:
        if self.use_repository_config and not self.tools:
            yield ("use_repository_config",), "use_repository_config goes with tools"
        yield from super().problems()

    @property
    def roles(self) -> Mapping[Role, tuple[str, ...]]:
        return {Role.DEPLOYS: self.deploys, Role.TESTS: self.tests, Role.ROLLS_BACK: self.rolls_back}
