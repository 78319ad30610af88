"""Pipelines written to a folder, and what the kind sees of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from phasegate.inspection.finding import Inspection
from phasegate.inspection.tree import walk
from phasegate.kinds.pipeline.kind import inspect_pipelines
from phasegate.kinds.pipeline.params import PipelineParams
from phasegate.render.sentences import sentence

Files = Mapping[str, str]
GLOBS = (".github/workflows/*.yml", ".gitlab-ci.yml", "ci/*.yml")


def write(root: Path, files: Files) -> None:
    """`\udcff` in a content becomes a byte that is no text."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dedent(content).encode("utf-8", "surrogateescape"))


def look(root: Path, written: Files, **params: Any) -> Inspection:
    write(root, written)
    names = params.pop("files", [glob for glob in GLOBS if any(root.glob(glob))])
    asked = PipelineParams(files=names, **params)
    return inspect_pipelines(asked, walk(root, asked.files))[0]


def rules_of(seen: Inspection) -> list[str]:
    return sorted(finding.rule for finding in seen.findings)


def sentences(seen: Inspection, rule: str) -> list[str]:
    return [sentence(finding.message) for finding in seen.findings if finding.rule == rule]


def github(jobs: str, on: str = "push") -> Files:
    """A workflow of some jobs."""
    return {".github/workflows/ci.yml": f"name: CI\non: {on}\njobs:\n" + indented(jobs)}


def gitlab(text: str) -> Files:
    return {".gitlab-ci.yml": dedent(text)}


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in dedent(text).strip("\n").splitlines())


TEST = """
test:
  runs-on: x
  steps: [{run: pytest}]
"""
DEPLOY = """
deploy:
  runs-on: x
  needs: test
  environment: production
  steps: [{run: kubectl apply -f k8s}]
"""
BACK = """
rollback:
  runs-on: x
  needs: test
  if: failure()
  steps: [{run: kubectl rollout undo deployment/web}]
"""
GATED = TEST + DEPLOY + BACK
