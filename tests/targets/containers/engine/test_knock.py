"""Whether an engine answers, asked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from phasegate.kinds.engine import ENGINE as NEEDED
from phasegate.render.sentences import sentence
from phasegate.runner.preflight import find_missing
from phasegate.targets.processes.local import LocalProcesses
from tests.engines import ENGINE, without_engine
from tests.runner.scripted import check


async def missing(environment: dict[str, str], root: Path) -> list[str]:
    one = check("stack")
    object.__setattr__(one, "requirements", NEEDED)
    processes = LocalProcesses(environment)
    found = await find_missing([one], processes=processes, environment=environment, root=root)
    return [f"{sentence(item.reason)} | {sentence(item.help)}" for item in found.values()]


async def test_without_an_engine_the_check_is_not_run_and_the_way_out_is_said(tmp_path: Path) -> None:
    (said,) = await missing(without_engine(), tmp_path)
    assert said == (
        "there is no container engine at unix:///nowhere/docker.sock | "
        "start it (dockerd, or systemctl start docker), or say where it is with DOCKER_HOST"
    )


async def test_without_the_sdk_the_command_that_installs_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "docker.py").write_text("raise ImportError(\"No module named 'docker'\")\n")
    (said,) = await missing({**without_engine(), "PYTHONPATH": str(tmp_path)}, tmp_path)
    assert said == "the docker SDK is not installed | pip install 'phasegate[containers]'"


@pytest.mark.engine
@pytest.mark.skipif(*ENGINE[1].args, reason=ENGINE[1].kwargs["reason"])
async def test_with_both_nothing_is_missing(tmp_path: Path) -> None:
    import os

    assert await missing(dict(os.environ), tmp_path) == []
