"""What signals do to a run: the first ends it in order; while its record is written none does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from phasegate.errors import ExitCode
from phasegate.pipeline.signals import signals, undisturbed

TWICE = """
import asyncio, os, signal
from phasegate.pipeline.signals import signals

def at_once():
    print("closed", flush=True)
    raise RuntimeError("a terminal that is gone")

async def main():
    async with signals(lambda code, reason: print(reason, flush=True), at_once):
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
        await asyncio.sleep(30)

asyncio.run(main())
"""

HUNG_UP = """
import asyncio, os, signal
from phasegate.pipeline.signals import signals

async def main():
    told = asyncio.Event()

    def received(code, reason):
        print(reason, flush=True)
        told.set()

    async with signals(received, lambda: None):
        for number in (signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
        await told.wait()
    print(signal.getsignal(signal.SIGHUP).name)

asyncio.run(main())
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
    told: list[tuple[ExitCode, str]] = []
    heard = asyncio.Event()

    def received(code: ExitCode, reason: str) -> None:
        told.append((code, reason))
        heard.set()

    async with signals(received, lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 60)
    assert told == [(ExitCode.TERMINATED, "stopped by SIGTERM")]
    assert signal.getsignal(signal.SIGTERM) is before


def test_second_signal_ends_the_program_at_once_with_its_own_code_whatever_the_view_does() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["stopped by SIGTERM", "closed"]
    assert done.returncode == ExitCode.INTERRUPTED


def test_a_signal_while_the_record_is_written_waits_until_it_is_whole() -> None:
    before = signal.getsignal(signal.SIGINT)
    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
