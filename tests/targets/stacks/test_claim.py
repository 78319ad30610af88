"""A project that one run has claimed is refused to others, until that run is over, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from phasegate.base.errors import TargetError
from phasegate.targets.stacks.claim import Claim
from tests.telling import raises

HOLD = """
import sys, time
from phasegate.targets.stacks.claim import Claim
claim = Claim.take("unix:///engine", "shop")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_second_claim_is_refused_and_names_the_first_and_other_projects_are_free() -> None:
    first = Claim.take("unix:///engine", "shop")
    with raises(TargetError, match=r"another run uses the project 'shop' \(phasegate, process \d+\)"):
        Claim.take("unix:///engine", "shop")
    for other in (Claim.take("unix:///engine", "till"), Claim.take("tcp://elsewhere:2375", "shop")):
        other.release()
    first.release()
    first.release()
    Claim.take("unix:///engine", "shop").release()


def test_claim_of_a_run_that_was_killed_holds_nobody_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with raises(TargetError, match=f"process {holder.pid}"):
            Claim.take("unix:///engine", "shop")
        holder.kill()
        holder.wait()
    Claim.take("unix:///engine", "shop").release()


def test_folder_that_cannot_be_written_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with raises(TargetError, match="cannot be claimed: /nowhere/phasegate-project-"):
        Claim.take("unix:///engine", "shop")
