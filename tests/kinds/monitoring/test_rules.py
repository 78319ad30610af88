"""Each rule trips where one thing is wrong in a sound set of files, and nowhere else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from phasegate.inspection.finding import Inspection
from phasegate.inspection.tree import read_texts, walk
from phasegate.kinds.monitoring.kind import look_at
from phasegate.kinds.monitoring.params import MonitoringParams
from phasegate.kinds.monitoring.rules import RULES
from phasegate.kinds.monitoring.sources import read_sources
from phasegate.render.sentences import sentence

SOUND = Path(__file__).parent / "sound"
Edit = tuple[str, str, str]
"""A file, a text in it, and what stands there instead."""

RATIO = "checkout:errors:ratio_rate"
HEAD = '"title": "Checkout",'
TRIPS: Mapping[str, tuple[Edit, ...]] = {
    "json-valid": (
        ("dashboard.json", '"schemaVersion": 39,', '"schemaVersion": 39'),
        ("dashboard.json", '"schemaVersion": 39,', '"schemaVersion": ' + "[" * 100_000),
    ),
    "promql-valid": (
        ("rules.yaml", "expr: vector(1)", "expr: up and and up"),
        ("rules.yaml", "expr: vector(1)", "expr: rate(up)"),
        ("rules.yaml", "expr: vector(1)", "expr: (up[5m])"),
        ("rules.yaml", "expr: vector(1)", "expr: '\"text\"'"),
        ("rules.yaml", "expr: vector(1)", f"expr: {'-' * 100_000}1"),
    ),
    "rule-shape": (
        ("rules.yaml", "interval: 30s", "interval: often"),
        ("rules.yaml", "interval: 30s", "intervall: 30s"),
        ("rules.yaml", "- name: checkout", "- name: 1"),
        ("rules.yaml", "groups:", "groups:\n  - {name: checkout, rules: []}"),
        ("rules.yaml", "groups:", "groups:\n  - none"),
        ("rules.yaml", "groups:", "group: []\ngroups:"),
        ("rules.yaml", "groups:", "groups:\n  - {name: other, rules: {}}"),
        ("rules.yaml", "expr: vector(1)", "for: 15 minutes\n        expr: vector(1)"),
        ("rules.yaml", "expr: vector(1)", "fors: 15m\n        expr: vector(1)"),
        ("rules.yaml", "    rules:\n", "    rules:\n      - {record: 'a:b:c', expr: up, for: 5m}\n"),
        ("rules.yaml", "- alert: Watchdog", "- record: a:b:c\n        alert: Watchdog"),
        ("rules.yaml", "expr: vector(1)", "expr:"),
        ("rules.yaml", "- alert: Watchdog", "- alert:"),
        ("rules.yaml", "- alert: Watchdog", "- none\n      - alert: Watchdog"),
        ("rules.yaml", "severity: none", "none"),
        ("rules.yaml", "severity: none", "{severity: none, __name__: x}"),
        (
            "rules.yaml",
            "- alert: Watchdog",
            "- record: 'a:b{c=\"d\"}'\n        expr: up\n      - alert: Watchdog",
        ),
    ),
    "rule-duplicate": (
        (
            "rules.yaml",
            "    rules:\n",
            "    rules:\n      - {record: 'a:b:c', expr: up}\n      - {record: 'a:b:c', expr: ' up'}\n",
        ),
    ),
    "rule-dead-reference": (("rules.yaml", f"{RATIO}6h > 6", f"{RATIO}7h + {RATIO}6h > 6"),),
    "record-name": (("rules.yaml", "    rules:\n", "    rules:\n      - {record: ratio, expr: up}\n"),),
    "rule-tests": (
        ("rule-tests.yaml", "CheckoutBurnsFast", "CheckoutBurnsFaster"),
        ("rule-tests.yaml", "tests:", "tests: []\nothers:"),
        ("rule-tests.yaml", "tests:", "tests:\n  - {interval: 1m, name: nothing}"),
    ),
    "alert-constant": (
        ("rules.yaml", "alert: Watchdog", "for: 1m\n        alert: Watching"),
        (
            "rules.yaml",
            "alert: Watchdog\n        expr: vector(1)",
            "for: 1m\n        alert: X\n        expr: 1",
        ),
        (
            "rules.yaml",
            "alert: Watchdog\n        expr: vector(1)",
            "for: 1m\n        alert: X\n        expr: (up == 0 or vector(1))",
        ),
    ),
    "alert-severity": (("rules.yaml", "severity: none", "team: none"),),
    "alert-for": (
        ("rules.yaml", "        for: 15m\n", ""),
        ("rules.yaml", "        for: 15m\n", "        for: 0s\n        keep_firing_for: 5m\n"),
    ),
    "alert-summary": (("rules.yaml", "          summary: Checkout burns its errors slowly\n", ""),),
    "alert-runbook": (("rules.yaml", "runbook_url: https://runbooks.shop.dev/checkout", "dashboard: x"),),
    "alert-runbook-target": tuple(
        ("rules.yaml", "https://runbooks.shop.dev/checkout", url)
        for url in (
            "docs/runbooks.md#gone",
            "docs/gone.md",
            "/docs/gone",
            "../../secret",
            "TODO",
            "''",
            "https://example.com/runbook",
            "https://",
            "ftp://runbooks.shop.dev/x",
            "'http://[x'",
            "https://github.com/acme/shop/blob/main/docs/gone.md",
            "https://github.com/acme/shop/blob/main/docs/runbooks.md#gone",
        )
    ),
    "alert-template": (
        ("rules.yaml", "{{ $value |", "{{ $values |"),
        ("rules.yaml", "errors slowly", "{{ $labels.job"),
        ("rules.yaml", "errors slowly", "errors }}"),
        ("rules.yaml", "errors slowly", "{{ {{ $value }}"),
    ),
    "alert-routed": (
        (
            "alertmanager.yaml",
            "pagerduty_configs:\n      - routing_key_file: /etc/alertmanager/pager",
            "pagerduty_configs: []",
        ),
        ("alertmanager.yaml", "  receiver: chat", "  receiver: 'null'"),
        (
            "alertmanager.yaml",
            "    - matchers: [alertname",
            '    - match: {severity: warning}\n      receiver: "null"\n    - matchers: [alertname',
        ),
    ),
    "alertmanager-receiver": (
        ("alertmanager.yaml", '      receiver: "null"', "      receiver: nobody"),
        ("alertmanager.yaml", '- name: "null"', '- name: "null"\n  - name: "null"'),
        ("alertmanager.yaml", '- name: "null"', '- name: "null"\n  - {}'),
    ),
    "alertmanager-integration": (
        ("alertmanager.yaml", "  slack_api_url_file: /etc/alertmanager/slack\n", "  x: 1\n"),
        ("alertmanager.yaml", "  slack_api_url_file:", "  slack_api_url: x\n  slack_api_url_file:"),
        ("alertmanager.yaml", '- channel: "#alerts"', "- api_url_file: x\n        api_url: y"),
        ("alertmanager.yaml", "- routing_key_file: /", "- service_key: a\n        routing_key_file: /"),
    ),
    "alertmanager-route": (
        ("alertmanager.yaml", "[alertname = Watchdog]", "[alertname]"),
        ("alertmanager.yaml", "[alertname = Watchdog]", '[\'alertname="Watch"dog"\']'),
        ("alertmanager.yaml", "[alertname = Watchdog]", "['alertname =~ \"(\"']"),
        ("alertmanager.yaml", "[alertname = Watchdog]", "{alertname: Watchdog}"),
        ("alertmanager.yaml", "  receiver: chat", "  receiver: chat\n  matchers: [a=b]"),
        ("alertmanager.yaml", "    - matchers: [", "    - match_re: {a: }\n      matchers: ["),
        ("alertmanager.yaml", "    - matchers: [", "    - match: [1]\n      matchers: ["),
    ),
    "alertmanager-inhibit": (
        ("alertmanager.yaml", "    target_match: {severity: warning}\n", ""),
        ("alertmanager.yaml", "'severity=\"critical\"'", "severity"),
        ("alertmanager.yaml", "equal: [service]", "equal: service"),
        ("alertmanager.yaml", "inhibit_rules:", "inhibit_rules:\n  - all"),
    ),
    "prometheus-scrape": (("prometheus.yaml", "scrape_configs:", "remote_write:"),),
    "prometheus-job": (
        ("prometheus.yaml", "job_name: checkout", "scheme: https"),
        ("prometheus.yaml", "scrape_configs:", "scrape_configs:\n  - job_name: checkout"),
        ("prometheus.yaml", "  - job_name: checkout\n   ", " "),
    ),
    "prometheus-rule-files": (("prometheus.yaml", "- rules.yaml", "- rules/*.yaml"),),
    "prometheus-alertmanagers": (("prometheus.yaml", "alerting:", "tracing:"),),
    "loki-schema": (
        ("loki.yaml", "from: 2025-04-01", "from: 2023-04-01"),
        ("loki.yaml", "from: 2025-04-01", "from: April"),
        ("loki.yaml", "object_store: s3, schema: v13}\n    -", "schema: v13}\n    -"),
        ("loki.yaml", "  configs:", "  periods:"),
        ("loki.yaml", "  configs:", "  configs:\n    - 1"),
    ),
    "loki-retention": (("loki.yaml", "retention_enabled: true", "retention_enabled: false"),),
    "dashboard-title": (("dashboard.json", HEAD, '"title": "",'),),
    "dashboard-uid": (("dashboard.json", '"uid": "checkout",', '"uid": null,'),),
    "dashboard-uid-twice": (("copy.json", "", (SOUND / "dashboard.json").read_text()),),
    "dashboard-panel-id": (("dashboard.json", '"id": 3,', '"id": 2,'),),
    "dashboard-variable": (
        ("dashboard.json", '"title": "Logs"', '"title": "Logs of $service"'),
        ("dashboard.json", '"title": "Logs"', '"title": "Logs", "repeat": "service"'),
        ("dashboard.json", '{job=\\"$job\\"} |=', '{job=\\"${service:regex}\\"} |='),
        ("dashboard.json", "label_values(up, job)", 'label_values(up{a=\\"[[b]]\\"}, job)'),
    ),
    "dashboard-promql": (
        ("dashboard.json", "sum(rate(http", "sum(rated(http"),
        ("dashboard.json", "[$__rate_interval]", ""),
        ("dashboard.json", '{job=\\"$job\\"}[', "{job=$job$job}["),
    ),
    "slo-shape": (
        ("slo.yaml", "target: 0.999", "target: 99.9"),
        ("slo.yaml", "  objectives:\n    - target: 0.999\n", ""),
    ),
    "slo-record": (),  # see below: without its records an SLO has no alerts either
    "slo-fast-burn": (
        ("rules.yaml", f"and {RATIO}5m >", f"or {RATIO}5m >"),
        ("rules.yaml", f"and {RATIO}5m >", f"and {RATIO}1h >"),
        ("rules.yaml", f"{RATIO}1h > 14.4 * 0.001 and", f"{RATIO}6h > 14.4 * 0.001 and"),
    ),
    "slo-slow-burn": (("rules.yaml", f"({RATIO}6h >", f"({RATIO}1h >"),),
}


def copied(folder: Path, *edits: Edit) -> Path:
    shutil.copytree(SOUND, folder, dirs_exist_ok=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text('[remote "origin"]\n\turl = git@github.com:acme/shop.git\n')
    for name, old, new in edits:
        path = folder / name
        text = path.read_text() if old else ""
        assert text.count(old) == 1 or not old, (name, old)
        path.write_text(text.replace(old, new) if old else new)
    return folder


def look(folder: Path, **params: object) -> Inspection:
    written = MonitoringParams.model_validate({"files": ["*.yaml", "*.json"], **params})
    tree = walk(folder, written.files)
    return look_at(written, tree, read_sources(read_texts(tree)))


def tripped(seen: Inspection) -> set[str]:
    return {finding.rule for finding in seen.findings}


def test_sound_files_have_no_finding_and_every_rule_looks_at_them(tmp_path: Path) -> None:
    seen = look(copied(tmp_path))
    assert tripped(seen) == set()
    assert {rule.id for rule in RULES} <= set(seen.looked)
    assert not seen.unproven
    assert (seen.files, seen.objects) == (7, 13)


def test_every_rule_has_a_case_that_trips_it() -> None:
    assert set(TRIPS) == {rule.id for rule in RULES}
    assert [rule for rule, edits in TRIPS.items() if not edits] == ["slo-record"]


@pytest.mark.parametrize(("rule", "edit"), [(rule, edit) for rule, edits in TRIPS.items() for edit in edits])
def test_a_rule_trips_alone(rule: str, edit: Edit, tmp_path: Path) -> None:
    seen = look(copied(tmp_path, edit))
    assert tripped(seen) == {rule}
    for finding in seen.findings:
        assert finding.file
        assert not re.search(r"\{\d", sentence(finding.message))


def test_an_slo_without_rules_has_neither_record_nor_alerts(tmp_path: Path) -> None:
    seen = look(
        copied(
            tmp_path,
            ("slo.yaml", "service: checkout", "service: stock"),
            ("slo.yaml", "name: checkout-availability", "name: stock"),
        )
    )
    assert tripped(seen) == {"slo-record", "slo-fast-burn", "slo-slow-burn"}


HOLDS: tuple[Edit, ...] = (
    ("rules.yaml", "expr: vector(1)", "expr: hour() > 8 or (sum(up) or vector(0)) > 1"),
    ("rules.yaml", "It always fires", "'{{ $x := .Value }}{{ with $x }}{{ printf \"}} $y\" }}{{ end }}'"),
    ("rules.yaml", "docs/runbooks.md#checkout-burns", "./docs/runbooks.md#Checkout-Burns"),
    ("rules.yaml", "https://runbooks.shop.dev", "https://github.com/other/shop/blob/main"),
    ("rules.yaml", "https://runbooks.shop.dev", "https://github.com/acme/shop/blob/v1"),
    (
        "rules.yaml",
        "https://runbooks.shop.dev/checkout",
        "https://github.com/acme/shop/blob/main/docs/runbooks.md",
    ),
    ("rules.yaml", "https://runbooks.shop.dev", "https://{{ $labels.host }}.example.com"),
    ("alertmanager.yaml", "[alertname = Watchdog]", '[\'{alertname="Watchdog", a=~"b|c,d"}\']'),
    (
        "prometheus.yaml",
        "- rules.yaml",
        "- rul*.yaml\n  - /etc/prometheus/rules/*.yaml\n  - ../../../rules/*.yaml",
    ),
    ("alertmanager.yaml", "global:", "key_of_the_future: 1\nglobal:"),
    ("loki.yaml", "retention_enabled: true", "retention_enabled: true\nruler: {}"),
    ("dashboard.json", '"title": "Logs"', '"title": "Logs of ${job:csv} for $__range at 5$ and $1"'),
    (
        "dashboard.json",
        HEAD,
        HEAD + ' "__inputs": [{"name": "DS", "pluginId": "prometheus"}], "links": ["$x"],',
    ),
    ("dashboard.json", "sum(rate(http", "topk($__interval_ms, rate(http"),
    ("dashboard.json", "offset ${__range}", "offset ${__range_s}s"),
    ("dashboard.json", '"type": "prometheus", "uid": "${datasource}"', '"uid": "$datasource"'),
)


@pytest.mark.parametrize("edit", HOLDS)
def test_what_is_right_in_another_way_is_no_finding(edit: Edit, tmp_path: Path) -> None:
    assert tripped(look(copied(tmp_path, edit))) == set()
