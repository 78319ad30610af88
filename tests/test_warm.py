"""A fork of a process that has everything loaded does what a process that starts does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.slow

PLAN = """\
phasegate: 1
phase: p
title: t
steps:
  - id: s
    checks:
      - {id: a, kind: command, command: [sh, -c, "echo $MARK; pwd >&2; exit $CODE"]}
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--nonsense",),
        ("validate", "missing.yaml"),
        ("run", "plan.yaml", "-o", "out", "-q"),
        ("verify", "nowhere"),
    ],
    ids=" ".join,
)
def test_a_fork_says_and_leaves_what_a_process_does(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ends = []
    for name in ("forked", "started"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "plan.yaml").write_text(PLAN)
        around = {**os.environ, "PYTHONPATH": str(warm.ROOT), "MARK": "there", "CODE": "3"}
        if name == "forked":
            done = warm.run(arguments, cwd=folder, env=around, timeout=60)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "phasegate", *arguments],
                cwd=folder,
                env=around,
                capture_output=True,
                text=True,
                check=False,
            )
        left = {str(path.relative_to(folder)) for path in folder.rglob("*")}
        ends.append((done.returncode, done.stdout, re.sub(r"[\d.]+ m?s\)", "", done.stderr), left))
    assert ends[0] == ends[1]


def test_a_fork_is_ended_at_its_limit(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN.replace("exit $CODE", "sleep 30"))
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(("run", "plan.yaml", "-o", "out"), cwd=tmp_path, env=dict(os.environ), timeout=0.5)
