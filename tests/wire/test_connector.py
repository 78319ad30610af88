"""How a target is reached: every address in turn, Unix sockets, and what a failure is called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from phasegate.render.sentences import sentence
from phasegate.wire.connector import ConnectError, Connector
from phasegate.wire.request import Endpoint, endpoint_of, request_bytes
from tests.load.server import scripted, unused_port

pytestmark = pytest.mark.paced


class Resolving(asyncio.SelectorEventLoop):
    """A loop whose name service says what a test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, list[str]] = {}
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        if host not in self.names:
            return await super().getaddrinfo(host, port, **more)
        self.asked.append(host)
        await asyncio.sleep(0)
        if not self.names[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.names[host]]


def resolved(test: Any, *addresses: str) -> Resolving:
    """Run a test with `target.test` at these addresses; the loop, to be asked what it was asked."""
    loops: list[Resolving] = []

    def make() -> Resolving:
        loops.append(Resolving())
        loops[0].names["target.test"] = list(addresses)
        return loops[0]

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(asyncio.wait_for(test(), 30))
    return loops[0]


def connector(url: str, timeout: float = 5.0, path: Path | None = None) -> Connector:
    return Connector(endpoint_of(url, None if path is None else str(path)), timeout=timeout, tls={})


async def peer(one: Connector) -> str:
    """Connect, and say to which address."""
    opened = await one.open(Peer)
    opened.transport.close()
    return str(opened.transport.get_extra_info("peername")[0])


class Peer(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.answered.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport


async def failure(one: Connector) -> str:
    with pytest.raises(ConnectError) as caught:
        await one.open(asyncio.Protocol)
    return sentence(caught.value.message)


@asynccontextmanager
async def at(server: asyncio.Server) -> AsyncIterator[int]:
    """The port of a server that hangs up on everybody."""
    try:
        address = server.sockets[0].getsockname()
        yield address[1] if isinstance(address, tuple) else 0
    finally:
        server.close()
        await asyncio.sleep(0.02)  # transports close their sockets in a later turn of the loop


def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that takes no connection and refuses none: its queue is full."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_each_address_is_tried_and_the_one_that_worked_comes_first() -> None:
    async def test() -> None:
        async with scripted() as server:
            one = connector(f"http://target.test:{server.port}/")
            assert await peer(one) == "127.0.0.1"
            assert one._names.known == ("127.0.0.1", "127.0.0.2")
            assert await peer(one) == "127.0.0.1"

    loop = resolved(test, "127.0.0.2", "127.0.0.1")
    assert loop.asked == ["target.test"]


def test_one_failure_for_all_addresses_is_said_once() -> None:
    port = unused_port()

    async def test() -> None:
        message = await failure(connector(f"http://target.test:{port}/"))
        assert message == f"connection refused: target.test:{port} (127.0.0.2, 127.0.0.1)"

    resolved(test, "127.0.0.2", "127.0.0.1")


def test_different_failures_are_said_for_each_address() -> None:
    async def test() -> None:
        async with silent() as port:
            message = await failure(connector(f"http://target.test:{port}/", timeout=0.6))
            assert message == (
                f"cannot connect: target.test:{port}: 127.0.0.1: timeout; 127.0.0.3: connection refused"
            )

    resolved(test, "127.0.0.1", "127.0.0.3")


def test_address_that_swallows_connections_leaves_time_for_the_next() -> None:
    async def test() -> None:
        async with silent() as port, at(await asyncio.start_server(hang_up, "127.0.0.3", port)):
            assert await peer(connector(f"http://target.test:{port}/", timeout=1.0)) == "127.0.0.3"

    resolved(test, "127.0.0.1", "127.0.0.3")


def test_unknown_name_is_asked_for_once_by_many_connections() -> None:
    async def test() -> None:
        one = connector("http://target.test/")
        messages = await asyncio.gather(*(failure(one) for _ in range(20)))
        assert set(messages) == {"DNS: target.test: name or service not known"}

    assert resolved(test).asked == ["target.test"]


def test_names_are_asked_for_again_when_no_address_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasegate.wire.connector.ASK_AGAIN", 0.0)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Resolving)
        async with scripted() as server:
            one = connector(f"http://target.test:{server.port}/")
            assert (await failure(one)).startswith("connection refused")
            loop.names["target.test"] = ["127.0.0.1"]
            assert await peer(one) == "127.0.0.1"

    resolved(test, "127.0.0.9")


async def test_connection_that_nobody_takes_times_out() -> None:
    async with silent() as port:
        message = await failure(connector(f"http://127.0.0.1:{port}/", timeout=0.2))
        assert message == f"timeout: no connection to 127.0.0.1:{port} in 200 ms"


async def test_ipv6_target_is_reached() -> None:
    try:
        server = await asyncio.start_server(hang_up, "::1", 0)
    except OSError:
        # A machine without IPv6 still says what is wrong in its own words.
        message = await failure(connector(f"http://[::1]:{unused_port()}/"))
        assert message.startswith("cannot connect: [::1]:")
        return
    async with at(server) as port:
        assert await peer(connector(f"http://[::1]:{port}/")) == "::1"
    assert await failure(connector(f"http://[::1]:{port}/")) == f"connection refused: [::1]:{port}"


async def test_unix_socket_stands_in_for_host_and_port(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    async with scripted(path=path) as server:
        opened = await connector("http://app/health", path=path).open(Peer)
        opened.transport.write(request_bytes("GET", "http://app/health", (), None))
        await asyncio.wait_for(opened.answered.wait(), 5)
        opened.transport.close()
        assert b"\r\nHost: app\r\n" in server.requests[0]


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: None, "cannot connect: unix:{path}: no such file or directory"),
        (lambda path: _bound(path), "connection refused: unix:{path}"),
    ],
)
async def test_unix_socket_that_nobody_serves_is_named(tmp_path: Path, prepare: Any, words: str) -> None:
    path = tmp_path / "app.sock"
    prepare(path)
    assert await failure(connector("http://app/", path=path)) == words.format(path=path)


def _bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def test_unix_endpoint_keeps_the_host_for_the_request() -> None:
    endpoint = endpoint_of("https://app.test/x", "/run/app.sock")
    assert endpoint == Endpoint(host="app.test", port=443, tls=True, socket="/run/app.sock")
    assert str(endpoint) == "unix:/run/app.sock"
