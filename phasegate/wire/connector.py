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

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.wire.request import Endpoint
from phasegate.wire.tls import HTTP1, HTTP2, Handshake, client_context, tls_words
from phasegate.world import Cause

P = TypeVar("P", bound=asyncio.Protocol)

ASK_AGAIN = 1.0
"""Seconds for which the answer of the name service is not asked for again, when none of its addresses
works or there is none."""
_OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


class ConnectError(Exception):
    """The target could not be reached; the message is the same for the same cause."""

    def __init__(self, why: Message, cause: Cause = Cause.CONNECT, detail: Message = "") -> None:
        """`why` has the address; `detail`: the same without it."""
        self.message = fact(Code.OF_CAUSE, cause=cause.value, why=why)
        super().__init__(self.message)
        self.cause = cause
        self.detail = detail


class GeneratorError(Exception):
    """This machine cannot open what was asked for: no statement about the target."""

    def __init__(self, message: Fact) -> None:
        super().__init__(message)
        self.message = message


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
        if self._names.known:
            return self._names.known
        try:
            async with asyncio.timeout_at(deadline):
                return await self._names.addresses()
        except TimeoutError:
            detail = fact(Code.NO_ADDRESS, host=self._endpoint.host, within=float(within))
            raise ConnectError(detail, Cause.TIMEOUT, detail) from None

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
            each = joined(
                *(
                    fact(Code.OF_PART, part=address, why=fact(Code.OF_CAUSE, cause=cause.value, why=detail))
                    for address, cause, detail in explained
                )
            )
            return ConnectError(fact(Code.OF_PART, part=str(self._endpoint), why=each), shared, each)
        tried = tuple(address for address, _ in failed) if len(failed) > 1 else ()
        where = {"to": str(self._endpoint), "addresses": tried}
        _, cause, detail = explained[0]
        if cause is Cause.TIMEOUT:
            late = {"tls": self._context is not None, "within": float(within)}
            return ConnectError(
                fact(Code.NO_CONNECTION, **late, **where), cause, fact(Code.NO_CONNECTION, **late)
            )
        refused = isinstance(failed[0][1], ssl.SSLCertVerificationError)
        text = fact(Code.AT_ENDPOINT, certificate=refused, why=detail, **where)
        return ConnectError(text, cause, fact(Code.CERTIFICATE_REFUSED, why=detail) if refused else detail)


class _Names:
    """The addresses of an endpoint, asked for once and again only when none of them works."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.known: tuple[str, ...] = ()
        """Empty where they are not known, or out of date."""
        self._error: ConnectError | None = None
        self._asked: float | None = None
        self._asking = asyncio.Lock()

    async def addresses(self) -> tuple[str, ...]:
        """Errors: ConnectError."""
        async with self._asking:
            if not self.known and (self._asked is None or perf_counter() - self._asked >= ASK_AGAIN):
                self._error = None
                try:
                    self.known = await self._ask()
                except ConnectError as error:
                    self._error = error
                self._asked = perf_counter()
        if self._error is not None:
            raise ConnectError(self._error.message.why, Cause.DNS, self._error.detail) from self._error
        return self.known

    def worked(self, address: str) -> None:
        """Try this one first."""
        if self.known and self.known[0] != address:
            self.known = (address, *(one for one in self.known if one != address))

    def failed(self) -> None:
        """None of them works: they may be out of date."""
        if self._asked is not None and perf_counter() - self._asked >= ASK_AGAIN:
            self.known = ()

    async def _ask(self) -> tuple[str, ...]:
        endpoint = self._endpoint
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                endpoint.host, endpoint.port, type=socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            words = _words(error)
            raise ConnectError(fact(Code.OF_PART, part=endpoint.host, why=words), Cause.DNS, words) from error
        if not found:
            why = fact(Code.NO_ADDRESS, host=endpoint.host)
            raise ConnectError(why, Cause.DNS, why.without("host"))
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _explain(error: Exception) -> tuple[Cause, Message]:
    match error:
        case TimeoutError():
            return Cause.TIMEOUT, ""
        case ConnectionRefusedError():
            return Cause.REFUSED, ""
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Cause.RESET, fact(Code.ENDED, how="connecting")
        case ssl.SSLError():
            return Cause.TLS, tls_words(error)
        case _:
            return Cause.CONNECT, _words(error)


def _context(tls: Mapping[str, str], *, http2: bool) -> ssl.SSLContext:
    try:
        return client_context(tls, protocol=HTTP2 if http2 else HTTP1)
    except (OSError, ValueError) as error:
        raise GeneratorError(fact(Code.CERTIFICATES_UNUSABLE, why=_words(error))) from error


def _limit_message(error: OSError) -> Fact:
    limits = {errno.EADDRNOTAVAIL: "ports", errno.EMFILE: "files"}
    return fact(Code.NO_MORE_CONNECTIONS, why=_words(error), limit=limits.get(error.errno or 0))


def _words(error: Exception) -> Message:
    if isinstance(error, MessageError):
        return error.message
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror | ssl.SSLError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(getattr(error, "strerror", None) or error).lower()
