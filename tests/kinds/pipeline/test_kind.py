"""The kind as a plan uses it: which files it reads as what, its cases and measures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phasegate.base.errors import ObservationError
from phasegate.kinds.pipeline.kind import PipelineKind
from phasegate.kinds.pipeline.params import PipelineParams
from phasegate.model.observation import CaseStatus
from phasegate.render.sentences import sentence
from tests.kinds.pipeline.looking import DEPLOY, GATED, TEST, github, gitlab, look, rules_of, write
from tests.observed import number
from tests.worlds import TestWorld, world_at


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[TestWorld]:
    async with world_at("http://127.0.0.1:9", tmp_path) as world:
        yield world


async def observe(world: TestWorld, **params: Any) -> Any:
    return await PipelineKind().observe(
        PipelineParams(**{"files": [".github/workflows/*.yml"], **params}), world
    )


async def test_rules_that_found_nothing_say_what_they_looked_at(world: TestWorld) -> None:
    write(world.root, github(GATED))
    seen = await observe(world)
    cases = {case.id: sentence(case.message) for case in seen.cases}
    assert {case.status for case in seen.cases} == {CaseStatus.PASSED}
    assert cases["pipeline-gate"].startswith("1 job that deploys looked at")
    assert cases["pipeline-needs"].startswith("3 jobs looked at")
    assert "pipeline-stage" not in cases
    assert (number(seen, "files"), number(seen, "objects"), number(seen, "findings_error")) == (1, 3, 0)


async def test_findings_are_cases_in_their_file_and_line(world: TestWorld) -> None:
    write(world.root, github(DEPLOY.replace("  needs: test\n", "")))
    seen = await observe(world)
    failed = [case for case in seen.cases if case.status is CaseStatus.FAILED]
    assert [(case.id, case.part, case.line) for case in failed] == [
        ("pipeline-gate/.github/workflows/ci.yml#deploy", "deploy", 4),
        ("pipeline-rollback/.github/workflows/ci.yml#deploy", "deploy", 4),
    ]
    assert number(seen, "findings_error") == 2


async def test_files_that_a_plan_names_may_lie_elsewhere_and_have_any_name(
    world: TestWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "ci[1].yml").write_text(next(iter(github(GATED).values())))
    seen = await observe(world, files=[f"{elsewhere}/*.yml"])
    assert (number(seen, "files"), number(seen, "objects"), number(seen, "findings_error")) == (1, 3, 0)


async def test_a_plan_lowers_a_rule_with_a_reason(world: TestWorld) -> None:
    write(world.root, github(TEST + DEPLOY))
    lower = {"pipeline-rollback": {"to": "info", "because": "it is a demo"}}
    seen = await observe(world, lower=lower)
    assert number(seen, "findings_error") == 0
    assert "the plan makes rule pipeline-rollback info: it is a demo" in map(sentence, seen.notes)


async def test_nothing_matched_is_nothing_passed(world: TestWorld) -> None:
    with pytest.raises(ObservationError) as none:
        await observe(world)
    assert "no file matches .github/workflows/*.yml" in sentence(none.value.message)


def test_configuration_of_tools_goes_with_tools() -> None:
    with pytest.raises(ValidationError, match="use_repository_config goes with tools"):
        PipelineParams(files="x", use_repository_config=True)


@pytest.mark.parametrize(
    ("name", "content", "rules"),
    [
        ("ci/build.yml", "on: push\njobs: {a: {steps: [{run: x}]}}", ["pipeline-missing-key"]),
        ("ci/build.yml", "a: {scrpt: x}", ["pipeline-missing-key", "pipeline-unknown-key"]),
        ("ci/x.gitlab-ci.yml", "jobs: {script: x}", []),
        (
            ".github/workflows/x.yml",
            "a: {script: x}",
            ["pipeline-missing-key"] * 2 + ["pipeline-unknown-key"],
        ),
        ("action.yml", "runs: {using: composite, steps: [{run: x}]}", []),
    ],
)
def test_a_file_is_read_as_its_name_or_its_content_tells(
    name: str, content: str, rules: list[str], tmp_path: Path
) -> None:
    assert rules_of(look(tmp_path, {name: content}, files=name)) == rules


def test_a_file_of_two_documents_is_read_by_its_last(tmp_path: Path) -> None:
    text = "spec: {inputs: {stage: {default: test}}}\n---\na: {stage: '$[[ inputs.stage ]]', script: x}\n"
    seen = look(tmp_path, gitlab(text))
    assert (rules_of(seen), seen.objects) == ([], 1)
    assert list(seen.unproven) == [".gitlab-ci.yml#a.stage"]


def test_what_another_file_includes_is_not_looked_at_by_itself(tmp_path: Path) -> None:
    files = {**gitlab("include: ci/part.yml\n.base: {script: x}"), "ci/part.yml": "a: {extends: .base}"}
    seen = look(tmp_path, files, files=[".gitlab-ci.yml", "ci/*.yml"])
    assert (rules_of(seen), seen.objects, seen.files) == ([], 1, 2)
