"""What goes wrong with engines and stacks, on the command line: one clear line each, and the exit code."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.engines import ENGINE, busybox, without_engine
from tests.pipeline.bench import Desk, Ran

STEPS = """
steps:
  - id: one
    checks:
      - {id: up, kind: health, url: "${target.app.url}/", probes: 3, expect: {status: 404}}
"""


def with_engine(test: Callable[..., None]) -> Callable[..., None]:
    for mark in (pytest.mark.usefixtures("nothing_left"), *ENGINE):
        test = mark(test)
    return test


def plan(desk: Desk, service: dict[str, Any], *, within: str = "20s", steps: str = STEPS) -> None:
    base = {"image": busybox(), "init": True, "command": ["httpd", "-f", "-p", "80"], "expose": ["80"]}
    desk.write("compose.yaml", json.dumps({"services": {"app": base | service}}))
    desk.plan(f"target:\n  compose: {{file: compose.yaml, within: {within}}}\n{steps}")


def says(ran: Ran, *parts: str) -> None:
    """One line of what was printed has all parts."""
    assert "Traceback" not in ran.err
    assert any(all(part in line for part in parts) for line in ran.err.splitlines()), ran.err


def test_no_engine_is_said_before_anything_starts(desk: Desk) -> None:
    desk.write("compose.yaml", "services: {app: {image: shop, expose: [80]}}")
    desk.plan(f"target:\n  compose: {{file: compose.yaml}}\n{STEPS}")
    ran = desk.run(env=without_engine())
    assert ran.code in (3, 75)
    says(ran, "there is no container engine at unix:///nowhere/docker.sock")
    says(ran, "DOCKER_HOST")


def test_a_socket_without_permission_names_the_way_to_it(desk: Desk) -> None:
    desk.write("compose.yaml", "services: {app: {image: shop, expose: [80]}}")
    desk.plan(f"target:\n  compose: {{file: compose.yaml}}\n{STEPS}")
    path = desk.path / "left-over.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    ran = desk.run(env={"DOCKER_HOST": f"unix://{path}"})
    assert ran.code in (3, 75)
    says(ran, f"no container engine answers at unix://{path}")


def test_a_compose_file_that_does_not_parse_is_a_plan_error_with_its_place(desk: Desk) -> None:
    desk.write("compose.yaml", "services:\n  app: {image: shop\n  other: [")
    desk.plan(f"target:\n  compose: {{file: compose.yaml}}\n{STEPS}")
    ran = desk.run()
    assert ran.code == 2
    says(ran, "compose.yaml:")
    assert not ran.folder.exists()


@with_engine
def test_a_compose_file_that_compose_refuses_is_told_in_its_words(desk: Desk) -> None:
    plan(desk, {"restart": 5})
    ran = desk.run()
    assert ran.code in (2, 75)
    says(ran, "compose.yaml", "restart")


@with_engine
def test_a_service_that_never_gets_healthy_is_named_and_its_log_kept(desk: Desk) -> None:
    sick = {"test": ["CMD-SHELL", "echo the disk is full; exit 1"], "interval": "1s", "retries": 1}
    plan(desk, {"healthcheck": sick, "command": ["sh", "-c", "echo starting; sleep 60"]})
    ran = desk.run()
    assert ran.code == 75
    says(ran, "app", "unhealthy", "the disk is full")
    assert "starting" in (ran.folder / "evidence/target/app.log").read_text()


@with_engine
def test_an_image_that_is_missing_is_named(desk: Desk) -> None:
    plan(desk, {"image": "phasegate.invalid/nowhere:1"})
    ran = desk.run()
    assert ran.code == 75
    says(ran, "phasegate.invalid/nowhere")


@with_engine
def test_a_port_in_use_does_not_matter(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan(desk, {"ports": [f"127.0.0.1:{taken.getsockname()[1]}:80"]})
        ran = desk.run()
    assert ran.code == 0, ran.err
