"""`slo`: objectives of OpenSLO become criteria of a check, or the plan says why they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegate.base.errors import PlanError
from phasegate.cli.schema import Document, schema_of
from phasegate.kinds import KINDS
from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute
from phasegate.plan.checks.objectives import criterion_of
from phasegate.plan.loader import LoadedPlan, load
from phasegate.render.sentences import sentence
from tests.answering import Reply, answering

SHIPPED = (Path(__file__).parents[3] / "checks/slo/api.yaml").read_text()
PLAN = """\
phasegate: 1
phase: slo
title: The team's SLOs hold
target: {external: {api: {url: "http://127.0.0.1:9"}}}
steps:
  - id: serving
    checks:
      - {id: up, kind: health, url: /, probes: 4000, slo: slo.yaml}
"""


def load_with(folder: Path, slo: str | None, plan: str = PLAN) -> LoadedPlan:
    if slo is not None:
        (folder / "slo.yaml").write_text(slo)
    (folder / "plan.yaml").write_text(plan)
    return load(folder / "plan.yaml", kinds=KINDS, env={})


def criteria(loaded: LoadedPlan) -> dict[str, str]:
    return {f"{one.id} {one.criterion.required}": one.ref for one in loaded.plan.criteria}


def test_the_shipped_objectives_are_criteria_with_their_source(tmp_path: Path) -> None:
    loaded = load_with(tmp_path, SHIPPED)
    assert criteria(loaded) == {
        "up.success_rate >= 99.9%": "slo.yaml: api-availability",
        "up.latency.p95 <= 100ms": "slo.yaml: api-latency",
    }
    first, second = loaded.plan.criteria
    assert (first.title, first.at.line) == ("The API answers", 8)
    assert second.criterion.quantity.value == 0.1
    assert [Path(file.path).name for file in loaded.plan.record.files] == ["slo.yaml"]


def test_each_part_is_held_to_the_objectives(tmp_path: Path) -> None:
    plan = PLAN.replace("url: /,", 'url: "/${each}", each: {a: a, b: b},')
    assert list(criteria(load_with(tmp_path, SHIPPED, plan))) == [
        "up/a.success_rate >= 99.9%",
        "up/b.success_rate >= 99.9%",
        "up/a.latency.p95 <= 100ms",
        "up/b.latency.p95 <= 100ms",
    ]


def test_what_the_plan_writes_is_judged_beside_them(tmp_path: Path) -> None:
    own = "slo: [slo.yaml], criteria: [{criterion: success_rate == 100%, id: all}]"
    plan = PLAN.replace("slo: slo.yaml", own)
    assert list(criteria(load_with(tmp_path, SHIPPED, plan)))[:2] == [
        "all == 100%",
        "up.success_rate >= 99.9%",
    ]
    with pytest.raises(PlanError) as raised:
        load_with(tmp_path, SHIPPED, plan.replace(", id: all", ""))
    assert "criterion 'up.success_rate' is already" in sentence(raised.value.problems[0].message)


def slo(objective: dict[str, Any], name: str = "a", **indicator: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"indicator": {"spec": indicator}, "objectives": [objective]},
    }


def source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


FAST = {"thresholdMetric": source("request_duration_seconds")}
GOOD = {"ratioMetric": {"good": source("ok_total"), "total": source("all_total")}}
UP = "success_rate >= 99.9%"


@pytest.mark.parametrize(
    ("objective", "indicator", "criterion"),
    [
        ({"target": 0.999}, GOOD, "success_rate >= 99.9%"),
        ({"targetPercent": 99.95}, GOOD, "success_rate >= 99.95%"),
        ({"target": 0.9, "op": "lte", "value": 0.25}, FAST, "latency.p90 <= 250ms"),
        ({"target": 0.99, "op": "lt", "value": 1}, FAST, "latency.p99 < 1s"),
        (
            {"target": 0.9, "op": "lt", "value": 300},
            {"thresholdMetric": source("histogram_quantile(0.99, rate(x_milliseconds_bucket[5m]))")},
            "latency.p99 < 300ms",
        ),
        (
            {"target": 0.95},
            {"ratioMetric": {"good": source('sum(rate(d_ms_bucket{a="b",le="250"}[5m]))')}},
            "latency.p95 <= 250ms",
        ),
        ({"target": 0.999}, {"ratioMetric": {"bad": source("e_total"), "total": source("all_total")}}, UP),
        ({"target": 0.999}, {"ratioMetric": {"raw": source("availability"), "rawType": "success"}}, UP),
        (
            {"target": 0.95},
            {"ratioMetric": {"bad": source('d_seconds_count - d_seconds_bucket{le="0.25"}')}},
            "latency.p95 <= 250ms",
        ),
    ],
)
def test_an_objective_is_a_criterion(
    objective: dict[str, Any], indicator: dict[str, Any], criterion: str
) -> None:
    written = slo(objective, **indicator)
    assert criterion_of(written, objective, {}) == criterion


def test_an_indicator_may_stand_beside_its_slo() -> None:
    written = {"spec": {"indicatorRef": "good"}}
    assert criterion_of(written, {"target": 0.99}, {"good": GOOD}) == "success_rate >= 99%"
    own = {"target": 0.9, "op": "lt", "value": 2, "indicator": {"spec": FAST}}
    assert criterion_of(written, own, {}) == "latency.p90 < 2s"


@pytest.mark.parametrize(
    ("objective", "indicator", "why"),
    [
        ({}, GOOD, "has no target"),
        ({"target": 99.9}, GOOD, "between 0 and 1"),
        ({"target": 1}, GOOD, "between 0 and 1"),
        ({"target": "much"}, GOOD, "is no number"),
        ({"target": True}, GOOD, "is no number"),
        ({"target": 0.9, "op": "gt", "value": 1}, FAST, "op is lt or lte"),
        ({"target": 0.9, "op": "lt", "value": -1}, FAST, "is no number above 0"),
        ({"target": 0.9, "op": "lt", "value": 1}, {"thresholdMetric": source("duration")}, "the unit is not"),
        ({"target": 0.9}, {"ratioMetric": {"good": source("fast_latency_total")}}, "within which time"),
        ({"target": 0.9}, {"ratioMetric": {"bad": source("slow_requests_total")}}, "within which time"),
        ({"target": 0.9}, FAST, "write op and value"),
        ({"target": 0.9}, {"description": "good ones"}, "it has no ratioMetric"),
        ({"target": 0.9, "targetPercent": 99}, GOOD, "and not both"),
        (
            {"target": 0.9},
            {"ratioMetric": {"good": source('d_seconds_bucket{le="1"} - d_seconds_bucket{le="0.1"}')}},
            "several edges, le: 0.1, 1",
        ),
        (
            {"target": 0.9, "op": "lt", "value": 1},
            {"thresholdMetric": source("rate(d_seconds_sum[5m]) / rate(d_seconds_count[5m])")},
            "is of a mean",
        ),
    ],
)
def test_what_cannot_be_told_of_an_objective_is_said(
    objective: dict[str, Any], indicator: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        criterion_of(slo(objective, **indicator), objective, {})


@pytest.mark.parametrize("method", ["Timeslices", "RatioTimeslices"])
def test_an_objective_on_pieces_of_time_is_none_on_requests(method: str) -> None:
    written = slo({"target": 0.99}, **GOOD)
    written["spec"]["budgetingMethod"] = method
    with pytest.raises(ValueError, match=f"budgetingMethod {method} counts pieces of time"):
        criterion_of(written, {"target": 0.99}, {})


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (None, "plan.yaml:8", "there is no file 'slo.yaml'"),
        ("kind: Pod\n", "plan.yaml:8", "has no SLO"),
        ("kind: SLO\nmetadata: {name: a}\nspec: {service: a}\n", "slo.yaml:3", "has no objectives"),
        (SHIPPED.replace("0.999", "99.9"), "slo.yaml:19", "SLO 'api-availability': a target is between"),
        (
            SHIPPED.replace("    spec:\n      ratio", "    spec: [\n      ratio", 1),
            "slo.yaml:14",
            "a list in [ ] is not closed",
        ),
        (
            SHIPPED.replace("indicator:\n", "indicatorRef: gone\n  indicated:\n"),
            "slo.yaml:20",
            "its indicator 'gone' (kind: SLI) is not in the file",
        ),
    ],
)
def test_a_file_that_is_wrong_is_an_error_with_its_place(
    tmp_path: Path, text: str | None, line: str, why: str
) -> None:
    with pytest.raises(PlanError) as raised:
        load_with(tmp_path, text)
    found = [(f"{one.at}", sentence(one.message)) for one in raised.value.problems]
    assert any(line in place and why in message for place, message in found), found


def test_a_check_without_the_measure_says_so(tmp_path: Path) -> None:
    plan = PLAN.replace("kind: health, url: /, probes: 4000", "kind: command, command: [make]")
    with pytest.raises(PlanError) as raised:
        load_with(tmp_path, SHIPPED, plan)
    assert "up has no measure 'success_rate'" in sentence(raised.value.problems[0].message)


def test_the_schema_takes_one_file_or_several() -> None:
    assert "slo" in str(schema_of(Document.PLAN))


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_service_is_held_to_the_objectives(tmp_path: Path, status: int, code: int) -> None:
    with answering(lambda asked: Reply(status=status)) as url:
        (tmp_path / "slo.yaml").write_text(SHIPPED.replace("0.1", "10").replace("0.999", "0.99"))
        plan = tmp_path / "plan.yaml"
        plan.write_text(PLAN.replace("http://127.0.0.1:9", url).replace("4000", "400"))
        result = execute(RunRequest(plan=plan, output=tmp_path / "out", command=("phasegate",)), None).result
    assert result.exit_code == code, sentence(result.reason)
    assert {one.asked.ref for one in result.criteria} == {
        "slo.yaml: api-availability",
        "slo.yaml: api-latency",
    }
