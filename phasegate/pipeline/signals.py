"""Ctrl-C and its kin: an orderly end at first, the end of the program at the second."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from phasegate.base.errors import ExitCode
from phasegate.base.facts import Code, Message, fact

_WRITING = b"phasegate: all has ended; the record is being written\n"


class Signals:
    """What was sent to this process while a run has a record: see `hold_signals`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._first: signal.Signals | None = None
        self._told = False
        self._received: Callable[[ExitCode, Message], None] = lambda _code, _reason: None
        self._asked: Callable[[], None] = lambda: None
        self._at_once: Callable[[], None] = lambda: None

    @contextmanager
    def told(
        self,
        received: Callable[[ExitCode, Message], None],
        asked: Callable[[], None],
        at_once: Callable[[], None],
    ) -> Iterator[None]:
        """Tell the first signal, also one that came before, to `received`, and SIGUSR1 to `asked`.

        `at_once` is called before a second one ends the program, whatever it raises, also later.
        """
        self._received, self._asked, self._at_once = received, asked, at_once
        self._loop = asyncio.get_running_loop()
        self._tell()
        try:
            yield
        finally:
            self._loop = None

    def end(self, number: int, _frame: object) -> None:
        """The first one is kept until somebody listens; after the verdict that is nobody any more."""
        if self._first is not None:
            with suppress(Exception):  # only the cursor is at stake, and what others clean up otherwise
                self._at_once()
            os._exit(_code(number))
        self._first = signal.Signals(number)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)

    def ask(self, _number: int, _frame: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._asked)
            return
        with suppress(OSError):
            os.write(2, _WRITING)

    def _tell(self) -> None:
        if self._first is None or self._told or self._loop is None:
            return
        self._told = True
        self._received(_code(self._first), fact(Code.STOPPED_BY, signal=self._first.name))


@contextmanager
def hold_signals() -> Iterator[Signals]:
    """From the first byte of a record to its last, only a second Ctrl-C, SIGTERM or loss of the terminal ends
    the program; SIGUSR1 asks what is going on."""
    held = Signals()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup has it ignored
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, held.end) for number in numbers}
    before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, held.ask)
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _code(number: int) -> ExitCode:
    return ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
