"""A timer fine enough to pace requests.

The timers of the event loop count whole milliseconds, so a request due in 0.2 ms would leave up to 1 ms late,
and an honest latency would have to show it. On Linux a timerfd wakes the loop within some 50 us; elsewhere,
and where the descriptor cannot be had, the loop's own timer serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Protocol

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_SECOND = 1_000_000_000


class Alarm(Protocol):
    """Calls back once for the last `set`; early calls are possible, so the callback looks at the clock."""

    def set(self, nanoseconds: int) -> None:
        """Call back after that long; at once when it is not positive. Replaces what was set before."""

    def close(self) -> None: ...


def alarm(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Alarm:
    """The finest timer this system has."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return TimerFd(loop, callback)
    return LoopTimer(loop, callback)


class LoopTimer:
    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def set(self, nanoseconds: int) -> None:
        self.close()
        self._handle = self._loop.call_later(max(nanoseconds, 0) / _SECOND, self._callback)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFd:
    """Source: timerfd_create(2); `os.timerfd_create` exists from Python 3.13 on only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _TimerSpec()
        self._spec_address = ctypes.byref(self._spec)
        self._callback = callback
        self._loop = loop
        loop.add_reader(self._fd, self._on_expiry)

    def set(self, nanoseconds: int) -> None:
        # A value of 0 would disarm the timer.
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(max(nanoseconds, 1), _SECOND)
        self._settime(self._fd, 0, self._spec_address, None)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_expiry(self) -> None:
        # A timer that was set anew between expiry and this call has nothing to read.
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        self._callback()
