"""Rules of the kind `monitoring`."""

TEXTS = {
    "json-valid": ("{0}", ""),
    "promql-valid": ("the expression of {0} is not right: {1}", "write PromQL that Prometheus takes"),
    "rule-shape": ("Prometheus refuses {0}: {1}", "write it as the documentation has it"),
    "rule-duplicate": ("{0} is there twice, with the same labels and expression", "keep one of them"),
    "rule-dead-reference": ("{0} uses {1}, which no rule records", "record it, or use what is recorded"),
    "record-name": ("the record {0} is not named level:metric:operation", "name it so"),
    "alert-constant": (
        "{0} depends on no series, so it fires always or never",
        "compare a series, or name it under constant",
    ),
    "alert-severity": ("alert {0} has no label severity", "give it one, by which it is routed"),
    "alert-for": ("alert {0} fires on a single sample", "write for: 5m, or as long as is normal"),
    "alert-summary": ("alert {0} has no summary and no description", "say in one what is wrong"),
    "alert-runbook": ("alert {0} has no runbook_url", "link what to do"),
    "alert-runbook-target": ("the runbook of {0} leads nowhere: {1}: {2}", "link a page that is there"),
    "alert-template": ("the template {0} of {1} cannot be filled in: {2}", "write it as Go templates are"),
    "alert-routed": (
        "alerts of severity {0} reach nobody, as {1} sends nothing",
        "route them to a receiver that sends",
    ),
    "alertmanager-receiver": ("receiver {0!r}: {1}", "define each that a route names, once"),
    "alertmanager-integration": ("the integration {0} cannot send: {1}", "give it one"),
    "alertmanager-route": ("{0}", "write matchers as label=value, or label=~expression"),
    "alertmanager-inhibit": (
        "an inhibit rule is not right: {0}",
        "write source_matchers and target_matchers",
    ),
    "prometheus-scrape": ("nothing is scraped", "write scrape_configs"),
    "prometheus-job": ("scrape job {0!r}: {1}", "give each a job_name of its own"),
    "prometheus-rule-files": ("rule_files {0!r} matches no file", "name files that are there"),
    "prometheus-alertmanagers": ("rules are there and no Alertmanager gets their alerts", "write alerting"),
    "loki-schema": ("Loki refuses the schema: {0}", "write from, store, object_store and schema, in order"),
    "loki-retention": (
        "nothing deletes logs after {0}, as the compactor does not",
        "write compactor.retention_enabled: true",
    ),
    "dashboard-title": ("the dashboard has no title", "give it one"),
    "dashboard-uid": ("the dashboard has no uid, so its address changes", "give it one"),
    "dashboard-uid-twice": ("uid {0} is that of {1} too", "give each dashboard its own"),
    "dashboard-panel-id": ("{1} panels have the id {0}", "give each its own"),
    "dashboard-variable": ("variable {0} is not defined, and used {1} times", "define it under templating"),
    "dashboard-promql": ("a query of panel {0!r} is not PromQL: {1}", "write one that Prometheus takes"),
    "slo-shape": ("SLO {0!r} is not whole: {1}", "write it as OpenSLO has it"),
    "slo-record": (
        "SLO {0}: no rule records {1} of {2} over a window",
        "record the share of errors over 5m, 30m, 1h, 6h",
    ),
    "slo-fast-burn": (
        "SLO {0}: no alert compares {1} of {2} in a window of up to 2h and a shorter one",
        "alert where both 1h and 5m burn 14.4 times too fast",
    ),
    "slo-slow-burn": (
        "SLO {0}: no alert compares {1} of {2} in a window from 6h and a shorter one",
        "alert where both 6h and 30m burn 6 times too fast",
    ),
}
