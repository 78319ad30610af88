"""The HTTP client of health and api checks, of readiness and of the probes of faults.

A `Client` belongs to one attempt of one check, and so do its connections: what one check breaks, no other
gets. It keeps no cookies, uses no proxy and follows redirects only when asked. A `Network` is what the
clients of a run share: the addresses of names, certificates, and how many connections may be open.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.http.connection import Answer, ClientConnection, NoAnswer, Question
from phasegate.http.messages.header_lines import text_headers
from phasegate.http.messages.redirect import MAX_REDIRECTS, NotFollowedError, follow_redirect
from phasegate.http.places import address_of
from phasegate.pulse import BEAT, Pulse
from phasegate.wire.connection import IDEMPOTENT
from phasegate.wire.connector import ConnectError, Connector, GeneratorError
from phasegate.wire.request import Endpoint, endpoint_of, request_bytes
from phasegate.world import Addresses, Cause, HttpFailure, HttpReply, HttpRequest

IDLE = 2.0
"""Seconds a connection waits for reuse: below the keep-alive of common servers (uvicorn 5, Node.js 5)."""
FIRST_REST = 0.005
"""Seconds before the second use of a connection: a target that does not keep it open has ended it by then."""
FEWEST_PLACES = 8
"""Requests that may be under way however few files this process may open."""
OTHER_FILES = 128
"""Files that are left to everything else that a run opens."""


class Network:
    """What the clients of a run share."""

    def __init__(self, target: Addresses, *, places: int | None = None) -> None:
        """`places`: requests under way at a time over the whole run; what open files allow without."""
        self.target = target
        self.places = _places_of_files() if places is None else places
        self.under_way = 0
        self.open = 0
        """Connections, idle ones included."""
        self._connectors: dict[tuple[Endpoint, tuple[tuple[str, str], ...]], Connector] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.pulse = Pulse()
        self._clients = 0
        self._beating: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = Client(self)
        if not self._clients:
            self.pulse.begin()
        self._clients += 1
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())
        try:
            yield client
        finally:
            client.close()
            self._clients -= 1
            await asyncio.sleep(0)  # the sockets are closed by the event loop

    async def _beat(self) -> None:
        """A while longer than there are clients: checks that follow each other go on with one task."""
        try:
            while self._clients:
                self.pulse.look()
                await asyncio.sleep(BEAT)
        finally:
            self._beating = None

    def connector(self, endpoint: Endpoint, tls: Mapping[str, str]) -> Connector:
        """Errors: GeneratorError when a certificate file cannot be used."""
        key = (endpoint, tuple(sorted(tls.items())) if endpoint.tls else ())
        if key not in self._connectors:
            self._connectors[key] = Connector(endpoint, timeout=30.0, tls=tls)
        return self._connectors[key]

    @property
    def room(self) -> bool:
        return self.under_way < self.places

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the places for requests under way, given out in the order of asking."""
        while not self.room:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


@dataclass(slots=True)
class _Watch:
    """The clock of one exchange, redirects included."""

    timeout: float
    pulse: Pulse
    started: int = field(default_factory=perf_counter_ns)
    lost_before: int = field(init=False)
    connection: ClientConnection | None = None
    """The one that the request is out on; None while there is none."""
    sent_again: bool = False

    def __post_init__(self) -> None:
        self.pulse.look()
        self.lost_before = self.pulse.lost_ns

    @property
    def lost(self) -> float:
        """Seconds of it in which phasegate stood still."""
        self.pulse.look()
        return (self.pulse.lost_ns - self.lost_before) / 1e9

    @property
    def elapsed(self) -> float:
        return (perf_counter_ns() - self.started) / 1e9

    @property
    def left(self) -> float:
        return max(self.timeout - self.elapsed, 0.001)

    async def rest(self, since: int) -> None:
        """Wait for the end of a first rest, which is phasegate's time and not the target's."""
        begun = perf_counter_ns()
        await asyncio.sleep(max(FIRST_REST - (begun - since) / 1e9, 0))
        self.started += perf_counter_ns() - begun

    def overdue(self) -> Fact:
        """What had not come when the time was over."""
        within = float(self.timeout)
        if self.connection is None:
            return fact(Code.OVERDUE, what="connection", within=within)
        if self.connection.answering:
            return fact(Code.OVERDUE, what="body", within=within)
        return fact(Code.OVERDUE, what="answer", within=within, answers=self.connection.answers or None)


