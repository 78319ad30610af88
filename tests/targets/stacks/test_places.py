"""Where services are reached: at published ports, else at the container's own address."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from phasegate.model.containers import Container, ContainerState, Port
from phasegate.plan.asked.services import ServiceEntry
from phasegate.render.sentences import sentence
from phasegate.targets.stacks.places import address_of, find_networked, refusing

WEB = Container(
    id="1", name="web", service="web", image="shop", image_id="sha256:1",
    state=ContainerState.RUNNING, created=datetime(2026, 1, 1, tzinfo=UTC),
    addresses={"shop_default": "172.18.0.2"},
)  # fmt: skip


def published(number: int, at: int, host: str = "127.0.0.1") -> Port:
    return Port(number=number, host=host, host_port=at)


def exposed(number: int, protocol: str = "tcp") -> Port:
    return Port(number=number, protocol=protocol)


BOTH = (published(80, 20001), published(443, 20002))


@pytest.mark.parametrize(
    ("ports", "entry", "url", "others"),
    [
        (BOTH, {}, "http://127.0.0.1:20001", {80: 20001, 443: 20002}),
        (BOTH, {"port": 443, "scheme": "https"}, "https://127.0.0.1:20002", {80: 20001, 443: 20002}),
        ((exposed(80), published(8080, 20001, "0.0.0.0")), {}, "http://127.0.0.1:20001", {8080: 20001}),
        ((published(80, 8, "0.0.0.0"), published(80, 9, "::")), {}, "http://127.0.0.1:8", {80: 8}),
        ((exposed(5432), exposed(53, "udp")), {}, "http://172.18.0.2:5432", {5432: 5432}),
        ((), {"port": 9000}, "http://172.18.0.2:9000", {}),
    ],
)  # fmt: skip
def test_a_service_is_reached_where_its_port_is(
    ports: tuple[Port, ...], entry: dict[str, Any], url: str, others: dict[int, int]
) -> None:
    found = address_of(replace(WEB, ports=ports), ServiceEntry(id="web", **entry))
    assert found is not None
    assert (found.url, dict(found.ports)) == (url, others)


def test_what_the_file_publishes_goes_before_what_is_only_exposed() -> None:
    found = address_of(replace(WEB, ports=BOTH), ServiceEntry(id="web"), (443,))
    assert found is not None
    assert found.port == 20002


def test_a_service_without_a_port_or_without_an_address_has_none() -> None:
    assert address_of(WEB, ServiceEntry(id="web")) is None
    ended = replace(WEB, ports=(exposed(80),), addresses={})
    assert address_of(ended, ServiceEntry(id="web")) is None


def test_a_container_in_the_network_of_this_machine_is_reached_at_loopback() -> None:
    (found,) = find_networked([replace(WEB, addresses={}, network_mode="host")])
    address = address_of(found, ServiceEntry(id="web"), (8080, 80))
    assert address is not None
    assert address.url == "http://127.0.0.1:8080"


def test_a_container_in_the_network_of_another_is_reached_there() -> None:
    owner = replace(WEB, id="2", name="front", service="front", ports=BOTH)
    borrower = replace(WEB, addresses={}, ports=(exposed(443), exposed(9000)), network_mode="container:2")
    front, web = find_networked([owner, borrower])[0], find_networked([owner, borrower])[1]
    assert front == owner
    for port, url in ((443, "http://127.0.0.1:20002"), (9000, "http://172.18.0.2:9000")):
        address = address_of(web, ServiceEntry(id="web", port=port))
        assert address is not None
        assert address.url == url
    alone = replace(borrower, network_mode="container:3")
    assert find_networked([alone]) == (alone,)


async def test_a_port_at_which_connections_are_closed_at_once_has_nobody_inside() -> None:
    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            await reader.read()

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        writer.close()

    for serve, why in ((close, "nothing listens on port 80"), (listen, ""), (greet, "")):
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            at = server.sockets[0].getsockname()[1]
            assert sentence(await refusing(replace(WEB, ports=(published(80, at),)), (80,))) == why
    assert sentence(await refusing(replace(WEB, addresses={}), (80,))) == "port 80 has no address"
