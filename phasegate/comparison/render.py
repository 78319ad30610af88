"""A comparison as lines, as Markdown for a pull request, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phasegate.comparison.change import Change
from phasegate.comparison.report import Guarded, Unused
from phasegate.plan.asked.plan import Accepted

SCHEMA = "phasegate.guard/1"
LOOK = "changed, look at it"


def text(guarded: Guarded) -> str:
    """A heading for each group, and below it one line for each change."""
    lines: list[str] = []
    for title, changes in (("weaker", guarded.weaker), (LOOK, guarded.changed)):
        lines += _group(title, [_line(change) for change in changes])
    lines += _group("accepted", [f"{_line(change)} ({_why(entry)})" for change, entry in guarded.accepted])
    lines += _group("accepted, but not there", [_unused_text(one) for one in guarded.unused])
    lines.append(summary(guarded))
    return "".join(f"{_visible(line)}\n" for line in lines)


def markdown(guarded: Guarded) -> str:
    """One table for each group."""
    blocks = [f"**{_cell(summary(guarded))}** ({_code(guarded.base)} to {_code(guarded.head)})"]
    for title, changes in (("Weaker", guarded.weaker), ("Changed, look at it", guarded.changed)):
        blocks += _table(title, ("what", "from", "to", "where"), map(_row, changes))
    rows = ((*_row(change), _cell(_why(entry))) for change, entry in guarded.accepted)
    blocks += _table("Accepted", ("what", "from", "to", "where", "by decision"), rows)
    unused = (
        (*_texts(one.entry.item, one.entry.before, one.entry.after), _code(one.source))
        for one in guarded.unused
    )
    blocks += _table("Accepted, but not there", ("what", "from", "to", "where"), unused)
    return "\n\n".join(blocks) + "\n"


def as_json(guarded: Guarded, *, strict: bool) -> str:
    """Everything, what became stronger too."""
    data = {
        "schema": SCHEMA,
        "base": guarded.base,
        "head": guarded.head,
        "weaker": [_data(change) for change in guarded.weaker],
        "changed": [_data(change) for change in guarded.changed],
        "stronger": [_data(change) for change in guarded.stronger],
        "accepted": [{**_data(change), **_decision(entry)} for change, entry in guarded.accepted],
        "unused": [
            {"item": one.entry.item, "from": one.entry.before, "to": one.entry.after, "source": one.source}
            for one in guarded.unused
        ],
        "strict": strict,
        "exit_code": int(guarded.fails(strict=strict)),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def summary(guarded: Guarded) -> str:
    """How many there are of each."""
    weaker = f"{len(guarded.weaker)} weaker" if guarded.weaker else "nothing is weaker"
    accepted = f", {len(guarded.accepted)} accepted" if guarded.accepted else ""
    changed = f", {len(guarded.changed)} to look at" if guarded.changed else ""
    stronger = f", {len(guarded.stronger)} stronger" if guarded.stronger else ""
    return f"{weaker}{accepted}{changed}{stronger}"


FORMATS: Mapping[str, Callable[[Guarded], str]] = {"text": text, "markdown": markdown}


def _group(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _line(change: Change) -> str:
    only = f" [only in {', '.join(_environment_names(change))}]" if change.environments else ""
    return f"{change.source}: {change.item}: {change.before} -> {change.after}{only}"


def _environment_names(change: Change) -> Iterator[str]:
    for name in change.environments:
        yield name or "the plan without --env"


def _why(entry: Accepted) -> str:
    return f"{entry.approver}, {entry.ticket}: {entry.reason}"


def _unused_text(one: Unused) -> str:
    entry = one.entry
    return f"{one.source}: {entry.item}: {entry.before} -> {entry.after}"


def _table(title: str, head: tuple[str, ...], rows: Any) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return []
    top = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [f"### {title}", "\n".join([*top, *lines])]


def _row(change: Change) -> tuple[str, ...]:
    only = f" (only in {', '.join(_environment_names(change))})" if change.environments else ""
    item, before, after = _texts(change.item, change.before, change.after)
    return item + _cell(only), before, after, _code(change.source)


def _texts(*texts: str) -> tuple[str, ...]:
    return tuple(_code(one) for one in texts)


def _code(text: str) -> str:
    """A code span: longer fences than any in the text, and no bar that would end the cell."""
    shown = _visible(text).replace("|", "\\|")
    fence = "`"
    while fence in shown:
        fence += "`"
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _cell(text: str) -> str:
    """Text of people, in which nothing is markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#!~@" else char for char in _visible(text))


def _visible(text: str) -> str:
    """On one line, with nothing that a terminal would act on."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _data(change: Change) -> dict[str, Any]:
    return {
        "item": change.item,
        "from": change.before,
        "to": change.after,
        "source": change.source,
        "environments": list(change.environments),
    }


def _decision(entry: Accepted) -> dict[str, str]:
    return {"approver": entry.approver, "reason": entry.reason, "ticket": entry.ticket}
