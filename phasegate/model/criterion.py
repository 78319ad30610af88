"""A criterion: what is asked of whom, parsed, and its place in the plan."""

from __future__ import annotations

from dataclasses import field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from phasegate.base.dataclass import dataclass
from phasegate.base.dataclass_json import Transient
from phasegate.base.errors import Position
from phasegate.base.units import Quantity
from phasegate.model.aggregates import BESIDE, SHOWN, TOTAL
from phasegate.model.measures import MeasureType
from phasegate.model.statistic import find_statistic


class Level(StrEnum):
    BLOCK = "block"
    WARN = "warn"


class SubjectKind(StrEnum):
    CHECK = "check"
    FAULT = "fault"
    """Written as a check is: the plan settles which it is."""
    STEP = "step"
    TARGET = "target"
    RUN = "run"
    KIND = "kind"
    """All checks of a kind, which is the part; `gate.require` writes it."""


class Operator(StrEnum):
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "=="
    NE = "!="

    def holds(self, value: float, threshold: float) -> bool:
        match self:
            case Operator.LT:
                return value < threshold
            case Operator.LE:
                return value <= threshold
            case Operator.GT:
                return value > threshold
            case Operator.GE:
                return value >= threshold
            case Operator.EQ:
                return value == threshold
            case Operator.NE:
                return value != threshold

    @property
    def wants_more(self) -> bool:
        """True for `>` and `>=`: a larger value is a better one."""
        return self in (Operator.GT, Operator.GE)

    @property
    def wants_less(self) -> bool:
        return self in (Operator.LT, Operator.LE)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the criterion's text; `offset` counts from 0."""

    offset: int = 0
    width: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    subject: Span = Span()
    measure: Span = Span()
    statistic: Span = Span()
    op: Span = Span()
    threshold: Span = Span()


