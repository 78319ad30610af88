"""Opening connections: addresses, TLS, and a name for everything that can go wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TypeVar

from phasegate.load.request import Endpoint
from phasegate.units import format_seconds
from phasegate.world import Cause

P = TypeVar("P", bound=asyncio.Protocol)

_OWN_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


class ConnectError(Exception):
    """The target could not be reached; the message is one line for people, the same for the same cause."""


class GeneratorError(Exception):
    """This machine cannot generate the load that was asked for: no statement about the target."""


class Connector:
    """Opens connections to one endpoint, at the address that worked last first."""

    def __init__(self, endpoint: Endpoint, *, timeout: float, tls: Mapping[str, str]) -> None:
        """Errors: GeneratorError when a certificate file cannot be used."""
        self._endpoint = endpoint
        self._timeout = timeout
        self._context = _context(tls) if endpoint.tls else None
        self._addresses: list[str] = []

    async def open(self, protocol: Callable[[], P]) -> P:
        """Errors: ConnectError, GeneratorError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._open(protocol)
        except TimeoutError:
            message = f"{Cause.TIMEOUT}: no connection to {self._endpoint} in {format_seconds(self._timeout)}"
            raise ConnectError(message) from None

    async def _open(self, protocol: Callable[[], P]) -> P:
        if not self._addresses:
            self._addresses = await self._resolve()
        last: OSError | None = None
        for address in tuple(self._addresses):
            try:
                opened = await self._connect(address, protocol)
            except TimeoutError:
                raise
            except OSError as error:
                if error.errno in _OWN_LIMITS:
                    raise GeneratorError(_limit_message(error)) from error
                last = error
            else:
                if self._addresses[0] != address:
                    self._addresses.remove(address)
                    self._addresses.insert(0, address)
                return opened
        raise ConnectError(self._message(last)) from last

    async def _connect(self, address: str, protocol: Callable[[], P]) -> P:
        _, opened = await asyncio.get_running_loop().create_connection(
            protocol,
            address,
            self._endpoint.port,
            ssl=self._context,
            server_hostname=self._endpoint.host if self._context else None,
            ssl_handshake_timeout=self._timeout if self._context else None,
        )
        return opened

    async def _resolve(self) -> list[str]:
        endpoint = self._endpoint
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                endpoint.host, endpoint.port, type=socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            raise ConnectError(f"{Cause.DNS}: {endpoint.host}: {_words(error)}") from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _message(self, error: OSError | None) -> str:
        match error:
            case ConnectionRefusedError():
                return f"{Cause.REFUSED}: {self._endpoint}"
            case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
                return f"{Cause.RESET} while connecting: {self._endpoint}"
            case ssl.SSLCertVerificationError():
                return f"{Cause.TLS}: certificate of {self._endpoint}: {error.verify_message}"
            case ssl.SSLError():
                return f"{Cause.TLS}: {self._endpoint}: {error.reason or _words(error)}"
            case None:
                return f"{Cause.CONNECT}: {self._endpoint} has no address"
            case _:
                return f"{Cause.CONNECT}: {self._endpoint}: {_words(error)}"


def _context(tls: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.get("ca"))
        if "cert" in tls:
            context.load_cert_chain(tls["cert"], tls.get("key"))
    except (OSError, ValueError) as error:
        raise GeneratorError(f"cannot use the certificates of the target: {_words(error)}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _limit_message(error: OSError) -> str:
    text = f"cannot open more connections on this machine: {_words(error)}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{text} (no free local port)"
    return f"{text} (ulimit -n)" if error.errno == errno.EMFILE else text


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror | ssl.SSLError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(getattr(error, "strerror", None) or error).lower()
