"""What was asked for on the command line of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from pathlib import Path

from phasegate.base.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    plan: Path
    output: Path | None = None
    reports: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[Path, ...] = ()
    confirmed: tuple[str, ...] = ()
    fail_fast: bool = False
    keep_target: bool = False
    """Whether the stack that Compose brought up stays up."""
    jobs: int = 4
    seed: int | None = None
    command: tuple[str, ...] = ()
    baselines: tuple[Path, ...] = ()
    """Folders of earlier runs."""
    environment: str = ""
    policy: Path | None = None
    today: date | None = None
    """The day by which waivers are in force or not, UTC; None for the real one."""