@dataclass(frozen=True, slots=True)
class Relative:
    """The value of the same measure in a baseline run, times a factor above 0."""

    factor: float = 1.0
    """By what the baseline's value is multiplied."""
    text: str = "baseline"
    """As it is written: `baseline * 1.10`."""
    baseline: Annotated[Quantity | None, Transient()] = None
    """What the baseline came to, where it is known."""

    def __str__(self) -> str:
        return self.text

    @property
    def factor_text(self) -> str:
        """The factor as written; empty without one."""
        return self.text.partition("*")[2].strip()

    def of(self, value: float) -> float:
        """The factor times a value; in decimal, so that 0.9 of 90% equals 81 of 100."""
        return float(Decimal(repr(self.factor)) * Decimal(repr(value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A parsed criterion."""

    subject_kind: SubjectKind
    """What it speaks of."""
    subject: str
    """The id of the check, step or target; `run` for the run."""
    part: str = ""
    """The part of the check that it speaks of; empty for the whole."""
    measure: str
    """The measure that is judged: `latency`."""
    statistic: str = ""
    """The statistic of it: `p95`; empty where the measure is one number."""
    op: Operator
    """How the value is compared."""
    threshold: Quantity | Relative
    """What it is compared with."""
    text: str
    """As the author wrote it."""
    id: str
    """subject.measure.statistic: stays the same when operator or threshold change."""
    spans: Annotated[Spans, Transient()] = field(default=Spans(), compare=False, repr=False)

    @property
    def subject_text(self) -> str:
        """The subject as the grammar writes it, part included."""
        return subject_text(self.subject_kind, self.subject, self.part)

    @property
    def quantile(self) -> float | None:
        """0.95 for p95: the share that a bound of its statistic rests on; None where it has none."""
        return find_statistic(self.statistic).quantile

    def is_bounded(self, type: MeasureType) -> bool:
        """Whether measures of a type have to show it by a bound, where one is asked for."""
        by_share = type is MeasureType.SAMPLE or (
            type is MeasureType.DISTRIBUTION and self.quantile is not None
        )
        return by_share and (self.op.wants_more or self.op.wants_less)

    def share_to_show(self, type: MeasureType) -> float | None:
        """The share of requests that are to be as asked for; None without a bound or a threshold."""
        if not self.is_bounded(type):
            return None
        if type is MeasureType.DISTRIBUTION:
            share, as_it_is = self.quantile, self.op.wants_less
        else:
            known = self.known_threshold
            share, as_it_is = None if known is None else known.value, self.op.wants_more
        return share if share is None or as_it_is else 1 - share

    @property
    def known_threshold(self) -> Quantity | None:
        """None while it is held against a baseline that is not known."""
        if not isinstance(self.threshold, Relative):
            return self.threshold
        found = self.threshold.baseline
        return None if found is None else Quantity(self.threshold.of(found.value), found.dimension)

    @property
    def quantity(self) -> Quantity:
        """The threshold. Errors: TypeError while it is held against a baseline that is not known."""
        if (found := self.known_threshold) is None:
            raise TypeError(f"{self} has no threshold until a baseline is known")
        return found

    @property
    def required(self) -> str:
        """Operator and threshold, as in `< 100ms`."""
        return f"{self.op} {self.threshold}"

    def __str__(self) -> str:
        """The whole criterion, subject included."""
        return f"{self.subject_text}.{self.value_text} {self.required}"

    @property
    def value_text(self) -> str:
        """What is compared, as in `latency.p95`."""
        return f"{self.measure}.{self.statistic}" if self.statistic else self.measure

    def for_check(self, id: str) -> Criterion:
        """The same demand, made by another check of itself."""
        return replace(self, subject=id, id=id + self.id.removeprefix(self.subject))

    def for_part(self, part: str) -> Criterion:
        """The same demand on one part: a check's own criteria with `each` judge every part."""
        subject = subject_text(self.subject_kind, self.subject, part)
        return replace(self, part=part, id=f"{subject}.{self.value_text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCriterion:
    """A criterion with its place in the plan. Those that a check with `each` writes are one per part."""

    id: str
    """Unique: its `id:`, or subject.measure.statistic."""
    criterion: Criterion
    """The criterion itself, in its parts."""
    step: str | None = None
    """The step it was written in; None for the gate's."""
    title: str = ""
    """What reports call it."""
    why: str = ""
    """Why it is asked for."""
    ref: str = ""
    """Where it comes from."""
    level: Level = Level.BLOCK
    """Whether it must be met, or is only shown."""
    over: float | None = None
    """Seconds the samples must span."""
    confidence: float | None = 0.95
    """None: observed values are compared without a bound."""
    default: bool = False
    """True when the kind brought it."""
    without: tuple[str, ...] = ()
    """Checks of its subject that it does not count, since they have a nearer budget."""
    at: Position | None = None
    """Where it is written."""

    @property
    def expression(self) -> str:
        """As written, after substitution."""
        return self.criterion.text

    @property
    def source(self) -> str:
        return f"{self.at.file}:{self.at.line}" if self.at else ""

    @property
    def check(self) -> str | None:
        """The check whose observation it is judged on; None for what is judged when all checks have ended."""
        asked = self.criterion
        on_check = asked.subject_kind is SubjectKind.CHECK and asked.measure not in BESIDE
        return asked.subject if on_check else None

    @property
    def fault(self) -> str | None:
        """The fault that it speaks of."""
        return self.criterion.subject if self.criterion.subject_kind is SubjectKind.FAULT else None

    @property
    def relative(self) -> bool:
        """Whether it is held against a baseline."""
        return isinstance(self.criterion.threshold, Relative)

    @property
    def proves(self) -> bool:
        """Whether, once met, it says that something passed, and not only how, how much or how long."""
        asked = self.criterion
        if asked.subject_kind in (SubjectKind.RUN, SubjectKind.STEP, SubjectKind.KIND):
            return asked.measure in SHOWN and asked.op in (Operator.GT, Operator.GE, Operator.EQ)
        return asked.measure not in BESIDE and asked.measure != TOTAL


def subject_text(kind: SubjectKind, subject: str, part: str) -> str:
    """The subject as the grammar writes it."""
    match kind:
        case SubjectKind.RUN | SubjectKind.KIND:
            return "run"
        case SubjectKind.STEP | SubjectKind.TARGET:
            return f"{kind}/{subject}"
        case SubjectKind.CHECK | SubjectKind.FAULT:
            return f"{subject}/{part}" if part else subject
