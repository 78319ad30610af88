"""What phasegate has to say, before it is a sentence: a code of a closed list, and what belongs to it.

Sentences are made of them in `phasegate.render.sentences` alone. Text of other people (the plan's author, the
target, a program, a kind of another package) is a plain string, and stays as it came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from phasegate.base.dataclass import dataclass
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
    NO_BOUND = "no_bound"
    BETWEEN = "between"
    INSIDE_BUCKET = "inside_bucket"
    BUCKETS_HAVE_QUANTILES = "buckets_have_quantiles"
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
    NOT_ROLLED_BACK = "not_rolled_back"

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

    # How measures are drawn.
    CHART = "chart"
    CHART_NOTE = "chart_note"
    COLUMN = "column"

    # Kinds: programs, results files, containers, images, resources.
    SOME = "some"
    NO_CASE_NAMED = "no_case_named"
    NOT_STARTED = "not_started"

    # What the plugin in pytest and its report say.
    PYTEST_VERSIONS = "pytest_versions"
    PYTEST_ENDED = "pytest_ended"
    PYTEST_REPORTED = "pytest_reported"
    PYTEST_DAMAGED = "pytest_damaged"
    UNCOLLECTED = "uncollected"
    COLLECTED_ONLY = "collected_only"
    CASES_WITHOUT_RESULT = "cases_without_result"
    NOTHING_COLLECTED = "nothing_collected"
    NO_TEST_NAMED = "no_test_named"
    NO_TEST_FAILED = "no_test_failed"
    DESELECTED = "deselected"
    ALL_DESELECTED = "all_deselected"
    CARRIED_OVER = "carried_over"
    MODULE_SKIPPED = "module_skipped"
    XFAIL = "xfail"
    PHASE_FAILED = "phase_failed"
    NO_REASON = "no_reason"
    PASSED_BY_PLUGIN = "passed_by_plugin"

    # What a program left.
    ENDED_BY_SIGNAL = "ended_by_signal"
    EXIT_CODE = "exit_code"
    OUTPUT_ENDS = "output_ends"
    OUTPUT_CUT = "output_cut"
    MAYBE_CUT_OUT = "maybe_cut_out"
    SEARCH_TOO_LONG = "search_too_long"
    SEARCH_BROKE_OFF = "search_broke_off"
    NOTHING_MATCHES = "nothing_matches"
    MATCHES_OFTEN = "matches_often"
    MATCHES_IN_BOTH = "matches_in_both"
    VALUES = "values"
    MATCH_TOO_LARGE = "match_too_large"
    GROUP_UNUSED = "group_unused"
    PIECE_OF_NUMBER = "piece_of_number"
    NO_NUMBER = "no_number"
    NO_QUANTITY = "no_quantity"
    NO_MEMBER = "no_member"
    MEMBER_TWICE = "member_twice"
    NO_JSON = "no_json"
    DETAILS_LEFT_OUT = "details_left_out"
    NO_EVIDENCE = "no_evidence"
    MUCH_EVIDENCE = "much_evidence"
    EVIDENCE_LEFT_OUT = "evidence_left_out"
    FILE_LINK = "file_link"
    FILE_OTHER = "file_other"
    FILE_UNREADABLE = "file_unreadable"
    FOLDER_UNREADABLE = "folder_unreadable"
    FILES_TOO_MANY = "files_too_many"

    # What is wrong with a results file, and with what it counts.
    RESULTS_FILE = "results_file"
    FILE_EMPTY = "file_empty"
    FILE_OLD = "file_old"
    FILE_MALFORMED = "file_malformed"
    FILE_NO_JUNIT = "file_no_junit"
    FILE_WITHOUT_CASE = "file_without_case"
    FILE_CONTRADICTS = "file_contradicts"
    FILES_MATCH = "files_match"
    FILES_MISSING = "files_missing"
    FILES_NOT_READ = "files_not_read"
    FILES_LEFT = "files_left"
    NO_CASE_IN_FILES = "no_case_in_files"
    MARK_TOO_LARGE = "mark_too_large"
    DTD = "dtd"
    ELEMENTS_TOO_MANY = "elements_too_many"
    BYTE_NOT_OF = "byte_not_of"
    ENCODING_UNKNOWN = "encoding_unknown"
    CHARACTER_FORBIDDEN = "character_forbidden"
    OUTSIDE_SUITES = "outside_suites"
    OF_SUITE = "of_suite"
    COUNTED_TESTS = "counted_tests"
    COUNTED_OTHERS = "counted_others"
    NO_COUNT = "no_count"
    FAILURES_ELSEWHERE = "failures_elsewhere"
    SUITE_STATES = "suite_states"
    RAN_AGAIN = "ran_again"
    MAYBE_RAN_AGAIN = "maybe_ran_again"
    MORE_OF_KIND = "more_of_kind"
    UNWRITTEN = "unwritten"
    UNCOUNTED = "uncounted"
    WITHOUT_MESSAGE = "without_message"
    SKIPPED = "skipped"
    SKIPPED_AGAIN = "skipped_again"
    NOT_RUN_BY = "not_run_by"
    NO_RESULT_BY = "no_result_by"
    NO_RESULT_WITH = "no_result_with"
    NO_RESULTS_OF = "no_results_of"
    RESULTS_CUT = "results_cut"
    LINE_BROKEN = "line_broken"
    BEGAN_ONLY = "began_only"
    CACHED = "cached"
    NOT_COMPILED = "not_compiled"
    NOT_SET_UP = "not_set_up"
    PACKAGE_FAILED = "package_failed"
    PACKAGES_OPEN = "packages_open"
    PACKAGES_IDLE = "packages_idle"
    FILTERED_OUT = "filtered_out"
    CARGO_PROGRAMS = "cargo_programs"
    CARGO_ORDER = "cargo_order"
    CARGO_STOPPED = "cargo_stopped"
    CARGO_COUNTS = "cargo_counts"

    # What is seen of containers and their logs.
    OF_CONTAINERS = "of_containers"
    NOBODY_EXPECTS = "nobody_expects"
    NOTHING_EXPECTED = "nothing_expected"
    NO_CONTAINER_AT_ALL = "no_container_at_all"
    NO_CONTAINER_OF = "no_container_of"
    SERVICES_EXPECTED = "services_expected"
    CONTAINERS_EXPECTED = "containers_expected"
    CONTAINER_ENDED = "container_ended"
    NOT_ENDED = "not_ended"
    CONTAINER_IS = "container_is"
    NOT_HEALTHY = "not_healthy"
    HEALTH_NOT_PROVEN = "health_not_proven"
    HEALTH_NOT_ASKED = "health_not_asked"
    NOT_LOOKED_AT = "not_looked_at"
    KILLS_UNKNOWN = "kills_unknown"
    OTHER_IMAGE = "other_image"
    AGE_UNKNOWN = "age_unknown"
    NO_HEALTHCHECK = "no_healthcheck"
    HEALTHCHECK_UNKNOWN = "healthcheck_unknown"
    HEALTHCHECK_CANNOT_FAIL = "healthcheck_cannot_fail"
    LOG_UNREAD = "log_unread"
    LOG_UNREADABLE = "log_unreadable"
    LOG_INCOMPLETE = "log_incomplete"
    LOG_EMPTY = "log_empty"
    LOG_LINES = "log_lines"
    LOG_SLOW = "log_slow"
    SLOW_IN_LINE = "slow_in_line"
    READ_TOO_LONG = "read_too_long"
    READ_IN_PART = "read_in_part"
    READ_IN_PIECES = "read_in_pieces"
    DROPPED_BY_DRIVER = "dropped_by_driver"
    DROPPED_BY_LIMIT = "dropped_by_limit"

    # Kinds: files, what is wrong in them, tools that look as well.
    FILES_OF = "files_of"
    FINDING = "finding"
    TOOL_FINDING = "tool_finding"
    OF_RULE = "of_rule"
    LOOKED_AT = "looked_at"
    SEVERITY_CHANGED = "severity_changed"
    MILD_FINDINGS = "mild_findings"
    NO_FILE_MATCHES = "no_file_matches"
    NOTHING_LOOKED_AT = "nothing_looked_at"
    FILES_OVER_LIMIT = "files_over_limit"
    FILES_LEFT_OUT = "files_left_out"
    TOOL_MISSING = "tool_missing"
    TOOL_FAILED = "tool_failed"
    TOOL_TOO_SLOW = "tool_too_slow"
    TOOL_REPORT_TOO_LARGE = "tool_report_too_large"
    TOOL_LEFT_OUT = "tool_left_out"
    TOOL_CONFIGURED = "tool_configured"
    TOOL_NOT_CONFIGURED = "tool_not_configured"
    DOCKERFILE_MISTAKE = "dockerfile_mistake"
    NOT_LINTED = "not_linted"
    NO_STAGE_OR_SERVICE = "no_stage_or_service"
    COMPOSE_ELSEWHERE = "compose_elsewhere"
    TOOLS_NOT_ASKED = "tools_not_asked"

    # What is found in pipelines.
    JOBS_KNOWN = "jobs_known"
    NO_JOB_DEPLOYS = "no_job_deploys"
    GATE_ELSEWHERE = "gate_elsewhere"
    GATE_IN_DOUBT = "gate_in_doubt"
    PIPELINE_ELSEWHERE = "pipeline_elsewhere"
    WAY_BACK = "way_back"
    NO_KUBERNETES_OBJECT = "no_kubernetes_object"
    FOR_KUBERNETES = "for_kubernetes"
    RENDERED_BY = "rendered_by"
    FINDINGS_OVER_LIMIT = "findings_over_limit"
    TOOL_UNSUCCESSFUL = "tool_unsuccessful"

    # What monitoring and other servers say.
    ANSWER_STATUS = "answer_status"
    ANSWER_NO_JSON = "answer_no_json"
    NO_TIME_IN_ANSWER = "no_time_in_answer"
    NOT_OF_TARGET = "not_of_target"
    NO_HANDSHAKE = "no_handshake"
    TLS_NOT_OFFERED = "tls_not_offered"
    PROM_ASKED = "prom_asked"
    PROM_NO_ANSWER = "prom_no_answer"
    PROM_REFUSED = "prom_refused"
    PROM_WARNED = "prom_warned"
    PROM_SERIES_OVER_LIMIT = "prom_series_over_limit"
    PROM_NO_SERIES = "prom_no_series"
    PROM_MANY_SERIES = "prom_many_series"
    PROM_OF_PARTS = "prom_of_parts"
    PROM_BUCKETS = "prom_buckets"
    PROM_BEGAN_LATE = "prom_began_late"
    PROM_NO_VALUE = "prom_no_value"
    PROM_STALE = "prom_stale"
    PROM_GAPS = "prom_gaps"
    PROM_UP = "prom_up"
    PROM_DOWN = "prom_down"
    PROM_NO_TARGET = "prom_no_target"
    PROM_NO_RULES = "prom_no_rules"
    PROM_RULE_MISSING = "prom_rule_missing"
    PROM_RULE_BROKEN = "prom_rule_broken"
    PROM_FIRES = "prom_fires"
    PROM_SILENT = "prom_silent"

    # What documents say.
    NO_REVIEW = "no_review"

    # The last run of a pipeline.
    NO_RUN = "no_run"
    NO_RUNS_IN_ANSWER = "no_runs_in_answer"
    RUNS_CUT = "runs_cut"
    RUN_ENDED = "run_ended"
    RUN_TOLERATED = "run_tolerated"
    RUN_TOO_OLD = "run_too_old"

    # What arrives in logs.
    LOG_TOO_LARGE = "log_too_large"
    LOG_CUT = "log_cut"
    LOG_LINES_OVER_LIMIT = "log_lines_over_limit"
    LOKI_REFUSED = "loki_refused"
    NO_LINE_CAUSED = "no_line_caused"
    LINE_NOT_ARRIVED = "line_not_arrived"
    FIELDS_MISSING = "fields_missing"
    FORBIDDEN_TEXT = "forbidden_text"
    NO_LINES = "no_lines"

    # What an OpenAPI document says.
    OPENAPI_UNREADABLE = "openapi_unreadable"
    OPENAPI_VERSION = "openapi_version"
    OPENAPI_EMPTY = "openapi_empty"
    OPENAPI_UNKNOWN = "openapi_unknown"
    OPENAPI_LEFT_OUT = "openapi_left_out"
    OPENAPI_UNSAFE = "openapi_unsafe"
    OPENAPI_NO_VALUE = "openapi_no_value"
    OPENAPI_NOT_TRIED = "openapi_not_tried"
    OPENAPI_STATUS = "openapi_status"
    OPENAPI_MEDIA = "openapi_media"
    OPENAPI_SCHEMA = "openapi_schema"
    OPENAPI_SERVERS = "openapi_servers"
    REFERENCE_OUTSIDE = "reference_outside"
    REFERENCE_NOWHERE = "reference_nowhere"
    REFERENCE_CIRCLE = "reference_circle"
    GENERATED = "generated"
    GENERATED_NOTHING = "generated_nothing"
    GENERATED_FAILURE = "generated_failure"
    # What files of monitoring hold.
    NO_MONITORING = "no_monitoring"
    NOT_MONITORING = "not_monitoring"
    LOGQL_RULE = "logql_rule"

    # What a database holds.
    SQL_FAILED = "sql_failed"
    SQL_WITHOUT_ROWS = "sql_without_rows"
    SQL_NO_NUMBER = "sql_no_number"
    SQL_VIOLATIONS = "sql_violations"
    SQL_ROWS_DIFFER = "sql_rows_differ"
    NO_DATABASE_FILE = "no_database_file"
    DATABASE_URL_WRONG = "database_url_wrong"
    TABLE_MISSING = "table_missing"
    COLUMNS_MISSING = "columns_missing"
    COLUMN_OTHER = "column_other"
    PRIMARY_KEY_OTHER = "primary_key_other"
    INDEXES_MISSING = "indexes_missing"
    INDEXES_INVALID = "indexes_invalid"
    MIGRATIONS_OVER_LIMIT = "migrations_over_limit"
    MIGRATION_UNREADABLE = "migration_unreadable"
    NO_MIGRATIONS = "no_migrations"
    MIGRATIONS_DIFFER = "migrations_differ"

    # What scanners report.
    SCAN_BY = "scan_by"
    NOT_SARIF = "not_sarif"
    SARIF_WITHOUT_RUNS = "sarif_without_runs"
    SARIF_WITHOUT_RESULTS = "sarif_without_results"
    SARIF_ELSEWHERE = "sarif_elsewhere"
    SARIF_OPEN = "sarif_open"
    SUPPRESSED = "suppressed"
    FORMAT_UNKNOWN = "format_unknown"
    NO_REPORT = "no_report"
    NOT_LOOKED_UP = "not_looked_up"
    NO_DEPENDENCIES = "no_dependencies"
    SBOM_ONLY = "sbom_only"
    NOTHING_SCANNED = "nothing_scanned"
    REPORT_OLD = "report_old"
    REPORT_UNDATED = "report_undated"
    REPORT_OF_OTHER_COMMIT = "report_of_other_commit"
    REPORT_WITHOUT_COMMIT = "report_without_commit"
    TOOL_NOT_IN_REPORT = "tool_not_in_report"
    TOOL_TOO_OLD = "tool_too_old"
    FILES_NOT_SAID = "files_not_said"
    FILE_NOT_SCANNED = "file_not_scanned"
    HISTORY_SHALLOW = "history_shallow"

    # What is found in an image.
    OF_IMAGE = "of_image"
    IMAGE_IS = "image_is"
    IMAGE_UNKNOWN = "image_unknown"
    IMAGES_DIFFER = "images_differ"
    IMAGE_WARNINGS = "image_warnings"
    OF_SEVERITY = "of_severity"
    STOPPED_AFTER = "stopped_after"
    CANNOT_STOP = "cannot_stop"
    AS_ROOT = "as_root"
    UID_OF_ROOT = "uid_of_root"
    USER_UNKNOWN = "user_unknown"
    USER_BY_NAME = "user_by_name"
    IMAGE_HAS = "image_has"
    PORT_EXPOSED = "port_exposed"
    SECRET = "secret"
    SECRET_FILE = "secret_file"
    NO_TAG = "no_tag"
    TAG_LATEST = "tag_latest"
    BASE_UNKNOWN = "base_unknown"
    BASE_OTHER = "base_other"
    NO_LABEL = "no_label"
    LABEL_OTHER = "label_other"
    WRITABLE_BY_ALL = "writable_by_all"
    RUNS_AS_OWNER = "runs_as_owner"
    OTHER_ARCHITECTURE = "other_architecture"
    WENT_ON = "went_on"
    KILLED_AFTER = "killed_after"
    ENDED_AFTER = "ended_after"

    # What services use.
    OF_RESOURCES = "of_resources"
    LOOK_TOO_LONG = "look_too_long"
    NEVER_RAN = "never_ran"
    LOST_BETWEEN = "lost_between"
    STOPPED_AT = "stopped_at"
    NO_MEMORY_LIMIT = "no_memory_limit"
    NO_OWN_NETWORK = "no_own_network"
    ONE_LOOK = "one_look"
    NOT_READ = "not_read"
    NOT_KNOWN_OF_ALL = "not_known_of_all"
    SEVERAL = "several"

    # The target: bringing it up, acting on it, taking it down.
    PORT_UNKNOWN = "port_unknown"
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
    PORTS_LOOSE = "ports_loose"
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
    ONE_OF_WAYS = "one_of_ways"
    INSTALL_OR_ON_PATH = "install_or_on_path"
    ADD_TO_IMAGE = "add_to_image"
    NEEDS_WHAT_IS_OUT = "needs_what_is_out"
    SETUP_NOT_RUN = "setup_not_run"
    SEE_LOG = "see_log"
    ASKED_EVERY = "asked_every"
    PROBE_NOT_SENT = "probe_not_sent"
    CHECK_HAD_ENDED = "check_had_ended"
    ENTRY_IN_FAULT = "entry_in_fault"
    NOT_DONE = "not_done"
    NOT_UNDONE = "not_undone"
    UNDONE_EARLY = "undone_early"
    NO_GOOD_ANSWER_BEFORE = "no_good_answer_before"
    NOT_GOOD_AGAIN = "not_good_again"
    BROKEN = "broken"
    BROKEN_BEFORE = "broken_before"
    INSTANCE_ENDED = "instance_ended"
    INSTANCE_NOT_BACK = "instance_not_back"
    INSTANCE_NOT_READY = "instance_not_ready"
    INSTANCE_ROLLED = "instance_rolled"
    ROLLED_BACK_AS = "rolled_back_as"
    ROLLOUT_CUT = "rollout_cut"
    ROLLOUT_UNJUDGED = "rollout_unjudged"
    ROLLOUT_UNSEEN = "rollout_unseen"
    BEFORE_RECOVERY = "before_recovery"
    RECOVERY_UNSEEN = "recovery_unseen"
    CANNOT_WRITE = "cannot_write"
    FREE_SPACE = "free_space"
    FILE_LOST = "file_lost"
    REPLACED_OR_CUT = "replaced_or_cut"
    NO_RECORD = "no_record"
    EVIDENCE_FILE = "evidence_file"
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
    OWNER_APPROVES = "owner_approves"
    DUE_MISSED = "due_missed"
    BASELINE_NOT_NEEDED = "baseline_not_needed"
    SECRET_SHORT = "secret_short"
    NOT_RUN_WITHOUT_IT = "not_run_without_it"
    NOTHING_NEEDS_IT = "nothing_needs_it"
    NO_SUCH_PROFILE = "no_such_profile"
    VARIABLE_UNUSED = "variable_unused"
    COMPOSE_HEALTHCHECK = "compose_healthcheck"
    COMPOSE_NO_HEALTHCHECK = "compose_no_healthcheck"
    COMPOSE_SECRET_MISSING = "compose_secret_missing"
    SEVERAL_PORTS = "several_ports"
    NO_PORT = "no_port"
    CONTENT_HIDDEN = "content_hidden"
    NAME_NOT_KNOWN = "name_not_known"
    DOES_NOT_FIT = "does_not_fit"


_NAMES = """
act
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
at_end
back_after
base
best
bound
by
by_name
case
cases
cause
certificate
changed
charset
check
checks
clusters
coding
command
commit
confidence
container
count
criterion
daemon
days
declared
default
depth
details
dimension
domain
driver
durations
effective
elapsed
encoding
ended
ending
endpoint
entries
entry
error
every
exit_code
expected
expired
expression
factor
failed
fault
figure
figures
file
files
first
flows
follow
found
header
health
host
how
http2
id
image
instance
instances
interval
iterations
key
kind
known
label
labels
last
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
mode
moment
moments
more
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
on_new
op
open
origin
other
out_of_memory
output
outside
over
package
part
parts
passed
path
pattern
phase
pieces
planned
port
ports
position
process
program
project
proves
pytest
python
ramp
ready_after
reason
recorded
replaced
request
requests
required
rest
right
rule
rules
seed
seen
seen_n
service
services
severity
signal
since
single
size
skipped
span
state
statistic
status
stderr
stdout
step
stream
streams
suite
suspended
tag
tail
take
text
threshold
times
tls
to
tool
total
uid
unfinished
unit
unproven
unseen
unused
unwaived
url
user
users
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
where
why
within
without_bound
worker
workers
would_do
written
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
        """Its JSON, for a log or a kind of another package: phasegate.render.sentences makes a text of it."""
        return json.dumps(encode(self), ensure_ascii=False)

    def __hash__(self) -> int:
        return hash((self.code, frozenset(map(_hashable, self.values.items()))))

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


