"""The demo watched by a real Prometheus and Alertmanager, with the files that come with it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from phasegate.demo.metrics import BUCKETS, Metrics
from tests.answering import Asked, Reply, answering
from tests.demo.conftest import Controller, running
from tests.kinds.prometheus.real import free_port, until

FILES = Path(__file__).parents[2] / "phasegate/demo/deploy/monitoring"
PLAN = """
phasegate: 1
phase: monitoring
title: The monitoring of the demo works
steps:
  - id: monitoring
    checks:
      - id: watched
        kind: prometheus
        url: {url}
        targets: [controller]
        alerts: {alerts}
        queries:
          error_rate:
            query: job:slo_errors_per_request:ratio_rate1m
            unit: share
            absent: 0
            fresh: http_requests_total
        criteria: {criteria}
"""


@dataclass
class Watched:
    controller: Controller
    prometheus: str
    pages: list[dict[str, Any]] = field(default_factory=list)
    """Alerts that arrived at who is on call."""


@contextlib.contextmanager
def process(*command: str) -> Iterator[None]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


@contextlib.contextmanager
def watched(folder: Path, *flags: str) -> Iterator[Watched]:
    """The files as they are, but for addresses and how often is scraped."""
    folder.mkdir()
    with running(*flags) as controller, contextlib.ExitStack() as stack:
        seen = Watched(controller, f"http://127.0.0.1:{free_port()}")

        def page(asked: Asked) -> Reply:
            if asked.path == "/on-call":
                seen.pages += json.loads(asked.body)["alerts"]
            return Reply()

        hook, alertmanager = stack.enter_context(answering(page)), free_port()
        changes = {
            "127.0.0.1:8080": controller.url.removeprefix("http://"),
            "127.0.0.1:9093": f"127.0.0.1:{alertmanager}",
            "http://127.0.0.1:9099": hook,
            "interval: 5s": "interval: 1s",
        }
        for path in FILES.glob("*.yml"):
            text = path.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            (folder / path.name).write_text(text)
        stack.enter_context(
            process(
                shutil.which("prometheus-alertmanager") or "alertmanager",
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            process(
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={seen.prometheus.removeprefix('http://')}",
            )
        )
        yield seen


def ask(seen: Watched, times: int = 30) -> None:
    for _ in range(times):
        seen.controller.send("GET", "/api/v1/functions")
        time.sleep(0.1)


def run(folder: Path, seen: Watched, alerts: str, criteria: str) -> dict[str, Any]:
    (folder / "plan.yaml").write_text(PLAN.format(url=seen.prometheus, alerts=alerts, criteria=criteria))
    command = [sys.executable, "-m", "phasegate", "run", "plan.yaml", "-o", "out"]
    subprocess.run(command, cwd=folder, check=False, capture_output=True, env=os.environ.copy())
    result: dict[str, Any] = json.loads((folder / "out/result.json").read_text())
    return result


def wait_for(happened: Callable[[], bool], within: float = 60) -> None:
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, f"it did not happen within {within} s"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_healthy_demo_is_up_without_errors_and_without_alerts(tmp_path: Path) -> None:
    with watched(tmp_path / "files") as seen:
        until(seen.prometheus, 'up{job="controller"} == 1', timeout=60)
        ask(seen)
        until(seen.prometheus, "handler:http_requests:rate1m", timeout=60)
        result = run(tmp_path, seen, "{ignore: [Watchdog], rules: [ControllerFails]}", "[error_rate < 1%]")
    assert result["verdict"] == "PASS", result["reason"]


@pytest.mark.slow
def test_an_alert_that_a_fault_makes_fire_is_seen_by_name_and_pages_who_is_on_call(tmp_path: Path) -> None:
    with watched(tmp_path / "files", "--fault=app-data") as seen:
        until(seen.prometheus, 'up{job="controller"} == 1', timeout=60)
        ask(seen)
        until(seen.prometheus, 'ALERTS{alertname="ControllerFails",alertstate="firing"}', timeout=60)
        expected = run(
            tmp_path, seen, "{ignore: [Watchdog], firing: [ControllerFails]}", "[error_rate > 50%]"
        )
        shutil.rmtree(tmp_path / "out")
        counted = run(tmp_path, seen, "{ignore: [Watchdog]}", "[error_rate < 1%]")
        wait_for(lambda: any(page["labels"]["alertname"] == "ControllerFails" for page in seen.pages))
    assert expected["verdict"] == "PASS", expected["reason"]
    assert counted["verdict"] == "FAIL"
    assert "ControllerFails" in json.dumps(counted)


@pytest.mark.slow
def test_what_the_demo_serves_is_what_prometheus_reads(controller: Controller) -> None:
    controller.send("GET", "/health")
    controller.send("GET", "/no/such/page")
    with urlopen(f"{controller.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'http_requests_total{handler="health",method="GET",code="200"}' in text
    assert 'http_requests_total{handler="none",method="OTHER",code="404"}' in text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_buckets_add_up() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.005, 0.006, 9.0):
        metrics.count("health", "GET", 200, seconds)
    text = metrics.text()
    assert 'http_request_duration_seconds_bucket{handler="health",le="0.005"} 2' in text
    assert f'le="{BUCKETS[-1]}"}} 3' in text
    assert 'le="+Inf"} 4' in text
    assert 'http_request_duration_seconds_count{handler="health"} 4' in text


@pytest.mark.parametrize("file", ["rules.yml", "prometheus.yml", "alertmanager.yml"])
def test_the_files_are_valid_by_the_tools_that_read_them(file: str) -> None:
    tool = {"rules.yml": ["promtool", "check", "rules"], "prometheus.yml": ["promtool", "check", "config"]}
    command = [*tool.get(file, ["amtool", "check-config"]), str(FILES / file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
