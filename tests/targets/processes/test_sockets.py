from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from phasegate.targets.processes.ports import Ports
from phasegate.targets.processes.sockets import Owner, owner, stranger

OTHER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print(flush=True)
input()
"""


def other_listener(host: str, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_of_ours_is_ours(host: str) -> None:
    with socket.create_server((host, 0)) as listener:
        assert owner(listener.getsockname()[1], [os.getpid()]) is Owner.OURS


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_listener_on_all_addresses_of_both_families_is_ours() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        assert owner(listener.getsockname()[1], [os.getpid()]) is Owner.OURS


def test_a_port_without_a_listener_is_nobodys() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert owner(bound.getsockname()[1], [os.getpid()]) is Owner.NOBODY


def test_a_listener_of_another_process_is_not_ours_and_can_be_named() -> None:
    port = Ports().take()
    process = other_listener("127.0.0.1", port)
    assert owner(port, [os.getpid()]) is Owner.OTHER
    assert owner(port, [os.getpid(), process.pid]) is Owner.OURS
    if sys.platform == "linux":
        assert stranger(port).endswith(f"process {process.pid}")
    process.communicate(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="macOS shows the sockets of others to root only")
def test_the_listener_on_the_address_itself_answers_before_one_on_all() -> None:
    port = Ports().take()
    process = other_listener("127.0.0.1", port)
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("127.0.0.2", port))
        ours.listen()
        assert owner(port, [os.getpid()]) is Owner.OTHER
    process.communicate(b"\n")


def test_processes_that_are_gone_own_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert owner(listener.getsockname()[1], [2**22 + 1]) is Owner.OTHER