def _hashable(item: tuple[str, Any]) -> tuple[str, int]:
    """A value may be anything, and one of an enumeration is equal to its text, and has another hash."""
    name, value = item
    if isinstance(value, str):
        return name, str.__hash__(value)
    return name, hash(value) if isinstance(value, Fact | int) else 0


Message = str | Fact
"""What somebody else wrote, or what phasegate has to say."""


def fact(code: Code, **values: Any) -> Fact:
    """A fact without the values that say nothing: None, False, no text, no items.

    Errors: TypeError for a name that is not one of `NAMES`.
    """
    if not NAMES.issuperset(values):
        unknown = ", ".join(sorted(values.keys() - NAMES))
        raise TypeError(f"{code.value}: not a name of a value: {unknown}")
    # Workers of a load make facts of what they see: no value is compared here, as comparing facts is slow.
    kept = {
        name: value
        for name, value in values.items()
        if value or (value is not False and isinstance(value, int | float))
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


def some(names: Iterable[str], most: int) -> Fact:
    """The first of several names, and how many there are."""
    everything = tuple(names)
    return fact(Code.SOME, names=everything[:most], n=len(everything))


_PLAIN = frozenset({str, int, float, bool})
"""Types that stand in JSON as they are."""


def encode(value: Any) -> Any:
    """The JSON of a text or fact, or of a value of one."""
    if type(value) in _PLAIN:
        return value
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
