"""Plans and records can be looked at on systems without POSIX, such as Windows; runs need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from phasegate.pipeline.request import RunRequest
from phasegate.pipeline.run import execute

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PLAN = """\
phasegate: 1
phase: shop
title: The shop may go to production
gate: {approvals: [{role: release manager}]}
steps:
  - id: tests
    checks:
      - {id: unit, kind: command, command: [python, -c, "print('4 passed')"]}
"""
STRONGER = PLAN.replace("')\"]}", "')\"], criteria: [duration < 1m]}")


def phasegate(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "tests.without_posix", *arguments]
    # Output that is read is in the code page of the system there.
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    return subprocess.run(program, cwd=folder, env=env, capture_output=True, encoding="cp1252", timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two versions of a plan, and the record of a run of one."""
    folder = tmp_path_factory.mktemp("shop")
    for name, text in (("plan.yaml", PLAN), ("stronger.yaml", STRONGER)):
        (folder / name).write_text(text, encoding="utf-8")
    command = ("phasegate", "run", "plan.yaml")
    assert execute(RunRequest(plan=folder / "plan.yaml", output=folder / "record", command=command), None)
    return folder


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("validate plan.yaml", 0, "1 step, 1 check"),
        ("plan plan.yaml", 0, "nothing has been run"),
        ("guard plan.yaml stronger.yaml", 0, "nothing is weaker"),
        ("guard stronger.yaml plan.yaml", 1, "weaker"),
        ("schema suite", 0, '"$defs"'),
    ],
)
def test_plans_are_looked_at(folder: Path, command: str, code: int, says: str) -> None:
    done = phasegate(*command.split(), folder=folder)
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_a_record_is_reported_signed_and_verified(folder: Path) -> None:
    (folder / "record/report.html").unlink()
    reported = phasegate("report", "record", folder=folder)
    assert (reported.returncode, (folder / "record/report.html").is_file()) == (0, True), reported.stderr
    assert phasegate("verify", "record", folder=folder).returncode == 3  # nobody has approved it yet
    decision = ["--by", "Ann", "--role", "release manager", "--decision", "approve", "--reason", "fine"]
    signed = phasegate("signoff", "record", *decision, folder=folder)
    assert signed.returncode == 0, signed.stderr
    verified = phasegate("verify", "record", folder=folder)
    assert verified.returncode == 0, verified.stderr
    assert sorted(path.name for path in (folder / "record").glob("signoffs*")) == ["signoffs.jsonl"]


def test_two_people_do_not_sign_at_the_same_time(folder: Path) -> None:
    lock = folder / "record/signoffs.jsonl.lock"
    lock.touch()
    before = (folder / "record/signoffs.jsonl").read_bytes() if lock.with_suffix("").exists() else None
    decision = ["--by", "Eve", "--role", "release manager", "--decision", "reject", "--reason", "not yet"]
    signed = phasegate("signoff", "record", *decision, folder=folder)
    lock.unlink()
    assert signed.returncode == 2
    assert "somebody else signs at this moment" in signed.stderr
    assert "Traceback" not in signed.stderr
    signs = folder / "record/signoffs.jsonl"
    assert (signs.read_bytes() if signs.exists() else b"") == (before or b"")


def test_a_run_says_what_it_needs(folder: Path) -> None:
    done = phasegate("run", "plan.yaml", "-o", "other", folder=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "error: phasegate run needs a POSIX system, such as Linux: it ends programs by groups and signals"
    )
    assert "Traceback" not in done.stderr
    assert not (folder / "other").exists()
