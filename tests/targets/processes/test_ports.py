from __future__ import annotations

import errno
import socket

import pytest

from phasegate.base.errors import TargetError
from phasegate.targets.processes.ports import Ports, ephemeral_range, is_free
from tests.telling import raises


def test_ports_are_given_once_and_below_the_ephemeral_range() -> None:
    ports = Ports()
    given = [ports.take() for _ in range(200)]
    assert len(set(given)) == 200
    assert max(given) < ephemeral_range()[0] or ephemeral_range()[0] < 11_240


def test_ports_in_a_row_are_free_and_given_once() -> None:
    ports = Ports()
    first, other = ports.take(20), ports.take(20)
    assert set(range(first, first + 20)).isdisjoint(range(other, other + 20))
    assert all(is_free(port) for port in range(first, first + 20))


@pytest.mark.parametrize(
    ("ephemeral", "allowed"),
    [
        ((32768, 60999), range(10240, 32768)),
        ((49152, 65535), range(10240, 49152)),
        ((10000, 60000), range(60001, 65536)),
        ((1024, 65535), range(10240, 65536)),
    ],
)
def test_a_widened_ephemeral_range_is_avoided_where_that_is_possible(
    ephemeral: tuple[int, int], allowed: range
) -> None:
    ports = Ports(ephemeral)
    assert all(ports.take() in allowed for _ in range(50))


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
def test_a_listener_on_any_address_takes_the_port(family: socket.AddressFamily, host: str) -> None:
    port = Ports().take()  # no connection of another process gets it meanwhile
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            pytest.skip("no IPv6 here")
        raise
    with listener:
        assert not is_free(port)
    assert is_free(port)


def test_no_free_port_is_an_error_of_the_target() -> None:
    ports = Ports()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        ports._candidates = range(taken, taken + 1)
        with raises(TargetError, match="no free port"):
            ports.take()
