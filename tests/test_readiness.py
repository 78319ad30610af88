"""A repository that is not ready for production is refused, each fault by a sentence with file and line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phasegate.kinds import KINDS
from phasegate.model.codec import result_from_json
from phasegate.render.failures import findings_of
from phasegate.render.html import document
from phasegate.render.sentences import sentence

FAULTY = Path(__file__).parent / "kinds/kubernetes/faulty"
SOUND = Path(__file__).parent / "kinds/kubernetes/sound.yaml"
FILES = {
    "Dockerfile": """FROM debian:latest
ENV API_KEY=abc123456789
RUN apt-get update && apt-get install -y curl
COPY . .
CMD sleep 1
""",
    ".hadolint.yaml": "ignored: [DL3007, DL3008, DL3009, DL3015]\n",
    "compose.yaml": """services:
  web:
    image: nginx
    healthcheck: {test: [CMD, "true"]}
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
""",
    ".github/workflows/ci.yml": """name: CI
on: push
jobs:
  test:
    runs-on: ubuntu-24.04
    steps:
      - run: pytest || true
  deploy:
    runs-on: ubuntu-24.04
    needs: test
    environment: production
    steps:
      - run: kubectl apply -f k8s
""",
    "requirements.txt": "flask==0.12\n",
    "plan.yaml": """phasegate: 1
phase: readiness
title: Ready for production
steps:
  - id: files
    checks:
      - {id: manifests, kind: kubernetes, files: ["k8s/**/*.yaml"]}
      - {id: images, kind: dockerfile, files: [Dockerfile, compose.yaml], tools: [hadolint]}
      - {id: ci, kind: pipeline, files: [".github/workflows/*.yml"]}
      - {id: old, kind: scan, results: old.sarif}
      - id: packages
        kind: scan
        preset: pip-audit
        arguments: [--no-deps, --disable-pip, -s, osv, --osv-url, "http://127.0.0.1:9/"]
""",
}
OLD = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "trivy", "version": "0.70"}},
            "results": [],
            "invocations": [{"executionSuccessful": True, "endTimeUtc": "2020-01-01T00:00:00Z"}],
        }
    ],
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("repository")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "old.sarif").write_text(json.dumps(OLD), encoding="utf-8")
    shutil.copytree(FAULTY, folder / "k8s")
    shutil.copy(SOUND, folder / "k8s")
    half = "apiVersion: v1\nkind: Service\nmetadata: {name: a\n"
    (folder / "k8s/a-half.yaml").write_text(half, encoding="utf-8")
    command = [sys.executable, "-m", "phasegate", "run", "plan.yaml", "-o", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return result_from_json(json.loads((folder / "out/result.json").read_text(encoding="utf-8")))


@pytest.mark.slow
def test_each_trap_is_refused_by_a_sentence(result: Any) -> None:
    failed = [
        (check.id, f"{case.file}:{case.line}", sentence(case.message))
        for check in result.checks()
        for case in check.seen.cases
        if case.status == "failed"
    ]
    assert ("manifests", "k8s/a-half.yaml:4", "a mapping in { } is not closed") in failed
    gate = [text for check, place, text in failed if place == ".github/workflows/ci.yml:8"]
    assert any("pytest || true" in text for text in gate)
    base = [text for check, place, text in failed if place == "Dockerfile:1"]
    assert any(text.startswith("debian:latest has no tag that stays") for text in base)
    lost = {
        case.id: sentence(case.message)
        for check in result.checks()
        for case in check.seen.cases
        if case.status == "lost"
    }
    assert "old.sarif is from 2020-01-01" in lost["old.sarif"]
    assert lost["pip-audit"].startswith("not verified: pip-audit gave no report")
    notes = [sentence(note) for check in result.checks() for note in check.seen.notes]
    assert any(note.startswith(".hadolint.yaml would configure hadolint and is not used") for note in notes)


@pytest.mark.slow
def test_the_first_screen_counts_by_rule_and_names_the_first_ten_by_file_and_line(result: Any) -> None:
    found = {one.check.id: one for one in findings_of(result)}
    assert found["manifests"].rules[0][1] >= found["manifests"].rules[-1][1]
    assert len(found["manifests"].first) == 10
    assert all(failure.place for failure in found["manifests"].first)
    page = document.render(result)
    first_screen = page[: page.index('id="criteria"')]
    for check in ("manifests", "images", "ci"):
        assert f"in {check}</a>" in first_screen
    assert "k8s/a-half.yaml:4" in first_screen


def test_ids_of_rules_are_told_apart_over_all_kinds() -> None:
    common = {"file-readable", "yaml-valid"}
    ids = [rule.id for name in KINDS for rule in KINDS[name].rules() if rule.id not in common]
    assert len(ids) == len(set(ids))
    assert len(ids) > 150
