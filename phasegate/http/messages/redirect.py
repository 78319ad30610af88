"""Following redirects by RFC 9110 15.4, one step at a time, so that a flow can keep cookies on the way."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from phasegate.base.errors import MessageError
from phasegate.base.facts import Code, Message, fact
from phasegate.http.addresses import AmbiguousEntryError
from phasegate.http.messages.header_lines import HeaderError, one_value
from phasegate.world import Addresses, Cause, Destination, HttpReply, HttpRequest

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that send a client elsewhere."""
_BODY_HEADERS = frozenset({"content-length", "content-type", "content-encoding", "transfer-encoding"})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


class NotFollowedError(MessageError):
    """A redirect that is not followed, and the cause that it counts as."""

    def __init__(self, cause: Cause, message: Message) -> None:
        super().__init__(message)
        self.cause = cause


def follow_redirect(request: HttpRequest, reply: HttpReply, target: Addresses | None) -> HttpRequest | None:
    """The request that follows a reply, None when it is not a redirect.

    The method becomes GET after 303, and after 301 and 302 for POST, as browsers do; credentials are not
    carried to another origin. `target`: says which entry the new request is of; None for who follows to one
    host and port only. Errors: NotFollowedError.
    """
    if reply.status not in REDIRECTS or (location := _location(reply)) is None:
        return None
    url = _join_url(request.url, location)
    entry = request.entry if target is None else _entry_after(request, url, target)
    headers = request.headers
    if origin(url) != origin(request.url):
        headers = tuple(pair for pair in headers if pair[0].lower() not in _CREDENTIALS)
    method, body = request.method, request.body
    if (reply.status == 303 and method != "HEAD") or (reply.status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple(pair for pair in headers if pair[0].lower() not in _BODY_HEADERS)
    return replace(request, method=method, url=url, headers=headers, body=body, entry=entry)


def _join_url(url: str, location: str) -> str:
    try:
        joined = urljoin(url, location)
        if origin(joined)[0] in ("http", "https"):
            return joined
    except ValueError:
        pass  # of brackets that hold no IPv6 address, or a port that is none
    raise NotFollowedError(Cause.PROTOCOL, fact(Code.REDIRECT_ELSEWHERE, url=location[:200]))


def _entry_after(request: HttpRequest, url: str, target: Addresses) -> str:
    try:
        return target.following(url, Destination(url=request.url, entry=request.entry)).entry
    except AmbiguousEntryError as error:
        raise NotFollowedError(Cause.REDIRECT, error.message) from None


def _location(reply: HttpReply) -> str | None:
    """Bytes that are not UTF-8 are surrogates, so that they are asked for as they came."""
    try:
        text = one_value(reply.headers, "location")
    except HeaderError as error:
        raise NotFollowedError(Cause.PROTOCOL, error.message) from None
    lines = (value for name, value in reply.raw if name.lower() == b"location")
    return next((line.decode("utf-8", "surrogateescape") for line in lines), text)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port, the scheme's own port filled in."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
