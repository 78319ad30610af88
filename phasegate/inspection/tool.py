"""Programs of other people that look at files as well: found, run within a limit, judged by their report."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import is_file
from phasegate.world import Command, Completed, World

LIMIT = 300.0
"""Seconds that a tool may take."""
KEPT = 64 << 20
"""Bytes of its report."""
_VERSION = re.compile(r"\d+(?:\.\d+)+[-+.\w]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that may be there."""

    name: str
    install: str
    """The command that installs it."""
    version: tuple[str, ...] = ("--version",)
    """Arguments that make it print its version."""
    configuration: tuple[str, ...] = ()
    """Files of a repository that change what it looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A tool that ran to its end."""

    tool: str
    """Name and version."""
    completed: Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class NotVerified:
    """Why a tool says nothing."""

    why: Message


def own_configuration(tool: Tool, root: Path) -> tuple[str, ...]:
    """The files by which a repository would change what a tool looks at."""
    return tuple(name for name in tool.configuration if is_file(root / name))


async def run_tool(
    tool: Tool,
    arguments: tuple[str, ...],
    world: World,
    *,
    folder: Path | None = None,
    limit: float = LIMIT,
    env: Mapping[str, str] = MappingProxyType({}),
) -> Ran | NotVerified:
    """Run a tool in the root of the plan, or in a folder. What it returned is not judged: exit codes of tools
    are not comparable."""
    folder = folder or world.root
    program = find_program(tool.name, world.environment)
    if program is None:
        return NotVerified(why=fact(Code.TOOL_MISSING, program=tool.name, command=tool.install))
    version = await _run((program, *tool.version), world, folder, limit)
    if version.error or version.timed_out:
        return NotVerified(why=_why_nothing(tool, version, limit))
    found = _VERSION.search((version.stdout + b" " + version.stderr).decode(errors="replace"))
    completed = await _run((program, *arguments), world, folder, limit, env)
    if completed.error or completed.timed_out or completed.exit_code is None:
        return NotVerified(why=_why_nothing(tool, completed, limit))
    if completed.stdout_left_out:
        return NotVerified(why=fact(Code.TOOL_REPORT_TOO_LARGE, program=tool.name, size=KEPT >> 20))
    return Ran(tool=f"{tool.name} {found[0]}" if found else tool.name, completed=completed)


def find_program(name: str, environment: Mapping[str, str]) -> str | None:
    """Where a program is: beside the interpreter that runs phasegate, where extras put theirs, or on PATH."""
    beside = Path(sys.executable).parent / name
    if is_file(beside) and os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which(name, path=environment.get("PATH"))


async def _run(
    argv: tuple[str, ...],
    world: World,
    folder: Path,
    limit: float,
    env: Mapping[str, str] = MappingProxyType({}),
) -> Completed:
    return await world.processes.run(Command(argv=argv, cwd=folder, env=env, limit=limit, keep=KEPT))


def _why_nothing(tool: Tool, completed: Completed, limit: float) -> Message:
    if completed.timed_out:
        return fact(Code.TOOL_TOO_SLOW, program=tool.name, limit=limit)
    return fact(Code.TOOL_FAILED, program=tool.name, why=completed.ending, text=completed.last_words[:300])
