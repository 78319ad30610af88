"""What phasegate has to say, before it is a sentence: a code of a closed list, and what belongs to it.

Sentences are made of them in `phasegate.render.sentences` alone. Text of other people (the plan's author, the
target, a program, a kind of another package) is a plain string, and stays as it came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    IN_OTHER = "in_other"

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
    OF_ENTRY = "of_entry"
    OF_TARGET = "of_target"
    OF_SERVICE = "of_service"
    OF_GET = "of_get"
    STATUS = "status"
    SECRETS_NOT_SET = "secrets_not_set"
    SET_IN_ENVIRONMENT = "set_in_environment"
    NEEDS = "needs"
    NO_FREE_PORT = "no_free_port"
    EMPTY_COMMAND = "empty_command"
    NO_PROGRAM = "no_program"
    NO_SUCH_FILE = "no_such_file"
    NO_FOLDER = "no_folder"
    PROGRAM_IS_FOLDER = "program_is_folder"
    NOT_EXECUTABLE = "not_executable"
    CANNOT_START = "cannot_start"
    NO_INTERPRETER = "no_interpreter"
    NO_PROGRAM_OF_SYSTEM = "no_program_of_system"
    LINE_TOO_LONG = "line_too_long"
    BY_SIGNAL = "by_signal"
    BY_EXIT_CODE = "by_exit_code"
    TOOK_LONGER = "took_longer"
    TOOK_TOO_LONG = "took_too_long"
    PROGRAM_ENDED = "program_ended"
    PROGRAM_ENDED_BY = "program_ended_by"
    ENDED_BY_ITSELF = "ended_by_itself"
    KILLED_FOR_MEMORY = "killed_for_memory"
    HAS_ENDED = "has_ended"
    NEVER_STARTED = "never_started"
    DOES_NOT_RUN = "does_not_run"
    BEFORE_READY = "before_ready"
    NOT_READY = "not_ready"
    NOT_ASKED_YET = "not_asked_yet"
    NO_ANSWER_IN_TIME = "no_answer_in_time"
    NO_LINE_MATCHES = "no_line_matches"
    READY_UNKNOWN = "ready_unknown"
    NOBODY_LISTENS = "nobody_listens"
    PORT_WITHOUT_ADDRESS = "port_without_address"
    PORT_OF_ANOTHER = "port_of_another"
    NOT_YET_STARTED = "not_yet_started"
    JUST_STARTED = "just_started"
    NOT_STARTABLE = "not_startable"
    ENDS_AGAIN = "ends_again"
    CONTAINER_STATE = "container_state"
    UNHEALTHY = "unhealthy"
    NOT_YET_HEALTHY = "not_yet_healthy"
    NO_CONTAINER = "no_container"
    TURNED_UNHEALTHY = "turned_unhealthy"
    STARTED_AGAIN_IN_USE = "started_again_in_use"
    AND_STARTED_AGAIN = "and_started_again"
    SEVERAL_TIMES = "several_times"
    LOG_ENDS = "log_ends"
    LOGS_END = "logs_end"
    NO_CONTAINERS = "no_containers"
    NAME_CONTAINERS = "name_containers"
    NO_CONTAINER_CARRIES = "no_container_carries"
    BRING_UP_BEFORE = "bring_up_before"
    SERVICES_THAT_DO = "services_that_do"
    SERVICE_NOT_RUNNING = "service_not_running"
    NO_SERVICE = "no_service"
    SERVICES_ARE = "services_are"
    NO_COMPOSE = "no_compose"
    INSTALL_COMPOSE = "install_compose"
    COMPOSE_FILE_UNUSABLE = "compose_file_unusable"
    COMPOSE_FILE_TOO_LARGE = "compose_file_too_large"
    COMPOSE_FILE_EMPTY = "compose_file_empty"
    NO_YAML_PRINTED = "no_yaml_printed"
    NO_SERVICE_IN_FILE = "no_service_in_file"
    ITS_SERVICES_ARE = "its_services_are"
    IMAGE_NOT_BUILT = "image_not_built"
    IMAGES_NOT_BUILT = "images_not_built"
    IMAGE_NOT_PULLED = "image_not_pulled"
    BUILD_OR_PULL = "build_or_pull"
    FREE_THE_PORT = "free_the_port"
    PROJECT_THERE = "project_there"
    THINGS = "things"
    TAKE_DOWN_FIRST = "take_down_first"
    PROJECT_IN_USE = "project_in_use"
    WAIT_FOR_PROJECT = "wait_for_project"
    NOT_CLAIMED = "not_claimed"
    REMOVE_THAT_FILE = "remove_that_file"
    NOT_LOCKED = "not_locked"
    STACK_NOT_REMOVED = "stack_not_removed"
    ONE_THEN_ANOTHER = "one_then_another"
    NO_SDK = "no_sdk"
    INSTALLS_IT = "installs_it"
    NO_ENGINE = "no_engine"
    START_ENGINE = "start_engine"
    ENGINE_DENIED = "engine_denied"
    JOIN_GROUP = "join_group"
    ENGINE_SILENT = "engine_silent"
    ENGINE_UNUSABLE = "engine_unusable"
    ENGINE_ANSWERED_OTHERWISE = "engine_answered_otherwise"
    ENGINE_REFUSED = "engine_refused"
    ENGINE_GONE = "engine_gone"
    ENGINE_DOES_NOT_SAY = "engine_does_not_say"
    NO_IMAGE = "no_image"
    GET_IMAGE = "get_image"
    IMAGE_TOO_LARGE = "image_too_large"
    ARCHIVE_BROKE_OFF = "archive_broke_off"
    LOG_BROKE_OFF = "log_broke_off"
    ENGINE_LOG_UNREADABLE = "engine_log_unreadable"
    NOT_SPOKEN_TO_INSIDE = "not_spoken_to_inside"
    NOT_TO_BE_ENDED = "not_to_be_ended"
    OUTPUT_BROKE_OFF = "output_broke_off"
    ENTRY_NOT_UP = "entry_not_up"
    NO_SUCH_ACT = "no_such_act"
    NO_CONTAINER_RUNS = "no_container_runs"
    REMOVED_AT_END = "removed_at_end"
    NOTHING_TO_CUT = "nothing_to_cut"
    ENDED_IN_PAUSE = "ended_in_pause"
    STARTED_BY_ENGINE = "started_by_engine"
    REMOVED_MEANWHILE = "removed_meanwhile"
    PORTS_MOVED = "ports_moved"
    PORT_MOVED = "port_moved"
    ADDRESS_MOVED = "address_moved"

    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.
    RUN_ALONE = "run_alone"
    NO_MEMORY = "no_memory"
    OF_SYSTEM = "of_system"
    CANNOT_GO_ON = "cannot_go_on"
    NOT_BROUGHT_TO_END = "not_brought_to_end"
    DEFECT = "defect"
    KIND_DEFECT = "kind_defect"
    OVER_LIMIT = "over_limit"
    ALL_DECIDED = "all_decided"
    ONE_DECIDED = "one_decided"
    INTERRUPTED = "interrupted"
    STOPPED_BY = "stopped_by"
    RUN_LIMIT_REACHED = "run_limit_reached"
    RUN_NOT_ENDED = "run_not_ended"
    RUN_ENDED_BEFORE = "run_ended_before"
    CUT_SHORT = "cut_short"
    CLOCK_MOVED = "clock_moved"
    NOT_SELECTED = "not_selected"
    CHECK_FAILED_FAST = "check_failed_fast"
    FAULT_FAILED_FAST = "fault_failed_fast"
    COMPANIONS_ENDED = "companions_ended"
    COMPANION_NOT_RUN = "companion_not_run"
    STEP_COMMAND_FAILED = "step_command_failed"
    LIMIT_REACHED = "limit_reached"
    SECRET_NOT_SET = "secret_not_set"
    SET_VARIABLE = "set_variable"
    NOT_INSTALLED = "not_installed"
    DOES_NOT_WORK = "does_not_work"
    TOOLS_NOT_INSIDE = "tools_not_inside"
    ADD_TO_IMAGE = "add_to_image"
    NEEDS_WHAT_IS_OUT = "needs_what_is_out"
    SETUP_NOT_RUN = "setup_not_run"
    SEE_LOG = "see_log"
    ASKED_EVERY = "asked_every"
    PROBE_NOT_SENT = "probe_not_sent"
    CHECK_HAD_ENDED = "check_had_ended"
    NOT_DONE = "not_done"
    NOT_UNDONE = "not_undone"
    UNDONE_EARLY = "undone_early"
    NO_GOOD_ANSWER_BEFORE = "no_good_answer_before"
    NOT_GOOD_AGAIN = "not_good_again"
    BEFORE_RECOVERY = "before_recovery"
    RECOVERY_UNSEEN = "recovery_unseen"
    MISSED_MOMENTS = "missed_moments"
    CANNOT_WRITE = "cannot_write"
    FREE_SPACE = "free_space"
    FILE_LOST = "file_lost"
    REPLACED_OR_CUT = "replaced_or_cut"
    NO_RECORD = "no_record"
    EVIDENCE_UNREADABLE = "evidence_unreadable"
    EVIDENCE_REMOVED = "evidence_removed"
    SPECIAL_FILES_REMOVED = "special_files_removed"
    REMOVED_UNREDACTED = "removed_unredacted"
    NOT_REMOVED = "not_removed"
    NOT_COMMITTED = "not_committed"
    OF_WAIVER = "of_waiver"
    WAIVER_TERM = "waiver_term"
    WAIVER_AND_TERM = "waiver_and_term"
    COVERS_NOTHING = "covers_nothing"
    WAIVER_TOO_WIDE = "waiver_too_wide"
    NO_CASE_CALLED = "no_case_called"
    HOLDS_NOT_EITHER = "holds_not_either"
    NOTHING_NEEDED_IT = "nothing_needed_it"
    WAIVER_IN_DOUBT = "waiver_in_doubt"
    OF_CRITERION = "of_criterion"
    OF_DEFAULT = "of_default"
    CAN_NEVER_MEET = "can_never_meet"
    CAN_NEVER_SPAN = "can_never_span"
    DISPLACES_DEFAULT = "displaces_default"
    UNPROVEN_WITHOUT_BASELINE = "unproven_without_baseline"
    BASELINE_NOT_NEEDED = "baseline_not_needed"
    SECRET_SHORT = "secret_short"
    NOT_RUN_WITHOUT_IT = "not_run_without_it"
    NOTHING_NEEDS_IT = "nothing_needs_it"
    NO_SUCH_PROFILE = "no_such_profile"
    VARIABLE_UNUSED = "variable_unused"
    SEVERAL_PORTS = "several_ports"
    NO_PORT = "no_port"
    CONTENT_HIDDEN = "content_hidden"
    NAME_NOT_KNOWN = "name_not_known"
    DOES_NOT_FIT = "does_not_fit"


_NAMES = """
act
address
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
command
commit
confidence
container
count
criterion
daemon
days
default
depth
dimension
durations
effective
ended
entry
error
every
exit_code
expired
expression
factor
failed
fault
figure
figures
first
found
image
interval
kind
known
label
labels
last
least
left
left_out
limit
line
measure
met
method
miss
missing
moments
most
n
name
named
names
needed
needs
network
not_met
observed
observing
of
of_baseline
of_this_sample
on
op
open
output
outside
over
package
part
parts
passed
path
pattern
pieces
port
ports
process
program
project
proves
recorded
replaced
required
rest
right
seen
seen_n
service
signal
since
skipped
span
state
statistic
status
step
suspended
tail
threshold
times
total
unit
unproven
unseen
unused
unwaived
url
value
verdict
version
waived
waiver
waivers
warnings
was
what
when
why
within
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


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A text or fact, or a value of one, with every text in it changed."""
    match value:
        case Fact():
            return Fact(value.code, {name: with_texts(one, change) for name, one in value.values.items()})
        case tuple():
            return tuple(with_texts(one, change) for one in value)
        case str():
            return change(value)
        case _:
            return value


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
