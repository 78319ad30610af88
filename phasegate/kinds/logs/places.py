"""Places where logs arrive, read from a moment on: files, the journal, Loki, what a command prints."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
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
KEPT = 64 << 20
"""Bytes that are read of a place at a time."""
LINES = 5_000
"""Lines that Loki is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a place holds of the time since it was begun to be looked at."""

    lines: tuple[str, ...]
    partial: Message = ""
    """Why there may be more."""


class Place(Protocol):
    async def lines(self, marker: str) -> Read:
        """Lines since the beginning, at least all that hold a marker. Errors: ObservationError."""


class Files:
    """New lines of files, also of those that appear later or begin anew."""

    def __init__(self, root: Path, patterns: Sequence[str]) -> None:
        self._root, self._patterns = root, patterns
        self._start = {path: self._stamp(path) for path in self._found()}

    async def lines(self, marker: str) -> Read:
        return await asyncio.to_thread(self._read)

    def _found(self) -> Iterable[Path]:
        for pattern in self._patterns:
            yield from find_files(self._root, pattern, MOST).files

    def _stamp(self, path: Path) -> tuple[int, int]:
        try:
            status = path.stat()
        except OSError:
            return 0, 0
        return status.st_ino, status.st_size

    def _read(self) -> Read:
        paths = tuple(dict.fromkeys(self._found()))
        if not paths:
            raise ObservationError(fact(Code.NO_FILE_MATCHES, names=tuple(self._patterns)))
        lines: list[str] = []
        left, partial = KEPT, False
        for path in paths:
            inode, size = self._stamp(path)
            before = self._start.get(path, (inode, 0))
            begin = before[1] if before[0] == inode and before[1] <= size else 0
            try:
                with open_regular(path) as file:
                    file.seek(begin)
                    content = file.read(left + 1)
            except OSError as error:
                raise ObservationError(fact(Code.FILE_UNREADABLE, path=path.name, why=str(error))) from None
            partial = partial or len(content) > left
            left = max(0, left - len(content))
            lines += content[:KEPT].decode(errors="replace").splitlines()
        why = fact(Code.LOG_TOO_LARGE, size=KEPT >> 20) if partial else ""
        return Read(lines=tuple(lines), partial=why)


class Printed:
    """What a command prints each time."""

    def __init__(self, world: World, argv: Sequence[str], marker_name: str = "PHASEGATE_MARKER") -> None:
        self._world, self._argv, self._name = world, tuple(argv), marker_name

    async def lines(self, marker: str) -> Read:
        command = Command(argv=self._argv, cwd=self._world.root, env={self._name: marker}, keep=KEPT)
        completed = await self._world.processes.run(command)
        if completed.error or completed.exit_code != 0:
            text = completed.last_words[:300]
            raise ObservationError(
                fact(Code.TOOL_FAILED, program=self._argv[0], why=completed.ending, text=text)
            )
        why = fact(Code.LOG_TOO_LARGE, size=KEPT >> 20) if completed.stdout_left_out else ""
        return Read(lines=tuple(completed.stdout.decode(errors="replace").splitlines()), partial=why)


def journal(world: World, unit: str) -> Printed:
    """The lines of a unit since now, as systemd's journal has them."""
    since = f"@{world.clock.wall().timestamp():.6f}"
    return Printed(world, ("journalctl", "--no-pager", "--output=cat", f"--since={since}", f"--unit={unit}"))


class Loki:
    """What a server with Loki's API answers. Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/"""

    def __init__(self, world: World, url: str, query: str, headers: dict[str, str], timeout: float) -> None:
        self._world, self._url, self._query = world, url.rstrip("/"), query
        self._headers, self._timeout = headers, timeout
        self._start = self._now()

    def _now(self) -> int:
        return int(self._world.clock.wall().timestamp() * 1e9)

    async def lines(self, marker: str) -> Read:
        asked = {
            "query": f'{self._query} |= "{marker}"' if marker else self._query,
            "start": self._start,
            "end": self._now() + 1,
            "limit": LINES,
            "direction": "forward",
        }
        url = f"{self._url}/loki/api/v1/query_range?{urlencode(asked)}"
        answer = await ask_json(self._world, url, headers=self._headers, timeout=self._timeout)
        if get(answer, "status") != "success" or not isinstance(get(answer, "data", "result"), list):
            raise ObservationError(fact(Code.LOKI_REFUSED, url=self._url))
        lines = tuple(
            str(pair[1])
            for stream in items_of(get(answer, "data"), "result")
            for pair in items_of(stream, "values")
            if isinstance(pair, list) and len(pair) >= 2
        )
        why: Any = fact(Code.LOG_LINES_OVER_LIMIT, n=LINES) if len(lines) >= LINES else ""
        return Read(lines=lines, partial=why)
