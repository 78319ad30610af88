"""The table of environments, included files and policies, and what the record keeps of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from phasegate.cli.app import run_command_line
from tests.pipeline.bench import Desk
from tests.rules import Rule, rules

PLAN = """
variables: {code: 0, most: 0}
owner: me
approver: you
environments:
  staging: {variables: {code: 0}}
  prod: {variables: {code: 3}}
steps:
  - id: only
    checks: [{id: done, kind: command, command: [python, -c, "raise SystemExit(${code})"]}]
"""
FLOORS = "policy: 1\ntitle: Floors\nconfidence: 95%\nrequire: [command]\ndistinct_approver: true\n"
INCLUDED = """
steps:
  - id: more
    checks: [{id: again, kind: command, command: [python, -c, "raise SystemExit(${code})"]}]
    criteria: [again.exit_code == 1]
"""
LOADED = """
target: {external: {app: {url: "http://127.0.0.1:9"}}}
steps: [{id: only, checks: [{id: hit, kind: load, url: /, rate: 1/s, duration: 1s}]}]
"""


PROD = "prod: {variables: {code: 3}}"
Files = dict[str, str]


def env(name: str, plan: str = PLAN) -> tuple[Files, list[str]]:
    return {"plan.yaml": plan}, ["--env", name]


def including(included: str) -> tuple[Files, list[str]]:
    return {"plan.yaml": PLAN + "include: [more.yaml]\n", "more.yaml": included}, []


def under(policy: str, plan: str = PLAN) -> tuple[Files, list[str]]:
    return {"plan.yaml": plan, "org.yaml": policy}, ["--policy", "org.yaml"]


SITUATIONS: dict[str, tuple[Files, list[str]]] = {
    "the plan holds in the chosen environment": env("staging"),
    "a criterion is not met in the chosen environment": env("prod"),
    "the plan has no such environment": env("production"),
    "an environment has criteria": env("staging", PLAN.replace("staging: {", "staging: {criteria: [], ")),
    "a variable of an environment changes a criterion": env(
        "staging",
        PLAN.replace(PROD, "prod: {variables: {most: 3}}") + "    criteria: ['done.exit_code <= ${most}']\n",
    ),
    "an environment that is not chosen is broken": env("staging", PLAN.replace("code: 3", "cod: 3")),
    "an included criterion is not met": including(INCLUDED),
    "an included file has an id of the plan": including(INCLUDED.replace("id: more", "id: only")),
    "an included file includes another": including(INCLUDED + "include: [plan.yaml]\n"),
    "the plan keeps every floor of the policy": under(FLOORS),
    "the plan is below a floor of the policy": under(FLOORS.replace("95%", "99%")),
    "the policy cannot be read": under("policy: 1\nconfidence: [\n"),
    "load on an entry that only the policy protects, without --confirm": under(
        "policy: 1\nprotected: [app]\n", LOADED
    ),
}


@pytest.mark.parametrize("rule", rules("environments"), ids=str)
def test_runs_end_by_the_table_of_the_docs(
    desk: Desk, rule: Rule, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files, flags = SITUATIONS[rule.situation]
    for name, text in files.items():
        desk.plan(text) if name == "plan.yaml" else desk.write(name, text)
    monkeypatch.chdir(desk.path)
    code = run_command_line(["run", "plan.yaml", "-o", "out", *flags])
    said = capfd.readouterr().err
    assert code == rule.exit_code, said
    if rule.verdict == "nothing runs":
        assert not Path("out").exists()
        assert "error: " in said
    else:
        assert json.loads(Path("out/result.json").read_text())["verdict"] == rule.verdict


def test_table_of_the_docs_has_every_situation() -> None:
    assert {rule.situation for rule in rules("environments")} == set(SITUATIONS)


def test_environment_policy_and_included_files_are_in_the_record_and_on_every_first_screen(
    desk: Desk,
) -> None:
    desk.write("org.yaml", FLOORS)
    desk.write("more.yaml", INCLUDED)
    desk.plan(PLAN + "include: [more.yaml]\n")
    ran = desk.run("--env", "prod", env={"PHASEGATE_POLICY": "org.yaml"}).is_whole()
    digest = hashlib.sha256(FLOORS.encode()).hexdigest()
    assert ran.result["env"] == "prod"
    assert ran.result["policy"] == {
        "name": "Floors",
        "path": "org.yaml",
        "sha256": digest,
        "distinct_approver": True,
    }
    assert ran.result["variables"]["code"] == 3
    assert [file["path"] for file in ran.result["plan"]["files"]] == ["more.yaml"]
    assert ran.criterion("again.exit_code")["source"] == "more.yaml:5"
    for text in (ran.err, (ran.folder / "report.html").read_text(), (ran.folder / "junit.xml").read_text()):
        assert f"Floors (org.yaml, sha256 {digest[:12]})" in text
        assert "prod" in text
    assert "phasegate run plan.yaml --env prod --check again" in ran.err
