"""Asks the kernel to end a program when phasegate dies, for the moment in which nobody else could.

The guard process ends whatever a run started, in order and with all its children. Where it is killed together
with phasegate, Linux itself sends a signal to each child of the thread that started it: programs are started
by the main thread, which is there as long as phasegate is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import TypedDict

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Lifeline(TypedDict, total=False):
    """Arguments for who starts a program."""

    preexec_fn: Callable[[], None]


def dies_with_us() -> Lifeline:
    """Nothing where there is no such kernel, and in a thread that may end before the program does."""
    prctl = _prctl() if sys.platform == "linux" else None
    if prctl is None or threading.current_thread() is not threading.main_thread():
        return {}
    parent = os.getpid()

    def ask() -> None:
        # Between fork and exec: no more than these calls, as other threads may have held locks.
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return {"preexec_fn": ask}


@cache
def _prctl() -> Callable[..., int] | None:
    import ctypes

    try:
        return ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
