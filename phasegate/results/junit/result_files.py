"""Which files a program wrote in this attempt, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Message, fact
from phasegate.base.files import find_files, printable, read_file, refuse_way_out
from phasegate.results.cases import Reader, ResultCase, Results, unique
from phasegate.results.junit.reading import of_file, parse_junit
from phasegate.world import Clock

SIZE_LIMIT = 64 << 20
"""Bytes of one file."""
FILES = 10_000
"""Files that one pattern may match."""
TOTAL = 512 << 20
"""Bytes of all of them."""
CASES = 500_000
"""Cases of all of them."""
LATEST = 253_402_300_799
"""The last second that has a date."""
_CLOCKS_DIFFER = timedelta(seconds=2)
"""File systems are that coarse, and those of other machines that far off."""


class ResultFiles:
    """Files that a program is to write: made before it starts, so that what it left alone is told apart.

    What was there before and did not change says nothing about this attempt, and neither does a copy that
    kept the time of an older original. Where the calendar clock was set meanwhile, a file may bear the time
    of either clock.
    """

    def __init__(self, root: Path, patterns: Iterable[str], clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._started = (clock.utc(), clock.wall())
        self._stopped = False
        self._before = {
            file: _stamp(file) for pattern in patterns for file in find_files(root, pattern, FILES).files
        }

    def read(self, patterns: Iterable[str], reader: Reader = parse_junit) -> Results:
        """The cases of all files that match, ids unique over all of them; never an exception."""
        cases: list[ResultCase] = []
        ids: set[str] = set()
        notes: list[Message] = []
        problems: list[Message] = []
        left = TOTAL
        for file in dict.fromkeys(self._find(patterns, problems)):
            name = self._name(file)
            if self._stopped:
                problems.append(fact(Code.FILES_NOT_READ, path=name))
                break
            if left <= 0 or len(cases) > CASES:
                problems.append(fact(Code.FILES_LEFT, path=name, size=TOTAL >> 20, most=CASES))
                break
            try:
                self._refuse_old(file, name)
                one = reader(read_file(file, fact(Code.RESULTS_FILE, of=name), SIZE_LIMIT), name)
            except ObservationError as error:
                problems.append(error.message)
                continue
            left -= _stamp(file)[2]
            new = unique(one.cases, ids)
            ids.update(item.case.id for item in new)
            cases += new
            notes += one.notes
            problems += one.problems
        return Results(cases=tuple(cases), notes=tuple(notes), problems=tuple(problems))

    def stop(self) -> None:
        """Let `read`, in another thread, end after the file that it is at."""
        self._stopped = True

    def text(self, name: str) -> str:
        """The text of one file. Errors: as of `content`."""
        return self.content(name).decode(errors="replace")

    def content(self, name: str) -> bytes:
        """The bytes of one file. Errors: ObservationError; also when it is too large or too old."""
        file = self._root / name
        label = fact(Code.RESULTS_FILE, of=printable(name))
        refuse_way_out(file, self._root, label)
        content = read_file(file, label, SIZE_LIMIT)
        self._refuse_old(file, printable(name))
        return content

    def _find(self, patterns: Iterable[str], problems: list[Message]) -> Iterator[Path]:
        for pattern in patterns:
            found = find_files(self._root, pattern, FILES)
            problems += [fact(Code.RESULTS_FILE, of=problem) for problem in found.problems]
            if found.total > FILES:
                problems.append(fact(Code.FILES_MATCH, n=found.total, pattern=pattern, most=FILES))
            elif found.files:
                yield from found.files
            elif not found.problems:
                problems.append(fact(Code.FILES_MISSING, pattern=pattern))

    def _refuse_old(self, file: Path, name: str) -> None:
        stamp = _stamp(file)
        seconds = stamp[0] / 1e9
        if stamp == self._before.get(file) or self._is_older(seconds):
            # A program may set any time at all; what follows must be one that can be told.
            written = datetime.fromtimestamp(min(max(seconds, 0), LATEST), UTC)
            raise ObservationError(of_file(Code.FILE_OLD, name, written=f"{written:%Y-%m-%d %H:%M:%S}"))

    def _is_older(self, seconds: float) -> bool:
        """Whether a file bears a time that no clock showed since the attempt began, nor a later one."""
        utc, wall = self._started
        if seconds >= (wall - _CLOCKS_DIFFER).timestamp():
            return False
        # A clock that was set back shows once more what it had shown before.
        now = self._clock.wall()
        begun = now - (self._clock.utc() - utc)
        return not (begun - _CLOCKS_DIFFER).timestamp() <= seconds <= (now + _CLOCKS_DIFFER).timestamp()

    def _name(self, file: Path) -> str:
        return printable(str(file.relative_to(self._root) if file.is_relative_to(self._root) else file))


def _stamp(file: Path) -> tuple[int, int, int, int]:
    """What changes when a file is written: its times, its size, or which file it is."""
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
