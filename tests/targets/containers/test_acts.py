"""Faults on real containers: what is done to them, and that all of it is as before when it is undone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from phasegate.base.errors import ObservationError
from phasegate.model.faults import RENEWING, Act
from phasegate.render.sentences import sentence
from phasegate.targets.containers.acts import ContainerActs
from phasegate.targets.containers.engine.replacing import Version
from phasegate.targets.containers.reach import TargetContainers
from tests.engines import ENGINE, busybox, client, nothing_left
from tests.telling import raises

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]
SERVE = ["httpd", "-f", "-p", "8080", "-h", "/www"]


def image(says: str) -> str:
    """Serves one word on port 8080."""
    page = f'RUN ["/bin/sh", "-c", "mkdir /www && echo {says} > /www/index.html"]'
    return busybox(page, "EXPOSE 8080", f"ENV SAYS={says}", f"CMD {SERVE}".replace("'", '"'))


class Service:
    """One container with a published port, in a network where it has a name."""

    def __init__(self, label: str, **more: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.network = client().networks.create(f"phasegate-{label}")
        api = client().api
        host = api.create_host_config(port_bindings={8080: ("127.0.0.1", self.port)}, init=True, **more)
        place = api.create_endpoint_config(aliases=["web"])
        self.id = api.create_container(
            image("one"),
            name=f"phasegate-{label}-web-1",
            environment={"OWN": "kept"},
            labels={"phasegate.t": label, "com.docker.compose.service": "web"},
            ports=[8080],
            host_config=host,
            networking_config=api.create_networking_config({self.network.name: place}),
        )["Id"]
        api.start(self.id)
        self.says("one")

    def says(self, expected: str | None, within: float = 5.0) -> None:
        """Wait until it answers so; None: not at all."""
        deadline = time.monotonic() + within
        while (said := self._said()) != expected:
            assert time.monotonic() < deadline, f"{said!r}, not {expected!r}"
            time.sleep(0.02)

    def told(self) -> dict[str, Any]:
        return client().api.inspect_container(self.id)

    def _said(self) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=0.3) as answer:
                return answer.read().decode().strip()
        except OSError:
            return None

    def remove(self) -> None:
        import docker.errors

        with suppress(docker.errors.NotFound):
            client().api.remove_container(self.id, force=True)
        self.network.remove()


@contextmanager
def service(**more: Any) -> Iterator[tuple[Service, str]]:
    label = uuid.uuid4().hex[:8]
    made = Service(label, **more)
    try:
        yield made, label
    finally:
        made.remove()


@contextmanager
def acting(label: str) -> Iterator[ContainerActs]:
    reach = TargetContainers(os.environ)
    reach.are(f"phasegate.t={label}")
    try:
        yield ContainerActs(reach)
    finally:
        reach.close()


@pytest.fixture
async def web() -> AsyncIterator[tuple[Service, ContainerActs]]:
    with service() as (made, label), acting(label) as acts:
        yield made, acts


@pytest.mark.parametrize("act", [Act.STOP, Act.KILL, Act.PAUSE, Act.CUT])
async def test_service_is_away_until_the_fault_is_undone(
    web: tuple[Service, ContainerActs], act: Act
) -> None:
    service, acts = web
    before = service.told()["NetworkSettings"]
    await acts.act("f", act, "web")
    service.says(None)
    assert await acts.undo("f", act) == ""
    service.says("one")
    after = service.told()["NetworkSettings"]
    assert after["Ports"] == before["Ports"]
    places = [told["Networks"][service.network.name] for told in (before, after)]
    assert places[0]["Aliases"] == places[1]["Aliases"]
    assert places[0]["IPAddress"] == places[1]["IPAddress"]


async def test_restarted_service_is_up_again_and_there_is_nothing_to_undo(
    web: tuple[Service, ContainerActs],
) -> None:
    service, acts = web
    began = service.told()["State"]["StartedAt"]
    await acts.act("f", Act.RESTART, "web")
    assert await acts.undo("f", Act.RESTART) == ""
    service.says("one")
    assert service.told()["State"]["StartedAt"] != began


async def test_another_image_runs_in_its_place_and_it_comes_back_itself(
    web: tuple[Service, ContainerActs],
) -> None:
    service, acts = web
    before = service.told()
    await acts.act("f", Act.REPLACE, "web", Version(image=image("two")))
    service.says("two")
    stands = client().api.inspect_container(before["Name"])
    assert stands["Id"] != service.id
    assert {"OWN=kept", "SAYS=two"} <= set(stands["Config"]["Env"])
    assert stands["Config"]["Labels"]["com.docker.compose.service"] == "web"
    assert "web" in stands["NetworkSettings"]["Networks"][service.network.name]["Aliases"]
    assert await acts.undo("f", Act.REPLACE) == ""
    service.says("one")
    assert service.told()["Name"] == before["Name"]


KILLED = """
import asyncio, os, sys
from phasegate.model.faults import RENEWING, Act
from phasegate.targets.containers.acts import ContainerActs
from phasegate.targets.containers.engine.replacing import Version
from phasegate.targets.containers.reach import TargetContainers

