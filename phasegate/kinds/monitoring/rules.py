"""What is looked for in files of monitoring.

An error is what the program refuses, or what leaves somebody without the alert or the number that the file
promises. What only makes work harder is a warning, and what is a matter of names is info.
"""

from __future__ import annotations

from collections.abc import Callable

from phasegate.inspection.finding import Rule, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_PROMETHEUS = "https://prometheus.io/docs"
_RULES = f"{_PROMETHEUS}/prometheus/latest/configuration"
_MIXIN = "https://monitoring.mixins.dev/"
_LOKI = "https://grafana.com/docs/loki/latest/operations/storage"
_GRAFANA = "https://grafana.com/docs/grafana/latest"
_OPENSLO = "https://github.com/OpenSLO/OpenSLO"
_NAMES = f"{_PROMETHEUS}/practices/rules/"
_PRACTICE = f"{_PROMETHEUS}/practices/alerting/"


def _family(family: str, source: str) -> Callable[..., Rule]:
    def rule(id: str, severity: Severity, about: str, source: str = source) -> Rule:
        return Rule(id=id, severity=severity, family=family, about=about, source=source)

    return rule


_rule = _family("files", "https://www.rfc-editor.org/rfc/rfc8259")
JSON = _rule("json-valid", _E, "Every JSON file can be parsed.")

_rule = _family("rules", f"{_RULES}/recording_rules/")
RULE_SHAPE = _rule("rule-shape", _E, "Groups and rules have what Prometheus asks for, and nothing else.")
PROMQL = _rule(
    "promql-valid",
    _E,
    "Expressions are PromQL of the right types.",
    f"{_PROMETHEUS}/prometheus/latest/querying/basics/",
)
RULE_DUPLICATE = _rule("rule-duplicate", _W, "No rule is twice in a file: name, labels and expression.")
RULE_DEAD = _rule("rule-dead-reference", _W, "Series named `level:metric:operation` are recorded.", _NAMES)
RECORD_NAME = _rule("record-name", _I, "Records are named `level:metric:operation`.", _NAMES)

_rule = _family("tests", f"{_RULES}/unit_testing_rules/")
RULE_TESTS = _rule("rule-tests", _E, "Unit tests of rules expect something, of alerts that there are.")

_rule = _family("alerts", _MIXIN)
ALERT_CONSTANT = _rule("alert-constant", _E, "Alerts depend on a series or the time.", _PRACTICE)
ALERT_SEVERITY = _rule("alert-severity", _E, "Alerts have a label `severity`, by which they are routed.")
ALERT_FOR = _rule("alert-for", _W, "Alerts have `for`, so that one odd sample does not fire them.", _PRACTICE)
ALERT_SUMMARY = _rule("alert-summary", _E, "Alerts have a summary or description.")
ALERT_RUNBOOK = _rule("alert-runbook", _W, "Alerts have a `runbook_url`.")
RUNBOOK_TARGET = _rule("alert-runbook-target", _E, "A `runbook_url` leads to a page, and to its section.")
ALERT_TEMPLATE = _rule(
    "alert-template", _E, "Templates close their braces and use known variables.", f"{_RULES}/alerting_rules/"
)

_rule = _family("routing", f"{_PROMETHEUS}/alerting/latest/configuration/")
ALERT_ROUTED = _rule("alert-routed", _E, "Severities, but for `none`, reach a receiver that sends.")
RECEIVER = _rule("alertmanager-receiver", _E, "Receivers that routes name exist.")
INTEGRATION = _rule("alertmanager-integration", _E, "Integrations have an address or key, once.")
ROUTE = _rule("alertmanager-route", _E, "Matchers of routes are valid.")
INHIBIT = _rule("alertmanager-inhibit", _E, "Inhibit rules match a source and a target.")

_rule = _family("prometheus", f"{_RULES}/configuration/")
SCRAPE = _rule("prometheus-scrape", _W, "Something is scraped.")
JOB = _rule("prometheus-job", _E, "Scrape jobs have names, each its own.")
RULE_FILES = _rule("prometheus-rule-files", _W, "`rule_files` match files.")
ALERTMANAGERS = _rule("prometheus-alertmanagers", _W, "Where rules are, so is an Alertmanager.")

_rule = _family("loki", f"{_LOKI}/schema/")
LOKI_SCHEMA = _rule("loki-schema", _E, "Periods of the schema are whole and in order.")
LOKI_RETENTION = _rule("loki-retention", _W, "A retention period is applied.", f"{_LOKI}/retention/")

_rule = _family("dashboards", f"{_GRAFANA}/dashboards/build-dashboards/view-dashboard-json-model/")
TITLE = _rule("dashboard-title", _E, "Dashboards have a title.")
UID = _rule("dashboard-uid", _W, "Dashboards have a uid, so that links to them stay.")
UID_TWICE = _rule("dashboard-uid-twice", _E, "No two dashboards have the same uid.")
PANEL_ID = _rule("dashboard-panel-id", _W, "Panels have ids of their own.")
VARIABLE = _rule("dashboard-variable", _E, "Variables are defined.", f"{_GRAFANA}/dashboards/variables/")
PANEL_PROMQL = _rule(
    "dashboard-promql", _E, "Queries of Prometheus are PromQL.", f"{_GRAFANA}/datasources/prometheus/"
)

_rule = _family("slos", "https://sre.google/workbook/alerting-on-slos/")
SLO_SHAPE = _rule("slo-shape", _E, "SLOs have a name, a service and objectives.", _OPENSLO)
SLO_RECORD = _rule("slo-record", _E, "For each SLO a rule records its indicator.")
SLO_FAST = _rule(
    "slo-fast-burn", _E, "For each SLO an alert compares a window of up to 2h and a shorter one."
)
SLO_SLOW = _rule("slo-slow-burn", _E, "For each SLO an alert compares a window from 6h and a shorter one.")

RULES = tuple(one for one in globals().values() if isinstance(one, Rule))
