"""Stacks that Compose brings up: ready, reached, logged, and gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from phasegate.base.errors import ExitCode, ObservationError, TargetError
from phasegate.model.faults import Act
from phasegate.plan.asked.services import ServiceEntry
from phasegate.render.sentences import sentence
from phasegate.targets.containers.engine.facts import PROJECT, SERVICE
from phasegate.targets.containers.images import LABEL, stop_of
from phasegate.targets.containers.removal import remove
from phasegate.targets.processes.ports import Ports
from phasegate.targets.stacks.deployed import NEWS
from phasegate.world import Stopped
from tests.engines import ENGINE, OWN_LABEL, busybox, client, nothing_left, own
from tests.load.server import unused_port
from tests.targets.stacks.conftest import Yard
from tests.targets.test_acts import fault

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]
NAMED = own("shop")
"""A project with a name of its own."""

SHOP = """
    services:
      web:
        image: BUSYBOX
        container_name: phasegate-t-web
        command: SERVE
        environment: {PORT: "8080"}
        ports: ["8089:8080"]
        depends_on: {db: {condition: service_healthy}, migrate: {condition: service_started}}
        volumes: ["data:/data"]
      db:
        image: BUSYBOX
        command: SERVE
        environment: {PORT: "5432", DB_PASSWORD: hunter2-hunter2}
        healthcheck: {test: ["CMD", "test", "-e", "/www/health"], interval: 1s, retries: 20}
      migrate:
        image: BUSYBOX
        command: ["sh", "-c", "echo migrated hunter2-hunter2"]
    volumes: {data: {name: phasegate-t-data}}
    networks: {default: {name: phasegate-t-net}}
