"""Faults on real processes: away while it is on, back at the same address after, and no death to anybody."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import urllib.request
from dataclasses import replace
from typing import Any

import pytest

from phasegate.base.errors import ObservationError, TargetError
from phasegate.model.faults import Act, PlanFault
from phasegate.render.sentences import sentence
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


async def test_process_has_no_network_of_its_own(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        with raises(ObservationError, match="a process has no act 'cut'"):
            await stack.act(fault(Act.CUT))


WORD = """
    import http.server, os, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if os.environ["WORD"] == "gone":
                os._exit(6)
            self.send_response(200 if self.path != "/health" or os.environ["WORD"] != "sick" else 503)
            self.end_headers()
            self.wfile.write((os.environ["WORD"] + sys.argv[2]).encode())
        def log_message(self, *args):
            pass
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def word(bench: Bench) -> TargetStack:
    process = bench.process("web", WORD, "${self.port}", "!", env={"WORD": "one", "REST": "kept"})
    return bench.stack(process)


def version(act: Act = Act.REPLACE, **more: Any) -> PlanFault:
    return replace(fault(act), within=20.0, **more)


async def says(stack: TargetStack, expected: str) -> None:
    url = stack.addresses().url("/")

    def ask() -> str:
        try:
            with urllib.request.urlopen(url, timeout=0.3) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    async with asyncio.timeout(10):
        while await asyncio.to_thread(ask) != expected:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_another_version_runs_at_the_same_address_and_its_own_comes_back(bench: Bench) -> None:
    one, stack = version(env={"WORD": "two"}), word(bench)
    async with stack:
        before = stack.addresses().url("/")
        await stack.act(one)
        await says(stack, "two!")
        assert await stack.undo(one) == ""
        await says(stack, "one!")
        assert stack.addresses().url("/") == before
    assert bench.states() == ["web starting", "web ready", "web stopped"]


async def test_another_command_knows_its_port_and_the_addresses_of_others(bench: Bench) -> None:
    program = (sys.executable, "-c", textwrap.dedent(WORD), "${self.port}", " ${target.web.url}")
    stack = word(bench)
    async with stack:
        url = stack.addresses().url("/").rstrip("/")
        await stack.act(version(command=program))
        await says(stack, f"one {url}")
        await stack.undo(version(command=program))
        await says(stack, "one!")


async def test_another_version_is_ready_by_the_sign_of_its_entry(bench: Bench) -> None:
    stack = word(bench)
    async with stack:
        await stack.act(version(env={"WORD": "two"}))
        await stack.ready(version(), "web")
        await stack.undo(version())
        await stack.ready(version(), "web")
        await stack.act(version(env={"WORD": "sick"}))
        with raises(TargetError, match="not ready within 300 ms: .* status 503"):
            await stack.ready(replace(version(), within=0.3), "web")
        await stack.undo(version())
        await says(stack, "one!")


async def test_another_version_that_ends_is_in_trouble_and_no_death(bench: Bench) -> None:
    stack = word(bench)
    async with stack:
        await stack.act(version(env={"WORD": "gone"}))
        with raises(TargetError, match="it ended with exit code 6 before it was ready"):
            await stack.ready(version(), "web")
        assert sentence(await stack.trouble(version(), "web")) == "it ended with exit code 6"
        await stack.undo(version())
        await says(stack, "one!")
        assert await stack.trouble(version(), "web") == ""
    assert "web died" not in bench.states()


async def test_version_that_stays_is_watched_like_any_process(bench: Bench) -> None:
    stack = word(bench)
    async with stack:
        await stack.act(version(env={"WORD": "two"}))
        await stack.settle(version(), "web")
        await says(stack, "two!")
        (program,) = bench.left()
        os.kill(program, signal.SIGKILL)
        async with asyncio.timeout(10):
            while "web died" not in bench.states():  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_program_that_is_not_there_is_refused_and_its_own_comes_back(bench: Bench) -> None:
    one = version(command=("no-such-program-here",))
    stack = word(bench)
    async with stack:
        with raises(ObservationError, match="no-such-program-here"):
            await stack.act(one)
        assert await stack.undo(one) == ""
        await says(stack, "one!")


async def test_what_is_not_up_cannot_be_acted_on(bench: Bench) -> None:
    stack = bench.stack(bench.process("web", SERVER))
    async with stack:
        with raises(ObservationError, match="other of the target is not up"):
            await stack.act(fault(Act.KILL, "other"))
