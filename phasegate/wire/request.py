"""A request as bytes, and where it goes.

The path is sent as it is written; only what has no place in a request line is percent-encoded. Header values
are sent as UTF-8; text that holds other bytes, as a cookie may, has them as surrogates (PEP 383).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

from phasegate import __version__
from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, fact

DEFAULT_HEADERS = (("User-Agent", f"phasegate/{__version__}"), ("Accept", "*/*"))
"""Sent with every request that does not bring its own."""
_PATH_SAFE = "/:@!$&'()*+,;=-._~%"
_QUERY_SAFE = _PATH_SAFE + "?[]"
_ONLY_HTTP1 = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""RFC 9113, 8.2.2."""
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class UrlError(MessageError):
    """An address that is not an absolute http or https URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    host: str
    """Without the brackets of an IPv6 address."""
    port: int
    tls: bool
    socket: str | None = None
    """The path of a Unix socket to connect to; host and port are then only named in the request."""

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix:{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@lru_cache(maxsize=1024)
def endpoint_of(url: str, socket: str | None = None) -> Endpoint:
    """Where a URL leads, by way of a Unix socket if one is given.

    Errors: ValueError for anything but an absolute http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UrlError(fact(Code.NOT_A_URL, url=url))
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    return Endpoint(host=_ascii_host(parts.hostname), port=port, tls=tls, socket=socket)


def _ascii_host(host: str) -> str:
    """As the name service and `Host` have it. Errors: ValueError."""
    if any(character <= " " or character in '"<>\\^`{|}' for character in host):
        raise ValueError(f"{host!r} is not the name of a host")
    return host if host.isascii() else host.encode("idna").decode()


def request_bytes(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    """An HTTP/1.1 request; given headers replace the ones made here (Host, User-Agent, Accept, lengths).

    Errors: ValueError for a method or header that would end its line early or is not a token.
    """
    lines = [f"{method} {request_target(url)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in _all_headers(method, url, headers, body)]
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + (body or b"")


def request_fields(
    method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None
) -> tuple[tuple[bytes, bytes], ...]:
    """The head of the same request in HTTP/2: pseudo-header fields first, names in lower case.

    Errors: ValueError as for `request_bytes`, and for a header that only HTTP/1.1 has.
    """
    given = _all_headers(method, url, headers, body)
    for problem in header_problems(given, http2=True):
        raise ValueError(problem)
    authority = next(value for name, value in given if name.lower() == "host")
    scheme = "https" if endpoint_of(url).tls else "http"
    fields = [
        (":method", method),
        (":scheme", scheme),
        (":authority", authority),
        (":path", request_target(url)),
    ]
    fields += [(name.lower(), value.strip()) for name, value in given if name.lower() != "host"]
    return tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields)


def _all_headers(
    method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None
) -> tuple[tuple[str, str], ...]:
    """Those made here, then those given."""
    given = tuple(headers)
    for problem in (*_problem_of_method(method), *header_problems(given)):
        raise ValueError(problem)
    own = [("Host", host_of(endpoint_of(url))), *DEFAULT_HEADERS]
    if body is not None:
        own.append(("Content-Length", str(len(body))))
    named = {name.lower() for name, _ in given}
    return (*((name, value) for name, value in own if name.lower() not in named), *given)


def header_problems(headers: Iterable[tuple[str, str]], *, http2: bool = False) -> tuple[str, ...]:
    """What is wrong with header names and values, for plan errors."""
    return tuple(_problems_of_headers(headers, http2=http2))


def _problems_of_headers(headers: Iterable[tuple[str, str]], *, http2: bool) -> Iterable[str]:
    for name, value in headers:
        if not name or not set(name) <= _TOKEN:
            yield f"{name!r} is not a header name"
        elif any(character in value for character in "\r\n\0"):
            yield f"the value of header {name!r} contains a line break or a null character"
        elif http2 and (name.lower() in _ONLY_HTTP1 or (name.lower() == "te" and value != "trailers")):
            yield f"HTTP/2 has no header {name!r}: it is about one connection of HTTP/1.1"


def _problem_of_method(method: str) -> Iterable[str]:
    if not method or not set(method) <= _TOKEN:
        yield f"{method!r} is not an HTTP method"


def request_target(url: str) -> str:
    """What stands in the request line: path and query, whatever has no place there percent-encoded."""
    path, question, query = path_and_query(url).partition("?")
    return _encode(path, _PATH_SAFE) + question + _encode(query, _QUERY_SAFE)


def path_and_query(url: str) -> str:
    """What an absolute URL has behind its host, as it is written; a path that is left out is `/`."""
    rest = url.partition("://")[2].partition("#")[0]
    start = next((place for place, character in enumerate(rest) if character in "/?"), len(rest))
    return rest[start:] if rest[start : start + 1] == "/" else f"/{rest[start:]}"


def _encode(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogateescape")


def host_of(endpoint: Endpoint) -> str:
    """The value of `Host`."""
    if endpoint.port == (443 if endpoint.tls else 80):
        return str(endpoint).rpartition(":")[0]
    return str(endpoint)
