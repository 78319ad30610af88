"""What signals do to a run: the first ends it in order; while its record is written none does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Message, fact
from phasegate.pipeline.signals import hold_signals
from tests.pipeline.bench import Desk, Running

TWICE = """
import asyncio, os, signal
from phasegate.pipeline.signals import hold_signals
from phasegate.render.sentences import sentence

def at_once():
    print("closed", flush=True)
    raise RuntimeError("a terminal that is gone")

async def main(held):
    with held.told(lambda code, reason: print(sentence(reason), flush=True), lambda: None, at_once):
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
        await asyncio.sleep(30)

with hold_signals() as held:
    asyncio.run(main(held))
"""

HUNG_UP = """
import asyncio, os, signal
from phasegate.pipeline.signals import hold_signals
from phasegate.render.sentences import sentence

async def main(held):
    told = asyncio.Event()

    def received(code, reason):
        print(sentence(reason), flush=True)
        told.set()

    with held.told(received, lambda: None, lambda: None):
        for number in (signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
        await told.wait()

with hold_signals() as held:
    asyncio.run(main(held))
print(signal.getsignal(signal.SIGHUP).name)
"""


@pytest.mark.parametrize(
    ("started", "said"),
    [
        (("nohup",), ["stopped by SIGTERM", "SIG_IGN"]),
        (("sh", "-c", "trap '' HUP; exec \"$@\"", "sh"), ["stopped by SIGTERM", "SIG_IGN"]),
        ((), ["stopped by SIGHUP", "SIG_DFL"]),
    ],
    ids=["nohup", "trap", "by default"],
)
def test_loss_of_the_terminal_is_ignored_where_the_program_was_started_so(
    started: tuple[str, ...], said: list[str]
) -> None:
    code = HUNG_UP if started else HUNG_UP.replace("(signal.SIGHUP, signal.SIGTERM)", "(signal.SIGHUP,)")
    done = subprocess.run([*started, sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == said, done.stderr


async def test_first_signal_is_told_with_its_exit_code_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    told: list[tuple[ExitCode, Message]] = []
    heard = asyncio.Event()

    def received(code: ExitCode, reason: Message) -> None:
        told.append((code, reason))
        heard.set()

    with hold_signals() as held, held.told(received, lambda: None, lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 60)
    assert told == [(ExitCode.TERMINATED, fact(Code.STOPPED_BY, signal="SIGTERM"))]
    assert signal.getsignal(signal.SIGTERM) is before


def test_second_signal_ends_the_program_at_once_with_its_own_code_whatever_the_view_does() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["stopped by SIGTERM", "closed"]
    assert done.returncode == ExitCode.INTERRUPTED


async def test_a_signal_that_came_before_anybody_listened_is_told_then() -> None:
    told: list[str] = []
    heard = asyncio.Event()

    def received(_: ExitCode, reason: str) -> None:
        told.append(reason)
        heard.set()

    with hold_signals() as held:
        os.kill(os.getpid(), signal.SIGHUP if signal.getsignal(signal.SIGHUP) == held.end else signal.SIGTERM)
        with held.told(received, lambda: None, lambda: None):
            await asyncio.wait_for(heard.wait(), 60)
    assert len(told) == 1


def test_a_signal_while_the_record_is_written_waits_until_it_is_whole() -> None:
    before = signal.getsignal(signal.SIGINT)
    with hold_signals():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


WAITS = """
import os, sys, time

open("writing", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
sys.path.remove(os.path.dirname(__file__))
del sys.modules["jinja2"]
import jinja2
"""
"""In the place of what the report is written with: the record has its end and lacks its reports."""


@contextmanager
def writing(desk: Desk) -> Iterator[Running]:
    """A run that has written `result.json`, and goes on with its reports where there is a file `go`."""
    desk.write("waits/jinja2.py", WAITS)
    desk.plan("steps: [{id: a, checks: [{id: fine, kind: command, command: [python, -c, '']}]}]")
    path = os.pathsep.join([str(desk.path / "waits"), desk.environment()["PYTHONPATH"]])
    with desk.running(env={"PYTHONPATH": path}) as run:
        while not (desk.path / "writing").exists():
            assert run.process.poll() is None, run.process.communicate()[1]
            time.sleep(0.02)
        assert (run.folder / "result.json").exists()
        assert not (run.folder / "report.html").exists()
        yield run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_whose_record_is_being_written_ends_as_it_would_without_the_signal(
    desk: Desk, number: int
) -> None:
    with writing(desk) as run:
        run.signal(number)
        time.sleep(0.3)
        assert run.process.poll() is None
        (desk.path / "go").touch()
        ran = run.end()
    assert ran.is_whole().code == ExitCode.PASS
    assert desk.phasegate("verify", str(run.folder)).code == ExitCode.PASS


@pytest.mark.parametrize(
    ("second", "code"),
    [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)],
)
def test_a_second_signal_while_the_record_is_written_is_no_pass(
    desk: Desk, second: int, code: ExitCode
) -> None:
    with writing(desk) as run:
        run.signal(signal.SIGTERM if second != signal.SIGTERM else signal.SIGINT)
        time.sleep(0.3)
        run.signal(second)
        ran = run.end()
    assert (ran.code, ran.out) == (code, "")
    assert "PASS" not in ran.err
    assert desk.phasegate("report", str(run.folder), folder=run.folder).is_whole().code == ExitCode.PASS


async def test_a_question_what_goes_on_is_told_and_ends_nothing() -> None:
    asked = asyncio.Event()
    with hold_signals() as held, held.told(lambda code, reason: None, asked.set, lambda: None):
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(asked.wait(), 60)
