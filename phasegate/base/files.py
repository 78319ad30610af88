"""Files that a plan names and that programs left: found and opened so that none can hold phasegate up.

There may be a FIFO, a device, a link to anywhere, a million names, or a file that never ends. Commands that
read the plans of strangers open nothing outside of one folder besides: see `within`.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import heapq
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import field
from functools import cached_property, reduce
from operator import or_
from pathlib import Path
from typing import BinaryIO

from phasegate.base.dataclass import dataclass
from phasegate.base.errors import ObservationError
from phasegate.base.facts import Code, Fact, Message, fact
from phasegate.base.units import Dimension, format_value


def flags_of(*names: str) -> int:
    """Flags of `os.open`, bytes read and written as they are. What Windows has no flag for is left out."""
    return reduce(or_, (getattr(os, name, 0) for name in (*names, "O_BINARY")))


NAMES = 2_000_000
"""Names that are looked at for one pattern."""
PROBLEMS = 10
"""Lines that say what matches and is not a file."""
LARGEST = 1 << 30
"""Bytes of a file that are read, where nothing lower is asked for."""
FOLDER_FLAGS = flags_of("O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_HANDLES = os.open in os.supports_dir_fd
"""Whether names can be looked up in a folder that is open, whatever stands at its path by then."""
_MAGIC = re.compile(r"[*?[]")
_KINDS = {
    stat.S_IFIFO: "FIFO (named pipe)",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}
"""What opens and then blocks, or never ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    files: tuple[Path, ...]
    """The first ones in the order of their paths."""
    total: int
    """How many there are."""
    problems: tuple[Fact, ...] = ()
    """What matches and is not a file of this folder, one line each; why the search ended early."""
    literal: bool = False
    """Whether the pattern names one file."""
    links: tuple[Path, ...] = ()
    """Links to folders that `**` did not go through, the first of them."""


@dataclass
class _Search:
    literal: bool
    """The pattern names one file, which then must be one."""
    folder: str = ""
    """The last one that was found to be inside."""
    names: int = 0
    matches: int = 0
    problems: list[Fact] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)

    def say(self, problem: Fact) -> None:
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
        literal=search.literal,
        links=tuple(search.links),
    )


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may be read of the files of a plan, and shown of them."""

    folder: Path
    granted: tuple[Path, ...] = ()
    """Files that whoever runs the command named himself."""
    closed: bool = True
    """Whether nothing outside of the folder is read; otherwise it is only not shown."""

    @cached_property
    def real(self) -> str:
        """The path of the folder, links resolved."""
        return os.path.realpath(self.folder)

    def hold(self, path: Path) -> tuple[str, ...] | None:
        """The components of a path below the folder, links resolved; None for a file that is granted.

        Errors: OutsideError; ValueError for what is not a path.
        """
        if self.granted and path.absolute() in [one.absolute() for one in self.granted]:
            return None
        folder, real = self.real, os.path.realpath(path)
        if os.path.commonpath([real, folder]) != folder:
            raise OutsideError(
                f"it is outside of {printable(folder)}, where nothing is read; --root names another folder"
            )
        parts = Path(real).relative_to(folder).parts
        # A checkout in CI keeps its credentials there.
        if any(part.casefold() == ".git" for part in parts):
            raise OutsideError("it is git's own, and nothing of it is read")
        return parts


_BOUNDS: ContextVar[Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def within(bounds: Bounds | None) -> Iterator[None]:
    """While it lasts, `open_regular` opens nothing outside of closed bounds; None: whatever is asked for."""
    token = _BOUNDS.set(bounds)
    try:
        yield
    finally:
        _BOUNDS.reset(token)


def refuse_outside(path: Path) -> None:
    """Errors: OutsideError where closed bounds forbid to read a path; ValueError for what is none."""
    bounds = _BOUNDS.get()
    if bounds is not None and bounds.closed:
        bounds.hold(path)


def is_quotable(path: Path) -> bool:
    """Whether messages may show what stands in a file."""
    bounds = _BOUNDS.get()
    try:
        if bounds is not None:
            bounds.hold(path)
        return True
    except (OSError, ValueError):
        return False


class OutsideError(OSError):
    """A file that may not be read; nothing was looked at but links on the way to it."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EACCES, message)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read it, and nothing else, without waiting for anybody.

    Errors: OSError, with `strerror` that says so where it is a FIFO, a device, a socket, a folder or outside
    of the folder that `within` has; ValueError for a path that is none.
    """
    # Where something else takes its place meanwhile, opening must not wait for the other end.
    flags = flags_of("O_RDONLY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")
    bounds = _BOUNDS.get()
    parts = bounds.hold(path) if bounds is not None and bounds.closed else None
    if bounds is None or parts is None:
        _refuse_other_kinds(path.stat())
        handle = os.open(path, flags)
    else:
        handle = _open_inside(bounds.real, parts, flags)
    try:
        status = os.fstat(handle)
        _refuse_other_kinds(status)
        # The kernel's own files have no size; one that is empty has nothing to read.
        if not status.st_size and os.read(handle, 1):
            raise OSError(errno.EBUSY, "it has no size and is not empty; something still writes it")
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read_regular(path: Path, limit: int = LARGEST) -> bytes:
    """The whole of a regular file. Errors: as `open_regular`; ValueError where it is larger than `limit`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"it has {size:,} bytes; at most {limit:,} are read")
        content = file.read(size + 1)
    if content is None or len(content) != size:
        raise OSError(errno.EBUSY, "it changed while it was read; something still writes it")
    return content


