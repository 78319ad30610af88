"""What checks need is looked for before anything starts, so that nothing is found missing half-way."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, decode, fact, joined
from phasegate.base.joined import pieces
from phasegate.kinds.base import Requirement
from phasegate.plan.asked.entries import Target, entries_in
from phasegate.plan.asked.plan import Check
from phasegate.world import Command, Processes

PROBE_LIMIT = 20.0
"""Seconds a probe such as `python -c "import pytest"` may take."""
_FEW = 16
"""Reasons of a list that are told; nobody reads thousands at each of many checks."""
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
    programs = {id(piece): piece for check in everything for piece in pieces(check.requirements)}
    items = (item for piece in programs.values() for item in piece if bool(item.inside) is inside)
    needed = list(dict.fromkeys(items))
    answers = dict(zip(needed, await asyncio.gather(*map(look, needed)), strict=True))
    known: dict[int, tuple[tuple[Any, ...], list[Missing]]] = {}
    """What of a list is not there: many checks may share a long one."""

    def lacking(piece: tuple[Any, ...]) -> list[Missing]:
        if id(piece) not in known:
            found = [one for item in piece if (one := _missing(item, answers)) is not None]
            more = [Missing(reason=fact(Code.AND_MORE, n=len(found) - _FEW))] if len(found) > _FEW else []
            known[id(piece)] = piece, [*found[:_FEW], *more]
        return known[id(piece)][1]

    missing: dict[str, Missing] = {}
    for check in everything:
        lists = (*pieces(check.requirements), *(() if inside else pieces(check.missing_secrets)))
        if found := [one for piece in lists for one in lacking(piece)]:
            missing[check.id] = Missing(
                reason=joined(*dict.fromkeys(one.reason for one in found)),
                help=joined(*dict.fromkeys(one.help for one in found)),
            )
    return missing


def _missing(item: Requirement | str, answers: Mapping[Requirement, Missing | None]) -> Missing | None:
    """Why something that is needed is not there: a program, or a secret by its name."""
    if isinstance(item, Requirement):
        return answers.get(item)
    return Missing(reason=fact(Code.SECRET_NOT_SET, name=item), help=fact(Code.SET_VARIABLE, name=item))


def find_broken(checks: Iterable[Check], target: Target, out: Mapping[str, Message]) -> dict[str, Missing]:
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
            reason = joined(*(fact(Code.NEEDS_WHAT_IS_OUT, entry=id, why=out[id]) for id in lacking))
        elif target.setup:
            reason = fact(Code.SETUP_NOT_RUN, names=tuple(out))
        else:
            continue
        missing[check.id] = Missing(reason=reason, help=fact(Code.SEE_LOG))
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
    where = {"names": tuple(tools), "service": item.inside}
    return Missing(
        reason=fact(Code.TOOLS_NOT_INSIDE, **where), help=item.install or fact(Code.ADD_TO_IMAGE, **where)
    )


async def _look(
    item: Requirement, processes: Processes | None, environment: Mapping[str, str], root: Path
) -> Message:
    """What is wrong with a requirement; empty when it is there."""
    label = item.label or item.program
    program = sys.executable if item.program == "python" else item.program
    if "${" in program and processes is None:
        return ""
    if shutil.which(program, path=environment.get("PATH")) is None:
        return fact(Code.NOT_INSTALLED, program=label)
    if not item.arguments or processes is None:
        return ""
    done = await processes.run(Command(argv=(program, *item.arguments), cwd=root, limit=PROBE_LIMIT))
    if done.exit_code == 0:
        return ""
    said = done.last_words
    if item.explains and said:
        return _explained(said)
    if (gone := _NO_MODULE.fullmatch(said)) and item.arguments[-1] == f"import {gone[1]}":
        return fact(Code.NOT_INSTALLED, program=label)
    return fact(Code.DOES_NOT_WORK, program=label, why=said or done.ending)


def _explained(said: str) -> Message:
    """What a program of ours says, which is the JSON of a fact unless it broke."""
    try:
        found = decode(json.loads(said))
    except (ValueError, TypeError):
        return said
    return found if isinstance(found, str | Fact) else said
