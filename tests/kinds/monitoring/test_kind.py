"""`kind: monitoring`: what is recognized where, SLOs, routes, promtool; no tree of data is a defect."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.inspection.tree import Text, Tree
from phasegate.kinds.monitoring.dashboards import wrong_in_query
from phasegate.kinds.monitoring.kind import MonitoringKind, look_at
from phasegate.kinds.monitoring.params import MonitoringParams
from phasegate.kinds.monitoring.rule_files import wrong_in_template
from phasegate.kinds.monitoring.runbooks import anchors_of
from phasegate.kinds.monitoring.sources import Sort, read_sources
from phasegate.model.observation import CaseStatus, Observation
from phasegate.render.sentences import sentence
from phasegate.targets.processes.local import LocalProcesses
from tests.kinds.monitoring.test_rules import SOUND
from tests.telling import in_english, raises
from tests.worlds import TestWorld, world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
ALERT = """\
groups:
  - name: shop
    rules:
      - alert: Down
        expr: up == 0
        for: 5m
        labels: {severity: page}
        annotations: {summary: It is down, runbook_url: "https://runbooks.shop.dev/down"}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    processes = LocalProcesses(dict(os.environ), grace=1.0)
    async with world_at("http://127.0.0.1:9", tmp_path, processes=processes) as world:
        yield world


async def look(world: TestWorld, contents: dict[str, str], **params: Any) -> Observation:
    for name, content in contents.items():
        (world.root / name).parent.mkdir(parents=True, exist_ok=True)
        (world.root / name).write_text(content, encoding="utf-8")
    written = MonitoringParams.model_validate({"files": ["**/*"], **params})
    return in_english(await MonitoringKind().observe(written, world))


def failed(seen: Observation) -> set[str]:
    return {case.id for case in seen.cases if case.status is FAILED}


def lost(seen: Observation) -> dict[str, str]:
    return {case.id: str(case.message) for case in seen.cases if case.status is LOST}


def indented(text: str, by: int) -> str:
    return textwrap.indent(text, " " * by)


async def test_nothing_of_monitoring_is_nothing_passed(world: TestWorld) -> None:
    with raises(ObservationError, match="nothing of Prometheus, Alertmanager, Loki or Grafana"):
        await look(world, {"a.yaml": "kind: Pod\napiVersion: v1\n", "b.json": "[1]", "c.md": "# x"})
    with raises(ObservationError, match="nothing of Prometheus"):
        await look(world, {"a.yaml": "groups: []\n"})
    with raises(ObservationError, match=r"no file matches|matches no file|nothing"):
        await look(world, {}, files=["gone/*.yaml"])


async def test_files_of_something_else_are_named(world: TestWorld) -> None:
    seen = await look(world, {"a.yaml": ALERT, "pod.yaml": "kind: Pod\napiVersion: v1\n", "README.md": "x"})
    assert not failed(seen)
    assert any("README.md, pod.yaml" in str(note) for note in seen.notes)


async def test_a_file_that_cannot_be_read_is_found_beside_good_ones(world: TestWorld) -> None:
    seen = await look(
        world, {"a.yaml": ALERT, "b.yaml": "groups: [", "c.json": "{", "d.rules": "a: 1\na: 2\n"}
    )
    assert {id.partition("#")[0] for id in failed(seen)} == {
        "yaml-valid/b.yaml",
        "json-valid/c.json",
        "yaml-valid/d.rules",
    }


OBJECT = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec:\n"
MAP = "apiVersion: v1\nkind: %s\nmetadata: {name: x}\n%s:\n  a.yaml: |\n"
LIST = "apiVersion: v1\nkind: ConfigMapList\nitems:\n  - metadata: {name: x}\n    data:\n      r.rules: |-\n"


