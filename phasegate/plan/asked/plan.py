"""What was asked: the loaded plan as frozen data, complete enough that nobody downstream reads raw YAML.

Text that refers to what is known only at run time (`${target.x.url}`, `${self.port}`, `${out}`) stays in
template form until `bind` puts the values in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import Position
from phasegate.kinds.base import CheckParams, Kind, Requirement
from phasegate.model.approval import Approval
from phasegate.model.criterion import Level, PlanCriterion
from phasegate.model.result import People, PlanCheck, PlanRecord, PlanStep
from phasegate.model.waiver import Waiver
from phasegate.plan.asked.entries import PlanCommand, Target
from phasegate.plan.asked.faults import Fault
from phasegate.plan.asked.part import Part
from phasegate.plan.written.plan import RetryWritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """An environment variable that is never shown; `value` is empty when it is not set."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyBudget:
    """How much of what passes may have passed only when tried again."""

    most: float
    """A share: 0.01 is 1%."""
    level: Level = Level.BLOCK
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to observe."""

    asked: PlanCheck
    kind: Kind[Any]
    parts: tuple[Part, ...]
    """At least one."""
    each: bool = False
    """Whether the parts come from `each`: observed one by one, measures reported by part and as a whole."""
    retry: RetryWritten = field(default_factory=RetryWritten)
    limit: float | None = None
    """Seconds for a whole attempt; None for a check that accompanies others."""
    exclusive: bool = False
    """Whether it has the target to itself."""
    requirements: Sequence[Requirement] = ()
    """Programs it needs: its kind's, its own and its step's."""
    missing_secrets: Sequence[str] = ()
    """Environment variables it needs that are not set: it is not run."""
    confidence: float | None = 0.95
    level: Level = Level.BLOCK
    """Of its criteria that do not say theirs."""
    tags: Sequence[str] = ()
    """Its own and its step's."""
    at: Position | None = None
    flaky: FlakyBudget | None = None
    """Its own; where there is none, its step's and then the plan's counts it."""

    @property
    def id(self) -> str:
        return self.asked.id

    @property
    def step(self) -> str | None:
        return self.asked.step

    def bind(self, values: Mapping[str, str]) -> dict[str, CheckParams]:
        """`Part.bind` of every part, by name."""
        return {part.name: part.bind(values) for part in self.parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of the phase."""

    asked: PlanStep
    needs: tuple[str, ...] = ()
    """Steps that must have held."""
    follows: tuple[str, ...] = ()
    """Steps that must have ended, however they ended; `needs` included."""
    parallel: bool = False
    setup: tuple[PlanCommand, ...] = ()
    teardown: tuple[PlanCommand, ...] = ()
    checks: tuple[Check, ...] = ()
    faults: tuple[Fault, ...] = ()
    """What is done to the target on purpose during its checks."""
    at: Position | None = None
    flaky: FlakyBudget | None = None

    @property
    def id(self) -> str:
        return self.asked.id


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

    def faults(self) -> tuple[Fault, ...]:
        """What is done to the target on purpose, step by step."""
        return tuple(fault for step in self.steps for fault in step.faults)

    def check(self, id: str) -> Check:
        return next(check for check in self.checks() if check.id == id)
