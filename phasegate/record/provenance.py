"""Where a run took place: the machine, the versions, the commit, the CI job."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from phasegate.base.facts import Code, Message, fact
from phasegate.model.result import ToolRecord

_CI_LINKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("{0}/{1}/actions/runs/{2}", ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")),
    ("{0}", ("CI_JOB_URL",)),
    ("{0}", ("BUILD_URL",)),
)


def provenance(
    root: Path, environment: Mapping[str, str], kinds: Mapping[str, ToolRecord] | None = None
) -> dict[str, Message]:
    """Facts for people, name to text; what cannot be found out is left out.

    `kinds`: the packages of kinds that are not phasegate's own, by kind.
    """
    facts: dict[str, Message] = {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "cpus": str(os.cpu_count() or ""),
        "python": platform.python_version(),
        "commit": _commit(root),
        "ci": _ci(environment),
        **{f"kind {kind}": f"{one.name} {one.version}" for kind, one in (kinds or {}).items()},
    }
    return {name: text for name, text in facts.items() if text}


def _ci(environment: Mapping[str, str]) -> str:
    for form, names in _CI_LINKS:
        values = [environment.get(name, "") for name in names]
        if all(values):
            return form.format(*values)
    return ""


def _commit(root: Path) -> Message:
    if shutil.which("git") is None:
        return ""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    return fact(Code.NOT_COMMITTED, commit=commit) if _git(root, "status", "--porcelain", "-uno") else commit


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
