"""The demo's images: what their Dockerfiles promise, and one of them built on a base made here, and run."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from phasegate.kinds.healthchecks.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Healthcheck
from tests.demo import bases
from tests.engines import ENGINE, OWN_LABEL, client, nothing_left

__all__ = ["nothing_left"]
DOCKERFILES = sorted(bases.DEPLOY.glob("*.Dockerfile"))
COMPOSE = yaml.safe_load((bases.DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_is_made_in_stages_runs_as_nobody_special_and_has_a_healthcheck_that_can_fail(
    file: Path,
) -> None:
    text = file.read_text().replace("\\\n", " ")
    stages = text.split("\nFROM ")[1:]
    assert len(stages) >= 2
    (user,) = re.findall(r"^USER (\d+):\d+$", stages[-1], re.MULTILINE)
    assert int(user) > 0
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", stages[-1], re.MULTILINE)
    assert why_it_proves_nothing(Healthcheck(test=("CMD", *json.loads(command)))) is None


def test_every_service_is_built_limited_restarted_and_has_no_fixed_name() -> None:
    assert {path.stem for path in DOCKERFILES} == set(COMPOSE)
    for service in COMPOSE.values():
        assert service["build"]["dockerfile"] in {f"deploy/{path.name}" for path in DOCKERFILES}
        assert {"mem_limit", "cpus", "pids_limit", "restart"} <= set(service)
        assert "container_name" not in service
    needed = COMPOSE["controller"]["depends_on"]
    assert set(needed) == set(COMPOSE) - {"controller"}
    assert all(one["condition"] == "service_healthy" for one in needed.values())


@ENGINE[0]
@ENGINE[1]
def test_the_python_runtime_is_built_and_becomes_healthy(nothing_left: None) -> None:
    image, _ = client().images.build(
        fileobj=_context(),
        custom_context=True,
        dockerfile="deploy/python.Dockerfile",
        buildargs={"PYTHON_BASE": bases.python()},
        labels=dict([OWN_LABEL.split("=")]),
        rm=True,
        forcerm=True,
    )
    runs = client().containers.run(image.id, detach=True, init=True, read_only=True, tmpfs={"/tmp": ""})
    try:
        state = _once_known(runs.id)
        assert state["Health"]["Status"] == "healthy", state
    finally:
        runs.remove(force=True)
        client().images.remove(image.id, force=True, noprune=True)


def _once_known(id: str) -> dict[str, dict[str, str]]:
    """The state of a container, once its healthcheck was asked, or it has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state: dict[str, dict[str, str]] = client().api.inspect_container(id)["State"]
        if not state["Running"] or state["Health"]["Status"] != "starting":
            return state
        time.sleep(0.2)
    return client().api.inspect_container(id)["State"]  # type: ignore[no-any-return]


def _context() -> io.BytesIO:
    """What the folder of the demo is to the engine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(bases.DEPLOY.parent, ".")
    packed.seek(0)
    return packed
