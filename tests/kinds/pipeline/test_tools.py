"""Tools that look at pipelines as well: real ones where they are installed, stand-ins that misbehave."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from phasegate.inspection.tool import find_program
from phasegate.kinds.pipeline import tools
from phasegate.kinds.pipeline.kind import PipelineKind
from phasegate.kinds.pipeline.params import PipelineParams
from phasegate.model.observation import Case, CaseStatus, Observation
from phasegate.render.sentences import sentence
from phasegate.targets.processes.local import LocalProcesses
from tests.kinds.pipeline.looking import GATED, Files, github, gitlab, write
from tests.observed import number
from tests.worlds import TestWorld, world_at

PASSED, FAILED, LOST = CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.LOST
INJECTION = """
greet:
  runs-on: x
  permissions: {}
  steps:
    - run: echo ${{ github.event.issue.title }}
"""
WORKFLOW = ".github/workflows/ci.yml"


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_program(name, os.environ) is None, reason=f"{name} is not installed")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    (tmp_path / "bin").mkdir()
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    processes = LocalProcesses(environment, grace=1.0)
    async with world_at(
        "http://127.0.0.1:9", tmp_path, processes=processes, environment=environment
    ) as world:
        yield world


async def observe(world: TestWorld, files: Files, *names: str, **more: Any) -> Observation:
    write(world.root, files)
    params = PipelineParams(files=[".github/workflows/*.yml", "*.gitlab-ci.yml"], tools=names, **more)  # type: ignore[arg-type]
    return await PipelineKind().observe(params, world)


def cases(seen: Observation, start: str) -> list[Case]:
    return [case for case in seen.cases if case.id.startswith(start)]


def stand_in(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "actionlint"
) -> None:
    """A program of this name that does what a script says."""
    path = world.root / "bin" / name
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 1.7.9 && exit 0\n{script}\n')
    path.chmod(0o755)


@needs("zizmor")
async def test_zizmor_finds_an_injection_in_the_file_and_line(world: TestWorld) -> None:
    seen = await observe(world, github(INJECTION), "zizmor")
    (case,) = cases(seen, f"zizmor.template-injection/{WORKFLOW}")
    assert (case.status, case.part, case.line) == (FAILED, "zizmor", 8)
    assert "(zizmor.template-injection, zizmor " in sentence(case.message)
    assert number(seen, "findings_error") == 1


@needs("zizmor")
async def test_a_repository_does_not_switch_zizmor_off(world: TestWorld) -> None:
    rules = "rules: {template-injection: {disable: true}}\n"
    comment = INJECTION.replace("title }}", "title }} # zizmor: ignore[template-injection]")
    for files in ({**github(INJECTION), "zizmor.yml": rules}, github(comment)):
        seen = await observe(world, files, "zizmor")
        assert cases(seen, "zizmor.template-injection")
    seen = await observe(
        world, {**github(INJECTION), "zizmor.yml": rules}, "zizmor", use_repository_config=True
    )
    assert not cases(seen, "zizmor.template-injection")
    assert "zizmor is configured by the repository: zizmor.yml" in map(sentence, seen.notes)


@needs("zizmor")
async def test_a_file_that_zizmor_leaves_out_is_not_verified(world: TestWorld) -> None:
    odd = github("a: {oddity: 1, steps: [{run: make}]}")[WORKFLOW]
    seen = await observe(world, {**github(INJECTION), ".github/workflows/odd.yml": odd}, "zizmor")
    assert cases(seen, "zizmor.template-injection")
    (lost,) = [case for case in seen.cases if case.status is LOST]
    assert sentence(lost.message) == "not verified: zizmor left out .github/workflows/odd.yml"


@needs("check-jsonschema")
async def test_what_the_schemas_say_is_a_warning(world: TestWorld) -> None:
    files = {
        **github("a: {runs-on: x, oddity: 1, steps: [{run: make}]}"),
        **gitlab("a: {script: x, scrpt: y}"),
    }
    seen = await observe(world, files, "check-jsonschema")
    found = cases(seen, "check-jsonschema.schema")
    assert {case.file for case in found} == {WORKFLOW, ".gitlab-ci.yml"}
    assert {case.status for case in found} == {PASSED}
    assert all(sentence(case.message).startswith("warning: ") for case in found)


@needs("check-jsonschema")
@needs("zizmor")
async def test_tools_that_find_nothing_say_what_they_looked_at(world: TestWorld) -> None:
    quiet = {**github("a: {runs-on: x, permissions: {}, steps: [{run: make}]}"), **gitlab("a: {script: x}")}
    seen = await observe(world, quiet, "check-jsonschema", "zizmor")
    found = {case.id: sentence(case.message) for case in (*cases(seen, "check-json"), *cases(seen, "zizmor"))}
    assert list(found) == ["check-jsonschema", "zizmor"]
    assert found["check-jsonschema"].startswith("2 files looked at by check-jsonschema ")
    assert found["zizmor"].startswith("1 file looked at by zizmor ")


@needs("actionlint")
async def test_actionlint_says_what_it_finds(world: TestWorld) -> None:
    seen = await observe(
        world, github("a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ nothing.x }}'}]}"), "actionlint"
    )
    (case,) = cases(seen, f"actionlint.expression/{WORKFLOW}")
    assert (case.status, case.line) == (FAILED, 4)


async def test_a_finding_of_a_stand_in_has_file_line_and_version(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = json.dumps([{"kind": "expression", "filepath": WORKFLOW, "line": 3, "message": "odd"}])
    stand_in(world, monkeypatch, f"echo '{report}'; exit 1")
    seen = await observe(world, github(GATED), "actionlint")
    (case,) = cases(seen, "actionlint.")
    assert (case.id, case.line) == (f"actionlint.expression/{WORKFLOW}", 3)
    assert sentence(case.message) == "odd (actionlint.expression, actionlint 1.7.9)"


async def test_a_tool_that_finds_nothing_says_what_it_looked_at(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(world, monkeypatch, "echo '[]'")
    seen = await observe(world, github(GATED), "actionlint")
    (case,) = cases(seen, "actionlint")
    assert (case.status, sentence(case.message)) == (
        PASSED,
        "1 file looked at by actionlint 1.7.9",
    )


@pytest.mark.parametrize(
    "script", ["exit 0", "echo nonsense", "echo '{}'", "echo '[{}]'", "echo null", "exit 3"]
)
async def test_what_is_no_report_is_not_verified_whatever_the_exit_code(
    script: str, world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(world, monkeypatch, script)
    seen = await observe(world, github(GATED), "actionlint")
    (case,) = cases(seen, "actionlint")
    assert case.status is LOST
    assert sentence(case.message).startswith("not verified: actionlint")
    assert seen.measures["findings_error"].partial  # type: ignore[union-attr]


async def test_a_tool_that_is_not_there_is_not_verified_and_says_how_to_install_it(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phasegate.inspection.tool.find_program", lambda name, environment: None)
    seen = await observe(world, {**github(GATED), **gitlab("a: {script: x}")}, *tools.TOOLS)
    lost = {case.id: sentence(case.message) for case in seen.cases if case.status is LOST}
    assert lost == {
        name: f"not verified: {name} is not installed; {tool.install}" for name, tool in tools.TOOLS.items()
    }


async def test_a_tool_is_not_given_what_does_not_parse(
    world: TestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(world, monkeypatch, 'for one; do last=$one; done; echo "$last" > asked; echo "[]"')
    await observe(world, {**github(GATED), ".github/workflows/bad.yml": "a: [\n"}, "actionlint")
    assert (world.root / "asked").read_text() == f"./{WORKFLOW}\n"


async def test_tools_that_were_not_asked_are_named(world: TestWorld) -> None:
    seen = await observe(world, github(GATED))
    assert "not asked: zizmor, actionlint, check-jsonschema" in map(sentence, seen.notes)
