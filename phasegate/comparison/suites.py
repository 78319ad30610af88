"""API suites of two plans: flows and their requests, by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from phasegate.base.units import count, format_seconds
from phasegate.comparison import expectations
from phasegate.comparison.change import GONE, NEW, Change, Subject, pairs
from phasegate.comparison.fields import fields, text
from phasegate.comparison.side import Side, plain_text
from phasegate.http.suites.suite import Flow, Request, RowsFile, Suite, Until

_SENT = ("method", "url", "headers", "query", "json_", "form", "multipart", "body", "capture")
"""What a request is, and hands on; another one has no order."""


def changes(subject: Subject, before: tuple[Side, Suite], after: tuple[Side, Suite]) -> Iterator[Change]:
    """What became of a suite, or of the one flow of it that is meant."""
    (old_side, old), (new_side, new) = before, after
    if old.only is not None and new.only is not None:
        if old.only.id != new.only.id:
            yield subject.different("flow", old.only.id, new.only.id)
            return
        old, new = (one.model_copy(update={"flows": (one.only,)}) for one in (old, new))
    yield from fields(subject, (old_side, old), (new_side, new), ("base", "headers"), "suite ")
    for id, flow, other in pairs(_flows(old), _flows(new)):
        if other is None and flow is not None:
            gone = subject.inside(f"flow {id}", before=old_side.place(flow.at))
            yield gone.weaker("", count(len(flow.requests), "request"), GONE)
        elif flow is None and other is not None:
            fresh = subject.inside(f"flow {id}", after=new_side.place(other.at))
            yield fresh.stronger("", NEW, count(len(other.requests), "request"))
        elif flow is not None and other is not None:
            yield from flow_changes(subject, (old_side, flow), (new_side, other))


def flow_changes(subject: Subject, before: tuple[Side, Flow], after: tuple[Side, Flow]) -> Iterator[Change]:
    """What became of the requests of a flow."""
    (old_side, old), (new_side, new) = before, after
    requests = {request.id: request for request in old.requests}
    others = {request.id: request for request in new.requests}
    for id, request, other in pairs(requests, others):
        here = subject.inside(
            f"request {old.id}/{id}",
            before="" if request is None else old_side.place(request.at),
            after="" if other is None else new_side.place(other.at),
        )
        if other is None and request is not None:
            yield here.weaker("", f"{request.method} {request.url}", GONE)
        elif request is None and other is not None:
            yield here.stronger("", NEW, f"{other.method} {other.url}")
        elif request is not None and other is not None:
            yield from _request(here, (old_side, request), (new_side, other))
    order = [id for id in requests if id in others], [id for id in others if id in requests]
    if order[0] != order[1]:
        yield subject.different(f"flow {old.id} order", ", ".join(order[0]), ", ".join(order[1]))


def _request(subject: Subject, before: tuple[Side, Request], after: tuple[Side, Request]) -> Iterator[Change]:
    (old_side, old), (new_side, new) = before, after
    yield from fields(subject, before, after, _SENT)
    yield from expectations.changes(subject, "expect", (old_side, old.expect), (new_side, new.expect))
    yield from _until(subject, (old_side, old.until), (new_side, new.until))
    attempts = 1 if old.retry is None else old.retry.attempts, 1 if new.retry is None else new.retry.attempts
    yield from subject.amount("attempts", *attempts)
    waits = [format_seconds(one.retry.wait) for one in (old, new) if one.retry is not None]
    if len(waits) == 2 and waits[0] != waits[1]:
        yield subject.different("wait between attempts", *waits)
    if old.follow is not new.follow:
        turn = subject.weaker if new.follow else subject.stronger
        yield turn("follow", plain_text(old.follow), plain_text(new.follow))
    if old.timeout != new.timeout:
        turn = subject.different
        if old.timeout is not None and new.timeout is not None:
            turn = subject.weaker if new.timeout > old.timeout else subject.stronger
        yield turn("timeout", _timeout(old.timeout), _timeout(new.timeout))
    yield from _rows(subject, (old_side, old), (new_side, new))


def _until(
    subject: Subject, before: tuple[Side, Until | None], after: tuple[Side, Until | None]
) -> Iterator[Change]:
    """Sending again until a reply is right lets wrong ones through."""
    (old_side, old), (new_side, new) = before, after
    if old is None or new is None:
        if new is not None:
            yield subject.weaker("until", NEW, new_side.said(new))
        elif old is not None:
            yield subject.stronger("until", old_side.said(old), GONE)
        return
    yield from expectations.changes(subject, "until", (old_side, old), (new_side, new))
    yield from subject.amount("until within", old.within, new.within, format_seconds)
    if old.every != new.every:
        yield subject.different("until every", format_seconds(old.every), format_seconds(new.every))


def _rows(subject: Subject, before: tuple[Side, Request], after: tuple[Side, Request]) -> Iterator[Change]:
    """Each row is a case; rows of a file are known by its hash only."""
    old_side, new_side = before[0], after[0]
    old, new = before[1].each, after[1].each
    if isinstance(old, RowsFile) or isinstance(new, RowsFile) or old is None or new is None:
        texts = old_side.said(old), new_side.said(new)
        if texts[0] != texts[1]:
            if new is None and old is not None:
                yield subject.weaker("each", texts[0], GONE)
            else:
                yield subject.different("each", *texts)
        return
    for label, row, other in pairs(_by_label(old), _by_label(new)):
        yield from text(subject, f"each {label}", row, other)


def _by_label(each: object) -> dict[str, str]:
    """Rows by what they are: a list has no names, so a row there is its own content."""
    if isinstance(each, Mapping):
        return {str(key): plain_text(value) for key, value in each.items()}
    assert isinstance(each, list)
    return {plain_text(value): plain_text(value) for value in each}


def _flows(suite: Suite) -> dict[str, Flow]:
    """Flows by id, setup and teardown among them."""
    beside = {
        name: Flow.model_construct(id=name, requests=requests)
        for name, requests in (("(setup)", suite.setup), ("(teardown)", suite.teardown))
        if requests
    }
    return beside | {flow.id: flow for flow in suite.flows}


def _timeout(value: float | None) -> str:
    return "that of the check" if value is None else format_seconds(value)
