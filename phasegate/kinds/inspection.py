"""What kinds that look at files have in common: which files, whose severities, and findings as cases."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.fields import Closed, Text, Texts
from phasegate.base.marks import Demand
from phasegate.base.problems import Location, refuse
from phasegate.inspection.finding import Changed, Inspection, Rule, Severity
from phasegate.inspection.rules import COMMON
from phasegate.inspection.tree import Tree, walk
from phasegate.kinds.base import CheckParams, Kind
from phasegate.model.cases import after, select_cases
from phasegate.model.measures import Measure, MeasureSpec, Number
from phasegate.model.observation import Observation, by_part, count_failed
from phasegate.world import Progress, World

Off = Literal["error", "warning", "info", "off"]


class Reason(Closed):
    """A severity that the plan gives a rule."""

    to: Off
    """The severity: `error`, `warning`, `info`, or `off`."""
    because: Text
    """Why; it is in the report."""

    @property
    def changed(self) -> Changed:
        return Changed(to=None if self.to == "off" else Severity(self.to), because=self.because)


class FindingParams(CheckParams):
    """Parameters of a check that has findings."""

    lower: Annotated[Mapping[str, Reason], Demand.LET_THROUGH] = Field(default_factory=dict)
    """Rules with a lower severity than their own, each with a reason:
    `{replicas: {to: warning, because: "one is enough for a demo"}}`."""
    raise_: Annotated[Mapping[str, Reason], Demand.MUST_BE] = Field(default_factory=dict, alias="raise")
    """Rules with a higher severity than their own, each with a reason."""

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Those of the kind."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse(type(self).__name__, self.problems())
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What does not fit together."""
        known = {rule.id: rule for rule in self.rules}
        for key, changes in (("lower", self.lower), ("raise", self.raise_)):
            for rule, reason in changes.items():
                if not reason.because.strip():
                    yield (key, rule, "because"), "say why, for whoever reads the report"
                if "." in rule:  # of a tool, whose rules nobody lists
                    continue
                if key == "lower" and rule in _NEVER_LOWER:
                    yield (key, rule), "what cannot be read proves nothing; leave the file out with 'exclude'"
                elif rule not in known:
                    yield (key, rule), f"there is no rule {rule!r}; `phasegate kinds KIND --rules` lists them"
                elif not _turns(known[rule].severity.value, reason.to, key):
                    yield (key, rule), f"{rule!r} is {known[rule].severity.value}, so this does not {key} it"

    @property
    def changed(self) -> Mapping[str, Changed]:
        return {rule: reason.changed for rule, reason in {**self.lower, **self.raise_}.items()}


class InspectionParams(FindingParams):
    """Parameters of a check that looks at files."""

    files: Annotated[Texts, Demand.MUST_BE]
    """The files to look at, as paths and globs from the plan's root: `k8s/**/*.yaml`. Where none matches, or
    one that is named by its path is not there, nothing passed."""
    exclude: Annotated[Texts, Demand.LET_THROUGH] = ()
    """Globs of files that are left out; the report names them. `.git` always is."""

    def problems(self) -> Iterator[tuple[Location, str]]:
        if not self.files:
            yield ("files",), "name at least one file or glob"
        yield from super().problems()


_NEVER_LOWER = frozenset(rule.id for rule in COMMON)
_ORDER = ("off", "info", "warning", "error")


def _turns(own: str, to: str, key: str) -> bool:
    before, now = _ORDER.index(own), _ORDER.index(to)
    return now < before if key == "lower" else now > before


F = TypeVar("F", bound=FindingParams)
P = TypeVar("P", bound=InspectionParams)


class FindingKind(Kind[F]):
    """Base of the kinds that have findings. Findings are cases; `findings_error` counts the errors."""

    has_cases: ClassVar[bool] = True
    objects: ClassVar[str] = ""
    """What its files hold, in the plural, where that is counted."""
    of_files: ClassVar[bool] = True
    """Whether it looks at files, so that these are counted."""

    def measures(self, params: F) -> Mapping[str, MeasureSpec]:
        return {
            "findings_error": MeasureSpec.amount("findings that are errors, without those that are waived"),
            "findings_warning": MeasureSpec.amount("findings that are warnings"),
            **({"files": MeasureSpec.amount("files that were looked at")} if self.of_files else {}),
            **({"objects": MeasureSpec.amount(f"{self.objects} in them")} if self.objects else {}),
        }

    def defaults(self, params: F) -> tuple[str, ...]:
        return ("findings_error == 0",)

    def parts(self, params: F) -> frozenset[str] | None:
        return None

    def counts(self, measure: str, case: str) -> bool:
        return measure == "findings_error"

    def rules(self) -> tuple[Rule, ...]:
        params = self.Params
        assert issubclass(params, FindingParams)
        return params.rules

    @abstractmethod
    async def find(self, params: F, world: World) -> Inspection:
        """What is wrong. Errors: ObservationError where there was nothing to look at."""

    async def observe(self, params: F, world: World) -> Observation:
        """Errors: ObservationError where no file matches, or files hold nothing to look at."""
        seen = await self.find(params, world)
        return await report(seen.with_severities(params.changed).shortened(), world)


class InspectionKind(FindingKind[P]):
    """Base of the kinds that look at files."""

    def summary(self, params: P) -> Message:
        return fact(Code.FILES_OF, names=params.files)

    @abstractmethod
    async def inspect(self, params: P, tree: Tree, world: World) -> Inspection:
        """What is wrong with the files. Errors: ObservationError where they hold nothing to look at."""

    async def find(self, params: P, world: World) -> Inspection:
        tree = await asyncio.to_thread(walk, world.root, params.files, params.exclude)
        return await self.inspect(params, tree, world)


async def report(seen: Inspection, world: World) -> Observation:
    """The observation that an inspection is. Errors: ObservationError where nothing in it is evidence."""
    before = {case.id: case for case in world.earlier}
    cases = select_cases((after(case, before) for case in seen.cases()), world.cases)
    if not cases:
        raise ObservationError(
            fact(Code.NO_CASE_NAMED, names=world.cases) if world.cases else fact(Code.NOTHING_LOOKED_AT)
        )
    await world.progress(Progress(cases=cases))
    measures: dict[str, Measure] = {
        "findings_error": count_failed(cases),
        "findings_warning": Number(value=seen.count(Severity.WARNING)),
    }
    if seen.files is not None:
        measures["files"] = Number(value=seen.files)
    if seen.objects is not None:
        measures["objects"] = Number(value=seen.objects)
    return Observation(
        measures=measures,
        parts={part: {"findings_error": count_failed(group)} for part, group in by_part(cases).items()},
        cases=cases,
        notes=(*seen.notes, *seen.warnings()),
        causes=seen.causes(),
    )
