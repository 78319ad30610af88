"""What phasegate has to say, before it is a sentence: a code of a closed list, and what belongs to it.

Sentences are made of them in `phasegate.render.sentences` alone. Text of other people (the plan's author, the
target, a program, a kind of another package) is a plain string, and stays as it came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phasegate.base.units import Dimension


class Code(StrEnum):
    """Every kind of fact; the comment of a group says where its facts are found."""

    # Several one after the other.
    JOINED = "joined"
    LINES = "lines"

    # What it is about.
    OF_PART = "of_part"
    OF_FAULT = "of_fault"

    # What was asked of a criterion.
    REQUIRED = "required"
    OF_BASELINE = "of_baseline"

    # What a criterion observed.
    SHARE = "share"
    VALUE = "value"
    REPORTED = "reported"
    UNENDED = "unended"
    AT_LEAST_SEEN = "at_least_seen"
    FAILED = "failed"
    OF_KIND = "of_kind"

    # What a sample shows.
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    NOT_ASKED = "not_asked"

    # Why a criterion has its verdict.
    NOT_JUDGED = "not_judged"
    NO_DATA = "no_data"
    COMPARED = "compared"
    CENSUS = "census"
    SHOWN = "shown"
    STATEMENT = "statement"
    ONLY_ALL_OR_NONE = "only_all_or_none"
    AMONG_FAILED = "among_failed"
    OF_SAMPLES = "of_samples"
    OTHER_DIMENSION = "other_dimension"
    NO_STATISTIC = "no_statistic"
    NO_SUCH_STATISTIC = "no_such_statistic"
    NO_BOUND_OF_MEAN = "no_bound_of_mean"
    SAYS_NOTHING_OF_SAMPLE = "says_nothing_of_sample"
    REQUIRED_KIND = "required_kind"

    # What a bound rests on, and what would make it enough.
    COME_TOGETHER = "come_together"
    TOO_FEW_PIECES = "too_few_pieces"
    WOULD_DO = "would_do"
    WOULD_DO_IN_TIME = "would_do_in_time"

    # What stands beside the reason.
    DECIDED_MET = "decided_met"
    DECIDED_NOT_MET = "decided_not_met"
    DECIDED_OTHERWISE = "decided_otherwise"
    DISTRUSTED = "distrusted"
    SPAN_TOO_SHORT = "span_too_short"
    UNUSED = "unused"
    WITHOUT_RESULT = "without_result"
    MAYBE_LESS = "maybe_less"
    UNMEASURED = "unmeasured"
    FLAKY = "flaky"
    NOT_ALL_SEEN = "not_all_seen"
    WAIVED = "waived"
    NOTHING_LEFT = "nothing_left"
    COUNTED_AS_IS = "counted_as_is"

    # Why there is no data.
    NO_CASE = "no_case"
    NO_RESULT_OF_CASES = "no_result_of_cases"
    NO_REQUEST = "no_request"
    NO_REQUEST_TIMED = "no_request_timed"
    BELOW_RESOLUTION = "below_resolution"
    ZERO_TIME = "zero_time"
    NO_VALUE_READ = "no_value_read"
    NO_SAMPLE = "no_sample"
    TOO_FEW_SAMPLES = "too_few_samples"
    NO_CHECK = "no_check"
    NOTHING_PASSED = "nothing_passed"
    NO_BLOCKING_KIND = "no_blocking_kind"
    NO_KIND_SEEN = "no_kind_seen"
    CHECK_NOT_RUN = "check_not_run"
    CHECK_ERRORED = "check_errored"
    CHECK_NOT_WHOLE = "check_not_whole"
    NO_PART = "no_part"
    NOT_OBSERVED = "not_observed"
    NOT_SAMPLED = "not_sampled"
    FAULT_NOT_SEEN = "fault_not_seen"
    FAULT_WITHOUT_CHECK = "fault_without_check"

    # Against a baseline.
    NO_BASELINE = "no_baseline"
    NO_BASELINE_GIVEN = "no_baseline_given"
    BASELINE_WITHOUT_VALUE = "baseline_without_value"
    BASELINE_CHOSEN = "baseline_chosen"
    BASELINE_OTHERWISE = "baseline_otherwise"
    BASELINE_DIMENSION = "baseline_dimension"
    BASELINE_PROVES_NOTHING = "baseline_proves_nothing"
    BASELINE_WITHOUT_RESULT = "baseline_without_result"
    BASELINE_UNUSED = "baseline_unused"
    BASELINE_SHOWS = "baseline_shows"
    BASELINE_SHOWS_TOO_LITTLE = "baseline_shows_too_little"
    BASELINE_HAS_NO_BOUND = "baseline_has_no_bound"
    BASELINE_NO_LOWER_BOUND = "baseline_no_lower_bound"
    BASELINE_BELOW_RESOLUTION = "baseline_below_resolution"
    BASELINE_TOO_FEW = "baseline_too_few"
    BASELINE_BOUND_FAILED = "baseline_bound_failed"

    # Why the gate has its verdict.
    GATE_NOT_MET = "gate_not_met"
    GATE_UNPROVEN = "gate_unproven"
    GATE_SELECTION = "gate_selection"
    GATE_WITHOUT_EVIDENCE = "gate_without_evidence"
    GATE_MET = "gate_met"
    COUNTS = "counts"
    CRITERION_MISSED = "criterion_missed"
    CRITERION_OPEN = "criterion_open"
    WITH_WAIVERS = "with_waivers"

    # How a record is not what a run writes.
    CONTRADICTS_ITSELF = "contradicts_itself"
    ENDS_WITH = "ends_with"
    ENDS_WITH_PASS = "ends_with_pass"
    NOTHING_MET = "nothing_met"
    FAULT_LEFT_ON = "fault_left_on"
    MET_WITHOUT_FAULT = "met_without_fault"
    WAIVED_BY_NONE = "waived_by_none"
    ENDED_EARLY = "ended_early"
    RECORD_NOT_WHOLE = "record_not_whole"
    TARGET_DIED = "target_died"
    ONLY_SELECTION = "only_selection"
    GATE_OTHERWISE = "gate_otherwise"
    VERDICT_OTHERWISE = "verdict_otherwise"
    FIGURES_OTHERWISE = "figures_otherwise"
    WITHOUT_SUBJECT = "without_subject"
    ASKED_OTHERWISE = "asked_otherwise"
    MET_BY_WAIVER = "met_by_waiver"
    WAIVED_THOUGH_MET = "waived_though_met"
    WAIVED_AND_REST_FAILED = "waived_and_rest_failed"
    WAIVED_BY_NONE_IN_FORCE = "waived_by_none_in_force"

    # Why a check or a step stands as it does.
    OF_CHECK = "of_check"
    SETUP_FAILED = "setup_failed"
    STEP_NOT_HELD = "step_not_held"
    DECISIVE = "decisive"
    NO_CRITERION = "no_criterion"
    CRITERION_IS = "criterion_is"

    # HTTP: what a suite, a probe or a connection says.

    # Load: what an engine, a journey, k6 or Locust says.

    # Kinds: programs, results files, containers, images, resources.

    # The target: bringing it up, acting on it, taking it down.
    PORT_UNKNOWN = "port_unknown"

    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.
    RUN_ALONE = "run_alone"


_NAMES = """
all_waived
allow_skipped
always_valid
among
asked
at
best
bound
by
cases
check
checks
clusters
confidence
count
criterion
dimension
durations
effective
entry
exit_code
expression
factor
failed
fault
figure
figures
found
interval
kind
known
least
left
left_out
limit
measure
met
miss
missing
moments
n
named
names
needed
needs
not_met
observed
of
of_baseline
of_this_sample
op
open
outside
over
part
parts
passed
path
pieces
proves
recorded
required
rest
right
seen
seen_n
skipped
span
statistic
status
step
threshold
total
unit
unproven
unseen
unused
unwaived
value
verdict
waived
waivers
warnings
what
why
without_bound
would_do
wrong
"""
NAMES = frozenset(_NAMES.split())
"""What the values of facts are called."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in the base unit of its dimension."""

    value: float
    dimension: Dimension
    against: float | None = None
    """What it was compared with: it is shown with as many digits as keep it on its side of that."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to say; what belongs to it goes by names that its code settles."""

    code: Code
    values: Mapping[str, Any]
    """Texts, numbers, `Figure`s, further facts, and tuples of these."""

    def __getattr__(self, name: str) -> Any:
        """A value by its name; None where this fact does not have it. Errors: AttributeError."""
        if name not in NAMES:
            raise AttributeError(name)
        return self.values.get(name)

    def __str__(self) -> str:
        """Errors: TypeError, as the text of a fact is made in one place."""
        raise TypeError(f"{self.code.value} is a fact; phasegate.render.sentences makes a text of it")

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.values))))

    def without(self, name: str) -> Fact:
        """This fact and those that are part of it, without a value."""
        kept = {
            key: value.without(name) if isinstance(value, Fact) else value
            for key, value in self.values.items()
            if key != name
        }
        return Fact(self.code, kept)

    def walk(self) -> Iterator[Fact]:
        """This fact and all that are part of it."""
        yield self
        for value in self.values.values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Fact):
                    yield from one.walk()