@pytest.mark.parametrize(
    ("above", "by", "place", "line"),
    [
        ("", 0, "", 5),
        (OBJECT, 2, "PrometheusRule/x/", 9),
        (f"apiVersion: v1\nkind: List\nitems:\n  -\n{indented(OBJECT, 4)}", 6, "PrometheusRule/x/", 13),
        (MAP % ("ConfigMap", "data"), 4, "ConfigMap/x/a.yaml/", 10),
        (MAP % ("Secret", "stringData"), 4, "Secret/x/a.yaml/", 10),
        (LIST, 8, "ConfigMap/x/r.rules/", 11),
    ],
)
async def test_rules_are_found_wherever_they_stand_with_their_line(
    above: str, by: int, place: str, line: int, world: TestWorld
) -> None:
    text = above + indented(ALERT.replace("up == 0", "rate(up)"), by)
    seen = await look(world, {"a.yaml": text})
    case = next(case for case in seen.cases if case.status is FAILED)
    assert (case.id, case.line) == (f"promql-valid/a.yaml#{place}shop/Down", line)
    assert "expected type matrix" in str(case.message)


async def test_a_dashboard_in_a_config_map_is_read_and_its_findings_have_lines(world: TestWorld) -> None:
    board = (SOUND / "dashboard.json").read_text().replace("sum(rate(", "sum(rated(")
    text = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  d.json: |-\n{indented(board, 4)}"
    )
    seen = await look(world, {"a.yaml": text})
    case = next(case for case in seen.cases if case.status is FAILED)
    assert case.id.startswith("dashboard-promql/a.yaml#ConfigMap/x/d.json/Checkout/")
    assert case.line is not None
    assert "rated" in text.splitlines()[case.line - 1]


async def test_a_dashboard_as_the_api_of_grafana_gives_it_is_one(world: TestWorld) -> None:
    board = json.loads((SOUND / "dashboard.json").read_text())
    seen = await look(world, {"a.json": json.dumps({"meta": {}, "dashboard": {**board, "title": ""}})})
    assert failed(seen) == {"dashboard-title/a.json#checkout"}


async def test_logql_of_loki_is_not_verified(world: TestWorld) -> None:
    query = 'sum(rate({app="x"} |= "error" [5m])) > 1'
    seen = await look(world, {"a.yaml": ALERT.replace("up == 0", query)})
    assert not failed(seen)
    assert "LogQL" in lost(seen)["a.yaml#shop/Down"]


async def test_a_severity_that_only_a_route_of_other_labels_may_deliver_counts_as_routed(
    world: TestWorld,
) -> None:
    receivers = "receivers: [{name: 'null'}, {name: chat, webhook_configs: [{url: 'http://x'}]}]\n"
    by_team = "route: {receiver: 'null', routes: [{match: {team: a}, receiver: chat}]}\n"
    nobody = "route: {receiver: 'null', routes: [{match: {severity: x}, receiver: chat}]}\n"
    assert not failed(await look(world, {"a.yaml": ALERT, "am.yaml": by_team + receivers}))
    seen = await look(world, {"a.yaml": ALERT, "am.yaml": nobody + receivers})
    assert failed(seen) == {"alert-routed/a.yaml#severity/page"}


async def test_labels_of_a_group_are_labels_of_its_alerts(world: TestWorld) -> None:
    text = ALERT.replace("        labels: {severity: page}\n", "")
    assert failed(await look(world, {"a.yaml": text})) == {"alert-severity/a.yaml#shop/Down"}
    text = text.replace("    rules:", "    labels: {severity: page}\n    rules:")
    assert not failed(await look(world, {"a.yaml": text}))


async def test_an_exported_dashboard_has_its_datasource_as_an_input(world: TestWorld) -> None:
    board = (
        (SOUND / "dashboard.json")
        .read_text()
        .replace('"prometheus", "uid": "${datasource}"', '"x", "uid": 1')
    )
    board = board.replace('{"type": "x", "uid": 1}', '"${DS}"').replace("sum(rate(", "sum(rated(")
    assert failed(await look(world, {"a.json": board})) == {"dashboard-variable/a.json#Checkout/DS"}
    inputs = '"__inputs": [{"name": "DS", "type": "datasource", "pluginId": "prometheus"}],'
    seen = await look(
        world, {"a.json": board.replace('"title": "Checkout",', f'"title": "Checkout", {inputs}')}
    )
    assert {id.partition("/")[0] for id in failed(seen)} == {"dashboard-promql"}


