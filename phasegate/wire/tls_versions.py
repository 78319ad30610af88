"""Which versions of TLS a server takes, and whether its certificate is good; each asked by a handshake."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime

from phasegate.base.dataclass import dataclass
from phasegate.base.facts import Message
from phasegate.wire.tls import client_context, tls_words

VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
_OURS = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL", "INTERNAL_ERROR")
"""Why this OpenSSL itself cannot offer a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSeen:
    versions: Mapping[str, bool | None]
    """Whether each is taken; None where this OpenSSL cannot offer it."""
    problem: Message = ""
    """Why its certificate is not trusted; empty where it is."""
    expires: datetime | None = None


def look_at_tls(host: str, port: int, tls: Mapping[str, str], timeout: float) -> TlsSeen:
    """Blocks for five handshakes. Errors: OSError where nothing answers at the address."""
    problem, expires = _certificate(host, port, tls, timeout)
    versions = {name: _takes(host, port, version, timeout) for name, version in VERSIONS.items()}
    return TlsSeen(versions=versions, problem=problem, expires=expires)


def _certificate(
    host: str, port: int, tls: Mapping[str, str], timeout: float
) -> tuple[Message, datetime | None]:
    context = client_context(tls)
    try:
        with (
            _connected(host, port, timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as inner,
        ):
            until = (inner.getpeercert() or {}).get("notAfter")
    except ssl.SSLError as error:
        return tls_words(error), None
    if not isinstance(until, str):
        return "", None
    return "", datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)


def _takes(host: str, port: int, version: ssl.TLSVersion, timeout: float) -> bool | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is why they are asked for
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
    except (ssl.SSLError, ValueError):
        return None
    try:
        with _connected(host, port, timeout) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError as error:
        return None if error.reason in _OURS else False
    except ConnectionError:
        return False


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    return socket.create_connection((host, port), timeout)
