"""Free ports on loopback, below the range that the system hands out on its own.

A port of the ephemeral range may become the local end of any outgoing connection between the moment it was
found free and the moment the program listens; one below it is taken by nobody who does not ask for it.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import socket
import sys
from pathlib import Path

from phasegate.base.errors import TargetError
from phasegate.base.facts import Code, fact

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DEFAULT_LOW = 32768 if sys.platform == "linux" else 49152
"""Where the ephemeral range begins unless the system says otherwise; 49152 on macOS, and by RFC 6335."""
_FIRST = 10240
"""Services that people know by number are below."""
_FEWEST = 1000
_TRIES = 500


def ephemeral_range() -> tuple[int, int]:
    """The first and the last port that the system hands out on its own."""
    with contextlib.suppress(OSError, ValueError):
        low, high = map(int, _RANGE.read_text().split())
        return low, high
    return _DEFAULT_LOW, 65535 if sys.platform != "linux" else 60999


class Ports:
    """Gives out free ports, none of them twice in a run."""

    def __init__(self, ephemeral: tuple[int, int] | None = None) -> None:
        self._candidates = _outside(ephemeral or ephemeral_range())
        self._given: set[int] = set()

    def take(self, count: int = 1) -> int:
        """The first of so many ports in a row that nobody listens on. Errors: TargetError when none are
        found."""
        for _ in range(_TRIES):
            # Not the seeded generator of the run: two runs with one seed would meet on the same port.
            port = self._candidates[secrets.randbelow(len(self._candidates))]
            row = range(port, min(port + count, 65536))
            if len(row) == count and all(one not in self._given and is_free(one) for one in row):
                self._given.update(row)
                return port
        first, last = str(self._candidates[0]), str(self._candidates[-1])
        raise TargetError(fact(Code.NO_FREE_PORT, n=_TRIES, first=first, last=last))


def is_free(port: int) -> bool:
    """Whether nobody listens on a port, on any address of this machine."""
    for family, host in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                # Without SO_REUSEADDR, so that every listener on the machine is in the way.
                probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                continue
            return False
    return True


def _outside(ephemeral: tuple[int, int]) -> range:
    """The ports below the ephemeral range; above it, or among it, where an administrator widened it."""
    low, high = ephemeral
    for candidates in (range(_FIRST, low), range(max(high + 1, _FIRST), 65536)):
        if len(candidates) >= _FEWEST:
            return candidates
    return range(_FIRST, 65536)
