"""Runs on stacks of containers, as people start and end them; whatever happens, nothing is left of them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine_proxy import proxied
from tests.engines import ENGINE, OWN_LABEL, busybox, client, listing, nothing_left, own
from tests.pipeline.bench import Desk

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]

COMPOSE = """
    services:
      web:
        image: BUSYBOX
        command: ["sh", "-c", "mkdir /www; echo ok > /www/health; exec httpd -f -p 8080 -h /www"]
        init: true
        ports: ["8080"]
        volumes: ["data:/data"]
      worker: {image: BUSYBOX, init: true, command: [sleep, "600"]HEALTH}
    volumes: {data: {}}
"""
NEVER_HEALTHY = ', healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 90}'
PLAN = """
    target:
      default: web
      compose: {file: compose.yaml, within: 60s}
      setup: [{command: [sh, -c, "echo set up > /data/note"], in: web}]
      teardown: [{command: [sh, -c, "cat /data/note"], in: web}]
    steps:
      - id: one
        setup: [{command: [sh, -c, "echo and more >> /data/note"], in: web}]
        checks:
          - {id: alive, kind: health, url: /health, probes: 3}
          - {id: inside, kind: command, in: web, command: [cat, /data/note],
             expect: {output: "set up\\nand more"}}
          - {id: other, kind: command, in: web, command: [jq, .]}
      - id: two
        requires: [{in: worker, tools: [sh, psql]}]
        checks: [{id: needy, kind: command, command: ["true"]}]
"""
LONG = """
    target: {compose: {file: compose.yaml, within: 60s}}
    steps:
      - id: one
        checks:
          - {id: endless, kind: command, in: web, command: [sleep, "601"]}
          - {id: after, kind: command, in: web, command: ["true"]}
