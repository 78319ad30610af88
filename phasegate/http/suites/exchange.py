"""One request of a conversation: sent with its cookies, redirects followed, the reply looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, Message, fact
from phasegate.base.substitution import UnknownNameError
from phasegate.http.expectations.capture import CaptureError
from phasegate.http.expectations.expectation import Expect, Expectation
from phasegate.http.messages.content import MAX_BODY
from phasegate.http.messages.cookies import CookieJar
from phasegate.http.messages.redirect import MAX_REDIRECTS, NotFollowedError, follow_redirect
from phasegate.http.suites.build_request import ComposeError, compose
from phasegate.http.suites.suite import Request
from phasegate.world import Addresses, Cause, Destination, HttpClient, HttpFailure, HttpReply, HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was sent, what came, and what was not as expected; no failures: it passed."""

    sent: HttpRequest | None
    outcome: HttpReply | HttpFailure | None
    failures: tuple[Message, ...]
    answered: Destination | None = None
    """Who answered, after redirects; None where nothing was sent."""

    @property
    def elapsed(self) -> float | None:
        return None if self.outcome is None else self.outcome.elapsed


class Expectations:
    """Compiled `expect`s: once for those without values to put in."""

    def __init__(self) -> None:
        self._compiled: dict[int, Expectation] = {}
        self._kept: list[Expect] = []

    def of(self, expect: Expect, values: Mapping[str, Any]) -> Expectation:
        """Errors: ValueError when it makes no sense with these values; UnknownNameError."""
        if id(expect) in self._compiled:
            return self._compiled[id(expect)]
        if expect.templated:
            return expect.filled(values).compile()
        self._kept.append(expect)
        return self._compiled.setdefault(id(expect), expect.compile())


@dataclass(slots=True, kw_only=True)
class Conversation:
    """The state of a flow: values captured so far and its cookie jar."""

    http: HttpClient
    target: Addresses
    base: Destination
    headers: Mapping[str, str]
    timeout: float
    expectations: Expectations
    max_body: int = MAX_BODY
    """Bytes of a body that an expectation or capture looks at."""
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Destination] = field(default_factory=dict)
    """Who gave the answer that a value was captured from, by name."""
    cookies: CookieJar = field(default_factory=CookieJar)
    secrets: list[str] = field(default_factory=list)
    """Values captured as secret, in order."""

    async def send(self, request: Request, row: Mapping[str, Any], expect: Expect) -> Exchange:
        """Send once and look at the reply; captures are not taken. Errors: ObservationError for a value
        nobody has, and where phasegate stood still until the time for the answer was over."""
        values = {**self.values, **row}
        try:
            expectation = self.expectations.of(expect, values)
            composed = compose(
                request,
                target=self.target,
                base=self.base,
                common=self.headers,
                values=values,
                sources=self.sources,
                timeout=self.timeout,
            )
        except UnknownNameError as error:
            why = fact(Code.NO_VALUE, name=error.name)
            raise ObservationError(fact(Code.OF_REQUEST, request=request.id, why=why)) from None
        except (ComposeError, ValueError, OSError) as error:
            not_sent = fact(Code.NOT_SENT, why=message_of(error))
            return Exchange(sent=None, outcome=None, failures=(not_sent,))
        composed = replace(composed, keep=self.max_body if request.reads_body else None)
        sent, last, outcome = await self._deliver(composed)
        if isinstance(outcome, HttpFailure) and outcome.late:
            raise ObservationError(fact(Code.OF_REQUEST, request=request.id, why=outcome.message))
        if isinstance(outcome, HttpFailure):
            failures: tuple[Message, ...] = (outcome.message,)
        else:
            failures = await expectation.check_aside(outcome)
        if failures and isinstance(outcome, HttpReply) and not _has_cookie(composed):
            failures += self.cookies.notes(outcome.url)
        answered = Destination(url=last.url, entry=last.entry)
        return Exchange(sent=sent, outcome=outcome, failures=failures, answered=answered)

    async def take(self, request: Request, reply: HttpReply, source: Destination) -> tuple[Message, ...]:
        """Take the captures of a request from who answered it; what cannot be captured is a failure."""
        failures = []
        for name, capture in request.capture.items():
            try:
                captured = await capture.take_aside(name, reply)
            except CaptureError as error:
                failures.append(error.message)
                continue
            self.values[name] = captured.value
            self.sources[name] = source
            if captured.secret:
                self.secrets.append(captured.text)
        return tuple(failures)

    async def _deliver(
        self, request: HttpRequest
    ) -> tuple[HttpRequest, HttpRequest, HttpReply | HttpFailure]:
        """Redirects are followed here, so that cookies set on the way are kept.

        Shape: the first and the last request as they were sent, and the last outcome with the time of all.
        """
        step, first, spent = replace(request, follow=False), None, 0.0
        for _ in range(MAX_REDIRECTS + 1):
            step = self._with_cookies(step)
            first = first or step
            outcome = await self.http.send(replace(step, timeout=max(request.timeout - spent, 0.001)))
            spent += outcome.elapsed
            if isinstance(outcome, HttpFailure):
                return first, step, replace(outcome, elapsed=spent)
            for name, value in outcome.raw:
                if name.lower() == b"set-cookie":
                    self.cookies.keep(step.url, value)
            try:
                following = follow_redirect(step, outcome, self.target) if request.follow else None
            except NotFollowedError as error:
                return first, step, HttpFailure(cause=error.cause, message=error.message, elapsed=spent)
            if following is None:
                return first, step, replace(outcome, elapsed=spent)
            step = following if _has_cookie(request) else _without_cookies(following)
        message = fact(Code.TOO_MANY_REDIRECTS, n=MAX_REDIRECTS, url=step.url[:200])
        return first or step, step, HttpFailure(cause=Cause.REDIRECTS, message=message, elapsed=spent)

    def _with_cookies(self, request: HttpRequest) -> HttpRequest:
        """A `Cookie` header of the request's own takes the place of the jar's."""
        if _has_cookie(request) or not (cookie := self.cookies.header(request.url)):
            return request
        pair = ("Cookie", cookie.decode("utf-8", "surrogateescape"))
        return replace(request, headers=(*request.headers, pair))


def _has_cookie(request: HttpRequest) -> bool:
    return any(name.lower() == "cookie" for name, _ in request.headers)


def _without_cookies(request: HttpRequest) -> HttpRequest:
    headers = tuple(pair for pair in request.headers if pair[0].lower() != "cookie")
    return replace(request, headers=headers)