Message = str | Fact
"""What somebody else wrote, or what phasegate has to say."""


def fact(code: Code, **values: Any) -> Fact:
    """A fact without the values that say nothing: None, False, no text, no items.

    Errors: TypeError for a name that is not one of `NAMES`.
    """
    if unknown := values.keys() - NAMES:
        raise TypeError(f"{code.value}: not a name of a value: {', '.join(sorted(unknown))}")
    kept = {
        name: value for name, value in values.items() if value not in (None, "", ()) and value is not False
    }
    return Fact(code, kept)


def joined(*parts: Message | None) -> Message:
    """Several texts one after the other; empty ones are left out."""
    return _together(Code.JOINED, parts)


def lines(*parts: Message | None) -> Message:
    """Several texts, each on a line of its own; empty ones are left out."""
    return _together(Code.LINES, parts)


def _together(code: Code, parts: Iterable[Message | None]) -> Message:
    there = tuple(part for part in parts if part)
    return fact(code, parts=there) if len(there) > 1 else next(iter(there), "")


def encode(value: Any) -> Any:
    """The JSON of a text or fact, or of a value of one."""
    match value:
        case Fact():
            return {"code": value.code.value} | {name: encode(one) for name, one in value.values.items()}
        case Figure():
            data = {"value": _number(value.value), "dimension": value.dimension.value}
            return data if value.against is None else data | {"against": float(value.against)}
        case tuple() | list():
            return [encode(one) for one in value]
        case StrEnum():
            return value.value
        case _:
            return value


def decode(value: Any) -> Any:
    """What `encode` was given. Errors: ValueError for what it never gives."""
    match value:
        case {"code": code, **values}:
            return Fact(Code(code), {str(name): decode(one) for name, one in values.items()})
        case {"value": number, "dimension": dimension, **rest} if not rest.keys() - {"against"}:
            against = rest.get("against")
            return Figure(_float(number), Dimension(dimension), None if against is None else _float(against))
        case Mapping():
            raise ValueError("neither a fact nor a figure")
        case list():
            return tuple(decode(one) for one in value)
        case _:
            return value


def _float(value: Any) -> float:
    return float(value)


def _number(value: float) -> float | str:
    return float(value) if math.isfinite(value) else repr(value)
