"""TLS over a plain transport: OpenSSL through memory buffers.

The event loop's own TLS costs half of the throughput of small answers; this way costs next to nothing beside
the encryption itself. Every connection makes a whole handshake, as every new user of a target does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Fact, Message, fact

P = TypeVar("P", bound=asyncio.Protocol)

HTTP1, HTTP2 = "http/1.1", "h2"
"""What a client and a server agree on (ALPN, RFC 7301)."""
_RECORD = 16_384
"""The most bytes of one TLS record (RFC 8446, 5.1)."""
_SLICE = 256 << 10
"""Bytes of an upload that are encrypted at a time, so that they need not all wait in memory once more."""


class TruncatedError(ssl.SSLError):
    """The connection ended without `close_notify`: what came may have been cut by anybody (RFC 9112, 9.8)."""


class HandshakeError(ssl.SSLError):
    """What OpenSSL has no word for."""

    def __init__(self, message: Fact) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, message.code.value)
        self.message = message


def client_context(tls: Mapping[str, str], *, protocol: str = HTTP1) -> ssl.SSLContext:
    """Verifies the target by the system's trust store, or by `ca` in its place; shows `cert` when asked.

    Errors: OSError (`ssl.SSLError` included), ValueError when a file cannot be used.
    """
    context = ssl.create_default_context(cafile=tls.get("ca"))
    paths = ssl.get_default_verify_paths()
    if "ca" not in tls and not (paths.cafile or paths.capath):
        import certifi  # Python from python.org on macOS comes without a trust store

        context.load_verify_locations(certifi.where())
    if "cert" in tls:
        # Without a password at hand, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls["cert"], tls.get("key"), password=_no_password)
    context.set_alpn_protocols([protocol])
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def tls_words(error: ssl.SSLError) -> Message:
    """What went wrong, the same for the same cause; OpenSSL's own words in lower case."""
    if isinstance(error, HandshakeError):
        return error.message
    if isinstance(error, ssl.SSLCertVerificationError):
        return _lower(error.verify_message)
    # One that was made by hand has no reason at all.
    reason: str = getattr(error, "reason", None) or ""
    return fact(Code.TLS_FAILED, reason=reason) if reason else _lower(str(error.strerror or error))


class Handshake(asyncio.Protocol, Generic[P]):
    """The protocol of a transport until both sides have agreed; then `TlsStream` takes its place.

    `ready` gets the protocol that was made for the plain side, or the error: `ssl.SSLError` or OSError.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        host: str,
        make: Callable[[], P],
        ready: asyncio.Future[P],
        agreed: str | None = None,
    ) -> None:
        """`agreed`: the protocol that the target has to name in the handshake."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host.rstrip("."))
        self._make = make
        self._ready = ready
        self._wanted = agreed
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._step(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None and not self._ready.done():
            self._incoming.write(data)
            self._step(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or HandshakeError(fact(Code.ENDED, how="handshake")))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _step(self, transport: asyncio.Transport) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            transport.write(self._outgoing.read())
        except ssl.SSLError as error:
            # An alert that says why.
            transport.write(self._outgoing.read())
            transport.close()
            self._fail(error)
        else:
            transport.write(self._outgoing.read())
            self._agreed(transport)

    def _agreed(self, transport: asyncio.Transport) -> None:
        if self._ready.done():
            transport.abort()
            return
        if self._wanted is not None and (named := self._tls.selected_alpn_protocol()) != self._wanted:
            transport.close()
            self._fail(HandshakeError(fact(Code.NO_HTTP2, asked=self._wanted, found=named)))
            return
        inner = self._make()
        stream = TlsStream(self._tls, self._incoming, self._outgoing, transport, inner)
        transport.set_protocol(stream)
        inner.connection_made(stream)
        self._ready.set_result(inner)
        if self._incoming.pending:
            # Whoever waits for `ready` goes first.
            asyncio.get_running_loop().call_soon(stream.data_received, b"")

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)


class TlsStream(asyncio.Transport, asyncio.Protocol):
    """Protocol of the transport below, transport of the protocol above."""

    __slots__ = (
        "_closed",
        "_deliver",
        "_error",
        "_incoming",
        "_inner",
        "_notified",
        "_outgoing",
        "_paused",
        "_read",
        "_take",
        "_tls",
        "_transport",
        "_waiting",
        "_write",
    )

    def __init__(
        self,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        transport: asyncio.Transport,
        inner: asyncio.Protocol,
    ) -> None:
        asyncio.Transport.__init__(self)
        self._tls = tls
        self._read = tls.read
        self._incoming = incoming
        self._outgoing = outgoing
        self._take = outgoing.read
        self._transport = transport
        self._write = transport.write
        self._inner = inner
        self._deliver = inner.data_received
        self._error: Exception | None = None
        self._notified = False
        """The other side has said that nothing more comes."""
        self._closed = False
        """This side has."""
        self._paused = False
        self._waiting: deque[memoryview] = deque()
        """Of large requests: what is not encrypted yet."""

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            while piece := self._read(_RECORD):
                self._deliver(piece)
                if not (self._incoming.pending or self._tls.pending()) or self._transport.is_closing():
                    return
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self._broken(error)
            return
        self._notified = True
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.clear()
        error = self._error or exc
        if error is None and not (self._notified or self._closed):
            error = TruncatedError(ssl.SSL_ERROR_EOF, "closed without close_notify")
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._paused = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()
        self._inner.resume_writing()

    # asyncio.Transport

    def write(self, data: Any) -> None:
        if self._waiting or len(data) > _SLICE:
            self._waiting.append(memoryview(data))
            self._pump()
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._broken(error)
            return
        self._write(self._take())

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        """Say `close_notify` and end; what the other side still says is not awaited (RFC 8446, 6.1)."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._write(self._take())
        self._transport.close()

    def abort(self) -> None:
        self._closed = True
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size() + sum(map(len, self._waiting))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tls if name == "ssl_object" else self._transport.get_extra_info(name, default)

    def _pump(self) -> None:
        while self._waiting and not (self._paused or self._transport.is_closing()):
            head = self._waiting.popleft()
            if len(head) > _SLICE:
                self._waiting.appendleft(head[_SLICE:])
            try:
                self._tls.write(head[:_SLICE])
            except ssl.SSLError as error:
                self._broken(error)
                return
            self._write(self._take())

    def _broken(self, error: ssl.SSLError) -> None:
        """What came is not TLS, or an alert; the connection ends with the error."""
        self._error = self._error or error
        if self._outgoing.pending:
            self._write(self._take())
        self._transport.close()


def _lower(text: str) -> str:
    """Without a capital at the front and a full stop at the end."""
    return (text[:1].lower() + text[1:]).rstrip(".") if text[:2] != "IP" else text.rstrip(".")


def _no_password() -> bytes:
    raise MessageError(fact(Code.KEY_ENCRYPTED))
