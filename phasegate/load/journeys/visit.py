"""Journeys under way in a worker: which comes next, its values and cookies, and the requests they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from phasegate.base.facts import Code, Message, fact
from phasegate.http.messages.content import TooLargeError
from phasegate.http.messages.cookies import CookieJar
from phasegate.http.messages.redirect import REDIRECTS
from phasegate.http.places import place_of
from phasegate.load.counting.recorder import Recorder
from phasegate.load.http1.checking import Lines, body_too_large, reply_of
from phasegate.load.journeys.following import Hop, RedirectError
from phasegate.load.journeys.journey import Journey, JourneyRequest, Journeys, UnfitError
from phasegate.wire.connection import IDEMPOTENT


class Compiled:
    """One request, ready to be sent."""

    __slots__ = (
        "_body",
        "_head",
        "_tail",
        "_whole",
        "entry_headers",
        "follow",
        "has_body",
        "head_only",
        "idempotent",
        "judge",
        "limit",
        "own_cookies",
        "part",
        "place",
        "reads_body",
        "url",
    )

    def __init__(self, request: JourneyRequest, origin: str, place: int) -> None:
        """`place` is that of its part among all, -1 for none. Errors: ValueError."""
        # They bring pydantic, and workers without journeys can start sooner.
        from phasegate.load.journeys.judge import AnswerCheck
        from phasegate.load.journeys.template import Template

        self.part = request.part
        self.place = place
        self.url = request.url
        self.limit = request.limit
        self.head_only = request.method.upper() == "HEAD"
        self.idempotent = request.method.upper() in IDEMPOTENT
        self.has_body = request.body is not None
        self.follow = REDIRECTS if request.follow else frozenset[int]()
        """The statuses that are followed."""
        self.entry_headers = request.entry_headers
        self.own_cookies = request.own_cookies
        self.judge = AnswerCheck(request.expect, request.captures)
        self.reads_body = self.judge.reads_body
        self._head = Template(request.head, origin=origin)
        self._body = None if request.body is None else Template(request.body)
        self._whole: bytes | None = None
        if self._head.static is not None and (self._body is None or self._body.static is not None):
            self._whole = self.compose({}, b"")

    def compose(self, values: Mapping[str, Any], cookie: bytes) -> bytes:
        """The bytes to send. Errors: UnfitError when a value cannot stand where it is wanted."""
        if self._whole is not None and not cookie:
            return self._whole
        try:
            head = self._head.fill(values)
            if cookie:
                head += b"Cookie: %b\r\n" % cookie
            if self._body is None:
                return head + b"\r\n"
            body = self._body.fill(values)
        except KeyError as error:
            raise UnfitError(fact(Code.NO_VALUE, name=error.args[0])) from None
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


class Visit:
    """One journey of one user. Moments are `perf_counter_ns`."""

    __slots__ = (
        "_hop",
        "_itinerary",
        "_jar",
        "began",
        "due",
        "index",
        "part",
        "request",
        "requests",
        "sent",
        "values",
    )

    def __init__(
        self, itinerary: Itinerary, requests: tuple[Compiled, ...], part: int, values: dict[str, Any]
    ) -> None:
        self._itinerary = itinerary
        self._jar: CookieJar | None = None
        self._hop: Hop | None = None
        """What is sent in place of the request since it was redirected."""
        self.requests = requests
        self.request = requests[0]
        """The one that is sent, or about to be."""
        self.index = 0
        self.part = part
        self.values = values
        self.due = 0
        self.began = 0
        self.sent = 0
        """When the request was sent first, before redirects; 0 while it is not."""

    def compose(self) -> bytes:
        """Errors: UnfitError."""
        request = self.request
        if self._hop is not None:
            return self._hop.compose(self._cookie_for(self._hop))
        if self._jar is None or request.own_cookies:
            return request.compose(self.values, b"")
        plain = request.compose(self.values, b"")
        cookie = self._jar.header(self._address(plain))
        return request.compose(self.values, cookie) if cookie else plain

    def take_in(
        self, status: int, raw: Lines, body: bytes, elapsed: float, max_body: int
    ) -> tuple[Message, ...]:
        """Take in a whole answer: cookies, captures, where a redirect leads. Shape: what is wrong with it."""
        coding, kind = False, b""
        for name, value in raw:
            match name.lower():
                case b"set-cookie":
                    self._keep_cookie(value)
                case b"content-encoding":
                    coding = True
                case b"content-type":
                    kind += value + b"\n" if kind else value
        request = self.request
        if status in request.follow:
            return self._follow_redirect(status, raw)
        if not coding and request.judge.holds(status, body, self.values, kind):
            return ()
        try:
            reply = reply_of(status, raw, body, elapsed, self.url, limit=max_body)
        except TooLargeError:
            return (body_too_large(max_body),)
        readable = coding and not reply.unreadable
        if readable and request.judge.holds(status, reply.body, self.values, kind):
            return ()
        failures = request.judge.failures(reply, self.values)
        if failures and self._jar is not None and not request.own_cookies:
            failures += self._jar.notes(self._asked)
        return failures

    def _keep_cookie(self, line: bytes) -> None:
        if self._jar is None:
            self._jar = CookieJar()
        self._jar.keep(self._asked, line)

    @property
    def url(self) -> str:
        """The one that answers, for people."""
        return self.request.url if self._hop is None else self._hop.request.url

    def _follow_redirect(self, status: int, raw: Lines) -> tuple[Message, ...]:
        """Go on to where a redirect leads. Shape: why not, where that is not followed."""
        hop = self._hop or Hop.first(
            self.compose(), self._itinerary.origin, own_cookies=self.request.own_cookies
        )
        try:
            self._hop = hop.next(status, raw, self._itinerary.declared, self.request.entry_headers)
        except RedirectError as error:
            return (error.message,)
        return ()

    def _cookie_for(self, hop: Hop) -> bytes:
        if self._jar is None or self.request.own_cookies:
            return b""
        return self._jar.header(self._address(hop.compose(b""), hop.request.url))

    @property
    def _asked(self) -> str:
        """The address that was asked last, as its request line has it."""
        if self._hop is not None:
            return self._address(self._hop.compose(b""), self._hop.request.url)
        return self._address(self.request.compose(self.values, b""))

    def _address(self, request: bytes, base: str = "") -> str:
        """The address of a request to the host of `base`, or of the journeys, without its query."""
        target = request.split(b" ", 2)[1].partition(b"?")[0].decode("utf-8", "surrogateescape")
        if not base:
            return self._itinerary.origin + target
        scheme, _, rest = base.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}{target}"

    def good(self, recorder: Recorder, sent: int, now: int) -> bool:
        """The answer is good: go on to the next request, or end. Whether the journey is over."""
        recorder.part_good(self.request.place, now - (sent if self.index else self.due))
        self.index += 1
        self.sent, self._hop = 0, None
        if self.index < len(self.requests):
            self.request = self.requests[self.index]
            return False
        recorder.part_good(self.part, now - self.due)
        recorder.good(self.due, self.began, now)
        return True

    def failed(
        self,
        recorder: Recorder,
        cause: Message,
        now: int,
        answer: bytes = b"",
        asked: bytes = b"",
        *,
        wrong: bool = False,
    ) -> None:
        """The journey ends here; arguments as those of `Recorder.failed`."""
        recorder.part_failed(self.request.place, wrong=wrong)
        recorder.part_failed(self.part, wrong=wrong)
        if self.request.part:
            cause = fact(Code.OF_PART, part=self.request.part, why=cause)
        for request in self.requests[: self.index + 1]:
            if request.judge.secrets:
                cause = request.judge.redacted(cause, self.values)
                answer = request.judge.redacted(answer.decode("utf-8", "replace"), self.values).encode()
                asked = request.judge.redacted(asked.decode("utf-8", "replace"), self.values).encode()
        recorder.failed(cause, now, answer, asked, wrong=wrong)


class Itinerary:
    """The journeys of one worker, one after the other."""

    def __init__(self, journeys: Journeys, *, worker: int, workers: int) -> None:
        """Errors: ValueError for what cannot be compiled."""
        self.origin = journeys.origin
        self.declared = frozenset(map(place_of, journeys.declared))
        self.parts = journeys.parts
        places = {name: place for place, name in enumerate(self.parts)}
        self._units = [
            (
                tuple(
                    Compiled(request, journeys.origin, places.get(request.part, -1))
                    for request in journey.requests
                ),
                places.get(journey.part, -1),
            )
            for journey in journeys.mix
        ]
        self._turns = turns(journeys.mix, f"{journeys.seed}/{worker}")
        self._rows = _rows(journeys, worker, workers)

    def next(self) -> Visit:
        requests, part = self._units[next(self._turns)]
        return Visit(self, requests, part, dict(next(self._rows)) if self._rows is not None else {})

    def dropped(self, recorder: Recorder, count: int) -> None:
        """That many journeys were never begun."""
        if len(self._units) == 1:
            recorder.part_dropped(self._units[0][1], count)
            return
        for _ in range(count):
            recorder.part_dropped(self._units[next(self._turns)][1], 1)


def turns(mix: tuple[Journey, ...], seed: str) -> Iterator[int]:
    """Indexes into a mix, for ever: each as often as its weight in every round, in an order of its own."""
    if len(mix) == 1:
        while True:
            yield 0
    random = Random(seed)
    round_ = [index for index, journey in enumerate(mix) for _ in range(journey.weight)]
    while True:
        random.shuffle(round_)
        yield from round_


def _rows(journeys: Journeys, worker: int, workers: int) -> Iterator[Mapping[str, Any]] | None:
    if not journeys.rows:
        return None
    return _at_random(journeys, worker) if journeys.order == "random" else _in_turn(journeys, worker, workers)


def _in_turn(journeys: Journeys, worker: int, workers: int) -> Iterator[Mapping[str, Any]]:
    """Row k of all rounds together goes to worker k modulo `workers`."""
    place = worker
    while True:
        yield journeys.rows[place % len(journeys.rows)]
        place += workers


def _at_random(journeys: Journeys, worker: int) -> Iterator[Mapping[str, Any]]:
    random = Random(f"rows {journeys.seed}/{worker}")
    while True:
        yield random.choice(journeys.rows)
