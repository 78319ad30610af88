"""What was asked: the loaded plan as frozen data, complete enough that nobody downstream reads raw YAML.

Text that refers to what is known only at run time (`${target.x.url}`, `${self.port}`, `${out}`) stays in
template form until `bind` puts the values in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phasegate.errors import ObservationError, Position
from phasegate.gate.baseline import Earlier
from phasegate.gate.criterion import Criterion, Relative
from phasegate.gate.waivers import Waiver
from phasegate.kinds.base import CheckParams, Kind, Requirement
from phasegate.model.approval import Approval
from phasegate.model.result import Level, People, PlanRecord
from phasegate.plan.entries import PlanCommand, Target
from phasegate.plan.tree import TreePath, dotted, model_of, spliced
from phasegate.substitution import UnknownNameError, finish, put_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """An environment variable that is never shown; `value` is empty when it is not set."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Attempts of a whole check; waits are seconds."""

    attempts: int = 1
    wait: float = 0.0
    backoff: float = 1.0
    """Each wait is the one before times this."""
    max_wait: float | None = None
    jitter: float = 0.0
    """Up to so many seconds are added to each wait."""
    on_fail: bool = False
    """Whether an attempt with a criterion not met is tried again, as one that errored is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyBudget:
    """How much of what passes may have passed only when tried again."""

    most: float
    """A share: 0.01 is 1%."""
    level: Level = Level.BLOCK
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A check's parameters in template form, to be validated again once addresses are known."""

    tree: Any
    each: Any = None
    """What `${each}` stands for, in template form."""
    replaced: tuple[tuple[TreePath, Any], ...] = ()
    """By place in `tree`: absolute paths, and the content of files, whose templates the kind ends."""
    own: frozenset[str] = frozenset()
    """Names that the kind gives values to; where there are some, it ends all templates."""

    def resolve(self, values: Mapping[str, str], *, keep: Callable[[str], bool] = lambda _: False) -> Any:
        """The tree with values put in.

        Errors: UnknownNameError for a name in `tree` that is neither in `values` nor kept.
        """
        known = {**values, "each": finish(put_in(self.each, values, keep=keep))}
        tree = put_in(self.tree, known, keep=lambda name: keep(name) or name in self.own)
        tree = tree if self.own else finish(tree)
        for path, value in self.replaced:
            tree = spliced(tree, path, put_in(value, values, keep=lambda name: keep(name) or _stays(name)))
        return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One entry of `each`, or the whole of a check without."""

    name: str
    """Empty for a check without `each`."""
    params: CheckParams
    """As validated at load; where `deferred` is set, addresses in it are stand-ins for people to read."""
    deferred: Deferred | None = None

    def bind(self, values: Mapping[str, str]) -> CheckParams:
        """The parameters to observe with: `values` holds `target.<id>.url|host|port` and `out`.

        Errors: ObservationError when an address is not known, or a parameter is wrong with it.
        """
        if self.deferred is None:
            return self.params
        try:
            return model_of(type(self.params), self.deferred.resolve(values))
        except UnknownNameError as unknown:
            raise ObservationError(f"${{{unknown.name}}} is not known") from None
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_context=False)[0]
            where = dotted(first["loc"])
            raise ObservationError(
                f"{where} does not fit with the target's addresses: {first['msg']}"
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to observe."""

    id: str
    kind: Kind[Any]
    step: str | None
    """None for checks under `gate`."""
    title: str = ""
    parts: tuple[Part, ...]
    """At least one."""
    each: bool = False
    """Whether the parts come from `each`: observed one by one, measures reported by part and as a whole."""
    during: str | None = None
    """`run`, or the id of the check it accompanies."""
    retry: Retry = Retry()
    limit: float | None = None
    """Seconds for a whole attempt; None for a check that accompanies others."""
    exclusive: bool = False
    """Whether it has the target to itself."""
    allow_skipped: int = 0
    until_decided: bool = False
    """Whether it ends as soon as its criteria are decided."""
    requirements: tuple[Requirement, ...] = ()
    """Programs it needs: its kind's, its own and its step's."""
    missing_secrets: tuple[str, ...] = ()
    """Environment variables it needs that are not set: it is not run."""
    confidence: float | None = 0.95
    tags: tuple[str, ...] = ()
    """Its own and its step's."""
    summary: str = ""
    sha256: str = ""
    """Of kind, parameters and the files they name; neither secrets nor addresses are part of it."""
    at: Position | None = None
    flaky: FlakyBudget | None = None
    """Its own; where there is none, its step's and then the plan's counts it."""

    @property
    def source(self) -> str:
        return f"{self.at.file}:{self.at.line}" if self.at else ""

    def bind(self, values: Mapping[str, str]) -> dict[str, CheckParams]:
        """`Part.bind` of every part, by name."""
        return {part.name: part.bind(values) for part in self.parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCriterion:
    """A criterion with its place in the plan. Those that a check with `each` writes are one per part."""

    id: str
    """Unique: its `id:`, or subject.measure.statistic."""
    criterion: Criterion
    expression: str
    """As written, after substitution."""
    step: str | None = None
    """The step it was written in; None for the gate's."""
    check: str | None = None
    """The check whose observation it is judged on; None for what is judged when all checks have ended:
    `step/<id>`, `target/<id>`, `run`, and how flaky a check was."""
    title: str = ""
    why: str = ""
    ref: str = ""
    level: Level = Level.BLOCK
    over: float | None = None
    """Seconds the samples must span."""
    confidence: float | None = 0.95
    """None: observed values are compared without a bound."""
    default: bool = False
    """True when the kind brought it."""
    at: Position | None = None
    earlier: tuple[Earlier, ...] = ()
    """What the baselines of this run measured; filled in where the threshold is relative."""
    without: tuple[str, ...] = ()
    """Checks of its subject that it does not count, since they have a nearer budget."""

    @property
    def relative(self) -> bool:
        """Whether it is held against a baseline."""
        return isinstance(self.criterion.threshold, Relative)

    @property
    def source(self) -> str:
        return f"{self.at.file}:{self.at.line}" if self.at else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of the phase."""

    id: str
    title: str = ""
    purpose: str = ""
    work: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    owner: str = ""
    priority: str = ""
    estimate: str = ""
    tags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Steps that must have held."""
    follows: tuple[str, ...] = ()
    """Steps that must have ended, however they ended; `needs` included."""
    parallel: bool = False
    setup: tuple[PlanCommand, ...] = ()
    teardown: tuple[PlanCommand, ...] = ()
    checks: tuple[Check, ...] = ()
    at: Position | None = None
    flaky: FlakyBudget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A weakening that somebody let through; item, before and after as `phasegate guard` tells it."""

    item: str
    before: str
    after: str
    approver: str
    reason: str
    ticket: str
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One plan with everything it names."""

    record: PlanRecord
    phase: str
    title: str
    people: People = field(default_factory=People)
    root: Path
    """Absolute; relative paths of the plan start here."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """With overrides applied."""
    secrets: tuple[Secret, ...] = ()
    confidence: float | None = 0.95
    target: Target = field(default_factory=Target)
    steps: tuple[Step, ...]
    gate_checks: tuple[Check, ...] = ()
    limit: float | None = None
    """Seconds for the whole run."""
    criteria: tuple[PlanCriterion, ...] = ()
    """Every criterion of the run, defaults included: by step and check, the gate's last."""
    waivers: tuple[Waiver, ...] = ()
    """As they stand on the day of the load, expired ones included."""
    waiver_days: int = 90
    """How many days ahead a waiver may end."""
    approvals: tuple[Approval, ...] = ()
    """Who must approve the run, in the order of the plan; no role twice."""

    accepted: tuple[Accepted, ...] = ()
    """What may be weaker than in the plan before, by decision."""

    def checks(self) -> tuple[Check, ...]:
        """All checks: those of the steps in order, then those of the gate."""
        return tuple(check for step in self.steps for check in step.checks) + self.gate_checks

    def check(self, id: str) -> Check:
        return next(check for check in self.checks() if check.id == id)

    def criteria_of(self, check: str) -> tuple[PlanCriterion, ...]:
        """Criteria that speak of a check, wherever they were written."""
        return tuple(criterion for criterion in self.criteria if criterion.check == check)


def _stays(name: str) -> bool:
    """In documents, names that are no address are captures or columns, which the kind puts in."""
    return not name.startswith("target.") and name != "out"
