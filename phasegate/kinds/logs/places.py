"""Places where logs arrive, read from a moment on: files, the journal, Loki, what a command prints."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import find_files, open_regular
from phasegate.inspection.report import get, items_of
from phasegate.kinds.answers import ask_json
from phasegate.world import Command, World

MOST = 1_000
"""Files of one place."""
KEPT = 32 << 20
"""Bytes that are read of a place at a time."""
_KNOWN_BY = 256
"""Bytes by which a file is known again."""
LINES = 5_000
"""Lines that Loki is asked for."""
SKEW = 3_600 * 10**9
"""Nanoseconds that the clock of a line may differ from ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a place holds of the time since it was begun to be looked at."""

    lines: tuple[str, ...]
    partial: Message = ""
    """Why there may be more."""


class Place(Protocol):
    async def begin(self) -> None:
        """Take note of what is there already. Errors: ObservationError."""

    async def lines(self, marker: str) -> Read:
        """Lines since the beginning, at least all that hold a marker. Errors: ObservationError."""


class Files:
    """New lines of files, also of those that appear later or begin anew."""

    def __init__(self, root: Path, patterns: Sequence[str]) -> None:
        self._root, self._patterns = root, patterns
        self._paths = tuple(self._found())
        stamps = ((_stamp(path), path) for path in self._paths)
        self._start = {inode: (size, _end(path, size)) for (inode, size), path in stamps}

    async def begin(self) -> None:
        """Done when it was made, so that nothing is missed."""

    async def lines(self, marker: str) -> Read:
        return await asyncio.to_thread(self._read)

    def _found(self) -> Iterable[Path]:
        for pattern in self._patterns:
            yield from find_files(self._root, pattern, MOST).files

    def _read(self) -> Read:
        paths = tuple(dict.fromkeys(self._found()))
        if not paths:
            raise ObservationError(fact(Code.NO_FILE_MATCHES, names=tuple(self._patterns)))
        files = {_stamp(path)[0]: path for path in paths}
        if not self._start.keys() <= files.keys():  # of a file that was renamed, lines may be new
            beside = (other for folder in {path.parent for path in self._paths} for other in folder.iterdir())
            files |= {inode: other for other in beside if (inode := _stamp(other)[0]) in self._start}
        lines: list[str] = []
        left, cut = KEPT, not self._start.keys() <= files.keys()
        for inode, path in files.items():
            begin, end = self._start.get(inode, (0, b""))
            if _end(path, begin) != end:
                begin, cut = 0, True
            try:
                with open_regular(path) as file:
                    file.seek(begin)
                    content = file.read(left + 1)
            except OSError as error:
                raise ObservationError(fact(Code.FILE_UNREADABLE, path=path.name, why=str(error))) from None
            lines += _lines_of(content[:left])
            left -= len(content)
            if left < 0:
                return Read(lines=tuple(lines), partial=fact(Code.LOG_TOO_LARGE, size=KEPT >> 20))
        return Read(lines=tuple(lines), partial=fact(Code.LOG_CUT) if cut else "")


def _stamp(path: Path) -> tuple[int, int]:
    """A number that stays when a file is renamed, and its size."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_size


def _end(path: Path, size: int) -> bytes:
    """The last of the first bytes of a file, by which it is known to be the same."""
    try:
        with open_regular(path) as file:
            file.seek(max(0, size - _KNOWN_BY))
            return file.read(min(size, _KNOWN_BY))
    except OSError:
        return b""


def _lines_of(content: bytes) -> list[str]:
    """Lines as programs write them; other separators that Unicode knows stand within one."""
    return content.decode(errors="replace").removesuffix("\n").split("\n") if content else []


class Printed:
    """What a command prints each time, without what it printed at the beginning."""

    def __init__(self, world: World, argv: Sequence[str], timeout: float, *, since_now: bool = False) -> None:
        self._world, self._argv, self._timeout = world, tuple(argv), timeout
        self._since_now = since_now
        self._before: tuple[str, ...] = ()

    async def begin(self) -> None:
        if not self._since_now:
            self._before = (await self._print("")).lines

    async def lines(self, marker: str) -> Read:
        read = await self._print(marker)
        if marker or not self._before:
            return read
        lines, whole = new_lines(self._before, read.lines)
        return Read(lines=lines, partial=read.partial or ("" if whole else fact(Code.LOG_CUT)))

    async def _print(self, marker: str) -> Read:
        env = {"PHASEGATE_MARKER": marker}
        command = Command(argv=self._argv, cwd=self._world.root, env=env, limit=self._timeout, keep=KEPT)
        completed = await self._world.processes.run(command)
        if completed.error or completed.exit_code != 0:
            text = replace(completed, stdout=b"").last_words[
                :300
            ]  # what it prints there are lines of the log
            raise ObservationError(
                fact(Code.TOOL_FAILED, program=self._argv[0], why=completed.ending, text=text)
            )
        why = fact(Code.LOG_TOO_LARGE, size=KEPT >> 20) if completed.stdout_left_out else ""
        return Read(lines=tuple(_lines_of(completed.stdout)), partial=why)


