"""Each rule: what trips it, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phasegate.inspection.finding import Severity
from phasegate.kinds.pipeline.rules import RULES
from phasegate.render.rules import rule_texts
from tests.kinds.pipeline.looking import BACK, DEPLOY, GATED, TEST, Files, github, gitlab, look, rules_of

Case = tuple[Files, dict[str, Any]]
NPM = '{"dependencies": {"a": "1"}}'
PYTHON = "steps: [{uses: actions/setup-python@v5, with: {python-version: '3.12'}}, {run: pytest}]"


def job(more: str, name: str = "a") -> Files:
    return github(f"{name}:\n  runs-on: x\n  steps: [{{run: make}}]\n  {more}\n")


BAD: dict[str, list[Case]] = {
    "file-readable": [(gitlab("a: {script: \udcff}"), {})],
    "yaml-valid": [
        ({".gitlab-ci.yml": "a: [\n"}, {}),
        ({".gitlab-ci.yml": "a: {script: x}\na: {script: y}"}, {}),
    ],
    "pipeline-unknown-key": [(job("rns-on: x"), {}), (gitlab("a: {scrpt: x, script: y}"), {})],
    "pipeline-shape": [
        (job("strategy: [1]"), {}),
        (gitlab("stages: test\na: {script: x}"), {}),
        (gitlab("a: {script: x, needs: b}\nb: {script: x}"), {}),
        (gitlab('a: {script: ["echo", {a: b}]}'), {}),
        (gitlab("a: text"), {}),
    ],
    "pipeline-empty": [
        (github("a: {runs-on: x, steps: []}"), {}),
        (gitlab("a: {script: []}"), {}),
        (gitlab("# nothing\n"), {}),
    ],
    "pipeline-missing-key": [
        (github("a: {runs-on: x}"), {}),
        (github("a: {runs-on: x, steps: [{name: x}]}"), {}),
        (gitlab("a: {stage: test}"), {}),
    ],
    "pipeline-job-name": [(job("name: x", name="1a"), {})],
    "pipeline-include": [
        (github("a: {uses: ./.github/workflows/none.yml}"), {}),
        (gitlab("include: none.yml\na: {script: x}"), {}),
        (gitlab("include: [{local: ../../etc/passwd}]\na: {script: x}"), {}),
    ],
    "pipeline-reference": [
        (gitlab("a: {extends: .b, script: x}"), {}),
        (gitlab(".a: {extends: .b}\n.b: {extends: .a}\nc: {extends: .a, script: x}"), {}),
        (gitlab("a: {script: [!reference [b, script]]}"), {}),
        (gitlab("a: {script: [!reference [a, script]]}"), {}),
    ],
    "pipeline-stage": [
        (gitlab("a: {stage: b, script: x}"), {}),
        (gitlab("stages: [build]\na: {script: x}"), {}),
    ],
    "pipeline-needs": [
        (job("needs: b"), {}),
        (gitlab("a: {script: x, needs: [b]}"), {}),
        (gitlab("a: {script: x, stage: build, needs: [b]}\nb: {script: x, stage: deploy, needs: []}"), {}),
        (gitlab("a: {script: x, dependencies: [b]}\nb: {script: x}"), {}),
    ],
    "pipeline-cycle": [
        (job("needs: a"), {}),
        (gitlab("a: {script: x, needs: [b]}\nb: {script: x, needs: [a]}"), {}),
        (github("a: {uses: ./.github/workflows/ci.yml}"), {}),
    ],
    "pipeline-named-job": [(github(GATED), {"deploys": ["ship-*"]}), (github(GATED), {"tests": "unit"})],
    "pipeline-gate": [(github(DEPLOY.replace("  needs: test\n", "")), {})],
    "pipeline-gate-tolerated": [(github(GATED.replace("pytest", "pytest || true")), {})],
    "pipeline-gate-bypassed": [(github(GATED.replace("environment", "if: always()\n  environment")), {})],
    "pipeline-environment": [(github(GATED.replace("  environment: production\n", "")), {})],
    "pipeline-rollback": [(github(TEST + DEPLOY), {})],
    "pipeline-rollback-document": [
        (github(TEST + DEPLOY), {"rollback": {"file": "RUNBOOK.md"}}),
        (
            {**github(TEST), "RUNBOOK.md": "call us"},
            {"rollback": {"file": "RUNBOOK.md", "command": "helm rollback"}},
        ),
    ],
    "pipeline-toolchain": [
        (gitlab("a: {image: 'python:3.12', script: x}\nb: {image: 'python:3.11-slim', script: x}"), {})
    ],
    "pipeline-toolchain-file": [
        ({**github(f"a: {{runs-on: x, {PYTHON}}}"), ".python-version": "3.11\n"}, {}),
        (
            {
                **github(f"a: {{runs-on: x, {PYTHON}}}"),
                "pyproject.toml": "[project]\nrequires-python = '>=3.13'\n",
            },
            {},
        ),
        ({**github(TEST), ".nvmrc": "v20\n", ".tool-versions": "nodejs 22.1.0\n"}, {}),
    ],
    "pipeline-lockfile": [({**github(TEST), "package.json": NPM}, {})],
}
GOOD: dict[str, list[Case]] = {
    "file-readable": [(github(GATED), {})],
    "yaml-valid": [(github("a: &a {runs-on: x, steps: [{run: make}]}\nb: *a"), {})],
    "pipeline-unknown-key": [
        (job("timeout-minutes: 5"), {}),
        (gitlab(".x: {anything: 1}\nvariables: {A: b}\nworkflow: {rules: []}\na: {script: x}"), {}),
    ],
    "pipeline-shape": [
        (job("strategy: ${{ fromJSON(needs.x.outputs.y) }}"), {}),
        (gitlab("a: {script: [[echo], x], before_script: [], needs: []}"), {}),
    ],
    "pipeline-empty": [(job("needs: b"), {}), (gitlab("a: {script: x, before_script: []}"), {})],
    "pipeline-missing-key": [
        (github("a: {uses: o/r/.github/workflows/x.yml@v1}"), {}),
        (gitlab("a: {trigger: group/project}"), {}),
        (gitlab(".b: {script: x}\na: {extends: .b}"), {}),
    ],
    "pipeline-job-name": [(job("name: x", name="_a-1"), {})],
    "pipeline-include": [
        ({**gitlab("include: /ci/*.yml"), "ci/a.yml": "a: {script: x}"}, {"files": ".gitlab-ci.yml"}),
        (gitlab("include: [{remote: 'https://example.com/x.yml'}]\na: {script: x}"), {}),
    ],
    "pipeline-reference": [
        (gitlab(".a: {script: [x, y]}\nb: {script: [!reference [.a, script], z]}"), {}),
        (gitlab(".a: {script: x}\n.b: {extends: .a}\nc: {extends: [.a, .b]}"), {}),
        (gitlab("include: [{template: X.yml}]\na: {extends: .of_x}"), {}),
    ],
    "pipeline-stage": [
        (gitlab("a: {stage: .pre, script: x}\nb: {script: x}"), {}),
        (gitlab("stages: [one]\na: {stage: one, script: x}"), {}),
    ],
    "pipeline-needs": [
        (github(GATED), {}),
        (
            gitlab("a: {script: x, needs: [{job: b, optional: true}, {pipeline: other}, c]}\nc: {script: x}"),
            {},
        ),
        (gitlab("a: {script: x, needs: ['c 1/2', 'c: [d]']}\nc: {script: x, parallel: 2}"), {}),
    ],
    "pipeline-cycle": [(github(GATED), {}), (gitlab("a: {script: x, needs: [b]}\nb: {script: x}"), {})],
    "pipeline-named-job": [
        (github(GATED), {"deploys": ["dep*"], "tests": [".github/workflows/ci.yml#test"]})
    ],
    "pipeline-gate": [(github(GATED), {})],
    "pipeline-gate-tolerated": [(github(GATED.replace("pytest", "pytest || exit 1")), {})],
    "pipeline-gate-bypassed": [
        (github(GATED.replace("environment", "if: github.ref == 'x'\n  environment")), {})
    ],
    "pipeline-environment": [(github(GATED), {}), (github(TEST), {})],
    "pipeline-rollback": [
        (github(TEST + DEPLOY + BACK), {}),
        ({**github(TEST + DEPLOY), "R.md": "how"}, {"rollback": {"file": "R.md"}}),
    ],
    "pipeline-rollback-document": [
        (
            {**github(TEST + DEPLOY), "R.md": "run `helm\n  rollback web`"},
            {"rollback": {"file": "R.md", "command": "helm rollback web"}},
        )
    ],
    "pipeline-toolchain": [
        (gitlab("a: {image: 'python:3.12', script: x}\nb: {image: 'python:3.12.4-slim', script: x}"), {}),
        (gitlab("a: {image: 'python:3.12', script: x}\nb: {image: 'python:latest', script: x}"), {}),
    ],
    "pipeline-toolchain-file": [
        ({**github(f"a: {{runs-on: x, {PYTHON}}}"), ".python-version": "3.12.1\n"}, {}),
        (
            {
                **github(f"a: {{runs-on: x, {PYTHON}}}"),
                "pyproject.toml": "[project]\nrequires-python = '>=3.11'\n",
            },
            {},
        ),
    ],
    "pipeline-lockfile": [
        ({**github(TEST), "package.json": NPM, "pnpm-lock.yaml": ""}, {}),
        ({**github(TEST), "package.json": '{"name": "a"}'}, {}),
    ],
}


def cases(table: dict[str, list[Case]]) -> list[Any]:
    return [
        pytest.param(rule, *case, id=f"{rule}-{number}")
        for rule, several in table.items()
        for number, case in enumerate(several)
    ]


@pytest.mark.parametrize(("rule", "files", "params"), cases(BAD))
def test_what_is_wrong_trips_the_rule(
    rule: str, files: Files, params: dict[str, Any], tmp_path: Path
) -> None:
    assert rule in rules_of(look(tmp_path, files, **params))


@pytest.mark.parametrize(("rule", "files", "params"), cases(GOOD))
def test_what_is_right_does_not(rule: str, files: Files, params: dict[str, Any], tmp_path: Path) -> None:
    assert rule not in rules_of(look(tmp_path, files, **params))


def test_every_rule_is_tried_both_ways() -> None:
    assert set(BAD) == set(GOOD) == {rule.id for rule in RULES}


def test_every_rule_says_what_is_wrong_and_what_would_be_right() -> None:
    ours = [rule for rule in RULES if rule.id.startswith("pipeline-")]
    assert all(all(rule_texts(rule.id)) for rule in ours)
    assert not any("{" in rule_texts(rule.id)[1] for rule in ours)
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert {rule.id for rule in ours if rule.severity is not Severity.ERROR} == {"pipeline-toolchain"}


def test_a_pipeline_that_is_gated_has_no_finding(tmp_path: Path) -> None:
    assert rules_of(look(tmp_path, github(GATED))) == []