"""


def compose(desk: Desk, *, healthy: bool = True) -> None:
    text = COMPOSE.replace("BUSYBOX", busybox()).replace("HEALTH", "" if healthy else NEVER_HEALTHY)
    desk.write("compose.yaml", text)


@pytest.fixture
def until_gone() -> Iterator[None]:
    """What a guard takes away after the end of phasegate is gone soon."""
    before = listing()
    yield
    deadline = time.monotonic() + 30
    while listing() != before and time.monotonic() < deadline:
        time.sleep(0.1)


def test_checks_run_on_a_stack_and_inside_it(desk: Desk) -> None:
    compose(desk)
    desk.plan(PLAN)
    ran = desk.run()
    assert ran.code == 3, ran.err
    ran.is_whole()
    assert ran.statuses() == {"alive": "passed", "inside": "passed", "other": "not_run", "needy": "not_run"}
    assert ran.check("other")["reason"] == "jq is not in the container of web"
    assert ran.check("needy")["reason"] == "psql is not in the container of worker"
    targets = {entry["id"]: entry for entry in ran.result["target"]}
    assert targets["web"]["kind"] == "container"
    assert targets["web"]["url"].startswith("http://127.0.0.1:")
    assert "set up\nand more" in (ran.folder / "evidence/target/teardown.log").read_text()
    assert (ran.folder / "evidence/target/compose.yaml").exists()
    id = client().images.get(busybox()).id
    for service in ("web", "worker"):
        assert ran.result["environment"][f"image of {service}"] == f"{busybox()}, {id}"
    assert f"{busybox()}, {id}" in (ran.folder / "report.html").read_text()


def test_a_stack_that_does_not_come_up_is_75_with_the_reason(desk: Desk) -> None:
    compose(desk)
    desk.write("compose.yaml", (desk.path / "compose.yaml").read_text().replace("sleep,", "no-such,"))
    desk.plan(LONG)
    ran = desk.run()
    assert ran.code == 75
    assert (
        "target 'worker': it ended with exit code 127 before it was ready" in ran.is_whole().result["reason"]
    )
    assert set(ran.statuses().values()) == {"not_run"}


def test_ctrl_c_while_a_stack_comes_up_takes_it_down(desk: Desk) -> None:
    compose(desk, healthy=False)
    desk.plan(LONG)
    with desk.running() as run:
        run.until('"state":"ready"')
        run.signal(signal.SIGINT)
        ran = run.end()
    assert ran.code == 130
    ran.is_whole()


@pytest.mark.usefixtures("until_gone")
@pytest.mark.parametrize("how", ["ctrl-c", "twice", "killed"])
def test_however_a_run_ends_its_stack_goes_too(desk: Desk, how: str) -> None:
    compose(desk)
    desk.plan(LONG)
    with desk.running() as run:
        run.until('"check":"endless"')
        run.signal(signal.SIGKILL if how == "killed" else signal.SIGINT)
        if how == "twice":
            run.until('"Interrupted"')
            run.signal(signal.SIGINT)
        ran = run.end()
    assert ran.code == (-signal.SIGKILL if how == "killed" else 130)
    if how == "ctrl-c":
        assert ran.is_whole().statuses() == {"endless": "errored", "after": "not_run"}


@pytest.mark.usefixtures("until_gone")
def test_images_that_a_killed_run_built_go_too(desk: Desk) -> None:
    desk.write("web/Dockerfile", f"FROM {busybox()}\nRUN echo {desk.path} > /built\n")
    desk.write("compose.yaml", 'services: {web: {build: web, command: ["sleep", "600"]}}')
    desk.plan(LONG)
    with desk.running() as run:
        run.until('"check":"endless"')
        container = running("web")
        image = container.image.id
        run.signal(signal.SIGKILL)
        assert run.end().code == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while image in {one.id for one in client().images.list()} and time.monotonic() < deadline:
        time.sleep(0.1)
    assert image not in {one.id for one in client().images.list()}


def test_a_service_that_dies_keeps_a_run_from_passing(desk: Desk) -> None:
    compose(desk)
    desk.plan(LONG.replace("601", "3"))
    with desk.running() as run:
        run.until('"check":"endless"')
        running("worker").kill()
        ran = run.end()
    assert ran.code == 3
    assert "target worker died during the run: it ended with exit code 137" in ran.is_whole().result["reason"]
    assert ran.statuses() == {"endless": "passed", "after": "passed"}


def test_a_stack_is_kept_where_that_is_asked_for(desk: Desk) -> None:
    compose(desk)
    desk.plan(LONG.replace("601", "0"))
    ran = desk.run("--keep-target")
    project = running("web").labels["com.docker.compose.project"]
    try:
        assert ran.code == 0, ran.err
        assert f"-p {project} down --volumes --remove-orphans" in ran.err
    finally:
        _take_down(project)


def test_an_engine_that_goes_leaves_checks_errored_and_the_verdict_open(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose(desk)
    desk.plan(LONG)
    with proxied(tmp_path / "engine.sock") as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.host)
        with desk.running() as run:
            run.until('"check":"endless"')
            web = running("web")
            proxy.die()
            ran = run.end()
    _take_down(web.labels["com.docker.compose.project"])
    assert ran.code == 3
    assert "the container engine stopped answering" in ran.is_whole().result["reason"]
    assert ran.statuses() == {"endless": "errored", "after": "errored"}
    assert (ran.folder / "evidence/target/web.log").exists()


def running(service: str) -> Any:
    """The container of a service of the stack under test."""
    labels = [OWN_LABEL, f"com.docker.compose.service={service}"]
    (found,) = client().containers.list(filters={"label": labels})
    return found


def _take_down(project: str) -> None:
    label = {"label": f"com.docker.compose.project={project}"}
    for container in client().containers.list(all=True, filters=label):
        container.remove(force=True, v=True)
    for network in client().networks.list(filters=label):
        network.remove()
    for volume in client().volumes.list(filters=label):
        volume.remove()


def small(desk: Desk, services: str) -> None:
    desk.write("compose.yaml", "services:\n" + services.replace("BUSYBOX", busybox()))


GOOD = (
    '  good: {image: BUSYBOX, init: true, ports: ["8080"], command: [httpd, -f, -p, "8080", -h, /etc],'
    " healthcheck: {test: [CMD, test, -e, /bin/sh], interval: 1s}}\n"
)
DIES = '  dies: {image: BUSYBOX, ports: ["9"], command: [sh, -c, "exit 1"]}\n'
NEEDS = (
    '  needs: {image: BUSYBOX, command: [sleep, "600"], depends_on: {dies: {condition: service_healthy}}}\n'
)
LOOKS = """
    target: {default: good, compose: {file: compose.yaml, within: 40s}}
    steps:
      - id: one
        checks:
          - {id: stack, kind: containers}
          - {id: fine, kind: health, url: "${target.good.url}/", probes: 3, expect: {status: 404}}
          - {id: also, kind: health, url: /, probes: 3, expect: {status: 404}}
          - {id: needy, kind: health, url: "${target.dies.url}/", probes: 3}
          - {id: inside, kind: command, in: dies, command: ["true"]}