class Client:
    """`world.HttpClient` for one attempt of one check."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._idle: dict[object, list[ClientConnection]] = {}
        self._open: set[ClientConnection] = set()

    @property
    def room(self) -> bool:
        return self._network.room

    def close(self) -> None:
        for connection in tuple(self._open):
            connection.abort()

    async def send(self, request: HttpRequest) -> HttpReply | HttpFailure:
        """One exchange, redirects included when `follow` asks for them; see `world.HttpClient`."""
        async with self._network.place():
            self._warm_up(request)
            watch = _Watch(request.timeout, self._network.pulse)
            try:
                async with asyncio.timeout(request.timeout):
                    return await self._follow(request, watch)
            except TimeoutError:
                return _failure(request.url, Cause.TIMEOUT, watch.overdue(), watch)
            except GeneratorError as error:
                raise ObservationError(error.message) from error

    def _warm_up(self, request: HttpRequest) -> None:
        """Load certificates before the watch is started; the first latency counts too."""
        with suppress(ValueError, GeneratorError):  # said when the request is sent
            self._connector(request, endpoint_of(request.url))

    def _connector(self, request: HttpRequest, endpoint: Endpoint) -> Connector:
        """Errors: GeneratorError."""
        tls = self._network.target.tls(request.entry) if endpoint.tls else {}
        return self._network.connector(endpoint, tls)

    async def _follow(self, request: HttpRequest, watch: _Watch) -> HttpReply | HttpFailure:
        step = request
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._exchange(step, watch)
            if isinstance(reply, HttpFailure) or not request.follow:
                return reply
            try:
                following = follow_redirect(step, reply, self._network.target)
            except NotFollowedError as error:
                return _failure(step.url, error.cause, error.message, watch)
            if following is None:
                return reply
            step = following
        why = fact(Code.TOO_MANY_REDIRECTS, n=MAX_REDIRECTS, url=step.url[:200])
        message = fact(Code.NO_ANSWER, address=address_of(request.url), why=why)
        return HttpFailure(cause=Cause.REDIRECTS, message=message, elapsed=watch.elapsed)

    async def _exchange(self, request: HttpRequest, watch: _Watch) -> HttpReply | HttpFailure:
        try:
            endpoint = endpoint_of(request.url)
            question = Question(
                data=request_bytes(request.method, request.url, self._headers(request), request.body),
                method=request.method,
                has_body=bool(request.body),
                keep=request.keep,
            )
        except ValueError as error:
            why = fact(Code.UNSENDABLE, why=message_of(error))
            return _failure(request.url, Cause.PROTOCOL, why, watch)
        try:
            outcome = await self._answer(self._connector(request, endpoint), question, watch)
        except ConnectError as error:
            return _failure(request.url, error.cause, error.detail, watch)
        if isinstance(outcome, NoAnswer):
            return _failure(request.url, outcome.cause, outcome.detail, watch)
        return HttpReply(
            status=outcome.status,
            headers=text_headers(outcome.fields),
            raw=outcome.fields,
            body=outcome.body,
            unreadable=outcome.unreadable,
            elapsed=(outcome.ended - watch.started) / 1e9,
            sent_again=watch.sent_again,
            url=request.url,
            http_version=f"HTTP/{outcome.version}",
        )

    async def _answer(self, connector: Connector, question: Question, watch: _Watch) -> Answer | NoAnswer:
        """Over an idle connection, or over a new one where there is none or it ends under the request."""
        watch.connection = None
        connection = await self._take_idle(connector, question.method in IDEMPOTENT, watch)
        if connection is not None:
            if (outcome := await self._ask(connection, question, watch)) is not None:
                return outcome
            watch.sent_again = True
        watch.connection = None
        connection = await connector.open(lambda: ClientConnection(self, connector), timeout=watch.left)
        self._open.add(connection)
        self._network.open += 1
        outcome = await self._ask(connection, question, watch)
        return outcome or NoAnswer(Cause.RESET, fact(Code.ENDED, how="closed"))

    async def _ask(
        self, connection: ClientConnection, question: Question, watch: _Watch
    ) -> Answer | NoAnswer | None:
        watch.connection = connection
        try:
            return await connection.ask(question, perf_counter_ns())
        except BaseException:
            # An exchange that is given up leaves a connection that takes no other.
            connection.abort()
            raise

    async def _take_idle(
        self, connector: Connector, idempotent: bool, watch: _Watch
    ) -> ClientConnection | None:
        idle = self._idle.get(connector, [])
        while idle:
            connection = idle.pop()
            if connection.answers == 1:
                await watch.rest(connection.idle_since)
            now = perf_counter_ns()
            if connection.takes(now, idempotent=idempotent) and now - connection.idle_since < IDLE * 1e9:
                return connection
            connection.abort()
        return None

    # for the connections

    def free(self, connection: ClientConnection) -> None:
        """It can take another request."""
        if self._network.open > 2 * self._network.places:
            connection.close()
        else:
            self._idle.setdefault(connection.key, []).append(connection)

    def gone(self, connection: ClientConnection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._network.open -= 1
        idle = self._idle.get(connection.key, [])
        if connection in idle:
            idle.remove(connection)

    def _headers(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The request's own headers win over those of the target entry."""
        own = {name.lower() for name, _ in request.headers}
        entry = self._network.target.headers(request.entry)
        return [*(pair for pair in entry if pair[0].lower() not in own), *request.headers]


def _failure(url: str, cause: Cause, detail: Message, watch: _Watch) -> HttpFailure:
    elapsed, lost = watch.elapsed, watch.lost
    late = cause is Cause.TIMEOUT and lost > 0 and elapsed - lost < watch.timeout
    if late:
        detail = joined(detail, fact(Code.STOOD_STILL, elapsed=float(lost)))
    message = fact(Code.NO_ANSWER, address=address_of(url), cause=cause.value, why=detail)
    return HttpFailure(cause=cause, message=message, elapsed=elapsed, late=late)


def _places_of_files() -> int:
    """Half of the files that this process may still open: the other half is for idle connections."""
    soft = 1 << 16
    with suppress(ImportError):  # Windows has no such limit
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft = soft if limit == resource.RLIM_INFINITY else limit
    try:
        used = sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:
        used = 0
    return max((soft - used - OTHER_FILES) // 2, FEWEST_PLACES)
