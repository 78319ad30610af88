"""Reports: each is a pure function of the result. A format is one file and one line in `FORMATS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from phasegate.base.dataclass import dataclass

if TYPE_CHECKING:
    from phasegate.model.result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to render a result; its code is imported when it is used."""

    file: str
    """Name below the run's folder."""
    about: str
    function: str
    """`module:function`, from a RunResult to the text of the file, to be written as UTF-8."""

    def render(self, run: RunResult) -> str:
        module, _, name = self.function.partition(":")
        return cast("str", getattr(import_module(module), name)(run))


FORMATS: dict[str, Format] = {
    "html": Format(
        file="report.html",
        about="the page that a release is signed on: one file, no network",
        function="phasegate.render.html.document:render",
    ),
    "junit": Format(
        file="junit.xml",
        about="JUnit XML with files, lines and properties, as GitLab and GitHub read it",
        function="phasegate.render.junit:render",
    ),
    "junit-strict": Format(
        file="junit-strict.xml",
        about="JUnit XML that validates against Jenkins' schema",
        function="phasegate.render.junit:render_strict",
    ),
    "plan-md": Format(
        file="plan.md",
        about="the written plan again, each line with its status, figure and evidence",
        function="phasegate.render.plan_document:render",
    ),
    "json": Format(
        file="result.json",
        about="the result itself",
        function="phasegate.render.json:render",
    ),
}
