"""Following redirects by RFC 9110 15.4, one step at a time, so that a flow can keep cookies on the way."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from phasegate.http.header_lines import one_value
from phasegate.world import HttpReply, HttpRequest

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that send a client elsewhere."""
_BODY_HEADERS = frozenset({"content-length", "content-type", "content-encoding", "transfer-encoding"})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


def redirected(request: HttpRequest, reply: HttpReply) -> HttpRequest | None:
    """The request that follows a reply, None when it is no redirect.

    The method becomes GET after 303, and after 301 and 302 for POST, as browsers do; credentials are not
    carried to another origin. Errors: ValueError when Location is not an HTTP address, or several are given.
    """
    if reply.status not in REDIRECTS or (location := location_of(reply)) is None:
        return None
    url = urljoin(request.url, location)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"redirect to {location[:200]!r}, which is not an HTTP address")
    headers = request.headers
    if origin(url) != origin(request.url):
        headers = tuple(pair for pair in headers if pair[0].lower() not in _CREDENTIALS)
    method, body = request.method, request.body
    if (reply.status == 303 and method != "HEAD") or (reply.status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple(pair for pair in headers if pair[0].lower() not in _BODY_HEADERS)
    return replace(request, method=method, url=url, headers=headers, body=body)


def location_of(reply: HttpReply) -> str | None:
    """Where an answer sends a client; bytes that are no UTF-8 are surrogates, so that they are asked for as
    they came. Errors: HeaderError where several lines differ."""
    text = one_value(reply.headers, "location")
    lines = (value for name, value in reply.raw if name.lower() == b"location")
    return next((line.decode("utf-8", "surrogateescape") for line in lines), text)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the scheme's own port filled in."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
