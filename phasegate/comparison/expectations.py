"""`expect` of two plans: what a reply must be, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.base.units import parse_quantity
from phasegate.comparison import matchers
from phasegate.comparison.change import GONE, NEW, Change, Direction, Subject
from phasegate.comparison.fields import text
from phasegate.comparison.side import Side, plain_text
from phasegate.http.expectations.expectation import DEFAULT_STATUS, Expect

_SIGNS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def changes(
    subject: Subject, name: str, before: tuple[Side, Expect], after: tuple[Side, Expect]
) -> Iterator[Change]:
    """What became of an `expect`; `name` is what it is called: `expect` or `until`."""
    (old_side, old), (new_side, new) = before, after
    yield from _status(subject, f"{name} status", old.status, new.status)
    headers = ({key.lower(): value for key, value in one.headers.items()} for one in (old, new))
    yield from _compare_named(subject, f"{name} header", *headers, text=True)
    yield from _compare_named(subject, f"{name} json", old.json_, new.json_)
    yield from _one(subject, f"{name} body", old.body, new.body, text=True)
    yield from _latency(subject, f"{name} latency", old.latency, new.latency)
    schemas = old_side.plain(old.schema_), new_side.plain(new.schema_)
    yield from text(subject, f"{name} schema", *(None if one is None else plain_text(one) for one in schemas))


def matcher(
    subject: Subject, aspect: str, before: Any, after: Any, *, text: bool = False
) -> Iterator[Change]:
    """What became of one matcher that both plans have."""
    found = matchers.direction(before, after, text=text)
    if found is not None:
        yield subject.changed(aspect, plain_text(before), plain_text(after), found)


def _compare_named(
    subject: Subject, aspect: str, before: Mapping[str, Any], after: Mapping[str, Any], *, text: bool = False
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        here = f"{aspect} {name}"
        if name not in after:
            yield subject.weaker(here, plain_text(before[name]), GONE)
        elif name not in before:
            yield subject.stronger(here, NEW, plain_text(after[name]))
        else:
            yield from matcher(subject, here, before[name], after[name], text=text)


def _one(subject: Subject, aspect: str, before: Any, after: Any, *, text: bool = False) -> Iterator[Change]:
    if before is not None and after is not None:
        yield from matcher(subject, aspect, before, after, text=text)
    elif before is not None:
        yield subject.weaker(aspect, plain_text(before), GONE)
    elif after is not None:
        yield subject.stronger(aspect, NEW, plain_text(after))


def _latency(subject: Subject, aspect: str, before: Any, after: Any) -> Iterator[Change]:
    if before is None or after is None:
        yield from _one(subject, aspect, before, after)
        return
    found = matchers.direction(_seconds(before), _seconds(after))
    if found is not None:
        yield subject.changed(aspect, plain_text(before), plain_text(after), found)


def _status(subject: Subject, aspect: str, before: Any, after: Any) -> Iterator[Change]:
    old, new = before or DEFAULT_STATUS, after or DEFAULT_STATUS
    texts = plain_text(_status_list(old)), plain_text(_status_list(new))
    allowed, allows = _allowed_statuses(old), _allowed_statuses(new)
    if allowed is None or allows is None:
        if old != new:
            yield subject.different(aspect, *texts)
    elif allows != allowed:
        direction = Direction.CHANGED
        if allows > allowed:
            direction = Direction.WEAKER
        elif allows < allowed:
            direction = Direction.STRONGER
        yield subject.changed(aspect, *texts, direction)


def _allowed_statuses(status: Any) -> frozenset[int] | None:
    """The statuses that are good; None where they are known only when the request is sent."""
    try:
        return Expect(status=status).compile().status.allowed
    except ValueError:
        return None


def _status_list(status: Any) -> Any:
    return str(status) if isinstance(status, int | str) else list(status)


def _seconds(latency: Any) -> Mapping[str, Any]:
    """`< 500ms`, or a mapping of comparisons, as numbers; what is put in later stays text."""
    if isinstance(latency, str):
        sign = latency.strip()[:2].rstrip("0123456789. ")
        latency = {_SIGNS.get(sign, sign): latency.strip()[len(sign) :]}
    return {name: text if "${" in text else parse_quantity(text).value for name, text in latency.items()}
