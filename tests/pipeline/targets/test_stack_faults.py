"""Faults on services in containers, from plan to verdict: of a stack of this run, and one that was there."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines import ENGINE, busybox, client, nothing_left
from tests.pipeline.bench import Desk, Ran

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]

SLEEP = 'kind: command, command: [python, -S, -c, "import time; time.sleep(%s)"]'
PROBE = "probe: {url: /, every: 50ms, timeout: 500ms}"


def serving(word: str) -> str:
    """An image that serves one word."""
    page = f'RUN ["/bin/sh", "-c", "mkdir /www && echo {word} > /www/index.html"]'
    return busybox(page, "EXPOSE 8080", 'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]')


def plan(target: str, faults: str, *criteria: str, lasts: float) -> str:
    return f"""\
target:
{target}
steps:
  - id: one
    checks: [{{id: steady, {SLEEP % lasts}}}]
    faults:
{faults}
    criteria: [{", ".join(criteria)}]
"""


def by_id(ran: Ran) -> dict[str, dict[str, object]]:
    return {fault["id"]: fault for step in ran.result["steps"] for fault in step["faults"]}


def stack(desk: Desk) -> str:
    desk.write(
        "compose.yaml",
        f'services: {{web: {{image: "{serving("one")}", init: true, ports: ["8080"], restart: always}}}}\n',
    )
    return "  default: web\n  compose: {file: compose.yaml, within: 60s}"


def test_service_that_crashes_is_replaced_and_cut_off_recovers_and_is_as_before(desk: Desk) -> None:
    def step(id: str, act: str, span: str, criterion: str) -> str:
        return f"""
  - id: {id}-step
    checks: [{{id: beside-{id}, {SLEEP % 8}}}]
    faults: [{{id: {id}, {act}, during: beside-{id}, at: 200ms, for: {span}, {PROBE}}}]
    criteria: [{criterion}]"""

    # A step for each: it begins when what was done in the one before is over.
    steps = (
        step("crash", "kill: web", "300ms", "crash.recovery_time < 60s"),
        step("rollout", f'replace: web, image: "{serving("two")}"', "1s", "rollout.rollback_time < 60s"),
        step("cut", "cut: web", "500ms", "cut.lost_requests >= 1"),
    )
    desk.plan(f"target:\n{stack(desk)}\nsteps:{''.join(steps)}")
    ran = desk.run()
    assert ran.code == 0, ran.err
    found = by_id(ran.is_whole())
    assert {fault["status"] for fault in found.values()} == {"recovered"}
    assert not [entry["error"] for entry in ran.result["target"] if entry["error"]]


@pytest.mark.parametrize("act", ["cut: web", "replace: web, image: IMAGE"])
def test_stopped_run_puts_a_service_back_before_its_stack_goes(desk: Desk, act: str) -> None:
    act = act.replace("IMAGE", serving("two"))
    faults = f"      - {{id: f, {act}, during: steady, at: 100ms, for: 20s, {PROBE}}}"
    desk.plan(plan(stack(desk), faults, "f.lost_requests <= 3", lasts=30))
    with desk.running() as running:
        running.until('"event":"FaultStarted"')
        running.signal(signal.SIGINT)
        ran = running.end()
    assert ran.code == 130
    assert by_id(ran.is_whole())["f"]["undone"] is not None


USERS = "kind: health, url: /, every: 50ms, probes: %d, timeout: 1s, criteria: [success_rate >= %s]"


def rolling(desk: Desk, image: str, criterion: str, hold: str = "500ms") -> Desk:
    """A plan that rolls out two containers of one service, while its users go on."""
    desk.write(
        "compose.yaml",
        f'services: {{web: {{image: "{serving("one")}", init: true, scale: 2, expose: ["8080"]}}}}\n',
    )
    desk.plan(f"""\
target:
  default: web
  compose: {{file: compose.yaml, within: 60s}}
steps:
  - id: one
    checks: [{{id: users, {USERS % (300, "70%")}}}]
    faults:
      - {{id: roll, rollout: web, image: "{image}", during: users, at: 1s, hold: {hold}, {PROBE}}}
    criteria: [{criterion}]
  - id: two
    checks: [{{id: after, {SLEEP % 4}}}]