def new_lines(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The lines that came after others, and whether these are all: the later output begins with the earlier
    one, or with the end of it where the command prints the last minutes. Where it does neither, as that of
    several programs at once, lines that were not there before are new, and there may be more."""
    begun = _overlap(before, after)
    if begun:
        return tuple(after[begun:]), True
    left = Counter(before)
    left.subtract(after)
    lines = []
    for line in reversed(after):  # the last of equal lines are the new ones
        if left[line] < 0:
            left[line] += 1
            lines.append(line)
    return tuple(reversed(lines)), False


def _overlap(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines the one begins with that the other ends with, at most. Knuth, Morris and Pratt."""
    start = after[: len(before)]
    back = [0] * len(start)
    matched = 0
    for at, line in enumerate(start[1:], 1):
        while matched and start[matched] != line:
            matched = back[matched - 1]
        matched += start[matched] == line
        back[at] = matched
    matched = 0
    for line in before:
        while matched and (matched == len(start) or start[matched] != line):
            matched = back[matched - 1]
        matched += bool(start) and start[matched] == line
    return matched


def journal(world: World, unit: str, timeout: float) -> Printed:
    """The lines of a unit since now, as systemd's journal has them."""
    since = f"@{world.clock.wall().timestamp():.6f}"
    argv = ("journalctl", "--no-pager", "--output=cat", f"--since={since}", f"--unit={unit}")
    return Printed(world, argv, timeout, since_now=True)


class Loki:
    """What a server with Loki's API answers. Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/"""

    def __init__(self, world: World, url: str, query: str, headers: dict[str, str], timeout: float) -> None:
        self._world, self._url, self._query = world, url.rstrip("/"), query
        self._headers, self._timeout = headers, timeout
        self._start = self._now()

        self._ahead = (0, 0)
        """How much the clock of the lines is ahead of ours at least and at most, as far as that is known."""

    def _now(self) -> int:
        return int(self._world.clock.wall().timestamp() * 1e9)

    async def begin(self) -> None:
        """Loki is asked for lines since it was made."""

    async def lines(self, marker: str) -> Read:
        """A line with a marker is looked for at any time near, as clocks may differ; by its own time the
        lines of the check are known from those before."""
        least, most = self._ahead
        begin, end = self._start + (least if least > 0 or most < 0 else 0), self._now() + max(most, 0)
        if marker:
            begin, end = begin - SKEW, end + SKEW
        # Not the marker itself: Loki, or a proxy before it, may log the query, and that line is none.
        wanted = f' |~ "{marker[:-1]}[{marker[-1]}]"' if marker else ""
        asked = {
            "query": f"{self._query}{wanted}",
            "start": begin,
            "end": end + 1,
            "limit": LINES,
            "direction": "forward",
        }
        url = f"{self._url}/loki/api/v1/query_range?{urlencode(asked)}"
        answer = await ask_json(self._world, url, headers=self._headers, timeout=self._timeout)
        if get(answer, "status") != "success" or get(answer, "data", "resultType") != "streams":
            raise ObservationError(fact(Code.LOKI_REFUSED, url=self._url))
        pairs = [
            (str(pair[0]), str(pair[1]))
            for stream in items_of(get(answer, "data"), "result")
            for pair in items_of(stream, "values")
            if isinstance(pair, list) and len(pair) >= 2
        ]
        lines = tuple(line for _, line in pairs)
        at = next((int(at) for at, line in pairs if at.isdecimal() and marker and marker in line), None)
        if at is not None:
            self._ahead = (at - self._now(), at - self._start)
        why: Any = fact(Code.LOG_LINES_OVER_LIMIT, n=LINES) if len(lines) >= LINES else ""
        return Read(lines=lines, partial=why)
