"""What it costs to look at a stack of 50 containers; it needs an engine, and changes nothing else on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from phasegate.base.units import format_share
from phasegate.kinds.base import Kind
from phasegate.kinds.containers.kind import ContainersKind
from phasegate.kinds.resources.kind import ResourcesKind
from phasegate.model.measures import Number
from phasegate.model.observation import Observation
from phasegate.targets.containers import cgroups
from phasegate.targets.containers.reach import TargetContainers
from tests.benchmarks.tools.measure import ROUNDS, CannotRunError, table
from tests.engines import busybox, client, why_not
from tests.worlds import StaticAddresses, TemporaryEvidence, TestWorld

CONTAINERS = 50
IMAGES = 11
SECONDS = int(os.environ.get("BENCHMARK_SECONDS", "30"))
AIM = 0.05
"""Of one core, while each container is looked at once a second."""
LOOK_AIM = 3.0
"""Seconds for one look at all containers, their images and healthchecks."""
_LABEL = "phasegate.benchmark"


def benchmark() -> None:
    if reason := why_not():
        raise CannotRunError(reason)
    with stack(CONTAINERS) as label:
        print(observing(label))
        print()
        print(sampling(label))


@contextlib.contextmanager
def stack(size: int) -> Iterator[str]:
    """So many containers that sleep; the label they carry."""
    label = f"{_LABEL}={os.getpid()}"
    name, _, value = label.partition("=")
    images = [busybox('CMD ["sleep", "3600"]', f"LABEL number={number}") for number in range(IMAGES)]
    health = {"test": ["CMD", "test", "-x", "/bin/sh"], "interval": 3600 * 10**9}
    made = []
    try:
        for number in range(size):
            made.append(
                client().containers.run(
                    images[number % IMAGES],
                    detach=True,
                    labels={name: value},
                    mem_limit="32m",
                    healthcheck=health,
                )
            )
        yield label
    finally:
        for one in made:
            one.remove(force=True)


def observing(label: str) -> str:
    """A table of what `kind: containers` takes for one look, the connecting to the engine included."""
    rows = [("round", "containers", "images", "healthchecks", "seconds", "aim")]
    for number in range(1, ROUNDS + 1):
        begun = time.perf_counter()
        seen, told = asyncio.run(_observe(ContainersKind(), {"expect": CONTAINERS}, label))
        took = time.perf_counter() - begun
        if seen.measures["containers"] != Number(value=CONTAINERS):
            raise CannotRunError(f"{seen.measures['containers']} of {CONTAINERS} containers were seen")
        images, asked = len({one["image_id"] for one in told}), sum(1 for one in told if one["healthcheck"])
        aim = f"{LOOK_AIM:g} s{'' if took < LOOK_AIM else ', missed'}"
        rows.append((str(number), str(len(told)), str(images), str(asked), f"{took:.2f}", aim))
    return table("containers: one look at all of them, by `kind: containers`", rows)


def sampling(label: str) -> str:
    """A table of phasegate's own processor time while it looks at all containers once a second."""
    rows = [("read from", "looks", "own time per look", "of one core", "aim")]
    rows.append(("control groups", *_cost(label)))
    with mock.patch.object(cgroups, "mounts_seen", return_value=()):
        looks, each, share, _ = _cost(label)
        rows.append(("the engine", looks, each, share, "-"))
    return table(f"containers: {CONTAINERS} looked at every second for {SECONDS} s", rows)


def _cost(label: str) -> tuple[str, str, str, str]:
    begun, at = time.process_time(), time.perf_counter()
    looks = asyncio.run(_look(label))
    own, span = time.process_time() - begun, time.perf_counter() - at
    aim = f"{format_share(AIM)}{'' if own / span < AIM else ', missed'}"
    return f"{looks:,}", f"{own / looks * 1e3:.1f} ms", format_share(round(own / span, 4)), aim


async def _look(label: str) -> int:
    """How many looks there were at all of them."""
    seen, _ = await _observe(ResourcesKind(), {"duration": f"{SECONDS}s"}, label)
    if len(seen.parts) != CONTAINERS:
        raise CannotRunError(f"{len(seen.parts)} of {CONTAINERS} containers were seen")
    return max(len(series.points) for series in seen.timeline)


async def _observe(kind: Kind[Any], params: Mapping[str, Any], label: str) -> tuple[Observation, list[Any]]:
    """An observation of the containers with a label, and what it wrote of them, one by one."""
    containers = TargetContainers(os.environ)
    containers.are(label)
    with tempfile.TemporaryDirectory() as folder:
        world = TestWorld(
            http=None,  # type: ignore[arg-type]
            target=StaticAddresses(),
            evidence=TemporaryEvidence(Path(folder) / "evidence"),
            root=Path(folder),
            containers=containers,
        )
        try:
            seen = await kind.observe(kind.Params.model_validate(params), world)
        finally:
            containers.close()
        return seen, json.loads(world.evidence_text(seen.evidence[0])) if seen.evidence else []
