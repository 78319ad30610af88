"""The command line that runs just one thing again."""

from __future__ import annotations

import shlex

from phasegate.model.observation import Case
from phasegate.model.result import CheckResult, RunResult


def rerun_command(run: RunResult, check: CheckResult, case: Case | None = None) -> str:
    """Quoted for a POSIX shell."""
    words = ["phasegate", "run", run.plan.path, "--check", check.id]
    if case is not None:
        words += ["--case", case.id]
    return shlex.join(words)
