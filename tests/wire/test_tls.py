"""TLS through memory buffers: against a server side in memory, byte by byte, and against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from phasegate.load.counting.recorder import Recorder
from phasegate.load.counting.tally import LoadTally
from phasegate.load.http1.checking import connection_class
from phasegate.load.http1.connection import LoadConnection, LoadExchange
from phasegate.render.sentences import sentence
from phasegate.wire.connector import ConnectError, Connector, GeneratorError
from phasegate.wire.request import endpoint_of, request_bytes
from phasegate.wire.tls import Handshake, TlsStream, TruncatedError, client_context, tls_words
from tests.examples import examples
from tests.load.certificates import Authority
from tests.load.server import Reply, Scripted, answer, reset, scripted
from tests.telling import causes_told, raises

pytestmark = pytest.mark.paced

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def known(authority: Authority) -> Path:
    return authority.certificate("server")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda test: runner.run(asyncio.wait_for(test, 30))


class Asker:
    """Opens one connection and sends on it, one request after the other."""

    def __init__(self, url: str, *, timeout: float = 5.0, body: bytes | None = None, **tls: str) -> None:
        method = "GET" if body is None else "POST"
        good = bytes(200) + b"\1" * 100 + bytes(700)
        request = request_bytes(method, url, (), body)
        self.exchange = LoadExchange(request=request, url=url, timeout=timeout, good=good)
        self.make = connection_class(method, self.exchange)
        self.connector = Connector(endpoint_of(url), timeout=timeout, tls=tls)
        self.recorder = Recorder(open=False)
        self.over = asyncio.Event()
        self.lost = asyncio.Event()

    def free(self, connection: LoadConnection, now: int) -> None:
        self.over.set()

    def gone(self, connection: LoadConnection) -> None:
        self.over.set()
        self.lost.set()

    async def ask(self, times: int = 1) -> LoadTally:
        """Errors: ConnectError."""
        connection = await self.connector.open(lambda: self.make(self.exchange, self.recorder, self))
        for _ in range(times):
            self.over.clear()
            connection.send(1, 1)
            await self.over.wait()
        connection.close()
        await self.lost.wait()
        return self.recorder.take()


def by_name(server: Scripted) -> str:
    return server.url.replace("127.0.0.1", "localhost")


async def failure(asker: Asker) -> str:
    with pytest.raises(ConnectError) as caught:
        await asker.ask()
    return sentence(caught.value.message)


# real servers


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_target_is_verified_by_its_own_authority(
    run: Run, authority: Authority, known: Path, name: str
) -> None:
    async def test() -> None:
        async with scripted(tls=authority.server(known)) as server:
            tally = await Asker(server.url.replace("127.0.0.1", name), ca=authority.ca).ask(5)
            assert (tally.good, tally.failed, server.connections) == (5, 0, 1)

    run(test())


def test_name_and_protocol_are_asked_for(run: Run, authority: Authority, known: Path) -> None:
    async def test() -> None:
        context, names = authority.server(known), []
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.sni_callback = lambda _, name, __: names.append(name)
        async with scripted(tls=context) as server:
            await Asker(by_name(server), ca=authority.ca).ask()
            await Asker(server.url, ca=authority.ca).ask()
            assert names == ["localhost", None], "an address is not a server name (RFC 6066, 3)"
            assert server.protocols == ["http/1.1", "http/1.1"]

    run(test())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"names": "DNS:example.test"}, "hostname mismatch, certificate is not valid for 'localhost'"),
        ({"days": -1}, "certificate has expired"),
    ],
)
def test_certificate_that_is_not_accepted_is_named_with_reason_and_host(
    run: Run, authority: Authority, made: dict[str, Any], words: str
) -> None:
    certificate = authority.certificate("bad", **made)

    async def test() -> None:
        async with scripted(tls=authority.server(certificate)) as server:
            message = await failure(Asker(by_name(server), ca=authority.ca))
            assert message == f"TLS: certificate of localhost:{server.port}: {words}"
            assert not server.requests

    run(test())


def test_unknown_authority_is_named(run: Run, authority: Authority, known: Path) -> None:
    async def test() -> None:
        async with scripted(tls=authority.server(known)) as server:
            message = await failure(Asker(server.url))
            assert message.startswith(f"TLS: certificate of 127.0.0.1:{server.port}: ")
            assert "certificate" in message.rpartition(": ")[2]

    run(test())


def test_client_certificate_is_shown_when_asked_for(run: Run, authority: Authority, known: Path) -> None:
    client = authority.certificate("client", names="DNS:client")

    async def test() -> None:
        async with scripted(tls=authority.server(known, asks_for_client=True)) as server:
            tally = await Asker(server.url, ca=authority.ca, cert=str(client)).ask()
            assert tally.good == 1
            with_key: dict[str, Any] = {
                "cert": str(authority.folder / "client.crt"),
                "key": str(authority.folder / "client.key"),
            }
            assert (await Asker(server.url, ca=authority.ca, **with_key).ask()).good == 1

    run(test())


def test_key_with_a_password_is_refused_without_asking(authority: Authority) -> None:
    client = authority.certificate("client", names="DNS:client")
    locked = authority.folder / "locked.key"
    authority._openssl(
        "pkcs8", "-topk8", "-in", str(client), "-out", str(locked), "-passout", "pass:phasegate"
    )
    with raises(GeneratorError, match="the key is encrypted"):
        Connector(
            endpoint_of("https://127.0.0.1/"),
            timeout=1.0,
            tls={"cert": str(authority.folder / "client.crt"), "key": str(locked)},
        )


def test_target_without_tls_is_named(run: Run) -> None:
    async def test() -> None:
        async with scripted(Reply(pieces=(answer(400),))) as server:

            async def say_something(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read(10)
                writer.write(answer(400))
                writer.close()

            plain = await asyncio.start_server(say_something, "127.0.0.1", 0)
            port = plain.sockets[0].getsockname()[1]
            message = await failure(Asker(f"https://127.0.0.1:{port}/"))
            assert message.startswith(f"TLS: 127.0.0.1:{port}: the target does not speak TLS")
            plain.close()
            assert not server.requests

    run(test())


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("silence", "timeout: no TLS connection to 127.0.0.1:{port} in 300 ms"),
        ("close", "TLS: 127.0.0.1:{port}: closed in the handshake"),
        ("reset", "connection reset: 127.0.0.1:{port}: while connecting"),
    ],
)
def test_handshake_that_comes_to_nothing_is_named(run: Run, end: str, message: str) -> None:
    async def test() -> None:
        lost = asyncio.Event()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(4096)
            if end == "silence":
                await reader.read()
                lost.set()
            if end == "reset":
                reset(writer)
            writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        said = await failure(Asker(f"https://127.0.0.1:{port}/", timeout=0.3 if end == "silence" else 5.0))
        if end == "silence":
            await asyncio.wait_for(lost.wait(), 5)
        server.close()
        assert said == message.format(port=port)

    run(test())


def test_large_bodies_arrive_whole_in_both_directions(run: Run, authority: Authority, known: Path) -> None:
    body = bytes(range(256)) * 12_000

    async def test() -> None:
        reply = Reply(pieces=(answer(200, body),))
        async with scripted(reply, tls=authority.server(known)) as server:
            tally = await Asker(server.url, ca=authority.ca, body=body).ask(2)
            assert (tally.good, tally.failed) == (2, 0)
            assert all(request.endswith(b"\r\n\r\n" + body) for request in server.requests)

    run(test())


# a server side in memory


class Wire(asyncio.Transport):
    """The transport below TLS; what is written waits for the server side."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.protocol: Any = None
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Plain(asyncio.Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.transport: Any = None
        self.ends: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ends.append(exc)


class Pair:
    """A client through `Handshake` and a server, agreed; the client gets bytes in pieces of `chop`."""

    def __init__(
        self, authority: Authority, certificate: Path, chop: int = 1 << 20, *, asks_for_client: bool = False
    ) -> None:
        self.chop = chop
        self.wire, self.plain = Wire(), Plain()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = authority.server(certificate, asks_for_client=asks_for_client).wrap_bio(
            self.incoming, self.outgoing, server_side=True
        )
        loop = asyncio.new_event_loop()
        self.ready: asyncio.Future[Plain] = loop.create_future()
        loop.close()
        context = client_context({"ca": authority.ca})
        self.wire.protocol = Handshake(context, "localhost", lambda: self.plain, self.ready)
        self.wire.protocol.connection_made(self.wire)
        for _ in range(4):
            self.to_server()
            with contextlib.suppress(ssl.SSLError):
                self.server.do_handshake()
            self.to_client()
        assert self.ready.result() is self.plain

    def to_server(self) -> None:
        self.incoming.write(bytes(self.wire.written))
        self.wire.written.clear()

    def to_client(self) -> None:
        data = self.outgoing.read()
        for place in range(0, len(data), self.chop):
            self.wire.protocol.data_received(data[place : place + self.chop])

    def received(self) -> bytes:
        """What the server has got and not read yet."""
        self.to_server()
        got = b""
        while True:
            try:
                piece = self.server.read(65_536)
            except ssl.SSLWantReadError:
                return got
            if not piece:
                return got
            got += piece


@pytest.mark.parametrize("chop", [1, 2, 5, 1000])
def test_every_cut_of_the_stream_gives_the_same(authority: Authority, known: Path, chop: int) -> None:
    pair = Pair(authority, known, chop)
    pair.server.write(b"x" * 3000)
    pair.server.write(b"y")
    pair.to_client()
    assert pair.plain.received == b"x" * 3000 + b"y"
    pair.plain.transport.write(b"request")
    assert pair.received() == b"request"


@settings(max_examples=examples(30))
@given(st.lists(st.binary(min_size=1, max_size=40_000), max_size=5), st.integers(1, 70_000))
def test_records_come_through_in_order(
    authority: Authority, known: Path, pieces: list[bytes], chop: int
) -> None:
    pair = Pair(authority, known, chop)
    for piece in pieces:
        pair.server.write(piece)
    pair.to_client()
    assert pair.plain.received == b"".join(pieces)
    for piece in pieces:
        pair.plain.transport.write(piece)
    assert pair.received() == b"".join(pieces)


@settings(max_examples=examples(50))
@given(st.binary(min_size=6, max_size=200))
def test_garbage_in_the_stream_ends_it_once_with_a_tls_error(
    authority: Authority, known: Path, garbage: bytes
) -> None:
    pair = Pair(authority, known)
    pair.wire.protocol.data_received(b"\0" + garbage)
    assert pair.wire.closed
    pair.wire.protocol.connection_lost(None)
    (error,) = pair.plain.ends
    assert isinstance(error, ssl.SSLError)
    assert tls_words(error)


def test_target_that_misses_a_client_certificate_is_named(authority: Authority, known: Path) -> None:
    pair = Pair(authority, known, asks_for_client=True)
    assert pair.wire.closed
    pair.wire.protocol.connection_lost(None)
    (error,) = pair.plain.ends
    assert isinstance(error, ssl.SSLError)
    assert sentence(tls_words(error)).startswith("the target asks for a client certificate")


def test_end_that_was_announced_is_no_error(authority: Authority, known: Path) -> None:
    pair = Pair(authority, known)
    pair.server.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.unwrap()
    pair.to_client()
    assert pair.plain.received == b"last"
    assert pair.wire.closed
    pair.wire.protocol.connection_lost(None)
    assert pair.plain.ends == [None]


def test_end_that_was_not_announced_is_told_apart(authority: Authority, known: Path) -> None:
    pair = Pair(authority, known)
    pair.wire.protocol.connection_lost(None)
    (error,) = pair.plain.ends
    assert isinstance(error, TruncatedError)


def test_closing_says_so_to_the_target(authority: Authority, known: Path) -> None:
    pair = Pair(authority, known)
    pair.plain.transport.close()
    pair.plain.transport.close()
    assert pair.wire.closed
    pair.to_server()
    assert pair.server.read() == b"", "close_notify"
    pair.wire.protocol.connection_lost(None)
    assert pair.plain.ends == [None]


def test_large_request_waits_while_the_transport_is_full(authority: Authority, known: Path) -> None:
    pair = Pair(authority, known)
    stream: TlsStream = pair.plain.transport
    stream.pause_writing()
    stream.write(b"u" * 700_000)
    stream.write(b"next")
    assert not pair.wire.written, "nothing is encrypted ahead of its time"
    stream.resume_writing()
    assert pair.received() == b"u" * 700_000 + b"next"


def body_until_close(authority: Authority, known: Path, *, announced: bool) -> LoadTally:
    good = bytes(200) + b"\1" * 100 + bytes(700)
    exchange = LoadExchange(request=b"?", url="https://localhost/", timeout=2.0, good=good)
    pair, recorder = Pair(authority, known), Recorder(open=False)

    class Nobody:
        def free(self, connection: LoadConnection, now: int) -> None: ...

        def gone(self, connection: LoadConnection) -> None: ...

    connection = LoadConnection(exchange, recorder, Nobody())
    stream = TlsStream(
        pair.wire.protocol._tls, pair.wire.protocol._incoming, ssl.MemoryBIO(), pair.wire, connection
    )
    pair.wire.protocol = stream
    connection.connection_made(stream)
    connection.send(1, 1)
    pair.server.write(b"HTTP/1.1 200 OK\r\n\r\nsome body")
    if announced:
        with pytest.raises(ssl.SSLWantReadError):
            pair.server.unwrap()
    pair.to_client()
    stream.connection_lost(None)
    return recorder.take()


def test_body_until_close_needs_the_announcement(authority: Authority, known: Path) -> None:
    assert body_until_close(authority, known, announced=True).good == 1
    assert causes_told(body_until_close(authority, known, announced=False)) == {
        "TLS: closed without close_notify, so the body may have been cut": 1
    }


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no version of TLS in common (tlsv1 alert protocol version)"),
        ("BAD_SIGNATURE", "bad signature"),
    ],
)
def test_reasons_are_in_words(reason: str, words: str) -> None:
    error = ssl.SSLError(1, "long text of a library")
    error.reason = reason
    assert sentence(tls_words(error)) == words