async def test_lines_that_are_none_of_the_file_are_not_given(world: TestWorld) -> None:
    held = {"a.json": (SOUND / "dashboard.json").read_text().replace("sum(rate(", "sum(rated(")}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": held}
    for name in ("a.yaml", "b.json"):
        seen = await look(world, {name: json.dumps(config)}, files=[name])
        assert [case.line for case in seen.cases if case.status is FAILED] == [None]


@pytest.mark.parametrize("more", ["", ", continue: true"])
async def test_an_alert_that_a_route_took_does_not_go_to_the_one_above(more: str, world: TestWorld) -> None:
    text = (
        "route:\n  receiver: chat\n  routes:\n"
        "    - {match: {severity: page}, receiver: silent%s}\n    - {match: {team: a}, receiver: 'drop'}\n"
        "receivers: [{name: silent}, {name: drop}, {name: chat, webhook_configs: [{url: 'http://x'}]}]\n"
    )
    seen = await look(world, {"a.yaml": ALERT, "am.yaml": text % more})
    assert failed(seen) == {"alert-routed/a.yaml#severity/page"}


LATENCY = """\
groups:
  - name: x
    rules:
      - {record: "stock:slow:ratio_rate5m", expr: '1 - rate(http_bucket{service="stock",le="0.3"}[5m])'}
      - {record: "stock:slow:ratio_rate1h", expr: '1 - rate(http_bucket{service="stock",le="0.3"}[1h])'}
      - alert: StockIsSlow
        expr: >
          (stock:slow:ratio_rate1h > 0.1 and stock:slow:ratio_rate5m > 0.1)
          or (%s(rate(http_bucket{service="stock"}[3d])) > 0.1 and stock:slow:ratio_rate1h > 0.1)
        for: 2m
        labels: {severity: page}
        annotations: {summary: slow, runbook_url: "https://runbooks.shop.dev/slow"}
"""


@pytest.mark.parametrize(
    ("slo", "rules", "missing"),
    [
        ({"name": "a", "kind": "latency", "service": "stock"}, LATENCY % "sum", set()),
        (
            {"name": "a", "kind": "latency", "service": "stock"},
            LATENCY.replace("[3d]", "[3h]") % "sum",
            {"slow-burn"},
        ),
        (
            {"name": "a", "kind": "availability", "service": "stock"},
            LATENCY % "sum",
            {"record", "fast-burn", "slow-burn"},
        ),
        (
            {"name": "a", "kind": "latency", "service": "sto"},
            LATENCY % "sum",
            {"record", "fast-burn", "slow-burn"},
        ),
        ({"name": "page", "kind": "availability", "service": "-"}, LATENCY % "sum", {"record"}),
    ],
)
async def test_an_slo_of_the_plan_has_its_rules(
    slo: dict[str, str], rules: str, missing: set[str], world: TestWorld
) -> None:
    seen = await look(world, {"a.yaml": rules}, slos=[slo])
    assert failed(seen) == {f"slo-{name}#{slo['name']}" for name in missing}


async def test_an_slo_without_any_rule_file_fails(world: TestWorld) -> None:
    slo = {"name": "a", "kind": "latency", "service": "stock"}
    board = (SOUND / "dashboard.json").read_text()
    seen = await look(world, {"d.json": board}, slos=[slo])
    assert failed(seen) == {"slo-record#a", "slo-fast-burn#a", "slo-slow-burn#a"}


def test_two_slos_of_one_name_are_refused() -> None:
    slo = {"name": "a", "kind": "latency", "service": "b"}
    with pytest.raises(ValidationError, match="another SLO"):
        MonitoringParams.model_validate({"files": ["a"], "slos": [slo, slo]})


