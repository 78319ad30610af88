"""Why no usable answer came: from a library's exceptions to one cause and one line."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from enum import Enum, auto
from urllib.parse import urlsplit

import httpx

from phasegate.world import Cause, HttpFailure

_BYTES = re.compile(r"bytearray\((b.*)\)")


class Phase(Enum):
    """How far an exchange had come."""

    CONNECTING = auto()
    WAITING = auto()
    """Sending the request, or waiting for the first byte of the answer."""
    READING = auto()


def failure_of(error: Exception, url: str, phase: Phase, elapsed: float, *, received: int = 0) -> HttpFailure:
    cause, detail = _explain(error, phase, received)
    words = detail if detail.lower().startswith(cause.value.lower()) else f"{cause.value} ({detail})"
    if not detail or detail.lower() == cause.value.lower():
        words = cause.value
    return HttpFailure(cause=cause, message=f"{address_of(url)}: {words}", elapsed=elapsed)


def address_of(url: str) -> str:
    """`host:port` of a URL, or what there is of it."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url[:100]
    if not parts.hostname:
        return url[:100]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}" if port else host


def _explain(error: Exception, phase: Phase, received: int) -> tuple[Cause, str]:
    for inner in _chain(error):
        match inner:
            case socket.gaierror():
                return Cause.DNS, inner.strerror or str(inner)
            case ssl.SSLError():
                return Cause.TLS, _tls_words(inner)
            case OverflowError():
                return Cause.PROTOCOL, f"the request cannot be sent: {_one_line(str(inner))}"
            case ConnectionRefusedError():
                return Cause.REFUSED, ""
            case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
                return Cause.RESET, _reset_words(phase, received)
            case OSError() if inner.errno is not None:
                return (
                    Cause.CONNECT if phase is Phase.CONNECTING else Cause.RESET,
                    os.strerror(inner.errno),
                )
    return _by_type(error, phase, received)


def _by_type(error: Exception, phase: Phase, received: int) -> tuple[Cause, str]:
    words = _one_line(str(error))
    match error:
        case httpx.TimeoutException():
            return Cause.TIMEOUT, words
        case httpx.RemoteProtocolError() if "without sending a response" in words:
            return Cause.RESET, "connection closed without an answer"
        case httpx.RemoteProtocolError() if "complete message body" in words or "incomplete chunked" in words:
            return Cause.SHORT_BODY, _short_words(words, received)
        case httpx.RemoteProtocolError():
            return Cause.PROTOCOL, _BYTES.sub(r"\1", words)
        case httpx.LocalProtocolError() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return Cause.PROTOCOL, f"the request cannot be sent: {words}"
        case httpx.ReadError() | httpx.WriteError() | httpx.CloseError():
            return Cause.RESET, _reset_words(phase, received)
        case httpx.ConnectError() | OSError():
            return Cause.CONNECT, words
        case _:
            return Cause.PROTOCOL, f"the request cannot be sent: {words}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, what it came from, and the members of groups on the way."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        inner = waiting.pop(0)
        if inner is None or id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        waiting += [inner.__cause__, inner.__context__]
        if isinstance(inner, BaseExceptionGroup):
            waiting += inner.exceptions


def _reset_words(phase: Phase, received: int) -> str:
    if phase is Phase.READING:
        return f"connection reset in the body, after {received:,} bytes"
    return "connection reset"


def _short_words(words: str, received: int) -> str:
    promised = re.search(r"received (\d+) bytes, expected (\d+)", words)
    if promised:
        return f"{int(promised[1]):,} of {int(promised[2]):,} bytes"
    return f"the chunked body broke off after {received:,} bytes"


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    return _one_line((error.reason or str(error)).lower().replace("_", " "))


def _one_line(text: str, limit: int = 200) -> str:
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= limit else f"{line[:limit]}..."
