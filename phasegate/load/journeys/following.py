"""Following redirects within a journey: to wherever its connection leads, and nowhere else.

The rules for the next request are those of `phasegate.http.messages.redirect`, as for health and api checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from phasegate.base.errors import message_of
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.http.messages.header_lines import HeaderError, text_headers
from phasegate.http.messages.redirect import MAX_REDIRECTS, follow_redirect, origin
from phasegate.http.places import place_of
from phasegate.load.http1.connection import no_answer
from phasegate.wire.request import endpoint_of, host_of, request_target
from phasegate.world import Cause, HttpReply, HttpRequest, header

Headers = tuple[tuple[str, str], ...]
Lines = tuple[tuple[bytes, bytes], ...]
"""Header lines as they came."""
_MADE = frozenset({"content-length"})
"""Headers that follow from the rest of a request."""


class RedirectError(Exception):
    """A redirect that is not followed; the message is the cause, the same for the same cause."""

    def __init__(self, cause: Cause, why: Message) -> None:
        self.message = no_answer(cause, why)
        super().__init__(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A request that redirects have led to; bytes that are not UTF-8 are in it as surrogates."""

    request: HttpRequest
    number: int = 0
    """How many redirects led to it."""

    @classmethod
    def first(cls, sent: bytes, base: str, *, own_cookies: bool) -> Hop:
        """The request that a journey sent to `base`, without the cookies that its jar added."""
        head, _, body = sent.partition(b"\r\n\r\n")
        line, *fields = head.decode("utf-8", "surrogateescape").split("\r\n")
        method, target, _ = line.split(" ", 2)
        pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
        dropped = _MADE if own_cookies else _MADE | {"cookie"}
        has_body = any(name.lower() == "content-length" for name, _ in pairs)
        request = HttpRequest(
            method=method,
            url=base.rstrip("/") + target,
            headers=tuple(pair for pair in pairs if pair[0].lower() not in dropped),
            body=body if has_body else None,
        )
        return cls(request=request)

    def next(
        self,
        status: int,
        raw: Lines,
        declared: frozenset[tuple[str, int] | None],
        entry_headers: Headers = (),
    ) -> Hop:
        """Where a redirect leads. `declared`: the hosts and ports of the target. `entry_headers`: those of
        the entry that is asked, which go along on its host and port, where the request has no others.

        Errors: RedirectError when that is not followed.
        """
        request = self.request
        headers = text_headers(raw)
        reply = HttpReply(status=status, headers=headers, raw=raw, body=b"", elapsed=0.0, url=request.url)
        try:
            following = follow_redirect(request, reply, None)
            if following is None:
                raise RedirectError(Cause.PROTOCOL, fact(Code.NO_LOCATION, status=status))
            endpoint = endpoint_of(following.url)
        except HeaderError as error:
            raise RedirectError(Cause.PROTOCOL, message_of(error)) from None
        except ValueError:
            location = header(headers, "location") or ""
            raise RedirectError(Cause.PROTOCOL, fact(Code.REDIRECT_ELSEWHERE, url=location[:200])) from None
        if (urlsplit(following.url).scheme, place_of(following.url)) != (
            urlsplit(request.url).scheme,
            place_of(request.url),
        ):
            raise RedirectError(Cause.REDIRECT, _away(following.url, declared))
        if self.number == MAX_REDIRECTS:
            raise RedirectError(Cause.REDIRECTS, fact(Code.MORE_THAN, limit=MAX_REDIRECTS))
        if origin(following.url) != origin(request.url):
            others = tuple(pair for pair in following.headers if pair[0].lower() != "host")
            following = replace(following, headers=(("Host", host_of(endpoint)), *others))
        named = {name.lower() for name, _ in following.headers}
        kept = tuple(pair for pair in entry_headers if pair[0].lower() not in named)
        following = replace(following, headers=following.headers + kept)
        return Hop(request=following, number=self.number + 1)

    def compose(self, cookie: bytes) -> bytes:
        """The bytes to send."""
        request = self.request
        lines = [f"{request.method} {request_target(request.url)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        if cookie:
            lines.append(f"Cookie: {cookie.decode('utf-8', 'surrogateescape')}")
        if request.body is not None:
            lines.append(f"Content-Length: {len(request.body)}")
        return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + (request.body or b"")


def _away(url: str, declared: frozenset[tuple[str, int] | None]) -> Fact:
    """A place that is not followed to, and why."""
    where = f"{urlsplit(url).scheme}://{endpoint_of(url)}"[:200]
    return fact(Code.REDIRECT_AWAY, url=where, known=place_of(url) in declared)
