"""When a process of the target counts as up: it answers, and the answer is its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from urllib.parse import urlsplit

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError, TargetError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.http.addresses import Address, TargetAddresses
from phasegate.http.client import Network
from phasegate.http.places import address_of
from phasegate.targets.patience import Patience
from phasegate.targets.processes.entries import Ready
from phasegate.targets.processes.sockets import Owner, owner, stranger
from phasegate.world import HttpFailure, HttpRequest

FIRST_WAIT = 0.01
LONGEST_WAIT = 0.25
_GROWTH = 1.5
_TRY = 5.0
"""Seconds one question may take, so that a connection that hangs is not the only one that is tried."""
_NOT_ASKED = fact(Code.NOT_ASKED_YET)

Probe = Callable[[], Awaitable[Message]]
"""Asks once whether the process is up: an empty text when it is, otherwise one line that says why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What readiness needs to know of the process that is starting."""

    host: str
    port: int
    members: Callable[[], Sequence[int]]
    """The living processes of its group."""
    has_logged: Callable[[], bool]
    """Whether its output matched `ready.log`; for an entry with that sign only."""
    headers: tuple[tuple[str, str], ...] = ()
    tls: Mapping[str, str] = field(default_factory=dict)


def probe_for(ready: Ready, url: str, watched: Watched) -> Probe:
    """The question that a plan's `ready` asks; `url` is absolute and asked for `ready.url`."""
    if ready.log is not None:
        return lambda: _await_line(ready.log or "", watched)
    if ready.tcp:
        return lambda: _try_connection(watched)
    return lambda: _try_url(url, watched)


async def wait_until_ready(probe: Probe, within: float) -> float:
    """Ask again and again, quickly at first, and return the seconds it took.

    Errors: TargetError with the last reason when `within` seconds did not do, in which somebody could look.
    """
    patience = Patience(within)
    now = asyncio.get_running_loop().time
    wait = FIRST_WAIT
    reason: Message = _NOT_ASKED
    while True:
        asked = now()
        until = min(patience.ends, asked + _TRY)
        try:
            async with asyncio.timeout_at(until):
                reason = await probe()
        except TimeoutError:
            # What was learnt before says more than a last question that was hardly given time.
            if reason == _NOT_ASKED or now() - asked > LONGEST_WAIT:
                reason = fact(Code.NO_ANSWER_IN_TIME)
        if not reason:
            return patience.taken
        patience.look(due=until)
        last = patience.ends - FIRST_WAIT
        if now() >= last:
            raise TargetError(fact(Code.NOT_READY, within=within, why=reason))
        wakes = min(now() + wait, last)
        await asyncio.sleep(max(wakes - now(), 0.001))
        patience.look(due=wakes)
        wait = min(wait * _GROWTH, LONGEST_WAIT)


async def _await_line(pattern: str, watched: Watched) -> Message:
    if not watched.has_logged():
        return fact(Code.NO_LINE_MATCHES, pattern=pattern)
    # What it printed says nothing of who answers on the port, when anybody does.
    if owner(watched.port, watched.members()) is Owner.OTHER:
        return _taken(watched)
    return ""


async def _try_connection(watched: Watched) -> Message:
    try:
        _, writer = await asyncio.open_connection(watched.host, watched.port)
    except OSError as error:
        return fact(Code.OF_PART, part=f"{watched.host}:{watched.port}", why=_words(error))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return _ours(watched)


async def _try_url(url: str, watched: Watched) -> Message:
    asked = Address(id="asked", url=url, headers=watched.headers, tls=watched.tls)
    request = HttpRequest(method="GET", url=url, timeout=_TRY, keep=None, entry=asked.id)
    try:
        async with Network(TargetAddresses([asked])).client() as http:
            outcome = await http.send(request)
    except ObservationError as error:  # its certificate may be made at its start
        return error.message
    if isinstance(outcome, HttpFailure):
        why: Message = outcome.message
        told = why.without("address") if isinstance(why, Fact) else why.removeprefix(f"{address_of(url)}: ")
        return fact(Code.OF_GET, url=url, why=told)
    if not 200 <= outcome.status < 300:
        return fact(Code.OF_GET, url=url, why=fact(Code.STATUS, status=outcome.status))
    parts = urlsplit(url)
    if (parts.hostname, parts.port) == (watched.host, watched.port):
        return _ours(watched)
    return ""


def _ours(watched: Watched) -> Message:
    match owner(watched.port, watched.members()):
        case Owner.OURS:
            return ""
        case Owner.NOBODY:
            return fact(Code.NOBODY_LISTENS, port=str(watched.port), ended=True)
        case Owner.OTHER:
            return _taken(watched)


def _taken(watched: Watched) -> Fact:
    return fact(Code.PORT_OF_ANOTHER, port=str(watched.port), by=stranger(watched.port))


def _words(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    return (error.strerror or str(error)).lower()
