"""Opening connections: addresses, TLS, and a name for everything that can go wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

from phasegate.base.facts import Message
from phasegate.base.units import format_seconds
from phasegate.wire.request import Endpoint
from phasegate.wire.tls import HTTP1, HTTP2, Handshake, client_context, tls_words
from phasegate.world import Cause

P = TypeVar("P", bound=asyncio.Protocol)

ASK_AGAIN = 1.0
"""Seconds for which the answer of the name service is not asked for again, when none of its addresses
works or there is none."""
_OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


class ConnectError(Exception):
    """The target could not be reached; the message is one line for people, the same for the same cause."""

    def __init__(self, text: Message, cause: Cause = Cause.CONNECT, detail: str = "") -> None:
        """`detail`: what the message says beside the cause and the address."""
        super().__init__(text)
        self.message = text
        self.cause = cause
        self.detail = detail


class GeneratorError(Exception):
    """This machine cannot open what was asked for: no statement about the target."""


class Connector:
    """Opens connections to one endpoint, at the address that worked last first."""

    def __init__(
        self, endpoint: Endpoint, *, timeout: float, tls: Mapping[str, str], http2: bool = False
    ) -> None:
        """`http2`: over TLS, the target has to agree to HTTP/2 and nothing else.

        Errors: GeneratorError when a certificate file cannot be used.
        """
        self._endpoint = endpoint
        self._timeout = timeout
        self._context = _context(tls, http2=http2) if endpoint.tls else None
        self._agreed = HTTP2 if http2 else None
        self._names = _Names(endpoint)

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    async def open(self, protocol: Callable[[], P], timeout: float | None = None) -> P:
        """`timeout`: seconds, where this connection has not the time that all others have.

        Errors: ConnectError, GeneratorError.
        """
        within = self._timeout if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + within
        addresses = await self._addresses(deadline, within)
        failed: list[tuple[str, Exception]] = []
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # Each address gets its part of the time: one that swallows packets must not take it all.
            now = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(now + (deadline - now) / left):
                    opened = await self._connect(address, protocol)
            except OSError as error:  # a timeout is one, too
                if error.errno in _OWN_LIMITS and not isinstance(error, ssl.SSLError):
                    raise GeneratorError(_limit_message(error)) from error
                failed.append((address, error))
            else:
                self._names.worked(address)
                return opened
        self._names.failed()
        raise self._error(failed, within) from failed[-1][1]

    async def _addresses(self, deadline: float, within: float) -> tuple[str, ...]:
        if self._endpoint.socket is not None:
            return (self._endpoint.socket,)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._names.addresses()
        except TimeoutError:
            detail = f"no address of {self._endpoint.host} in {format_seconds(within)}"
            raise ConnectError(f"{Cause.TIMEOUT}: {detail}", Cause.TIMEOUT, detail) from None

    async def _connect(self, address: str, protocol: Callable[[], P]) -> P:
        if self._context is None:
            return await self._connect_plain(address, protocol)
        context, host, agreed = self._context, self._endpoint.host, self._agreed
        ready: asyncio.Future[P] = asyncio.get_running_loop().create_future()
        handshake = await self._connect_plain(
            address, lambda: Handshake(context, host, protocol, ready, agreed)
        )
        try:
            return await ready
        except BaseException:
            handshake.abort()
            raise

    async def _connect_plain(self, address: str, protocol: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        if self._endpoint.socket is not None:
            _, opened = await loop.create_unix_connection(protocol, address)
        else:
            _, opened = await loop.create_connection(protocol, address, self._endpoint.port)
        return opened

    def _error(self, failed: list[tuple[str, Exception]], within: float) -> ConnectError:
        """One address: what failed. Several: each by name, under the cause they share, if they do."""
        explained = [(address, *_explain(error)) for address, error in failed]
        causes = {cause for _, cause, _ in explained}
        if len({(cause, detail) for _, cause, detail in explained}) > 1:
            shared = causes.pop() if len(causes) == 1 else Cause.CONNECT
            each = "; ".join(
                f"{address}: {cause}{detail and f': {detail}'}" for address, cause, detail in explained
            )
            return ConnectError(f"{shared}: {self._endpoint}: {each}", shared, each)
        addresses = f" ({', '.join(address for address, _ in failed)})" if len(failed) > 1 else ""
        _, cause, detail = explained[0]
        if cause is Cause.TIMEOUT:
            kind = "connection" if self._context is None else "TLS connection"
            text = f"no {kind} to {self._endpoint}{addresses} in {format_seconds(within)}"
            return ConnectError(f"{cause}: {text}", cause, f"no {kind} in {format_seconds(within)}")
        refused = isinstance(failed[0][1], ssl.SSLCertVerificationError)
        of = "certificate of " if refused else ""
        text = f"{cause}: {of}{self._endpoint}{addresses}{detail and f': {detail}'}"
        return ConnectError(text, cause, f"certificate not accepted: {detail}" if refused else detail)


class _Names:
    """The addresses of an endpoint, asked for once and again only when none of them works."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._found: tuple[str, ...] = ()
        self._error: ConnectError | None = None
        self._asked: float | None = None
        self._asking = asyncio.Lock()

    async def addresses(self) -> tuple[str, ...]:
        """Errors: ConnectError."""
        async with self._asking:
            if not self._found and (self._asked is None or perf_counter() - self._asked >= ASK_AGAIN):
                self._error = None
                try:
                    self._found = await self._ask()
                except ConnectError as error:
                    self._error = error
                self._asked = perf_counter()
        if self._error is not None:
            raise ConnectError(str(self._error), Cause.DNS, self._error.detail) from self._error
        return self._found

    def worked(self, address: str) -> None:
        """Try this one first."""
        if self._found and self._found[0] != address:
            self._found = (address, *(one for one in self._found if one != address))

    def failed(self) -> None:
        """None of them works: they may be out of date."""
        if self._asked is not None and perf_counter() - self._asked >= ASK_AGAIN:
            self._found = ()

    async def _ask(self) -> tuple[str, ...]:
        endpoint = self._endpoint
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                endpoint.host, endpoint.port, type=socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            text = f"{Cause.DNS}: {endpoint.host}: {_words(error)}"
            raise ConnectError(text, Cause.DNS, _words(error)) from error
        if not found:
            raise ConnectError(f"{Cause.DNS}: {endpoint.host} has no address", Cause.DNS, "no address")
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _explain(error: Exception) -> tuple[Cause, str]:
    match error:
        case TimeoutError():
            return Cause.TIMEOUT, ""
        case ConnectionRefusedError():
            return Cause.REFUSED, ""
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Cause.RESET, "while connecting"
        case ssl.SSLError():
            return Cause.TLS, tls_words(error)
        case _:
            return Cause.CONNECT, _words(error)


def _context(tls: Mapping[str, str], *, http2: bool) -> ssl.SSLContext:
    try:
        return client_context(tls, protocol=HTTP2 if http2 else HTTP1)
    except (OSError, ValueError) as error:
        text = f"cannot use the certificates of the target: {_words(error)}"
        raise GeneratorError(text) from error


def _limit_message(error: OSError) -> str:
    text = f"cannot open more connections on this machine: {_words(error)}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{text} (no free local port)"
    return f"{text} (ulimit -n)" if error.errno == errno.EMFILE else text


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror | ssl.SSLError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(getattr(error, "strerror", None) or error).lower()
