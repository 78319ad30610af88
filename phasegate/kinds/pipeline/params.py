"""What a plan may ask of pipelines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from phasegate.base.fields import Closed, Duration, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location
from phasegate.http.written import Headers
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


class RunsWritten(Closed):
    """The last run of a pipeline, as GitHub or GitLab tells it."""

    url: str = ""
    """The address of the answer. GitHub: `/repos/OWNER/NAME/actions/runs?head_sha=COMMIT`, or the jobs of one
    run. GitLab: `/projects/ID/pipelines/NUMBER/jobs`. Exactly one of `url` and `file`."""
    file: str = ""
    """The same answer, saved by an earlier job."""
    headers: Headers = Field(default_factory=dict)
    """Headers that are sent along: `{Authorization: "Bearer ${env.GITHUB_TOKEN}"}`."""
    jobs: Annotated[Texts, Demand.MUST_BE]
    """The jobs that must have run and succeeded, as globs of their names: `[test, "e2e*"]`."""
    commit: Text
    """The commit that they must have run for, at least seven digits of it."""
    max_age: Annotated[Duration, Field(gt=0), Demand.LESS] = 86_400.0
    """How long ago they may have ended."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if bool(self.url) == bool(self.file):
            raise ValueError("write exactly one of url and file")
        if not self.jobs:
            raise ValueError("name at least one job")
        if "${" not in self.commit and not re.fullmatch("[0-9a-fA-F]{7,64}", self.commit):
            raise ValueError(f"{self.commit!r} is not a commit; write at least seven digits of its hash")
        return self


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
    runs: RunsWritten | None = None
    """Jobs that must have run for a commit, and succeeded, by the answer of GitHub's or GitLab's API."""
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
