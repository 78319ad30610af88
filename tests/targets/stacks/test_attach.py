"""Stacks that are up already: found, waited for, watched, and left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phasegate.base.errors import TargetError
from phasegate.plan.asked.services import AttachedStack, ServiceEntry
from phasegate.render.sentences import sentence
from phasegate.targets.containers.engine.facts import PROJECT, SERVICE
from tests.engines import ENGINE, busybox, client, nothing_left, own
from tests.targets.stacks.conftest import Yard
from tests.telling import raises

__all__ = ["nothing_left"]
pytestmark = [pytest.mark.usefixtures("nothing_left"), *ENGINE]
NAME = own("attached")
LABEL = f"{PROJECT}={NAME}"


@pytest.fixture
def web() -> Iterator[Any]:
    script = "mkdir -p /www; sleep 0.5; httpd -p 8080 -h /www; while :; do cat /go; done"
    found = client().containers.run(
        busybox('RUN ["/bin/busybox", "mkfifo", "/go"]'),
        ["sh", "-c", script],
        detach=True,
        labels={PROJECT: NAME, SERVICE: "web"},
    )
    yield found
    found.remove(force=True)


def attached(**more: Any) -> AttachedStack:
    entries = (ServiceEntry(id="web", port=8080),)
    return AttachedStack(**{"labels": (LABEL,), "within": 20.0, "entries": entries} | more)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  what is waited for happens in a container
            await asyncio.sleep(0.02)


async def test_a_stack_that_is_up_is_waited_for_and_left_as_it_is(yard: Yard, web: Any) -> None:
    async with yard.stack(attached=attached(), default="web") as target:
        web.reload()
        (network,) = web.attrs["NetworkSettings"]["Networks"].values()
        assert target.values() == {
            "target.web.url": f"http://{network['IPAddress']}:8080",
            "target.web.host": network["IPAddress"],
            "target.web.port": "8080",
        }
        assert [one.id for one in await yard.containers.all()] == [web.id]
        web.exec_run(["sh", "-c", "echo hello > /go"])
        await until(lambda: "hello" in yard.log("web"))
    web.reload()
    assert web.status == "running"
    assert yard.states() == ["web starting", "web ready"]


async def test_one_that_dies_is_noticed(yard: Yard, web: Any) -> None:
    async with yard.stack(attached=attached()):
        web.kill()
        await until(lambda: yard.states()[-1] == "web died")
    assert sentence(yard.record("web").error) == "it ended with exit code 137 (signal 9)"


async def test_no_container_is_no_target(yard: Yard) -> None:
    with raises(TargetError, match=f"target.containers: no container carries {LABEL}") as raised:
        async with yard.stack(attached=attached()):
            pytest.fail("there is none")
    assert "bring the stack up before the run" in sentence(raised.value.help or "")


async def test_a_service_that_is_not_among_them_is_named(yard: Yard, web: Any) -> None:
    stack = attached(entries=(ServiceEntry(id="db"),))
    with raises(TargetError, match="target 'db': no container of this service") as raised:
        async with yard.stack(attached=stack):
            pytest.fail("it is not there")
    assert sentence(raised.value.help) == "services that do are web"


async def test_one_that_is_never_ready_is_named(yard: Yard, web: Any) -> None:
    stack = attached(entries=(ServiceEntry(id="web", port=9999),), within=2.0)
    with raises(TargetError, match="not ready within 2 s: 'web': nothing listens on port 9999"):
        async with yard.stack(attached=stack):
            pytest.fail("nobody listens")
    assert yard.states()[-1] == "web failed"
