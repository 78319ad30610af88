"""What a plan may ask of scanners."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from phasegate.base.fields import CommandLine, Duration, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location
from phasegate.kinds.inspection import FindingParams
from phasegate.kinds.scan.presets import PRESETS

_OF_RESULTS = ("not_older_than", "commit")
_OF_PRESET = ("paths", "config", "arguments", "history", "use_repository_config")
_VERSION = re.compile(r"\d+(\.\d+)*")


class ScanParams(FindingParams):
    preset: Literal["pip-audit", "npm-audit", "gitleaks", "bandit", "semgrep"] | None = None
    """A scanner that phasegate knows how to run. Exactly one of `preset`, `command` and `results` says where
    findings come from; `results` may go with `command`."""
    command: CommandLine | None = None
    """A scanner and its arguments; its report is its standard output, or what it writes to `results`."""
    results: Texts = ()
    """Reports, as paths or globs: what `command` writes, or what an earlier job of the pipeline wrote."""
    format: (
        Literal[
            "sarif", "junit", "cyclonedx", "pip-audit", "npm-audit", "trivy", "bandit", "semgrep", "gitleaks"
        ]
        | None
    ) = None
    """The format of the report; its content tells unless given."""
    paths: Texts = ()
    """With `preset`: what it looks at. Requirement files for pip-audit, one folder for npm-audit and
    gitleaks, files or folders for the others."""
    config: Texts = ()
    """With `preset: semgrep`: files or folders with its rules. None are shipped, and none are downloaded."""
    history: bool = Field(default=False)
    """With `preset: gitleaks`: look at every commit in place of the files as they are."""
    arguments: tuple[Text, ...] = ()
    """With `preset`: further arguments: `[--vulnerability-service, osv]`."""
    use_repository_config: Annotated[bool, Demand.LET_THROUGH] = False
    """With `preset`: whether the scanner obeys what the repository says of it, files and comments that switch
    it off included."""
    not_older_than: Annotated[Duration, Field(gt=0), Demand.LESS] = 86_400.0
    """With `results` of an earlier job: the age that they may have."""
    commit: Text | None = None
    """With `results` of an earlier job: the commit that they must be for; in SARIF, the revision."""
    tools: Annotated[Mapping[str, Text], Demand.MUST_BE] = Field(default_factory=dict)
    """Scanners that must have reported, with the least version: `{trivy: "0.70"}`."""
    files: Annotated[Texts, Demand.MUST_BE] = ()
    """Files that must have been looked at, as globs; a report that does not name its files proves nothing of
    them."""

    def problems(self) -> Iterator[tuple[Location, str]]:
        yield from super().problems()
        if (self.preset is not None) + (self.command is not None or bool(self.results)) != 1:
            yield (), "name exactly one of preset, command and results; results may go with command"
        if self.preset is not None:
            yield from self._misplaced(("format",), "goes with command or results")
            yield from PRESETS[self.preset].problems(self.paths, self.config, history=self.history)
        else:
            yield from self._misplaced(_OF_PRESET, "goes with preset")
        if not self.results or self.command is not None:
            yield from self._misplaced(_OF_RESULTS, "is about results that an earlier job wrote")
        for tool, least in self.tools.items():
            if not _VERSION.fullmatch(least):
                yield ("tools", tool), f"{least!r} is not a version; write one like '1.20' or '0'"

    def _misplaced(self, names: tuple[str, ...], why: str) -> Iterator[tuple[Location, str]]:
        for name in names:
            if name in self.model_fields_set:
                yield (name,), f"{name} {why}"
