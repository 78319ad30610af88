from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from phasegate.record.provenance import provenance
from phasegate.render.sentences import sentence


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_machine_and_interpreter_are_named_and_nothing_is_empty(tmp_path: Path) -> None:
    facts = provenance(tmp_path, {})
    assert {"host", "system", "cpus", "python"} <= set(facts)
    assert all(facts.values())
    assert "commit" not in facts
    assert "ci" not in facts


def test_the_commit_says_whether_files_differ_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert provenance(tmp_path, {})["commit"] == commit
    (tmp_path / "a").write_text("2")
    assert sentence(provenance(tmp_path, {})["commit"]) == f"{commit} with uncommitted changes"


@pytest.mark.parametrize(
    ("environment", "link"),
    [
        (
            {"GITHUB_SERVER_URL": "https://host", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"},
            "https://host/a/b/actions/runs/7",
        ),
        ({"CI_JOB_URL": "https://lab/job/1"}, "https://lab/job/1"),
        ({"BUILD_URL": "https://ci/build/2"}, "https://ci/build/2"),
    ],
)
def test_the_job_of_a_ci_is_linked(tmp_path: Path, environment: dict[str, str], link: str) -> None:
    assert provenance(tmp_path, environment)["ci"] == link