async def test_promtool_finds_what_it_finds_with_file_line_and_version(world: TestWorld) -> None:
    wrong = ALERT.replace("It is down", '"{{ humanise 1 }}"')
    crd = f"apiVersion: m/v1\nkind: PrometheusRule\nmetadata: {{name: x}}\nspec:\n{indented(wrong, 2)}"
    late = ALERT.replace("up == 0", "rate(up)")
    seen = await look(world, {"a.yaml": wrong, "crd.yaml": crd, "late.yaml": late}, tools=["promtool"])
    cases = {case.id: case for case in seen.cases if case.status is FAILED}
    assert set(cases) == {
        "promtool.rules/a.yaml",
        "promtool.rules/crd.yaml#PrometheusRule/x",
        "promtool.rules/late.yaml",
        "promql-valid/late.yaml#shop/Down",
    }
    assert 'function "humanise" not defined' in str(cases["promtool.rules/a.yaml"].message)
    assert "promtool 2." in str(cases["promtool.rules/a.yaml"].message)
    assert cases["promtool.rules/late.yaml"].line == 5
    assert not lost(seen)


async def test_good_files_pass_promtool_too(world: TestWorld) -> None:
    files = {name: (SOUND / name).read_text() for name in ("rules.yaml", "prometheus.yaml")}
    files["docs/runbooks.md"] = (SOUND / "docs" / "runbooks.md").read_text()
    seen = await look(world, files, tools=["promtool"])
    assert not failed(seen)
    assert not lost(seen)
    case = next(case for case in seen.cases if case.id == "promtool")
    assert case.status is PASSED
    assert "2 configurations looked at by promtool" in str(case.message)


RULE_TEST = """\
rule_files: [../a.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    name: down
    input_series: [{series: 'up{job="shop"}', values: "1 0x10"}]
    alert_rule_test:
      - eval_time: 8m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, job: shop}
            exp_annotations: {summary: It is down, runbook_url: "https://runbooks.shop.dev/down"}
      - {eval_time: 1m, alertname: Down}
"""


async def test_unit_tests_of_rules_are_run_where_promtool_is(world: TestWorld) -> None:
    seen = await look(world, {"a.yaml": ALERT, "tests/a.yaml": RULE_TEST}, tools=["promtool"])
    assert (failed(seen), lost(seen)) == (set(), {})
    messages = {case.id: str(case.message) for case in seen.cases}
    assert "2 configurations looked at by promtool" in messages["promtool"]
    assert "1 unit test looked at" in messages["rule-tests"]


@pytest.mark.parametrize(
    ("before", "after", "case", "says"),
    [
        ("eval_time: 8m", "eval_time: 3m", "promtool.tests", "alertname: Down, time: 3m, exp:["),
        ("severity: page, ", "", "promtool.tests", "got:["),
        ("../a.yaml", "../gone*.yaml", "promtool.tests", "no file match pattern"),
        ("interval: 1m\n    name", "interval: soon\n    name", "promtool.tests", "not a valid duration"),
        ("alertname: Down}", "alertname: Dwon}", "rule-tests", "no rule has an alert 'Dwon'"),
        (RULE_TEST[RULE_TEST.index("    alert_rule_test") :], "", "rule-tests", "it expects nothing"),
        (RULE_TEST.partition("tests:")[2], " []\n", "rule-tests", "it has no tests"),
    ],
)
async def test_unit_tests_of_rules_that_fail_or_show_nothing_are_found(
    world: TestWorld, before: str, after: str, case: str, says: str
) -> None:
    files = {"a.yaml": ALERT, "tests/a.yaml": RULE_TEST.replace(before, after)}
    seen = await look(world, files, tools=["promtool"])
    found = [str(one.message) for one in seen.cases if one.status is FAILED and one.id.startswith(case)]
    assert any(says in message for message in found), found