"""


async def status(url: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  what is waited for happens in containers
            await asyncio.sleep(0.02)


async def test_two_runs_of_one_stack_are_up_side_by_side_and_gone_after(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Yard(tmp_path / "other")
    entries = (ServiceEntry(id="web"), ServiceEntry(id="db", port=5432))
    async with (
        yard.stack(yard.compose(SHOP, entries=entries), default="web") as target,
        other.stack(other.compose(SHOP, entries=entries), default="web") as theirs,
    ):
        values = target.values()
        assert await status(f"{values['target.web.url']}/health") == 200
        assert await status(f"{values['target.db.url']}/health") == 200
        assert await status(theirs.url("/health")) == 200
        assert theirs.url("/") != target.url("/")
        assert values["target.web.host"] == "127.0.0.1"
        assert values["target.db.port.5432"] == values["target.db.port"]
        assert "target.migrate.url" not in values
        assert target.declares(values["target.db.url"])
        assert [one.service for one in await yard.containers.all()] == ["db", "migrate", "web"]
    other.containers.close()
    assert not yard.problems
    states = yard.states()
    assert sorted(states[:3]) == ["db starting", "migrate starting", "web starting"]
    assert sorted(states[3:6]) == ["db ready", "migrate ready", "web ready"]
    assert sorted(states[6:]) == ["db stopped", "web stopped"]
    assert yard.log("migrate") == "migrated [redacted]\n"
    assert yard.record("web").log == "evidence/target/web.log"
    assert yard.record("web").kind == "container"
    kept = (yard.store.path / "target" / "compose.yaml").read_text()
    assert "hunter2" not in kept
    assert "container_name" not in kept


async def refused(yard: Yard, text: str, **more: Any) -> TargetError:
    with pytest.raises(TargetError) as raised:
        async with yard.stack(yard.compose(text, **more)):
            pytest.fail("it did not come up")
    assert raised.value.exit_code is ExitCode.TARGET
    assert "\n" not in sentence(raised.value.message)
    assert not yard.problems
    return raised.value


def one(*lines: str) -> str:
    """A compose file with one service."""
    return "\n".join(("services:", "  web:", "    image: BUSYBOX", *(f"    {line}" for line in lines)))


async def test_a_service_that_ends_before_it_is_ready_is_named_with_its_log(yard: Yard) -> None:
    error = await refused(yard, one('command: ["sh", "-c", "echo no database hunter2-hunter2; exit 7"]'))
    assert sentence(error.message) == "target 'web': it ended with exit code 7 before it was ready"
    assert sentence(error.help) == "the log of web ends with\n    no database [redacted]"
    record = yard.record("web")
    assert (record.exit_code, record.log_tail) == (7, ("no database [redacted]",))
    assert yard.states() == ["web starting", "web failed"]


async def test_a_service_that_ends_again_and_again_is_not_waited_for(yard: Yard) -> None:
    error = await refused(yard, one("restart: always", 'command: ["sh", "-c", "exit 1"]'), within=60.0)
    assert sentence(error.message) == "target 'web': it keeps ending (3 restarts)"


async def test_an_image_that_is_not_there_is_named(yard: Yard) -> None:
    error = await refused(yard, "services: {web: {image: 'phasegate-nowhere.invalid/shop:1'}}")
    assert sentence(error.message).startswith(
        "target 'web': the image 'phasegate-nowhere.invalid/shop:1' is not on this engine, and could not be"
    )
    assert sentence(error.help) == "build it, or docker pull phasegate-nowhere.invalid/shop:1, before the run"


async def test_a_program_that_is_not_in_the_image_is_named(yard: Yard) -> None:
    error = await refused(yard, one('command: ["no-such-program"]'))
    assert "'web': it cannot be started" in sentence(error.message)
    assert "no-such-program" in sentence(error.message)


async def test_a_file_that_does_not_parse_is_refused_with_the_words_of_compose(yard: Yard) -> None:
    error = await refused(yard, "services:\n  web: [\n")
    assert sentence(error.message).startswith(
        f"target.compose: {yard.root / 'compose.yaml'} cannot be used: "
    )
    error = await refused(yard, "services: {web: {image: x, prots: [80]}}")
    assert "prots" in sentence(error.message)


async def test_a_service_that_no_file_has_is_named(yard: Yard) -> None:
    (yard.root / "other.yaml").write_text(f"services: {{base: {{image: '{busybox()}'}}}}")
    text = "services: {web: {extends: {file: other.yaml, service: base}, command: WAIT}}"
    error = await refused(yard, text, services=("web", "wbe"))
    assert "wbe" in sentence(error.message)
    assert "base" not in sentence(error.message)


async def test_a_service_that_is_asked_for_comes_up_whatever_its_profile(yard: Yard) -> None:
    text = """
        services:
          web: {image: BUSYBOX, command: WAIT}
          debug: {image: BUSYBOX, command: WAIT, profiles: [debug]}
    """
    async with yard.stack(yard.compose(text, services=("debug",))):
        assert [one.service for one in await yard.containers.all()] == ["debug"]


async def test_every_profile_comes_up_where_all_are_asked_for(yard: Yard) -> None:
    text = """
        services:
          web: {image: BUSYBOX, command: WAIT}
          debug: {image: BUSYBOX, command: WAIT, profiles: [debug]}
          tools: {image: BUSYBOX, command: WAIT, profiles: [tools, more]}
    """
    async with yard.stack(yard.compose(text, profiles=("*",))):
        assert [one.service for one in await yard.containers.all()] == ["debug", "tools", "web"]


async def test_services_in_networks_of_others_are_ready_and_reached(yard: Yard) -> None:
    port = unused_port()
    text = f"""
        services:
          host:
            {{image: BUSYBOX, command: SERVE, network_mode: host, environment: {{PORT: "{port}"}},
             ports: ["{port}"]}}
          front: {{image: BUSYBOX, command: WAIT}}
          behind:
            {{image: BUSYBOX, command: SERVE, network_mode: "service:front", environment: {{PORT: "81"}}}}
    """
    entries = (ServiceEntry(id="host"), ServiceEntry(id="front"), ServiceEntry(id="behind", port=81))
    async with yard.stack(yard.compose(text, entries=entries)) as target:
        values = target.values()
        assert values["target.host.url"] == f"http://127.0.0.1:{port}"
        assert values["target.behind.host"] == "127.0.0.1"
        for service in ("host", "behind"):
            assert await status(f"{values[f'target.{service}.url']}/health") == 200


async def test_a_line_that_the_engine_keeps_in_pieces_is_whole_in_the_log(yard: Yard) -> None:
    program = "i=0; while [ $$i -lt 5000 ]; do printf '%07d,' $$i; i=$$((i+1)); done; echo; sleep 60"
    async with yard.stack(yard.compose(one(f'command: ["sh", "-c", "{program}"]'))):
        await until(lambda: yard.log("web").endswith("\n"))
        assert yard.log("web") == "".join(f"{i:07d}," for i in range(5000)) + "\n"


async def test_an_image_is_built_and_gone_after_the_run(yard: Yard) -> None:
    (yard.root / "web").mkdir()
    (yard.root / "web" / "Dockerfile").write_text(f"FROM {busybox()}\nRUN echo built > /built\n")
    text = "services: {web: {build: web, command: WAIT}}"
    async with yard.stack(yard.compose(text)):
        (container,) = await yard.containers.all()
        assert (await yard.containers.image(container.image)).tags == (f"{container.image}:latest",)
    with pytest.raises(ObservationError) as raised:
        await yard.containers.image(container.image)
    assert sentence(raised.value.message).startswith("there is no image")


async def test_looking_into_an_image_that_compose_built_ends_no_service_of_its_project(yard: Yard) -> None:
    image = busybox(f"LABEL {PROJECT}={NAMED} {SERVICE}=web", 'CMD ["sleep", "60"]')
    text = f"services: {{web: {{image: '{image}', command: WAIT}}}}"
    async with yard.stack(yard.compose(text, project=NAMED)):
        (web,) = await yard.containers.all()
        engine = await yard.containers.engine()
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(stop_of(engine, await engine.image(web.image), after=2, within=0.1))
            await until(lambda: len(client().api.containers(filters={"label": [LABEL, OWN_LABEL]})) == 1)
            assert [one.id for one in await yard.containers.all()] == [web.id]
        assert stopping.result() == Stopped(seconds=stopping.result().seconds, killed=True)
        await asyncio.sleep(0.3)  # what is heard of its end is heard by then
    assert yard.states() == ["web starting", "web ready", "web stopped"]


async def test_a_failed_build_says_why(yard: Yard) -> None:
    (yard.root / "web").mkdir()
    (yard.root / "web" / "Dockerfile").write_text(f'FROM {busybox()}\nRUN ["sh", "-c", "exit 3"]\n')
    error = await refused(yard, "services: {web: {build: web}}")
    assert sentence(error.message).startswith("target.compose: the image of web cannot be built: ")
    assert "code: 3" in sentence(error.message)


async def test_of_two_images_only_the_one_that_cannot_be_built_is_named(yard: Yard) -> None:
    for name, line in (("good", "LABEL a=b"), ("bad", "COPY missing /x")):
        (yard.root / name).mkdir()
        (yard.root / name / "Dockerfile").write_text(f"FROM {busybox()}\n{line}\n")
    error = await refused(yard, "services: {good: {build: good}, bad: {build: bad}}")
    assert sentence(error.message).startswith(
        "target.compose: the image of bad cannot be built: COPY failed: "
    )
    assert "good" not in sentence(error.message)


async def test_a_project_that_is_there_is_refused_with_both_ways_out(yard: Yard) -> None:
    volume = client().volumes.create(f"{NAMED}-data", labels={PROJECT: NAMED})
    try:
        error = await refused(yard, one("command: WAIT"), project=NAMED)
    finally:
        volume.remove()
    assert sentence(error.message) == (
        f"target.compose: the project '{NAMED}' exists already (volumes: {NAMED}-data)"
    )
    assert error.help is not None
    assert f"-p {NAMED} down --volumes" in sentence(error.help)
    assert f"target.containers: {{label: com.docker.compose.project={NAMED}}}" in sentence(error.help)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", Ports().take())) as listener:
        yield listener.getsockname()[1]


async def test_a_port_that_another_program_takes_first_is_left_to_it(
    yard: Yard, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Ports.take
    first = iter([taken])
    monkeypatch.setattr(Ports, "take", lambda ports, count: next(first, None) or take(ports, count))
    text = one("command: SERVE", "environment: {PORT: '8080'}", "ports: [8080]")
    async with yard.stack(yard.compose(text), default="web") as target:
        assert await status(target.url("/health")) == 200
        assert str(taken) not in target.url("/health")
    assert next(first, None) is None
    assert yard.log("compose.output").count(" up --detach") == 2
    assert not yard.problems


async def test_a_port_that_cannot_be_had_is_named(
    yard: Yard, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ports, "take", lambda _, count: taken)
    error = await refused(yard, one("command: WAIT", "ports: [8080]"))
    assert str(taken) in sentence(error.message)
    assert sentence(error.help).startswith("stop the program that has the port (ss -ltnp shows it), or")


async def test_a_start_that_is_cut_off_leaves_nothing(yard: Yard) -> None:
    text = one("command: WAIT", 'healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 60}')
    start = asyncio.create_task(yard.stack(yard.compose(text)).__aenter__())
    await until(lambda: "web starting" in yard.states())
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start


async def test_a_stack_that_is_kept_stays_up(yard: Yard) -> None:
    stack = yard.stack(yard.compose(one("command: WAIT")), keep=True)
    async with stack:
        (container,) = await yard.containers.all()
    try:
        assert client().containers.get(container.id).status == "running"
        assert stack.kept.startswith(("docker-compose -f evidence/", "docker compose -f evidence/"))
        assert f"-p {container.project} down" in stack.kept
    finally:
        engine = await yard.containers.engine()
        assert await remove(engine, f"{PROJECT}={container.project}") == ()


async def test_a_service_that_dies_is_noticed_and_neither_a_job_nor_what_a_fault_ends(yard: Yard) -> None:
    text = """
        services:
          web:
            image: BUSYBOX
            command: ["sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done"]
          job: {image: BUSYBOX, command: ["sh", "-c", "sleep 2; echo done"]}
    """
    stack = yard.stack(yard.compose(text, entries=(ServiceEntry(id="web"),)))
    async with stack:
        web = next(one for one in await yard.containers.all() if one.service == "web")
        found = client().containers.get(web.id)
        await stack.act(fault(Act.KILL))
        assert await stack.undo(fault(Act.KILL)) == ""
        await asyncio.sleep(1.5 * NEWS)  # until then an end may be what the fault has done
        await until(lambda: "done" in yard.log("job") and yard.log("web") == "up\nup\n")
        assert not [state for state in yard.states() if state.endswith("died")]
        found.kill("SIGTERM")
        await until(lambda: yard.states()[-1] == "web died")
    record = yard.record("web")
    assert (sentence(record.error), record.exit_code) == ("it ended with exit code 3", 3)
    assert record.log_tail == ("up", "up")
    assert yard.states()[-1] == "job stopped"
