"""What tests of foreign engines share: a world whose target is in the environment, a look at processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from phasegate.kinds.load.engines import ENGINES
from phasegate.model.observation import Case, Observation
from tests.load.world import LoadWorld, OneAddress


def world_of(base: str, root: Path, **settings: Any) -> LoadWorld:
    return LoadWorld(target=OneAddress(base), root=root, **settings)


async def observed(engine: str, world: LoadWorld, **written: Any) -> Observation:
    kind = ENGINES[engine]
    params = kind.Params.model_validate({"engine": engine, **written})
    observation = await kind.observe(params, world)
    declared = kind.measures(params)
    assert set(observation.measures) <= set(declared)
    return observation


def cases(observation: Observation) -> dict[str, Case]:
    return {case.id: case for case in observation.cases}


def processes_with(word: str) -> list[int]:
    """Processes below this one with a word in their command."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def until(condition: Callable[[], object]) -> None:
    """Wait, at most half a minute, for something to become true."""
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")