async def test_what_an_old_promtool_does_not_know_is_a_warning(world: TestWorld) -> None:
    text = "scrape_configs:\n  - job_name: a\n    field_of_the_future: 1\n"
    seen = await look(world, {"p.yml": text}, tools=["promtool"])
    assert not failed(seen)
    case = next(case for case in seen.cases if case.id == "promtool.prometheus/p.yml")
    assert case.status is PASSED
    assert case.line == 3
    assert "field field_of_the_future not found" in str(case.message)


async def test_promtool_that_is_not_there_is_not_verified(world: TestWorld) -> None:
    world.environment["PATH"] = "/nowhere"
    seen = await look(world, {"a.yaml": ALERT}, tools=["promtool"])
    assert not failed(seen)
    assert "promtool is not installed" in lost(seen)["promtool"]


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ('rate(x{a="$a"}[$__rate_interval])', True),
        ("rate(x[${n}m] offset $o)", True),
        ('$metric{job=~"[[job:regex]]", ${filters}} > $limit', True),
        ("sum by ($by, b) (x) / $scale", True),
        ("$query", True),
        ("rate(x[$n)", False),
        ("x{a=b$a}", False),
        ("rate($x)", False),
    ],
)
def test_a_query_is_right_for_some_value_of_its_variables(query: str, right: bool) -> None:
    assert (wrong_in_query(query) == "") is right


def test_anchors_are_those_of_github() -> None:
    text = "# Über *uns*!\n## A & B\n## A & B\n<a name='Here'></a>\n### [Link](x) `code_x` ###\n"
    assert anchors_of(text) == {"über-uns", "a--b", "a--b-1", "here", "link-code_x"}


KEYS = st.sampled_from(
    [
        *("groups", "name", "rules", "alert", "record", "expr", "for", "labels", "annotations", "severity"),
        *("runbook_url", "route", "routes", "receiver", "receivers", "matchers", "match_re", "inhibit_rules"),
        *("slack_configs", "global", "scrape_configs", "rule_files", "schema_config", "configs", "from"),
        *(
            "panels",
            "title",
            "uid",
            "templating",
            "list",
            "targets",
            "datasource",
            "id",
            "kind",
            "apiVersion",
        ),
        *("items", "data", "spec", "metadata", "objectives", "limits_config", "compactor", "dashboard"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        ["List", "ConfigMap", "PrometheusRule", "SLO", "up", "a=~(", "{{ $x", "../..", "$x", "5m"]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4),
    max_leaves=12,
)
SHAPES = st.sampled_from(sorted(path.name for path in SOUND.glob("*.*")))


@given(st.dictionaries(KEYS, TREES, max_size=5), SHAPES, st.data())
def test_no_tree_of_data_is_a_defect(tree: dict[str, Any], name: str, data: st.DataObject) -> None:
    """Any tree alone, and in any place of a sound one."""
    documents = read_sources([Text(name=name, content=(SOUND / name).read_text())])
    sound = next(source for sort in Sort for source in documents[sort]).tree
    whole: Any = json.loads(json.dumps(sound, default=str))
    here = whole
    while isinstance(here, dict | list) and here:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if data.draw(st.booleans()) or not isinstance(here[key], dict | list):
            here[key] = tree
            break
        here = here[key]
    for one in (tree, whole):
        for ending in (".json", ".yaml"):
            sources = read_sources([Text(name=f"x{ending}", content=json.dumps(one))])
            params = MonitoringParams.model_validate({"files": ["x"]})
            seen = look_at(params, Tree(root=SOUND, names=("x",)), sources)
            assert all(sentence(case.message) for case in seen.cases() if case.message)


@given(st.text(alphabet='{}$"` x:=,\\|', max_size=40))
def test_a_template_is_right_or_has_a_reason(text: str) -> None:
    assert wrong_in_template(text) == "" or "$" in wrong_in_template(text) or "{{" in text or "}}" in text
