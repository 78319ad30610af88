"""What a plan may say of a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from phasegate.base.fields import AnyPath, Closed, CommandLine, Text, Texts
from phasegate.base.marks import Expected
from phasegate.base.patterns import compile_pattern
from phasegate.base.units import Dimension, parse_quantity
from phasegate.http.expectations.json_path import JsonPath
from phasegate.http.expectations.matcher import Matcher
from phasegate.http.written import ExpectedText
from phasegate.kinds.base import CheckParams, is_measure_name
from phasegate.results.formats import FORMATS, Format

CASES = {
    "passed": "cases that passed",
    "failed": "cases that failed, xfailed ones included",
    "skipped": "cases that were skipped",
    "total": "cases in the results",
}
"""Measures that only a command with results has, beside `pass_rate`."""
_OWN = frozenset({"exit_code", "duration", "expectations", "pass_rate", *CASES})


class MeasureCapture(Closed):
    """A number that the program printed, or wrote to a file: exactly one of `regex` and `json`."""

    regex: str | None = None
    """A regular expression for what is printed; its first group is the number, or the whole match without
    one."""
    take: Literal["sum", "first", "last", "min", "max"] | None = None
    """Which counts where `regex` matches more than once; without it, different values prove nothing."""
    json_: str | None = Field(default=None, alias="json")
    """A JSONPath into standard output, or into `file`."""
    file: str | None = None
    """The file to read in place of the output, relative to the plan's root."""
    unit: str = ""
    """The unit of the number: `ms`, `%`, `MiB`; nothing for counts."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.regex is None) == (self.json_ is None):
            raise ValueError("a measure is captured by exactly one of regex and json")
        if self.take is not None and self.regex is None:
            raise ValueError("take says which match of a regex counts; a JSONPath selects one value")
        if self.regex is not None:
            compile_pattern(self.regex)
        if self.json_ is not None and JsonPath.compile(self.json_).many:
            raise ValueError(f"{self.json_} may select many values; a measure is one number")
        parse_quantity(f"1{self.unit}")
        return self

    @property
    def dimension(self) -> Dimension:
        return parse_quantity(f"1{self.unit}").dimension


class CommandExpect(Closed):
    """What must hold of the program; each becomes a case."""

    exit_code: Annotated[Any, Expected()] = None
    """A number, a list of numbers, or operators: `{lt: 3}`."""
    output: Annotated[ExpectedText, Expected(text=True)] = None
    """Text, or operators, held against standard output followed by standard error, without blank ends and
    without colours."""

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("expects nothing; write exit_code or output")
        self.matchers()
        return self

    def matchers(self) -> dict[str, Matcher]:
        """By what they look at, in the order of the report."""
        found = {}
        if "exit_code" in self.model_fields_set:
            several = isinstance(self.exit_code, list | tuple)
            matcher = Matcher.compile({"one_of": self.exit_code} if several else self.exit_code, always=True)
            if all(matcher.check(code) is None for code in range(256)):
                raise ValueError("exit_code is as expected whatever it is, so it says nothing")
            found["exit_code"] = matcher
        if "output" in self.model_fields_set:
            found["output"] = Matcher.compile(self.output, text=True, always=True)
        return found


class CommandParams(CheckParams):
    command: CommandLine
    """The program and its arguments, as a list; `python` is phasegate's own interpreter: `[cargo, test]`."""
    env: Mapping[str, Text] = Field(default_factory=dict)
    """Variables that are added to the environment, by name."""
    in_: str = Field(default="", alias="in")
    """The service of the target in whose container it runs; this machine unless given."""
    cwd: AnyPath | None = None
    """Where it is started; the plan's root unless given, in a container its own folder."""
    expect: CommandExpect | None = None
    """The exit code and the output it should have; exit code 0 unless it says otherwise."""
    measures: Mapping[str, MeasureCapture] = Field(default_factory=dict)
    """Numbers that the program reports, by name: `{coverage: {regex: "(\\d+)%", unit: "%"}}`."""
    results: Texts = ()
    """Result files that it writes: paths or globs, `build/junit*.xml`."""
    format: Format = "junit"
    """How results are written: JUnit in files; `go`, which is `go test -json`, and `cargo`, which is `cargo
    test`, in the output, or in the files of `results`."""
    subtests: bool = False
    """Whether the counts in `results` have subtests in them that are not written as cases. Known of
    pytest."""
    reruns: bool = False
    """Whether the tool runs failed tests again and writes each try as a case in `results`: one that failed
    and then passed is flaky."""
    evidence: Texts = ()
    """Further files to keep with the record: paths or globs."""

    @model_validator(mode="after")
    def _where(self) -> Self:
        if self.in_ and self.cwd is not None:
            raise ValueError(
                "cwd is a folder of this machine, and in says that the command runs in a container"
            )
        return self

    @model_validator(mode="after")
    def _about_results(self) -> Self:
        for name in ("subtests", "reruns"):
            if getattr(self, name) and not (self.results and self.format == "junit"):
                raise ValueError(f"{name} says how JUnit results are written, and there are none")
        if self.format == "go" and any("-failfast" in one for one in self.command):
            raise ValueError("with -failfast, go leaves out what is behind a test that fails; leave it out")
        return self

    @property
    def has_results(self) -> bool:
        """Whether it counts cases: of files, or of the output."""
        return bool(self.results or FORMATS[self.format].streams)

    @field_validator("measures")
    @classmethod
    def _check_names(cls, measures: Mapping[str, MeasureCapture]) -> Mapping[str, MeasureCapture]:
        for name in measures:
            if name in _OWN:
                raise ValueError(f"{name!r} is measured already; choose another name")
            if not is_measure_name(name):
                raise ValueError(
                    f"{name!r} is not a name for a measure; write one like 'coverage' or 'bundle_size'"
                )
        return measures
