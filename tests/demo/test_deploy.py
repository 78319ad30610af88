"""The demo's images: what their Dockerfiles promise, and the phase run on them, built on bases made here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from phasegate.kinds.healthcheck import why_it_proves_nothing
from phasegate.model.containers import Healthcheck
from tests.demo import bases
from tests.engines import ENGINE, nothing_left
from tests.pipeline.bench import Desk

__all__ = ["nothing_left"]
PLANS = Path(__file__).parents[2] / "plans"
DOCKERFILES = sorted(bases.DEPLOY.glob("*.Dockerfile"))
COMPOSE = yaml.safe_load((bases.DEPLOY / "compose.yaml").read_text())["services"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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
    assert why_it_proves_nothing(Healthcheck(test=("CMD", *json.loads(command)))) == ""


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
def test_phase_4_passes_in_containers_while_a_runtime_is_killed(desk: Desk, nothing_left: None) -> None:
    ran = desk.run(plan=str(PLANS / "phase4-compose.yaml"), env=bases.environment(), within=600)
    result = ran.is_whole().result
    assert set(ran.statuses().values()) == {"passed"}, ran.err
    assert [one["status"] for step in result["steps"] for one in step["faults"]] == ["recovered"]
    missed = {one["id"] for one in result["criteria"] if one["verdict"] != "met"}
    assert missed <= {"journeys.latency.p95"}  # which a crowded machine may miss
    images = {name for name in result["environment"] if name.startswith("image of ")}
    assert images == {f"image of {service}" for service in COMPOSE}
