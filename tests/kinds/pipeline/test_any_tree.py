"""No tree of YAML is too odd, and nothing that leads back to itself goes on for ever."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasegate.inspection.finding import Inspection
from tests.kinds.pipeline.looking import look, rules_of

KEYS = (
    "jobs",
    "on",
    "needs",
    "steps",
    "run",
    "uses",
    "if",
    "environment",
    "strategy",
    "matrix",
    "include",
    "container",
    "image",
    "with",
    "python-version",
    "workflow_run",
    "workflows",
    "workflow_call",
    "env",
    "defaults",
    "shell",
    "deploy",
    "test",
    "rollback",
    "a",
    "b",
    ".a",
    "extends",
    "stages",
    "stage",
    "script",
    "before_script",
    "default",
    "rules",
    "when",
    "allow_failure",
    "exit_codes",
    "dependencies",
    "variables",
    "trigger",
    "local",
    "name",
    "action",
    "job",
    "optional",
    "continue-on-error",
    "types",
    "inherit",
    "spec",
    "cache",
)
TEXTS = (
    "a",
    "b",
    ".a",
    "test",
    "deploy",
    "pytest || true",
    "kubectl apply -f x",
    "always()",
    "false",
    "./.github/workflows/a.yml",
    "./",
    "./x",
    "push",
    "a.yml",
    "*.yml",
    "${{ matrix.a }}",
    "$A",
    "$[[ inputs.x ]]",
    "python:3.12",
    "((",
    "'",
    "",
    "\\",
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(TEXTS)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=30,
)
JOBS = st.dictionaries(
    st.sampled_from(KEYS), st.dictionaries(st.sampled_from(KEYS), TREES, max_size=6), max_size=4
)


def seen_of(name: str, tree: Any) -> Inspection:
    with tempfile.TemporaryDirectory() as folder:
        return look(Path(folder), {name: json.dumps(tree)}, files=name)


@given(TREES)
def test_any_tree_is_looked_at_as_a_workflow(tree: Any) -> None:
    assert seen_of(".github/workflows/a.yml", tree).files == 1


@given(TREES)
def test_any_tree_is_looked_at_as_a_pipeline_of_gitlab(tree: Any) -> None:
    assert seen_of(".gitlab-ci.yml", tree).files == 1


@given(JOBS)
def test_jobs_of_any_shape_are_looked_at(jobs: Any) -> None:
    assert seen_of(".github/workflows/a.yml", {"on": "push", "jobs": jobs}).files == 1
    assert seen_of(".gitlab-ci.yml", jobs).files == 1


@given(TREES)
def test_a_composite_action_of_any_shape_is_followed(tree: Any) -> None:
    jobs = {"a": {"runs-on": "x", "steps": [{"uses": "./a"}]}}
    with tempfile.TemporaryDirectory() as folder:
        files = {
            ".github/workflows/a.yml": json.dumps({"on": "push", "jobs": jobs}),
            "a/action.yml": json.dumps(tree),
        }
        assert look(Path(folder), files).objects == 1


def within(seconds: float, root: Path, files: dict[str, str]) -> Inspection:
    """Processor time, as other programs may hold the machine."""
    start = time.process_time()
    seen = look(root, files)
    assert time.process_time() - start < seconds
    return seen


def test_a_long_chain_of_needs_ends(tmp_path: Path) -> None:
    jobs = {
        f"j{n}": {"runs-on": "x", "steps": [{"run": "make"}], "needs": f"j{n - 1}"} for n in range(1, 600)
    }
    jobs["j0"] = {"runs-on": "x", "steps": [{"run": "make"}], "needs": "j599"}
    seen = within(5, tmp_path, {".github/workflows/a.yml": json.dumps({"on": "push", "jobs": jobs})})
    assert set(rules_of(seen)) == {"pipeline-cycle"}


@pytest.mark.slow
def test_workflows_that_call_each_other_twice_end(tmp_path: Path) -> None:
    call = {"uses": "./.github/workflows/w{}.yml"}
    files = {
        f".github/workflows/w{n}.yml": json.dumps(
            {"on": "workflow_call", "jobs": {job: {"uses": call["uses"].format(n + 1)} for job in "abcd"}}
        )
        for n in range(12)
    }
    files[".github/workflows/w12.yml"] = json.dumps(
        {"on": "workflow_call", "jobs": {"a": {"runs-on": "x", "steps": [{"run": "make"}]}}}
    )
    within(40, tmp_path, files)


def test_workflows_that_call_each_other_in_a_ring_are_found(tmp_path: Path) -> None:
    def calls(name: str) -> str:
        return json.dumps({"on": "workflow_call", "jobs": {"a": {"uses": f"./.github/workflows/{name}.yml"}}})

    seen = within(5, tmp_path, {".github/workflows/a.yml": calls("b"), ".github/workflows/b.yml": calls("a")})
    assert "pipeline-cycle" in rules_of(seen)


def test_references_that_double_end(tmp_path: Path) -> None:
    lines = [".a0: {script: [x, x, x, x, x, x, x, x, x, x]}"]
    for n in range(1, 9):
        many = ", ".join([f"!reference [.a{n - 1}, script]"] * 10)
        lines.append(f".a{n}: {{script: [{many}]}}")
    lines.append("job: {script: [!reference [.a8, script]]}")
    seen = within(60, tmp_path, {".gitlab-ci.yml": "\n".join(lines)})
    assert rules_of(seen) == []
    assert list(seen.unproven) == [".gitlab-ci.yml#jobs"]


@pytest.mark.slow
def test_extends_that_double_end(tmp_path: Path) -> None:
    lines = [".a0: {script: x}"] + [
        f".a{n}: {{extends: [{', '.join([f'.a{n - 1}'] * 9)}]}}" for n in range(1, 11)
    ]
    within(60, tmp_path, {".gitlab-ci.yml": "\n".join([*lines, "job: {extends: .a10}"])})


@pytest.mark.parametrize("text", ["include: [a.yml, b.yml]", "include: '*.yml'", "include: {local: a.yml}"])
def test_includes_that_include_each_other_end(text: str, tmp_path: Path) -> None:
    files = {
        ".gitlab-ci.yml": f"{text}\nc: {{script: x}}",
        "a.yml": "include: b.yml\na: {script: x}",
        "b.yml": "include: [a.yml, .gitlab-ci.yml]\nb: {script: x}",
    }
    seen = look(tmp_path, files, files=[".gitlab-ci.yml", "a.yml", "b.yml"])
    assert (rules_of(seen), seen.objects) == ([], 3)


def test_a_text_that_is_nested_deep_ends(tmp_path: Path) -> None:
    condition = "(" * 3_000 + "a" + ")" * 3_000
    jobs = {"a": {"runs-on": "x", "if": condition, "steps": [{"run": "(" * 3_000}]}}
    within(5, tmp_path, {".github/workflows/a.yml": json.dumps({"on": "push", "jobs": jobs})})
