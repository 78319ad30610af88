"""Whole runs on a real stack of eleven containers: fake health found, faults survived, nothing left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import ENGINE, listing
from tests.pipeline.bench import Desk, Ran
from tests.stack import shop

pytestmark = list(ENGINE)


def run(folder: Path, *, fixed: bool) -> Ran:
    desk = Desk(folder)
    shop.write(desk, fixed=fixed)
    before = listing()
    ran = desk.run()
    after = listing()
    assert not any(after[kind] - before[kind] for kind in after), (before, after)
    return ran.is_whole()


@pytest.fixture(scope="module")
def faked(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The stack as the first written plan had it."""
    return run(tmp_path_factory.mktemp("faked"), fixed=False)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The same stack with a real healthcheck for every service."""
    return run(tmp_path_factory.mktemp("fixed"), fixed=True)


def unproven(ran: Ran) -> set[str]:
    return {item["id"] for item in ran.result["criteria"] if item["verdict"] != "met"}


def test_health_that_nothing_proves_leaves_the_gate_open_to_doubt(faked: Ran) -> None:
    assert faked.code == 3, faked.err
    assert unproven(faked) == {"stack.pass_rate"}


def test_each_fake_and_each_missing_healthcheck_is_named(faked: Ran) -> None:
    (attempt,) = faked.check("stack")["attempts"]
    skipped = {case["id"]: case["message"] for case in attempt["cases"] if case["status"] == "skipped"}
    assert set(skipped) == {f"{name}/health" for name in (*shop.OWN, *shop.WITHOUT)}
    assert all("`exit 0`" in skipped[f"{name}/health"] for name in shop.OWN)
    assert all("no healthcheck" in skipped[f"{name}/health"] for name in shop.WITHOUT)


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("services", 11),
        ("running", 10),
        ("healthy", 2),
        ("unproven_health", 8),
        ("fake_healthchecks", 5),
        ("restarts", 0),
    ],
)
def test_what_is_there_is_counted(faked: Ran, measure: str, value: int) -> None:
    assert faked.check("stack")["attempts"][0]["measures"][measure]["value"] == value


def test_the_same_stack_with_real_healthchecks_passes(fixed: Ran) -> None:
    assert fixed.code == 0, fixed.err
    assert fixed.check("stack")["attempts"][0]["measures"]["healthy"]["value"] == 10


def test_load_goes_on_while_a_runtime_is_killed_and_its_recovery_is_measured(fixed: Ran) -> None:
    lost = fixed.criterion("runtime-killed.lost_requests")
    assert lost["verdict"] == "met", lost
    (fault,) = [one for one in _faults(fixed) if one["id"] == "runtime-killed"]
    assert (fault["act"], fault["target"], fault["status"]) == ("kill", "nodejs", "recovered")
    assert fault["measures"]["recovery_time"]["value"] > 0.4  # it was away for half a second
    rate = fixed.check("steady")["attempts"][0]["measures"]["achieved_rate"]
    assert rate["total"] + rate.get("unused", 0) == shop.REQUESTS


def test_an_image_is_rolled_out_and_back(fixed: Ran) -> None:
    (fault,) = [one for one in _faults(fixed) if one["id"] == "new-version"]
    assert (fault["act"], fault["status"], fault["image"]) == ("replace", "recovered", shop.image("2"))
    assert {"rollout_time", "rollback_time"} <= set(fault["measures"])
    images = fixed.check("after")["attempts"][0]["measures"]
    assert images["expectations"]["passed"] == 1  # it answers as the first version again


@pytest.mark.parametrize("title", ["Memory of services over time", "CPU of services over time"])
def test_what_services_use_is_drawn_on_the_axis_of_the_load(fixed: Ran, title: str) -> None:
    page = (fixed.folder / "report.html").read_text(encoding="utf-8")
    under_load = [figure for figure in page.split("<figure")[1:] if 'id="chart-steady-' in figure]
    (chart,) = [figure for figure in under_load if title in figure]
    assert "controller" in chart.partition("</figure>")[0]


def test_logs_of_every_service_are_evidence(fixed: Ran) -> None:
    logs = {path.stem for path in (fixed.folder / "evidence/target").glob("*.log")}
    assert logs >= set(shop.SERVICES)
    log = (fixed.folder / "evidence/target/migrate.log").read_text()
    assert "3 migrations applied" in log


def _faults(ran: Ran) -> list[dict[str, object]]:
    return [fault for step in ran.result["steps"] for fault in step.get("faults", ())]
