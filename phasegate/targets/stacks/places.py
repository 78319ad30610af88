"""Where the ports of a container are reached, and whether somebody listens there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from phasegate.base.facts import Code, Message, fact
from phasegate.http.addresses import Address
from phasegate.model.containers import Container, Port
from phasegate.plan.asked.services import ServiceEntry

LOOPBACK = "127.0.0.1"
_ANYWHERE = ("", "0.0.0.0", "::")
_TRY = 2.0
"""Seconds to connect."""
_SPEAKS = 0.1
"""Seconds in which the engine closes a connection to a published port that nobody listens on inside."""


def find_networked(containers: Iterable[Container]) -> tuple[Container, ...]:
    """Containers that use the network of this machine, or of another one of them, with its addresses."""
    found = {one.id: one for one in containers}
    return tuple(_add_addresses(one, found) for one in found.values())


def _add_addresses(container: Container, all: Mapping[str, Container]) -> Container:
    kind, _, owner = container.network_mode.partition(":")
    if kind == "host":
        return replace(container, addresses={"host": LOOPBACK})
    if kind == "container" and owner in all:
        there = _add_addresses(all[owner], {id: one for id, one in all.items() if id != owner})
        taken = {(port.number, port.protocol) for port in there.ports}
        own = tuple(port for port in container.ports if (port.number, port.protocol) not in taken)
        return replace(container, addresses=there.addresses, ports=(*own, *there.ports))
    return container


def address_of(container: Container, entry: ServiceEntry, first: Iterable[int] = ()) -> Address | None:
    """Where a service is: at its published ports, else at the container's own address; None without either.

    Of a service whose port the plan does not name it is the first of `first` that is published, else the
    lowest that is, else the first of `first`, else the lowest exposed.
    """
    tcp = [port for port in container.ports if port.protocol == "tcp"]
    published = {port.number: port for port in reversed(tcp) if port.host_port is not None and _v4(port)}
    own = next(iter(container.addresses.values()), "")
    asked = tuple(first)
    numbers = [*(one for one in asked if one in published), *sorted(published)]
    number = entry.port or next(iter(numbers or (*asked, *sorted(port.number for port in tcp))), None)
    if number is None:
        return None
    at = published.get(number)
    if at is not None:
        host, port = _host(at), at.host_port
        others = {one.number: one.host_port for one in published.values() if _host(one) == host}
    elif own:
        host, port = own, number
        others = {one.number: one.number for one in tcp}
    else:
        return None
    named = f"[{host}]" if ":" in host else host
    return Address(
        id=entry.id,
        url=f"{entry.scheme}://{named}:{port}",
        headers=entry.headers,
        tls=entry.tls.as_mapping(),
        ports={inside: outside for inside, outside in others.items() if outside is not None},
    )


async def refusing(container: Container, ports: Iterable[int]) -> Message:
    """Which of its ports does not take connections, and why not; empty when all do.

    The engine accepts a connection to a published port whether anybody listens inside or not, and closes it
    again in the second case.
    """
    for number in ports:
        at = next(
            (one for one in container.ports if one.number == number and one.protocol == "tcp" and _v4(one)),
            None,
        )
        if at is not None and at.host_port is not None:
            host, port = _host(at), at.host_port
        elif container.addresses:
            host, port = next(iter(container.addresses.values())), number
        else:
            return fact(Code.PORT_WITHOUT_ADDRESS, port=str(number))
        if not await _listens(host, port):
            return fact(Code.NOBODY_LISTENS, port=str(number))
    return ""


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_TRY):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(_SPEAKS):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.transport.abort()


def _v4(port: Port) -> bool:
    """Whether it is published where an address of the fourth version reaches it, or at one of its own."""
    return port.host != "::"


def _host(port: Port) -> str:
    return LOOPBACK if port.host in _ANYWHERE else port.host
