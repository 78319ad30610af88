"""Logs of containers, searched for what a plan says of them, and what they may have lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from phasegate.base.errors import ObservationError, message_of
from phasegate.base.facts import Code, Fact, Message, fact, joined
from phasegate.base.line_search import LineSearch
from phasegate.base.patterns import Pattern, SlowPatternError, compile_pattern, time_limit
from phasegate.kinds.containers.cases import ContainerStack, Printed, speaks_of
from phasegate.model.containers import Container, LogPiece
from phasegate.world import Containers

BATCH = 2_000
"""Pieces that are searched at a time, away from where others measure."""
BATCH_SIZE = 4 << 20
"""Characters of them."""
EXCERPT = 200
"""Characters of a matching line that a message shows."""
_ENTRY = 200
"""Bytes that a log driver keeps beside a line, at most."""
_FRAME = 1 << 14
"""Bytes of a line that a log driver keeps as one."""
_KEPT_IN_FILES = {"json-file": ("", 1), "local": ("20m", 5), "": ("", 1), "k8s-file": ("", 1)}
"""Drivers that keep a log as files here: the size and the number of these where no option says."""
_SIZE = re.compile(r"(\d+)\s*([kmg]?)i?b?", re.IGNORECASE)


@dataclass(slots=True)
class _Found:
    """What was found so far in one log."""

    lines: int = 0
    size: int = 0
    """Bytes that its driver needs for them, at most."""
    cut: int = 0
    """Lines that came in pieces."""
    counts: Counter[int] = field(default_factory=Counter)
    first: dict[int, str] = field(default_factory=dict)
    slow: dict[int, Message] = field(default_factory=dict)


async def search_logs(stack: ContainerStack, reach: Containers, *, timeout: float) -> dict[str, Printed]:
    """What was searched for in the logs, by service; `timeout`: seconds that each may take to be read."""
    wanted = dict.fromkeys(name for rule in stack.params.logs for name in speaks_of(stack, rule))
    there = stack.looked_at
    return {name: await _search_logs(stack, name, reach, timeout) for name in wanted if name in there}


async def _search_logs(stack: ContainerStack, service: str, reach: Containers, timeout: float) -> Printed:
    """In the logs that the engine keeps; where these may lack something, in what the run has seen too."""
    rules = {
        number: rule for number, rule in enumerate(stack.params.logs) if service in speaks_of(stack, rule)
    }
    everything = _Found()
    lost: list[Message] = []
    problem: Message = ""
    try:
        async with asyncio.timeout(timeout):
            for container in stack.looked_at[service]:
                found = _Found()
                try:
                    patterns = {number: compile_pattern(rule.pattern) for number, rule in rules.items()}
                    await _search(reach.lines(container), patterns, found)
                except ObservationError as error:
                    problem = error.message
                finally:
                    _add(everything, found)
                if why := may_have_lost(container, found.size):
                    lost.append(why)
    except TimeoutError:
        lost.append(fact(Code.READ_TOO_LONG, within=timeout))
    if problem or lost:
        await _search_what_was_seen(reach, service, rules, everything, timeout)
    if problem and not everything.counts:
        return Printed(problem=problem)
    if problem:
        lost.append(fact(Code.READ_IN_PART, why=problem))
    if everything.cut:
        lost.append(fact(Code.READ_IN_PIECES))
    counts = tuple(everything.counts[number] for number in range(len(stack.params.logs)))
    return Printed(
        lines=everything.lines,
        counts=counts,
        first=everything.first,
        lost=joined(*dict.fromkeys(lost)) if lost else None,
        slow=everything.slow,
    )


async def _search_what_was_seen(
    reach: Containers, service: str, rules: Mapping[int, object], everything: _Found, timeout: float
) -> None:
    """What the run has read as it was written counts where it holds more than the engine has kept."""
    seen = _Found()
    patterns = {number: compile_pattern(getattr(rule, "pattern", "")) for number, rule in rules.items()}
    try:
        async with asyncio.timeout(timeout):
            await _search(reach.seen_lines(service), patterns, seen)
    except TimeoutError:
        pass
    everything.lines = max(everything.lines, seen.lines)
    everything.slow |= seen.slow
    for number, count in seen.counts.items():
        if count > everything.counts[number]:
            everything.counts[number] = count
            everything.first[number] = seen.first[number]


def _add(everything: _Found, found: _Found) -> None:
    everything.lines += found.lines
    everything.cut += found.cut
    everything.counts.update(found.counts)
    everything.first = {**found.first, **everything.first}
    everything.slow |= found.slow


async def _search(pieces: AsyncIterator[LogPiece], patterns: Mapping[int, Pattern], found: _Found) -> None:
    searches: dict[tuple[int, int], LineSearch] = {}

    def search(batch: Sequence[LogPiece]) -> None:
        for piece in batch:
            found.lines += piece.begins
            found.cut += piece.begins and not piece.ends
            found.size += _json_size(piece.text)
        for number in patterns.keys() - found.slow.keys():
            with time_limit():
                search_for(number, batch)

    def search_for(number: int, batch: Sequence[LogPiece]) -> None:
        for piece in batch:
            one = searches.setdefault((number, piece.stream), LineSearch(patterns[number]))
            try:
                if not one.finds(piece.text, begins=piece.begins, ends=piece.ends):
                    continue
            except SlowPatternError as error:
                found.slow[number] = fact(Code.SLOW_IN_LINE, why=message_of(error), text=piece.text[:EXCERPT])
                return
            found.counts[number] += 1
            found.first.setdefault(number, piece.text[:EXCERPT])

    batch: list[LogPiece] = []
    size = 0
    async for piece in pieces:
        batch.append(piece)
        size += len(piece.text)
        if len(batch) == BATCH or size > BATCH_SIZE:
            await asyncio.to_thread(search, batch)
            batch, size = [], 0
    await asyncio.to_thread(search, batch)


def _json_size(line: str) -> int:
    """Bytes of a line as JSON, in which some characters take six."""
    escaped = len(json.dumps(line)) + 5 * sum(line.count(one) for one in "<>&")
    return escaped + _ENTRY * (len(line) // _FRAME + 1)


def may_have_lost(container: Container, kept: int) -> Fact | None:
    """Why what a log keeps, in `kept` bytes at most, may not be all that was printed; None where it is.

    Once files are full the oldest goes, all others are full then: a log that is smaller has lost nothing. A
    single file is emptied when it is full, so nothing shows whether it was.
    """
    driver, options = container.log_driver, container.log_options
    if options.get("mode") == "non-blocking":
        return fact(Code.DROPPED_BY_DRIVER, driver=driver, mode="non-blocking")
    size, files, prefix = "20m", 5, "cache-"
    if driver in _KEPT_IN_FILES:
        (size, files), prefix = _KEPT_IN_FILES[driver], ""
    elif driver == "journald":
        return fact(Code.DROPPED_BY_DRIVER, driver=driver)
    size = options.get(f"{prefix}max-size", size)
    number = options.get(f"{prefix}max-file", str(files))
    files = int(number) if number.isdecimal() else 1
    limit = _bytes(size)
    if limit is None or kept < (files - 1) * limit:
        return None
    return fact(Code.DROPPED_BY_LIMIT, n=files, size=size)


def _bytes(size: str) -> int | None:
    """None for no limit."""
    match = _SIZE.fullmatch(size.strip())
    if match is None or not int(match[1]):
        return None
    return int(match[1]) * int(1000 ** (" kmg".index(match[2].lower() or " ")))
