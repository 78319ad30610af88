"""Files that other programs left: found and opened so that none of them can hold phasegate up.

A program may leave a FIFO, a device, a link to anywhere, a million names, or a file that never ends.
"""

from __future__ import annotations

import errno
import fnmatch
import heapq
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from phasegate.errors import ObservationError

NAMES = 2_000_000
"""Names that are looked at for one pattern."""
PROBLEMS = 10
"""Lines that say what matches and is no file."""
_MAGIC = re.compile(r"[*?[]")
_KINDS = {
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
"""What opens and then blocks, or never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    files: tuple[Path, ...]
    """The first ones in the order of their paths."""
    total: int
    """How many there are."""
    problems: tuple[str, ...] = ()
    """What matches and is no file of this folder, one line each; why the search ended early."""


@dataclass
class _Search:
    literal: bool
    """The pattern names one file, which then must be one."""
    folder: str = ""
    """The last one that was found to be inside."""
    names: int = 0
    matches: int = 0
    problems: list[str] = field(default_factory=list)

    def say(self, problem: str) -> None:
        if len(self.problems) < PROBLEMS:
            self.problems.append(problem)

    def leads_out(self, name: str, within: tuple[str, ...], *, linked: bool) -> bool:
        if linked:
            return _leads_out(name, within)
        folder = name.rpartition("/")[0]
        if folder != self.folder:
            if _leads_out(folder, within):
                return True
            self.folder = folder
        return False


def is_there(path: Path) -> bool:
    """Whether a name leads to anything; one that is too long, or no name at all, does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a name leads to a folder; see `is_there`."""
    return is_there(path) and path.is_dir()


def is_file(path: Path) -> bool:
    """Whether a name leads to a regular file; see `is_there`."""
    return is_there(path) and path.is_file()


def find_files(root: Path, pattern: str, limit: int) -> Found:
    """The files that a path or glob stands for; `**` reaches into folders of any depth, never through links.

    A link counts as long as it leads to a file below `root`, or below the folder that the pattern names
    before its first wildcard.
    """
    search = _Search(literal=not _MAGIC.search(pattern))
    if search.literal:
        place = root / pattern
        within = (root, place.parent)
        names: Iterator[str] = iter([str(place)] if os.path.lexists(place) else [])
    else:
        base, parts = _split(root, pattern)
        within = (root, base)
        names = _names(str(base), parts, search)
    real = _real(within)
    files = heapq.nsmallest(limit, (name for name in names if _is_match(name, real, search)))
    return Found(
        files=tuple(map(Path, files)),
        total=search.matches,
        problems=tuple(search.problems),
    )


def open_file(path: Path, label: str) -> BinaryIO:
    """Open a regular file to read it, and nothing else; `label` is what messages call it.

    Errors: ObservationError.
    """
    try:
        _refuse_other_kinds(path.stat(), label)
        # Where something else has taken its place meanwhile, opening must not wait for the other end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            _refuse_other_kinds(os.fstat(handle), label)
        except BaseException:
            os.close(handle)
            raise
    except OSError as error:
        raise ObservationError(f"{label} cannot be read: {_words(error)}") from error
    return os.fdopen(handle, "rb")


def read_file(path: Path, label: str, limit: int) -> bytes:
    """The whole of a regular file. Errors: ObservationError, also where it is larger than `limit` bytes."""
    with open_file(path, label) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ObservationError(f"{label} has {size:,} bytes; at most {limit:,} are read")
        try:
            content = file.read(size + 1)
        except OSError as error:
            raise ObservationError(f"{label} cannot be read: {_words(error)}") from error
    if content is None or len(content) != size:
        raise ObservationError(f"{label} changed while it was read; something still writes it")
    return content


def refuse_way_out(path: Path, root: Path, label: str) -> None:
    """Errors: ObservationError where links lead out of both `root` and the folder that `path` names."""
    if _leads_out(str(path), _real((root, path.parent))):
        to = printable(os.path.realpath(path))
        raise ObservationError(f"{label} is a link that leads out of the folder, to {to}")


def printable(name: str) -> str:
    """A file name on one line, with what cannot be printed escaped."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("utf-8", "surrogateescape").decode("ascii", "backslashreplace")
        if "\udc80" <= character <= "\udcff"
        else character.encode("unicode_escape").decode()
        for character in name
    )


def _refuse_other_kinds(status: os.stat_result, label: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise ObservationError(f"{label} is {_kind(status.st_mode)}, no file")


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _split(root: Path, pattern: str) -> tuple[Path, list[str]]:
    """The folder before the first wildcard, and the components from there."""
    parts = list(Path(pattern).parts)
    first = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    rest: list[str] = []
    for part in parts[first:]:
        if part != "**" or rest[-1:] != ["**"]:
            rest.append(part)
    return root.joinpath(*parts[:first]), [*rest, "*"] if rest[-1] == "**" else rest


def _names(base: str, parts: list[str], search: _Search) -> Iterator[str]:
    """Every name that fits the components, whatever it stands for."""
    waiting = [(base, 0)]
    known = set(waiting)
    patterns = [re.compile(fnmatch.translate(part)) for part in parts]

    def go_on(place: tuple[str, int]) -> None:
        if place not in known:
            known.add(place)
            waiting.append(place)

    while waiting:
        folder, at = waiting.pop()
        last = at == len(parts) - 1
        if parts[at] == "**":
            go_on((folder, at + 1))
        elif not _MAGIC.search(parts[at]):
            name = str(Path(folder, parts[at]))
            if not last:
                go_on((name, at + 1))
            elif os.path.lexists(name):
                yield name
            continue
        for entry in _entries(folder, search):
            if parts[at] == "**":
                if entry.is_dir(follow_symlinks=False):
                    go_on((entry.path, at))
            elif patterns[at].match(entry.name):
                if last:
                    yield entry.path
                else:
                    go_on((entry.path, at + 1))


def _entries(folder: str, search: _Search) -> Iterator[os.DirEntry[str]]:
    if search.names > NAMES:
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                search.names += 1
                if search.names > NAMES:
                    search.say(f"the search ended after {NAMES:,} names; name a folder to look in")
                    return
                yield entry
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        search.say(f"folder {printable(folder)[:200]} cannot be read: {_words(error)}")


def _is_match(name: str, within: tuple[str, ...], search: _Search) -> bool:
    why = ""
    try:
        mode = os.lstat(name).st_mode
        linked = stat.S_ISLNK(mode)
        if linked:
            mode = Path(name).stat().st_mode
        if stat.S_ISDIR(mode) and not search.literal:
            return False
        if stat.S_ISDIR(mode):
            why = "is a folder, no file"
        elif not stat.S_ISREG(mode):
            why = f"is {_kind(mode)}, no file"
        elif search.leads_out(name, within, linked=linked):
            why = f"is a link that leads out of the folder, to {printable(os.path.realpath(name))}"
    except OSError as error:
        why = f"cannot be read: {_words(error)}"
    if not why:
        search.matches += 1
        return True
    search.say(f"{printable(os.path.relpath(name, within[0]))} {why}")
    return False


def _real(folders: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(os.path.realpath(folder) for folder in folders)


def _leads_out(name: str, within: tuple[str, ...]) -> bool:
    real = os.path.realpath(name)
    return not any(os.path.commonpath([real, folder]) == folder for folder in within)
