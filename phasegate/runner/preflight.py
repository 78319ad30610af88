"""What checks need is looked for before anything starts, so that nothing is found missing half-way."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Message, joined
from phasegate.kinds.base import Requirement
from phasegate.plan.asked.entries import Target, entries_in
from phasegate.plan.asked.plan import Check
from phasegate.world import Command, Processes

PROBE_LIMIT = 20.0
"""Seconds a probe such as `python -c "import pytest"` may take."""
_NO_MODULE = re.compile(r"\w+Error: No module named '(.+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why a check cannot run, and what would make it."""

    reason: Message
    help: Message = ""


async def find_missing(
    checks: Iterable[Check], *, processes: Processes | None, environment: Mapping[str, str], root: Path
) -> dict[str, Missing]:
    """The checks that cannot run here, by id; what they need inside containers is not looked for.

    Without `processes` nothing is run to find out: programs are looked for by name only.
    """

    async def look(item: Requirement) -> Missing | None:
        reason = await _look(item, processes, environment, root)
        return Missing(reason=reason, help=item.install) if reason else None

    return await _found(checks, look, inside=False)


async def find_lacking(
    checks: Iterable[Check], lacking: Callable[[str, tuple[str, ...]], Awaitable[tuple[str, ...]]]
) -> dict[str, Missing]:
    """The checks that need a program which is not in the container of a service, by id.

    `lacking` says which of some programs the container of a service does not have.
    """
    return await _found(checks, lambda item: _look_inside(item, lacking), inside=True)


async def _found(
    checks: Iterable[Check], look: Callable[[Requirement], Awaitable[Missing | None]], *, inside: bool
) -> dict[str, Missing]:
    """The checks that need what `look` finds to be missing, by id; secrets are needed on this machine."""
    everything = list(checks)
    items = (item for check in everything for item in check.requirements if bool(item.inside) is inside)
    needed = list(dict.fromkeys(items))
    answers = dict(zip(needed, await asyncio.gather(*map(look, needed)), strict=True))
    missing: dict[str, Missing] = {}
    for check in everything:
        found = [one for item in check.requirements if (one := answers.get(item)) is not None]
        found += [
            Missing(reason=f"the secret {name} is not set", help=f"set the environment variable {name}")
            for name in (() if inside else check.missing_secrets)
        ]
        if found:
            missing[check.id] = Missing(
                reason=joined(*dict.fromkeys(one.reason for one in found)),
                help=joined(*dict.fromkeys(one.help for one in found)),
            )
    return missing


def find_broken(checks: Iterable[Check], target: Target, out: Mapping[str, str]) -> dict[str, Missing]:
    """The checks that need what did not come up, by id; `out` says which entries those are, and why.

    A check that names no entry needs the default one. Where commands were to set the target up, nothing but
    what looks at broken targets is run, as these have not been run either.
    """
    missing: dict[str, Missing] = {}
    for check in checks:
        if check.kind.sees_broken:
            continue
        lacking = [id for id in out if id in _entries_of(check, target.default)]
        if lacking:
            reason = "; ".join(f"it needs {id}, which did not come up: {out[id]}" for id in lacking)
        elif target.setup:
            reason = f"target.setup was not run, as {', '.join(out)} did not come up"
        else:
            continue
        missing[check.id] = Missing(reason=reason, help="see the log of what did not come up")
    return missing


def _entries_of(check: Check, default: str | None) -> set[str]:
    found: set[str] = set()
    for part in check.parts:
        found |= set(check.kind.services(part.params))
        if part.deferred is not None:
            written = part.deferred
            found |= entries_in((written.tree, written.each, [value for _, value in written.replaced]))
        url = getattr(part.params, "url", None)
        if default is not None and isinstance(url, str) and url.startswith("/"):
            found.add(default)
    return found or ({default} if default is not None else set())


async def _look_inside(
    item: Requirement, lacking: Callable[[str, tuple[str, ...]], Awaitable[tuple[str, ...]]]
) -> Missing | None:
    try:
        tools = await lacking(item.inside, item.tools)
    except ObservationError as error:
        return Missing(reason=error.message, help=error.help or "")
    if not tools:
        return None
    verb = "is" if len(tools) == 1 else "are"
    return Missing(
        reason=f"{', '.join(tools)} {verb} not in the container of {item.inside}",
        help=item.install or f"add {', '.join(tools)} to the image of {item.inside}",
    )


async def _look(
    item: Requirement, processes: Processes | None, environment: Mapping[str, str], root: Path
) -> str:
    """What is wrong with a requirement; empty when it is there."""
    label = item.label or item.program
    program = sys.executable if item.program == "python" else item.program
    if "${" in program and processes is None:
        return ""
    if shutil.which(program, path=environment.get("PATH")) is None:
        return f"{label} is not installed"
    if not item.arguments or processes is None:
        return ""
    done = await processes.run(Command(argv=(program, *item.arguments), cwd=root, limit=PROBE_LIMIT))
    if done.exit_code == 0:
        return ""
    said = done.last_words
    if item.explains and said:
        return said
    if (gone := _NO_MODULE.fullmatch(said)) and item.arguments[-1] == f"import {gone[1]}":
        return f"{label} is not installed"
    return f"{label} does not work: {said or done.ending}"
