"""Whatever is written, loading ends with a plan or with problems in plain words."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasegate.base.errors import PlanError
from phasegate.kinds import KINDS
from phasegate.plan.checks.parameters import COMMON_KEYS
from phasegate.plan.loader import load
from phasegate.plan.text.annotations import keys_of
from tests.examples import examples
from tests.plan.conftest import REGISTRY

PLAN: dict[str, Any] = yaml.safe_load("""\
phasegate: 1
phase: p
title: "${v}"
goal: g
risks: [{title: t, measures: [a]}]
variables: {v: 1, w: "${v}"}
secrets: [TOKEN]
defaults: {timeout: 5s, retry: {attempts: 2, wait: 1s}}
confidence: 95%
target:
  default: web
  processes: {web: {command: [serve, "${self.port}"], env: {A: b}, ready: {url: /health, within: 20s}}}
  external: {docs: {url: "http://docs", headers: {A: b}, tls: {}}}
  compose:
    file: compose.yaml
    services: {shop: {port: 80, headers: {A: b}, tls: {}}, queue: {}}
    profiles: [more]
    env: {V: "${v}"}
    project: p
    within: 1m
  containers: {label: [a, b=c], services: [old], allow_faults: true}
  setup: [[make, a], {command: [make], limit: 3s}, {in: shop, command: [ls]}]
steps:
  - id: one
    needs: []
    requires: [node, {program: jq}, {in: queue, tools: [jq]}]
    tags: [t]
    setup: [[make]]
    checks:
      - {id: a, kind: probe, url: /, probes: 3, expect: {status: [200], json: {$.a: 1}, latency: 1s}}
      - {id: b, kind: burst, url: "${each}", each: {x: "${target.web.url}/x"}, rate: 10/s}
      - {id: c, kind: suite, suite: suite.yaml, criteria: [pass_rate == 100%]}
      - {id: d, kind: program, command: [x, "${out}"], path: suite.yaml, limit: 3s}
    criteria: [{criterion: a.latency.p95 < 1s, over: 1s, id: fast}]
  - id: two
    after: [one]
    checks:
      - {id: e, kind: quiet}
      - {id: g, kind: program, in: shop, command: [x, "${target.shop.port.80}"]}
gate: {checks: [{id: f, kind: probe, url: /, during: run}], criteria: [f.success_rate >= 1%], limit: 1h}
""")
SUITE: dict[str, Any] = yaml.safe_load("""\
suite: 1
flows: [{id: a, url: "/${v}", expect: {status: 200, schema: suite.yaml}, capture: {t: $.t}, each: [{r: 1}]}]
""")
COMPOSE: dict[str, Any] = yaml.safe_load("""\
services:
  shop: {image: s, ports: ["8080:80", {target: 81}], depends_on: {queue: {condition: service_started}}}
  queue: {image: q, expose: [5672], profiles: [more], network_mode: "service:shop", links: ["shop:x"]}
""")
JUNK: list[Any] = [
    *(
        None,
        [],
        {},
        "",
        "x",
        3,
        -1,
        2.5,
        True,
        [None],
        [[]],
        {"a": 1},
        {"x-a": [1]},
        "run",
        "..",
        "/",
        "no.yaml",
    ),
    *(
        "${x}",
        "${each}",
        "${out}",
        "${v}",
        "$$",
        "${",
        "${}",
        "${target.web.url}",
        "${target.x}",
        "${self.port}",
    ),
    *(
        "100%",
        "5s",
        "a" * 3000,
        10**30,
        float("inf"),
        "http://[",
        "https://x:99999",
        "(",
        "one",
        "a",
        "\u2028",
    ),
    "a.latency.p95 < 1s",
]


def test_no_kind_has_a_parameter_that_every_check_has() -> None:
    for name, kind in {**KINDS, **REGISTRY}.items():
        assert not COMMON_KEYS & set(keys_of(kind.Params)), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


def test_the_plan_that_is_changed_is_a_good_one(folder: Path) -> None:
    (folder / "suite.yaml").write_text(yaml.safe_dump(SUITE))
    (folder / "compose.yaml").write_text(yaml.safe_dump(COMPOSE))
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN, sort_keys=False))
    assert len(load(folder / "plan.yaml", kinds=REGISTRY, env={}).plan.checks()) == 7


@settings(max_examples=examples(50), suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.sampled_from(["plan", "suite", "compose"]))
def test_mistakes_of_every_sort_become_problems_with_a_place(
    folder: Path, random: Any, changes: int, where: str
) -> None:
    for name, tree in (("plan", PLAN), ("suite", SUITE), ("compose", COMPOSE)):
        tree = _changed(tree, random, changes) if name == where else tree
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False))
    try:
        load(folder / "plan.yaml", kinds=REGISTRY, env={"TOKEN": "0123456789"})
    except PlanError as error:
        found = error.problems
    else:
        return
    assert found
    for problem in found:
        assert problem.at is not None, problem
        assert not any(word in problem.message for word in ("Input should", "pydantic", "Value error"))


def _changed(tree: dict[str, Any], random: Any, changes: int) -> dict[str, Any]:
    """A copy with values replaced by junk, keys dropped and keys misspelt."""
    tree = copy.deepcopy(tree)
    for _ in range(changes):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        match random.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(random.choice(JUNK))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)
