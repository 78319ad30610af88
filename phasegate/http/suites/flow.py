"""Flows under way: requests in order, each tried as often as it asks for, told as cases.

A flow stops at its first failed request, since what follows builds on it; the rest is skipped with the
reason. The rows of one request do not build on each other and are all sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phasegate.base.facts import Code, Fact, Message, fact, lines
from phasegate.base.scalars import as_text
from phasegate.base.substitution import expand, fill
from phasegate.http.suites.exchange import Conversation, Exchange
from phasegate.http.suites.references import LATER
from phasegate.http.suites.rows import Row
from phasegate.http.suites.suite import Request
from phasegate.http.transcript import answer_line, transcript
from phasegate.model.observation import Case, CaseAttempt, CaseStatus
from phasegate.world import HttpReply, Progress, World

TEARDOWN_LIMIT = 30.0
"""Seconds teardown may take when the check was ended from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A flow, or the requests of setup or teardown."""

    id: str
    requests: tuple[Request, ...]
    tags: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many cases there will be. Errors: as `planned`."""
        return sum(len(_rows(request)) for request in self.requests)

    def planned(self) -> Iterator[tuple[Request, Row | None, str]]:
        """Every case there will be: (request, row, case id). Errors: OSError, ValueError for row files."""
        for request in self.requests:
            for row in _rows(request):
                yield request, row, case_id(self.id, request, row)


def case_id(group: str, request: Request, row: Row | None) -> str:
    return f"{group}/{request.id}" + (f"[{row.label}]" if row is not None else "")


@dataclass(slots=True, kw_only=True)
class Telling:
    """Where cases go as they finish, and why to stop, once there is a reason."""

    world: World
    total: int
    cases: list[Case] = field(default_factory=list)
    stopped: Message | None = None

    async def tell(self, case: Case) -> None:
        self.cases.append(case)
        done = len(self.cases) / self.total if self.total else None
        report = Progress(done=done, text=f"{len(self.cases)} of {self.total} requests", cases=(case,))
        self.stopped = await self.world.progress(report) or self.stopped


async def run_group(
    group: Group,
    conversation: Conversation,
    telling: Telling,
    *,
    not_sent: Message = "",
    whatever: bool = False,
) -> Message:
    """Send the requests of a group, tell a case for each, and return why the rest was not sent, if so.

    `not_sent`: why nothing of it is. `whatever`: go on after failures and stops, as teardown does.
    """
    reason = not_sent
    for request in group.requests:
        rows = _rows(request)
        if not rows:
            await telling.tell(_skipped_case(group, request, None, fact(Code.NO_ROWS)))
        failed: list[str] = []
        for row in rows:
            if telling.stopped and not whatever:
                reason = reason or fact(Code.NOT_SENT, why=telling.stopped)
            why = reason or _not_captured(request, row, conversation.values)
            if why:
                case = _skipped_case(group, request, row, why)
            else:
                case = await _Trial(group, request, row, conversation, telling).run()
            await telling.tell(case)
            if case.status is CaseStatus.FAILED:
                failed.append(case.id)
        if failed and not whatever:
            reason = reason or fact(Code.NOT_SENT, why=fact(Code.CASE_FAILED, case=failed[0]))
    return reason


def time_to_tear_down() -> asyncio.Timeout:
    """Bounds teardown where the check was ended from outside."""
    task = asyncio.current_task()
    return asyncio.timeout(TEARDOWN_LIMIT if task is not None and task.cancelling() > 0 else None)


def _not_captured(request: Request, row: Row | None, values: Mapping[str, Any]) -> Message:
    columns = row.values.keys() if row is not None else ()
    missing = [name for name in request.names() - values.keys() if name not in columns]
    missing = [name for name in missing if not name.startswith(LATER)]
    return fact(Code.NOT_SENT, why=fact(Code.NEVER_CAPTURED, name=min(missing))) if missing else ""


def carry_over(group: Group, earlier: Iterable[Case]) -> tuple[Case, ...] | None:
    """The cases of a group that all passed in the attempt before; None when one did not or is not there."""
    known = {case.id: case for case in earlier}
    cases = [known.get(id) for _, _, id in group.planned()]
    passed = tuple(case for case in cases if case is not None and case.status is CaseStatus.PASSED)
    return passed if len(passed) == len(cases) else None


