"""Faults on real processes: away while it is on, back at the same address after, and no death to anybody."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest

from phasegate.base.errors import ObservationError
from phasegate.model.faults import Act, PlanFault
from phasegate.targets.processes.entries import Ready
from phasegate.targets.stack import TargetStack
from tests.targets.conftest import SERVER, Bench
from tests.telling import raises

pytestmark = pytest.mark.paced

ONE_LIFE = """
    import os, socket, sys, time
    again = os.path.exists("was-here")
    open("was-here", "w").close()
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while not again:
        time.sleep(0.05)
"""


def fault(act: Act, target: str = "web") -> PlanFault:
    return PlanFault(id="f", act=act, target=target, check="steady", due=0.0)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=0.3) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def answers(stack: TargetStack, expected: bool) -> None:
    """Wait until it does, or does not."""
    url = stack.addresses().url("/health")
    async with asyncio.timeout(10):
        while await asyncio.to_thread(_answers, url) is not expected:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("act", [Act.STOP, Act.KILL, Act.PAUSE])
async def test_process_is_away_until_it_is_undone_and_nobody_is_told_that_it_died(
    bench: Bench, act: Act
) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        await stack.act(fault(act))
        await answers(stack, False)
        assert await stack.undo(fault(act)) == ""
        await answers(stack, True)
    assert bench.states() == ["web starting", "web ready", "web stopped"]


async def test_restarted_process_is_another_one_at_the_same_address_and_is_sampled(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        await stack.act(fault(Act.RESTART))
        assert await stack.undo(fault(Act.RESTART)) == ""
        await answers(stack, True)
        assert bench.log("web").count("listening") <= 2
    assert bench.log("web").count("listening") == 2
    assert bench.sampled[-1].measures["memory"].samples >= 1


async def test_process_that_ends_by_itself_once_it_is_back_has_died(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", ONE_LIFE, ready=Ready(tcp=True, within=20)))
    async with stack:
        await stack.act(fault(Act.KILL))
        await stack.undo(fault(Act.KILL))
        async with asyncio.timeout(10):
            while "web died" not in bench.states():  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_process_that_has_ended_cannot_be_acted_on_and_is_not_brought_back(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        await stack.act(fault(Act.KILL))
        with raises(ObservationError, match="web does not run"):
            await stack.act(fault(Act.PAUSE))
        await stack.undo(fault(Act.KILL))
        await answers(stack, True)


async def test_paused_process_is_ended_with_the_stack(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        await stack.act(fault(Act.PAUSE))
    assert bench.left() == ()


@pytest.mark.parametrize("act", [Act.CUT, Act.REPLACE])
async def test_process_has_neither_network_nor_image(bench: Bench, act: Act) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        with raises(ObservationError, match=f"a process has no act {act.value!r}"):
            await stack.act(fault(act))


async def test_what_is_not_up_cannot_be_acted_on(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        with raises(ObservationError, match="other of the target is not up"):
            await stack.act(fault(Act.KILL, "other"))