""")
    return desk


def containers(image: str, status: str) -> int:
    return len(client().containers.list(all=True, filters={"ancestor": image, "status": status}))


def rolled(desk: Desk, image: str, criterion: str) -> tuple[Ran, dict[str, int]]:
    """How a rollout ended, and how many containers ran its own image and the other one when it was over; ten
    are added for one that has ended."""
    with rolling(desk, image, criterion).running() as running:
        running.until('"event":"FaultEnded"')
        there = {
            name: containers(image, "running") + 10 * containers(image, "exited")
            for name, image in (("own", serving("one")), ("other", image))
        }
        return running.end(), there


def test_every_container_of_a_service_is_rolled_out_and_stays(desk: Desk) -> None:
    ran, there = rolled(desk, serving("two"), "roll.rollout_time < 120s")
    assert ran.code == 0, ran.err
    told = by_id(ran.is_whole())["roll"]
    assert told["status"] == "rolled_out"
    assert len(told["notes"]) == 2
    assert there == {"own": 0, "other": 2}
    assert not [entry["error"] for entry in ran.result["target"] if entry["error"]]


def test_image_whose_pages_are_gone_is_rolled_back_container_by_container(desk: Desk) -> None:
    image = busybox("EXPOSE 8080", 'CMD ["httpd", "-f", "-p", "8080", "-h", "/bin"]')
    ran, there = rolled(desk, image, "roll.rollback_time < 120s")
    assert ran.code == 1, ran.err
    told = by_id(ran.is_whole())["roll"]
    assert told["status"] == "rolled_back"
    assert "as users.success_rate >= 70% was not met" in told["reason"]
    assert there == {"own": 2, "other": 0}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_rollout_of_a_service_that_is_interrupted_leaves_no_container(
    desk: Desk, number: signal.Signals
) -> None:
    image = serving("two")
    with rolling(desk, image, "roll.rollout_time < 60s", hold="6s").running() as running:
        running.until('"event":"FaultStarted"')
        while not containers(image, "running"):
            time.sleep(0.05)
        running.signal(number)
        if number is signal.SIGKILL:
            running.process.wait()
            assert desk.left() == []
            return
        ran = running.end()
    assert ran.code == 130
    assert by_id(ran.is_whole())["roll"]["undone"] is not None


@pytest.fixture
def there_before() -> Iterator[str]:
    """A service that somebody else has started; its label."""
    label = f"phasegate.t=faults-{os.getpid()}"
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    name, value = label.split("=")
    container = client().containers.run(
        serving("one"),
        detach=True,
        init=True,
        ports={"8080/tcp": ("127.0.0.1", port)},
        labels={name: value, "com.docker.compose.service": "web", "com.docker.compose.project": value},
    )
    yield label
    container.remove(force=True)


@pytest.mark.parametrize(("lasts", "code"), [("", 2), (", for: 200ms", 0)], ids=["stays", "undone"])
def test_service_that_was_there_before_is_not_left_on_another_version(
    desk: Desk, there_before: str, lasts: str, code: int
) -> None:
    desk.plan(f"""\
target:
  containers: {{label: {there_before}, allow_faults: true, services: {{web: {{port: 8080}}}}}}
  default: web
steps:
  - id: one
    checks: [{{id: users, {USERS % (200, "20%")}}}]
    faults:
      - {{id: roll, rollout: web, env: {{A: b}}, during: users, at: 100ms{lasts}, {PROBE}}}
    criteria: [roll.rollout_time < 120s]
""")
    ran = desk.run("--confirm", "web")
    assert ran.code == code, ran.err
    if code == 2:
        assert "what was there before this run is not left on another version" in ran.err
    (container,) = client().containers.list(filters={"label": there_before})
    assert "A=b" not in container.attrs["Config"]["Env"]


def test_service_that_was_there_before_is_acted_on_with_leave_only_and_stays_up(
    desk: Desk, there_before: str
) -> None:
    target = (
        f"  containers: {{label: {there_before}, allow_faults: true, services: {{web: {{port: 8080}}}}}}\n"
        "  default: web"
    )
    faults = f"      - {{id: f, pause: web, during: steady, at: 100ms, for: 500ms, {PROBE}}}"
    desk.plan(plan(target, faults, "f.recovery_time < 20s", lasts=2))
    assert desk.run().code == 2
    ran = desk.run("--confirm", "web")
    assert ran.code == 0, ran.err
    (container,) = client().containers.list(filters={"label": there_before})
    assert container.status == "running"