@dataclass(slots=True)
class _Trial:
    """One case: a request for one row, sent until it passes or its tries are used up."""

    group: Group
    request: Request
    row: Row | None
    conversation: Conversation
    telling: Telling

    async def run(self) -> Case:
        earlier: list[CaseAttempt] = []
        while True:
            exchange, waited = await (self._poll() if self.request.until else self._send())
            again = self.request.retry and len(earlier) + 1 < self.request.retry.attempts
            if not exchange.failures or not again or self.telling.stopped:
                return self._case(exchange, waited, tuple(earlier))
            message = lines(*exchange.failures)
            earlier.append(CaseAttempt(status=CaseStatus.FAILED, message=message, duration=exchange.elapsed))
            assert self.request.retry is not None
            await self.telling.world.clock.sleep(self.request.retry.wait)

    async def _send(self) -> tuple[Exchange, Message]:
        exchange = await self.conversation.send(self._fill_address(), self._values(), self.request.expect)
        return await self._capture(exchange), ""

    async def _poll(self) -> tuple[Exchange, Message]:
        """Send until the reply is as `until` says, then look at it as `expect` says."""
        until, clock = self.request.until, self.telling.world.clock
        assert until is not None
        end, times, request = clock.now() + until.within, 0, self._fill_address()
        while True:
            begun = clock.now()
            exchange = await self.conversation.send(request, self._values(), until)
            end += max(0.0, clock.now() - begun - (exchange.elapsed or 0.0))  # it waited for a place
            times += 1
            if not exchange.failures or exchange.sent is None:
                break
            if self.telling.stopped or clock.now() + until.every > end:
                within = None if self.telling.stopped else float(until.within)
                return exchange, fact(Code.ASKED, times=times, within=within)
            await clock.sleep(until.every)
        if isinstance(exchange.outcome, HttpReply) and self.request.expect.asserts:
            values = {**self.conversation.values, **self._values()}
            expectation = self.conversation.expectations.of(self.request.expect, values)
            exchange = replace(exchange, failures=await expectation.check_aside(exchange.outcome))
        return await self._capture(exchange), ""

    async def _capture(self, exchange: Exchange) -> Exchange:
        if exchange.failures or not isinstance(exchange.outcome, HttpReply) or exchange.answered is None:
            return exchange
        failures = await self.conversation.take(self.request, exchange.outcome, exchange.answered)
        while self.conversation.secrets:
            self.telling.world.keep_secret(self.conversation.secrets.pop())
        return replace(exchange, failures=failures) if failures else exchange

    def _fill_address(self) -> Request:
        """With the address that the row gives, so that an entry named in the row is seen in it."""
        if self.row is None:
            return self.request
        return self.request.model_copy(update={"url": expand(self.request.url, self.row.values)})

    def _values(self) -> Mapping[str, Any]:
        return fill(dict(self.row.values), self.conversation.values) if self.row is not None else {}

    def _case(self, exchange: Exchange, waited: Message, earlier: tuple[CaseAttempt, ...]) -> Case:
        case = _new_case(self.group, self.request, self.row)
        case = replace(case, duration=exchange.elapsed, earlier=earlier)
        if not exchange.failures:
            return replace(case, status=CaseStatus.PASSED)
        failures = (*exchange.failures, waited) if waited else exchange.failures
        evidence: tuple[str, ...] = ()
        if exchange.sent is not None and exchange.outcome is not None:
            text = transcript(exchange.sent, exchange.outcome, failures, about=case.id)
            evidence = (self.telling.world.evidence.write(f"{case.id.replace('/', '.')}.txt", text),)
            # Right behind the first failure: the answer mostly says why the others follow.
            failures = (failures[0], *answer_line(exchange.outcome), *failures[1:])
        return replace(case, status=CaseStatus.FAILED, message=lines(*failures), evidence=evidence)


def first_failure(message: Message) -> Message:
    """Of the lines of a case."""
    return message.parts[0] if isinstance(message, Fact) and message.code is Code.LINES else message


def _new_case(group: Group, request: Request, row: Row | None) -> Case:
    """A case before anything is known about it."""
    title = request.title or f"{request.method} {request.url}"
    label = f" [{_row_words(row)}]" if row is not None else ""
    return Case(
        id=case_id(group.id, request, row),
        name=title + label,
        status=CaseStatus.LOST,
        part=f"{group.id}/{request.id}",
        tags=group.tags,
        file=request.at.file if request.at else None,
        line=request.at.line if request.at else None,
    )


def _row_words(row: Row) -> str:
    value = row.values["each"]
    if isinstance(value, str | int | float) and not row.label.isdigit():
        return row.label
    return row.label if isinstance(value, Mapping | list) else as_text(value)[:60]


def _skipped_case(group: Group, request: Request, row: Row | None, why: Message) -> Case:
    return replace(_new_case(group, request, row), status=CaseStatus.SKIPPED, message=why)


def _rows(request: Request) -> tuple[Row | None, ...]:
    rows = request.rows()
    return (None,) if rows is None else rows
