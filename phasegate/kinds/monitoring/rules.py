"""What is looked for in files of monitoring.

An error is what the program refuses, or what leaves somebody without the alert or the number that the file
promises. What only makes work harder is a warning, and what is a matter of names is info.
"""

from __future__ import annotations

from phasegate.inspection.finding import Rule, Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_PROMETHEUS = "https://prometheus.io/docs/"
_RECORDING = f"{_PROMETHEUS}prometheus/latest/configuration/recording_rules/"
_ALERTING = f"{_PROMETHEUS}prometheus/latest/configuration/alerting_rules/"
_PRACTICE = f"{_PROMETHEUS}practices/alerting/"
_NAMES = f"{_PROMETHEUS}practices/rules/"
_CONFIGURATION = f"{_PROMETHEUS}prometheus/latest/configuration/configuration/"
_ALERTMANAGER = f"{_PROMETHEUS}alerting/latest/configuration/"
_MIXIN = "https://monitoring.mixins.dev/"
_LOKI = "https://grafana.com/docs/loki/latest/"
_GRAFANA = "https://grafana.com/docs/grafana/latest/dashboards/"
_MODEL = f"{_GRAFANA}build-dashboards/view-dashboard-json-model/"
_WORKBOOK = "https://sre.google/workbook/alerting-on-slos/"
OPENSLO = "https://github.com/OpenSLO/OpenSLO"


def _rule(id: str, severity: Severity, family: str, about: str, source: str) -> Rule:
    return Rule(id=id, severity=severity, family=family, about=about, source=source)


JSON = _rule(
    "json-valid",
    _E,
    "files",
    "Every JSON file can be parsed.",
    "https://www.rfc-editor.org/rfc/rfc8259",
)
PROMQL = _rule(
    "promql-valid",
    _E,
    "rules",
    "Expressions of rules are PromQL of the right types.",
    f"{_PROMETHEUS}prometheus/latest/querying/basics/",
)
RULE_SHAPE = _rule(
    "rule-shape", _E, "rules", "Groups and rules have what Prometheus asks for, and nothing else.", _RECORDING
)
RULE_DUPLICATE = _rule(
    "rule-duplicate",
    _W,
    "rules",
    "No rule is twice in a file, with name, labels and expression.",
    f"{_PROMETHEUS}prometheus/latest/command-line/promtool/",
)
RULE_DEAD = _rule(
    "rule-dead-reference", _W, "rules", "Series named `level:metric:operation` are recorded.", _NAMES
)
RECORD_NAME = _rule("record-name", _I, "rules", "Records are named `level:metric:operation`.", _NAMES)
ALERT_CONSTANT = _rule("alert-constant", _E, "alerts", "Alerts depend on a series or the time.", _PRACTICE)
ALERT_SEVERITY = _rule("alert-severity", _E, "alerts", "Alerts have a label `severity`.", _MIXIN)
ALERT_FOR = _rule(
    "alert-for", _W, "alerts", "Alerts have `for`, so that one odd sample does not fire them.", _PRACTICE
)
ALERT_SUMMARY = _rule("alert-summary", _E, "alerts", "Alerts have a summary or description.", _MIXIN)
ALERT_RUNBOOK = _rule("alert-runbook", _W, "alerts", "Alerts have a `runbook_url`.", _MIXIN)
RUNBOOK_TARGET = _rule(
    "alert-runbook-target", _E, "alerts", "Each `runbook_url` leads to a page, and to its section.", _MIXIN
)
ALERT_TEMPLATE = _rule(
    "alert-template", _E, "alerts", "Templates close their braces and use variables that exist.", _ALERTING
)
ALERT_ROUTED = _rule(
    "alert-routed",
    _E,
    "routing",
    "Each severity of alerts, but `none`, reaches a receiver that sends.",
    _ALERTMANAGER,
)
RECEIVER = _rule("alertmanager-receiver", _E, "routing", "Receivers that routes name exist.", _ALERTMANAGER)
INTEGRATION = _rule(
    "alertmanager-integration", _E, "routing", "Integrations have an address or key, once.", _ALERTMANAGER
)
ROUTE = _rule("alertmanager-route", _E, "routing", "Matchers of routes are valid.", _ALERTMANAGER)
INHIBIT = _rule(
    "alertmanager-inhibit", _E, "routing", "Inhibit rules match a source and a target.", _ALERTMANAGER
)
SCRAPE = _rule("prometheus-scrape", _W, "prometheus", "Something is scraped.", _CONFIGURATION)
SCRAPE_SHAPE = _rule(
    "prometheus-job", _E, "prometheus", "Scrape jobs have names, each its own.", _CONFIGURATION
)
RULE_FILES = _rule("prometheus-rule-files", _W, "prometheus", "`rule_files` match files.", _CONFIGURATION)
ALERTING = _rule(
    "prometheus-alertmanagers", _W, "prometheus", "Where rules are, so is an Alertmanager.", _CONFIGURATION
)
LOKI_SCHEMA = _rule(
    "loki-schema",
    _E,
    "loki",
    "Periods of the schema are whole and in order.",
    f"{_LOKI}operations/storage/schema/",
)
LOKI_RETENTION = _rule(
    "loki-retention",
    _W,
    "loki",
    "A retention period is applied by the compactor.",
    f"{_LOKI}operations/storage/retention/",
)
TITLE = _rule("dashboard-title", _E, "dashboards", "Dashboards have a title.", _MODEL)
UID = _rule("dashboard-uid", _W, "dashboards", "Dashboards have a uid, so that links to them stay.", _MODEL)
UID_TWICE = _rule("dashboard-uid-twice", _E, "dashboards", "No two dashboards have the same uid.", _MODEL)
PANEL_ID = _rule("dashboard-panel-id", _W, "dashboards", "Panels have ids of their own.", _MODEL)
VARIABLE = _rule(
    "dashboard-variable", _E, "dashboards", "Variables that are used are defined.", f"{_GRAFANA}variables/"
)
PANEL_PROMQL = _rule(
    "dashboard-promql",
    _E,
    "dashboards",
    "Queries of Prometheus are PromQL, with values for variables.",
    "https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/",
)
SLO_SHAPE = _rule("slo-shape", _E, "slos", "SLOs have a name, a service and objectives.", OPENSLO)
SLO_RECORD = _rule("slo-record", _E, "slos", "For each SLO a rule records its indicator.", _WORKBOOK)
SLO_FAST = _rule(
    "slo-fast-burn", _E, "slos", "For each SLO an alert has windows of up to 2h and a shorter one.", _WORKBOOK
)
SLO_SLOW = _rule(
    "slo-slow-burn", _E, "slos", "For each SLO an alert has windows from 6h and a shorter one.", _WORKBOOK
)
RULES = (
    *(JSON, PROMQL, RULE_SHAPE, RULE_DUPLICATE, RULE_DEAD, RECORD_NAME),
    *(
        ALERT_CONSTANT,
        ALERT_SEVERITY,
        ALERT_FOR,
        ALERT_SUMMARY,
        ALERT_RUNBOOK,
        RUNBOOK_TARGET,
        ALERT_TEMPLATE,
    ),
    *(ALERT_ROUTED, RECEIVER, INTEGRATION, ROUTE, INHIBIT),
    *(SCRAPE, SCRAPE_SHAPE, RULE_FILES, ALERTING, LOKI_SCHEMA, LOKI_RETENTION),
    *(TITLE, UID, UID_TWICE, PANEL_ID, VARIABLE, PANEL_PROMQL),
    *(SLO_SHAPE, SLO_RECORD, SLO_FAST, SLO_SLOW),
)
