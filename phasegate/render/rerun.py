"""The command line that runs just one thing again."""

from __future__ import annotations

import shlex
from functools import cache, lru_cache
from itertools import pairwise

from phasegate.model.observation import Case
from phasegate.model.result import CheckResult, RunResult

_KEPT = ("--env", "--set", "--vars", "--policy", "--confirm", "--seed", "--baseline")
"""Flags that change what a check does or is held against, so that without them it would be another one."""


def rerun_command(run: RunResult, check: CheckResult, case: Case | None = None) -> str:
    """Quoted for a shell; flags of the run that change what the check does are kept.

    A check that goes on beside others is run again with them.

    Nothing in it is invisible: characters that do not print are written as `$'\\x1b'`.
    """
    if case is not None:
        return f"{_begin(run.plan.path, run.command, (check.id,))} --case {_quote(case.id)}"
    beside = [check.asked.during] if check.asked.during else []
    return _begin(run.plan.path, run.command, (*beside, check.id) if check.asked.during != "run" else ())


@lru_cache(maxsize=100)
def _begin(plan: str, command: tuple[str, ...], checks: tuple[str, ...]) -> str:
    """Up to the case; it is the same for all of a check."""
    words = ["phasegate", "run", plan, *_flags_to_keep(command)]
    words += [word for id in checks for word in ("--check", id)]
    return " ".join(map(_quote, words))


def _quote(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(char if char.isprintable() else _bytes(char) for char in plain)}'"


def _bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))


@cache
def _flags_to_keep(command: tuple[str, ...]) -> tuple[str, ...]:
    kept: list[str] = []
    for word, following in pairwise((*command, "")):
        if word in _KEPT and following:
            kept += [word, following]
        elif word.startswith(tuple(f"{flag}=" for flag in _KEPT)):
            kept.append(word)
    return tuple(kept)
