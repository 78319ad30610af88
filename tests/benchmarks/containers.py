"""What it costs to look at a stack of 50 containers; it needs an engine, and changes nothing else on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from phasegate.kinds.resources import ResourcesKind, ResourcesParams
from phasegate.target.containers import cgroups
from phasegate.target.containers.reach import TargetContainers
from phasegate.units import format_share
from tests.benchmarks.measure import CannotRunError, table
from tests.engines import busybox, client, why_not
from tests.worlds import StaticAddresses, TemporaryEvidence, TestWorld

CONTAINERS = 50
SECONDS = int(os.environ.get("BENCHMARK_SECONDS", "30"))
AIM = 0.05
"""Of one core, while each container is looked at once a second."""
_LABEL = "phasegate.benchmark"


def benchmark() -> None:
    if reason := why_not():
        raise CannotRunError(reason)
    with stack(CONTAINERS) as label:
        print(sampling(label))


@contextlib.contextmanager
def stack(size: int) -> Iterator[str]:
    """So many containers that sleep; the label they carry."""
    label, image = f"{_LABEL}={os.getpid()}", busybox('CMD ["sleep", "3600"]')
    name, _, value = label.partition("=")
    made = []
    try:
        for _ in range(size):
            made.append(client().containers.run(image, detach=True, labels={name: value}, mem_limit="32m"))
        yield label
    finally:
        for one in made:
            one.remove(force=True)


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
        params = ResourcesParams.model_validate({"duration": f"{SECONDS}s"})
        try:
            seen = await ResourcesKind().observe(params, world)
        finally:
            containers.close()
    if len(seen.parts) != CONTAINERS:
        raise CannotRunError(f"{len(seen.parts)} of {CONTAINERS} containers were seen")
    return max(len(series.points) for series in seen.timeline)
