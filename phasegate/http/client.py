"""The HTTP client of a run, on httpx's transport: no cookies, no proxies, no redirects unless asked for.

The transport is used without `httpx.AsyncClient`, whose cookie jar and redirects would carry state and target
headers from one check to another.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Self

import httpx

from phasegate import __version__
from phasegate.http.content import ACCEPTED, Content, ContentError, TooLargeError, too_large, warm_up
from phasegate.http.failures import Phase, address_of, failure_of
from phasegate.http.header_lines import joined, text_headers
from phasegate.http.redirect import MAX_REDIRECTS, redirected
from phasegate.units import format_seconds
from phasegate.world import Addresses, Cause, HttpFailure, HttpReply, HttpRequest

PLACES = 4
"""Requests in flight at a time; httpx gets slower beyond (measured: 1,200/s at 4, 170/s at 50)."""
IDLE = 2.0
"""Seconds a connection waits for reuse: below the keep-alive of common servers (uvicorn 5, Node.js 5)."""
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_DEFAULTS = (
    ("User-Agent", f"phasegate/{__version__}"),
    ("Accept", "*/*"),
    ("Accept-Encoding", ACCEPTED),
)


@dataclass(slots=True)
class _Watch:
    """How far an exchange has come."""

    started: int
    phase: Phase = Phase.CONNECTING
    reused: bool = True
    received: int = 0

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        match event:
            case "connection.connect_tcp.started":
                self.reused = False
            case "http11.send_request_headers.started":
                self.phase = Phase.WAITING
            case "http11.receive_response_headers.complete":
                self.phase = Phase.READING

    @property
    def elapsed(self) -> float:
        return (perf_counter_ns() - self.started) / 1e9

    def left(self, timeout: float) -> float:
        return max(timeout - self.elapsed, 0.001)


class HttpxClient:
    """`world.HttpClient` for one run; close it at the end, or use it as a context."""

    def __init__(self, target: Addresses, *, places: int = PLACES) -> None:
        self._target = target
        self._places = asyncio.Semaphore(places)
        self._transports: dict[tuple[tuple[str, str], ...] | None, httpx.AsyncHTTPTransport] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.aclose()

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        """One exchange, redirects included when `follow` asks for them; see `world.HttpClient`."""
        async with self._places:
            self._warm_up(request.url)
            watch = _Watch(perf_counter_ns())
            try:
                async with asyncio.timeout(request.timeout):
                    return await self._follow(request, watch)
            except TimeoutError:
                return HttpFailure(
                    cause=Cause.TIMEOUT,
                    message=f"{address_of(request.url)}: {_timed_out(watch, request.timeout)}",
                    elapsed=watch.elapsed,
                )

    async def _follow(self, request: HttpRequest, watch: _Watch) -> HttpReply | HttpFailure:
        step = request
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._once(step, watch)
            if isinstance(reply, HttpFailure) or not request.follow:
                return reply
            try:
                following = redirected(step, reply)
            except ValueError as error:
                return _protocol(step.url, str(error), watch)
            if following is None:
                return reply
            step = following
        return HttpFailure(
            cause=Cause.REDIRECTS,
            message=f"{address_of(request.url)}: more than {MAX_REDIRECTS} redirects, "
            f"the last to {step.url[:200]}",
            elapsed=watch.elapsed,
        )

    async def _once(self, request: HttpRequest, watch: _Watch) -> HttpReply | HttpFailure:
        watch.phase, watch.reused, watch.received = Phase.CONNECTING, True, 0
        outcome = await self._exchange(request, watch)
        stale = isinstance(outcome, HttpFailure) and outcome.cause is Cause.RESET and watch.reused
        if stale and watch.phase is not Phase.READING and request.method in _REPEATABLE:
            # The server closed an idle connection just as it was reused; RFC 9112 9.3.1 has clients try again
            watch.phase = Phase.CONNECTING
            return await self._exchange(request, watch)
        return outcome

    async def _exchange(self, request: HttpRequest, watch: _Watch) -> HttpReply | HttpFailure:
        try:
            outgoing = httpx.Request(
                request.method,
                request.url,
                headers=self._headers(request),
                content=request.body,
                # httpcore closes a socket whose TLS handshake it gave up itself, not one that was cancelled
                extensions={"trace": watch.trace, "timeout": {"connect": watch.left(request.timeout) * 0.95}},
            )
            response = await self._transport(request.url).handle_async_request(outgoing)
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as error:
            return failure_of(error, request.url, watch.phase, watch.elapsed)
        return await self._read(request, response, watch)

    async def _read(
        self, request: HttpRequest, response: httpx.Response, watch: _Watch
    ) -> HttpReply | HttpFailure:
        raw = tuple(response.headers.raw)
        headers = text_headers(raw)
        content, body, unreadable = Content(joined(headers, "content-encoding"), request.keep), b"", ""
        try:
            async for chunk in response.stream:  # type: ignore[union-attr]
                content.add(chunk)
                watch.received = content.received
            elapsed = watch.elapsed
            body = content.finish()
        except TooLargeError:
            text = f"{address_of(request.url)}: {Cause.TOO_LARGE} ({too_large(request.keep or 0)})"
            return HttpFailure(cause=Cause.TOO_LARGE, message=text, elapsed=watch.elapsed)
        except ContentError as error:
            unreadable = str(error)
        except (httpx.HTTPError, OSError) as error:
            return failure_of(error, request.url, Phase.READING, watch.elapsed, received=watch.received)
        finally:
            await response.aclose()
        return HttpReply(
            status=response.status_code,
            headers=headers,
            raw=raw,
            body=body,
            unreadable=unreadable,
            elapsed=elapsed,
            url=request.url,
            http_version=response.extensions.get("http_version", b"HTTP/1.1").decode("latin-1"),
        )

    def _headers(self, request: HttpRequest) -> list[tuple[bytes, bytes]]:
        """The request's own headers win over those of the target entry, those over the defaults."""
        headers = list(request.headers)
        named = {name.lower() for name, _ in headers}
        for more in (self._target.headers(request.url), _DEFAULTS):
            added = [(name, value) for name, value in more if name.lower() not in named]
            headers += added
            named.update(name.lower() for name, _ in added)
        return [(_bytes(name), _bytes(value)) for name, value in headers]

    def _warm_up(self, url: str) -> None:
        """Pay for imports and trust stores before the watch is started; the first latency counts too."""
        try:
            self._transport(url)
        except (OSError, ValueError):
            return  # said again, with its cause, when the request is sent

    def _transport(self, url: str) -> httpx.AsyncHTTPTransport:
        secure = url[:6].lower() == "https:"
        settings = self._target.tls(url) if secure else {}
        key = tuple(sorted(settings.items())) if secure else None
        if key not in self._transports:
            import_module("anyio._backends._asyncio")
            warm_up()
            self._transports[key] = httpx.AsyncHTTPTransport(
                verify=_tls(settings) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=4 * PLACES, keepalive_expiry=IDLE
                ),
            )
        return self._transports[key]


def _tls(settings: Mapping[str, str]) -> ssl.SSLContext:
    """The system's trust store, or `ca` in its place; OSError when a named file is not usable."""
    context = ssl.create_default_context(cafile=settings.get("ca"))
    paths = ssl.get_default_verify_paths()
    if "ca" not in settings and not (paths.cafile or paths.capath):
        import certifi  # Python from python.org on macOS comes without a trust store

        context.load_verify_locations(certifi.where())
    if "cert" in settings:
        context.load_cert_chain(settings["cert"], settings.get("key"))
    return context


def _timed_out(watch: _Watch, timeout: float) -> str:
    within = format_seconds(timeout)
    match watch.phase:
        case Phase.CONNECTING:
            return f"timeout (no connection within {within})"
        case Phase.WAITING:
            return f"timeout (no answer within {within})"
        case _:
            return f"timeout (the body did not end within {within})"


def _protocol(url: str, what: str, watch: _Watch) -> HttpFailure:
    message = f"{address_of(url)}: protocol error ({what})"
    return HttpFailure(cause=Cause.PROTOCOL, message=message, elapsed=watch.elapsed)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
