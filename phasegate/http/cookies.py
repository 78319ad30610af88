"""The cookie jar of a flow: domains, paths and expiry as browsers have them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from phasegate.world import HttpReply, HttpRequest

if TYPE_CHECKING:
    import httpx


class CookieJar:
    """Holds what `Set-Cookie` brought; a `Cookie` header of the request's own takes its place."""

    @cached_property
    def _cookies(self) -> httpx.Cookies:
        import httpx

        return httpx.Cookies()

    def add_to(self, request: HttpRequest) -> HttpRequest:
        import httpx

        if not self._cookies.jar or has_cookie(request):
            return request
        try:
            carrier = httpx.Request(request.method, request.url)
        except httpx.InvalidURL:  # said by the client, in its words
            return request
        self._cookies.set_cookie_header(carrier)
        cookie = carrier.headers.get("cookie")
        return replace(request, headers=(*request.headers, ("Cookie", cookie))) if cookie else request

    def keep(self, request: HttpRequest, reply: HttpReply) -> None:
        import httpx

        cookies = [pair for pair in reply.headers if pair[0].lower() == "set-cookie"]
        if cookies:
            carrier = httpx.Request(request.method, request.url)
            self._cookies.extract_cookies(httpx.Response(reply.status, headers=cookies, request=carrier))


def has_cookie(request: HttpRequest) -> bool:
    return any(name.lower() == "cookie" for name, _ in request.headers)


def without_cookies(request: HttpRequest) -> HttpRequest:
    headers = tuple(pair for pair in request.headers if pair[0].lower() != "cookie")
    return replace(request, headers=headers)
