"""Ctrl-C and its kin: an orderly end at first, the end of the program at the second."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from phasegate.errors import ExitCode


@asynccontextmanager
async def signals(
    received: Callable[[ExitCode, str], None], at_once: Callable[[], None]
) -> AsyncIterator[None]:
    """The first Ctrl-C, SIGTERM or loss of the terminal ends the run in order, the second at once.

    `received` is told the exit code and the reason of the first; `at_once` is called before the second ends
    the program, whatever it raises.
    """
    loop = asyncio.get_running_loop()
    codes = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored
        codes[signal.SIGHUP] = ExitCode.TERMINATED
    first = True

    def take(number: signal.Signals) -> None:
        nonlocal first
        if not first:
            with suppress(Exception):  # only the cursor is at stake
                at_once()
            os._exit(codes[number])
        first = False
        received(
            codes[number], "stopped by Ctrl-C" if number is signal.SIGINT else f"stopped by {number.name}"
        )

    for number in codes:
        loop.add_signal_handler(number, take, number)
    try:
        yield
    finally:
        for number in codes:
            loop.remove_signal_handler(number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """The run is over: Ctrl-C and SIGTERM wait until its record is written; a second one ends the program."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
