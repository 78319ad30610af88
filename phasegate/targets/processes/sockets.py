"""Whose a listening socket is: an answer on the right port proves nothing when another program gives it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp; include/net/tcp_states.h."""


class Owner(Enum):
    OURS = "ours"
    NOBODY = "nobody"
    OTHER = "another process"


class _Listener(NamedTuple):
    address: str
    port: int
    inode: int


def owner(port: int, members: Iterable[int]) -> Owner:
    """Who answers on 127.0.0.1 at a port, given the processes that are ours.

    A socket bound to the address itself answers before one bound to all addresses. Where several share the
    port, it is ours only when all of them are.
    """
    if sys.platform == "linux":
        return _linux_owner(port, members)
    return _other_owner(port, members)


def stranger(port: int) -> str:
    """A process that listens on a port, for people: `nginx, process 77`; empty when it cannot be seen."""
    import psutil

    # Elsewhere than on Linux, and for processes of other users, this needs more rights than we have.
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return ""


def _linux_owner(port: int, members: Iterable[int]) -> Owner:
    answering = {listener.inode for listener in _answering(port)}
    if not answering:
        return Owner.NOBODY
    held = {inode for pid in members for inode in _inodes(pid) if inode in answering}
    return Owner.OURS if held == answering else Owner.OTHER


def _answering(port: int) -> tuple[_Listener, ...]:
    """The listeners that a connection to 127.0.0.1 reaches: the most specific address wins."""
    listeners = [listener for listener in _listeners() if listener.port == port]
    for addresses in ({"127.0.0.1"}, {"0.0.0.0"}, {"::"}):
        found = tuple(listener for listener in listeners if listener.address in addresses)
        if found:
            return found
    return ()


def _listeners() -> Iterator[_Listener]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, _, port = fields[1].partition(":")
                yield _Listener(_address(address), int(port, 16), int(fields[9]))


def _address(text: str) -> str:
    """`0100007F` is 127.0.0.1: words of four bytes, each printed as the machine holds it in memory."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    raw = b"".join(words)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


def _inodes(pid: int) -> Iterator[int]:
    """The sockets that a process holds; none for a process of another user, or one that is gone."""
    with contextlib.suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _other_owner(port: int, members: Iterable[int]) -> Owner:
    import psutil

    for pid in members:
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,):
                    return Owner.OURS
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return Owner.OTHER if probe.connect_ex(("127.0.0.1", port)) == 0 else Owner.NOBODY