async def main(label, act, image):
    reach = TargetContainers(os.environ)
    reach.are(f"phasegate.t={label}")
    version = Version(image=image if Act(act) in RENEWING else "")
    await ContainerActs(reach).act("f", Act(act), "web", version)
    print("done", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("act", [Act.STOP, Act.KILL, Act.PAUSE, Act.CUT, Act.REPLACE, Act.ROLLOUT])
def test_what_was_done_is_undone_when_phasegate_is_killed(act: Act) -> None:
    with service() as (made, label):
        before = made.told()
        run = subprocess.Popen(
            [sys.executable, "-c", KILLED, label, act, image("two")], stdout=subprocess.PIPE
        )
        with run:
            assert run.stdout is not None
            assert run.stdout.readline() == b"done\n"
            made.says("two" if act in RENEWING else None)
            run.kill()
        made.says("one", within=20)
        after = made.told()
        assert after["Name"] == before["Name"]
        place, was = (one["NetworkSettings"]["Networks"][made.network.name] for one in (after, before))
        assert sorted(place["Aliases"]) == sorted(was["Aliases"])


async def test_what_stands_in_for_another_is_counted_instead_of_it() -> None:
    with service() as (made, label):
        reach = TargetContainers(os.environ)
        reach.are(f"phasegate.t={label}")
        acts = ContainerActs(reach)
        await acts.act("f", Act.REPLACE, "web", Version(image=image("two")))
        (stand_in,) = await reach.all()
        assert stand_in.id != made.id
        await acts.undo("f", Act.REPLACE)
        assert [one.id for one in await reach.all()] == [made.id]
        reach.close()


async def test_image_that_is_not_there_leaves_the_service_alone(web: tuple[Service, ContainerActs]) -> None:
    service, acts = web
    began = service.told()["State"]["StartedAt"]
    with raises(ObservationError, match="there is no image 'phasegate/nowhere:1'"):
        await acts.act("f", Act.REPLACE, "web", Version(image="phasegate/nowhere:1"))
    assert await acts.undo("f", Act.REPLACE) == ""
    assert service.told()["State"]["StartedAt"] == began


async def test_image_that_cannot_start_is_taken_away_again(web: tuple[Service, ContainerActs]) -> None:
    service, acts = web
    broken = busybox("USER nobody-of-this-name", 'CMD ["sleep", "9"]')
    with raises(ObservationError, match="nobody-of-this-name"):
        await acts.act("f", Act.REPLACE, "web", Version(image=broken))
    assert await acts.undo("f", Act.REPLACE) == ""
    service.says("one")


async def test_service_of_which_nothing_runs_is_refused_and_stays_as_it_is(
    web: tuple[Service, ContainerActs],
) -> None:
    service, acts = web
    client().api.kill(service.id)
    with raises(ObservationError, match="no container of web runs"):
        await acts.act("f", Act.KILL, "web")
    assert await acts.undo("f", Act.KILL) == ""
    assert not service.told()["State"]["Running"]


async def test_service_that_was_started_by_somebody_else_meanwhile_is_noted(
    web: tuple[Service, ContainerActs],
) -> None:
    service, acts = web
    await acts.act("f", Act.KILL, "web")
    client().api.start(service.id)
    assert "had already restarted" in sentence(await acts.undo("f", Act.KILL))


async def test_service_that_was_removed_meanwhile_cannot_be_undone() -> None:
    with service() as (made, label), acting(label) as acts:
        await acts.act("f", Act.STOP, "web")
        client().api.remove_container(made.id)
        with raises(ObservationError, match="has been removed meanwhile"):
            await acts.undo("f", Act.STOP)


async def test_port_that_the_engine_gives_anew_at_each_start_is_told_of() -> None:
    label = uuid.uuid4().hex[:8]
    started = client().containers.run(
        image("one"),
        detach=True,
        init=True,
        ports={"8080/tcp": ("127.0.0.1", 0)},
        labels={"phasegate.t": label, "com.docker.compose.service": "web"},
    )
    try:
        with acting(label) as acts:
            await acts.act("f", Act.KILL, "web")
            with raises(ObservationError, match="is published elsewhere now: 8080/tcp at"):
                await acts.undo("f", Act.KILL)
    finally:
        started.remove(force=True)