"""


@pytest.mark.parametrize("more", ["", NEEDS])
def test_where_one_service_dies_the_others_are_looked_at_and_what_needs_it_is_not_run(
    desk: Desk, more: str
) -> None:
    dies = DIES.replace("command", 'healthcheck: {test: [CMD, "false"], interval: 1s}, command')
    small(desk, GOOD + dies + more)
    desk.plan(LOOKS)
    ran = desk.run().is_whole()
    assert ran.code == 1, ran.err
    assert ran.statuses() == {
        "stack": "failed",
        "fine": "passed",
        "also": "passed",
        "needy": "not_run",
        "inside": "not_run",
    }
    assert "needs dies, which did not come up: it ended with exit code 1" in ran.check("needy")["reason"]
    cases = {case["id"]: case["status"] for case in ran.check("stack")["attempts"][-1]["cases"]}
    assert (cases["good/running"], cases["dies/running"]) == ("passed", "failed")


def test_without_a_check_that_looks_at_what_is_broken_a_dead_service_ends_the_run(desk: Desk) -> None:
    small(desk, GOOD + DIES)
    desk.plan("\n".join(line for line in LOOKS.splitlines() if "kind: containers" not in line))
    ran = desk.run().is_whole()
    assert ran.code == 75, ran.err
    assert set(ran.statuses().values()) == {"not_run"}


@pytest.mark.parametrize(("right", "code"), [("3", 0), ("[0, 3]", 0), ("0", 1)])
def test_exit_code_that_is_right_for_a_job_can_be_met(desk: Desk, right: str, code: int) -> None:
    small(desk, GOOD + '  job: {image: BUSYBOX, command: [sh, -c, "exit 3"]}\n')
    check = f"{{id: stack, kind: containers, exit_codes: {{job: {right}}}}}"
    desk.plan(
        f"target: {{compose: {{file: compose.yaml, within: 40s}}}}\nsteps: [{{id: one, checks: [{check}]}}]"
    )
    assert desk.run().is_whole().code == code


def test_service_that_turns_unhealthy_or_is_started_again_meanwhile_is_said(desk: Desk) -> None:
    told = "until test -e /bad; do sleep 0.1; done"
    small(
        desk,
        f"""  sick: {{image: BUSYBOX, init: true, command: [sh, -c, "touch /ok; {told}; rm /ok; sleep 600"],
                 healthcheck: {{test: [CMD, test, -e, /ok], interval: 500ms, retries: 1}}}}
  again: {{image: BUSYBOX, restart: always, command: [sh, -c, "{told}; rm /bad"]}}
  watch: {{image: BUSYBOX, command: [sleep, "600"], init: true}}
""",
    )
    desk.plan(
        """
        target: {compose: {file: compose.yaml, within: 40s}}
        steps:
          - id: one
            checks:
              - {id: ends, kind: command, in: again, command: [touch, /bad]}
              - {id: spoils, kind: command, in: sick, command: [touch, /bad]}
              - {id: waits, kind: command, in: sick, command: [sleep, "5"]}
        """
    )
    ran = desk.run().is_whole()
    assert ran.code == 0, ran.err
    unhealthy = "service sick turned unhealthy while it was being used"
    again = "service again ended with exit code 0 and was started again while it was being used"
    assert set(ran.result["warnings"]) == {unhealthy, again}
    page = (ran.folder / "report.html").read_text(encoding="utf-8")
    for said in (unhealthy, again):
        assert said in ran.err
        assert said in page


def test_second_run_of_one_project_is_refused_and_the_first_goes_on(desk: Desk) -> None:
    small(desk, GOOD)
    project = own("fixed")
    desk.plan(
        f"""
        target: {{compose: {{file: compose.yaml, within: 40s, project: {project}}}}}
        steps: [{{id: one, checks: [{{id: waits, kind: command, in: good,
                                      command: [sh, -c, "until test -e /go; do sleep 0.1; done"]}}]}}]
        """
    )
    other = Desk(desk.path, runs=10)
    with desk.running() as first:
        first.until('"check":"waits"')
        second = other.run()
        assert second.code == 75
        assert f"another run uses the project '{project}'" in second.err
        running("good").exec_run(["touch", "/go"])
        assert first.end().code == 0
