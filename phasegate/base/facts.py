"""What phasegate has to say, before it is a sentence: a code of a closed list, and what belongs to it.

Sentences are made of them in `phasegate.render.sentences` alone. Text of other people (the plan's author, the
target, a program, a kind of another package) is a plain string, and stays as it came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
    OF_REQUEST = "of_request"
    MISMATCH = "mismatch"
    AND_MORE = "and_more"
    NOTHING = "nothing"
    EXCERPT = "excerpt"
    IN_LINE = "in_line"
    HEADER_LINES = "header_lines"
    SLOW_PATTERN = "slow_pattern"
    NOT_BY_SCHEMA = "not_by_schema"
    SCHEMA_NOT_APPLIED = "schema_not_applied"
    PATH_NOT_APPLIED = "path_not_applied"
    NOT_JSON = "not_json"
    JSON_SYNTAX = "json_syntax"
    JSON_TOO_DEEP = "json_too_deep"
    JSON_NUMBER = "json_number"
    JSON_CONSTANT = "json_constant"
    JSON_MEMBER_TWICE = "json_member_twice"
    BODY_UNREADABLE = "body_unreadable"
    CHARSET_UNKNOWN = "charset_unknown"
    NOT_IN_CHARSET = "not_in_charset"
    CODING_CUT = "coding_cut"
    CODING_GOES_ON = "coding_goes_on"
    CODING_BROKEN = "coding_broken"
    CODING_NEEDS = "coding_needs"
    CODING_UNKNOWN = "coding_unknown"
    TOO_MANY_CODINGS = "too_many_codings"
    BODY_TOO_LARGE = "body_too_large"
    HEADER_TWICE = "header_twice"
    HEADER_IN_LINES = "header_in_lines"
    NOT_CAPTURED = "not_captured"
    NO_HEADER = "no_header"
    NO_MATCH = "no_match"
    NO_PATH = "no_path"
    IN_TEXT = "in_text"
    NOT_SENT = "not_sent"
    NO_VALUE = "no_value"
    NEVER_CAPTURED = "never_captured"
    CASE_FAILED = "case_failed"
    NO_ROWS = "no_rows"
    ASKED = "asked"
    ANSWER = "answer"
    COOKIE_KEPT_BACK = "cookie_kept_back"
    NO_SUCH_ADDRESS = "no_such_address"
    WRITE_ADDRESS = "write_address"
    NO_DEFAULT_ENTRY = "no_default_entry"
    NOT_ON_AN_ENTRY = "not_on_an_entry"
    NEITHER_PATH_NOR_URL = "neither_path_nor_url"
    SET_DEFAULT_ENTRY = "set_default_entry"
    AMBIGUOUS_ENTRY = "ambiguous_entry"
    NAME_THE_ENTRY = "name_the_entry"
    JSON_BODY = "json_body"
    REDIRECT_ELSEWHERE = "redirect_elsewhere"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    LOST_SINCE = "lost_since"

    # Why there is no answer.
    NO_ANSWER = "no_answer"
    OF_CAUSE = "of_cause"
    OVERDUE = "overdue"
    STOOD_STILL = "stood_still"
    UNSENDABLE = "unsendable"
    NOT_A_URL = "not_a_url"
    ENDED = "ended"
    BODY_CUT = "body_cut"
    NOT_HTTP1 = "not_http1"
    HEAD_TOO_LONG = "head_too_long"
    NO_ADDRESS = "no_address"
    NO_CONNECTION = "no_connection"
    AT_ENDPOINT = "at_endpoint"
    CERTIFICATE_REFUSED = "certificate_refused"
    TLS_FAILED = "tls_failed"
    NO_HTTP2 = "no_http2"
    KEY_ENCRYPTED = "key_encrypted"
    CERTIFICATES_UNUSABLE = "certificates_unusable"
    NO_MORE_CONNECTIONS = "no_more_connections"

    # What a check of requests says besides.
    REQUESTS_OF_FLOWS = "requests_of_flows"
    PROBES = "probes"
    PARTS = "parts"
    FLOWS_CARRIED_OVER = "flows_carried_over"
    FLOWS_SELECTED = "flows_selected"
    SUITE_EMPTY = "suite_empty"
    NO_SUCH_REQUEST = "no_such_request"
    ROWS_UNREADABLE = "rows_unreadable"
    NO_PROBE_FREE = "no_probe_free"
    OTHER_CAUSES = "other_causes"
    HELD_UP = "held_up"
    MISSED_MOMENTS = "missed_moments"
    STOPPED_AFTER_PROBES = "stopped_after_probes"
    SENT_AGAIN = "sent_again"

    # Kinds of other packages.
    KIND_AT_FAULT = "kind_at_fault"
    UPDATE_PACKAGE = "update_package"
    NOT_AN_OBSERVATION = "not_an_observation"
    MEASURE_WRONG = "measure_wrong"
    CASES_WITH_ONE_ID = "cases_with_one_id"
    EVIDENCE_NOT_KEPT = "evidence_not_kept"

    # Load: what an engine, a journey, k6 or Locust says.
    ANSWER_OVERDUE = "answer_overdue"
    ANSWER_UNENDED = "answer_unended"
    CONNECTION_OVERDUE = "connection_overdue"
    SETTINGS_OVERDUE = "settings_overdue"
    JOURNEY_OVERDUE = "journey_overdue"
    CLOSED_UNUSED = "closed_unused"
    STREAM_RESET = "stream_reset"
    ENDED_BY_TARGET = "ended_by_target"
    SENT_TWICE = "sent_twice"
    BODY_SHORT = "body_short"
    MALFORMED = "malformed"
    HTTP1_SPOKEN = "http1_spoken"
    NOT_HTTP2 = "not_http2"
    NO_LOCATION = "no_location"
    REDIRECT_AWAY = "redirect_away"
    MORE_THAN = "more_than"
    SENSELESS = "senseless"
    UNFIT_HEADER = "unfit_header"
    UNFIT_PLACE = "unfit_place"
    UNFIT_URL = "unfit_url"
    UNFIT_JSON = "unfit_json"
    OTHER_FAILURES = "other_failures"

    # What keeps a load from being sent.
    LOAD_NOT_SENT = "load_not_sent"
    BODY_NOT_SENT = "body_not_sent"
    NOT_ON_TARGET = "not_on_target"
    ONLY_TO_TARGET = "only_to_target"
    NOT_ON_ORIGIN = "not_on_origin"
    NOT_ONE_PLACE = "not_one_place"
    NOT_SAME_CERTIFICATES = "not_same_certificates"
    ROWS_LEAD_APART = "rows_lead_apart"
    ONE_CHECK_EACH = "one_check_each"
    WORKER_NOT_READY = "worker_not_ready"
    OTHER_PROTOCOL = "other_protocol"
    NO_WORKER_LINE = "no_worker_line"
    WORKER_ENDED = "worker_ended"

    # What a load is, and how it went.
    LOAD = "load"
    LOAD_FLOW = "load_flow"
    LOAD_REQUEST = "load_request"
    LOAD_LEVEL = "load_level"
    LOAD_STAGES = "load_stages"
    WORKER_LATE = "worker_late"
    WORKERS_LATE = "workers_late"
    ANSWERED_ALL_THE_SAME = "answered_all_the_same"
    WORKER_HELD_UP = "worker_held_up"
    NO_EVIDENCE_OF = "no_evidence_of"
    LATENCIES_CONTAIN = "latencies_contain"
    WORKER_BUSY = "worker_busy"
    LOAD_STOPPED = "load_stopped"
    LOAD_ABORTED = "load_aborted"
    DOES_DAMAGE = "does_damage"
    SILENT = "silent"
    SILENT_AND_CLOSED = "silent_and_closed"

    # What k6 and Locust say.
    K6 = "k6"
    LOCUST = "locust"
    ENGINE_ENDED = "engine_ended"
    STOPPED_EARLY = "stopped_early"
    EXCEPTION = "exception"
    DID_NOT = "did_not"
    HTTP_STATUS = "http_status"
    NO_ITERATION = "no_iteration"
    NO_USER = "no_user"
    SCRIPT_ABORTED = "script_aborted"
    SCRIPT_FAILED = "script_failed"
    FAILED_TIMES = "failed_times"
    CROSSED = "crossed"
    NO_SAMPLE_CAME = "no_sample_came"
    THRESHOLD_UNDECIDED = "threshold_undecided"
    INTERRUPTED_AT_END = "interrupted_at_end"
    INTERRUPTED_UNKNOWN = "interrupted_unknown"
    NOT_MEASURED = "not_measured"
    OTHER_METRIC = "other_metric"
    EXCEPTIONS_MISSING = "exceptions_missing"
    LOG_PIECES = "log_pieces"
    LOG_BROKEN_OFF = "log_broken_off"
    STRANGE_HOSTS = "strange_hosts"
    SAMPLES_UNREADABLE = "samples_unreadable"
    SAMPLES_NOT_COUNTED = "samples_not_counted"
    TAGS_LEFT_OUT = "tags_left_out"
    USERS_CUT_SHORT = "users_cut_short"
    EXIT_CODE_SET = "exit_code_set"
    WORKERS_SILENT = "workers_silent"
    WORKERS_TO_JOIN = "workers_to_join"
    NO_USER_CLASS = "no_user_class"
    REPORT_UNREADABLE = "report_unreadable"

    # Kinds: programs, results files, containers, images, resources.

    # The target: bringing it up, acting on it, taking it down.

    # The run: what was not run, why it ended, what its record lacks, waivers, warnings of the plan.


_NAMES = """
actual
address
addresses
all_waived
allow_skipped
always_valid
among
answering
answers
asked
at
best
bound
by
case
cases
cause
certificate
charset
check
checks
clusters
coding
command
confidence
count
criterion
depth
dimension
domain
durations
effective
elapsed
ending
endpoint
entries
entry
error
every
exit_code
expected
expression
factor
failed
fault
figure
figures
flows
follow
found
header
host
how
http2
interval
iterations
kind
known
least
left
left_out
length
level
limit
line
lines
measure
member
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
not_met
observed
of
of_baseline
of_this_sample
op
open
origin
other
outside
over
package
part
parts
passed
path
pattern
pieces
planned
proves
ramp
reason
recorded
replaced
request
requests
required
rest
right
seen
seen_n
single
skipped
span
statistic
status
step
streams
text
threshold
times
tls
to
total
unfinished
unit
unproven
unseen
unused
unwaived
url
users
value
verdict
version
waived
waivers
warnings
what
why
within
without_bound
worker
workers
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
    there = tuple(part for part in parts if part)
    return there[0] if len(there) == 1 else fact(Code.JOINED, parts=there)


def lines(*parts: Message | None) -> Message:
    """Several texts, each on a line of its own; empty ones are left out."""
    there = tuple(part for part in parts if part)
    return there[0] if len(there) == 1 else fact(Code.LINES, parts=there)


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