def digest_regular(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a regular file. Errors: as `read_regular`."""
    total, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while piece := file.read(1 << 20):
            total.update(piece)
            size += len(piece)
            if size > LARGEST:
                raise ValueError(f"it is larger than {format_value(LARGEST, Dimension.SIZE)}")
    return total.hexdigest(), size


def about(name: str, error: OSError | ValueError) -> str:
    """What is wrong with a file, in a sentence that begins with its name."""
    words = _words(error)
    return f"{name} {words[3:]}" if words.startswith("it ") else f"{name} cannot be read: {words}"


def open_file(path: Path, label: Message) -> BinaryIO:
    """As `open_regular`; `label` is what messages call it. Errors: ObservationError."""
    try:
        return open_regular(path)
    except OSError as error:
        raise ObservationError(fact(Code.FILE_UNREADABLE, path=label, why=_words(error))) from error


def read_file(path: Path, label: Message, limit: int) -> bytes:
    """As `read_regular`. Errors: ObservationError, also where it is larger than `limit` bytes."""
    try:
        return read_regular(path, limit)
    except (OSError, ValueError) as error:
        raise ObservationError(fact(Code.FILE_UNREADABLE, path=label, why=_words(error))) from error


def write_whole(path: Path, data: bytes, *, below: Path | None = None) -> None:
    """Write a file under a name that nobody can know, and move it into place: never through a link there.

    `below`: a folder from which on no link is followed on the way to the file either. Errors: OSError.
    """
    with _folder_of(path, below) as folder:
        temporary, file = _new_file(folder)
        try:
            with file, io.BufferedWriter(file) as whole:
                whole.write(data)
            folder.replace(temporary, path.name)
        except BaseException:
            folder.remove(temporary)
            raise


def new_file(path: Path, *, below: Path | None = None) -> io.FileIO:
    """An empty file to write, unbuffered, in place of whatever stands there. As `write_whole`."""
    with _folder_of(path, below) as folder:
        temporary, file = _new_file(folder)
        try:
            folder.replace(temporary, path.name)
        except BaseException:
            file.close()
            folder.remove(temporary)
            raise
    return file


def _new_file(folder: _Folder) -> tuple[str, io.FileIO]:
    temporary = f".{secrets.token_hex(12)}.part"
    flags = flags_of("O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC")
    return temporary, io.FileIO(folder.open(temporary, flags), "w")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder in which names are looked up: by its handle where the system can, else by its path."""

    path: Path
    handle: int | None

    def open(self, name: str, flags: int) -> int:
        return os.open(self._place(name), flags, 0o666, dir_fd=self.handle)

    def stat(self, name: str) -> os.stat_result:
        return os.stat(self._place(name), dir_fd=self.handle, follow_symlinks=False)

    def replace(self, name: str, other: str) -> None:
        places = self._place(name), self._place(other)
        os.replace(*places, src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def remove(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self._place(name), dir_fd=self.handle)

    def _place(self, name: str) -> str | Path:
        return self.path / name if self.handle is None else name


@contextmanager
def _folder_of(path: Path, below: Path | None) -> Iterator[_Folder]:
    """The folder of a file, open."""
    parts = () if below is None else path.relative_to(below).parts[:-1]
    here = path.parent if below is None else below
    if not _HANDLES:
        for part in parts:
            here /= part
            if here.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        yield _Folder(here, None)
        return
    handle = os.open(here, flags_of("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"))
    try:
        for part in parts:
            inner = os.open(part, FOLDER_FLAGS, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield _Folder(path.parent, handle)
    finally:
        os.close(handle)


def refuse_way_out(path: Path, root: Path, label: Message) -> None:
    """Errors: ObservationError where links lead out of both `root` and the folder that `path` names."""
    if _leads_out(str(path), _real((root, path.parent))):
        raise ObservationError(fact(Code.FILE_LINK, path=label, to=printable(os.path.realpath(path))))


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


def _open_inside(root: str, parts: tuple[str, ...], flags: int) -> int:
    """Open from the folder downwards and through no link: one that came since is not gone through."""
    if not parts:
        raise _is_folder()
    with _folder_of(Path(root, *parts), Path(root)) as folder:
        _refuse_other_kinds(folder.stat(parts[-1]))
        return folder.open(parts[-1], flags | flags_of("O_NOFOLLOW"))


def _refuse_other_kinds(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _is_folder()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, f"it is {_kind(status.st_mode)}, no file")


def _is_folder() -> IsADirectoryError:
    return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def _kind(mode: int) -> str:
    kind = _KINDS.get(stat.S_IFMT(mode))
    return f"a {kind}" if kind else "something else"


def _words(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


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
                elif len(search.links) < PROBLEMS and entry.is_symlink() and entry.is_dir():
                    search.links.append(Path(entry.path))
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
                    search.say(fact(Code.FILES_TOO_MANY, most=NAMES))
                    return
                yield entry
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        search.say(fact(Code.FOLDER_UNREADABLE, path=printable(folder)[:200], why=_words(error)))


def _is_match(name: str, within: tuple[str, ...], search: _Search) -> bool:
    why: Fact | None = None

    def shown() -> str:
        return printable(os.path.relpath(name, within[0]))

    try:
        mode = os.lstat(name).st_mode
        linked = stat.S_ISLNK(mode)
        if linked:
            mode = Path(name).stat().st_mode
        if stat.S_ISDIR(mode) and not search.literal:
            return False
        if stat.S_ISDIR(mode):
            why = fact(Code.FILE_OTHER, path=shown(), kind="folder")
        elif not stat.S_ISREG(mode):
            why = fact(Code.FILE_OTHER, path=shown(), kind=_KINDS.get(stat.S_IFMT(mode)))
        elif search.leads_out(name, within, linked=linked):
            why = fact(Code.FILE_LINK, path=shown(), to=printable(os.path.realpath(name)))
    except OSError as error:
        why = fact(Code.FILE_UNREADABLE, path=shown(), why=_words(error))
    if why is None:
        search.matches += 1
        return True
    search.say(why)
    return False


def _real(folders: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(os.path.realpath(folder) for folder in folders)


def _leads_out(name: str, within: tuple[str, ...]) -> bool:
    real = os.path.realpath(name)
    return not any(os.path.commonpath([real, folder]) == folder for folder in within)
